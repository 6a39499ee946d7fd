// Deciding an attempt: the first decision stands, its code is inserted with it, and the session must hold in the same
// statement.

import { batch, type Condition, prepared, sqlOf } from "../d1.ts";
import type { CodeBinding } from "../grants/codes.ts";
import { insertCode } from "../grants/codes.ts";
import { sql } from "../sql.ts";
import { ATTEMPT_LIFETIME_MS, type AttemptStart } from "./attempts.ts";

export type Decision = "allow" | "deny";

export interface ConsentDecision {
  readonly start: AttemptStart;
  readonly decision: Decision;
  readonly userId: string;
  readonly browserHash: string | null;
  /** Who acts must still be allowed to: the session, or the user behind a bearer token. */
  readonly actorHolds: Condition;
  readonly codeHash: string;
  readonly binding: CodeBinding;
  readonly at: number;
  readonly codeExpiresAt: number;
}

/**
 * `decided`: this user's first decision on the attempt, now or earlier. `actor_gone`: nothing was done, sign in again.
 * `decided_by_another`: somebody else decided this attempt.
 */
export type ConsentResult =
  | { readonly outcome: "decided"; readonly decision: Decision }
  | { readonly outcome: "actor_gone" | "decided_by_another" };

/** Records a decision, one batch, safe to repeat. With `allow` the code's row is there when this resolves. */
export async function decideAttempt(db: D1Database, c: ConsentDecision): Promise<ConsentResult> {
  const { start, actorHolds } = c;
  const cancelled = c.decision === "deny";
  const [, , rows = []] = await batch(
    db,
    [
      db
        .prepare(
          `INSERT INTO attempts (id, trace_id, flow, skill_id, client_id, user_id, browser_hash, outcome, reason, steps,
             decision, decided_at, created_at, expires_at, finished_at)
           SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, json_array(json_object('name', ?10, 'at', ?11)), ?12, ?11, ?11, ?13, ?14
           WHERE ${numbered(actorHolds, 15)}
           ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, outcome = excluded.outcome, reason = excluded.reason,
             decision = excluded.decision, decided_at = excluded.decided_at, finished_at = excluded.finished_at,
             steps = json_insert(steps, '$[#]', json_object('name', ?10, 'at', ?11))
           WHERE decided_at IS NULL`,
        )
        .bind(
          start.attemptId,
          start.traceId,
          start.flow,
          start.skillId,
          start.clientId,
          c.userId,
          c.browserHash,
          cancelled ? "cancelled" : "pending",
          cancelled ? "denied_by_user" : null,
          cancelled ? "consent_denied" : "consent_given",
          c.at,
          c.decision,
          c.at + ATTEMPT_LIFETIME_MS,
          cancelled ? c.at : null,
          ...actorHolds.params,
        ),
      prepared(
        db,
        insertCode(
          c.codeHash,
          c.binding,
          c.at,
          c.codeExpiresAt,
          sql`EXISTS (SELECT 1 FROM attempts WHERE id = ${start.attemptId} AND decision = 'allow' AND user_id = ${c.userId})
            AND ${sqlOf(actorHolds)}`,
        ),
      ),
      db
        .prepare(
          `SELECT decision, user_id, ${actorHolds.sql} AS actor_holds FROM (SELECT 1) LEFT JOIN attempts ON attempts.id = ?`,
        )
        .bind(...actorHolds.params, start.attemptId),
    ],
    true,
  );
  const row = rows[0] as { decision: Decision | null; user_id: string | null; actor_holds: number } | undefined;
  if (row?.actor_holds !== 1) return { outcome: "actor_gone" };
  if (row.decision === null) return { outcome: "actor_gone" };
  if (row.user_id !== c.userId) return { outcome: "decided_by_another" };
  return { outcome: "decided", decision: row.decision };
}

/** The condition with its `?` numbered from `first`, for statements that number theirs. */
function numbered(condition: Condition, first: number): string {
  let next = first;
  return condition.sql.replaceAll("?", () => `?${next++}`);
}
