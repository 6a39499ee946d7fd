// Work that waits for the scheduled maintenance, and what operators last ran and exported, for the console.
import { batch, type Sql, sql, sqlName } from "../sql.ts";
import { AUDIT_COLUMNS, type AuditRecord, auditFromRow } from "./audit-list.ts";
import { SEALED_COLUMNS } from "./reseal.ts";

/** Counts stop at this number, so that the page reads a bounded number of rows of each table. */
export const MOST_COUNTED = 1000;
const NEWEST_AUDIT_ROWS = 10_000;

export interface WaitingWork {
  readonly pendingUnlinks: number;
  /** Milliseconds since 1970. */
  readonly oldestUnlinkAt: number | null;
  /** Values sealed by the previous master key; at most `MOST_COUNTED` of each column are counted. */
  readonly sealedBefore: number;
  /** The operators' last runs of maintenance and exports, newest first. */
  readonly acts: readonly AuditRecord[];
}

/** Reads the data of `/admin/operations`. `previousKeyId`: the id of the master key that is being replaced. */
export async function readWaitingWork(db: D1Database, previousKeyId: string | undefined): Promise<WaitingWork> {
  const sealed: Sql[] =
    previousKeyId === undefined
      ? []
      : SEALED_COLUMNS.map(({ table, column, only = sql`TRUE` }) => {
          const value = sqlName(column);
          return sql`SELECT COUNT(*) AS count FROM (SELECT 1 FROM ${sqlName(table)}
            WHERE substr(${value}, 1, 6) = ${previousKeyId} AND ${value} IS NOT NULL AND ${only} LIMIT ${MOST_COUNTED})`;
        });
  const [unlinks = [], acts = [], ...counts] = await batch(
    db,
    [
      sql`SELECT COUNT(*) AS count, MIN(created_at) AS oldest FROM pending_unlinks`,
      sql`SELECT ${AUDIT_COLUMNS} FROM audit WHERE id > (SELECT MAX(id) FROM audit) - ${NEWEST_AUDIT_ROWS}
          AND kind IN ('maintenance_run', 'users_exported', 'password_hashes_exported', 'links_exported')
        ORDER BY id DESC LIMIT 10`,
      ...sealed,
    ],
    true,
  );
  return {
    pendingUnlinks: Number(unlinks[0]?.count ?? 0),
    oldestUnlinkAt: (unlinks[0]?.oldest ?? null) as number | null,
    sealedBefore: counts.reduce((sum, [row]) => sum + Number(row?.count ?? 0), 0),
    acts: acts.map(auditFromRow),
  };
}
