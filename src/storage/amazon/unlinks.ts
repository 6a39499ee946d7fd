// Unlinking in D1: one batch ends our grants and moves Amazon's tokens to the queue of unlinks at Amazon.
import { auditRow } from "../audit.ts";
import { voidCodes } from "../grants/codes.ts";
import { endGrants, type RevocationReason } from "../grants/grants.ts";
import { type Skill, skillFromRow, skillStatement } from "../skills/skills.ts";
import { batch, readAll, readFirst, type Sql, sql, write } from "../sql.ts";
import type { SealContext } from "./amazon-tokens.ts";

/** The request that unlinks makes the first try itself; the scheduled work waits this long. */
const FIRST_RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 6 * 60 * 60_000;
/** More enablements than one person has. The scheduled work does the rest. */
const MOST_AT_ONCE = 20;

/** An enablement to be disabled at Amazon. */
export interface PendingUnlink {
  /** Random. */
  readonly id: string;
  /** The revoked grant that it is about; null: of a person who was erased while a link attempt ran. */
  readonly grantId: string | null;
  /** null: of a person who was erased. */
  readonly userId: string | null;
  readonly skillId: string;
  readonly host: string;
  /** Sealed for `sealedFor`. */
  readonly tokens: string;
  readonly sealedFor: SealContext;
  /** Tries of the scheduled work. */
  readonly attempts: number;
  readonly createdAt: number;
}

const COLUMNS = sql`id, grant_id AS "grantId", user_id AS "userId", skill_id AS "skillId", host, tokens, sealed_for AS "sealedFor",
  attempts, created_at AS "createdAt"`;

/** In SQL: a random id for a row that a SELECT inserts. */
const RANDOM_ID = sql`lower(hex(randomblob(16)))`;

/** Selects a user's grants for a skill, one grant, if it is of that skill, or all grants, the apps' too. */
export type UnlinkTarget =
  | { readonly userId: string; readonly skillId?: string | undefined }
  | { readonly userId: string; readonly grantId: string; readonly skillId?: string | undefined };

/** Who unlinks. */
export interface Unlinker {
  /** In SQL: may still act. */
  readonly actorHolds: Sql;
  /** Left out: `unlinked`. */
  readonly reason?: RevocationReason;
  /** Of an operator. */
  readonly actor?: string;
}

/** The operator with this name unlinks. */
export function byOperator(actor: string): Unlinker {
  return { actorHolds: sql`TRUE`, reason: "ended_by_operator", actor };
}

export interface UnlinkedRows {
  /** False: nothing was changed. */
  readonly actorHolds: boolean;
  /** Of a target that is a skill; undefined: no such skill. */
  readonly skill: Skill | undefined;
  /** Whether the user has such a grant, live or revoked. */
  readonly found: boolean;
  /** Enablements to be disabled at Amazon, those that could not be disabled earlier included. */
  readonly pending: readonly PendingUnlink[];
}

/**
 * In SQL: grant `o` is not revoked and shares an Alexa account with grant `g`, of the same user or another, so that
 * disabling the skill would end it. An older one made through the enablement API does not count: Alexa holds one such
 * link per account, the last.
 */
export const SHARES_ALEXA_ACCOUNT = sql`o.alexa_user_id = g.alexa_user_id AND o.skill_id = g.skill_id AND o.id <> g.id AND o.revoked_at IS NULL
  AND (o.created_at >= g.created_at OR o.flow NOT IN ('app_to_app', 'website'))`;

/** Moves Amazon's tokens of the grants `g` for which `where` holds into the queue, one row per grant. */
export function queueUnlinksOfGrants(where: Sql, userId: string, firstTryAt: number, now: number): Sql {
  return sql`INSERT INTO pending_unlinks (id, grant_id, user_id, skill_id, host, tokens, sealed_for, next_attempt_at, created_at)
    SELECT ${RANDOM_ID}, g.id, ${userId}, g.skill_id, t.host, t.tokens, 'enablement ' || g.id, ${firstTryAt}, ${now}
    FROM amazon_tokens t JOIN grants g ON g.id = t.grant_id
    WHERE t.purpose = 'enablement' AND g.skill_id IS NOT NULL AND (${where})
    ON CONFLICT (grant_id) DO NOTHING`;
}

