// Erasing a person: what is theirs goes, what is kept for statistics no longer says whose it was. One batch.

import { SHARES_ALEXA_ACCOUNT } from "../amazon/unlinks.ts";
import { batch } from "../d1.ts";
import { claimedBy, claimStatement } from "../maintenance/audit.ts";

/** How many rows of each kind an erasure concerned. */
export interface ErasureReport {
  readonly removed: {
    readonly identities: number;
    readonly sessions: number;
    readonly links: number;
    readonly codes: number;
    readonly amazonTokens: number;
  };
  /** Kept without the person. */
  readonly anonymised: {
    readonly attempts: number;
    readonly auditRecords: number;
    readonly skillEvents: number;
  };
  /** Skills that the scheduled work still disables at Amazon; then Amazon's tokens go too. */
  readonly pendingAtAmazon: number;
}

const GRANTS = "SELECT id FROM grants WHERE user_id = ?1";
/** Rows of theirs, and rows about their grants that name no user. */
const AUDIT = `user_id = ?1 OR grant_id IN (${GRANTS})`;
/** Several of our users may share one Amazon account. */
const SKILL_EVENTS = `alexa_user_id IN (SELECT g.alexa_user_id FROM grants g WHERE g.user_id = ?1 AND g.alexa_user_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM grants o WHERE o.alexa_user_id = g.alexa_user_id AND o.user_id <> ?1))`;
const PENDING = `SELECT g.id FROM amazon_tokens t JOIN grants g ON g.id = t.grant_id
  WHERE t.purpose = 'enablement' AND g.user_id = ?1 AND g.skill_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM grants o WHERE ${SHARES_ALEXA_ACCOUNT} AND o.user_id <> ?1)`;

/** What the batch is about to do, counted inside it: a repeat after a lost connection would find nothing to count. */
const REPORT = `json_object(
  'removed', json_object(
    'identities', (SELECT COUNT(*) FROM identities WHERE user_id = ?1),
    'sessions', (SELECT COUNT(*) FROM sessions WHERE user_id = ?1),
    'links', (SELECT COUNT(*) FROM grants WHERE user_id = ?1),
    'codes', (SELECT COUNT(*) FROM codes WHERE user_id = ?1),
    'amazonTokens', (SELECT COUNT(*) FROM amazon_tokens WHERE grant_id IN (${GRANTS}))),
  'anonymised', json_object(
    'attempts', (SELECT COUNT(*) FROM attempts WHERE user_id = ?1),
    'auditRecords', (SELECT COUNT(*) FROM audit WHERE ${AUDIT}),
    'skillEvents', (SELECT COUNT(*) FROM skill_events WHERE ${SKILL_EVENTS})),
  'pendingAtAmazon', (SELECT COUNT(*) FROM (${PENDING} UNION SELECT id FROM pending_unlinks WHERE user_id = ?1)))`;

/**
 * Erases a user, with everything that says who they were; null when there is no such user. Skills enabled through Amazon's API move to
 * the queue of the scheduled work. `claimId`, random per request, lets the batch be repeated (F5). Linkings of theirs that run fail.
 */
export async function eraseUser(
  db: D1Database,
  userId: string,
  claimId: string,
  now: number,
): Promise<ErasureReport | null> {
  const mine = claimedBy(claimId, now);
  const results = await batch(
    db,
    [
      claimStatement(
        db,
        now,
        { kind: "user_deleted", claimId },
        { sql: "EXISTS (SELECT 1 FROM users WHERE id = ?)", params: [userId] },
      ),
      db
        .prepare(`UPDATE audit SET details = ${REPORT} WHERE at = ?2 AND trace_id = ?3 AND details IS NULL`)
        .bind(userId, now, claimId),
      db
        .prepare(
          `INSERT INTO pending_unlinks (id, user_id, skill_id, host, tokens, next_attempt_at, created_at)
           SELECT g.id, NULL, g.skill_id, t.host, t.tokens, ?2, ?2
           FROM amazon_tokens t JOIN grants g ON g.id = t.grant_id WHERE t.grant_id IN (${PENDING}) AND t.purpose = 'enablement'
           ON CONFLICT (id) DO NOTHING`,
        )
        .bind(userId, now),
      db.prepare("UPDATE pending_unlinks SET user_id = NULL WHERE user_id = ?").bind(userId),
      db.prepare(`UPDATE skill_events SET alexa_user_id = NULL WHERE ${SKILL_EVENTS}`).bind(userId),
      db.prepare(`UPDATE audit SET user_id = NULL, grant_id = NULL WHERE ${AUDIT}`).bind(userId),
      db
        .prepare(
          `UPDATE attempts SET user_id = NULL, browser_hash = NULL, session_id = NULL, grant_id = NULL
           WHERE user_id = ?`,
        )
        .bind(userId),
      db.prepare("DELETE FROM codes WHERE user_id = ?").bind(userId),
      // Takes the identities, sessions and grants along, and these Amazon's tokens.
      db.prepare("DELETE FROM users WHERE id = ?").bind(userId),
      db.prepare("SELECT details FROM audit WHERE at = ? AND trace_id = ?").bind(...mine.params),
    ],
    true,
  );
  const details = results.at(-1)?.[0]?.details;
  return typeof details === "string" ? (JSON.parse(details) as ErasureReport) : null;
}
