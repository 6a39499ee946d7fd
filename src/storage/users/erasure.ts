// Erasing a person, in one batch: deletes their rows, and anonymises rows that are kept for statistics.
import { randomId } from "../../crypto/random.ts";
import { queueUnlinksOfGrants, SHARES_ALEXA_ACCOUNT } from "../amazon/unlinks.ts";
import { anonymiseInitiations } from "../attempts/initiations.ts";
import { auditRow } from "../audit.ts";
import { deleteGivenUpMessages } from "../given-up.ts";
import { endGrants } from "../grants/grants.ts";
import { batch, type Sql, sql } from "../sql.ts";

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
  /** Skills that the scheduled work still disables at Amazon; then Amazon's tokens are deleted too. */
  readonly pendingAtAmazon: number;
}

/** What remains of the links that another server made: ids, so that its relay does not bring the person back. */
function keepErasedImports(grants: Sql, now: number): Sql {
  return sql`INSERT INTO audit (at, kind, grant_id)
    SELECT ${now}, 'imported_link_erased', id FROM grants WHERE id IN (${grants}) AND imported_at IS NOT NULL`;
}

/**
 * Erases a user and everything that says who they were; undefined when there is no such user. Their link attempts that
 * are still running will fail. Enablements made through Amazon's API go to the queue of the scheduled work, unless
 * somebody else's link shares the Alexa account. Running it again finds nothing to erase.
 */
export async function eraseUser(
  db: D1Database,
  userId: string,
  now: number,
  actor: string,
): Promise<ErasureReport | undefined> {
  // In the rows that are kept for counting persons. It leads nowhere.
  const erased = `erased-${randomId()}`;
  const grants = sql`SELECT id FROM grants WHERE user_id = ${userId}`;
  const isSharedWithOthers = sql`EXISTS (SELECT 1 FROM grants o WHERE ${SHARES_ALEXA_ACCOUNT} AND o.user_id <> ${userId})`;
  const alexaUsers = sql`SELECT g.alexa_user_id FROM grants g WHERE g.user_id = ${userId} AND g.alexa_user_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM grants o WHERE o.alexa_user_id = g.alexa_user_id AND o.user_id <> ${userId})`;
  const [counts = [], , , pending = [], skillEvents = [], , , auditRecords = [], attempts = []] = await batch(
    db,
    [
      sql`SELECT (SELECT COUNT(*) FROM identities WHERE user_id = u.id) AS identities,
            (SELECT COUNT(*) FROM sessions WHERE user_id = u.id) AS sessions,
            (SELECT COUNT(*) FROM grants WHERE user_id = u.id) AS links,
            (SELECT COUNT(*) FROM codes WHERE user_id = u.id) AS codes,
            (SELECT COUNT(*) FROM amazon_tokens WHERE grant_id IN (${grants})) AS "amazonTokens"
          FROM users u WHERE u.id = ${userId}`,
      auditRow(now, { kind: "user_deleted", actor }, sql`EXISTS (SELECT 1 FROM users WHERE id = ${userId})`),
      queueUnlinksOfGrants(sql`g.user_id = ${userId} AND NOT ${isSharedWithOthers}`, userId, now, now),
      sql`UPDATE pending_unlinks SET user_id = NULL WHERE user_id = ${userId} RETURNING 1`,
      sql`UPDATE skill_events SET alexa_user_id = ${erased}
          WHERE alexa_user_id IN (${alexaUsers} UNION ALL SELECT ${userId}) RETURNING 1`,
      ...endGrants(sql`user_id = ${userId}`, "user_deleted", now, { actor }),
      sql`UPDATE audit SET user_id = NULL, grant_id = NULL WHERE user_id = ${userId} OR grant_id IN (${grants}) RETURNING 1`,
      sql`UPDATE attempts SET user_id = NULL, browser_hash = ${erased}, session_id = NULL, grant_id = NULL
          WHERE user_id = ${userId} RETURNING 1`,
      anonymiseInitiations(userId, erased),
      sql`DELETE FROM codes WHERE user_id = ${userId}`,
      deleteGivenUpMessages(userId),
      // Of refresh tokens and AcceptGrants. The quotas keep the table small, so it needs no index for this.
      sql`DELETE FROM refusals WHERE endpoint IN ('token', 'accept_grant') AND detail IN (${grants})`,
      keepErasedImports(grants, now),
      // Foreign keys delete the identities, sessions and grants, and with the grants Amazon's tokens.
      sql`DELETE FROM users WHERE id = ${userId}`,
    ],
    true,
  );
  if (!counts[0]) return undefined;
  return {
    removed: counts[0] as ErasureReport["removed"],
    anonymised: { attempts: attempts.length, auditRecords: auditRecords.length, skillEvents: skillEvents.length },
    pendingAtAmazon: pending.length,
  };
}
