// Audit rows: written in the batch of what they record, so that neither exists without the other.
import { type Sql, sql, write } from "./sql.ts";

export interface AuditEntry {
  /** What happened, for instance `code_replayed`. */
  readonly kind: string;
  /** An operator should look at it. */
  readonly alert?: boolean;
  /** The operator who did it; null: a customer, Alexa, or the server itself. */
  readonly actor?: string | null | undefined;
  readonly userId?: string | null;
  readonly clientId?: string | null;
  readonly grantId?: string | null;
  readonly attemptId?: string | null;
  /** Names and counts only; no secret, token or code. */
  readonly details?: string | null;
}

/** Inserts one audit row at `at` (milliseconds). */
export function auditRow(at: number, entry: AuditEntry, condition: Sql = sql`TRUE`): Sql {
  return sql`INSERT INTO audit (at, kind, alert, actor, user_id, client_id, grant_id, attempt_id, details)
    SELECT ${at}, ${entry.kind}, ${entry.alert ?? false}, ${entry.actor}, ${entry.userId}, ${entry.clientId}, ${entry.grantId},
      ${entry.attemptId}, ${entry.details} WHERE ${condition}`;
}

/** Inserts one audit row where the previous statement of the batch, an INSERT, UPDATE or DELETE, changed something. */
export function auditIfChanged(at: number, entry: AuditEntry): Sql {
  return auditRow(at, entry, sql`changes() > 0`);
}

/** One audit row for the accounts that the previous statement of the batch inserted. */
export function auditImportedUsers(at: number, actor: string): Sql {
  return sql`INSERT INTO audit (at, kind, actor, details)
    SELECT ${at}, 'users_imported', ${actor}, changes() || ' accounts' WHERE changes() > 0`;
}

const HOUR_MS = 3_600_000;

/** Stores an alert at `at` (milliseconds), unless the same one was stored within the hour before. Returns how many. */
export function writeAlertOnce(
  db: D1Database,
  at: number,
  { kind, details }: { readonly kind: string; readonly details: string },
): Promise<number> {
  const stored = sql`EXISTS (SELECT 1 FROM audit WHERE at > ${at - HOUR_MS} AND kind = ${kind} AND details = ${details})`;
  return write(db, auditRow(at, { kind, alert: true, details }, sql`NOT ${stored}`), true);
}
