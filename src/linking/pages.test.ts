// Linking on our own page: /link/{skillId}, the way to Amazon, and the callbacks, in browsers of several people.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DEMO, seedAccount } from "../../test/support/accounts.ts";
import { type Amazon, htmlAnswer, jsonAnswer, startAmazon, timeOut } from "../../test/support/amazon.ts";
import { appUser, RETURN_URL, rows, seedLwa } from "../../test/support/app-user.ts";
import { refresh, SKILL_ID, seedAppAndService, seedSkill } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { type Page, type Visitor, visit } from "../../test/support/visitor.ts";

const EVE = { email: "eve@example.com", password: "eves-password-1" };
const PAGE = `/link/${SKILL_ID}`;
const WITH_RETURN = `${PAGE}?return_to=${encodeURIComponent(RETURN_URL)}`;
const IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1";

let service: Service;
let amazon: Amazon;
let userId: string;
let browser: Visitor;

beforeEach(async () => {
  service = startService({ METRICS_FLUSH_MS: "0" });
  await seedSkill();
  await seedAppAndService();
  await seedLwa(service);
  userId = await seedAccount(service, DEMO);
  await seedAccount(service, EVE);
  amazon = startAmazon(service);
  browser = visit(service);
});
afterEach(() => vi.restoreAllMocks());

const location = (page: Page) => page.headers.get("location") ?? "";
const signIn = (visitor: Visitor, who = DEMO) => visitor.signIn(who.email, who.password);
const decide = (visitor: Visitor, page: Page, decision: string) =>
  visitor.post(PAGE, { ...page.hidden(PAGE), decision });
const livingGrants = () =>
  rows<{ id: string; user_id: string }>(
    "SELECT id, user_id FROM grants WHERE skill_id IS NOT NULL AND revoked_at IS NULL",
  );
const linkings = () =>
  rows<{ id: string; outcome: string; reason: string | null; flow: string; steps: string }>(
    "SELECT id, outcome, reason, flow, steps FROM linkings WHERE state_hash IS NOT NULL",
  );

/** Signs in, allows, and comes back from Amazon: the callback's path. */
async function approve(visitor: Visitor, page = WITH_RETURN, account?: string): Promise<string> {
  await signIn(visitor);
  const asked = await decide(visitor, await visitor.get(page), "allow");
  expect(asked.status).toBe(303);
  const callback = await amazon.approve(location(asked), account);
  return callback.pathname + callback.search;
}

function returned(page: Page): URLSearchParams {
  expect(page.status).toBe(303);
  expect(location(page).startsWith(`${RETURN_URL}?`)).toBe(true);
  return new URL(location(page)).searchParams;
}

