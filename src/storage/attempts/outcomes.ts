// How a linking that started on our side ends: linked with exactly one grant, or failed with none.

import { batch, type Condition, readAll } from "../d1.ts";
import type { AuditEntry } from "../maintenance/audit.ts";
import type { Outcome, StartedAttempt } from "./started.ts";

export interface CandidateGrant {
  readonly id: string;
  readonly attempt_id: string | null;
  readonly alexa_user_id: string | null;
  readonly has_tokens: number;
  readonly revoked_at: number | null;
}

/**
 * Grants of a user at a skill's client: the ones of this attempt first, revoked ones too, then the live ones, newest first.
 */
export function readCandidateGrants(
  db: D1Database,
  attempt: Pick<StartedAttempt, "id" | "user_id" | "client_id">,
): Promise<CandidateGrant[]> {
  return readAll<CandidateGrant>(
    db
      .prepare(
        `SELECT g.id, g.attempt_id, g.alexa_user_id, g.revoked_at,
           EXISTS (SELECT 1 FROM amazon_tokens t WHERE t.grant_id = g.id AND t.purpose = 'enablement') AS has_tokens
         FROM grants g WHERE g.user_id = ? AND g.client_id = ? AND (g.revoked_at IS NULL OR g.attempt_id = ?)
         ORDER BY g.attempt_id IS ? DESC, g.created_at DESC LIMIT 50`,
      )
      .bind(attempt.user_id, attempt.client_id, attempt.id, attempt.id),
  );
}

export interface LinkedEnd {
  readonly attemptId: string;
  readonly runId: string;
  readonly userId: string;
  readonly skillId: string;
  readonly grantId: string;
  readonly host: string;
  readonly alexaUserId: string | null;
  /** Sealed for the grant. */
  readonly sealedTokens: string;
  readonly accessExpiresAt: number;
}

/**
 * Ends a linking as linked, in one batch: the grant gets Amazon's tokens and Alexa's user id, every other grant born from this linking is
 * revoked, its unspent codes are void. False when the linking was ended by somebody else or the grant was revoked meanwhile: then nothing
 * of it was done. Repeating it recognises its own success.
 */
export async function endAsLinked(db: D1Database, end: LinkedEnd, now: number): Promise<boolean> {
  const isEnd = "EXISTS (SELECT 1 FROM attempts WHERE id = ? AND outcome = 'linked' AND run_id = ? AND grant_id = ?)";
  const ours = [end.attemptId, end.runId, end.grantId];
  const results = await batch(
    db,
    [
      db
        .prepare(
          `UPDATE attempts SET outcome = 'linked', grant_id = ?, amazon_host = ?, finished_at = ?, running_until = NULL,
             amazon_tokens = NULL, reason = NULL, steps = json_insert(steps, '$[#]', json_object('name', 'linked', 'at', ?))
           WHERE id = ? AND run_id = ? AND outcome = 'pending' AND EXISTS (SELECT 1 FROM grants WHERE id = ? AND revoked_at IS NULL)`,
        )
        .bind(end.grantId, end.host, now, now, end.attemptId, end.runId, end.grantId),
      db
        .prepare(
          `INSERT INTO amazon_tokens (grant_id, purpose, host, tokens, access_expires_at, updated_at)
           SELECT ?, 'enablement', ?, ?, ?, ? WHERE ${isEnd}
           ON CONFLICT (grant_id, purpose) DO UPDATE SET host = excluded.host, tokens = excluded.tokens,
             access_expires_at = excluded.access_expires_at, refreshing_until = NULL, updated_at = excluded.updated_at`,
        )
        .bind(end.grantId, end.host, end.sealedTokens, end.accessExpiresAt, now, ...ours),
      db
        .prepare(`UPDATE grants SET alexa_user_id = COALESCE(?, alexa_user_id) WHERE id = ? AND ${isEnd}`)
        .bind(end.alexaUserId, end.grantId, ...ours),
      db
        .prepare(
          `UPDATE grants SET revoked_at = ?, revoked_reason = 'superseded_attempt'
           WHERE attempt_id = ? AND id <> ? AND revoked_at IS NULL AND ${isEnd}`,
        )
        .bind(now, end.attemptId, end.grantId, ...ours),
      db
        .prepare(
          `UPDATE codes SET voided_at = ? WHERE attempt_id = ? AND spent_at IS NULL AND voided_at IS NULL AND ${isEnd}`,
        )
        .bind(now, end.attemptId, ...ours),
      // Disabling that Amazon has not heard of yet would end this link: Alexa knows one link per skill and account. That of another
      // Amazon account, where both are known, goes on.
      db
        .prepare(
          `DELETE FROM pending_unlinks WHERE user_id = ?1 AND skill_id = ?2
             AND COALESCE((SELECT alexa_user_id FROM grants WHERE id = pending_unlinks.id) = ?3, TRUE)
             AND EXISTS (SELECT 1 FROM attempts WHERE id = ?4 AND outcome = 'linked' AND run_id = ?5 AND grant_id = ?6)`,
        )
        .bind(end.userId, end.skillId, end.alexaUserId, ...ours),
      db.prepare(`SELECT 1 AS ended WHERE ${isEnd}`).bind(...ours),
    ],
    true,
  );
  return results.at(-1)?.length === 1;
}

