// Expired rows: found by an index, updated or deleted in chunks, harmless when run twice.
import { GIVEN_UP_AT } from "../given-up.ts";
import { endGrants } from "../grants/grants.ts";
import { batch, type Sql, sql, sqlName, sqlNames } from "../sql.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** How long rows are kept after they were last needed, in milliseconds. */
export const KEPT_MS = {
  /** A replay of a spent code can be distinguished from an unknown code. */
  codes: DAY_MS,
  /** For the question why a customer is no longer linked. */
  endedGrants: 30 * DAY_MS,
  /** While its row exists, sending the same import again does not restore the link. */
  endedImports: 400 * DAY_MS,
  attempts: 400 * DAY_MS,
  initiations: 400 * DAY_MS,
  /** By then, a person who started an attempt has signed in or left. */
  surplusInitiations: 2 * HOUR_MS,
  /** Attempts in which nobody has signed in. */
  attemptsWithoutPerson: DAY_MS,
  /** A session's cookie lives for 30 days; after that its row still makes the browser known to the account. */
  sessions: 365 * DAY_MS,
  /** Longer than the slowest counter takes to drain, which is 150 minutes. */
  throttles: 3 * 3_600_000,
  audit: 400 * DAY_MS,
  metrics: 800 * DAY_MS,
  /** Counted from when it was raised. Open ones stay. */
  alerts: 400 * DAY_MS,
  refusals: 90 * DAY_MS,
  shownErrors: 30 * DAY_MS,
  /** Messages that were given up five days after the event, and 30 days more. */
  givenUpWebhooks: 35 * DAY_MS,
  /** For the number of enablements; a repeat this late is refused as stale anyway. */
  skillEvents: 400 * DAY_MS,
  /** By then, a late event has shown whose link it was. */
  eventsOfNobody: 3 * HOUR_MS,
} as const;

export interface Sweep {
  readonly name: string;
  readonly keptMs: number;
  /** Anyone can write such rows: one run of maintenance deletes all that are due. */
  readonly ofStrangers?: true;
  /** The last statement returns one row per row ended or deleted: those from `before`, at most `limit`. */
  statements(before: number, limit: number, now: number): readonly Sql[];
}

/** Deletes rows that meet a condition, by their key. */
function deletionWhere(table: string, key: readonly string[], condition: (before: number) => Sql): Sweep["statements"] {
  const [from, id] = [sqlName(table), sqlNames(key)];
  return (before, limit) => [
    sql`DELETE FROM ${from} WHERE (${id}) IN (SELECT ${id} FROM ${from} WHERE ${condition(before)} LIMIT ${limit})
      RETURNING 1 AS gone`,
  ];
}

/** Deletes rows whose `column` is at or before the time and that meet `condition`. An index begins with `column`. */
function deletion(table: string, key: readonly string[], column: string, condition = sql`TRUE`): Sweep["statements"] {
  return deletionWhere(table, key, (before) => sql`${sqlName(column)} <= ${before} AND ${condition}`);
}

/**
 * Deletes links. Persons of enablements are counted for longer: the events of an Alexa user without another link get the
 * customer's id in its place.
 */
function deleteGrants(column: string, condition: Sql): Sweep["statements"] {
  const at = sqlName(column);
  return (before, limit, now) => {
    const due = sql`SELECT id FROM grants WHERE ${at} <= ${before} AND ${condition} LIMIT ${limit}`;
    const alexaUsers = sql`SELECT g.alexa_user_id FROM grants g WHERE g.id IN (${due}) AND g.alexa_user_id IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM grants o WHERE o.alexa_user_id = g.alexa_user_id AND o.id NOT IN (${due}))`;
    const user = sql`SELECT g.user_id FROM grants g WHERE g.alexa_user_id = skill_events.alexa_user_id ORDER BY g.created_at DESC LIMIT 1`;
    return [
      sql`UPDATE skill_events SET alexa_user_id = (${user}) WHERE alexa_user_id IN (${alexaUsers})`,
      ...deletion("grants", ["id"], column, condition)(before, limit, now),
    ];
  };
}