describe("the page", () => {
  it("asks to sign in, then names account, skill and scopes, and links", async () => {
    const asked = await browser.get(WITH_RETURN);
    expect(asked.html).toContain('name="password"');
    const signedIn = await browser.post("/sign-in", { ...asked.hidden("/sign-in"), ...DEMO });
    expect(signedIn.status).toBe(303);
    const page = await browser.get(location(signedIn));
    expect(page.html).toContain(DEMO.email);
    expect(page.html).toContain("Acme Home");
    expect(page.html).toContain("What devices:control allows");
    const toAmazon = await decide(browser, page, "allow");
    const callback = await amazon.approve(location(toAmazon));
    expect(callback.origin + callback.pathname).toBe("https://link.example.com/link/callback");
    const back = returned(await browser.get(callback.pathname + callback.search));
    expect(Object.fromEntries(back)).toEqual({ status: "linked", state: callback.searchParams.get("state") });
    expect(await livingGrants()).toMatchObject([{ user_id: userId }]);
    const held = amazon.linked.get("amazon-account-1");
    expect((await service.request("/token", refresh(held?.refresh_token ?? ""))).status).toBe(200);
    // One attempt, from the sign-in to the link (O4).
    const all = await rows<{ steps: string }>("SELECT steps FROM linkings");
    expect(all).toHaveLength(1);
    const steps = (JSON.parse(all[0]?.steps ?? "[]") as { name: string }[]).map((step) => step.name);
    expect(steps).toContain("signed_in");
    expect(steps.at(-1)).toBe("linked");
  });

  it("P2: GET, HEAD and prefetch of the page change nothing", async () => {
    await signIn(browser);
    for (const init of [{}, { method: "HEAD" }, { headers: { "sec-purpose": "prefetch" } }]) {
      await service.request(WITH_RETURN, { ...init });
    }
    await browser.get(WITH_RETURN);
    expect(await rows("SELECT id FROM linkings")).toEqual([]);
    expect(amazon.seen).toEqual([]);
  });

  it("P3: a double tap gets the byte-identical redirect, and one linking", async () => {
    await signIn(browser);
    const page = await browser.get(WITH_RETURN);
    const taps = await Promise.all([decide(browser, page, "allow"), decide(browser, page, "allow")]);
    service.clock.advance(2000);
    taps.push(await decide(browser, page, "allow"), await decide(browser, page, "deny"));
    expect(new Set(taps.map(location)).size).toBe(1);
    expect(taps.every((tap) => tap.status === 303)).toBe(true);
    expect(await linkings()).toHaveLength(1);
  });

  it("P3: after a denial an approval follows the first decision", async () => {
    await signIn(browser);
    const page = await browser.get(WITH_RETURN);
    const denied = await decide(browser, page, "deny");
    expect(location(denied)).toBe(`${RETURN_URL}?status=cancelled`);
    expect(location(await decide(browser, page, "allow"))).toBe(location(denied));
    expect(await linkings()).toMatchObject([{ outcome: "cancelled" }]);
  });

  it("P4: two tabs side by side both link", async () => {
    await signIn(browser);
    const older = await browser.get(WITH_RETURN);
    const newer = await browser.get(WITH_RETURN);
    for (const [page, account] of [
      [older, "amazon-account-1"],
      [newer, "amazon-account-2"],
    ] as const) {
      const callback = await amazon.approve(location(await decide(browser, page, "allow")), account);
      expect(returned(await browser.get(callback.pathname + callback.search)).get("status")).toBe("linked");
    }
    expect(await livingGrants()).toHaveLength(2);
  });

  it.each([
    ["a computer", {}, "", "https://www.amazon.com/ap/oa?"],
    ["an iPhone", { "user-agent": IPHONE }, "", "https://alexa.amazon.com/spa/skill-account-linking-consent?"],
    ["an iPhone that wants LWA", { "user-agent": IPHONE }, "&via=lwa", "https://www.amazon.com/ap/oa?"],
    [
      "a computer that wants the app",
      {},
      "&via=alexa_app",
      "https://alexa.amazon.com/spa/skill-account-linking-consent?",
    ],
  ])("sends %s to the right place at Amazon", async (_, headers, query, expected) => {
    Object.assign(browser.headers, headers);
    await signIn(browser);
    const asked = await decide(browser, await browser.get(`${WITH_RETURN}${query}`), "allow");
    expect(location(asked).startsWith(expected)).toBe(true);
  });

  it.each([
    ["S7: a return URL off the list", `?return_to=${encodeURIComponent(`${RETURN_URL}/`)}`, 400],
    ["S7: a script", "?return_to=javascript:alert(1)", 400],
    ["S7: a network path", "?return_to=//evil.test", 400],
    ["S7: a backslash", "?return_to=/%5Cevil.test", 400],
    ["a repeated return_to", `?return_to=${encodeURIComponent(RETURN_URL)}&return_to=x`, 400],
    ["an unknown way", "?via=mail", 400],
    ["an unknown stage", "?stage=beta", 400],
    ["broken encoding", "?return_to=%ZZ", 400],
    ["a stage that is not there", "?stage=live", 404],
  ])("answers %s with a page", async (_, query, status) => {
    const page = await browser.get(PAGE + query);
    expect(page.status).toBe(status);
    expect(page.headers.get("location")).toBeNull();
    expect(page.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(page.headers.get("content-security-policy")).not.toContain("form-action");
  });

  it("does not know other skills", async () => {
    expect((await browser.get("/link/amzn1.ask.skill.other")).status).toBe(404);
  });

  it("S3: a form without its token, or from another browser, is refused", async () => {
    await signIn(browser);
    const page = await browser.get(WITH_RETURN);
    expect((await browser.post(PAGE, { decision: "allow" })).status).toBe(403);
    const eve = visit(service);
    await signIn(eve, EVE);
    expect((await decide(eve, page, "allow")).status).toBe(403);
    expect(await linkings()).toEqual([]);
  });

  it("asks the one who is signed in now, not the one it was drawn for", async () => {
    await signIn(browser);
    const page = await browser.get(WITH_RETURN);
    await signIn(browser, EVE);
    const again = await decide(browser, page, "allow");
    expect(again.status).toBe(303);
    expect(location(again)).toBe(WITH_RETURN);
    expect((await browser.get(location(again))).html).toContain(EVE.email);
    expect(await linkings()).toEqual([]);
  });

  it("a session ended elsewhere starts nothing", async () => {
    await signIn(browser);
    const page = await browser.get(WITH_RETURN);
    await service.env.DB.prepare("UPDATE users SET session_epoch = session_epoch + 1 WHERE id = ?").bind(userId).run();
    const refused = await decide(browser, page, "allow");
    expect(refused.status).toBe(303);
    expect(location(refused).startsWith(PAGE)).toBe(true);
    expect(await linkings()).toEqual([]);
    expect((await browser.get(location(refused))).html).toContain('name="password"');
  });

  it("offers another account and keeps the attempt", async () => {
    await signIn(browser);
    const switched = await decide(browser, await browser.get(WITH_RETURN), "switch");
    expect(switched.status).toBe(303);
    const page = await browser.get(location(switched));
    expect(page.html).toContain('name="password"');
    const signedIn = await browser.post("/sign-in", { ...page.hidden("/sign-in"), ...EVE });
    expect((await browser.get(location(signedIn))).html).toContain(EVE.email);
  });

  it("ends on pages of ours when there is no return URL", async () => {
    const linked = await browser.get(await approve(browser, PAGE));
    expect(linked.status).toBe(200);
    expect(linked.html).toContain("Linked with Alexa");
    const denied = await decide(browser, await browser.get(PAGE), "deny");
    expect(denied.status).toBe(200);
    expect(denied.html).toContain("Not linked");
  });

  it("P6: speaks German to who asks for it", async () => {
    browser.headers["accept-language"] = "de-DE,de;q=0.9";
    expect((await browser.get(await approve(browser, PAGE))).html).toContain("Mit Alexa verknüpft");
  });
});

describe("the callback in the browser that started", () => {
  it("P2: HEAD and prefetches spend nothing", async () => {
    const callback = await approve(browser);
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const before = await linkings();
    for (const init of [
      { method: "HEAD", headers: { cookie } },
      { headers: { cookie, "sec-purpose": "prefetch;prerender" } },
      { headers: { cookie, purpose: "prefetch" } },
    ]) {
      const response = await service.request(callback, init);
      await response.text();
      expect(response.headers.get("location")).toBeNull();
    }
    expect(await linkings()).toEqual(before);
    expect(amazon.calls("lwa", "enable")).toEqual([]);
    expect(returned(await browser.get(callback)).get("status")).toBe("linked");
  });

  it("a reload shows the same outcome and links once", async () => {
    const callback = await approve(browser);
    const first = await browser.get(callback);
    const second = await browser.get(callback);
    expect(location(second)).toBe(location(first));
    expect(amazon.calls("lwa", "enable")).toEqual(["lwa", "enable NA"]);
    expect(await livingGrants()).toHaveLength(1);
  });

  it("a reload while Amazon is at work waits, and links once", async () => {
    const callback = await approve(browser);
    let during: Page | undefined;
    amazon.faults.push((seen, usual) => {
      if (seen.what !== "enable" || during) return undefined;
      return (async () => {
        const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
        const response = await service.requestOnly(callback, { headers: { cookie } });
        during = { status: response.status, html: await response.text() } as Page;
        return usual();
      })();
    });
    expect(returned(await browser.get(callback)).get("status")).toBe("linked");
    expect(during?.status).toBe(200);
    expect(during?.html).toContain('http-equiv="refresh"');
    expect(await livingGrants()).toHaveLength(1);
  });

  it("links once when twenty callbacks arrive at the same time", async () => {
    const callback = await approve(browser);
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => service.requestOnly(callback, { headers: { cookie } })),
    );
    for (const answer of answers) await answer.text();
    await service.settled();
    expect(answers.every((answer) => answer.status === 200 || answer.status === 303)).toBe(true);
    expect(amazon.calls("lwa", "enable")).toEqual(["lwa", "enable NA"]);
    expect(await livingGrants()).toHaveLength(1);
  });

  it.each([
    ["S1: the victim approves the attacker's linking", EVE],
    ["S3: the attacker's answer in the victim's browser", DEMO],
  ])("%s: nothing is spent in another browser", async (_, other) => {
    const callback = await approve(browser);
    const before = await linkings();
    const elsewhere = visit(service);
    await signIn(elsewhere, other);
    for (const visitor of [elsewhere, visit(service)]) {
      const page = await visitor.get(callback);
      expect(page.status).toBe(403);
      expect(page.headers.get("location")).toBeNull();
      expect(page.html).not.toContain(DEMO.email);
    }
    expect(await linkings()).toEqual(before);
    expect(amazon.calls("lwa", "enable")).toEqual([]);
    expect(returned(await browser.get(callback)).get("status")).toBe("linked");
  });

  it("S3: another session in the same browser is another person", async () => {
    const callback = await approve(browser);
    await signIn(browser, EVE);
    expect((await browser.get(callback)).status).toBe(403);
    expect(amazon.calls("lwa", "enable")).toEqual([]);
  });

  it("a new sign-in of the same user is another session: it starts again", async () => {
    const callback = await approve(browser);
    await signIn(browser);
    expect((await browser.get(callback)).status).toBe(403);
    expect(amazon.calls("lwa", "enable")).toEqual([]);
  });

  it("S1: what a browser started cannot be completed through the API", async () => {
    const callback = new URL(await approve(browser), "https://link.example.com");
    const app = await appUser(service, userId);
    const response = await app.complete({
      state: callback.searchParams.get("state"),
      code: callback.searchParams.get("code"),
    });
    expect(response.status).toBe(404);
    await response.text();
    expect(amazon.calls("lwa")).toEqual([]);
  });

  it("a session that was ended elsewhere completes nothing", async () => {
    const callback = await approve(browser);
    await service.env.DB.prepare("UPDATE users SET session_epoch = session_epoch + 1 WHERE id = ?").bind(userId).run();
    expect((await browser.get(callback)).status).toBe(403);
    expect(amazon.calls("lwa", "enable")).toEqual([]);
    expect(await livingGrants()).toEqual([]);
  });

  it.each([
    ["access_denied", "cancelled", null],
    ["invalid_scope", "failed", "amazon_denied"],
    ["<script>", "failed", "amazon_denied"],
  ])("L5: Amazon's error %s goes back as %s, without Amazon's words", async (error, status, reason) => {
    const callback = new URL(await approve(browser), "https://link.example.com");
    const state = callback.searchParams.get("state");
    const path = `/link/callback?error=${encodeURIComponent(error)}&error_description=Amazon%20says&state=${state}`;
    for (let i = 0; i < 2; i++) {
      const page = await browser.get(path);
      expect(returned(page).get("status")).toBe(status);
      expect(returned(page).get("reason")).toBe(reason);
      expect(location(page)).not.toContain("Amazon%20says");
    }
    expect(await linkings()).toMatchObject([{ outcome: status }]);
  });

  it.each([
    ["LWA is down", "lwa", () => jsonAnswer({}, 500), "amazon_unavailable"],
    ["LWA answers HTML", "lwa", () => htmlAnswer(), "amazon_unavailable"],
    ["LWA is silent", "lwa", timeOut, "amazon_unavailable"],
    ["LWA refuses the code", "lwa", () => jsonAnswer({ error: "invalid_grant" }, 400), "amazon_code_rejected"],
    ["Alexa refuses", "enable", () => jsonAnswer({}, 400), "enablement_rejected"],
    ["Alexa forbids", "enable", () => jsonAnswer({}, 403), "enablement_forbidden"],
    ["Alexa is down", "enable", () => jsonAnswer({}, 503), "enablement_unavailable"],
  ] as const)("when %s it goes back as failed, and a reload says the same", async (_, what, answer, reason) => {
    amazon.faults.push((seen) => (seen.what === what ? answer() : undefined));
    const callback = await approve(browser);
    const first = await browser.get(callback);
    expect(returned(first).get("status")).toBe("failed");
    expect(returned(first).get("reason")).toBe(reason);
    amazon.faults.length = 0;
    expect(location(await browser.get(callback))).toBe(location(first));
    expect(await livingGrants()).toEqual([]);
  });

  it("says on a page of ours what to do when there is no return URL", async () => {
    amazon.faults.push((seen) => (seen.what === "enable" ? jsonAnswer({}, 403) : undefined));
    const page = await browser.get(await approve(browser, PAGE));
    expect(page.html).toContain("Linking did not work");
    expect(page.html).toContain("Alexa does not allow this skill");
  });

  it("comes too late after ten minutes", async () => {
    const callback = await approve(browser);
    service.clock.advance(10 * 60_000);
    expect(returned(await browser.get(callback)).get("reason")).toBe("state_expired");
    expect(amazon.calls("lwa")).toEqual([]);
  });

  it("a fault of our storage is a page that says to try again, and trying again links", async () => {
    const callback = await approve(browser);
    service.meter.clear();
    service.meter.faults.push({ when: (trip) => trip.sql.includes("INSERT INTO codes"), throws: "before", times: 1 });
    const page = await browser.get(callback);
    expect(page.status).toBe(503);
    expect(page.headers.get("retry-after")).toBe("5");
    expect(returned(await browser.get(callback)).get("status")).toBe("linked");
  });

  it("B2: a return URL with a query of its own keeps its bytes", async () => {
    const odd = "https://app.example.com/done?a%20b~=c+d";
    await service.env.DB.prepare("UPDATE skills SET return_urls = ?")
      .bind(JSON.stringify([odd]))
      .run();
    const callback = await approve(browser, `${PAGE}?return_to=${encodeURIComponent(odd)}`);
    expect(location(await browser.get(callback))).toMatch(
      /^https:\/\/app\.example\.com\/done\?a%20b~=c\+d&status=linked&state=[A-Za-z0-9_-]+$/,
    );
  });
});

