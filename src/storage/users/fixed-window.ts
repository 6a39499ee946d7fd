// A counter with a fixed window, for what must be limited exactly and across isolates.
import { batch, type Sql, sql } from "../sql.ts";
import type { CounterKey } from "./throttles.ts";

/** Counts one event under `key`; returns how many there were in the current window (`failures`), and its start. */
export function count(key: CounterKey, windowMs: number, now: number): Sql {
  const isOver = sql`updated_at <= ${now - windowMs}`;
  return sql`INSERT INTO throttles (key, failures, updated_at) VALUES (${key}, 1, ${now})
      ON CONFLICT (key) DO UPDATE SET failures = IIF(${isOver}, 1, failures + 1), updated_at = IIF(${isOver}, ${now}, updated_at)
      RETURNING failures, updated_at AS since`;
}

/** Counts one event under `key` and returns how many there were in the current window. Throws `StorageFault`. */
export async function countInWindow(db: D1Database, key: CounterKey, windowMs: number, now: number): Promise<number> {
  const [[row] = []] = await batch(db, [count(key, windowMs, now)], false);
  return Number(row?.failures ?? 0);
}
