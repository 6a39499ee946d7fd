// Session fixation: an attempt is completed only by the user who started it, with Amazon's code or the sealed result.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Amazon } from "../../test/support/amazon.ts";
import { type AppUser, RETURN_URL, rows } from "../../test/support/app-user.ts";
import { attemptRow, liveGrants, problemCode, startAndApprove, startLinkingWorld } from "../../test/support/linking.ts";
import { refresh } from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";

let service: Service;
let amazon: Amazon;
let ada: AppUser;
let bob: AppUser;

beforeEach(async () => {
  ({ service, amazon, ada, bob } = await startLinkingWorld());
});
afterEach(() => vi.restoreAllMocks());

describe("S1: cross-user session fixation (IEEE S&P 2026): only the user who started an attempt can complete it", () => {
  /** The callback reaches a browser instead of the app: the redirect to the app's return URL. */
  async function park(callback: URL): Promise<{ state: string; result: string }> {
    const response = await service.request(callback.pathname + callback.search);
    expect(response.status).toBe(303);
    const location = new URL(response.headers.get("location") ?? "");
    expect(location.origin + location.pathname).toBe(RETURN_URL);
    expect(location.searchParams.get("status")).toBe("parked");
    return { state: location.searchParams.get("state") ?? "", result: location.searchParams.get("result") ?? "" };
  }

  it("a callback in a browser stores nothing, and its sealed result completes the attempt once", async () => {
    const { callback, id } = await startAndApprove(amazon, ada);
    const before = await attemptRow(id);
    const parked = await park(callback);
    expect(await attemptRow(id)).toEqual(before);
    expect(parked.result).not.toContain(callback.searchParams.get("code"));
    expect(await problemCode(await ada.complete({ state: parked.state }))).toBe("invalid_body");
    expect((await ada.complete(parked)).status).toBe(200);
    expect((await ada.complete(parked)).status).toBe(200);
    expect(await liveGrants(ada.userId)).toHaveLength(1);
  });

  it.each(["code", "result"])(
    "a victim who presents the %s of an attacker's attempt ends it, with an alert",
    async (kind) => {
      const { callback, state, code: amazonCode, id } = await startAndApprove(amazon, ada, "amazon-account-of-bob");
      const presented = kind === "code" ? { state, code: amazonCode } : await park(callback);
      const refused = await bob.complete(presented);
      expect(refused.status).toBe(403);
      expect(await problemCode(refused)).toBe("wrong_user");
      expect(await attemptRow(id)).toMatchObject({ outcome: "failed", reason: "wrong_user" });
      expect(await rows("SELECT kind, alert, user_id FROM audit WHERE alert = 1")).toEqual([
        { kind: "linking_wrong_user", alert: 1, user_id: bob.userId },
      ]);
      const starter = await ada.complete(presented);
      expect(starter.status).toBe(409);
      expect(await problemCode(starter)).toBe("state_used");
      expect(await liveGrants(ada.userId)).toEqual([]);
      expect(await liveGrants(bob.userId)).toEqual([]);
      expect(amazon.calls("lwa", "enable")).toEqual([]);
    },
  );

  it("another user cannot change a linked attempt", async () => {
    const { state, code: amazonCode, id } = await startAndApprove(amazon, ada);
    await ada.complete({ state, code: amazonCode });
    expect(await problemCode(await bob.complete({ state, code: amazonCode }))).toBe("wrong_user");
    expect(await attemptRow(id)).toMatchObject({ outcome: "linked" });
    expect(await liveGrants(ada.userId)).toHaveLength(1);
    expect((await ada.complete({ state, code: amazonCode })).status).toBe(200);
  });

  it("another user with an error or a forged result does not end the attempt", async () => {
    const { state, code: amazonCode } = await startAndApprove(amazon, ada);
    expect(await problemCode(await bob.complete({ state, error: "access_denied" }))).toBe("wrong_user");
    expect(await problemCode(await bob.complete({ state, result: "forged" }))).toBe("invalid_result");
    expect((await ada.complete({ state, code: amazonCode })).status).toBe(200);
  });

  it("another user who presents the code during the run ends the attempt, and no grant stays live", async () => {
    const { state, code: amazonCode, id } = await startAndApprove(amazon, ada);
    amazon.faults.push((seen, usual) => {
      if (seen.what !== "enable") return undefined;
      return (async () => {
        const response = await usual();
        await (await bob.callOnly("POST", "/api/links/complete", { state, code: amazonCode })).text();
        return response;
      })();
    });
    const response = await ada.complete({ state, code: amazonCode });
    expect(await problemCode(response)).toBe("state_used");
    expect(await attemptRow(id)).toMatchObject({ outcome: "failed", reason: "wrong_user" });
    expect(await liveGrants(ada.userId)).toEqual([]);
    const held = amazon.linked.get("amazon-account-1");
    expect((await service.request("/token", refresh(held?.refresh_token ?? ""))).status).toBe(400);
    expect(await rows("SELECT host FROM pending_unlinks")).toEqual([{ host: "https://api.amazonalexa.com" }]);
  });

  it("a sealed result is valid for its own attempt and for five minutes", async () => {
    const first = await startAndApprove(amazon, ada);
    const second = await startAndApprove(amazon, ada);
    const parked = await park(first.callback);
    for (const [state, result, code] of [
      [second.state, parked.result, "invalid_result"],
      [first.state, `${parked.result}x`, "invalid_result"],
      [first.state, "", "invalid_body"],
    ] as const) {
      const response = await ada.complete({ state, result });
      expect(response.status).toBe(400);
      expect(await problemCode(response)).toBe(code);
    }
    service.clock.advance(5 * 60_000);
    expect(await problemCode(await ada.complete(parked))).toBe("invalid_result");
    expect((await ada.complete({ state: first.state, code: first.code })).status).toBe(200);
  });

  it("a request without an access token is 401 and leaves the attempt pending", async () => {
    const { state, code: amazonCode, id } = await startAndApprove(amazon, ada);
    const response = await service.request("/api/links/complete", {
      method: "POST",
      body: JSON.stringify({ state, code: amazonCode }),
    });
    expect(response.status).toBe(401);
    await response.text();
    expect(await attemptRow(id)).toMatchObject({ outcome: "pending" });
  });
});