describe("addresses of callbacks", () => {
  it.each([
    "",
    "?state=x",
    "?code=AN1",
    "?state=a&state=b&code=AN1",
    "?state=a&code=AN1&code=AN2",
    "?state=a&code=AN1&error=access_denied",
    "?state=a&code=",
    "?state=a&code=%ZZ",
    "?state=a&code=a%0d%0ab",
    `?state=a&code=${"x".repeat(3000)}`,
    `?state=${"x".repeat(9000)}&code=AN1`,
    `?state=a&error=${"x".repeat(300)}`,
    "?state=unknown&code=AN1",
    `?state=${"A".repeat(49)}&code=AN1`,
  ])("%s is a 400 page on both", async (query) => {
    for (const path of ["/link/callback", "/app/callback"]) {
      const page = await browser.get(path + query);
      expect(page.status).toBe(400);
      expect(page.headers.get("location")).toBeNull();
      expect(page.headers.get("content-type")).toContain("text/html");
    }
  });

  it("a state belongs to its own callback", async () => {
    const callback = await approve(browser);
    expect((await browser.get(callback.replace("/link/", "/app/"))).status).toBe(400);
    const app = await appUser(service, userId);
    const started = await app.start();
    expect((await browser.get(`/link/callback?state=${started.state}&code=AN1`)).status).toBe(400);
  });

  it.each(["ios", "web"])("a linking of the app (%s) hands Amazon's errors on and stores nothing", async (platform) => {
    const app = await appUser(service, userId);
    const started = await app.start({ platform });
    const path = new URL(started.redirectUri).pathname;
    const before = await linkings();
    const denied = await browser.get(`${path}?state=${started.state}&error=access_denied`);
    expect(Object.fromEntries(returned(denied))).toEqual({ status: "cancelled", state: started.state });
    const failed = await browser.get(`${path}?state=${started.state}&error=server_error&error_description=words`);
    expect(Object.fromEntries(returned(failed))).toEqual({
      status: "failed",
      reason: "amazon_denied",
      state: started.state,
    });
    const parked = await browser.get(`${path}?state=${started.state}&code=AN1`);
    expect(returned(parked).get("status")).toBe("parked");
    expect(await linkings()).toEqual(before);
    service.clock.advance(10 * 60_000);
    expect((await browser.get(`${path}?state=${started.state}&code=AN1`)).status).toBe(400);
  });
});
