// The company's simulated website and app, against a fake company that links in both directions.
import { describe, expect, it } from "vitest";
import { createBrowser } from "../library/browser.ts";
import type { Check } from "../library/checks.ts";
import { SERVICE, SIMULATOR, startSimulator, VENDOR } from "../testing/test-simulator.ts";

type TestSimulator = Awaited<ReturnType<typeof startSimulator>>;
const APP = { appAuthorizationUrl: `${SIMULATOR}/company/app/authorize` };

function run(simulator: TestSimulator, order: Record<string, unknown>) {
  return simulator.json<{ ok: boolean; checks: Check[]; linkId: string }>("POST", "/simulator/run", order);
}

/** A browser that reaches both the simulator and the company. */
function browserOf(simulator: TestSimulator) {
  const { request } = createBrowser(async (sent) =>
    new URL(sent.url).origin === SIMULATOR ? simulator.call(sent.url, sent) : simulator.company.fetch(sent),
  );
  return {
    /** Sends a GET or POST request and follows redirects to the first page. */
    async go(url: string, form?: Record<string, string>): Promise<{ url: string; text: string }> {
      let address = url.startsWith("/") ? SIMULATOR + url : url;
      let response = await request(address, form ? { method: "POST", body: new URLSearchParams(form) } : {});
      for (;;) {
        const location = response.headers.get("location");
        if (!location) return { url: address, text: await response.text() };
        address = new URL(location, address).href;
        response = await request(address, {});
      }
    },
  };
}

describe("linking from the company's website", () => {
  it("V9: links for each of the three regions, with the token call inside the enablement call", async () => {
    for (const account of ["nora", "emil", "fumi"]) {
      const simulator = await startSimulator();
      const { ok, checks, linkId } = await run(simulator, { scenario: "app-to-app", account });
      expect(checks.filter((check) => !check.ok)).toEqual([]);
      expect(ok).toBe(true);
      const steps = (await simulator.exchanges()).filter((exchange) => exchange.linkId === linkId);
      expect(steps.map((step) => `${step.from} > ${step.to}`)).toEqual([
        "company > amazon",
        "amazon > company",
        "company > amazon",
        "company > alexa",
        "company > alexa",
        "alexa > company",
      ]);
    }
  });

  it("a denial at the company and an error at Amazon are both returned with their status", async () => {
    const simulator = await startSimulator();
    expect(await run(simulator, { scenario: "app-to-app", decision: "deny" })).toMatchObject({ ok: true });
    await simulator.faults({ enablement: { all: 403 } });
    const { ok, checks } = await run(simulator, { scenario: "app-to-app" });
    expect(ok).toBe(false);
    expect(checks[0]?.detail).toContain("status=failed, reason=enablement_rejected");
  });

  it("the website's button opens the service with its return URL, and the return page shows the outcome", async () => {
    const simulator = await startSimulator();
    const page = await (await simulator.call("/company")).text();
    expect(page).toContain(
      `${SERVICE}/link/amzn1.ask.skill.0000-test?return_to=${encodeURIComponent(`${SIMULATOR}/company/done`)}`,
    );
    const done = await (await simulator.call("/company/done?status=failed&reason=enablement_forbidden&state=s")).text();
    expect(done).toMatch(/Linking failed[\s\S]*enablement_forbidden/);
  });
});

describe("the company's app", () => {
  it("V9: links, reads the status and unlinks through the API, in both directions", async () => {
    const simulator = await startSimulator(APP);
    const { ok, checks } = await run(simulator, { scenario: "company-app", account: "emil" });
    expect(checks.filter((check) => !check.ok)).toEqual([]);
    expect(ok).toBe(true);
    expect(checks.map((check) => check.name)).toContain("app_responds_to_alexa");
  });

  it("by hand: signs in, links through a browser, sees the status, unlinks", async () => {
    const simulator = await startSimulator(APP);
    const browser = browserOf(simulator);
    expect((await browser.go("/company/app")).text).toContain("Sign in to");
    const asked = await browser.go("/company/app/sign-in", {});
    expect((await browser.go(asked.url, { decision: "allow" })).text).toContain("Link with Alexa");
    const amazon = await browser.go("/company/app/link", { via: "lwa", platform: "android" });
    expect(amazon.text).toContain("Link Acme Home with Alexa?");
    const back = await browser.go(amazon.url, { decision: "allow" });
    expect(back.text).toMatch(/Acme Home is linked[\s\S]*Unlink/);
    expect((await browser.go("/company/app/unlink", {})).text).toContain("The link is removed here and at Amazon");
    const steps = (await simulator.exchanges()).map((step) => step.title);
    expect(steps).toContain("The app sends Amazon’s response to its server");
  });

  it("receives Amazon's response itself when it is installed on the phone", async () => {
    const simulator = await startSimulator(APP);
    const browser = browserOf(simulator);
    const asked = await browser.go("/company/app/sign-in", {});
    await browser.go(asked.url, { decision: "allow" });
    await simulator.json("PUT", "/simulator/phone", { appInstalled: true });
    const amazon = await browser.go("/company/app/link", { via: "alexa_app", platform: "ios" });
    expect((await browser.go(amazon.url, { decision: "allow" })).text).toContain("Acme Home is linked");
    const completion = (await simulator.exchanges()).find((step) => step.request.url.endsWith("/api/links/complete"));
    expect(completion?.request.body).toMatch(/"code"/);
  });

  it("L6: signs in and asks when the Alexa app opens it, and returns both decisions to Alexa", async () => {
    for (const [decision, expected] of [
      ["allow", "successfully linked"],
      ["deny", "We were unable to link"],
    ] as const) {
      const simulator = await startSimulator(APP);
      await simulator.json("PUT", "/simulator/phone", { appInstalled: true });
      const browser = browserOf(simulator);
      const signIn = await browser.go("/alexa-app/enable", {});
      const consent = await browser.go(signIn.url, { decision: "allow" });
      expect(consent.text).toContain("See your name");
      const outcome = await browser.go(consent.url, { decision, ticket: "t" });
      expect(outcome.url).toContain(`/pitangui/api/skill/link/${VENDOR}?`);
      expect(outcome.text).toContain(expected);
    }
  });
});
