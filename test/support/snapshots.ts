// All rows of the database: to put them back, and to compare two states of it.
import { env } from "cloudflare:workers";

type Row = Readonly<Record<string, unknown>>;
export type Snapshot = ReadonlyMap<string, readonly Row[]>;

/** Rows of other tables make triggers write to this one, so it is put back last. */
const WRITTEN_BY_TRIGGERS = "webhook_outbox";
/** Columns of texts that tests compare. Other texts are ids, hashes and sealed values, which differ between runs. */
const COMPARED_TEXTS = /^(kind|outcome|reason|revoked_reason|flow|decision|name|type|steps|purpose|method)$/;

/** Not compared: row numbers, and session epochs, of which two steps end the same sessions as one. */
const NOT_COMPARED = ["audit.id", "users.session_epoch"];

/** The rows of every table. */
export async function takeSnapshot(): Promise<Snapshot> {
  const { results } = await env.DB.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all<{
    name: string;
  }>();
  const tables = results.map(({ name }) => name).filter((name) => !/^(_cf_|sqlite_|d1_)/.test(name));
  const rows = await env.DB.batch<Row>(tables.map((table) => env.DB.prepare(`SELECT * FROM ${table}`)));
  return new Map(tables.map((table, at) => [table, rows[at]?.results ?? []]));
}

/** Puts the rows of a snapshot back, and removes all others. */
export async function restoreSnapshot(snapshot: Snapshot): Promise<void> {
  const tables = [...snapshot.keys()].toSorted(
    (a, b) => Number(a === WRITTEN_BY_TRIGGERS) - Number(b === WRITTEN_BY_TRIGGERS),
  );
  const inserts = (table: string) =>
    (snapshot.get(table) ?? []).map((row) => {
      const columns = Object.keys(row);
      const marks = columns.map(() => "?").join(", ");
      return env.DB.prepare(`INSERT INTO ${table} (${columns.join(", ")}) VALUES (${marks})`).bind(
        ...Object.values(row),
      );
    });
  await env.DB.batch([
    env.DB.prepare("PRAGMA defer_foreign_keys = on"),
    ...tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
    ...tables.flatMap((table) =>
      table === WRITTEN_BY_TRIGGERS ? [env.DB.prepare(`DELETE FROM ${table}`), ...inserts(table)] : inserts(table),
    ),
  ]);
}

/** Details of audit rows are tagged reasons, or ids. */
const isTag = (column: string, value: string) => column === "details" && /^[a-z_]+$/.test(value);

/** What a snapshot says, as sorted lines, without what differs between two runs of the same request. */
export function summaryOf(snapshot: Snapshot): string[] {
  const lines = [...snapshot].flatMap(([table, rows]) =>
    rows.map((row) => {
      const compared = Object.entries(row).filter(([column]) => !NOT_COMPARED.includes(`${table}.${column}`));
      const values = compared.map(([column, value]) => [
        column,
        typeof value === "string" && !COMPARED_TEXTS.test(column) && !isTag(column, value) ? "text" : value,
      ]);
      return `${table} ${JSON.stringify(Object.fromEntries(values))}`;
    }),
  );
  return lines.toSorted();
}
