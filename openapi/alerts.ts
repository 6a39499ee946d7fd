// /api/admin/alerts.
import * as z from "zod/mini";
import { alertsQuery } from "../src/admin/alerts-api.ts";
import type { Resource } from "./describe.ts";
import { EXAMPLE_SKILL_ID, EXAMPLE_TIME, time } from "./shapes.ts";

/** An alert as the admin API shows it. */
export const alertResponse = z.strictObject({
  name: z.string(),
  subject: z.string(),
  skillId: z.nullable(z.string()),
  clientId: z.nullable(z.string()),
  since: time,
  clearedAt: z.nullable(time),
  message: z.string(),
  numbers: z.record(z.string(), z.union([z.number(), z.record(z.string(), z.number())])),
  remedy: z.optional(z.string()),
});

export const alerts: Resource = {
  tag: "Operators: alerts",
  description: "With ADMIN_TOKEN: what is wrong now, and what was until lately. `docs/operations.md` lists the alerts.",
  components: {
    Alert: {
      schema: alertResponse,
      io: "output",
      example: {
        name: "refresh_failures_rose",
        subject: EXAMPLE_SKILL_ID,
        skillId: EXAMPLE_SKILL_ID,
        clientId: null,
        since: EXAMPLE_TIME,
        clearedAt: null,
        message: `Skill ${EXAMPLE_SKILL_ID}: 30 of 120 refreshes failed since 2026-11-01 11:00 UTC (invalid_grant 30).`,
        numbers: { bad: 30, all: 120, reasons: { invalid_grant: 30 } },
        remedy: "…",
      },
    },
  },
  paths: {
    "/api/admin/alerts": {
      GET: {
        id: "listAlerts",
        summary: "Alerts that are open, and those that were cleared",
        description: "`clearedAt` is null while an alert is open. Those of a skill include those of the whole server.",
        security: "admin",
        query: alertsQuery,
        responses: { 200: { description: "Newest first.", content: { shape: { listOf: "Alert" } } } },
      },
    },
  },
};
