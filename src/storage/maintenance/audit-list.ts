// The audit log for operators: newest first, one page at a time.
import { all, decodeRow, equal, readAll, type Sql, sql } from "../sql.ts";

export interface AuditRecord {
  readonly id: number;
  readonly at: number;
  readonly kind: string;
  readonly alert: boolean;
  /** The operator who did it. */
  readonly actor: string | null;
  readonly userId: string | null;
  readonly clientId: string | null;
  readonly grantId: string | null;
  readonly attemptId: string | null;
  readonly details: string | null;
}

export interface AuditFilter {
  readonly alertsOnly?: boolean;
  /** Without the rows about raised and cleared alerts. */
  readonly singleEvents?: boolean;
  readonly userId?: string | undefined;
  readonly grantId?: string | undefined;
  readonly attemptId?: string | undefined;
  readonly kind?: string | undefined;
  readonly clientId?: string | undefined;
  readonly actor?: string | undefined;
  /** Milliseconds since 1970, inclusive. */
  readonly from?: number | undefined;
}

/** The columns of an `AuditRecord`, from table `audit`. */
export const AUDIT_COLUMNS = sql`id, at, kind, alert, actor, user_id AS "userId", client_id AS "clientId", grant_id AS "grantId",
  attempt_id AS "attemptId", details`;

/** The list's statement. Ids grow with time, so the id alone orders; each filter has an index that ends with it. */
export function auditListStatement(filter: AuditFilter, before: number | undefined, limit: number): Sql {
  const { alertsOnly, singleEvents, userId, grantId, kind, clientId, actor } = filter;
  const conditions = [
    equal({ alert: alertsOnly ? 1 : undefined, user_id: userId, grant_id: grantId, kind, client_id: clientId, actor }),
  ];
  if (singleEvents) conditions.push(sql`kind NOT IN ('alert_raised', 'alert_cleared')`);
  if (filter.attemptId !== undefined) {
    // Found by its user: an index by attempt would be one more row for each link that ends.
    const user = sql`(SELECT user_id FROM attempts WHERE id = ${filter.attemptId})`;
    conditions.push(sql`user_id = ${user} AND attempt_id = ${filter.attemptId}`);
  }
  if (filter.from !== undefined) {
    conditions.push(sql`id >= (SELECT id FROM audit WHERE at >= ${filter.from} ORDER BY at, id LIMIT 1)`);
  }
  if (before !== undefined) conditions.push(sql`id < ${before}`);
  return sql`SELECT ${AUDIT_COLUMNS} FROM audit WHERE ${all(conditions)} ORDER BY id DESC LIMIT ${limit}`;
}

/** Newest first, older than the record `before`. */
export async function listAudit(
  db: D1Database,
  filter: AuditFilter,
  before: number | undefined,
  limit: number,
): Promise<AuditRecord[]> {
  return (await readAll<Record<string, unknown>>(db, auditListStatement(filter, before, limit))).map(auditFromRow);
}

/** A row of `AUDIT_COLUMNS`. */
export function auditFromRow(row: Record<string, unknown>): AuditRecord {
  return decodeRow<AuditRecord>(row, { flags: ["alert"] });
}
