// Linking that starts in the Alexa app, against a fake company, with and without injected faults.
import { describe, expect, it } from "vitest";
import { startSimulator, VENDOR } from "../testing/test-simulator.ts";

describe("linking from the Alexa app", () => {
  it("V8: ends on the success page, with tokens, at the redirect URI of the customer's region", async () => {
    for (const [account, host] of [
      ["nora", "pitangui"],
      ["emil", "layla"],
      ["fumi", "japan"],
    ]) {
      const simulator = await startSimulator();
      const { authorizeUrl, returnUrl, text } = await simulator.linkFromAlexa({ account: account ?? "" });
      expect(returnUrl).toContain(`/${host}/api/skill/link/${VENDOR}?code=`);
      expect(new URL(authorizeUrl).searchParams.get("state")?.length).toBeGreaterThan(600);
      expect(text).toContain("Your Acme Home account has been successfully linked");
      const { items } = await simulator.json<{ items: { accountId: string }[] }>("GET", "/simulator/links");
      expect(items.map((link) => link.accountId)).toEqual([account]);
    }
  });

  it("shows both sides of each exchange, with secrets hidden and codes shortened", async () => {
    const simulator = await startSimulator({ accessTokenScheme: "REQUEST_BODY_CREDENTIALS" });
    await simulator.linkFromAlexa();
    const exchanges = await simulator.exchanges();
    expect(exchanges.map((each) => `${each.from} > ${each.to}`)).toEqual([
      "alexa > company",
      "company > alexa",
      "alexa > company",
    ]);
    const token = exchanges.at(-1);
    expect(token?.request.body).toContain("client_secret=(hidden)");
    expect(token?.response?.status).toBe(200);
    expect(JSON.stringify(exchanges)).not.toContain("example-secret");
  });

  it("L6: a denial is returned to Alexa and counts as cancelled", async () => {
    const simulator = await startSimulator();
    const { text } = await simulator.linkFromAlexa({ decision: "deny" });
    expect(text).toContain("We were unable to link Acme Home at this time");
    const { items } = await simulator.json<{ items: { outcome: string }[] }>("GET", "/simulator/attempts");
    expect(items[0]?.outcome).toBe("cancelled");
  });

  it("a repeated response shows the same outcome and redeems no code", async () => {
    const simulator = await startSimulator();
    const { returnUrl } = await simulator.linkFromAlexa();
    const before = (await simulator.exchanges()).length;
    const again = await simulator.call(returnUrl ?? "");
    expect(await again.text()).toContain("successfully linked");
    expect((await simulator.exchanges()).length).toBe(before);
  });

  it("an unexpected response shows an error page", async () => {
    const simulator = await startSimulator();
    const page = await simulator.call(`/pitangui/api/skill/link/${VENDOR}?code=c&state=s`);
    expect(page.status).toBe(400);
    expect(await page.text()).toContain("Alexa is not expecting this response");
  });

  it("also serves Amazon's own hosts", async () => {
    const simulator = await startSimulator({ alexaRedirects: "amazon" });
    const started = await simulator.call("/alexa-app/enable", { method: "POST", body: new URLSearchParams() });
    const url = new URL(started.headers.get("location") ?? "");
    expect(url.searchParams.get("redirect_uri")).toBe(`https://pitangui.amazon.com/api/skill/link/${VENDOR}`);
    const state = /state=([^&]*)/.exec(url.href)?.[1];
    const page = await simulator.call(
      `https://pitangui.amazon.com/api/skill/link/${VENDOR}?error=access_denied&state=${state}`,
    );
    expect(await page.text()).toContain("error=access_denied");
  });
});

describe("faults of Alexa", () => {
  it("P2: a probe sends HEAD, GET and a prefetch before the customer's request", async () => {
    const simulator = await startSimulator();
    await simulator.faults({ authorize: { probe: true } });
    expect((await simulator.linkFromAlexa()).text).toContain("successfully linked");
    const methods = (await simulator.exchanges()).slice(0, 3).map((each) => each.request.method);
    expect(methods).toEqual(["HEAD", "GET", "GET"]);
  });

  it("C4: parallel redemption links when exactly one of them succeeds", async () => {
    const simulator = await startSimulator();
    await simulator.faults({ tokenClient: { parallel: 20, times: 1 } });
    expect((await simulator.linkFromAlexa()).text).toContain("1 of 20 simultaneous redemptions succeeded");
    expect(await simulator.json("GET", "/simulator/faults")).toEqual({});
  });

  it("C7: a code presented again must be refused", async () => {
    const good = await startSimulator();
    await good.faults({ tokenClient: { resend: true } });
    expect((await good.linkFromAlexa()).text).toContain("successfully linked");
    const bad = await startSimulator({}, "code_works_twice");
    await bad.faults({ tokenClient: { resend: true } });
    expect((await bad.linkFromAlexa()).text).toContain("the second use returned 200");
  });

  it("W2: after a time-out Alexa names the reason", async () => {
    const simulator = await startSimulator({}, "slow_token");
    await simulator.faults({ tokenClient: { limitMs: 20 } });
    expect((await simulator.linkFromAlexa()).text).toContain("no response within 0.02 s");
  });

  it("S6: the company refuses a wrong or missing verifier, and does not redirect to an unknown redirect URI", async () => {
    for (const verifier of ["wrong", "missing"]) {
      const simulator = await startSimulator();
      await simulator.faults({ tokenClient: { verifier } });
      expect((await simulator.linkFromAlexa()).text).toContain("400 invalid_grant");
    }
    const simulator = await startSimulator();
    await simulator.faults({ authorize: { wrongRedirectUri: true } });
    expect((await simulator.linkFromAlexa()).page.status).toBe(400);
  });
});

describe("refreshing and disabling", () => {
  it("T2: twenty refreshes at once keep the link, and the page counts them", async () => {
    const simulator = await startSimulator();
    await simulator.linkFromAlexa();
    await simulator.faults({ refresh: { parallel: 20 } });
    await simulator.post("/alexa-app/refresh");
    expect(await (await simulator.call("/alexa-app")).text()).toContain("20 times");
  });

  it("T3: strict rotation breaks the link as soon as one response is lost", async () => {
    const simulator = await startSimulator({}, "strict_rotation");
    await simulator.linkFromAlexa();
    await simulator.faults({ refresh: { lostResponse: true } });
    await simulator.post("/alexa-app/refresh");
    expect(await (await simulator.call("/alexa-app")).text()).toContain("The customer must link again");
  });

  it("disabling removes the link", async () => {
    const simulator = await startSimulator();
    await simulator.linkFromAlexa();
    await simulator.post("/alexa-app/disable");
    expect(await simulator.json("GET", "/simulator/links")).toEqual({ items: [] });
    expect(await (await simulator.call("/alexa-app")).text()).toContain("Enable to use");
  });
});
