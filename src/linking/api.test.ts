// Linking from the company's app: starting, completing, and the responses of Login with Amazon.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Amazon, htmlResponse, jsonResponse, timeOut } from "../../test/support/amazon.ts";
import { type AppUser, appUser, RETURN_URL, rows } from "../../test/support/app-user.ts";
import {
  attemptRow,
  link,
  liveGrants,
  problemCode,
  startAndApprove,
  startLinkingWorld,
} from "../../test/support/linking.ts";
import { json, refresh, SKILL_ID, seedSkill } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";

let service: Service;
let amazon: Amazon;
let ada: AppUser;
let bob: AppUser;

beforeEach(async () => {
  ({ service, amazon, ada, bob } = await startLinkingWorld());
});
afterEach(() => vi.restoreAllMocks());

describe("starting", () => {
  it("returns both URLs at Amazon, with the same state and a PKCE challenge", async () => {
    const response = await ada.call("POST", "/api/links", {
      skillId: SKILL_ID,
      returnTo: RETURN_URL,
      platform: "android",
    });
    expect(response.status).toBe(201);
    const started = await json<Record<string, string>>(response);
    expect(started.redirectUri).toBe("https://link.example.com/app/callback");
    expect(started.expiresAt).toBe("2026-01-15T12:10:00.000Z");
    const app = new URL(started.alexaAppUrl ?? "");
    const lwa = new URL(started.loginWithAmazonUrl ?? "");
    expect(app.origin + app.pathname).toBe("https://alexa.amazon.com/spa/skill-account-linking-consent");
    expect(lwa.origin + lwa.pathname).toBe("https://www.amazon.com/ap/oa");
    expect(app.searchParams.get("fragment")).toBe("skill-account-linking-consent");
    expect(app.searchParams.get("skill_stage")).toBe("development");
    expect(lwa.searchParams.has("skill_stage")).toBe(false);
    for (const url of [app, lwa]) {
      expect(url.searchParams.get("state")).toBe(started.state);
      expect(url.searchParams.get("response_type")).toBe("code");
      expect(url.searchParams.get("code_challenge")).toMatch(/^[A-Za-z0-9_-]{43}$/);
    }
    expect(started.loginWithAmazonUrl).toContain("scope=alexa%3A%3Askills%3Aaccount_linking");
  });

  it("takes at most two storage round trips, that of the access token included", async () => {
    const body = { skillId: SKILL_ID, returnTo: RETURN_URL, platform: "ios" };
    expect((await ada.callOnly("POST", "/api/links", body)).status).toBe(201);
    expect(service.meter.calls().length).toBeLessThanOrEqual(2);
  });

  it("uses the browser's callback for the web platform", async () => {
    expect((await ada.start({ platform: "web" })).redirectUri).toBe("https://link.example.com/link/callback");
  });

  it("does not store the state in plain text", async () => {
    const started = await ada.start();
    const stored = JSON.stringify(await rows("SELECT * FROM attempts"));
    expect(stored).toContain(started.id);
    expect(stored).not.toContain(started.state);
    expect(stored).not.toContain(started.state.slice(6));
  });

  it.each([
    ["an empty body", "", "invalid_body"],
    ["invalid JSON", "{", "invalid_body"],
    ["another platform", { skillId: SKILL_ID, returnTo: RETURN_URL, platform: "tv" }, "invalid_body"],
    ["an unknown field", { skillId: SKILL_ID, returnTo: RETURN_URL, platform: "ios", extra: 1 }, "invalid_body"],
    [
      "an unknown skill",
      { skillId: "amzn1.ask.skill.other", returnTo: RETURN_URL, platform: "ios" },
      "skill_not_found",
    ],
    ["an unknown stage", { skillId: SKILL_ID, stage: "beta", returnTo: RETURN_URL, platform: "ios" }, "invalid_body"],
    [
      "S7: a return URL off the list",
      { skillId: SKILL_ID, returnTo: `${RETURN_URL}/x`, platform: "ios" },
      "return_to_not_allowed",
    ],
    [
      "S7: a script URL",
      { skillId: SKILL_ID, returnTo: "javascript:alert(1)", platform: "ios" },
      "return_to_not_allowed",
    ],
    [
      "S7: a network-path URL",
      { skillId: SKILL_ID, returnTo: "//evil.test", platform: "ios" },
      "return_to_not_allowed",
    ],
  ])("refuses %s", async (_, body, expected) => {
    expect(await problemCode(await ada.call("POST", "/api/links", body))).toBe(expected);
    expect(await rows("SELECT id FROM attempts WHERE state_hash IS NOT NULL")).toEqual([]);
  });

  it("refuses a body over 16 KB", async () => {
    const response = await ada.call("POST", "/api/links", `{"skillId":"${"x".repeat(17_000)}"}`);
    expect(response.status).toBe(413);
    expect(await problemCode(response)).toBe("body_too_large");
  });

  it("a skill without Login with Amazon credentials cannot be linked", async () => {
    await seedSkill({ skillId: "amzn1.ask.skill.bare", id: "alexa-bare" });
    const body = { skillId: "amzn1.ask.skill.bare", returnTo: RETURN_URL, platform: "ios" };
    expect(await problemCode(await ada.call("POST", "/api/links", body))).toBe("account_linking_not_supported");
  });

  it("the rate limit applies to each user separately, and not at all without the binding", async () => {
    const keys: string[] = [];
    const limit = async ({ key }: { key: string }) => ({ success: keys.push(key) > 0 && key !== keys[0] });
    Object.assign(service.env, { USER_LIMIT: { limit } });
    const body = { skillId: SKILL_ID, returnTo: RETURN_URL, platform: "ios" };
    const refused = await ada.call("POST", "/api/links", body);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "60"]);
    expect(await problemCode(refused)).toBe("too_many_requests");
    expect(await rows("SELECT id FROM attempts WHERE state_hash IS NOT NULL")).toEqual([]);
    expect((await bob.call("POST", "/api/links", body)).status).toBe(201);
    await service.settled();
    // The starts of both, and the initiation of the one that was not refused.
    expect(new Set(keys).size).toBe(3);
    Object.assign(service.env, { USER_LIMIT: undefined });
    expect((await ada.call("POST", "/api/links", body)).status).toBe(201);
  });

  it("requires an access token with the scope links", async () => {
    const without = await service.request("/api/links", { method: "POST", body: "{}" });
    expect(without.status).toBe(401);
    expect(await problemCode(without)).toBe("unauthenticated");
    const narrow = await appUser(service, ada.userId, "profile");
    const refused = await narrow.call("GET", "/api/links");
    expect(refused.status).toBe(403);
    expect(await problemCode(refused)).toBe("insufficient_scope");
  });

  it.each([
    ["PUT", "/api/links", "GET, HEAD, POST"],
    ["GET", "/api/links/complete", "POST"],
    ["POST", `/api/links/${SKILL_ID}`, "GET, HEAD, DELETE"],
    ["GET", `/api/links/${SKILL_ID}/grants/x`, "DELETE"],
  ])("%s %s: 405 with Allow", async (method, path, allow) => {
    const response = await ada.call(method, path);
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allow);
    expect(await problemCode(response)).toBe("method_not_allowed");
  });
});

