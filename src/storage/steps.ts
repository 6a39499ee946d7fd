// The steps of an attempt, as its row keeps them: a JSON list of names and times.
import { type Sql, sql } from "./sql.ts";

const MOST_STEPS = 40;

/** In SQL: the column `steps` of a new row. */
export function firstStep(name: string, at: number): Sql {
  return sql`json_array(json_object('name', ${name}, 'at', CAST(${at} AS INTEGER)))`;
}

/** In SQL: the column `steps` with one more step; unchanged when it has forty, or has this step of this time already. */
export function stepsWith(name: string, at: number): Sql {
  const step = JSON.stringify({ name, at });
  return sql`IIF(json_array_length(steps) < ${MOST_STEPS} AND instr(steps, ${step}) = 0, json_insert(steps, '$[#]', json(${step})), steps)`;
}
