// Query plans of SQLite.
import { env } from "cloudflare:workers";
import type { Sql } from "../../src/storage/sql.ts";

/** The steps of EXPLAIN QUERY PLAN, joined by semicolons. */
export async function queryPlan({ text, values }: Sql): Promise<string> {
  const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${text}`)
    .bind(...values)
    .all<{ detail: string }>();
  return results.map(({ detail }) => detail).join("; ");
}
