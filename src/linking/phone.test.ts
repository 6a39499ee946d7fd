// Linking from the website on a phone, with and without the Alexa app, and callbacks that reach another browser.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Amazon } from "../../test/support/amazon.ts";
import { RETURN_URL } from "../../test/support/app-user.ts";
import { query } from "../../test/support/authorize.ts";
import { LANGUAGES } from "../../test/support/languages.ts";
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
import type { Service } from "../../test/support/service.ts";
import { type Page, type Visitor, visit } from "../../test/support/visitor.ts";

const PHONES = {
  iPhone: "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
  Android: "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/142.0.0.0 Mobile Safari/537.36",
};
const COMPUTER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36";
const LWA = "https://www.amazon.com/ap/oa?";
const ALEXA_APP = "https://alexa.amazon.com/spa/skill-account-linking-consent?";

let service: Service;
let amazon: Amazon;
let browser: Visitor;

beforeEach(async () => {
  ({ service, amazon, browser } = await startPageWorld());
});
afterEach(() => vi.restoreAllMocks());

/** The buttons of the consent form as `name=value`, in their order. */
function buttonsOf({ html }: Page): string[] {
  const form = html.slice(html.indexOf(`action="${PAGE}"`));
  return [...form.matchAll(/<button\b[^>]*\sname="([^"]*)"[^>]*\svalue="([^"]*)"/g)].map(
    ([, name, value]) => `${name}=${value}`,
  );
}

const withViaButton = (page: Page, via = "alexa_app", more = {}) =>
  browser.post(PAGE, { ...page.hidden(PAGE), via, ...more });

describe("P11: the website's page on a phone", () => {
  it.each(Object.entries(PHONES))(
    "%s: allow goes to Login with Amazon, one more button to the Alexa app",
    async (_, agent) => {
      browser.headers["user-agent"] = agent;
      await signIn(browser);
      const page = await browser.get(WITH_RETURN);
      expect(buttonsOf(page)).toEqual(["decision=switch", "decision=allow", "via=alexa_app", "decision=deny"]);
      expect(locationOf(await decide(browser, page, "allow")).startsWith(LWA)).toBe(true);
      const other = await browser.get(WITH_RETURN);
      const inApp = await withViaButton(other);
      expect([inApp.status, locationOf(inApp).startsWith(ALEXA_APP)]).toEqual([303, true]);
      expect(await startedAttempts()).toHaveLength(2);
    },
  );

  it("a customer without the Alexa app goes back and takes the other button of the same page", async () => {
    browser.headers["user-agent"] = PHONES.iPhone;
    await signIn(browser);
    const page = await browser.get(WITH_RETURN);
    expect(locationOf(await withViaButton(page)).startsWith(ALEXA_APP)).toBe(true);
    const asked = await decide(browser, page, "allow");
    expect(locationOf(asked).startsWith(LWA)).toBe(true);
    const callback = await amazon.approve(locationOf(asked));
    expect(returned(await browser.get(callback.pathname + callback.search)).get("status")).toBe("linked");
    expect(await startedAttempts()).toHaveLength(1);
  });

  it.each([
    ["a computer", COMPUTER, ""],
    ["no User-Agent", "", ""],
    ["a phone with via=lwa", PHONES.iPhone, "&via=lwa"],
    ["a phone with via=alexa_app", PHONES.iPhone, "&via=alexa_app"],
  ])("%s has no second button", async (_, agent, query) => {
    browser.headers["user-agent"] = agent;
    await signIn(browser);
    const page = await browser.get(WITH_RETURN + query);
    expect(buttonsOf(page)).toEqual(["decision=switch", "decision=allow", "decision=deny"]);
  });

  it("via as a button allows only with its own two values, and never against a denial", async () => {
    await signIn(browser);
    const page = await browser.get(WITH_RETURN);
    for (const via of ["", "mail", "ALEXA_APP", "alexa_app ", "<script>", "x".repeat(5000)]) {
      expect((await withViaButton(page, via)).status).toBe(400);
    }
    expect((await browser.post(PAGE, { via: "alexa_app" })).status).toBe(403);
    expect((await withViaButton(page, "alexa_app", { decision: "maybe" })).status).toBe(400);
    const repeated = [...Object.entries(page.hidden(PAGE)), ["via", "lwa"], ["via", "alexa_app"]] as [string, string][];
    expect((await browser.post(PAGE, repeated)).status).not.toBe(303);
    expect(await startedAttempts()).toEqual([]);
    const denied = await withViaButton(page, "alexa_app", { decision: "deny" });
    expect(locationOf(denied)).toBe(`${RETURN_URL}?status=cancelled`);
  });

  it("via is no decision at /authorize", async () => {
    await signIn(browser);
    const page = await browser.get(`/authorize?${query({ scope: "profile" })}`);
    expect(page.status).toBe(200);
    const posted = await browser.post("/authorize/decision", { ...page.hidden("/authorize/decision"), via: "lwa" });
    expect(posted.status).toBe(400);
  });

  it.each([...LANGUAGES])("in %s", async (language, text) => {
    Object.assign(browser.headers, { "user-agent": PHONES.Android, "accept-language": language });
    await signIn(browser);
    expect((await browser.get(PAGE)).html).toContain(`>${text.consentAllowAlexaApp}</button>`);
  });
});

describe("P11: a callback in another browser", () => {
  it.each([
    ["with a return URL", WITH_RETURN],
    ["without one", PAGE],
  ])("explains itself and offers to start again (%s)", async (_, start) => {
    const callback = await approve(amazon, browser, start);
    const before = await startedAttempts();
    const stranger = visit(service);
    await signIn(stranger, EVE);
    for (const visitor of [visit(service), stranger]) {
      const page = await visitor.get(callback);
      expect([page.status, page.location]).toEqual([403, null]);
      expect(page.html).toContain("Phones sometimes return to another browser");
      const again = /<a class="button" href="([^"]*)"/.exec(page.html)?.[1]?.replaceAll("&amp;", "&") ?? "";
      expect(again).toBe(start);
      // Nothing of the attempt itself: no state, no code, no account.
      for (const secret of new URL(callback, "https://link.example.com").searchParams.values()) {
        expect(page.html).not.toContain(secret);
      }
      expect(page.html).not.toContain("demo@example.com");
      expect((await visitor.get(again)).status).toBe(200);
    }
    expect(await startedAttempts()).toEqual(before);
    expect(await allLiveGrants()).toEqual([]);
  });

  it.each([...LANGUAGES])("in %s", async (language, text) => {
    const callback = await approve(amazon, browser);
    const stranger = visit(service);
    stranger.headers["accept-language"] = language;
    const page = await stranger.get(callback);
    expect(page.html).toContain(text.startAgain);
    expect(page.html).toContain(text.linkElsewhereHint);
  });

  it("with a state that nobody knows gives advice and no link", async () => {
    const page = await browser.get(`/link/callback?state=${"A".repeat(49)}&code=AN1`);
    expect(page.status).toBe(400);
    expect(page.html).toContain("Please start again");
    expect(page.html).not.toContain('href="/link/');
  });
});

describe("P11: error pages", () => {
  it.each([...LANGUAGES])("do not advise to allow pop-ups (%s)", (_, text) => {
    expect(JSON.stringify(text)).not.toMatch(/pop-?up|ポップアップ|emergente|surgissant/i);
  });
});