/**
 * Revokes grants, voids unspent codes and takes Amazon's tokens away from the grants. One batch; running it again
 * changes nothing more. A grant whose Alexa account another grant needs is revoked, but its enablement stays.
 */
export async function revokeLinks(
  db: D1Database,
  target: UnlinkTarget,
  { actorHolds, reason = "unlinked", actor }: Unlinker,
  now: number,
): Promise<UnlinkedRows> {
  const { userId } = target;
  const one = "grantId" in target;
  const ofSkill = target.skillId === undefined ? sql`TRUE` : sql`skill_id = ${target.skillId}`;
  const which = one ? sql`id = ${target.grantId} AND ${ofSkill}` : ofSkill;
  const grants = sql`SELECT id FROM grants WHERE user_id = ${userId} AND ${which} AND ${actorHolds}`;
  const codes = one
    ? sql`grant_id IN (${grants})`
    : target.skillId === undefined
      ? sql`TRUE`
      : sql`client_id IN (SELECT id FROM clients WHERE skill_id = ${target.skillId})`;
  const neededByAnother = sql`EXISTS (SELECT 1 FROM grants o WHERE ${SHARES_ALEXA_ACCOUNT} AND o.id NOT IN (${grants}))`;
  const results = await batch(
    db,
    [
      skillStatement(one ? "" : (target.skillId ?? "")),
      sql`${grants} LIMIT 1`,
      sql`SELECT 1 WHERE ${actorHolds}`,
      queueUnlinksOfGrants(sql`g.id IN (${grants}) AND NOT ${neededByAnother}`, userId, now + FIRST_RETRY_MS, now),
      sql`DELETE FROM amazon_tokens WHERE grant_id IN (${grants})`,
      voidCodes(sql`user_id = ${userId} AND ${codes} AND ${actorHolds}`, now),
      ...endGrants(sql`id IN (${grants})`, reason, now, { actor }),
      sql`SELECT ${COLUMNS} FROM pending_unlinks WHERE grant_id IN (${grants}) ORDER BY created_at LIMIT ${MOST_AT_ONCE}`,
    ],
    true,
  );
  const [skills = [], found = [], holds = []] = results;
  const pending = results.at(-1) ?? [];
  return {
    skill: skills[0] ? skillFromRow(skills[0]) : undefined,
    actorHolds: holds.length > 0,
    found: found.length > 0,
    pending: pending as unknown as PendingUnlink[],
  };
}

/**
 * Queues the enablement that link attempts which are about to end without success may have left at Amazon: `where` is a
 * condition on `attempts`, in the batch that ends them. If none of an attempt's codes was redeemed, Alexa holds no link
 * made by it, and an earlier link must stay; of an erased person that cannot be known any more. The first try comes
 * after the run that may still be calling Amazon.
 */
export function queueUnlinksOfAttempts(where: Sql, host: string, now: number): Sql {
  return sql`INSERT INTO pending_unlinks (id, grant_id, user_id, skill_id, host, tokens, sealed_for, next_attempt_at, created_at)
    SELECT ${RANDOM_ID}, (SELECT g.id FROM grants g WHERE g.user_id = attempts.user_id AND g.attempt_id = attempts.id
      ORDER BY g.created_at DESC, g.id LIMIT 1) AS newest,
      user_id, skill_id, ${host}, amazon_tokens, 'attempt ' || id, MAX(${now}, COALESCE(running_until, 0)), ${now}
    FROM attempts WHERE amazon_tokens IS NOT NULL AND (${where}) AND (newest IS NOT NULL OR user_id IS NULL)
    ON CONFLICT (grant_id) DO NOTHING`;
}

