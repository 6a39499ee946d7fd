// Counters: one row per hour, skill and name.
import { type Sql, sql } from "../sql.ts";

export interface MetricCount {
  /** Start of the hour or day, milliseconds since 1970. */
  readonly at: number;
  /** Empty if no skill was involved. */
  readonly skillId: string;
  readonly name: string;
  readonly count: number;
}

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** Adds counts to their hours. One statement with one parameter, for any number of counts. */
export function addCounts(counts: readonly MetricCount[]): Sql {
  const rows = counts.map((entry) => [entry.at - (entry.at % HOUR_MS), entry.skillId, entry.name, entry.count]);
  return sql`INSERT INTO oauth_metrics (hour_at, skill_id, name, count)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(${JSON.stringify(rows)}) WHERE TRUE
    ON CONFLICT (hour_at, skill_id, name) DO UPDATE SET count = count + excluded.count`;
}
