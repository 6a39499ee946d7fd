// Skill events in D1: each is taken once, by its request id, in one batch with all that it changes.
import { batch } from "../d1.ts";
import type { LevelShown } from "../grants/link-levels.ts";

/** Which grants a SkillDisabled event ends: the one its token names, else those learned for the Alexa user id; or none. */
export type EventTarget =
  | { readonly grantId: string }
  | { readonly alexaUserId: string }
  /** The event names nobody we could know. */
  | null;

export interface EventRow {
  readonly requestId: string;
  /** Random per delivery: a repeat after a lost connection recognises its own success by it (F5). */
  readonly claimId: string;
  readonly skillId: string;
  /** `SkillDisabled`, `SkillAccountLinked`, …, or the full type of what is not known. */
  readonly type: string;
  readonly alexaUserId: string | null;
  /** Milliseconds: when it happened, by Alexa's clock, whose stamps have whole seconds. */
  readonly eventAt: number;
}

export interface TakenEvent {
  /** False: no skill of this id is registered, and nothing was changed. */
  readonly skillKnown: boolean;
  /** False: an event of this request id was taken before, and nothing was changed. */
  readonly first: boolean;
  /** Grants that it ended. */
  readonly ended: readonly string[];
}

/** Alexa's stamps are cut to the second: a grant made within that second came before the event. */
const STAMP_MS = 1000;

/** True inside the batch of the delivery that took the event. Parameters ?1 and ?2. */
const MINE = "EXISTS (SELECT 1 FROM skill_events WHERE request_id = ?1 AND claim_id = ?2)";

type Parameters = readonly (string | number | null)[];

/**
 * Takes a SkillDisabled event: revokes the target, with its audit row, and forgets Amazon's tokens for it. By user id only grants that are
 * older than the event are ended: a late or repeated event must not end a link made after it.
 */
export function takeDisabledEvent(
  db: D1Database,
  event: EventRow,
  target: EventTarget,
  now: number,
): Promise<TakenEvent> {
  if (target === null) return take(db, event, now, []);
  const [condition, params]: [string, Parameters] =
    "grantId" in target
      ? ["id = ?4", [event.skillId, target.grantId]]
      : ["alexa_user_id = ?4 AND created_at < ?5", [event.skillId, target.alexaUserId, event.eventAt + STAMP_MS]];
  return take(
    db,
    event,
    now,
    endGrants(db, event, now, `SELECT id FROM grants WHERE skill_id = ?3 AND ${condition} AND ${MINE}`, params),
  );
}

/**
 * Takes an event that shows which grant belongs to an Alexa user (SkillAccountLinked, SkillEnabled with a token), and perhaps at which level,
 * and remembers both. If that user has disabled the skill later, by an event that overtook this one, the grant ends now.
 */
export function takeLinkedEvent(
  db: D1Database,
  event: EventRow,
  shown: { readonly grantId: string; readonly level: LevelShown } | undefined,
  now: number,
): Promise<TakenEvent> {
  if (shown === undefined || event.alexaUserId === null) return take(db, event, now, []);
  const { grantId, level } = shown;
  const overtaken = `SELECT id FROM grants WHERE skill_id = ?3 AND id = ?4 AND ${MINE} AND EXISTS (
    SELECT 1 FROM skill_events WHERE alexa_user_id = ?5 AND skill_id = ?3 AND type = 'SkillDisabled' AND event_at > ?6)`;
  return take(db, event, now, [
    db
      .prepare(
        `UPDATE grants SET alexa_user_id = ?5, level_shown = NULLIF(MAX(COALESCE(level_shown, 0), ?6), 0)
         WHERE id = ?4 AND skill_id = ?3 AND revoked_at IS NULL AND ${MINE}`,
      )
      .bind(event.requestId, event.claimId, event.skillId, grantId, event.alexaUserId, level),
    ...endGrants(db, event, now, overtaken, [event.skillId, grantId, event.alexaUserId, event.eventAt]),
  ]);
}

/** Takes an event that changes no grant. */
export function takeOtherEvent(db: D1Database, event: EventRow, now: number): Promise<TakenEvent> {
  return take(db, event, now, []);
}

/** One trip, one transaction, safe to repeat. `changes` do something only where `MINE` holds. */
async function take(
  db: D1Database,
  event: EventRow,
  now: number,
  changes: readonly D1PreparedStatement[],
): Promise<TakenEvent> {
  const results = await batch(
    db,
    [
      db
        .prepare(
          `INSERT INTO skill_events (request_id, claim_id, type, skill_id, alexa_user_id, event_at, received_at)
           SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE EXISTS (SELECT 1 FROM skills WHERE id = ?4) ON CONFLICT (request_id) DO NOTHING`,
        )
        .bind(event.requestId, event.claimId, event.type, event.skillId, event.alexaUserId, event.eventAt, now),
      db
        .prepare(`SELECT EXISTS (SELECT 1 FROM skills WHERE id = ?3) AS known, ${MINE} AS mine`)
        .bind(event.requestId, event.claimId, event.skillId),
      ...changes,
    ],
    true,
  );
  const verdict = results[1]?.[0];
  const ended = results.slice(2).flatMap((rows) => rows.map((row) => String(row.ended_grant)));
  return { skillKnown: verdict?.known === 1, first: verdict?.mine === 1, ended };
}

/** Statements that end the grants of `targets` (a SELECT of ids, ?1 and ?2 being the event's) and forget Amazon's tokens for them. */
function endGrants(
  db: D1Database,
  event: EventRow,
  now: number,
  targets: string,
  params: Parameters,
): D1PreparedStatement[] {
  const given = [event.requestId, event.claimId, ...params];
  const at = `?${given.length + 1}`;
  return [
    db
      .prepare(
        `INSERT INTO audit (at, kind, user_id, client_id, grant_id, attempt_id, details)
         SELECT ${at}, 'grant_revoked', user_id, client_id, id, attempt_id, 'skill_disabled' FROM grants
         WHERE id IN (${targets}) AND revoked_at IS NULL`,
      )
      .bind(...given, now),
    db.prepare(`DELETE FROM amazon_tokens WHERE grant_id IN (${targets})`).bind(...given),
    // The customer has done at Amazon what these rows were to do.
    db.prepare(`DELETE FROM pending_unlinks WHERE id IN (${targets})`).bind(...given),
    db
      .prepare(
        `UPDATE grants SET revoked_at = ${at}, revoked_reason = 'skill_disabled'
         WHERE id IN (${targets}) AND revoked_at IS NULL RETURNING id AS ended_grant`,
      )
      .bind(...given, now),
  ];
}