export interface FailedEnd {
  readonly attemptId: string;
  readonly outcome: Exclude<Outcome, "pending" | "linked">;
  /** Tagged reason for the row, the log and the operator's page. */
  readonly reason: string;
  /** Who may end it so; beside that it must be pending. */
  readonly condition: Condition;
  readonly audit?: AuditEntry;
  /** Statements that go with it, whatever comes of it: enablements to be ended at Amazon. */
  readonly alongside?: readonly D1PreparedStatement[];
}

/** Ends a linking without success: no grant born from it and no code stays alive. True when this or an equal call ended it. */
export async function endAsFailed(db: D1Database, end: FailedEnd, now: number): Promise<boolean> {
  const alongside = end.alongside ?? [];
  const results = await batch(
    db,
    [
      ...(end.audit
        ? [
            db
              .prepare(
                `INSERT INTO audit (at, kind, alert, user_id, client_id, attempt_id, trace_id, details)
                 SELECT ?, ?, ?, ?, client_id, id, trace_id, ? FROM attempts WHERE id = ? AND outcome = 'pending' AND ${end.condition.sql}`,
              )
              .bind(
                now,
                end.audit.kind,
                end.audit.alert ? 1 : 0,
                end.audit.userId ?? null,
                end.audit.details ?? null,
                end.attemptId,
                ...end.condition.params,
              ),
          ]
        : []),
      db
        .prepare(
          `UPDATE attempts SET outcome = ?, reason = ?, finished_at = ?, running_until = NULL, amazon_tokens = NULL,
             steps = json_insert(steps, '$[#]', json_object('name', ?, 'at', ?))
           WHERE id = ? AND outcome = 'pending' AND ${end.condition.sql}`,
        )
        .bind(end.outcome, end.reason, now, end.outcome, now, end.attemptId, ...end.condition.params),
      ...clearStatements(db, end.attemptId, now),
      ...alongside,
      db
        .prepare("SELECT 1 AS ended FROM attempts WHERE id = ? AND outcome = ? AND reason = ?")
        .bind(end.attemptId, end.outcome, end.reason),
    ],
    true,
  );
  return results.at(-1)?.length === 1;
}

/** Revokes what a linking that did not succeed has left behind; does nothing to one that is pending or linked. */
function clearStatements(db: D1Database, attemptId: string, now: number): D1PreparedStatement[] {
  const failed =
    "EXISTS (SELECT 1 FROM attempts WHERE id = ? AND outcome IN ('failed', 'cancelled', 'abandoned') AND state_hash IS NOT NULL)";
  return [
    db
      .prepare(
        `UPDATE grants SET revoked_at = ?, revoked_reason = 'linking_failed' WHERE attempt_id = ? AND revoked_at IS NULL AND ${failed}`,
      )
      .bind(now, attemptId, attemptId),
    db
      .prepare(
        `UPDATE codes SET voided_at = ? WHERE attempt_id = ? AND spent_at IS NULL AND voided_at IS NULL AND ${failed}`,
      )
      .bind(now, attemptId, attemptId),
  ];
}

/** Somebody else ended the linking while a run was under way: what the run has made goes, with the statements given. */
export async function clearAfterLostRun(
  db: D1Database,
  attemptId: string,
  alongside: readonly D1PreparedStatement[],
  now: number,
): Promise<void> {
  await batch(
    db,
    [
      ...clearStatements(db, attemptId, now),
      ...alongside,
      db
        .prepare(
          "INSERT INTO audit (at, kind, user_id, attempt_id) SELECT ?, 'linking_run_lost', user_id, id FROM attempts WHERE id = ?",
        )
        .bind(now, attemptId),
    ],
    false,
  );
}
