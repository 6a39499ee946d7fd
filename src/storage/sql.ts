// SQL as tagged templates with bound parameters, which nest; and calls to D1 that fail with one kind of error.

/** A value that D1 binds. */
export type SqlValue = string | number | null;

/** A piece of SQL with its bound values, in order. Made by `sql` only. */
export interface Sql {
  readonly text: string;
  readonly values: readonly SqlValue[];
}

/**
 * A statement or a part of one. Interpolated strings, numbers, booleans (0 or 1), null and undefined (NULL) become
 * bound parameters; an interpolated `Sql` becomes part of the text, with its own values.
 */
export function sql(parts: TemplateStringsArray, ...holes: readonly (SqlValue | boolean | undefined | Sql)[]): Sql {
  let text = parts[0] ?? "";
  const values: SqlValue[] = [];
  for (let i = 0; i < holes.length; i++) {
    const hole = holes[i];
    if (hole !== null && typeof hole === "object") {
      text += hole.text;
      values.push(...hole.values);
    } else {
      text += "?";
      values.push(typeof hole === "boolean" ? Number(hole) : (hole ?? null));
    }
    text += parts[i + 1];
  }
  return { text, values };
}

/** Names of tables and columns, which cannot be bound. Never for anything that a request brought. */
export function sqlName(name: string): Sql {
  if (!/^[a-z_]+(\.[a-z_]+)?$/.test(name)) throw new TypeError(`Not a name of ours: ${name}`);
  return { text: name, values: [] };
}

/** Names as in `sqlName`, separated by commas. */
export function sqlNames(names: readonly string[]): Sql {
  return { text: names.map((name) => sqlName(name).text).join(", "), values: [] };
}

/** Conditions joined by AND; TRUE when there are none. */
export function all(conditions: readonly Sql[]): Sql {
  return conditions.reduce((joined, condition) => sql`${joined} AND ${condition}`, sql`TRUE`);
}

/** The columns have these values; one that is undefined may have any. */
export function equal(columns: Readonly<Record<string, SqlValue | undefined>>): Sql {
  return all(
    Object.entries(columns).flatMap(([name, value]) => (value === undefined ? [] : [sql`${sqlName(name)} = ${value}`])),
  );
}

/** D1 did not respond, or responded with an error that is no constraint of ours: a transient failure, 503 outside. */
export class StorageFault extends Error {
  override readonly name = "StorageFault";
}

/** D1's messages for a lost connection; a write may have been committed all the same. */
const LOST_CONNECTION = [
  "Network connection lost",
  "storage caused object to be reset",
  "reset because its code was updated",
  "Cannot resolve D1 DB due to transient issue",
];
const RETRY_DELAYS_MS = [40, 160];

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function call<T>(go: () => Promise<T>, repeatable: boolean): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await go();
    } catch (error) {
      const delay = RETRY_DELAYS_MS[attempt];
      const lost = LOST_CONNECTION.some((text) => messageOf(error).includes(text));
      if (!repeatable || !lost || delay === undefined) throw new StorageFault(messageOf(error), { cause: error });
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}

function prepare(db: D1Database, { text, values }: Sql): D1PreparedStatement {
  return db.prepare(text).bind(...values);
}

/** The first row of a read, or null. Throws `StorageFault`. */
export function readFirst<Row>(db: D1Database, query: Sql): Promise<Row | null> {
  return call(() => prepare(db, query).first<Row>(), true);
}

/** All rows of a read, whose statement carries its own LIMIT. Throws `StorageFault`. */
export async function readAll<Row>(db: D1Database, query: Sql): Promise<Row[]> {
  return (await call(() => prepare(db, query).all<Row>(), true)).results;
}

/**
 * One write; the number of rows it changed. After a lost connection it runs again only when `repeatable`: when a second
 * run changes nothing more, or recognises the success of the first. Throws `StorageFault`.
 */
export async function write(db: D1Database, statement: Sql, repeatable: boolean): Promise<number> {
  return (await call(() => prepare(db, statement).run(), repeatable)).meta.changes;
}

/** The rows of each statement. One transaction; `repeatable` as in `write`. Throws `StorageFault`. */
export async function batch<Rows extends readonly unknown[] = Record<string, unknown>[]>(
  db: D1Database,
  statements: readonly Sql[],
  repeatable: boolean,
): Promise<{ [Index in keyof Rows]: Rows[Index][] }> {
  const prepared = statements.map((statement) => prepare(db, statement));
  const results = await call(() => db.batch(prepared), repeatable);
  return results.map((result) => result.results) as { [Index in keyof Rows]: Rows[Index][] };
}

/** A row with its JSON columns parsed and its 0/1 columns as booleans; null columns stay null. */
export function decodeRow<Row>(
  row: Record<string, unknown>,
  columns: { readonly json?: readonly (keyof Row & string)[]; readonly flags?: readonly (keyof Row & string)[] },
): Row {
  const decoded: Record<string, unknown> = { ...row };
  for (const name of columns.json ?? []) {
    const text = row[name];
    if (typeof text === "string") decoded[name] = JSON.parse(text) as unknown;
  }
  for (const name of columns.flags ?? []) decoded[name] = row[name] === 1;
  return decoded as Row;
}
