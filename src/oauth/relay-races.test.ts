// The relay under races, slow responses and faults: every link moves once, and none is lost.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { rows } from "../../test/support/app-user.ts";
import {
  type OldServer,
  outcomeOf,
  RELAY_VARIABLES,
  relayToOldServer,
  startBesideOldServer,
  OLD_TOKEN as TOKEN,
} from "../../test/support/old-server.ts";
import { refresh } from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";
import { anotherIsolate, countOf, MINUTE } from "../../test/support/tokens.ts";

let service: Service;
let old: OldServer;

beforeEach(async () => {
  ({ service, old } = await startBesideOldServer());
  await relayToOldServer(service);
});
afterEach(() => vi.restoreAllMocks());

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

it("twenty refreshes at once, in two isolates, make one call and one grant, and all succeed", async () => {
  old.rotating = true;
  old.fault = async (usual) => {
    await pause(100);
    return usual();
  };
  const isolates = [service, anotherIsolate(service, RELAY_VARIABLES)];
  const responses = await Promise.all(
    Array.from({ length: 20 }, (_, i) => isolates[i % 2]?.request("/token", refresh(TOKEN))),
  );
  expect(responses.map((response) => response?.status)).toEqual(Array(20).fill(200));
  expect(old.requests).toHaveLength(1);
  expect(await countOf("grants")).toBe(1);
  expect(await countOf("audit", "kind = 'grant_relayed'")).toBe(1);
  expect(await countOf("webhook_outbox")).toBe(1);
});

it("refreshes at once with a token that the old server refuses all end as invalid_grant, after one call", async () => {
  old.links.clear();
  const outcomes = await Promise.all(
    Array.from({ length: 5 }, () => outcomeOf(service.request("/token", refresh(TOKEN)))),
  );
  expect(outcomes).toEqual(Array(5).fill({ status: 400, error: "invalid_grant", retryAfter: null }));
  expect(old.requests).toHaveLength(1);
});

it("a response that comes later than Alexa waits moves the link all the same, for Alexa's next request", async () => {
  old.rotating = true;
  old.fault = async (usual) => {
    await pause(3_200);
    return usual();
  };
  const first = await outcomeOf(service.requestOnly("/token", refresh(TOKEN)));
  expect(first).toEqual({ status: 503, error: "temporarily_unavailable", retryAfter: "2" });
  await service.settled();
  expect((await outcomeOf(service.request("/token", refresh(TOKEN)))).status).toBe(200);
  expect(old.requests).toHaveLength(1);
});

it("a client that presents very many unknown tokens reaches the old server only so often in a minute", async () => {
  await service.request("/token", refresh("unknown"));
  await service.env.DB.prepare("UPDATE throttles SET failures = 6000 WHERE failures < 1000000").run();
  const before = old.requests.length;
  expect(await outcomeOf(service.request("/token", refresh(TOKEN)))).toMatchObject({ status: 503, retryAfter: "60" });
  expect(old.requests).toHaveLength(before);
  service.clock.advance(MINUTE);
  expect((await outcomeOf(service.request("/token", refresh(TOKEN)))).status).toBe(200);
});

it("a grant that cannot be written at first is written again, because the old server does not accept twice", async () => {
  old.rotating = true;
  service.meter.faults.push({ when: ({ sql }) => sql.includes("INSERT INTO grants"), throws: "before", times: 2 });
  const first = await outcomeOf(service.request("/token", refresh(TOKEN)));
  expect([200, 503]).toContain(first.status);
  expect((await outcomeOf(service.request("/token", refresh(TOKEN)))).status).toBe(200);
  expect(old.requests).toHaveLength(1);
});

/** More round trips than a relayed refresh makes. */
const MOST_ROUND_TRIPS = 9;

for (const rotating of [false, true]) {
  for (const throws of ["before", "after"] as const) {
    it(`a fault ${throws} any round trip loses and doubles nothing (${rotating ? "rotating" : "stable"} tokens there)`, async () => {
      old.rotating = rotating;
      for (let at = 0; at < MOST_ROUND_TRIPS; at++) {
        const token = `${TOKEN}-${at}`;
        old.links.set(token, { sub: `person-${at}` });
        const isolate = anotherIsolate(service, RELAY_VARIABLES);
        isolate.meter.faults.push({ when: (_, index) => index === at, throws, mayMiss: true, times: 1 });
        const first = await outcomeOf(isolate.request("/token", refresh(token)));
        expect([200, 503], `round trip ${at}`).toContain(first.status);
        isolate.clock.advance(2 * MINUTE);
        isolate.meter.clear();
        expect((await outcomeOf(isolate.request("/token", refresh(token)))).status, `round trip ${at}`).toBe(200);
        const found = await rows(
          "SELECT g.id FROM grants g JOIN identities i ON i.user_id = g.user_id WHERE i.subject = ?",
          `person-${at}`,
        );
        expect(found, `round trip ${at}`).toHaveLength(1);
      }
      expect(await countOf("audit", "kind = 'grant_relayed'")).toBe(MOST_ROUND_TRIPS);
      expect(await countOf("identities")).toBe(MOST_ROUND_TRIPS);
    });
  }
}
