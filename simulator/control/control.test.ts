// Driving the simulator as JSON: clear refusals, masked secrets, a reset that forgets.
import { describe, expect, it } from "vitest";
import { SERVICE, setStage, skill } from "../testing/stage.ts";

describe("configuration", () => {
  it("reads skills back without secrets", async () => {
    const stage = await setStage();
    const text = await (await stage.call("/simulator/skill")).text();
    expect(text).toContain("amzn1.ask.skill.0000-test");
    expect(text).not.toMatch(/example-secret|example-lwa-secret/);
  });

  it("names every wrong field", async () => {
    const stage = await setStage();
    const body = JSON.stringify({ ...skill(), stage: "beta", tokenUrl: "ftp://x", extra: 1 });
    const answer = await stage.call("/simulator/skill", { method: "PUT", body });
    const { problems } = await answer.json<{ problems: string[] }>();
    expect(answer.status).toBe(400);
    expect(problems.join("\n")).toMatch(/stage:[\s\S]*tokenUrl:[\s\S]*extra/);
    const garbage = await stage.call("/simulator/skill", { method: "PUT", body: "{" });
    expect(garbage.status).toBe(400);
  });

  it("refuses unknown faults and takes the short forms", async () => {
    const stage = await setStage();
    expect(await stage.faults({ lwa: 503, enablement: { EU: "html" } })).toEqual({
      lwa: { mode: "status", status: 503 },
      enablement: { EU: { mode: "html" } },
    });
    const wrong = await stage.call("/simulator/faults", { method: "PUT", body: '{"enablment":{}}' });
    expect(wrong.status).toBe(400);
    expect(await stage.json("GET", "/simulator/faults")).toHaveProperty("lwa");
  });
});

describe("reset", () => {
  it("forgets links, faults and exchanges; skills only when asked", async () => {
    const stage = await setStage();
    await stage.linkFromAlexa();
    await stage.faults({ lwa: 503 });
    expect((await stage.call("/simulator/reset", { method: "POST" })).status).toBe(204);
    expect(await stage.json("GET", "/simulator/links")).toEqual({ items: [] });
    expect(await stage.exchanges()).toEqual([]);
    expect(await stage.json("GET", "/simulator/faults")).toEqual({});
    expect((await stage.json<{ items: unknown[] }>("GET", "/simulator/skill")).items).toHaveLength(1);
    await stage.call("/simulator/reset", { method: "POST", body: '{"skills":true}' });
    expect((await stage.json<{ items: unknown[] }>("GET", "/simulator/skill")).items).toHaveLength(0);
  });
});

describe("speaking", () => {
  const personalization = { url: `${SERVICE}/api/personalization`, clientId: "service", clientSecret: "example" };
  const played = async (answer: () => Response, configuration: object = { personalization }) => {
    const stage = await setStage({ ...configuration });
    const oauth = stage.company.fetch;
    stage.company.fetch = async (input, init) => {
      const request = new Request(input, init);
      return new URL(request.url).pathname === "/api/personalization" ? answer() : oauth(request);
    };
    await stage.linkFromAlexa();
    return stage.json<{ ok: boolean }>("POST", "/simulator/run", { scenario: "speak", person: "ada" });
  };

  it("fails a company that names the wrong speaker, or none, or does not answer", async () => {
    expect(await played(() => Response.json({ speaker: { as: "account" } }))).toMatchObject({ ok: true });
    const wrong = [{ speaker: { as: "person" } }, { speaker: null }, {}].map((body) => () => Response.json(body));
    for (const answer of [...wrong, () => Response.json({ speaker: { as: "account" } }, { status: 500 })]) {
      expect(await played(answer)).toMatchObject({ ok: false });
    }
    expect(await played(() => new Response(), {})).toMatchObject({ ok: false });
  });
});

describe("pages", () => {
  it("every place answers with a page, with and without a skill", async () => {
    const stage = await setStage();
    await stage.linkFromAlexa();
    for (const path of [
      "/",
      "/alexa-app",
      "/company",
      "/company/done?status=linked",
      "/accounts",
      "/exchanges",
      "/faults",
    ]) {
      const page = await stage.call(path);
      expect([path, page.status]).toEqual([path, 200]);
      expect(await page.text()).toContain('name="viewport"');
    }
    await stage.call("/simulator/reset", { method: "POST", body: '{"skills":true}' });
    expect(await (await stage.call("/")).text()).toContain("No skill is registered yet");
  });

  it("the Amazon account is chosen per browser, and back leads nowhere else", async () => {
    const stage = await setStage();
    const chosen = await stage.post("/accounts", { account: "fumi", back: "//evil.test" });
    expect(chosen.headers.get("location")).toBe("/");
    const cookie = chosen.headers.get("set-cookie")?.split(";")[0] ?? "";
    const page = await stage.call("/", { headers: { cookie } });
    expect(await page.text()).toContain("Far East");
  });

  it("a fault can be switched on and off by hand", async () => {
    const stage = await setStage();
    await stage.post("/faults", { preset: "lwa-down" });
    expect(await stage.json("GET", "/simulator/faults")).toEqual({ lwa: { mode: "status", status: 503 } });
    await stage.post("/faults", { preset: "" });
    expect(await stage.json("GET", "/simulator/faults")).toEqual({});
  });
});
