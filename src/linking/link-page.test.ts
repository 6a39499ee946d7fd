// The page /link/{skillId}: the consent form, and the redirect to Amazon.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DEMO } from "../../test/support/accounts.ts";
import type { Amazon } from "../../test/support/amazon.ts";
import { RETURN_URL, rows } from "../../test/support/app-user.ts";
import {
  allLiveGrants,
  approve,
  decide,
  EVE,
  locationOf,
  PAGE,
  returned,
  signIn,
  startedAttempts,
  startPageWorld,
  WITH_RETURN,
} from "../../test/support/link-page.ts";
import { refresh } from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";
import { type Visitor, visit } from "../../test/support/visitor.ts";

const IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1";

let service: Service;
let amazon: Amazon;
let userId: string;
let browser: Visitor;

beforeEach(async () => {
  ({ service, amazon, userId, browser } = await startPageWorld());
});
afterEach(() => vi.restoreAllMocks());

describe("the link page", () => {
  it("asks the visitor to sign in, shows account, skill and scopes, and links", async () => {
    const asked = await browser.get(WITH_RETURN);
    expect(asked.html).toContain('name="password"');
    const signedIn = await browser.post("/sign-in", { ...asked.hidden("/sign-in"), ...DEMO });
    expect(signedIn.status).toBe(303);
    const page = await browser.get(locationOf(signedIn));
    expect(page.html).toContain(DEMO.email);
    expect(page.html).toContain("Acme Home");
    expect(page.html).toContain("What devices:control allows");
    const toAmazon = await decide(browser, page, "allow");
    const callback = await amazon.approve(locationOf(toAmazon));
    expect(callback.origin + callback.pathname).toBe("https://link.example.com/link/callback");
    const back = returned(await browser.get(callback.pathname + callback.search));
    expect(Object.fromEntries(back)).toEqual({ status: "linked", state: callback.searchParams.get("state") });
    expect(await allLiveGrants()).toMatchObject([{ user_id: userId }]);
    const held = amazon.linked.get("amazon-account-1");
    expect((await service.request("/token", refresh(held?.refresh_token ?? ""))).status).toBe(200);
    // One attempt covers the whole flow, from sign-in to link.
    const all = await rows<{ steps: string }>("SELECT steps FROM attempts");
    expect(all).toHaveLength(1);
    const steps = (JSON.parse(all[0]?.steps ?? "[]") as { name: string }[]).map((step) => step.name);
    expect(steps).toContain("signed_in");
    expect(steps.at(-1)).toBe("linked");
  });

  it("P2: GET, HEAD and prefetch requests of the page change nothing", async () => {
    await signIn(browser);
    for (const init of [{}, { method: "HEAD" }, { headers: { "sec-purpose": "prefetch" } }]) {
      expect((await browser.send(WITH_RETURN, init)).status).toBe(200);
    }
    expect(await rows("SELECT id FROM attempts")).toEqual([]);
    expect(amazon.seen).toEqual([]);
  });

  it("P3: a double tap gets the byte-identical redirect and starts one attempt", async () => {
    await signIn(browser);
    const page = await browser.get(WITH_RETURN);
    const taps = await Promise.all([decide(browser, page, "allow"), decide(browser, page, "allow")]);
    service.clock.advance(2000);
    taps.push(await decide(browser, page, "allow"), await decide(browser, page, "deny"));
    expect(new Set(taps.map(locationOf)).size).toBe(1);
    expect(taps.every((tap) => tap.status === 303)).toBe(true);
    expect(await startedAttempts()).toHaveLength(1);
  });

  it("P3: an approval after a denial gets the redirect of the denial", async () => {
    await signIn(browser);
    const page = await browser.get(WITH_RETURN);
    const denied = await decide(browser, page, "deny");
    expect(locationOf(denied)).toBe(`${RETURN_URL}?status=cancelled`);
    expect(locationOf(await decide(browser, page, "allow"))).toBe(locationOf(denied));
    expect(await startedAttempts()).toMatchObject([{ outcome: "cancelled" }]);
  });

  it("P4: two open tabs both link", async () => {
    await signIn(browser);
    const older = await browser.get(WITH_RETURN);
    const newer = await browser.get(WITH_RETURN);
    for (const [page, account] of [
      [older, "amazon-account-1"],
      [newer, "amazon-account-2"],
    ] as const) {
      const callback = await amazon.approve(locationOf(await decide(browser, page, "allow")), account);
      expect(returned(await browser.get(callback.pathname + callback.search)).get("status")).toBe("linked");
    }
    expect(await allLiveGrants()).toHaveLength(2);
  });

  it.each([
    ["a computer", {}, "", "https://www.amazon.com/ap/oa?"],
    ["an iPhone", { "user-agent": IPHONE }, "", "https://www.amazon.com/ap/oa?"],
    ["an iPhone with via=lwa", { "user-agent": IPHONE }, "&via=lwa", "https://www.amazon.com/ap/oa?"],
    [
      "an iPhone with via=alexa_app",
      { "user-agent": IPHONE },
      "&via=alexa_app",
      "https://alexa.amazon.com/spa/skill-account-linking-consent?",
    ],
    [
      "a computer with via=alexa_app",
      {},
      "&via=alexa_app",
      "https://alexa.amazon.com/spa/skill-account-linking-consent?",
    ],
  ])("sends %s to the right URL at Amazon", async (_, headers, query, expected) => {
    Object.assign(browser.headers, headers);
    await signIn(browser);
    const asked = await decide(browser, await browser.get(`${WITH_RETURN}${query}`), "allow");
    expect(locationOf(asked).startsWith(expected)).toBe(true);
  });

  it.each([
    ["query", "?via=alexa_app", {}],
    ["form", "", { via: "alexa_app" }],
  ])("via can also be set in the %s of the decision", async (_, query, field) => {
    await signIn(browser);
    const page = await browser.get(WITH_RETURN);
    const [path = ""] = WITH_RETURN.split("?");
    const asked = await browser.post(path + query, { ...page.hidden(path), ...field, decision: "allow" });
    expect(locationOf(asked)).toContain("https://alexa.amazon.com/spa/");
  });

  it.each([
    ["S7: a return URL off the list", `?return_to=${encodeURIComponent(`${RETURN_URL}/`)}`, 400],
    ["S7: a script URL", "?return_to=javascript:alert(1)", 400],
    ["S7: a network-path URL", "?return_to=//evil.test", 400],
    ["S7: a backslash", "?return_to=/%5Cevil.test", 400],
    ["a repeated return_to", `?return_to=${encodeURIComponent(RETURN_URL)}&return_to=x`, 400],
    ["an unknown via", "?via=mail", 400],
    ["broken encoding", "?return_to=%ZZ", 400],
  ])("%s is a 400 page without a redirect", async (_, query, status) => {
    const page = await browser.get(PAGE + query);
    expect(page.status).toBe(status);
    expect(page.headers.get("location")).toBeNull();
    expect(page.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(page.headers.get("content-security-policy")).not.toContain("form-action");
  });

  it("an unknown skill is a 404 page", async () => {
    expect((await browser.get("/link/amzn1.ask.skill.other")).status).toBe(404);
  });

  it("S3: a form without a token or from another browser is refused", async () => {
    await signIn(browser);
    const page = await browser.get(WITH_RETURN);
    expect((await browser.post(PAGE, { decision: "allow" })).status).toBe(403);
    const eve = visit(service);
    await signIn(eve, EVE);
    expect((await decide(eve, page, "allow")).status).toBe(403);
    expect(await startedAttempts()).toEqual([]);
  });

  it("asks again when another user has signed in since the page was rendered", async () => {
    await signIn(browser);
    const page = await browser.get(WITH_RETURN);
    await signIn(browser, EVE);
    const again = await decide(browser, page, "allow");
    expect(again.status).toBe(303);
    expect(locationOf(again)).toBe(WITH_RETURN);
    expect((await browser.get(locationOf(again))).html).toContain(EVE.email);
    expect(await startedAttempts()).toEqual([]);
  });

  it("a session that was ended elsewhere cannot start an attempt", async () => {
    await signIn(browser);
    const page = await browser.get(WITH_RETURN);
    await service.env.DB.prepare("UPDATE users SET session_epoch = session_epoch + 1 WHERE id = ?").bind(userId).run();
    const refused = await decide(browser, page, "allow");
    expect(refused.status).toBe(303);
    expect(locationOf(refused).startsWith(PAGE)).toBe(true);
    expect(await startedAttempts()).toEqual([]);
    expect((await browser.get(locationOf(refused))).html).toContain('name="password"');
  });

  it("a session that was ended elsewhere is asked to sign in at once, and no account is shown", async () => {
    await signIn(browser);
    expect((await browser.get(WITH_RETURN)).html).toContain("demo@example.com");
    await service.env.DB.prepare("UPDATE users SET session_epoch = session_epoch + 1 WHERE id = ?").bind(userId).run();
    const { html } = await browser.get(WITH_RETURN);
    expect(html).toContain('name="password"');
    expect(html).not.toContain("demo@example.com");
  });

  it("over the rate limit both decisions get a 429 page", async () => {
    await signIn(browser);
    const page = await browser.get(WITH_RETURN);
    Object.assign(service.env, { USER_LIMIT: { limit: async () => ({ success: false }) } });
    for (const decision of ["allow", "deny"]) {
      const refused = await decide(browser, page, decision);
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "60"]);
    }
    expect(await startedAttempts()).toEqual([]);
  });

  it("offers another account and keeps the attempt", async () => {
    await signIn(browser);
    const switched = await decide(browser, await browser.get(WITH_RETURN), "switch");
    expect(switched.status).toBe(303);
    const page = await browser.get(locationOf(switched));
    expect(page.html).toContain('name="password"');
    const signedIn = await browser.post("/sign-in", { ...page.hidden("/sign-in"), ...EVE });
    expect((await browser.get(locationOf(signedIn))).html).toContain(EVE.email);
    expect(await rows("SELECT id FROM attempts")).toHaveLength(1);
  });

  it("without a return URL, pages of ours show the outcome", async () => {
    const linked = await browser.get(await approve(amazon, browser, PAGE));
    expect(linked.status).toBe(200);
    expect(linked.html).toContain("Linked with Alexa");
    const denied = await decide(browser, await browser.get(PAGE), "deny");
    expect(denied.status).toBe(200);
    expect(denied.html).toContain("Not linked");
    expect(denied.html).toContain(`href="${PAGE.split("?")[0]}"`);
  });

  it("P6: the page is in German when the browser asks for German", async () => {
    browser.headers["accept-language"] = "de-DE,de;q=0.9";
    expect((await browser.get(await approve(amazon, browser, PAGE))).html).toContain("Mit Alexa verknüpft");
  });
});
