// The operators' routes: the admin API behind its guard, the pages, and the health check.
import type { Hono } from "hono/tiny";
import { problem } from "../http/problem.ts";
import { json } from "../http/respond.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import { columnsSealedElsewhere, missingFromSchema } from "../storage/maintenance/health.ts";
import { masterKeyIds } from "../storage/sealed.ts";
import { StorageFault } from "../storage/sql.ts";
import { adminApi } from "./admin-api.ts";
import { adminGuard } from "./admin-guard.ts";
import { consoleRoutes } from "./console/routes.ts";
import { prometheusRoute } from "./prometheus.ts";

/** Adds these routes to a router. */
export function operationsRoutes(app: Hono<AppEnv>): void {
  app.get("/healthz", health);
  consoleRoutes(app);
  for (const path of ["/api/admin/*", "/metrics"]) app.use(path, adminGuard);
  prometheusRoute(app);
  adminApi(app);
}

const NAMED = 5;

/** 200 when the database responds, its schema is complete, and our keys open it. Anything else is 503 and names what to do. */
async function health(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  try {
    const missing = await missingFromSchema(rt.db, await schemaObjects(c));
    if (missing.length === 0) return await keyHealth(c);
    const named =
      missing.slice(0, NAMED).join(", ") + (missing.length > NAMED ? ` and ${missing.length - NAMED} more` : "");
    rt.log.alert("schema_incomplete", { missing: named });
    return problem("not_configured", `The database lacks ${named}. ${schemaRemedy(rt)}`);
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error;
    return problem("temporarily_unavailable", "The database does not respond.");
  }
}

/** What the migrations make: a static asset of the build. */
async function schemaObjects(c: AppContext): Promise<readonly string[]> {
  return (await c.env.ASSETS.fetch("https://assets.invalid/schema.json")).json();
}

async function keyHealth(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const columns = await columnsSealedElsewhere(rt.db, masterKeyIds(rt.keyring));
  if (columns.length === 0) return json(c, { status: "ok" });
  rt.log.alert("sealed_with_another_master_key", { columns: columns.join(", ") });
  return problem(
    "not_configured",
    `The database was sealed with another MASTER_KEY (${columns.join(", ")}). ${KEY_REMEDY}`,
  );
}

const KEY_REMEDY =
  "Set that key as MASTER_KEY, or as MASTER_KEY_PREVIOUS beside a new one. If it is lost, follow docs/operations.md, “Without MASTER_KEY”; on a developer's machine delete .wrangler/state.";

function schemaRemedy({ development }: Runtime): string {
  return development
    ? "Run: npx wrangler d1 migrations apply DB --local. If it finds nothing to apply, another version made this database: delete .wrangler/state."
    : "Run: npx wrangler d1 migrations apply DB --remote.";
}
