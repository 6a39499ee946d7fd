// Which attempts a sweep with a limit takes first, and what no ended attempt can hold.
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { insert } from "../../../test/support/rows.ts";
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