/**
 * Takes at most `limit` enablements that are due at `dueAt` (milliseconds), the longest waiting first. Each next try
 * comes twice as late as the last one, and no later than after six hours. A repeat after a lost connection takes others;
 * the first ones come at their next try.
 */
export function takeDueUnlinks(db: D1Database, dueAt: number, now: number, limit: number): Promise<PendingUnlink[]> {
  return readAll<PendingUnlink>(
    db,
    sql`UPDATE pending_unlinks SET attempts = attempts + 1,
          next_attempt_at = ${now} + MIN(${FIRST_RETRY_MS} << MIN(attempts, 12), ${LONGEST_RETRY_MS})
        WHERE id IN (SELECT id FROM pending_unlinks WHERE next_attempt_at <= ${dueAt} ORDER BY next_attempt_at LIMIT ${limit})
        RETURNING ${COLUMNS}`,
  );
}

/** The enablement is disabled, or ended by itself: the row goes, with Amazon's tokens, if they are still `tokens`. */
export async function deletePendingUnlink(db: D1Database, id: string, tokens: string): Promise<void> {
  await write(db, sql`DELETE FROM pending_unlinks WHERE id = ${id} AND tokens = ${tokens}`, true);
}

/** Stores refreshed tokens before their use: Amazon may have ended the old ones. Sealed for `row.sealedFor`. */
export async function replaceUnlinkTokens(db: D1Database, row: PendingUnlink, sealed: string): Promise<void> {
  await write(
    db,
    sql`UPDATE pending_unlinks SET tokens = ${sealed} WHERE id = ${row.id} AND tokens = ${row.tokens}`,
    true,
  );
}

/**
 * Whether a grant made since then needs the enablement that a pending unlink is about: one of the Alexa account
 * (`alexaUserId`, else the one known from the revoked grant), of any user, or a newer one of the same user, where one
 * of the two Alexa accounts is not known.
 */
export async function hasSuccessor(db: D1Database, row: PendingUnlink, alexaUserId: string | null): Promise<boolean> {
  const grantCreatedAt = sql`(SELECT created_at FROM grants WHERE id = ${row.grantId})`;
  // A customer who unlinked meant the links of that time, those of unknown accounts included. No customer ended a
  // failed attempt's grant.
  const since = row.sealedFor.startsWith("attempt ")
    ? sql`COALESCE(${grantCreatedAt}, ${row.createdAt})`
    : sql`${row.createdAt}`;
  const found = await readFirst(
    db,
    sql`WITH g (id, skill_id, alexa_user_id, created_at) AS (
          SELECT ${row.grantId ?? ""}, ${row.skillId},
            COALESCE(${alexaUserId}, (SELECT alexa_user_id FROM grants WHERE id = ${row.grantId})), COALESCE(${grantCreatedAt}, 0))
        SELECT 1 FROM g JOIN grants o ON ${SHARES_ALEXA_ACCOUNT}
        UNION ALL SELECT 1 FROM g JOIN grants o ON o.user_id = ${row.userId} AND o.skill_id = g.skill_id
          AND (o.alexa_user_id IS NULL OR g.alexa_user_id IS NULL) AND o.revoked_at IS NULL AND o.created_at >= ${since} LIMIT 1`,
  );
  return found !== null;
}

/** Stops trying: the skill stays enabled at Amazon, without access to us. An alert shows it to the operator. */
export async function giveUpPendingUnlink(
  db: D1Database,
  row: PendingUnlink,
  reason: string,
  now: number,
): Promise<void> {
  await batch(
    db,
    [
      auditRow(now, { kind: "unlink_given_up", alert: true, grantId: row.grantId, details: reason }),
      sql`DELETE FROM pending_unlinks WHERE id = ${row.id}`,
    ],
    false,
  );
}
