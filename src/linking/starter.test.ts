// Session fixation (S1): a linking is completed by its starter, who holds what Amazon answered, or by nobody.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Amazon } from "../../test/support/amazon.ts";
import { type AppUser, RETURN_URL, rows } from "../../test/support/app-user.ts";
import {
  linkingRow,
  livingGrants,
  problemCode,
  startAndApprove,
  startLinkingWorld,
} from "../../test/support/linking.ts";
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

describe("S1: cross-user session fixation (IEEE S&P 2026): whoever started it completes it, and holds what Amazon answered", () => {
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
    const { callback, id } = await startAndApprove(amazon, ada);
    const before = await linkingRow(id);
    const parked = await park(callback);
    expect(await linkingRow(id)).toEqual(before);
    expect(parked.result).not.toContain(callback.searchParams.get("code"));
    expect(await problemCode(await ada.complete({ state: parked.state }))).toBe("invalid_body");
    expect((await ada.complete(parked)).status).toBe(200);
    expect((await ada.complete(parked)).status).toBe(200);
    expect(await livingGrants(ada.userId)).toHaveLength(1);
  });

  it.each(["code", "result"])(
    "a victim who brings the %s of an attacker's linking ends it, with an alert",
    async (kind) => {
      const { callback, state, code: amazonCode, id } = await startAndApprove(amazon, ada, "amazon-account-of-bob");
      const brought = kind === "code" ? { state, code: amazonCode } : await park(callback);
      const refused = await bob.complete(brought);
      expect(refused.status).toBe(403);
      expect(await problemCode(refused)).toBe("wrong_user");
      expect(await linkingRow(id)).toMatchObject({ outcome: "failed", reason: "wrong_user" });
      expect(await rows("SELECT kind, alert, user_id FROM audit WHERE alert = 1")).toEqual([
        { kind: "linking_wrong_user", alert: 1, user_id: bob.userId },
      ]);
      const starter = await ada.complete(brought);
      expect(starter.status).toBe(409);
      expect(await problemCode(starter)).toBe("state_used");
      expect(await livingGrants(ada.userId)).toEqual([]);
      expect(await livingGrants(bob.userId)).toEqual([]);
      expect(amazon.calls("lwa", "enable")).toEqual([]);
    },
  );

  it("a wrong user changes nothing after success", async () => {
    const { state, code: amazonCode, id } = await startAndApprove(amazon, ada);
    await ada.complete({ state, code: amazonCode });
    expect(await problemCode(await bob.complete({ state, code: amazonCode }))).toBe("wrong_user");
    expect(await linkingRow(id)).toMatchObject({ outcome: "linked" });
    expect(await livingGrants(ada.userId)).toHaveLength(1);
    expect((await ada.complete({ state, code: amazonCode })).status).toBe(200);
  });

  it("a wrong user with an error or a forged result spends nothing", async () => {
    const { state, code: amazonCode } = await startAndApprove(amazon, ada);
    expect(await problemCode(await bob.complete({ state, error: "access_denied" }))).toBe("wrong_user");
    expect(await problemCode(await bob.complete({ state, result: "forged" }))).toBe("invalid_result");
    expect((await ada.complete({ state, code: amazonCode })).status).toBe(200);
  });

  it("a wrong user who comes while the starter's run is under way ends it, and nothing stays linked", async () => {
    const { state, code: amazonCode, id } = await startAndApprove(amazon, ada);
    amazon.faults.push((seen, usual) => {
      if (seen.what !== "enable") return undefined;
      return (async () => {
        const answer = await usual();
        await (await bob.callOnly("POST", "/api/links/complete", { state, code: amazonCode })).text();
        return answer;
      })();
    });
    const response = await ada.complete({ state, code: amazonCode });
    expect(await problemCode(response)).toBe("state_used");
    expect(await linkingRow(id)).toMatchObject({ outcome: "failed", reason: "wrong_user" });
    expect(await livingGrants(ada.userId)).toEqual([]);
    const held = amazon.linked.get("amazon-account-1");
    expect((await service.request("/token", refresh(held?.refresh_token ?? ""))).status).toBe(400);
    expect(await rows("SELECT host FROM pending_unlinks")).toEqual([{ host: "https://api.amazonalexa.com" }]);
  });

  it("a result is of its attempt, of its state, and five minutes old at most", async () => {
    const first = await startAndApprove(amazon, ada);
    const second = await startAndApprove(amazon, ada);
    const parked = await park(first.callback);
    for (const body of [
      { state: second.state, result: parked.result },
      { state: first.state, result: `${parked.result}x` },
      { state: first.state, result: "" },
    ]) {
      const response = await ada.complete(body);
      expect(response.status).toBe(400);
      expect(["invalid_result", "invalid_body"]).toContain(await problemCode(response));
    }
    service.clock.advance(5 * 60_000);
    expect(await problemCode(await ada.complete(parked))).toBe("invalid_result");
    expect((await ada.complete({ state: first.state, code: first.code })).status).toBe(200);
  });

  it("without a bearer nothing is answered and nothing spent", async () => {
    const { state, code: amazonCode, id } = await startAndApprove(amazon, ada);
    const response = await service.request("/api/links/complete", {
      method: "POST",
      body: JSON.stringify({ state, code: amazonCode }),
    });
    expect(response.status).toBe(401);
    await response.text();
    expect(await linkingRow(id)).toMatchObject({ outcome: "pending" });
  });
});