describe("completing", () => {
  it("L1, L3: Alexa redeems our own code while our enablement call is open, and the account is linked", async () => {
    const { state, code: amazonCode, id } = await startAndApprove(amazon, ada);
    const response = await ada.complete({ state, code: amazonCode });
    expect(response.status).toBe(200);
    expect(await json(response)).toEqual({ skillId: SKILL_ID, status: "linked" });
    const [grant, ...others] = await liveGrants(ada.userId);
    expect(others).toEqual([]);
    expect(await attemptRow(id)).toMatchObject({ outcome: "linked", grant_id: grant?.id, amazon_tokens: null });
    expect(await rows("SELECT grant_id, purpose, host FROM amazon_tokens")).toEqual([
      { grant_id: grant?.id, purpose: "enablement", host: "https://api.amazonalexa.com" },
    ]);
    const held = amazon.linked.get("amazon-account-1");
    expect((await service.request("/token", refresh(held?.refresh_token ?? ""))).status).toBe(200);
    const enable = amazon.seen.find((seen) => seen.what === "enable");
    expect(enable?.authorization).toMatch(/^Bearer Atza\|/);
    expect(enable?.body).not.toContain(amazonCode);
    expect(JSON.parse(enable?.body ?? "")).toMatchObject({
      stage: "development",
      accountLinkRequest: { redirectUri: "https://link.example.com/app/callback", type: "AUTH_CODE" },
    });
  });

  it("T9: stores no token and no code of Amazon in plain text", async () => {
    await link(amazon, ada);
    const dump = JSON.stringify(
      await Promise.all(
        ["attempts", "amazon_tokens", "codes", "grants", "audit"].map((t) => rows(`SELECT * FROM ${t}`)),
      ),
    );
    expect(dump).not.toContain("Atza");
    expect(dump).not.toContain("Atzr");
    expect(dump).not.toContain("ANfake");
  });

  it("after success, the same code gets 200 again and another code gets state_used", async () => {
    const { state, code: amazonCode } = await startAndApprove(amazon, ada);
    await ada.complete({ state, code: amazonCode });
    const again = await ada.complete({ state, code: amazonCode });
    expect(again.status).toBe(200);
    expect(amazon.calls("lwa", "enable")).toEqual(["lwa", "enable NA"]);
    const other = await ada.complete({ state, code: "ANanother" });
    expect(other.status).toBe(409);
    expect(await problemCode(other)).toBe("state_used");
  });

  it("twenty completions at the same time link once", async () => {
    const { state, code: amazonCode } = await startAndApprove(amazon, ada);
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => ada.callOnly("POST", "/api/links/complete", { state, code: amazonCode })),
    );
    await service.settled();
    const results = await Promise.all(
      responses.map(async (response) => (response.status === 200 ? "linked" : await problemCode(response))),
    );
    expect(results.filter((result) => result === "linked").length).toBeGreaterThanOrEqual(1);
    expect(results.filter((result) => result !== "linked" && result !== "in_progress")).toEqual([]);
    expect(amazon.calls("lwa", "enable")).toEqual(["lwa", "enable NA"]);
    expect(await liveGrants(ada.userId)).toHaveLength(1);
  });

  it("a second request gets in_progress until Alexa has responded", async () => {
    const { state, code: amazonCode } = await startAndApprove(amazon, ada);
    let during: Response | undefined;
    amazon.faults.push((seen, usual) => {
      if (seen.what !== "enable") return undefined;
      return (async () => {
        during = await ada.callOnly("POST", "/api/links/complete", { state, code: amazonCode });
        return usual();
      })();
    });
    expect((await ada.complete({ state, code: amazonCode })).status).toBe(200);
    expect(during?.status).toBe(409);
    expect(await problemCode(during as Response)).toBe("in_progress");
  });

  it.each([
    ["only a state", (state: string) => ({ state })],
    ["an empty object", () => ({})],
    ["code and result", (state: string) => ({ state, code: "a", result: "b" })],
    ["a code that is a number", (state: string) => ({ state, code: 5 })],
    ["an array", () => []],
  ])("a body with %s is invalid_body", async (_, body) => {
    const { state } = await ada.start();
    const response = await ada.complete(body(state));
    expect(response.status).toBe(400);
    expect(await problemCode(response)).toBe("invalid_body");
  });

  it("a state that we did not issue is unknown", async () => {
    const { state } = await ada.start();
    const changed = `${state.slice(0, -1)}${state.endsWith("A") ? "B" : "A"}`;
    for (const wrong of ["x", changed]) {
      const response = await ada.complete({ state: wrong, code: "AN1" });
      expect(response.status).toBe(404);
      expect(await problemCode(response)).toBe("state_unknown");
    }
  });

  it("V4: an attempt expires ten minutes after its start by our clock", async () => {
    const { state, code: amazonCode } = await startAndApprove(amazon, ada);
    service.clock.advance(599_000);
    const second = await startAndApprove(amazon, ada);
    service.clock.advance(1_000);
    const late = await ada.complete({ state, code: amazonCode });
    expect(late.status).toBe(410);
    expect(await problemCode(late)).toBe("state_expired");
    expect((await ada.complete({ state: second.state, code: second.code })).status).toBe(200);
  });

  it("an attempt can be completed after the master key was rotated", async () => {
    const { state, code: amazonCode } = await startAndApprove(amazon, ada);
    const rotated = startService({
      MASTER_KEY: `${"B".repeat(42)}A`,
      MASTER_KEY_PREVIOUS: "A".repeat(43),
    });
    const response = await rotated.request("/api/links/complete", {
      method: "POST",
      headers: { authorization: `Bearer ${ada.token}` },
      body: JSON.stringify({ state, code: amazonCode }),
    });
    expect(response.status).toBe(200);
  });
});

