// GET /healthz on databases that cannot be used: it names what is missing, and the command that helps.
import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { statementsOf } from "../../test/support/query-plan.ts";
import { startService } from "../../test/support/service.ts";
import { columnsSealedElsewhere } from "../storage/maintenance/health.ts";

interface Object {
  readonly type: string;
  readonly name: string;
}

async function objects(): Promise<Object[]> {
  const { results } = await env.DB.prepare(
    "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE '%\\_%autoindex%' ESCAPE '\\' AND substr(name, 1, 4) <> '_cf_' AND name NOT IN ('sqlite_sequence', 'd1_migrations')",
  ).all<Object>();
  return results;
}

/** Children first. */
async function dropTables(): Promise<void> {
  const tables = (await objects()).filter(({ type }) => type === "table").toReversed();
  for (const { name } of tables) await env.DB.prepare(`DROP TABLE "${name}"`).run();
}

/** Makes the database again as the migrations do. */
async function restore(): Promise<void> {
  await dropTables();
  await env.DB.prepare("DELETE FROM d1_migrations").run();
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
}

async function health(variables: Readonly<Record<string, string>> = {}) {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const response = await startService(variables).request("/healthz");
  const lines = log.mock.calls.map(([line]) => String(line));
  log.mockRestore();
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
    lines,
  };
}

afterEach(restore);

/** What the health check asks for. */
async function wanted(): Promise<string[]> {
  return (await env.ASSETS.fetch("https://assets.invalid/schema.json")).json();
}

it("O10: the schema that the health check knows is the one that the migrations make", async () => {
  const found = await objects();
  const tables = found.filter(({ type }) => type === "table").map(({ name }) => name);
  const { results: columns } = await env.DB.prepare(
    "SELECT t.value || '.' || c.name AS name FROM json_each(?) AS t, pragma_table_info(t.value) AS c",
  )
    .bind(JSON.stringify(tables))
    .all<{ name: string }>();
  expect(columns.length).toBeGreaterThan(100);
  expect((await wanted()).sort()).toEqual([...found, ...columns].map(({ name }) => name).sort());
});

describe("GET /healthz", () => {
  it("is 200 with a complete schema, after one storage call", async () => {
    const service = startService();
    const response = await service.request("/healthz");
    expect([response.status, await response.json()]).toEqual([200, { status: "ok" }]);
    expect(service.meter.calls().length).toBeLessThanOrEqual(2);
  });

  it("is 503 when the database does not respond", async () => {
    const service = startService();
    service.meter.faults.push({ when: ({ sql }) => sql.includes("sqlite_schema"), throws: "before" });
    const down = await service.request("/healthz");
    expect([down.status, await down.text()]).toEqual([503, expect.stringContaining("does not respond")]);
  });

  it("O10: on an empty database it is 503 and names the command, in an alert too", async () => {
    await dropTables();
    const { status, headers, body, lines } = await health();
    expect([status, body.code]).toEqual([503, "not_configured"]);
    expect(headers.get("retry-after")).toMatch(/^\d+$/);
    expect(body.detail).toContain("npx wrangler d1 migrations apply DB --remote");
    expect(lines).toEqual([expect.stringContaining('"level":"alert","event":"schema_incomplete"')]);
    const local = await health({ ISSUER: "http://localhost:8787" });
    expect(local.body.detail).toContain("npx wrangler d1 migrations apply DB --local");
  });

  it.each([
    ["a table", "DROP TABLE throttles", "throttles"],
    ["a column", "ALTER TABLE attempts DROP COLUMN run_id", "attempts.run_id"],
    ["a column of another name", "ALTER TABLE users RENAME COLUMN session_epoch TO epoch", "users.session_epoch"],
    ["an index", "DROP INDEX users_by_email", "users_by_email"],
    ["a trigger", "DROP TRIGGER webhook_link_removed", "webhook_link_removed"],
    ["the last trigger", "DROP TRIGGER webhook_link_deleted", "webhook_link_deleted"],
  ])("O10: on a database that lacks %s it is 503 and names it", async (_, change, missing) => {
    await env.DB.prepare(change).run();
    const { status, body } = await health();
    expect([status, body.code]).toEqual([503, "not_configured"]);
    expect(body.detail).toMatch(
      new RegExp(`lacks ${missing.replace(".", "\\.")}[,. ].*d1 migrations apply DB --remote`),
    );
    // Of a missing table no columns are named.
    expect(body.detail).not.toContain("throttles.key");
  });

  it("O10: each missing column of each table is noticed", async () => {
    const columns = (await wanted()).filter((name) => name.includes("."));
    expect(columns.length).toBeGreaterThan(100);
    for (const column of columns) {
      const outdated = {
        prepare: (sql: string) => env.DB.prepare(`SELECT * FROM (${sql}) WHERE name <> '${column}'`),
      };
      const response = await startService({}, { DB: outdated as unknown as D1Database }).request("/healthz");
      expect([response.status, await response.text()]).toEqual([503, expect.stringContaining(`lacks ${column}.`)]);
    }
  });
});

it("S11: anyone may ask, so the check reads few rows however many accounts there are", async () => {
  const numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)";
  await env.DB.prepare(`${numbers} INSERT INTO users (id, created_at, updated_at) SELECT i, 0, 0 FROM n`).run();
  await env.DB.prepare(
    "INSERT INTO identities (method, issuer, subject, user_id, password_hash, created_at) SELECT 'password', '', id, id, 'ours00.x', 0 FROM users",
  ).run();
  for (const keys of [["ours00"], ["other0", "ours00"], ["other0"]]) {
    for (const { text, values } of await statementsOf((db) => columnsSealedElsewhere(db, keys))) {
      const { meta } = await env.DB.prepare(text)
        .bind(...values)
        .all();
      expect([text, meta.rows_read]).toEqual([text, expect.toSatisfy((rows: number) => rows < 10)]);
    }
  }
});
