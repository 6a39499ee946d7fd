// /api/admin/alerts: open and recently cleared alerts.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { loadRemedies, remedyFor } from "../linking/remedies.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { listAlerts, type StoredAlert } from "../storage/maintenance/alerts.ts";
import { idFilter } from "./insight-api.ts";
import { pageQuery, respondWithPage, rfc3339 } from "./paging.ts";

/** Mounts the list of alerts. The admin guard must run before it. */
export function alertsApi(app: Hono<AppEnv>): void {
  app.get("/api/admin/alerts", alerts);
}

export const alertsQuery = () =>
  z.strictObject({
    ...pageQuery(),
    skillId: idFilter(),
    open: z.optional(z.literal("true", "must be true, or left out for all alerts")),
  });

const position = () => z.object({ raisedAt: z.int(), name: z.string(), subject: z.string() });

function alertView(alert: StoredAlert): object {
  return {
    name: alert.name,
    subject: alert.subject,
    skillId: alert.skillId,
    clientId: alert.clientId,
    since: rfc3339(alert.raisedAt),
    clearedAt: alert.clearedAt === null ? null : rfc3339(alert.clearedAt),
    message: alert.message,
    numbers: alert.numbers,
    remedy: remedyFor(alert.name),
  };
}

async function alerts(c: AppContext): Promise<Response> {
  return respondWithPage(
    c,
    alertsQuery,
    position,
    async ({ skillId, open, limit }, after) => {
      await loadRemedies(c);
      return listAlerts(c.var.runtime.db, { skillId, ...(open ? { open: true } : {}) }, after, limit + 1);
    },
    alertView,
  );
}
