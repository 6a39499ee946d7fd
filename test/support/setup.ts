// Every test starts with an empty, migrated database and an empty KV: all files of a worker share their storage.
// It fails when a fault that it has configured never took effect.
import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, expect } from "vitest";
import { takeFaultsThatNeverFired } from "./meter.ts";

let tables: string[] = [];

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  const { results } = await env.DB.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' AND name <> 'd1_migrations'",
  ).all<{ name: string }>();
  // Deleting rows of other tables makes triggers write to these.
  const late = ["webhook_outbox", "sqlite_sequence"];
  tables = results.map(({ name }) => name).toSorted((a, b) => late.indexOf(a) - late.indexOf(b));
});

beforeEach(async () => {
  await env.DB.batch([
    env.DB.prepare("PRAGMA defer_foreign_keys = on"),
    ...tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
  ]);
  for (let page = await env.CODES.list(); page.keys.length > 0; page = await env.CODES.list()) {
    await Promise.all(page.keys.map(({ name }) => env.CODES.delete(name)));
  }
});

afterEach(() => {
  expect(takeFaultsThatNeverFired(), "faults that never took effect").toEqual([]);
});
