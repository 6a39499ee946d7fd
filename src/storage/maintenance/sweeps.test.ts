// Which attempts a sweep with a limit takes first, and what no ended attempt can hold.
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { plansOf } from "../../../test/support/query-plan.ts";
import { insert } from "../../../test/support/rows.ts";
import { SKILL_ID, seedEveryone } from "../../../test/support/seeds.ts";
import { START } from "../../../test/support/service.ts";
import { SWEEPS, sweep } from "./sweeps.ts";

const HOUR = 3_600_000;

it("the oldest expired attempts are abandoned first, so that open ones never use up the limit", async () => {
  for (const age of [1, 3, 2]) {
    const createdAt = START - age;
    await insert("attempts", { id: `age-${age}`, createdAt, expiresAt: START }).run();
  }
  const sweeps = SWEEPS.filter(({ name }) => name === "abandonedAttempts");
  await sweep(env.DB, sweeps, START, 2);
  const { results } = await env.DB.prepare("SELECT id FROM attempts WHERE outcome = 'abandoned' ORDER BY id").all();
  expect(results).toEqual([{ id: "age-2" }, { id: "age-3" }]);
});

it("the database refuses Amazon's tokens in an attempt that has ended", async () => {
  await insert("attempts", { amazonTokens: "sealed" }).run();
  const end = env.DB.prepare("UPDATE attempts SET outcome = 'failed'").run();
  await expect(end).rejects.toThrow("CHECK constraint failed");
});

it("S11: a flood of attempts leaves 500 of an hour without a person, or five for each person, once it is two hours old", async () => {
  const hour = START - (START % HOUR);
  const flood = (hourAt: number, people: number, strangers: number) =>
    env.DB.batch([
      ...Array.from({ length: people }, (_, i) => insert("initiations", { hourAt, key: `p${i}`, userId: `user-${i}` })),
      ...Array.from({ length: strangers }, (_, i) => insert("initiations", { hourAt, key: `s${i}`, userId: null })),
    ]);
  await flood(hour, 3, 700);
  await flood(hour + HOUR, 120, 700);
  const left = async (at: number) => {
    const sweeps = SWEEPS.filter(({ name }) => name === "surplusInitiations");
    await sweep(env.DB, sweeps, at, 1000);
    const { results } = await env.DB.prepare(
      "SELECT COUNT(*) AS rows, COUNT(user_id) AS people FROM initiations GROUP BY hour_at ORDER BY hour_at",
    ).all();
    return results.map(({ rows, people }) => [rows, people]);
  };
  expect(await left(hour + 2 * HOUR - 1)).toEqual([
    [703, 3],
    [820, 120],
  ]);
  expect(await left(hour + 2 * HOUR)).toEqual([
    [503, 3],
    [820, 120],
  ]);
  expect(await left(hour + 3 * HOUR)).toEqual([
    [503, 3],
    [720, 120],
  ]);
  expect(await left(hour + 3 * HOUR)).toEqual([
    [503, 3],
    [720, 120],
  ]);
});

it("S7: an event that comes after a person's erasure names their Alexa user for a few hours only", async () => {
  await seedEveryone();
  await insert("grants", { alexaUserId: "linked" }).run();
  const event = (id: string, type: string, alexaUserId: string) =>
    env.DB.prepare(
      "INSERT INTO skill_events (request_id, type, skill_id, alexa_user_id, event_at, received_at) VALUES (?, ?, ?, ?, ?, ?)",
    ).bind(id, type, SKILL_ID, alexaUserId, START, START);
  await env.DB.batch([
    event("erased", "SkillDisabled", "erased"),
    event("linked", "SkillDisabled", "linked"),
    // Counts of enablements need it.
    event("enabled", "SkillEnabled", "nobody"),
  ]);
  const named = async (at: number) => {
    const sweeps = SWEEPS.filter(({ name }) => name === "eventsOfNobody");
    await sweep(env.DB, sweeps, at, 1000);
    const { results } = await env.DB.prepare(
      "SELECT request_id FROM skill_events WHERE alexa_user_id IS NOT NULL",
    ).all();
    return results.map(({ request_id: id }) => id).sort();
  };
  // Until then an event may be late that shows whose link it was.
  expect(await named(START + 2 * HOUR - 1)).toEqual(["enabled", "erased", "linked"]);
  expect(await named(START - (START % HOUR) + 3 * HOUR)).toEqual(["enabled", "linked"]);
});

it("F4: events of nobody are found by their time, and links by their Alexa user", async () => {
  const ofNobody = SWEEPS.filter(({ name }) => name === "eventsOfNobody");
  const [plan] = await plansOf((db) => sweep(db, ofNobody, START, 10));
  expect(plan).toContain("USING INDEX skill_events_by_time (received_at>? AND received_at<?)");
  expect(plan).toContain("USING COVERING INDEX grants_by_alexa_user (alexa_user_id=?)");
});
