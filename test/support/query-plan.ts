// Query plans of SQLite.
import { env } from "cloudflare:workers";
import type { Sql, SqlValue } from "../../src/storage/sql.ts";

/** The steps of EXPLAIN QUERY PLAN, joined by semicolons. */
export async function queryPlan({ text, values }: Sql): Promise<string> {
  const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${text}`)
    .bind(...values)
    .all<{ detail: string }>();
  return results.map(({ detail }) => detail).join("; ");
}

/** The statements that `work` runs on the database, in their order. */
export async function statementsOf(work: (db: D1Database) => Promise<unknown>): Promise<Sql[]> {
  const statements: Sql[] = [];
  const prepare = (text: string) => ({
    bind: (...values: SqlValue[]) => {
      statements.push({ text, values });
      return env.DB.prepare(text).bind(...values);
    },
  });
  await work({ prepare, batch: env.DB.batch.bind(env.DB) } as unknown as D1Database);
  return statements;
}

/** Their plans. */
export async function plansOf(work: (db: D1Database) => Promise<unknown>): Promise<string[]> {
  return Promise.all((await statementsOf(work)).map(queryPlan));
}
