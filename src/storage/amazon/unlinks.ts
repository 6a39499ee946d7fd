// Unlinking in D1: ours first, in one batch that also moves Amazon's tokens to where the scheduled work finds them.
import type { Keyring } from "../../crypto/keyring.ts";
import { batch, prepared, readAll, readFirst, write } from "../d1.ts";
import { auditStatement } from "../maintenance/audit.ts";
import { type Skill, skillFromRow, skillStatement } from "../skills/skills.ts";
import { type AmazonTokens, sealTokens } from "./amazon-tokens.ts";

/** The first attempt belongs to the request that unlinks; the scheduled work waits this long. */
const FIRST_RETRY_MS = 60_000;
/** More enablements than one person has; what is left over, the scheduled work finishes. */
const AT_ONCE = 20;

export interface PendingUnlink {
  /** Of the grant that ended, or linking and host of one that did not succeed; the sealed tokens are bound to it. */
  readonly id: string;
  /** null: of a person who was erased. */
  readonly user_id: string | null;
  readonly skill_id: string;
  readonly host: string;
  readonly tokens: string;
  readonly attempts: number;
  readonly next_attempt_at: number;
  readonly created_at: number;
}

/** Which grants: all of a user for a skill, or one, if it is of that skill. */
export type UnlinkTarget =
  | { readonly userId: string; readonly skillId: string }
  | { readonly userId: string; readonly grantId: string; readonly skillId?: string | undefined };

export interface UnlinkedRows {
  /** Only for a skill; undefined: no such skill. */
  readonly skill: Skill | undefined;
  /** Whether the user has such a grant, alive or ended. */
  readonly found: boolean;
  /** Enablements to be ended at Amazon, older ones that failed included. */
  readonly pending: readonly PendingUnlink[];
}

/**
 * In SQL: grant `o` lives and shares an Alexa account with grant `g`, whoever's they are, so that disabling the skill would end it. An older
 * one made through the enablement API does not count: Alexa holds one such link per account, the last.
 */
export const SHARES_ALEXA_ACCOUNT = `o.alexa_user_id = g.alexa_user_id AND o.skill_id = g.skill_id AND o.id <> g.id AND o.revoked_at IS NULL
  AND (o.created_at >= g.created_at OR o.flow NOT IN ('app_to_app', 'website'))`;

/**
 * Revokes grants, voids unspent codes and takes Amazon's tokens away from the grants. One batch; repeating it changes nothing more. A grant
 * whose Alexa account another living one needs is ended here only.
 */
export async function revokeLinks(db: D1Database, target: UnlinkTarget, now: number): Promise<UnlinkedRows> {
  const one = "grantId" in target;
  const grantsHere = one
    ? "SELECT id FROM grants WHERE user_id = ?1 AND id = ?2 AND skill_id = COALESCE(?3, skill_id)"
    : "SELECT id FROM grants WHERE user_id = ?1 AND skill_id = ?2 AND ?3 IS NULL";
  const which = one ? [target.userId, target.grantId, target.skillId ?? null] : [target.userId, target.skillId, null];
  const [skills = [], , , , , , found = [], pending = []] = await batch(
    db,
    [
      prepared(db, skillStatement(one ? "" : target.skillId)),
      db
        .prepare(
          `INSERT INTO pending_unlinks (id, user_id, skill_id, host, tokens, next_attempt_at, created_at)
           SELECT g.id, g.user_id, g.skill_id, t.host, t.tokens, ?4, ?5
           FROM amazon_tokens t JOIN grants g ON g.id = t.grant_id
           WHERE t.purpose = 'enablement' AND t.grant_id IN (${grantsHere})
             AND NOT EXISTS (SELECT 1 FROM grants o WHERE ${SHARES_ALEXA_ACCOUNT} AND o.id NOT IN (${grantsHere}))
           ON CONFLICT (id) DO NOTHING`,
        )
        .bind(...which, now + FIRST_RETRY_MS, now),
      db.prepare(`DELETE FROM amazon_tokens WHERE grant_id IN (${grantsHere})`).bind(...which),
      db
        .prepare(
          `INSERT INTO audit (at, kind, user_id, client_id, grant_id, attempt_id, details)
           SELECT ?4, 'grant_revoked', user_id, client_id, id, attempt_id, 'unlinked' FROM grants
           WHERE id IN (${grantsHere}) AND revoked_at IS NULL`,
        )
        .bind(...which, now),
      one
        ? db
            .prepare(
              `UPDATE codes SET voided_at = ?4 WHERE user_id = ?1 AND grant_id IN (${grantsHere}) AND spent_at IS NULL AND voided_at IS NULL`,
            )
            .bind(...which, now)
        : db
            .prepare(
              `UPDATE codes SET voided_at = ?4 WHERE user_id = ?1 AND spent_at IS NULL AND voided_at IS NULL
                 AND ?3 IS NULL
                 AND client_id IN (SELECT id FROM clients WHERE skill_id = ?2)`,
            )
            .bind(...which, now),
      db
        .prepare(
          `UPDATE grants SET revoked_at = ?4, revoked_reason = 'unlinked' WHERE id IN (${grantsHere}) AND revoked_at IS NULL`,
        )
        .bind(...which, now),
      db.prepare(`${grantsHere} LIMIT 1`).bind(...which),
      db
        .prepare(`SELECT * FROM pending_unlinks WHERE id IN (${grantsHere}) ORDER BY created_at LIMIT ${AT_ONCE}`)
        .bind(...which),
    ],
    true,
  );
  return {
    skill: skills[0] ? skillFromRow(skills[0]) : undefined,
    found: found.length > 0,
    pending: pending as unknown as PendingUnlink[],
  };
}

