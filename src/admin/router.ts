// The operators' routes: the admin API behind its guard, the pages, and the health check.
import { Hono } from "hono/tiny";
import { problem } from "../http/problem.ts";
import { json } from "../http/respond.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { isSchemaComplete } from "../storage/maintenance/health.ts";
import { StorageFault } from "../storage/sql.ts";
import { deliverSoon } from "../webhooks/webhooks.ts";
import { adminGuard } from "./admin-guard.ts";
import { adminPages } from "./admin-page.tsx";
import { clientsApi } from "./clients-api.ts";
import { importsApi } from "./imports-api.ts";
import { insightApi } from "./insight-api.ts";
import { maintenanceApi } from "./maintenance-api.ts";
import { skillsApi } from "./skills-api.ts";
import { usersApi } from "./users-api.ts";

export const operationsRoutes = new Hono<AppEnv>();

operationsRoutes.get("/healthz", health);
adminPages(operationsRoutes);
operationsRoutes.use("/api/admin/*", adminGuard);
operationsRoutes.use("/api/admin/*", async (c, next) => {
  await next();
  // The change may have created or revoked links. Maintenance delivers webhooks itself.
  if (c.req.method !== "GET" && !c.req.path.endsWith("/maintenance")) deliverSoon(c.var.runtime);
});
skillsApi(operationsRoutes);
clientsApi(operationsRoutes);
usersApi(operationsRoutes);
importsApi(operationsRoutes);
insightApi(operationsRoutes);
maintenanceApi(operationsRoutes);

/** 200 when the database responds and its schema is complete. */
async function health(c: AppContext): Promise<Response> {
  try {
    if (await isSchemaComplete(c.var.runtime.db)) return json(c, { status: "ok" });
    return problem(
      "temporarily_unavailable",
      "The schema is incomplete. Run: npx wrangler d1 migrations apply DB --remote",
    );
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error;
    return problem("temporarily_unavailable", "The database does not respond.");
  }
}
