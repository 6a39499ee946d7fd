// Rows that have had their time: found by an index, ended or deleted a chunk at a time, harmless when run twice.
import { batch } from "../d1.ts";

const DAY_MS = 24 * 3_600_000;

/** How long rows are kept after they have done their work, in milliseconds. */
export const KEPT_MS = {
  /** A spent code that comes again is told apart from an unknown one. */
  codes: DAY_MS,
  /** "Why is this customer unlinked?" can still be answered. */
  endedGrants: 30 * DAY_MS,
  /** While its row is there, sending the same import again revives nothing. */
  endedImports: 400 * DAY_MS,
  attempts: 180 * DAY_MS,
  /** Longer than the slowest counter takes to drain. */
  throttles: DAY_MS,
  audit: 400 * DAY_MS,
  metrics: 800 * DAY_MS,
  refusals: 90 * DAY_MS,
  /** Alexa's events may be an hour late; a repeat later than this would be stale anyway. */
  skillEvents: 7 * DAY_MS,
} as const;

interface Sweep {
  readonly name: string;
  /** Takes `?1` the time before which rows go, `?2` how many at most, `?3` now. */
  readonly sql: string;
  readonly keptMs: number;
}

const deletion = (table: string, key: string, condition: string): string =>
  `DELETE FROM ${table} WHERE ${key} IN (SELECT ${key} FROM ${table} WHERE ${condition} LIMIT ?2) AND ?3 = ?3 RETURNING 1 AS gone`;

/** The condition names the index that serves it, so that no run reads a whole table. */
export const SWEEPS: readonly Sweep[] = [
  {
    name: "abandonedAttempts",
    keptMs: 0,
    // A code that can still be redeemed, or a run that goes on, keeps its linking open. One that holds Amazon's tokens may have left
    // something at Amazon: `abandonExpiredAttempts` ends it.
    sql: `UPDATE attempts SET outcome = 'abandoned', finished_at = ?3,
            reason = COALESCE(reason, CASE WHEN state_hash IS NOT NULL THEN 'not_completed'
              WHEN decision = 'allow' THEN 'code_not_redeemed' WHEN user_id IS NULL THEN 'left_before_sign_in' ELSE 'left_before_consent' END)
          WHERE id IN (SELECT l.id FROM attempts l WHERE l.outcome = 'pending' AND l.expires_at <= ?1
            AND l.amazon_tokens IS NULL AND (l.running_until IS NULL OR l.running_until <= ?3)
            AND NOT EXISTS (SELECT 1 FROM codes c WHERE c.attempt_id = l.id AND c.spent_at IS NULL AND c.expires_at > ?3)
            LIMIT ?2) RETURNING 1 AS gone`,
  },
  { name: "attempts", keptMs: KEPT_MS.attempts, sql: deletion("attempts", "id", "created_at <= ?1") },
  { name: "codes", keptMs: KEPT_MS.codes, sql: deletion("codes", "code_hash", "expires_at <= ?1") },
  {
    name: "revokedGrants",
    keptMs: KEPT_MS.endedGrants,
    sql: deletion("grants", "id", "revoked_at IS NOT NULL AND imported_at IS NULL AND revoked_at <= ?1"),
  },
  {
    name: "endedImports",
    keptMs: KEPT_MS.endedImports,
    sql: deletion("grants", "id", "revoked_at IS NOT NULL AND imported_at IS NOT NULL AND revoked_at <= ?1"),
  },
  {
    name: "endedIdleLinks",
    keptMs: 0,
    // Told to whoever wants to know (webhooks) when they end, not when the row goes. What has ended by time alone is known by its dates.
    sql: `UPDATE grants SET revoked_at = ?3, revoked_reason = 'idle'
          WHERE id IN (SELECT id FROM grants WHERE idle_expires_at <= ?1 AND revoked_at IS NULL AND skill_id IS NOT NULL LIMIT ?2)
          RETURNING 1 AS gone`,
  },
  { name: "idleGrants", keptMs: KEPT_MS.endedGrants, sql: deletion("grants", "id", "idle_expires_at <= ?1") },
  {
    name: "expiredGrants",
    keptMs: KEPT_MS.endedGrants,
    sql: deletion("grants", "id", "expires_at IS NOT NULL AND expires_at <= ?1"),
  },
  { name: "endedSessions", keptMs: 0, sql: deletion("ended_sessions", "id", "expires_at <= ?1") },
  { name: "signInAttempts", keptMs: 0, sql: deletion("sign_in_attempts", "state_hash", "expires_at <= ?1") },
  { name: "throttles", keptMs: KEPT_MS.throttles, sql: deletion("throttles", "key", "updated_at <= ?1") },
  { name: "audit", keptMs: KEPT_MS.audit, sql: deletion("audit", "id", "at <= ?1") },
  { name: "metrics", keptMs: KEPT_MS.metrics, sql: deletion("oauth_metrics", "rowid", "hour_at <= ?1") },
  { name: "refusals", keptMs: KEPT_MS.refusals, sql: deletion("refusals", "rowid", "last_seen_at <= ?1") },
  {
    name: "skillEvents",
    keptMs: KEPT_MS.skillEvents,
    sql: deletion("skill_events", "request_id", "received_at <= ?1"),
  },
];

/** The statement of one sweep at `now`, for at most `limit` rows. */
export function sweepStatement(db: D1Database, sweep: Sweep, now: number, limit: number): D1PreparedStatement {
  return db.prepare(sweep.sql).bind(now - sweep.keptMs, limit, now);
}

/**
 * One round: each sweep takes at most `limit` rows, all in one batch. What each took; those that took `limit` have more to do.
 */
export async function sweep(
  db: D1Database,
  sweeps: readonly Sweep[],
  now: number,
  limit: number,
): Promise<Map<Sweep, number>> {
  // Rows are counted, not changes: what cascades and triggers do is counted among these.
  const results = await batch(
    db,
    sweeps.map((one) => sweepStatement(db, one, now, limit)),
    true,
  );
  return new Map(sweeps.map((one, index) => [one, results[index]?.length ?? 0]));
}
