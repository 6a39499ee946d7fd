// Audit rows. They travel in the batch of what they record, so that one is never there without the other.

export interface AuditEntry {
  /** What happened, for instance `code_replayed`. */
  readonly kind: string;
  /** A person should look at it. */
  readonly alert?: boolean;
  readonly userId?: string | null;
  readonly clientId?: string | null;
  readonly grantId?: string | null;
  readonly linkingId?: string | null;
  readonly traceId?: string | null;
  /** Names and counts only; nothing that opens something. */
  readonly details?: string | null;
}

/** An INSERT for one audit row at `at` (milliseconds). */
export function auditStatement(db: D1Database, at: number, entry: AuditEntry): D1PreparedStatement {
  return db
    .prepare(
      "INSERT INTO audit (at, kind, alert, user_id, client_id, grant_id, linking_id, trace_id, details) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(
      at,
      entry.kind,
      entry.alert ? 1 : 0,
      entry.userId ?? null,
      entry.clientId ?? null,
      entry.grantId ?? null,
      entry.linkingId ?? null,
      entry.traceId ?? null,
      entry.details ?? null,
    );
}