/** Attempts that expired unfinished, except those with a redeemable code or a run in progress. */
function abandonAttempts(before: number, limit: number, now: number): Sql[] {
  return [
    sql`UPDATE attempts SET outcome = 'abandoned', finished_at = ${now},
      reason = COALESCE(reason, CASE WHEN state_hash IS NOT NULL THEN 'not_completed'
        WHEN decision = 'allow' THEN 'code_not_redeemed' WHEN user_id IS NULL THEN 'left_before_sign_in'
        ELSE 'left_before_consent' END)
    WHERE id IN (SELECT a.id FROM attempts a WHERE a.outcome = 'pending' AND a.created_at <= ${before} AND a.expires_at <= ${before}
      AND a.amazon_tokens IS NULL AND (a.running_until IS NULL OR a.running_until <= ${now})
      AND NOT EXISTS (SELECT 1 FROM codes c WHERE c.user_id = a.user_id AND c.attempt_id = a.id AND c.spent_at IS NULL
        AND c.expires_at > ${now}) ORDER BY a.created_at LIMIT ${limit})
    RETURNING 1 AS gone`,
  ];
}

/** Revokes unused links on the day they become idle: webhooks report them then, not when the row is deleted. */
function revokeIdleLinks(before: number, limit: number, now: number): Sql[] {
  const idle = sql`id IN (SELECT id FROM grants WHERE idle_expires_at <= ${before} AND revoked_at IS NULL AND skill_id IS NOT NULL
    ORDER BY idle_expires_at LIMIT ${limit})`;
  return endGrants(idle, "idle", now);
}

/** Per hour, this many initiations of people who never signed in are kept, or five times as many as of others. */
const MOST_STRANGERS_AN_HOUR = 500;
const STRANGERS_FOR_EACH_PERSON = 5;

/** Anyone can start any number of attempts. Which ones of an hour are kept is random: keys are hashes. */
function surplusInitiations(before: number): Sql {
  const ofHour = sql`hour_at = ${before - (before % HOUR_MS)}`;
  const people = sql`SELECT COUNT(user_id) FROM initiations WHERE ${ofHour}`;
  const first = sql`SELECT key FROM initiations WHERE ${ofHour} AND user_id IS NULL ORDER BY key
    LIMIT 1 OFFSET MAX(${MOST_STRANGERS_AN_HOUR}, ${STRANGERS_FOR_EACH_PERSON} * (${people}))`;
  return sql`${ofHour} AND user_id IS NULL AND key >= (${first})`;
}

/** Events after an erasure, or of people who never linked: nothing but their enablements is counted by Alexa's user id. */
function forgetAlexaUsers(before: number, limit: number): Sql[] {
  const hour = before - (before % HOUR_MS);
  return [
    sql`UPDATE skill_events SET alexa_user_id = NULL WHERE request_id IN (
      SELECT request_id FROM skill_events e WHERE received_at >= ${hour} AND received_at < ${hour + HOUR_MS}
        AND alexa_user_id IS NOT NULL AND type IS NOT 'SkillEnabled'
        AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.alexa_user_id = e.alexa_user_id) LIMIT ${limit})
    RETURNING 1 AS gone`,
  ];
}

/** Anyone can cause an error page. */
const MOST_SHOWN_ERRORS = 300;

function oldShownErrors(before: number): Sql {
  const newest = sql`SELECT at FROM shown_errors WHERE at > 0 ORDER BY at DESC LIMIT 1 OFFSET ${MOST_SHOWN_ERRORS}`;
  return sql`at <= MAX(${before}, COALESCE((${newest}), 0))`;
}

