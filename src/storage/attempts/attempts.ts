// Linkings: one row per attempt, from its first POST, with the time of every step and a tagged failure.

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
 * Adds a step to an attempt, making the row when it is the first. Repeating it adds the step again, so that
 * "wrong password, wrong password, signed in" can be read there; at most 40 steps are kept.
 */
export function stepStatement(
  db: D1Database,
  start: AttemptStart,
  step: string,
  at: number,
  who: { readonly userId?: string | null; readonly browserHash?: string | null } = {},
): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO attempts (id, trace_id, flow, skill_id, client_id, user_id, browser_hash, outcome, steps, created_at, expires_at)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'pending', json_array(json_object('name', ?8, 'at', ?9)), ?9, ?10)
       ON CONFLICT (id) DO UPDATE SET
         user_id = COALESCE(excluded.user_id, user_id),
         steps = CASE WHEN json_array_length(steps) < 40
           THEN json_insert(steps, '$[#]', json_object('name', ?8, 'at', ?9)) ELSE steps END
       WHERE decided_at IS NULL`,
    )
    .bind(
      start.attemptId,
      start.traceId,
      start.flow,
      start.skillId,
      start.clientId,
      who.userId ?? null,
      who.browserHash ?? null,
      step,
      at,
      at + ATTEMPT_LIFETIME_MS,
    );
}
