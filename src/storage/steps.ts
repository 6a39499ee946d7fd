// The steps of an attempt, as its row keeps them: a JSON list of names and times.
import { type Sql, sql } from "./sql.ts";

const MOST_STEPS = 40;

export interface Step {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** In SQL: the column `steps` of a new row. */
export function firstStep(name: string, at: number): Sql {
  return sql`json_array(json_object('name', ${name}, 'at', CAST(${at} AS INTEGER)))`;
}

/**
 * In SQL: the column `steps` with one more step, and with earlier ones that are not stored yet before it; unchanged when
 * it has forty, or has these steps of these times already.
 */
export function stepsWith(name: string, at: number, earlier: readonly Step[] = []): Sql {
  const added = [...earlier, { name, at }].map((step) => JSON.stringify({ name: step.name, at: step.at }));
  const longer = added.reduce((list, step) => sql`json_insert(${list}, '$[#]', json(${step}))`, sql`steps`);
  return sql`IIF(json_array_length(steps) < ${MOST_STEPS} AND instr(steps, ${added.join()}) = 0, ${longer}, steps)`;
}
