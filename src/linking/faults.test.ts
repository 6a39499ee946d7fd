// Linking when our storage fails, or when an isolate dies during a run.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Amazon } from "../../test/support/amazon.ts";
import { type AppUser, rows } from "../../test/support/app-user.ts";
import { link, liveGrants, problemCode, startAndApprove, startLinkingWorld } from "../../test/support/linking.ts";
import { refresh } from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";

let service: Service;
let amazon: Amazon;
let ada: AppUser;

beforeEach(async () => {
  ({ service, amazon, ada } = await startLinkingWorld());
});
afterEach(() => vi.restoreAllMocks());

describe("our own failures", () => {
  it("C1: the account is linked although every KV call fails", async () => {
    service.meter.faults.push({ when: ({ store }) => store === "CODES", throws: "before" });
    await link(amazon, ada);
    expect(await liveGrants(ada.userId)).toHaveLength(1);
  });

  it("T8, F5: a storage failure at any call is transient, and the same code links afterwards", async () => {
    const { state, code: amazonCode } = await startAndApprove(amazon, ada);
    service.meter.clear();
    await ada.complete({ state, code: amazonCode });
    const calls = service.meter.roundTrips.length;
    expect(calls).toBeGreaterThan(6);
    for (const throws of ["before", "after"] as const) {
      for (let at = 0; at < calls; at++) {
        const next = await startAndApprove(amazon, ada);
        amazon.linked.clear();
        service.meter.clear();
        service.meter.faults.push({ when: (_, index) => index === at, throws, times: 1 });
        const first = await ada.complete({ state: next.state, code: next.code });
        // 422: Alexa's own call to /token failed, so Alexa refused.
        const refused = first.status === 422;
        expect([200, 422, 503], `${throws} call ${at}: ${first.status}`).toContain(first.status);
        await first.text();
        service.meter.clear();
        // A run whose end could not be stored blocks the attempt until its time limit.
        service.clock.advance(46_000);
        const again = await ada.complete({ state: next.state, code: next.code });
        expect(again.status, `${throws} call ${at}`).toBe(refused ? 422 : 200);
        await again.text();
        const grants = await rows("SELECT id FROM grants WHERE revoked_at IS NULL AND attempt_id = ?", next.id);
        expect(grants, `${throws} call ${at}`).toHaveLength(again.status === 200 ? 1 : 0);
      }
    }
  }, 120_000);

  it("when an isolate dies during a run, the same code works after 45 seconds, with Amazon's tokens reused", async () => {
    const { state, code: amazonCode } = await startAndApprove(amazon, ada);
    let dead = true;
    amazon.faults.push((seen) => (seen.what === "enable" && dead ? new Promise<Response>(() => {}) : undefined));
    void ada.callOnly("POST", "/api/links/complete", { state, code: amazonCode });
    await vi.waitUntil(() => amazon.calls("enable").length === 1);
    expect(await problemCode(await ada.callOnly("POST", "/api/links/complete", { state, code: amazonCode }))).toBe(
      "in_progress",
    );
    dead = false;
    service.clock.advance(46_000);
    expect((await ada.callOnly("POST", "/api/links/complete", { state, code: amazonCode })).status).toBe(200);
    expect(amazon.calls("lwa")).toHaveLength(1);
    expect(await liveGrants(ada.userId)).toHaveLength(1);
  });
});

it("a slow run does not undo the link that a later run made", async () => {
  const { state, code } = await startAndApprove(amazon, ada);
  let wake = () => {};
  amazon.faults.push((seen, usual) => {
    if (seen.what !== "enable" || amazon.calls("enable").length > 1) return undefined;
    return usual().then(async (response) => {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      return response;
    });
  });
  const slow = ada.callOnly("POST", "/api/links/complete", { state, code });
  await vi.waitUntil(() => amazon.linked.size === 1);
  service.clock.advance(46_000);
  expect((await ada.callOnly("POST", "/api/links/complete", { state, code })).status).toBe(200);
  wake();
  expect((await slow).status).toBe(200);
  await service.settled();
  expect(await liveGrants(ada.userId)).toHaveLength(1);
  expect(await rows("SELECT * FROM pending_unlinks")).toEqual([]);
  const held = amazon.linked.get("amazon-account-1");
  expect((await service.request("/token", refresh(held?.refresh_token ?? ""))).status).toBe(200);
});

it("an error that comes while another request ends the attempt with its own gets that request's response", async () => {
  const { state } = await ada.start();
  let first: Response | undefined;
  service.meter.faults.push({
    when: ({ sql }) => sql.includes("UPDATE attempts"),
    times: 1,
    meanwhile: async () => {
      first = await ada.callOnly("POST", "/api/links/complete", { state, error: "invalid_scope" });
    },
  });
  const second = await ada.complete({ state, error: "access_denied" });
  expect([first?.status, await problemCode(first as Response)]).toEqual([422, "amazon_denied"]);
  expect([second.status, await problemCode(second)]).toEqual([422, "amazon_denied"]);
});
