// Linking from the company's app: the JSON API with Amazon behind it.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Amazon, htmlAnswer, jsonAnswer, startAmazon, timeOut } from "../../test/support/amazon.ts";
import { type AppUser, appUser, RETURN_URL, rows, seedLwa } from "../../test/support/app-user.ts";
import { runtimeOf } from "../../test/support/runtime.ts";
import { json, refresh, SKILL_ID, seedAppAndService, seedSkill, seedUser } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { abandonExpiredLinkings } from "./complete.ts";
import { finishPendingUnlinks } from "./unlink.ts";

let service: Service;
let amazon: Amazon;
let ada: AppUser;
let bob: AppUser;

beforeEach(async () => {
  service = startService({ METRICS_FLUSH_MS: "0" });
  await seedSkill();
  await seedAppAndService();
  await seedLwa(service);
  ada = await appUser(service, await seedUser());
  bob = await appUser(service, await seedUser("0userbbbbbbbbbbbbbbbbbbbbb", "bob@example.com"));
  amazon = startAmazon(service);
  service.meter.clear();
});
afterEach(() => vi.restoreAllMocks());

interface Problem {
  readonly code: string;
  readonly status: number;
}

async function code(response: Response): Promise<string> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  return (await json<Problem>(response)).code;
}

async function startAndApprove(user: AppUser = ada, account = "amazon-account-1") {
  const started = await user.start();
  const callback = await amazon.approve(started.loginWithAmazonUrl, account);
  return { state: started.state, code: callback.searchParams.get("code") ?? "", id: started.id, callback };
}

async function link(user: AppUser = ada, account = "amazon-account-1") {
  const { state, code: amazonCode } = await startAndApprove(user, account);
  const response = await user.complete({ state, code: amazonCode });
  expect(response.status).toBe(200);
  await response.text();
}

const livingGrants = (userId: string) =>
  rows<{ id: string; linking_id: string }>(
    "SELECT id, linking_id FROM grants WHERE user_id = ? AND skill_id IS NOT NULL AND revoked_at IS NULL",
    userId,
  );
const linkingRow = async (id: string) =>
  (
    await rows<{
      outcome: string;
      reason: string | null;
      grant_id: string | null;
      amazon_tokens: string | null;
      steps: string;
    }>("SELECT outcome, reason, grant_id, amazon_tokens, steps FROM linkings WHERE id = ?", id)
  )[0];

