// Linking when our own storage fails, or an isolate dies during a run.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Amazon } from "../../test/support/amazon.ts";
import { type AppUser, rows } from "../../test/support/app-user.ts";
import { link, livingGrants, problemCode, startAndApprove, startLinkingWorld } from "../../test/support/linking.ts";
import { refresh } from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";

let service: Service;
let amazon: Amazon;
let ada: AppUser;

beforeEach(async () => {
  ({ service, amazon, ada } = await startLinkingWorld());
});
afterEach(() => vi.restoreAllMocks());

describe("failures of ours", () => {
  it("C1: links although KV fails on every call", async () => {
    service.meter.faults.push({ when: (trip) => trip.store === "CODES", throws: "before" });
    await link(amazon, ada);
    expect(await livingGrants(ada.userId)).toHaveLength(1);
  });

  it("T8, F5: a storage fault at any step is 503, and the same code links afterwards", async () => {
    const { state, code: amazonCode } = await startAndApprove(amazon, ada);
    service.meter.clear();
    await ada.complete({ state, code: amazonCode });
    const trips = service.meter.trips.length;
    expect(trips).toBeGreaterThan(6);
    for (const throws of ["before", "after"] as const) {
      for (let at = 0; at < trips; at++) {
        const next = await startAndApprove(amazon, ada);
        amazon.linked.clear();
        service.meter.clear();
        service.meter.faults.push({ when: (_, index) => index === at, throws, times: 1 });
        const first = await ada.complete({ state: next.state, code: next.code });
        // 422: the fault hit Alexa's own call to /token, and Alexa said no.
        const refused = first.status === 422;
        expect([200, 422, 503], `${throws} trip ${at}: ${first.status}`).toContain(first.status);
        await first.text();
        service.meter.clear();
        // A run whose end could not be stored blocks the attempt until its time is over.
        service.clock.advance(46_000);
        const again = await ada.complete({ state: next.state, code: next.code });
        expect(again.status, `${throws} trip ${at}`).toBe(refused ? 422 : 200);
        await again.text();
        const grants = await rows("SELECT id FROM grants WHERE revoked_at IS NULL AND attempt_id = ?", next.id);
        expect(grants, `${throws} trip ${at}`).toHaveLength(again.status === 200 ? 1 : 0);
      }
    }
  }, 120_000);

  it("when an isolate dies in a run, the same code may come again after 45 seconds, and goes on from Amazon's tokens", async () => {
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
    expect(await livingGrants(ada.userId)).toHaveLength(1);
  });
});

it("a run that goes on after another has started does not undo the other's link", async () => {
  const { state, code } = await startAndApprove(amazon, ada);
  let wake = () => {};
  amazon.faults.push((seen, usual) => {
    if (seen.what !== "enable" || amazon.calls("enable").length > 1) return undefined;
    return usual().then(async (answer) => {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      return answer;
    });
  });
  const slow = ada.callOnly("POST", "/api/links/complete", { state, code });
  await vi.waitUntil(() => amazon.linked.size === 1);
  service.clock.advance(46_000);
  expect((await ada.callOnly("POST", "/api/links/complete", { state, code })).status).toBe(200);
  wake();
  expect((await slow).status).toBe(200);
  await service.settled();
  expect(await livingGrants(ada.userId)).toHaveLength(1);
  expect(await rows("SELECT * FROM pending_unlinks")).toEqual([]);
  const held = amazon.linked.get("amazon-account-1");
  expect((await service.request("/token", refresh(held?.refresh_token ?? ""))).status).toBe(200);
});
