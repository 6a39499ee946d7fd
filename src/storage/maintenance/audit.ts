// Audit rows. They travel in the batch of what they record, so that one is never there without the other.
import type { Condition } from "../d1.ts";

export interface AuditEntry {
  /** What happened, for instance `code_replayed`. */
  readonly kind: string;
  /** A person should look at it. */
  readonly alert?: boolean;
  readonly userId?: string | null;
  readonly clientId?: string | null;
  readonly grantId?: string | null;
  readonly attemptId?: string | null;
  readonly traceId?: string | null;
  /** Names and counts only; nothing that opens something. */
  readonly details?: string | null;
}

/** An INSERT for one audit row at `at` (milliseconds). */
export function auditStatement(db: D1Database, at: number, entry: AuditEntry): D1PreparedStatement {
  return db
    .prepare(
      "INSERT INTO audit (at, kind, alert, user_id, client_id, grant_id, attempt_id, trace_id, details) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(
      at,
      entry.kind,
      entry.alert ? 1 : 0,
      entry.userId ?? null,
      entry.clientId ?? null,
      entry.grantId ?? null,
      entry.attemptId ?? null,
      entry.traceId ?? null,
      entry.details ?? null,
    );
}

/** An audit row under the random id of the request that it is for. */
export interface Claim extends Pick<AuditEntry, "kind" | "alert" | "userId" | "clientId" | "details"> {
  readonly claimId: string;
}

/**
 * Claims, by an audit row, what a batch is about to make: inserted only where `condition` holds. Statements behind it in the batch act
 * where `claimedBy` holds, so that a repeat of the whole batch neither does anything twice nor takes its own success for somebody else's.
 */
export function claimStatement(db: D1Database, at: number, claim: Claim, condition: Condition): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO audit (at, kind, alert, user_id, client_id, trace_id, details) SELECT ?, ?, ?, ?, ?, ?, ? WHERE ${condition.sql}`,
    )
    .bind(
      at,
      claim.kind,
      claim.alert ? 1 : 0,
      claim.userId ?? null,
      claim.clientId ?? null,
      claim.claimId,
      claim.details ?? null,
      ...condition.params,
    );
}

/** True in SQL once `claimStatement` has claimed at this time (milliseconds). */
export function claimedBy(claimId: string, at: number): Condition {
  return { sql: "EXISTS (SELECT 1 FROM audit WHERE at = ? AND trace_id = ?)", params: [at, claimId] };
}
