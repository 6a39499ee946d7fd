// 10,000 links move here while Alexa uses them, and the database fails at each round trip of the calls that move them.
import { expect, it } from "vitest";
import { admin } from "../support/admin.ts";
import { rows } from "../support/app-user.ts";
import { createRandom } from "../support/random.ts";
import { json, refresh, SKILL_ID, seedSkill } from "../support/seeds.ts";
import { type Service, startService } from "../support/service.ts";
import { asAlexa } from "../support/tokens.ts";

const LINKS = 10_000;
const PEOPLE = 4000;
const BATCH = 100;
const AT_ONCE = 4;
const SEED = 2_026_1129;

const owner = (link: number) => `person-${link % PEOPLE}`;
const tokenOf = (link: number) => `old-server|${link}.~`;

async function hashOf(token: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from(token))).toString("base64url");
}

/** How the database may fail: the write happened or not, and the server may repeat it or not. */
const FAULTS = [0, 1, 2].flatMap((at) =>
  (["before", "after"] as const).flatMap((throws) =>
    ["Network connection lost", "D1_ERROR: injected fault"].map((message) => ({ at, throws, message })),
  ),
);

/** One call with one fault, repeated as `move-in` does until it is taken. The statuses of the items. */
async function send(service: Service, path: string, items: readonly object[], nth: number): Promise<string[]> {
  const { at, throws, message } = FAULTS[nth % FAULTS.length]!;
  service.meter.clear();
  service.meter.faults.push({ when: (_, index) => index === at, throws, message, times: 1, mayMiss: true });
  for (let tried = 0; tried < 3; tried++) {
    const { status, body } = await admin(service, "POST", path, { items });
    if (status === 503) continue;
    expect(status, JSON.stringify(body)).toBe(200);
    return (body.items as { status: string }[]).map((one) => one.status);
  }
  throw new Error("not taken after three tries");
}

it("of 10,000 links that move while they are in use none is lost, doubled, revived or somebody else's", async () => {
  const random = createRandom(SEED);
  await seedSkill();
  const alexa = startService();
  /** Each has its own connection to the database, as the calls of `move-in` have. */
  const importers = Array.from({ length: AT_ONCE }, () => startService());
  let nth = 0;
  for (let from = 0; from < PEOPLE; from += BATCH) {
    const people = Array.from({ length: BATCH }, (_, i) => ({
      id: owner(from + i),
      email: `p${from + i}@example.com`,
    }));
    const service = importers[0]!;
    const statuses = await send(service, "imports/users", people, nth++);
    expect(statuses.every((status) => status === "imported" || status === "exists")).toBe(true);
  }
  const moved = new Set<number>();
  const ended = new Set<number>();
  let refused = 0;

  /** Alexa presents a token here; until it has moved the old server is the one that takes it. */
  async function use(link: number): Promise<void> {
    const [wasMoved, wasEnded] = [moved.has(link), ended.has(link)];
    const response = await alexa.request("/token", refresh(tokenOf(link)));
    if (response.status === 400) {
      refused++;
      expect(wasMoved && !wasEnded && !ended.has(link), `link ${link}`).toBe(false);
      return;
    }
    expect([response.status, wasEnded]).toEqual([200, false]);
    const { access_token: token, refresh_token: same } = await json(response);
    const { sub } = JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString()) as { sub: string };
    expect([sub, same]).toEqual([owner(link), tokenOf(link)]);
  }

  async function end(link: number): Promise<void> {
    ended.add(link);
    expect((await alexa.request("/revoke", asAlexa({ token: tokenOf(link) }))).status).toBe(200);
  }

  async function move(service: Service, from: number): Promise<void> {
    const links = Array.from({ length: BATCH }, (_, i) => from + i);
    const items = await Promise.all(
      links.map(async (link) => ({
        skillId: SKILL_ID,
        user: random.oneIn(2) ? { id: owner(link) } : { email: `p${link % PEOPLE}@example.com` },
        refreshTokenSha256: await hashOf(tokenOf(link)),
      })),
    );
    const statuses = await send(service, "imports", items, nth++);
    statuses.forEach((status, index) => {
      const allowed = ended.has(links[index]!) ? ["ended", "exists", "imported"] : ["exists", "imported"];
      expect(allowed).toContain(status);
    });
    for (const link of links) moved.add(link);
  }

  const starts = Array.from({ length: LINKS / BATCH }, (_, i) => i * BATCH);
  // Some batches are sent again, as after a run that was stopped.
  const queue = starts.flatMap((start) => (random.oneIn(4) ? [start, start] : [start]));
  while (queue.length > 0) {
    const batches = queue.splice(0, AT_ONCE);
    const inUse = Array.from({ length: 12 }, () => random.pick(batches) + random.below(BATCH));
    await Promise.all([
      ...batches.map((from, index) => move(importers[index]!, from)),
      ...inUse.map(use),
      ...Array.from({ length: 4 }, () => use(random.below(LINKS))),
    ]);
    const link = random.pick(batches) + random.below(BATCH);
    if (!ended.has(link)) await end(link);
  }
  for (const from of starts.filter(() => random.oneIn(5))) await move(importers[0]!, from);

  const found = await rows<{ hash: string; userId: string; isLive: number }>(
    `SELECT refresh_hash AS hash, user_id AS "userId", revoked_at IS NULL AS "isLive" FROM grants`,
  );
  const expected = await Promise.all(
    Array.from({ length: LINKS }, async (_, link) => ({
      hash: await hashOf(tokenOf(link)),
      userId: owner(link),
      isLive: Number(!ended.has(link)),
    })),
  );
  const sorted = (list: typeof expected) => list.toSorted((a, b) => (a.hash < b.hash ? -1 : 1));
  expect(sorted(found)).toEqual(sorted(expected));
  const audits = await rows<{ n: number }>("SELECT COUNT(*) AS n FROM audit WHERE kind = 'grant_imported'");
  expect(audits).toEqual([{ n: LINKS }]);
  expect(await rows("SELECT COUNT(*) AS n FROM users")).toEqual([{ n: PEOPLE }]);
  for (let i = 0; i < 500; i++) await use(random.below(LINKS));
  for (const link of ended) await use(link);
  expect(ended.size).toBeGreaterThan(20);
  expect(refused).toBeGreaterThan(ended.size);
}, 300_000);