describe("starting", () => {
  it("gives both addresses of Amazon with one state and a PKCE challenge", async () => {
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

  it("takes two storage trips, the bearer's included", async () => {
    await ada.start();
    expect(service.meter.calls().slice(0, 2)).toEqual(["DB.first", "DB.batch"]);
    expect(service.meter.calls().filter((call) => call === "DB.batch").length).toBeLessThanOrEqual(2);
  });

  it("uses the browser callback for the web", async () => {
    expect((await ada.start({ platform: "web" })).redirectUri).toBe("https://link.example.com/link/callback");
  });

  it("stores neither state nor verifier in clear", async () => {
    const started = await ada.start();
    const stored = JSON.stringify(await rows("SELECT * FROM linkings"));
    expect(stored).toContain(started.id);
    expect(stored).not.toContain(started.state);
    expect(stored).not.toContain(started.state.slice(6));
  });

  it.each([
    ["no body", "", "invalid_body"],
    ["no JSON", "{", "invalid_body"],
    ["another platform", { skillId: SKILL_ID, returnTo: RETURN_URL, platform: "tv" }, "invalid_body"],
    ["an unknown field", { skillId: SKILL_ID, returnTo: RETURN_URL, platform: "ios", extra: 1 }, "invalid_body"],
    [
      "an unknown skill",
      { skillId: "amzn1.ask.skill.other", returnTo: RETURN_URL, platform: "ios" },
      "skill_not_found",
    ],
    ["another stage", { skillId: SKILL_ID, stage: "live", returnTo: RETURN_URL, platform: "ios" }, "skill_not_found"],
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
    expect(await code(await ada.call("POST", "/api/links", body))).toBe(expected);
    expect(await rows("SELECT id FROM linkings WHERE state_hash IS NOT NULL")).toEqual([]);
  });

  it("refuses a body over 16 KB", async () => {
    const response = await ada.call("POST", "/api/links", `{"skillId":"${"x".repeat(17_000)}"}`);
    expect(response.status).toBe(413);
    expect(await code(response)).toBe("body_too_large");
  });

  it("says so when the skill has no Login with Amazon credentials", async () => {
    await seedSkill({ skillId: "amzn1.ask.skill.bare", id: "alexa-bare" });
    const body = { skillId: "amzn1.ask.skill.bare", returnTo: RETURN_URL, platform: "ios" };
    expect(await code(await ada.call("POST", "/api/links", body))).toBe("account_linking_not_supported");
  });

  it("needs a bearer with the scope links", async () => {
    const without = await service.request("/api/links", { method: "POST", body: "{}" });
    expect(without.status).toBe(401);
    expect(await code(without)).toBe("unauthenticated");
    const narrow = await appUser(service, ada.userId, "profile");
    const refused = await narrow.call("GET", "/api/links");
    expect(refused.status).toBe(403);
    expect(await code(refused)).toBe("insufficient_scope");
  });

  it.each([
    ["PUT", "/api/links", "GET, HEAD, POST"],
    ["GET", "/api/links/complete", "POST"],
    ["POST", `/api/links/${SKILL_ID}`, "GET, HEAD, DELETE"],
    ["GET", `/api/links/${SKILL_ID}/grants/x`, "DELETE"],
  ])("answers %s %s with 405 and Allow", async (method, path, allow) => {
    const response = await ada.call(method, path);
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allow);
    expect(await code(response)).toBe("method_not_allowed");
  });
});

describe("completing", () => {
  it("L1, L3: links with a code of ours that Alexa redeems while our call is open", async () => {
    const { state, code: amazonCode, id } = await startAndApprove();
    const response = await ada.complete({ state, code: amazonCode });
    expect(response.status).toBe(200);
    expect(await json(response)).toEqual({ skillId: SKILL_ID, status: "linked" });
    const [grant, ...others] = await livingGrants(ada.userId);
    expect(others).toEqual([]);
    expect(await linkingRow(id)).toMatchObject({ outcome: "linked", grant_id: grant?.id, amazon_tokens: null });
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

  it("T9: keeps no token and no code of Amazon in clear", async () => {
    await link();
    const dump = JSON.stringify(
      await Promise.all(
        ["linkings", "amazon_tokens", "codes", "grants", "audit"].map((t) => rows(`SELECT * FROM ${t}`)),
      ),
    );
    expect(dump).not.toContain("Atza");
    expect(dump).not.toContain("Atzr");
    expect(dump).not.toContain("ANfake");
  });

  it("answers a repeat after success with 200, another code with state_used", async () => {
    const { state, code: amazonCode } = await startAndApprove();
    await ada.complete({ state, code: amazonCode });
    const again = await ada.complete({ state, code: amazonCode });
    expect(again.status).toBe(200);
    expect(amazon.calls("lwa", "enable")).toEqual(["lwa", "enable NA"]);
    const other = await ada.complete({ state, code: "ANanother" });
    expect(other.status).toBe(409);
    expect(await code(other)).toBe("state_used");
  });

  it("links once when twenty completions run at the same time", async () => {
    const { state, code: amazonCode } = await startAndApprove();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => ada.callOnly("POST", "/api/links/complete", { state, code: amazonCode })),
    );
    await service.settled();
    const results = await Promise.all(
      answers.map(async (answer) => (answer.status === 200 ? "linked" : (await json<Problem>(answer)).code)),
    );
    expect(results.filter((result) => result === "linked").length).toBeGreaterThanOrEqual(1);
    expect(results.filter((result) => result !== "linked" && result !== "in_progress")).toEqual([]);
    expect(amazon.calls("lwa", "enable")).toEqual(["lwa", "enable NA"]);
    expect(await livingGrants(ada.userId)).toHaveLength(1);
  });

  it("is in progress while Alexa has not answered, and done afterwards", async () => {
    const { state, code: amazonCode } = await startAndApprove();
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
    expect(await code(during as Response)).toBe("in_progress");
  });

  it.each([
    ["state alone", (state: string) => ({ state })],
    ["nothing", () => ({})],
    ["code and result", (state: string) => ({ state, code: "a", result: "b" })],
    ["a code that is a number", (state: string) => ({ state, code: 5 })],
    ["a list", () => []],
  ])("refuses %s as invalid_body", async (_, body) => {
    const { state } = await ada.start();
    const response = await ada.complete(body(state));
    expect(response.status).toBe(400);
    expect(await code(response)).toBe("invalid_body");
  });

  it("does not know a state that it did not make", async () => {
    const { state } = await ada.start();
    const changed = `${state.slice(0, -1)}${state.endsWith("A") ? "B" : "A"}`;
    for (const wrong of ["x", changed]) {
      const response = await ada.complete({ state: wrong, code: "AN1" });
      expect(response.status).toBe(404);
      expect(await code(response)).toBe("state_unknown");
    }
  });

  it("V4: ends ten minutes after the start by our clock", async () => {
    const { state, code: amazonCode } = await startAndApprove();
    service.clock.advance(599_000);
    const second = await startAndApprove();
    service.clock.advance(1_000);
    const late = await ada.complete({ state, code: amazonCode });
    expect(late.status).toBe(410);
    expect(await code(late)).toBe("state_expired");
    expect((await ada.complete({ state: second.state, code: second.code })).status).toBe(200);
  });

  it("completes after the master key was rotated in between", async () => {
    const { state, code: amazonCode } = await startAndApprove();
    const rotated = startService({
      MASTER_KEY: `${"B".repeat(42)}A`,
      MASTER_KEY_PREVIOUS: "A".repeat(43),
      METRICS_FLUSH_MS: "0",
    });
    const response = await rotated.request("/api/links/complete", {
      method: "POST",
      headers: { authorization: `Bearer ${ada.token}` },
      body: JSON.stringify({ state, code: amazonCode }),
    });
    expect(response.status).toBe(200);
  });
});

describe("L5: Login with Amazon refuses or is away", () => {
  it("a refused code ends the linking, the same way again", async () => {
    const { state } = await ada.start();
    for (let i = 0; i < 2; i++) {
      const response = await ada.complete({ state, code: "ANnever-issued" });
      expect(response.status).toBe(422);
      const text = await response.text();
      expect(JSON.parse(text).code).toBe("amazon_code_rejected");
      expect(text).not.toContain("raw text of Amazon");
    }
    expect(amazon.calls("lwa")).toHaveLength(1);
    expect(await rows("SELECT reason FROM linkings WHERE outcome = 'failed'")).toEqual([
      { reason: "amazon_code_rejected_invalid_grant" },
    ]);
  });

  it.each([
    ["500", () => jsonAnswer({ error: "ServerError" }, 500)],
    ["429", () => jsonAnswer({ error: "throttled" }, 429)],
    ["an HTML page", () => htmlAnswer(200)],
    ["an HTML error", () => htmlAnswer(400)],
    ["an empty body", () => new Response("", { status: 200 })],
    ["no tokens", () => jsonAnswer({ token_type: "bearer" })],
    ["silence", timeOut],
    ["F2: a redirect", () => new Response(null, { status: 302, headers: { location: "https://evil.test/" } })],
    ["an endless body", () => new Response("x".repeat(70_000))],
  ])("after %s the same code may come again", async (_, answer) => {
    const { state, code: amazonCode, id } = await startAndApprove();
    let broken = true;
    amazon.faults.push((seen) => (seen.what === "lwa" && broken ? answer() : undefined));
    const first = await ada.complete({ state, code: amazonCode });
    expect(first.status).toBe(503);
    expect(first.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(await code(first)).toBe("amazon_unavailable");
    expect(await linkingRow(id)).toMatchObject({ outcome: "pending" });
    expect(await code(await ada.complete({ state, code: "ANother" }))).toBe("state_used");
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
  ])("the error %s ends it as %s", async (error, outcome, reason) => {
    const { state, id } = await ada.start();
    for (let i = 0; i < 2; i++) {
      const response = await ada.complete({ state, error });
      expect(response.status).toBe(422);
      const text = await response.text();
      expect(JSON.parse(text).code).toBe("amazon_denied");
      expect(text).not.toContain("words of another");
    }
    expect(await linkingRow(id)).toMatchObject({ outcome, reason });
    expect(await code(await ada.complete({ state, code: "AN1" }))).toBe("amazon_denied");
  });
});

describe("S1: whoever started it completes it, and holds what Amazon answered", () => {
  /** The callback reaches a browser instead of the app: the redirect to the app's return URL. */
  async function park(callback: URL): Promise<{ state: string; result: string }> {
    const response = await service.request(callback.pathname + callback.search);
    expect(response.status).toBe(303);
    const location = new URL(response.headers.get("location") ?? "");
    expect(location.origin + location.pathname).toBe(RETURN_URL);
    expect(location.searchParams.get("status")).toBe("parked");
    return { state: location.searchParams.get("state") ?? "", result: location.searchParams.get("result") ?? "" };
  }

  it("a callback in a browser leaves nothing on the server, and its result completes the starter's linking once", async () => {
    const { callback, id } = await startAndApprove();
    const before = await linkingRow(id);
    const parked = await park(callback);
    expect(await linkingRow(id)).toEqual(before);
    expect(parked.result).not.toContain(callback.searchParams.get("code"));
    expect(await code(await ada.complete({ state: parked.state }))).toBe("invalid_body");
    expect((await ada.complete(parked)).status).toBe(200);
    expect((await ada.complete(parked)).status).toBe(200);
    expect(await livingGrants(ada.userId)).toHaveLength(1);
  });

  it.each(["code", "result"])(
    "a victim who brings the %s of an attacker's linking ends it, with an alert",
    async (kind) => {
      const { callback, state, code: amazonCode, id } = await startAndApprove(ada, "amazon-account-of-bob");
      const brought = kind === "code" ? { state, code: amazonCode } : await park(callback);
      const refused = await bob.complete(brought);
      expect(refused.status).toBe(403);
      expect(await code(refused)).toBe("wrong_user");
      expect(await linkingRow(id)).toMatchObject({ outcome: "failed", reason: "wrong_user" });
      expect(await rows("SELECT kind, alert, user_id FROM audit WHERE alert = 1")).toEqual([
        { kind: "linking_wrong_user", alert: 1, user_id: bob.userId },
      ]);
      const starter = await ada.complete(brought);
      expect(starter.status).toBe(409);
      expect(await code(starter)).toBe("state_used");
      expect(await livingGrants(ada.userId)).toEqual([]);
      expect(await livingGrants(bob.userId)).toEqual([]);
      expect(amazon.calls("lwa", "enable")).toEqual([]);
    },
  );

  it("a wrong user changes nothing after success", async () => {
    const { state, code: amazonCode, id } = await startAndApprove();
    await ada.complete({ state, code: amazonCode });
    expect(await code(await bob.complete({ state, code: amazonCode }))).toBe("wrong_user");
    expect(await linkingRow(id)).toMatchObject({ outcome: "linked" });
    expect(await livingGrants(ada.userId)).toHaveLength(1);
    expect((await ada.complete({ state, code: amazonCode })).status).toBe(200);
  });

  it("a wrong user with an error or a forged result spends nothing", async () => {
    const { state, code: amazonCode } = await startAndApprove();
    expect(await code(await bob.complete({ state, error: "access_denied" }))).toBe("wrong_user");
    expect(await code(await bob.complete({ state, result: "forged" }))).toBe("invalid_result");
    expect((await ada.complete({ state, code: amazonCode })).status).toBe(200);
  });

  it("a wrong user who comes while the starter's run is under way ends it, and nothing stays linked", async () => {
    const { state, code: amazonCode, id } = await startAndApprove();
    amazon.faults.push((seen, usual) => {
      if (seen.what !== "enable") return undefined;
      return (async () => {
        const answer = await usual();
        await (await bob.callOnly("POST", "/api/links/complete", { state, code: amazonCode })).text();
        return answer;
      })();
    });
    const response = await ada.complete({ state, code: amazonCode });
    expect(await code(response)).toBe("state_used");
    expect(await linkingRow(id)).toMatchObject({ outcome: "failed", reason: "wrong_user" });
    expect(await livingGrants(ada.userId)).toEqual([]);
    const held = amazon.linked.get("amazon-account-1");
    expect((await service.request("/token", refresh(held?.refresh_token ?? ""))).status).toBe(400);
    expect(await rows("SELECT host FROM pending_unlinks")).toEqual([{ host: "https://api.amazonalexa.com" }]);
  });

  it("a result is of its linking, of its state, and five minutes old at most", async () => {
    const first = await startAndApprove();
    const second = await startAndApprove();
    const parked = await park(first.callback);
    for (const body of [
      { state: second.state, result: parked.result },
      { state: first.state, result: `${parked.result}x` },
      { state: first.state, result: "" },
    ]) {
      const response = await ada.complete(body);
      expect(response.status).toBe(400);
      expect(["invalid_result", "invalid_body"]).toContain(await code(response));
    }
    service.clock.advance(5 * 60_000);
    expect(await code(await ada.complete(parked))).toBe("invalid_result");
    expect((await ada.complete({ state: first.state, code: first.code })).status).toBe(200);
  });

  it("without a bearer nothing is answered and nothing spent", async () => {
    const { state, code: amazonCode, id } = await startAndApprove();
    const response = await service.request("/api/links/complete", {
      method: "POST",
      body: JSON.stringify({ state, code: amazonCode }),
    });
    expect(response.status).toBe(401);
    await response.text();
    expect(await linkingRow(id)).toMatchObject({ outcome: "pending" });
  });
});

describe("enablement over regions", () => {
  it("L2: goes on with a fresh code, remembers the winner, and asks it first the next time", async () => {
    amazon.faults.push((seen) => (seen.what === "discovery" ? jsonAnswer({ message: "down" }, 503) : undefined));
    amazon.regionOf.set("amazon-account-1", "EU");
    await link();
    expect(amazon.calls("enable")).toEqual(["enable NA", "enable EU"]);
    const codes = amazon.seen
      .filter((seen) => seen.what === "enable")
      .map((seen) => JSON.parse(seen.body).accountLinkRequest.authCode as string);
    expect(new Set(codes).size).toBe(2);
    expect(await rows("SELECT host FROM amazon_tokens")).toEqual([{ host: "https://api.eu.amazonalexa.com" }]);
    amazon.seen.length = 0;
    await link();
    expect(amazon.calls("enable")).toEqual(["enable EU"]);
  });

  it.each([
    ["bare hosts", { endpoints: ["api.fe.amazonalexa.com"] }],
    ["https URLs", { endpoints: ["https://API.FE.amazonalexa.com/"] }],
    [
      "foreign hosts among them",
      { endpoints: ["evil.test", "https://api.fe.amazonalexa.com.evil.test", "api.fe.amazonalexa.com"] },
    ],
  ])("uses only listed hosts when discovery answers %s", async (_, body) => {
    amazon.regionOf.set("amazon-account-1", "FE");
    amazon.faults.push((seen) => (seen.what === "discovery" ? jsonAnswer(body) : undefined));
    await link();
    expect(amazon.calls("enable")).toEqual(["enable FE"]);
    expect(amazon.seen.some((seen) => seen.url.includes("evil"))).toBe(false);
  });

  it("tries all endpoints that discovery names", async () => {
    amazon.regionOf.set("amazon-account-1", "FE");
    amazon.faults.push((seen) =>
      seen.what === "discovery"
        ? jsonAnswer({ endpoints: ["api.amazonalexa.com", "api.fe.amazonalexa.com"] })
        : undefined,
    );
    await link();
    expect(amazon.calls("enable")).toEqual(["enable NA", "enable FE"]);
  });

  it.each([
    ["is down", timeOut],
    ["answers HTML", () => htmlAnswer()],
    ["names nobody known", () => jsonAnswer({ endpoints: ["evil.test"] })],
    ["redirects", () => new Response(null, { status: 302, headers: { location: "https://evil.test/" } })],
  ])("falls back to all three when discovery %s", async (_, answer) => {
    amazon.regionOf.set("amazon-account-1", "FE");
    amazon.faults.push((seen) => (seen.what === "discovery" ? answer() : undefined));
    await link();
    expect(amazon.calls("enable")).toEqual(["enable NA", "enable EU", "enable FE"]);
  });

  type Reply = () => Response;
  const status =
    (value: number): Reply =>
    () =>
      jsonAnswer({ message: "no" }, value);

  /** Every host answers the enablement call with its own reply, and GET says not enabled. */
  function replies(byRegion: Readonly<Record<string, Reply>>) {
    amazon.faults.push((seen) => {
      if (seen.what === "discovery") return jsonAnswer({}, 503);
      if (seen.what === "enable") return byRegion[seen.region ?? ""]?.();
      return undefined;
    });
  }

  it.each([
    [
      "L4: 403 in development",
      { NA: status(403) },
      422,
      "enablement_forbidden",
      "enablement_forbidden_stage",
      ["enable NA"],
    ],
    ["L4: 401", { NA: status(401) }, 422, "enablement_forbidden", "enablement_unauthorized", ["enable NA"]],
    [
      "400 everywhere",
      { NA: status(400), EU: status(400), FE: status(400) },
      422,
      "enablement_rejected",
      "enablement_bad_request",
      ["enable NA", "enable EU", "enable FE"],
    ],
    [
      "404 everywhere",
      { NA: status(404), EU: status(404), FE: status(404) },
      422,
      "enablement_rejected",
      "enablement_not_found",
      ["enable NA", "enable EU", "enable FE"],
    ],
    [
      "409 and GET says no",
      { NA: status(409), EU: status(404), FE: status(404) },
      422,
      "enablement_rejected",
      "enablement_conflict",
      ["enable NA", "enable EU", "enable FE"],
    ],
    [
      "404, then 403: the second stops",
      { NA: status(404), EU: status(403) },
      422,
      "enablement_forbidden",
      "enablement_forbidden_stage",
      ["enable NA", "enable EU"],
    ],
    [
      "the 400 among 404 and 503",
      { NA: status(404), EU: status(400), FE: status(503) },
      422,
      "enablement_rejected",
      "enablement_bad_request",
      ["enable NA", "enable EU", "enable FE"],
    ],
    [
      "201 but not linked",
      { NA: () => jsonAnswer({ accountLink: { status: "NOT_LINKED" } }, 201), EU: status(404), FE: status(404) },
      422,
      "enablement_rejected",
      "enablement_not_linked",
      ["enable NA", "enable EU", "enable FE"],
    ],
  ] as const)("reports %s, for good", async (_, byRegion, httpStatus, expected, reason, calls) => {
    replies(byRegion as Record<string, Reply>);
    const { state, code: amazonCode, id } = await startAndApprove();
    for (let i = 0; i < 2; i++) {
      const response = await ada.complete({ state, code: amazonCode });
      expect(response.status).toBe(httpStatus);
      expect(await code(response)).toBe(expected);
    }
    expect(amazon.calls("enable")).toEqual(calls);
    expect(await linkingRow(id)).toMatchObject({ outcome: "failed", reason, amazon_tokens: null });
    expect(await livingGrants(ada.userId)).toEqual([]);
    expect(
      await rows("SELECT * FROM codes WHERE origin = 'enablement' AND spent_at IS NULL AND voided_at IS NULL"),
    ).toEqual([]);
  });

  it.each([
    ["429", status(429)],
    ["503", status(503)],
    ["500 in HTML", () => htmlAnswer(500)],
    ["a time-out", timeOut],
    ["HTML as success", () => htmlAnswer(200)],
    ["an empty success", () => new Response("", { status: 201 })],
    ["F2: a redirect", () => new Response(null, { status: 307, headers: { location: "https://evil.test/" } })],
  ])("after %s everywhere the same code may come again, from Amazon's tokens on", async (_, reply) => {
    let broken = true;
    amazon.faults.push((seen) => (seen.what === "discovery" ? jsonAnswer({}, 503) : undefined));
    amazon.faults.push((seen) => (seen.what === "enable" && broken ? reply() : undefined));
    const { state, code: amazonCode, id } = await startAndApprove();
    const first = await ada.complete({ state, code: amazonCode });
    expect(first.status).toBe(503);
    expect(await code(first)).toBe("enablement_unavailable");
    expect(amazon.calls("enable")).toEqual(["enable NA", "enable EU", "enable FE"]);
    expect(await linkingRow(id)).toMatchObject({ outcome: "pending" });
    expect(await livingGrants(ada.userId)).toEqual([]);
    broken = false;
    expect((await ada.complete({ state, code: amazonCode })).status).toBe(200);
    expect(amazon.calls("lwa")).toHaveLength(1);
    expect(await livingGrants(ada.userId)).toHaveLength(1);
    expect(amazon.seen.some((seen) => seen.url.includes("evil"))).toBe(false);
  });

  it.each([
    ["a time-out", timeOut],
    ["a 500", status(500)],
    ["a 409", status(409)],
    ["HTML", () => htmlAnswer(200)],
  ])("when Alexa linked but answered with %s, GET decides", async (_, reply) => {
    amazon.faults.push((seen, usual) =>
      seen.what === "enable"
        ? usual()
            .then((answer) => answer.text())
            .then(() => reply())
        : undefined,
    );
    await link();
    expect(amazon.calls("enable", "look")).toEqual(["enable NA", "look NA"]);
    expect(await livingGrants(ada.userId)).toHaveLength(1);
  });

  it("accepts LINKED in any case", async () => {
    amazon.faults.push((seen, usual) =>
      seen.what === "enable"
        ? usual()
            .then((answer) => answer.text())
            .then(() => jsonAnswer({ accountLink: { status: "linked" } }, 200))
        : undefined,
    );
    await link();
  });

  it("a region that linked and then refused leaves no second grant", async () => {
    amazon.faults.push((seen, usual) => {
      if (seen.what === "discovery") return jsonAnswer({}, 503);
      if (seen.what !== "enable" || seen.region !== "NA") return undefined;
      // Redeems the code, then says no: what a failing AcceptGrant looks like.
      return usual()
        .then((answer) => answer.text())
        .then(() => {
          amazon.linked.clear();
          amazon.regionOf.set("amazon-account-1", "EU");
          return jsonAnswer({ message: "no" }, 400);
        });
    });
    await link();
    const all = await rows<{ revoked_reason: string | null }>(
      "SELECT revoked_reason FROM grants WHERE skill_id IS NOT NULL ORDER BY created_at, revoked_reason",
    );
    expect(all.map((grant) => grant.revoked_reason).sort()).toEqual([null, "superseded_attempt"].sort());
    expect(await livingGrants(ada.userId)).toHaveLength(1);
  });

  it("says no when Alexa claims a link but never redeemed a code of ours", async () => {
    amazon.faults.push((seen) =>
      seen.what === "enable" ? jsonAnswer({ accountLink: { status: "LINKED" } }, 201) : undefined,
    );
    const { state, code: amazonCode } = await startAndApprove();
    expect(await code(await ada.complete({ state, code: amazonCode }))).toBe("enablement_rejected");
    expect(await rows("SELECT * FROM amazon_tokens")).toEqual([]);
  });

  it("when nobody can tell whether Alexa linked, an abandoned linking is undone here and at Amazon", async () => {
    let silent = true;
    amazon.faults.push((seen, usual) => {
      if (!silent) return undefined;
      if (seen.what === "enable")
        return usual()
          .then((answer) => answer.text())
          .then(timeOut);
      return seen.what === "look" ? timeOut() : undefined;
    });
    const { state, code: amazonCode, id } = await startAndApprove();
    expect(await code(await ada.complete({ state, code: amazonCode }))).toBe("enablement_unavailable");
    silent = false;
    expect(amazon.linked.size).toBe(1);
    // Nobody's link yet, whatever Alexa holds.
    expect(await json(await ada.call("GET", "/api/links"))).toMatchObject({ links: [{ status: "not_linked" }] });
    service.clock.advance(11 * 60_000);
    const rt = await runtimeOf(service);
    expect(await abandonExpiredLinkings(rt, 10)).toBe(1);
    expect(await linkingRow(id)).toMatchObject({ outcome: "abandoned", amazon_tokens: null });
    expect(await livingGrants(ada.userId)).toEqual([]);
    expect(await finishPendingUnlinks(rt, 10)).toBe(1);
    expect(amazon.linked.size).toBe(0);
    expect(await rows("SELECT * FROM pending_unlinks")).toEqual([]);
    expect(await code(await ada.complete({ state, code: amazonCode }))).toBe("state_expired");
  });

  it("when nobody can tell, the repeat keeps the grant that Alexa already holds", async () => {
    let silent = true;
    amazon.faults.push((seen, usual) => {
      if (seen.what === "enable" && silent)
        return usual()
          .then((answer) => answer.text())
          .then(timeOut);
      if (seen.what === "enable") return jsonAnswer({ message: "conflict" }, 409);
      return seen.what === "look" && silent ? timeOut() : undefined;
    });
    const { state, code: amazonCode } = await startAndApprove();
    expect(await code(await ada.complete({ state, code: amazonCode }))).toBe("enablement_unavailable");
    silent = false;
    expect((await ada.complete({ state, code: amazonCode })).status).toBe(200);
    const held = amazon.linked.get("amazon-account-1");
    expect((await service.request("/token", refresh(held?.refresh_token ?? ""))).status).toBe(200);
    expect(await livingGrants(ada.userId)).toHaveLength(1);
  });
});

describe("faults of ours", () => {
  it("C1: links although KV fails on every call", async () => {
    service.meter.faults.push({ when: (trip) => trip.store === "CODES", throws: "before" });
    await link();
    expect(await livingGrants(ada.userId)).toHaveLength(1);
  });

  it("T8, F5: a storage fault at any step is 503, and the same code links afterwards", async () => {
    const { state, code: amazonCode } = await startAndApprove();
    service.meter.clear();
    await ada.complete({ state, code: amazonCode });
    const trips = service.meter.trips.length;
    expect(trips).toBeGreaterThan(6);
    for (const throws of ["before", "after"] as const) {
      for (let at = 0; at < trips; at++) {
        const next = await startAndApprove();
        amazon.linked.clear();
        service.meter.clear();
        service.meter.faults.push({ when: (_, index) => index === at, throws, times: 1 });
        const first = await ada.complete({ state: next.state, code: next.code });
        // 422: the fault hit Alexa's own call to /token, and Alexa said no.
        const refused = first.status === 422;
        expect([200, 422, 503], `${throws} trip ${at}: ${first.status}`).toContain(first.status);
        await first.text();
        service.meter.clear();
        // A lease that storage did not let us give back runs out.
        service.clock.advance(26_000);
        const again = await ada.complete({ state: next.state, code: next.code });
        expect(again.status, `${throws} trip ${at}`).toBe(refused ? 422 : 200);
        await again.text();
        const grants = await rows("SELECT id FROM grants WHERE revoked_at IS NULL AND linking_id = ?", next.id);
        expect(grants, `${throws} trip ${at}`).toHaveLength(again.status === 200 ? 1 : 0);
      }
    }
  }, 120_000);

  it("a run that died is taken over after its lease, from Amazon's tokens on", async () => {
    const { state, code: amazonCode } = await startAndApprove();
    let dead = true;
    amazon.faults.push((seen) => (seen.what === "enable" && dead ? new Promise<Response>(() => {}) : undefined));
    void ada.callOnly("POST", "/api/links/complete", { state, code: amazonCode });
    await vi.waitUntil(() => amazon.calls("enable").length === 1);
    expect(await code(await ada.callOnly("POST", "/api/links/complete", { state, code: amazonCode }))).toBe(
      "in_progress",
    );
    dead = false;
    service.clock.advance(26_000);
    expect((await ada.callOnly("POST", "/api/links/complete", { state, code: amazonCode })).status).toBe(200);
    expect(amazon.calls("lwa")).toHaveLength(1);
    expect(await livingGrants(ada.userId)).toHaveLength(1);
  });
});
