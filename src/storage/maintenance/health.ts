// Whether the database can be used: its schema is complete, and our master keys open what it holds.
import { batch, readAll, sql, sqlName } from "../sql.ts";
import { SEALED_COLUMNS } from "./reseal.ts";

/**
 * Which of these objects the database lacks: tables, `table.column`, indexes and triggers. Columns of a missing table are
 * not named. Throws `StorageFault` when the database does not respond.
 */
export async function missingFromSchema(db: D1Database, objects: readonly string[]): Promise<string[]> {
  const rows = await readAll<{ name: string }>(
    db,
    sql`WITH objects AS (SELECT name, type FROM sqlite_schema
          WHERE name IN (SELECT value FROM json_each(${JSON.stringify(objects)})))
        SELECT name FROM objects UNION ALL
        SELECT objects.name || '.' || columns.name FROM objects, pragma_table_info(objects.name) AS columns
          WHERE objects.type = 'table' LIMIT 2000`,
  );
  const found = new Set(rows.map(({ name }) => name));
  const missing = objects.filter((name) => !found.has(name));
  return missing.filter((name) => !name.includes(".") || !missing.includes(name.split(".")[0] ?? ""));
}

/** Tokens of Amazon's are left out: those of a lost key never open again, and linking does not need them. */
const CHECKED_COLUMNS = SEALED_COLUMNS.filter(
  ({ purpose }) => purpose !== "amazon-tokens" && purpose !== "developer-token",
);

/**
 * Columns (`table.column`) that hold sealed values, of which none was sealed with one of these master keys. Throws
 * `StorageFault`.
 */
export async function columnsSealedElsewhere(db: D1Database, keyIds: readonly string[]): Promise<string[]> {
  // Anyone may ask for the health of the server, and EXISTS would read every row.
  const statements = CHECKED_COLUMNS.map(({ table, column }) => {
    const [from, value] = [sqlName(table), sqlName(column)];
    return sql`SELECT (SELECT 1 FROM ${from} WHERE ${value} IS NOT NULL LIMIT 1) AS sealed,
      (SELECT 1 FROM ${from} WHERE ${value} IS NOT NULL
        AND substr(${value}, 1, 6) IN (SELECT value FROM json_each(${JSON.stringify(keyIds)})) LIMIT 1) AS ours`;
  });
  const found = await batch(db, statements, true);
  return CHECKED_COLUMNS.filter((_, index) => {
    const [row] = found[index] ?? [];
    return row?.sealed === 1 && row.ours !== 1;
  }).map(({ table, column }) => `${table}.${column}`);
}
