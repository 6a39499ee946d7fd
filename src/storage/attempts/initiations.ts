// Initiations: one row for each link attempt with Alexa, however often its page is shown, from its first page or call.
import { type Sql, sql } from "../sql.ts";
import type { Flow, Stage } from "./attempts.ts";
import type { Platform } from "./started.ts";

export interface Initiation {
  /** Keyed hash of what identifies the attempt. */
  readonly key: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly flow: Exclude<Flow, "oauth">;
  readonly skillId: string | null;
  readonly platform: Platform | null;
  /** If known: the stage of the enablement call. */
  readonly stage: Stage | null;
  readonly locale: string;
  /** null: a call of the company's app. */
  readonly browserHash: string | null;
  /** null: nobody has signed in yet. */
  readonly userId: string | null;
}

const HOUR_MS = 3_600_000;
/** A page that is shown again within this many hours is the same attempt. */
const REMEMBERED_HOURS = 48;

/**
 * Adds initiations, or stores the person of an earlier one. One statement with two parameters, for any number. A person
 * who was erased in the meantime stays unknown.
 */
export function addInitiations(initiations: readonly Initiation[]): Sql {
  const rows = initiations.map((one) => [
    one.at - (one.at % HOUR_MS),
    one.key,
    one.at,
    one.flow,
    one.skillId,
    one.platform,
    one.stage,
    one.locale,
    one.browserHash,
    one.userId,
  ]);
  const before = Array.from({ length: REMEMBERED_HOURS }, (_, hour) => (hour + 1) * HOUR_MS);
  return sql`INSERT INTO initiations (hour_at, key, at, flow, skill_id, platform, stage, locale, browser_hash, user_id)
    SELECT COALESCE((SELECT i.hour_at FROM json_each(${JSON.stringify(before)}) b CROSS JOIN initiations i
        ON i.hour_at = (n.value ->> 0) - b.value AND i.key = n.value ->> 1 LIMIT 1), n.value ->> 0),
      n.value ->> 1, n.value ->> 2, n.value ->> 3, n.value ->> 4, n.value ->> 5, n.value ->> 6, n.value ->> 7, n.value ->> 8,
      (SELECT id FROM users WHERE id = n.value ->> 9)
    FROM json_each(${JSON.stringify(rows)}) n WHERE TRUE
    ON CONFLICT (hour_at, key) DO UPDATE SET user_id = excluded.user_id
      WHERE excluded.user_id IS NOT NULL AND user_id IS NOT excluded.user_id`;
}

/**
 * Replaces a user by `erased` in their initiations, which are still needed for counts of persons. No index finds them:
 * reads all rows since the user was created, and the hours before.
 */
export function anonymiseInitiations(userId: string, erased: string): Sql {
  const since = sql`(SELECT created_at FROM users WHERE id = ${userId}) - ${(REMEMBERED_HOURS + 1) * HOUR_MS}`;
  return sql`UPDATE initiations SET user_id = ${erased}, browser_hash = NULL WHERE hour_at >= ${since} AND user_id = ${userId}`;
}
