// A counter with a fixed window, for what must be limited exactly and across isolates.
import { readFirst, sql } from "../sql.ts";

/** Counts one event under `key` and returns how many there were in the current window. Throws `StorageFault`. */
export async function countInWindow(db: D1Database, key: string, windowMs: number, now: number): Promise<number> {
  const isOver = sql`updated_at <= ${now - windowMs}`;
  const row = await readFirst<{ failures: number }>(
    db,
    sql`INSERT INTO throttles (key, failures, updated_at) VALUES (${key}, 1, ${now})
      ON CONFLICT (key) DO UPDATE SET failures = IIF(${isOver}, 1, failures + 1), updated_at = IIF(${isOver}, ${now}, updated_at)
      RETURNING failures`,
  );
  return row?.failures ?? 0;
}
