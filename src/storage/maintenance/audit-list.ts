// The audit as operators read it: newest first, a page at a time.
import { readAll } from "../d1.ts";

export interface AuditRecord {
  readonly id: number;
  readonly at: number;
  readonly kind: string;
  readonly alert: boolean;
  readonly userId: string | null;
  readonly clientId: string | null;
  readonly grantId: string | null;
  readonly attemptId: string | null;
  readonly traceId: string | null;
  readonly details: string | null;
}

export interface AuditFilter {
  readonly alertsOnly?: boolean;
  readonly userId?: string | undefined;
  readonly grantId?: string | undefined;
}

interface Row {
  readonly id: number;
  readonly at: number;
  readonly kind: string;
  readonly alert: number;
  readonly user_id: string | null;
  readonly client_id: string | null;
  readonly grant_id: string | null;
  readonly attempt_id: string | null;
  readonly trace_id: string | null;
  readonly details: string | null;
}

/** The list's statement. Ids grow with time, so the id alone orders; each filter has an index that ends with it. */
export function auditListStatement(
  db: D1Database,
  filter: AuditFilter,
  before: number | undefined,
  limit: number,
): D1PreparedStatement {
  const conditions: [string, ...(string | number)[]][] = [];
  if (filter.alertsOnly) conditions.push(["alert = 1"]);
  if (filter.userId !== undefined) conditions.push(["user_id = ?", filter.userId]);
  if (filter.grantId !== undefined) conditions.push(["grant_id = ?", filter.grantId]);
  if (before !== undefined) conditions.push(["id < ?", before]);
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.map(([sql]) => sql).join(" AND ")}`;
  return db
    .prepare(`SELECT * FROM audit ${where} ORDER BY id DESC LIMIT ?`)
    .bind(...conditions.flatMap(([, ...params]) => params), limit);
}

/** Newest first, older than the record `before`. */
export async function listAudit(
  db: D1Database,
  filter: AuditFilter,
  before: number | undefined,
  limit: number,
): Promise<AuditRecord[]> {
  const rows = await readAll<Row>(auditListStatement(db, filter, before, limit));
  return rows.map((row) => ({
    id: row.id,
    at: row.at,
    kind: row.kind,
    alert: row.alert === 1,
    userId: row.user_id,
    clientId: row.client_id,
    grantId: row.grant_id,
    attemptId: row.attempt_id,
    traceId: row.trace_id,
    details: row.details,
  }));
}