/**
 * Puts an enablement that must end at Amazon into the queue, if the linking that may have made it ended without success: for the batch that
 * ends it. A linking that another run has taken over keeps what it made. Where none of its codes was redeemed, Alexa cannot hold a link of
 * it, and one that the customer made before must not be ended; of an erased person nobody can tell any more.
 */
export async function pendingUnlinkStatement(
  db: D1Database,
  keyring: Keyring,
  unlink: {
    readonly attemptId: string;
    readonly skillId: string;
    readonly host: string;
    readonly tokens: AmazonTokens;
  },
  now: number,
): Promise<D1PreparedStatement> {
  // Whoever ends the attempt, and a run that finds it ended: one row for both.
  const id = `${unlink.attemptId} ${unlink.host}`;
  const sealed = await sealTokens(keyring, { grantId: id, purpose: "enablement" }, unlink.tokens);
  return db
    .prepare(
      `INSERT INTO pending_unlinks (id, user_id, skill_id, host, tokens, next_attempt_at, created_at)
       SELECT ?1, l.user_id, ?3, ?4, ?5, ?6, ?6 FROM attempts l
       WHERE l.id = ?2 AND l.outcome IN ('failed', 'cancelled', 'abandoned')
         AND (l.user_id IS NULL OR EXISTS (SELECT 1 FROM grants WHERE attempt_id = l.id))
       ON CONFLICT (id) DO NOTHING`,
    )
    .bind(id, unlink.attemptId, unlink.skillId, unlink.host, sealed, now);
}

/** The enablements whose turn has come, the longest waiting first. */
export function duePendingUnlinks(db: D1Database, now: number, limit: number): Promise<PendingUnlink[]> {
  return readAll<PendingUnlink>(
    db
      .prepare("SELECT * FROM pending_unlinks WHERE next_attempt_at <= ? ORDER BY next_attempt_at LIMIT ?")
      .bind(now, limit),
  );
}

/** Takes a due row for one attempt; false when another run has taken it. */
export async function claimPendingUnlink(db: D1Database, row: PendingUnlink, nextAttemptAt: number): Promise<boolean> {
  const changed = await write(
    db
      .prepare(
        "UPDATE pending_unlinks SET attempts = attempts + 1, next_attempt_at = ? WHERE id = ? AND next_attempt_at = ?",
      )
      .bind(nextAttemptAt, row.id, row.next_attempt_at),
    false,
  );
  return changed === 1;
}

/** Amazon has ended it, or it has ended by itself: Amazon's tokens are forgotten, if they are still `tokens`. */
export async function forgetPendingUnlink(db: D1Database, id: string, tokens: string): Promise<void> {
  await write(db.prepare("DELETE FROM pending_unlinks WHERE id = ? AND tokens = ?").bind(id, tokens), true);
}

/** Keeps refreshed tokens, before they are used: Amazon may have ended the others. Returns them as they are kept. */
export async function replacePendingTokens(
  db: D1Database,
  keyring: Keyring,
  row: PendingUnlink,
  tokens: AmazonTokens,
): Promise<string> {
  const sealed = await sealTokens(keyring, { grantId: row.id, purpose: "enablement" }, tokens);
  await write(
    db.prepare("UPDATE pending_unlinks SET tokens = ? WHERE id = ? AND tokens = ?").bind(sealed, row.id, row.tokens),
    true,
  );
  return sealed;
}

/**
 * Whether a living link now needs the enablement that a pending unlink is about: one of the Alexa account (`alexaUserId`, else the one known
 * from the ended grant), whoever's it is, or a newer one of the same user whose Alexa account nobody knows.
 */
export async function hasSuccessor(db: D1Database, row: PendingUnlink, alexaUserId: string | null): Promise<boolean> {
  const found = await readFirst(
    db
      .prepare(
        `WITH g (id, skill_id, alexa_user_id, created_at) AS (SELECT ?1, ?2, COALESCE(?3, (SELECT alexa_user_id FROM grants WHERE id = ?1)),
           COALESCE((SELECT created_at FROM grants WHERE id = ?1),
             (SELECT MAX(created_at) FROM grants WHERE attempt_id = substr(?1, 1, instr(?1, ' ') - 1)), 0))
         SELECT 1 FROM g JOIN grants o ON ${SHARES_ALEXA_ACCOUNT}
         UNION ALL SELECT 1 FROM grants WHERE user_id = ?4 AND skill_id = ?2 AND alexa_user_id IS NULL
           AND revoked_at IS NULL AND created_at >= ?5 LIMIT 1`,
      )
      .bind(row.id, row.skill_id, alexaUserId, row.user_id, row.created_at),
  );
  return found !== null;
}

/** Stops trying: the skill stays enabled at Amazon, without access to us. A person is told. */
export async function giveUpPendingUnlink(
  db: D1Database,
  row: PendingUnlink,
  reason: string,
  now: number,
): Promise<void> {
  await batch(
    db,
    [
      auditStatement(db, now, { kind: "unlink_given_up", alert: true, grantId: row.id, details: reason }),
      db.prepare("DELETE FROM pending_unlinks WHERE id = ?").bind(row.id),
    ],
    false,
  );
}
