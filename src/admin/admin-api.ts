// The operations of /api/admin. The router puts its guard before them; the console calls them for its forms.
import type { Hono } from "hono/tiny";
import type { AppEnv } from "../runtime.ts";
import { deliverSoon } from "../webhooks/webhooks.ts";
import { alertsApi } from "./alerts-api.ts";
import { clientsApi } from "./clients-api.ts";
import { developerTokenApi } from "./developer-token-api.ts";
import { exportsApi } from "./exports-api.ts";
import { importPeopleApi } from "./import-people-api.ts";
import { importsApi } from "./imports-api.ts";
import { insightApi } from "./insight-api.ts";
import { maintenanceApi } from "./maintenance-api.ts";
import { metricsApi } from "./metrics-api.ts";
import { skillsApi } from "./skills-api.ts";
import { userAccessApi } from "./user-access-api.ts";
import { usersApi } from "./users-api.ts";
import { webhooksApi } from "./webhooks-api.ts";

/** Adds these routes to a router. */
export function adminApi(app: Hono<AppEnv>): void {
  app.use("/api/admin/*", async (c, next) => {
    await next();
    // The change may have created or revoked links. Maintenance delivers webhooks itself.
    if (c.req.method !== "GET" && !c.req.path.endsWith("/maintenance")) deliverSoon(c.var.runtime);
  });
  skillsApi(app);
  developerTokenApi(app);
  clientsApi(app);
  usersApi(app);
  userAccessApi(app);
  importsApi(app);
  importPeopleApi(app);
  exportsApi(app);
  insightApi(app);
  alertsApi(app);
  metricsApi(app);
  maintenanceApi(app);
  webhooksApi(app);
}
