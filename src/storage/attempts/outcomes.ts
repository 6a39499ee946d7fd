// How an attempt that we started ends: linked with exactly one live grant, or without success and with none.
import { queueUnlinksOfAttempts } from "../amazon/unlinks.ts";
import type { AuditEntry } from "../audit.ts";
import { voidCodes } from "../grants/codes.ts";
import { endGrants } from "../grants/grants.ts";
import { batch, readAll, type Sql, sql } from "../sql.ts";
import { type Step, stepsWith } from "../steps.ts";
import type { Outcome } from "./attempts.ts";
import type { RunKey, StartedAttempt } from "./started.ts";

export interface CandidateGrant {
  readonly id: string;
  readonly attemptId: string | null;
  readonly alexaUserId: string | null;
  /** 1: Amazon's tokens are stored with it. */
  readonly hasTokens: 0 | 1;
  readonly revokedAt: number | null;
}

/** A user's grants of a client: those of this attempt first, even if revoked, then others not revoked. */
export function readCandidateGrants(
  db: D1Database,
  attempt: Pick<StartedAttempt, "id" | "userId" | "clientId">,
): Promise<CandidateGrant[]> {
  return readAll<CandidateGrant>(
    db,
    sql`SELECT g.id, g.attempt_id AS "attemptId", g.alexa_user_id AS "alexaUserId", g.revoked_at AS "revokedAt",
          EXISTS (SELECT 1 FROM amazon_tokens t WHERE t.grant_id = g.id AND t.purpose = 'enablement') AS "hasTokens"
        FROM grants g
        WHERE g.user_id = ${attempt.userId} AND g.client_id = ${attempt.clientId}
          AND (g.revoked_at IS NULL OR g.attempt_id = ${attempt.id})
        ORDER BY g.attempt_id IS ${attempt.id} DESC, g.created_at DESC LIMIT 50`,
  );
}

export interface LinkedEnd extends RunKey {
  readonly userId: string;
  readonly skillId: string;
  readonly grantId: string;
  readonly host: string;
  readonly alexaUserId: string | null;
  /** Sealed for the grant. */
  readonly sealedTokens: string;
  readonly accessExpiresAt: number;
  /** What Amazon responded, as steps that are not stored yet. */
  readonly responses: readonly Step[];
}

/**
 * Ends an attempt as linked, in one batch: the grant gets Amazon's tokens and Alexa's user id, every other grant of the
 * attempt is revoked, its unspent codes are void. False when the attempt had ended or the grant was revoked meanwhile:
 * then nothing was changed. Running it again recognises its own success.
 */
export async function endAsLinked(db: D1Database, end: LinkedEnd, now: number): Promise<boolean> {
  const { attemptId, runId, grantId } = end;
  const ended = sql`EXISTS (SELECT 1 FROM attempts WHERE id = ${attemptId} AND outcome = 'linked' AND run_id = ${runId}
    AND grant_id = ${grantId})`;
  const ofIt = sql`user_id = ${end.userId} AND attempt_id = ${attemptId}`;
  const results = await batch(
    db,
    [
      sql`UPDATE attempts SET outcome = 'linked', grant_id = ${grantId}, amazon_host = ${end.host}, finished_at = ${now},
            running_until = NULL, amazon_tokens = NULL, reason = NULL, steps = ${stepsWith("linked", now, end.responses)}
          WHERE id = ${attemptId} AND run_id = ${runId} AND outcome = 'pending'
            AND EXISTS (SELECT 1 FROM grants WHERE id = ${grantId} AND revoked_at IS NULL)`,
      sql`INSERT INTO amazon_tokens (grant_id, purpose, host, tokens, access_expires_at, updated_at)
          SELECT ${grantId}, 'enablement', ${end.host}, ${end.sealedTokens}, ${end.accessExpiresAt}, ${now} WHERE ${ended}
          ON CONFLICT (grant_id, purpose) DO UPDATE SET host = excluded.host, tokens = excluded.tokens,
            access_expires_at = excluded.access_expires_at, updated_at = excluded.updated_at`,
      sql`UPDATE grants SET alexa_user_id = COALESCE(${end.alexaUserId}, alexa_user_id) WHERE id = ${grantId} AND ${ended}`,
      ...endGrants(sql`${ofIt} AND id <> ${grantId} AND ${ended}`, "superseded_attempt", now),
      voidCodes(sql`${ofIt} AND ${ended}`, now),
      // A disabling that Amazon has not done yet would end this link, since Alexa knows one link per skill and account.
      // One of another Amazon account, where both are known, stays queued.
      sql`DELETE FROM pending_unlinks WHERE user_id = ${end.userId} AND skill_id = ${end.skillId}
            AND COALESCE((SELECT alexa_user_id FROM grants WHERE id = pending_unlinks.grant_id) = ${end.alexaUserId}, TRUE) AND ${ended}`,
      sql`SELECT 1 WHERE ${ended}`,
    ],
    true,
  );
  return results.at(-1)?.length === 1;
}

