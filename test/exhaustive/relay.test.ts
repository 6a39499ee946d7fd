// Ten thousand links move from an old server by the relay while Alexa uses them, and while that server and our storage
// fail again and again.
import { afterEach, expect, it, vi } from "vitest";
import { rows } from "../support/app-user.ts";
import { RELAY_VARIABLES, relayToOldServer, startOldServer } from "../support/old-server.ts";
import { refresh, seedEveryone } from "../support/seeds.ts";
import { startService } from "../support/service.ts";
import { anotherIsolate, countOf, MINUTE } from "../support/tokens.ts";

const LINKS = 10_000;
/** Two links for each person. */
const PEOPLE = LINKS / 2;
const AT_ONCE = 1_000;

afterEach(() => vi.restoreAllMocks());

/** The same numbers in each run, from 0 to 1. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

it(`${LINKS} links move while they are in use: none is lost, none is doubled`, { timeout: 1_800_000 }, async () => {
  const random = numbers(13);
  const service = startService(RELAY_VARIABLES);
  await seedEveryone();
  const old = startOldServer();
  await relayToOldServer(service);
  const tokens = Array.from({ length: LINKS }, (_, i) => `old-token-${i}`);
  for (const [i, token] of tokens.entries()) old.links.set(token, { sub: `person-${i % PEOPLE}` });
  // How often each token was presented to the old server within this minute.
  const calls = new Map<string, number>();
  old.fault = async (usual, { fields }) => {
    const token = fields.refresh_token ?? "";
    calls.set(token, (calls.get(token) ?? 0) + 1);
    const fate = random();
    if (fate < 0.05) return new Response("", { status: 502 });
    if (fate < 0.1) {
      await usual();
      throw new TypeError("Network connection lost.");
    }
    if (fate < 0.12) return new Response("<html>Maintenance</html>");
    return usual();
  };
  const isolates = [service, anotherIsolate(service, RELAY_VARIABLES), anotherIsolate(service, RELAY_VARIABLES)];
  for (const isolate of isolates) {
    isolate.meter.faults.push(
      { when: () => random() < 0.005, throws: "before", mayMiss: true },
      { when: () => random() < 0.005, throws: "after", mayMiss: true },
    );
  }

  let left = tokens;
  for (let minute = 0; left.length > 0; minute++) {
    expect(minute, `${left.length} links have not moved`).toBeLessThan(60);
    const failed = new Set<string>();
    for (let start = 0; start < left.length; start += AT_ONCE) {
      const chunk = left.slice(start, start + AT_ONCE);
      // Alexa refreshes some links twice at the same time, and again those that have moved.
      const again = chunk.filter(() => random() < 0.1);
      const moved = tokens.filter(() => random() < 5 / LINKS);
      await Promise.all(
        [...chunk, ...again, ...moved].map(async (token) => {
          const isolate = isolates[Math.floor(random() * isolates.length)] ?? service;
          const { status } = await isolate.request("/token", refresh(token));
          expect([200, 503], token).toContain(status);
          if (status === 503 && chunk.includes(token)) failed.add(token);
        }),
      );
      for (const isolate of isolates) isolate.meter.roundTrips.length = 0;
    }
    // On a machine with other work, a minute may pass in which every request meets its deadline before the call.
    expect(Math.max(1, ...calls.values())).toBe(1);
    calls.clear();
    left = [...failed];
    service.clock.advance(MINUTE);
  }

  for (const isolate of isolates) isolate.meter.faults.length = 0;
  expect(await countOf("grants", "revoked_at IS NULL")).toBe(LINKS);
  expect(await countOf("audit", "kind = 'grant_relayed'")).toBe(LINKS);
  expect(await countOf("webhook_outbox", "type = 'link.created'")).toBe(LINKS);
  expect(await countOf("identities", "method = 'oidc'")).toBe(PEOPLE);
  expect(
    await rows("SELECT user_id FROM grants GROUP BY user_id HAVING COUNT(*) <> 2"),
    "people without exactly their two links",
  ).toEqual([]);
  // The old server is switched off.
  old.fault = () => Promise.reject(new TypeError("Network connection lost."));
  const calledBefore = old.requests.length;
  for (const token of tokens.filter((_, i) => i % 10 === 0)) {
    expect((await service.request("/token", refresh(token))).status, token).toBe(200);
    service.meter.roundTrips.length = 0;
  }
  expect(old.requests).toHaveLength(calledBefore);
});
