// The steps of an attempt, as its row keeps them: a JSON list of names and times.
import { type Sql, sql } from "./sql.ts";

const MOST_STEPS = 40;

/** In SQL: the column `steps` with one more step; unchanged when it has forty. */
export function stepsWith(name: string, at: number): Sql {
  return sql`IIF(json_array_length(steps) < ${MOST_STEPS}, json_insert(steps, '$[#]', json_object('name', ${name}, 'at', ${at})), steps)`;
}
