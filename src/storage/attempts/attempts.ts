// Linkings: one row per attempt, from its first POST, with the time of every step and a tagged failure.

import { type Sql, sql, write } from "../sql.ts";

export type Flow = "alexa_app" | "app_to_app" | "website" | "app_authorize" | "oauth";
export type Stage = "development" | "live";

/** What is known of an attempt before anything is stored. Travels sealed through forms. */
export interface AttemptStart {
  readonly attemptId: string;
  readonly traceId: string;
  readonly flow: Flow;
  readonly skillId: string | null;
  readonly clientId: string | null;
}

/** How long an attempt may stay undecided, from its first POST. */
export const ATTEMPT_LIFETIME_MS = 60 * 60 * 1000;

/**
 * Adds a step to an attempt, inserting the row when it is the first. Running it again adds the step again, so that
 * "wrong password, wrong password, signed in" can be read there; at most 40 steps are kept.
 */
export function addStep(
  start: AttemptStart,
  step: string,
  at: number,
  who: { readonly userId?: string | null; readonly browserHash?: string | null } = {},
): Sql {
  const entry = sql`json_object('name', ${step}, 'at', ${at})`;
  return sql`
    INSERT INTO attempts (id, trace_id, flow, skill_id, client_id, user_id, browser_hash, outcome, steps, created_at, expires_at)
    VALUES (${start.attemptId}, ${start.traceId}, ${start.flow}, ${start.skillId}, ${start.clientId},
      ${who.userId}, ${who.browserHash}, 'pending', json_array(${entry}), ${at}, ${at + ATTEMPT_LIFETIME_MS})
    ON CONFLICT (id) DO UPDATE SET
      user_id = COALESCE(excluded.user_id, user_id),
      steps = CASE WHEN json_array_length(steps) < 40 THEN json_insert(steps, '$[#]', ${entry}) ELSE steps END
    WHERE decided_at IS NULL`;
}

/** Adds a step to an attempt. One write. */
export async function recordStep(db: D1Database, ...step: Parameters<typeof addStep>): Promise<void> {
  await write(db, addStep(...step), true);
}
