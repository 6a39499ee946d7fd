// The JSON API: clear errors, masked secrets, reset.
import { describe, expect, it } from "vitest";
import { SERVICE, simulatorBeside, skill, startSimulator } from "../testing/test-simulator.ts";

describe("configuration", () => {
  it("reads skills back without secrets", async () => {
    const simulator = await startSimulator();
    const text = await (await simulator.call("/simulator/skill")).text();
    expect(text).toContain("amzn1.ask.skill.0000-test");
    expect(text).not.toMatch(/example-secret|example-lwa-secret/);
  });

  it("names every wrong field", async () => {
    const simulator = await startSimulator();
    const body = JSON.stringify({ ...skill(), stage: "beta", tokenUrl: "ftp://x", extra: 1 });
    const response = await simulator.call("/simulator/skill", { method: "PUT", body });
    const { problems } = await response.json<{ problems: string[] }>();
    expect(response.status).toBe(400);
    expect(problems.join("\n")).toMatch(/stage:[\s\S]*tokenUrl:[\s\S]*extra/);
    const garbage = await simulator.call("/simulator/skill", { method: "PUT", body: "{" });
    expect(garbage.status).toBe(400);
  });

  it("refuses unknown faults and accepts the short forms", async () => {
    const simulator = await startSimulator();
    expect(await simulator.faults({ lwa: 503, enablement: { EU: "html" } })).toEqual({
      lwa: { mode: "status", status: 503 },
      enablement: { EU: { mode: "html" } },
    });
    const wrong = await simulator.call("/simulator/faults", { method: "PUT", body: '{"enablment":{}}' });
    expect(wrong.status).toBe(400);
    expect(await simulator.json("GET", "/simulator/faults")).toHaveProperty("lwa");
  });
});

describe("reset", () => {
  it("deletes links, faults and exchanges, and skills only on request", async () => {
    const simulator = await startSimulator();
    await simulator.linkFromAlexa();
    await simulator.faults({ lwa: 503 });
    expect((await simulator.call("/simulator/reset", { method: "POST" })).status).toBe(204);
    expect(await simulator.json("GET", "/simulator/links")).toEqual({ items: [] });
    expect(await simulator.exchanges()).toEqual([]);
    expect(await simulator.json("GET", "/simulator/faults")).toEqual({});
    expect((await simulator.json<{ items: unknown[] }>("GET", "/simulator/skill")).items).toHaveLength(1);
    await simulator.call("/simulator/reset", { method: "POST", body: '{"skills":true}' });
    expect((await simulator.json<{ items: unknown[] }>("GET", "/simulator/skill")).items).toHaveLength(0);
  });
});

describe("speech", () => {
  const personalization = { url: `${SERVICE}/api/personalization`, clientId: "service", clientSecret: "example" };
  const played = async (response: () => Response, configuration: object = { personalization }) => {
    const simulator = await startSimulator({ ...configuration });
    const oauth = simulator.company.fetch;
    simulator.company.fetch = async (input, init) => {
      const request = new Request(input, init);
      return new URL(request.url).pathname === "/api/personalization" ? response() : oauth(request);
    };
    await simulator.linkFromAlexa();
    return simulator.json<{ ok: boolean }>("POST", "/simulator/run", { scenario: "speak", person: "ada" });
  };

  it("fails a company that returns the wrong speaker, or none, or does not respond", async () => {
    expect(await played(() => Response.json({ speaker: { as: "account" } }))).toMatchObject({ ok: true });
    const wrong = [{ speaker: { as: "person" } }, { speaker: null }, {}].map((body) => () => Response.json(body));
    for (const response of [...wrong, () => Response.json({ speaker: { as: "account" } }, { status: 500 })]) {
      expect(await played(response)).toMatchObject({ ok: false });
    }
    expect(await played(() => new Response(), {})).toMatchObject({ ok: false });
  });
});

describe("pages", () => {
  it("every page is served, with and without a skill", async () => {
    const simulator = await startSimulator();
    await simulator.linkFromAlexa();
    for (const path of [
      "/",
      "/alexa-app",
      "/company",
      "/company/done?status=linked",
      "/accounts",
      "/exchanges",
      "/faults",
    ]) {
      const page = await simulator.call(path);
      expect([path, page.status]).toEqual([path, 200]);
      expect(await page.text()).toContain('name="viewport"');
    }
    await simulator.call("/simulator/reset", { method: "POST", body: '{"skills":true}' });
    expect(await (await simulator.call("/")).text()).toContain("No skill is registered yet");
  });

  it("the Amazon account is chosen per browser, and back leads only to this origin", async () => {
    const simulator = await startSimulator();
    const chosen = await simulator.post("/accounts", { account: "fumi", back: "//evil.test" });
    expect(chosen.headers.get("location")).toBe("/");
    const cookie = chosen.headers.get("set-cookie")?.split(";")[0] ?? "";
    const page = await simulator.call("/", { headers: { cookie } });
    expect(await page.text()).toContain("Far East");
  });

  it("a fault can be switched on and off by hand", async () => {
    const simulator = await startSimulator();
    await simulator.post("/faults", { preset: "lwa-down" });
    expect(await simulator.json("GET", "/simulator/faults")).toEqual({ lwa: { mode: "status", status: 503 } });
    await simulator.post("/faults", { preset: "" });
    expect(await simulator.json("GET", "/simulator/faults")).toEqual({});
  });
});

describe("a server under test that is down", () => {
  const down = { fetch: () => Promise.reject(new Error("Network connection lost.")) } as unknown as Fetcher;

  it.each(["authorize", "app-to-app", "company-app"])(
    "%s: the verdict says in one sentence what to start",
    async (scenario) => {
      const { call, json } = simulatorBeside(down);
      await call("/simulator/skill", { method: "PUT", body: JSON.stringify(skill()) });
      const { ok, checks } = await json<{ ok: boolean; checks: object[] }>("POST", "/simulator/run", { scenario });
      expect([ok, checks]).toEqual([
        false,
        [
          {
            name: "server_responds",
            ok: false,
            detail:
              "https://link.example.com cannot be reached (Network connection lost). Start the server under test, or correct its address.",
            level: "must",
          },
        ],
      ]);
    },
  );
});
