// Rollups of counters: one row per hour, skill and name.
import { readAll } from "../d1.ts";

export interface MetricCount {
  /** Start of the hour or day, milliseconds since 1970. */
  readonly at: number;
  /** Empty where no skill was involved. */
  readonly skillId: string;
  readonly name: string;
  readonly count: number;
}

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** Adds counts to their hours, in one statement with one parameter. */
export function addCountsStatement(db: D1Database, counts: readonly MetricCount[]): D1PreparedStatement {
  const rows = counts.map((entry) => [entry.at - (entry.at % HOUR_MS), entry.skillId, entry.name, entry.count]);
  return db
    .prepare(
      `INSERT INTO oauth_metrics (hour_at, skill_id, name, count)
       SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1) WHERE true
       ON CONFLICT (hour_at, skill_id, name) DO UPDATE SET count = count + excluded.count`,
    )
    .bind(JSON.stringify(rows));
}

/**
 * Sums per period, skill and name, oldest first; `from` inclusive, `to` exclusive (milliseconds).
 * At most `limit` rows: the caller bounds the range.
 */
export async function readCounts(
  db: D1Database,
  range: { readonly from: number; readonly to: number; readonly periodMs: number; readonly skillId?: string },
  limit: number,
): Promise<MetricCount[]> {
  const rows = await readAll<{ at: number; skill_id: string; name: string; count: number }>(
    db
      .prepare(
        `SELECT hour_at - hour_at % ?3 AS at, skill_id, name, SUM(count) AS count FROM oauth_metrics
         WHERE hour_at >= ?1 AND hour_at < ?2 AND (?4 IS NULL OR skill_id = ?4)
         GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT ?5`,
      )
      .bind(range.from, range.to, range.periodMs, range.skillId ?? null, limit),
  );
  return rows.map((row) => ({ at: row.at, skillId: row.skill_id, name: row.name, count: row.count }));
}
