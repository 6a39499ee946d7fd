// Calls to D1: faults get one type, lost connections are retried, but only where running twice is harmless.

import { type Sql, StorageFault } from "./sql.ts";

export { StorageFault };

/** For the move to `sql.ts`: a piece made by its tag, for statements that are not made by it yet. */
export function conditionOf(piece: Sql): Condition {
  return { sql: piece.text, params: piece.values };
}

/** For the move to `sql.ts`: the other way around. */
export function sqlOf(condition: Condition): Sql {
  return { text: condition.sql, values: condition.params };
}

/** For the move to `sql.ts`: a statement made by its tag, for batches that are not made by it yet. */
export function prepared(db: D1Database, { text, values }: Sql): D1PreparedStatement {
  return db.prepare(text).bind(...values);
}

/** What D1 says when the connection went away; a write may have been committed all the same. */
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

/**
 * Runs one storage call. Repeats it after a lost connection when `repeatable` (a read, or a write that recognises its
 * own earlier success). Every failure becomes a `StorageFault` whose cause is the original error.
 */
export async function storageCall<T>(go: () => Promise<T>, repeatable: boolean): Promise<T> {
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

/** The first row of a read, or null. */
export function readFirst<Row>(statement: D1PreparedStatement): Promise<Row | null> {
  return storageCall(() => statement.first<Row>(), true);
}

/** All rows of a read. The caller's statement carries its own LIMIT. */
export async function readAll<Row>(statement: D1PreparedStatement): Promise<Row[]> {
  return (await storageCall(() => statement.all<Row>(), true)).results;
}

/** One write; the number of rows it changed. `repeatable` as in `storageCall`. */
export async function write(statement: D1PreparedStatement, repeatable: boolean): Promise<number> {
  return (await storageCall(() => statement.run(), repeatable)).meta.changes;
}

/** A batch: one trip, one transaction. The rows of each statement. */
export async function batch(
  db: D1Database,
  statements: D1PreparedStatement[],
  repeatable: boolean,
): Promise<Record<string, unknown>[][]> {
  const results = await storageCall(() => db.batch<Record<string, unknown>>(statements), repeatable);
  return results.map((result) => result.results);
}

/** A condition with its parameters, to be put into a WHERE clause. */
export interface Condition {
  readonly sql: string;
  readonly params: readonly (string | number | null)[];
}
