// Skill events in D1: each request id is recorded once, in one batch with its changes. Repeats change nothing.
import { endGrants } from "../grants/grants.ts";
import type { LevelShown } from "../grants/link-levels.ts";
import { batch, type Sql, sql } from "../sql.ts";

export interface SkillEvent {
  readonly requestId: string;
  readonly skillId: string;
  /** `SkillDisabled`, `SkillAccountLinked`, …, or the full type of an unknown one. */
  readonly type: string;
  readonly alexaUserId: string | null;
  /** Milliseconds: when it happened, by Alexa's clock, whose timestamps have whole seconds. */
  readonly eventAt: number;
}

export interface RecordedEvent {
  /** False: no skill of this id is registered, and nothing was changed. */
  readonly skillKnown: boolean;
  /** False: an event of this request id was recorded before. */
  readonly first: boolean;
  /** Ids of the grants that it revoked. */
  readonly revoked: readonly string[];
}

/** Alexa's timestamps are cut to the second: a grant made within that second came before the event. */
const TIMESTAMP_MS = 1000;

/**
 * Records a SkillDisabled event and revokes the grant of its token, if that is one of this skill, else the grants of its
 * Alexa user. By user id only grants older than the event are revoked: a late or repeated event must not end a link made
 * after it.
 */
export function recordDisabledEvent(
  db: D1Database,
  event: SkillEvent,
  grantId: string | undefined,
  now: number,
): Promise<RecordedEvent> {
  const ofUser = sql`alexa_user_id = ${event.alexaUserId} AND created_at < ${event.eventAt + TIMESTAMP_MS}`;
  const isOfSkill = sql`EXISTS (SELECT 1 FROM grants o WHERE o.id = ${grantId} AND o.skill_id = ${event.skillId})`;
  const which = sql`(id = ${grantId} OR (${ofUser} AND NOT ${isOfSkill}))`;
  return record(db, event, now, endDisabled(sql`skill_id = ${event.skillId} AND ${which}`, now));
}

/**
 * Records an event that shows which grant belongs to an Alexa user (SkillAccountLinked, SkillEnabled with a token), and
 * perhaps at which level, and stores both. If that user has disabled the skill later, by an event that arrived before
 * this one, the grant is revoked.
 */
export function recordLinkedEvent(
  db: D1Database,
  event: SkillEvent,
  shown: { readonly grantId: string; readonly level: LevelShown } | undefined,
  now: number,
): Promise<RecordedEvent> {
  if (shown === undefined || event.alexaUserId === null) return record(db, event, now, []);
  const grant = sql`id = ${shown.grantId} AND skill_id = ${event.skillId}`;
  const disabledLater = sql`EXISTS (SELECT 1 FROM skill_events WHERE alexa_user_id = ${event.alexaUserId}
    AND skill_id = ${event.skillId} AND type = 'SkillDisabled' AND event_at > ${event.eventAt})`;
  return record(db, event, now, [
    sql`UPDATE grants SET alexa_user_id = ${event.alexaUserId}, level_shown = NULLIF(MAX(COALESCE(level_shown, 0), ${shown.level}), 0)
        WHERE ${grant} AND revoked_at IS NULL`,
    ...endDisabled(sql`${grant} AND ${disabledLater}`, now),
  ]);
}

/** Records an event that changes no grant. */
export function recordOtherEvent(db: D1Database, event: SkillEvent, now: number): Promise<RecordedEvent> {
  return record(db, event, now, []);
}

/** One batch, safe to run again: `changes` must be as well. The last of them returns the ids of revoked grants. */
async function record(db: D1Database, event: SkillEvent, now: number, changes: readonly Sql[]): Promise<RecordedEvent> {
  const results = await batch(
    db,
    [
      sql`SELECT 1 FROM skills WHERE id = ${event.skillId}`,
      sql`INSERT INTO skill_events (request_id, type, skill_id, alexa_user_id, event_at, received_at)
          SELECT ${event.requestId}, ${event.type}, id, ${event.alexaUserId}, ${event.eventAt}, ${now}
          FROM skills WHERE id = ${event.skillId} LIMIT 1
          ON CONFLICT (request_id) DO NOTHING RETURNING request_id`,
      ...changes,
    ],
    true,
  );
  const [skills = [], recorded = []] = results;
  const revoked = changes.length === 0 ? [] : (results.at(-1) ?? []);
  return {
    skillKnown: skills.length > 0,
    first: recorded.length > 0,
    revoked: revoked.map((row) => String(row.id)),
  };
}

/** Revokes grants and deletes Amazon's tokens for them, since Amazon has already disabled the skill. */
function endDisabled(where: Sql, now: number): Sql[] {
  const grants = sql`SELECT id FROM grants WHERE ${where}`;
  return [
    sql`DELETE FROM amazon_tokens WHERE grant_id IN (${grants})`,
    sql`DELETE FROM pending_unlinks WHERE grant_id IN (${grants})`,
    ...endGrants(where, "skill_disabled", now),
  ];
}
