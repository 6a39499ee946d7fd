// Deciding an attempt: the first decision stands, and its code is inserted with it, if the actor still holds.
import { type CodeBinding, insertCode } from "../grants/codes.ts";
import { batch, type Sql, sql } from "../sql.ts";
import { firstStep } from "../steps.ts";
import { ATTEMPT_LIFETIME_MS, type AttemptStart } from "./attempts.ts";

export type Decision = "allow" | "deny";

export interface ConsentDecision {
  readonly start: AttemptStart;
  readonly decision: Decision;
  readonly userId: string;
  readonly browserHash: string | null;
  /** In SQL: the session, or the user behind a bearer token, may still act. */
  readonly actorHolds: Sql;
  readonly codeHash: string;
  readonly binding: CodeBinding;
  readonly at: number;
  readonly codeExpiresAt: number;
}

/**
 * `decided`: this user's first decision on the attempt, now or earlier. `actor_gone`: nothing was changed, the user
 * must sign in again.
 * `decided_by_another`: another user decided this attempt.
 */
export type ConsentResult =
  | { readonly outcome: "decided"; readonly decision: Decision }
  | { readonly outcome: "actor_gone" | "decided_by_another" };

interface DecidedRow {
  readonly decision: Decision | null;
  readonly userId: string | null;
  readonly actorHolds: 0 | 1;
}

/** Records a decision, one batch, safe to repeat. With `allow` the code's row exists when this resolves. */
export async function decideAttempt(db: D1Database, c: ConsentDecision): Promise<ConsentResult> {
  const { start, userId, actorHolds, decision, at } = c;
  const denied = decision === "deny";
  const isAllowed = sql`EXISTS (SELECT 1 FROM attempts WHERE id = ${start.attemptId} AND decision = 'allow' AND user_id = ${userId})`;
  const [, , , rows = []] = await batch(
    db,
    [
      // Another user has signed in to it, or it was abandoned. Apart, as it writes index entries.
      sql`UPDATE attempts SET user_id = ${userId}, outcome = 'pending'
          WHERE id = ${start.attemptId} AND decided_at IS NULL AND (user_id IS NOT ${userId} OR outcome <> 'pending') AND ${actorHolds}`,
      sql`INSERT INTO attempts (id, flow, skill_id, locale, client_id, user_id, browser_hash, outcome, reason, steps,
            redirect_uri, scope, pkce, decision, decided_at, created_at, expires_at, finished_at)
          SELECT ${start.attemptId}, ${start.flow}, ${start.skillId}, ${start.locale}, ${start.clientId}, ${userId},
            ${c.browserHash},
            ${denied ? "cancelled" : "pending"}, ${denied ? "denied_by_user" : null},
            ${firstStep(denied ? "consent_denied" : "consent_given", at)},
            ${c.binding.redirectUri}, ${c.binding.scope}, ${c.binding.codeChallenge !== null},
            ${decision}, ${at}, ${at}, ${at + ATTEMPT_LIFETIME_MS}, ${denied ? at : null}
          WHERE ${actorHolds}
          ON CONFLICT (id) DO UPDATE SET ${denied ? sql`outcome = excluded.outcome,` : sql``} reason = excluded.reason,
            redirect_uri = excluded.redirect_uri, scope = excluded.scope, pkce = excluded.pkce,
            decision = excluded.decision, decided_at = excluded.decided_at, finished_at = excluded.finished_at,
            steps = json_insert(steps, '$[#]', json_extract(excluded.steps, '$[0]'))
          WHERE decided_at IS NULL`,
      insertCode(c.codeHash, c.binding, at, c.codeExpiresAt, sql`${isAllowed} AND ${actorHolds}`),
      sql`SELECT decision, user_id AS "userId", ${actorHolds} AS "actorHolds"
          FROM (SELECT 1) LEFT JOIN attempts ON attempts.id = ${start.attemptId}`,
    ],
    true,
  );
  const row = rows[0] as DecidedRow | undefined;
  if (row?.actorHolds !== 1 || row.decision === null) return { outcome: "actor_gone" };
  if (row.userId !== userId) return { outcome: "decided_by_another" };
  return { outcome: "decided", decision: row.decision };
}
