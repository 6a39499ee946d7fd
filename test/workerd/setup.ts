// Every test starts from an empty, migrated database and empty KV: storage is shared within a test file (V3).
import { applyD1Migrations, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach } from "vitest";

beforeEach(async () => {
  // A database that has lain idle for seconds would not be emptied: it is woken first.
  await env.DB.prepare("SELECT 1").first();
  await reset();
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
});