/** Who ends an attempt without success: conditions on `attempts`, beside that it is pending. */
export const ATTEMPT_ENDED_BY = {
  /** Its run. */
  run: (runId: string): Sql => sql`run_id = ${runId}`,
  /** Its user, with an error of Amazon's, while it is open. `actorHolds` as in `NewRun`. */
  user: (userId: string, actorHolds: Sql, now: number): Sql =>
    sql`user_id = ${userId} AND expires_at > ${now} AND ${notRunning(now)} AND ${actorHolds}`,
  /** Another user, who presented what Amazon sent to its own. */
  anotherUser: (userId: string, actorHolds: Sql): Sql => sql`user_id <> ${userId} AND ${actorHolds}`,
  /** The scheduled work, once its time is over. */
  expiry: (now: number): Sql => sql`expires_at <= ${now} AND ${notRunning(now)}`,
};

function notRunning(now: number): Sql {
  return sql`(running_until IS NULL OR running_until <= ${now})`;
}

export interface FailedEnd {
  readonly attemptId: string;
  readonly outcome: Exclude<Outcome, "pending" | "linked">;
  /** Tagged reason for the row, the log and the operator's page. */
  readonly reason: string;
  /** One of `ATTEMPT_ENDED_BY`. */
  readonly by: Sql;
  /** Amazon's API host where disabling is tried first. */
  readonly host: string;
  /** As in `LinkedEnd`. */
  readonly responses?: readonly Step[];
  readonly audit?: AuditEntry;
}

/**
 * Ends an attempt without success, in one batch: its grants are revoked, its unspent codes void, and an enablement that
 * it may have left is queued to be disabled. True when this or an equal call ended it.
 */
export async function endAsFailed(db: D1Database, end: FailedEnd, now: number): Promise<boolean> {
  const { attemptId, outcome, reason, audit } = end;
  const open = sql`id = ${attemptId} AND outcome = 'pending' AND ${end.by}`;
  const ofIt = sql`user_id = (SELECT user_id FROM attempts WHERE ${open}) AND attempt_id = ${attemptId}`;
  const results = await batch(
    db,
    [
      ...(audit
        ? [
            sql`INSERT INTO audit (at, kind, alert, user_id, client_id, attempt_id, details)
                SELECT ${now}, ${audit.kind}, ${audit.alert ?? false}, ${audit.userId}, client_id, id, ${audit.details}
                FROM attempts WHERE ${open}`,
          ]
        : []),
      queueUnlinksOfAttempts(open, end.host, now),
      ...endGrants(ofIt, "linking_failed", now),
      voidCodes(ofIt, now),
      sql`UPDATE attempts SET outcome = ${outcome}, reason = ${reason}, finished_at = ${now}, running_until = NULL, amazon_tokens = NULL,
            steps = ${stepsWith(outcome, now, end.responses)} WHERE ${open}`,
      sql`SELECT 1 FROM attempts WHERE id = ${attemptId} AND outcome = ${outcome} AND reason = ${reason}`,
    ],
    true,
  );
  return results.at(-1)?.length === 1;
}
