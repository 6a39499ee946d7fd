// The callbacks: in the browser that started the attempt, in another one, and for attempts of the app.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DEMO } from "../../test/support/accounts.ts";
import { type Amazon, htmlResponse, jsonResponse, timeOut } from "../../test/support/amazon.ts";
import { appUser } from "../../test/support/app-user.ts";
import {
  allLiveGrants,
  approve,
  cookieOf,
  EVE,
  locationOf,
  PAGE,
  returned,
  signIn,
  startedAttempts,
  startPageWorld,
} from "../../test/support/link-page.ts";
import type { Service } from "../../test/support/service.ts";
import { type Page, type Visitor, visit } from "../../test/support/visitor.ts";

let service: Service;
let amazon: Amazon;
let userId: string;
let browser: Visitor;

beforeEach(async () => {
  ({ service, amazon, userId, browser } = await startPageWorld());
});
afterEach(() => vi.restoreAllMocks());

describe("the callback in the browser that started the attempt", () => {
  it("P2: HEAD requests and prefetches do not use the code", async () => {
    const callback = await approve(amazon, browser);
    const cookie = cookieOf(browser);
    const before = await startedAttempts();
    for (const init of [
      { method: "HEAD", headers: { cookie } },
      { headers: { cookie, "sec-purpose": "prefetch;prerender" } },
      { headers: { cookie, purpose: "prefetch" } },
    ]) {
      const response = await service.request(callback, init);
      await response.text();
      expect(response.headers.get("location")).toBeNull();
    }
    expect(await startedAttempts()).toEqual(before);
    expect(amazon.calls("lwa", "enable")).toEqual([]);
    expect(returned(await browser.get(callback)).get("status")).toBe("linked");
  });

  it("a reload shows the same outcome and links once", async () => {
    const callback = await approve(amazon, browser);
    const first = await browser.get(callback);
    const second = await browser.get(callback);
    expect(locationOf(second)).toBe(locationOf(first));
    expect(amazon.calls("lwa", "enable")).toEqual(["lwa", "enable NA"]);
    expect(await allLiveGrants()).toHaveLength(1);
  });

  it("a reload during the call to Amazon shows a waiting page, and the account is linked once", async () => {
    const callback = await approve(amazon, browser);
    let during: Page | undefined;
    amazon.faults.push((seen, usual) => {
      if (seen.what !== "enable" || during) return undefined;
      return (async () => {
        const cookie = cookieOf(browser);
        const response = await service.requestOnly(callback, { headers: { cookie } });
        during = { status: response.status, html: await response.text() } as Page;
        return usual();
      })();
    });
    expect(returned(await browser.get(callback)).get("status")).toBe("linked");
    expect(during?.status).toBe(200);
    expect(during?.html).toContain('http-equiv="refresh"');
    expect(await allLiveGrants()).toHaveLength(1);
  });

  it("twenty callbacks at the same time link once", async () => {
    const callback = await approve(amazon, browser);
    const cookie = cookieOf(browser);
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => service.requestOnly(callback, { headers: { cookie } })),
    );
    for (const response of responses) await response.text();
    await service.settled();
    expect(responses.every((response) => response.status === 200 || response.status === 303)).toBe(true);
    expect(amazon.calls("lwa", "enable")).toEqual(["lwa", "enable NA"]);
    expect(await allLiveGrants()).toHaveLength(1);
  });

  it.each([
    ["S1: the victim approves the attacker's attempt", EVE],
    ["S3: the victim opens the attacker's callback", DEMO],
  ])("%s: another browser cannot use the code", async (_, other) => {
    const callback = await approve(amazon, browser);
    const before = await startedAttempts();
    const elsewhere = visit(service);
    await signIn(elsewhere, other);
    for (const visitor of [elsewhere, visit(service)]) {
      const page = await visitor.get(callback);
      expect(page.status).toBe(403);
      expect(page.headers.get("location")).toBeNull();
      expect(page.html).not.toContain(DEMO.email);
    }
    expect(await startedAttempts()).toEqual(before);
    expect(amazon.calls("lwa", "enable")).toEqual([]);
    expect(returned(await browser.get(callback)).get("status")).toBe("linked");
  });

  it("S3: another user in the same browser cannot complete the attempt", async () => {
    const callback = await approve(amazon, browser);
    await signIn(browser, EVE);
    expect((await browser.get(callback)).status).toBe(403);
    expect(amazon.calls("lwa", "enable")).toEqual([]);
  });

  it("after a new sign-in the same user has to start again", async () => {
    const callback = await approve(amazon, browser);
    await signIn(browser);
    expect((await browser.get(callback)).status).toBe(403);
    expect(amazon.calls("lwa", "enable")).toEqual([]);
  });

  it("S1: an attempt that a browser started cannot be completed through the API", async () => {
    const callback = new URL(await approve(amazon, browser), "https://link.example.com");
    const app = await appUser(service, userId);
    const response = await app.complete({
      state: callback.searchParams.get("state"),
      code: callback.searchParams.get("code"),
    });
    expect(response.status).toBe(404);
    await response.text();
    expect(amazon.calls("lwa")).toEqual([]);
  });

  it("a session that was ended elsewhere cannot complete the attempt", async () => {
    const callback = await approve(amazon, browser);
    await service.env.DB.prepare("UPDATE users SET session_epoch = session_epoch + 1 WHERE id = ?").bind(userId).run();
    expect((await browser.get(callback)).status).toBe(403);
    expect(amazon.calls("lwa", "enable")).toEqual([]);
    expect(await allLiveGrants()).toEqual([]);
  });

  it.each([
    ["access_denied", "cancelled", null],
    ["invalid_scope", "failed", "amazon_denied"],
    ["<script>", "failed", "amazon_denied"],
  ])("L5: Amazon's error %s is returned as %s, without Amazon's text", async (error, status, reason) => {
    const callback = new URL(await approve(amazon, browser), "https://link.example.com");
    const state = callback.searchParams.get("state");
    const path = `/link/callback?error=${encodeURIComponent(error)}&error_description=Amazon%20says&state=${state}`;
    for (let i = 0; i < 2; i++) {
      const page = await browser.get(path);
      expect(returned(page).get("status")).toBe(status);
      expect(returned(page).get("reason")).toBe(reason);
      expect(locationOf(page)).not.toContain("Amazon%20says");
    }
    expect(await startedAttempts()).toMatchObject([{ outcome: status }]);
  });

  it.each([
    ["LWA is down", "lwa", () => jsonResponse({}, 500), "amazon_unavailable"],
    ["LWA returns HTML", "lwa", () => htmlResponse(), "amazon_unavailable"],
    ["LWA times out", "lwa", timeOut, "amazon_unavailable"],
    ["LWA refuses the code", "lwa", () => jsonResponse({ error: "invalid_grant" }, 400), "amazon_code_rejected"],
    ["Alexa refuses", "enable", () => jsonResponse({}, 400), "enablement_rejected"],
    ["Alexa forbids", "enable", () => jsonResponse({}, 403), "enablement_forbidden"],
    ["Alexa is down", "enable", () => jsonResponse({}, 503), "enablement_unavailable"],
  ] as const)(
    "when %s the return URL gets status=failed, and a reload gets the same",
    async (_, what, respond, reason) => {
      amazon.faults.push((seen) => (seen.what === what ? respond() : undefined));
      const callback = await approve(amazon, browser);
      const first = await browser.get(callback);
      expect(returned(first).get("status")).toBe("failed");
      expect(returned(first).get("reason")).toBe(reason);
      amazon.faults.length = 0;
      expect(locationOf(await browser.get(callback))).toBe(locationOf(first));
      expect(await allLiveGrants()).toEqual([]);
    },
  );

  it("without a return URL, a page of ours explains the failure", async () => {
    amazon.faults.push((seen) => (seen.what === "enable" ? jsonResponse({}, 403) : undefined));
    const page = await browser.get(await approve(amazon, browser, PAGE));
    expect(page.html).toContain("Linking didn’t work");
    expect(page.html).toContain("Alexa doesn’t allow this skill");
  });

  it("after ten minutes the attempt has expired", async () => {
    const callback = await approve(amazon, browser);
    service.clock.advance(10 * 60_000);
    expect(returned(await browser.get(callback)).get("reason")).toBe("state_expired");
    expect(amazon.calls("lwa")).toEqual([]);
  });

  it("a storage failure is a 503 page, and a reload links", async () => {
    const callback = await approve(amazon, browser);
    service.meter.clear();
    service.meter.faults.push({
      when: ({ sql }) => sql.includes("INSERT INTO codes"),
      throws: "before",
      times: 1,
    });
    const page = await browser.get(callback);
    expect(page.status).toBe(503);
    expect(page.headers.get("retry-after")).toBe("5");
    expect(returned(await browser.get(callback)).get("status")).toBe("linked");
  });

  it("B2: the query of a return URL is kept byte for byte", async () => {
    const odd = "https://app.example.com/done?a%20b~=c+d";
    await service.env.DB.prepare("UPDATE skills SET return_urls = ?")
      .bind(JSON.stringify([odd]))
      .run();
    const callback = await approve(amazon, browser, `${PAGE}?return_to=${encodeURIComponent(odd)}`);
    expect(locationOf(await browser.get(callback))).toMatch(
      /^https:\/\/app\.example\.com\/done\?a%20b~=c\+d&status=linked&state=[A-Za-z0-9_-]+$/,
    );
  });
});

describe("callback URLs", () => {
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
  ])("the query %j is a 400 page at both callbacks", async (query) => {
    for (const path of ["/link/callback", "/app/callback"]) {
      const page = await browser.get(path + query);
      expect(page.status).toBe(400);
      expect(page.headers.get("location")).toBeNull();
      expect(page.headers.get("content-type")).toContain("text/html");
    }
  });

  it("a state is accepted at its own callback only", async () => {
    const callback = await approve(amazon, browser);
    expect((await browser.get(callback.replace("/link/", "/app/"))).status).toBe(400);
    const app = await appUser(service, userId);
    const started = await app.start();
    expect((await browser.get(`/link/callback?state=${started.state}&code=AN1`)).status).toBe(400);
  });

  it.each(["ios", "web"])(
    "an attempt of the app (%s): the callback passes Amazon's errors on and changes no row",
    async (platform) => {
      const app = await appUser(service, userId);
      const started = await app.start({ platform });
      const path = new URL(started.redirectUri).pathname;
      const before = await startedAttempts();
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
      expect(await startedAttempts()).toEqual(before);
      service.clock.advance(10 * 60_000);
      expect((await browser.get(`${path}?state=${started.state}&code=AN1`)).status).toBe(400);
    },
  );
});
