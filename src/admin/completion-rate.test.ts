// The alert that the completion rate of a skill fell, against the week before.
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { insert } from "../../test/support/rows.ts";
import { SKILL_ID } from "../../test/support/seeds.ts";
import { type Service, START, startService } from "../../test/support/service.ts";

const HOUR = 3_600_000;
let made = 0;

/** Attempts that began at a time, and how many of them Alexa completed. */
async function attempts(at: number, count: number, completed: number): Promise<void> {
  const ids = Array.from({ length: count }, () => `attempt-${made++}`);
  const attempt = { skillId: SKILL_ID, createdAt: at, expiresAt: at + HOUR, outcome: "linked", userId: "ada" } as const;
  await env.DB.batch([
    ...ids.map((key) => insert("initiations", { hourAt: at - (at % HOUR), key, at, skillId: SKILL_ID })),
    ...ids.slice(0, completed).map((id) => insert("attempts", { id, ...attempt })),
    env.DB.prepare("UPDATE attempts SET redeemed_at = created_at"),
  ]);
}

async function open(service: Service): Promise<unknown> {
  await admin(service, "POST", "maintenance");
  return (await admin(service, "GET", "alerts?open=true")).body.items;
}

it("is raised at two thirds of the week before, held until five sixths, and cleared once", async () => {
  const service = startService();
  await attempts(START - 72 * HOUR, 60, 54);
  await attempts(START, 19, 0);
  expect(await open(service)).toEqual([]);
  await attempts(START, 1, 0);
  expect(await open(service)).toMatchObject([
    { name: "completion_rate_fell", numbers: { completed: 0, all: 20, rate: 0, rateBefore: 0.9 } },
  ]);
  await attempts(START, 40, 40);
  expect(await open(service)).toMatchObject([{ numbers: { completed: 40, all: 60 } }]);
  await attempts(START, 40, 40);
  expect(await open(service)).toEqual([]);
  const kinds = await env.DB.prepare("SELECT COUNT(*) AS n FROM audit WHERE kind LIKE 'alert_%'").first("n");
  expect(kinds).toBe(2);
});

it("is not raised while an alert is open that explains it", async () => {
  const service = startService();
  await attempts(START - 72 * HOUR, 60, 54);
  await attempts(START, 30, 0);
  await insert("oauthMetrics", { skillId: SKILL_ID, name: "lwa_refused_invalid_client", count: 20 }).run();
  expect(await open(service)).toMatchObject([{ name: "lwa_pair_refused" }]);
});