describe("L5: Login with Amazon refuses or is unavailable", () => {
  it("a refused code ends the attempt, and a repeat gets the same response", async () => {
    const { state } = await ada.start();
    for (let i = 0; i < 2; i++) {
      const response = await ada.complete({ state, code: "ANnever-issued" });
      expect(response.status).toBe(422);
      const text = await response.text();
      expect(JSON.parse(text).code).toBe("amazon_code_rejected");
      expect(text).not.toContain("raw text of Amazon");
    }
    expect(amazon.calls("lwa")).toHaveLength(1);
    expect(await rows("SELECT reason FROM attempts WHERE outcome = 'failed'")).toEqual([
      { reason: "amazon_code_rejected_invalid_grant" },
    ]);
  });

  it.each([
    ["500", () => jsonResponse({ error: "ServerError" }, 500)],
    ["429", () => jsonResponse({ error: "throttled" }, 429)],
    ["an HTML page", () => htmlResponse(200)],
    ["an HTML error", () => htmlResponse(400)],
    ["an empty body", () => new Response("", { status: 200 })],
    ["no tokens", () => jsonResponse({ token_type: "bearer" })],
    ["a time-out", timeOut],
    ["F2: a redirect", () => new Response(null, { status: 302, headers: { location: "https://evil.test/" } })],
    ["an endless body", () => new Response("x".repeat(70_000))],
  ])("after %s the same code can be presented again", async (_, respond) => {
    const { state, code: amazonCode, id } = await startAndApprove(amazon, ada);
    let broken = true;
    amazon.faults.push((seen) => (seen.what === "lwa" && broken ? respond() : undefined));
    const first = await ada.complete({ state, code: amazonCode });
    expect(first.status).toBe(503);
    expect(first.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(await problemCode(first)).toBe("amazon_unavailable");
    expect(await attemptRow(id)).toMatchObject({ outcome: "pending" });
    expect(await problemCode(await ada.complete({ state, code: "ANother" }))).toBe("state_used");
    broken = false;
    expect((await ada.complete({ state, code: amazonCode })).status).toBe(200);
    expect(amazon.seen.every((seen) => seen.redirect === "manual")).toBe(true);
    expect(amazon.seen.some((seen) => seen.url.includes("evil"))).toBe(false);
  });

  it.each([
    ["access_denied", "cancelled", "amazon_denied"],
    ["invalid_scope", "failed", "amazon_error_invalid_scope"],
    ["invalid_request", "failed", "amazon_error_invalid_request"],
    ["<b>words of another</b>", "failed", "amazon_error_other"],
  ])("Amazon's error %s ends the attempt as %s", async (error, outcome, reason) => {
    const { state, id } = await ada.start();
    for (let i = 0; i < 2; i++) {
      const response = await ada.complete({ state, error });
      expect(response.status).toBe(422);
      const text = await response.text();
      expect(JSON.parse(text).code).toBe("amazon_denied");
      expect(text).not.toContain("words of another");
    }
    expect(await attemptRow(id)).toMatchObject({ outcome, reason });
    expect(await problemCode(await ada.complete({ state, code: "AN1" }))).toBe("amazon_denied");
  });
});