export const SWEEPS: readonly Sweep[] = [
  // Attempts that hold Amazon's tokens may have enabled the skill at Amazon: `abandonExpiredAttempts` ends those.
  { name: "abandonedAttempts", keptMs: 0, ofStrangers: true, statements: abandonAttempts },
  { name: "attempts", keptMs: KEPT_MS.attempts, statements: deletion("attempts", ["id"], "created_at") },
  {
    name: "attemptsWithoutPerson",
    keptMs: KEPT_MS.attemptsWithoutPerson,
    ofStrangers: true,
    statements: deletion("attempts", ["id"], "created_at", sql`user_id IS NULL AND decision IS NULL`),
  },
  {
    name: "initiations",
    keptMs: KEPT_MS.initiations,
    ofStrangers: true,
    statements: deletion("initiations", ["hour_at", "key"], "hour_at"),
  },
  {
    name: "surplusInitiations",
    keptMs: KEPT_MS.surplusInitiations,
    ofStrangers: true,
    statements: deletionWhere("initiations", ["hour_at", "key"], surplusInitiations),
  },
  { name: "codes", keptMs: KEPT_MS.codes, statements: deletion("codes", ["code_hash"], "expires_at") },
  {
    name: "revokedGrants",
    keptMs: KEPT_MS.endedGrants,
    statements: deleteGrants("revoked_at", sql`revoked_at IS NOT NULL AND imported_at IS NULL`),
  },
  {
    name: "endedImports",
    keptMs: KEPT_MS.endedImports,
    statements: deleteGrants("revoked_at", sql`revoked_at IS NOT NULL AND imported_at IS NOT NULL`),
  },
  { name: "endedIdleLinks", keptMs: 0, statements: revokeIdleLinks },
  {
    name: "idleGrants",
    keptMs: KEPT_MS.endedGrants,
    statements: deleteGrants("idle_expires_at", sql`imported_at IS NULL`),
  },
  {
    name: "expiredGrants",
    keptMs: KEPT_MS.endedGrants,
    statements: deleteGrants("expires_at", sql`expires_at IS NOT NULL`),
  },
  { name: "sessions", keptMs: KEPT_MS.sessions, statements: deletion("sessions", ["id"], "created_at") },
  {
    name: "signInAttempts",
    keptMs: 0,
    ofStrangers: true,
    statements: deletion("sign_in_attempts", ["state_hash"], "expires_at"),
  },
  {
    name: "throttles",
    keptMs: KEPT_MS.throttles,
    ofStrangers: true,
    statements: deletion("throttles", ["key"], "updated_at"),
  },
  { name: "audit", keptMs: KEPT_MS.audit, statements: deletion("audit", ["id"], "at") },
  {
    name: "metrics",
    keptMs: KEPT_MS.metrics,
    statements: deletion("oauth_metrics", ["hour_at", "skill_id", "name"], "hour_at"),
  },
  {
    name: "alerts",
    keptMs: KEPT_MS.alerts,
    statements: deletion("alerts", ["raised_at", "name", "subject"], "raised_at", sql`cleared_at IS NOT NULL`),
  },
  {
    name: "givenUpWebhooks",
    keptMs: KEPT_MS.givenUpWebhooks,
    statements: deletion(
      "webhook_outbox",
      ["next_attempt_at", "occurred_at", "id"],
      "occurred_at",
      sql`next_attempt_at = ${GIVEN_UP_AT}`,
    ),
  },
  { name: "refusals", keptMs: KEPT_MS.refusals, statements: deletion("refusals", ["rowid"], "last_seen_at") },
  {
    name: "shownErrors",
    keptMs: KEPT_MS.shownErrors,
    ofStrangers: true,
    statements: deletionWhere("shown_errors", ["id"], oldShownErrors),
  },
  {
    name: "skillEvents",
    keptMs: KEPT_MS.skillEvents,
    statements: deletion("skill_events", ["request_id"], "received_at"),
  },
  { name: "eventsOfNobody", keptMs: KEPT_MS.eventsOfNobody, statements: forgetAlexaUsers },
];

/** One batch; each sweep takes at most `limit` rows. How many each took: `limit` means there may be more. */
export async function sweep(
  db: D1Database,
  sweeps: readonly Sweep[],
  now: number,
  limit: number,
): Promise<Map<Sweep, number>> {
  const statements = sweeps.map((one) => one.statements(now - one.keptMs, limit, now));
  // Returned rows are counted, not `meta.changes`, which includes the rows of cascades and triggers.
  const results = await batch(db, statements.flat(), true);
  let end = 0;
  return new Map(
    sweeps.map((one, index) => {
      end += statements[index]?.length ?? 0;
      return [one, results[end - 1]?.length ?? 0];
    }),
  );
}
