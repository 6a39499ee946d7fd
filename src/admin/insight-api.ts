// Lists of attempts, refused requests and audit rows.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { problem } from "../http/problem.ts";
import { adviceFor, loadRemedies, remedyForRefusal } from "../linking/remedies.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { FLOWS, OUTCOMES, PLATFORMS } from "../storage/attempts/attempts.ts";
import {
  type AttemptFilter,
  type AttemptPosition,
  type ListedAttempt,
  listAttempts,
} from "../storage/attempts/list.ts";
import { CONSOLE_FAULTS, type ListedRefusal, listRefusals, REFUSING_ENDPOINTS } from "../storage/attempts/refusals.ts";
import { listAudit } from "../storage/maintenance/audit-list.ts";
import { pageQuery, respondWithPage, rfc3339 } from "./paging.ts";

/** Mounts the lists. The admin guard must run before them. */
export function insightApi(app: Hono<AppEnv>): void {
  app.get("/api/admin/linkings", attempts);
  app.get("/api/admin/refusals", refusals);
  app.get("/api/admin/audit", audit);
}

/** A time or date in a query: milliseconds since 1970. */
export const time = () =>
  z.pipe(
    z
      .string()
      .check(
        z.refine(
          (value) =>
            /^\d{4}-\d{2}-\d{2}(T[\d:.]{1,20}(Z|[+-]\d{2}:\d{2}))?$/.test(value) && !Number.isNaN(Date.parse(value)),
          "must be a time such as 2026-10-01T00:00:00Z, or a date",
        ),
      ),
    z.transform((value) => Date.parse(value)),
  );

/** An id in a query. */
export const idFilter = () =>
  z.optional(
    z.string().check(z.minLength(1, "must not be empty"), z.maxLength(255, "must have at most 255 characters")),
  );

export const attemptsQuery = () =>
  z.strictObject({
    ...pageQuery(),
    skillId: idFilter(),
    userId: idFilter(),
    outcome: z.optional(z.enum(OUTCOMES, `must be one of ${OUTCOMES.join(", ")}`)),
    reason: idFilter(),
    flow: z.optional(z.enum(FLOWS, `must be one of ${FLOWS.join(", ")}`)),
    platform: z.optional(z.enum(PLATFORMS, `must be one of ${PLATFORMS.join(", ")}`)),
    from: z.optional(time()),
    to: z.optional(time()),
  });

/** The position of an attempt in its list. */
export const attemptPosition = () => z.object({ createdAt: z.int(), id: z.string() });

function attemptView(attempt: ListedAttempt): object {
  return {
    id: attempt.id,
    traceId: attempt.id,
    flow: attempt.flow,
    platform: attempt.platform,
    skillId: attempt.skillId,
    stage: attempt.stage,
    clientId: attempt.clientId,
    userId: attempt.userId,
    outcome: attempt.outcome,
    reason: attempt.reason,
    // Left out if the reason's name is enough.
    remedy: adviceFor(attempt),
    steps: attempt.steps.map((step) => ({ name: step.name, at: rfc3339(step.at) })),
    createdAt: rfc3339(attempt.createdAt),
  };
}

async function attempts(c: AppContext): Promise<Response> {
  const read = async (query: AttemptFilter & { readonly limit: number }, after: AttemptPosition | undefined) => {
    if (query.from !== undefined && query.to !== undefined && query.from >= query.to) {
      return problem("invalid_query", "from: must be before to");
    }
    await loadRemedies(c);
    return listAttempts(c.var.runtime.db, query, after, query.limit + 1);
  };
  return respondWithPage(c, attemptsQuery, attemptPosition, read, attemptView);
}

export const refusalsQuery = () =>
  z.strictObject({
    ...pageQuery(),
    endpoint: z.optional(z.enum(REFUSING_ENDPOINTS, `must be one of ${REFUSING_ENDPOINTS.join(", ")}`)),
    clientId: idFilter(),
  });

/** The position of a refusal in its list. */
export const refusalPosition = () =>
  z.object({
    lastSeenAt: z.int(),
    endpoint: z.enum(REFUSING_ENDPOINTS),
    clientId: z.string(),
    reason: z.string(),
    detail: z.string(),
  });

/** Escapes backslashes and everything outside printable ASCII as `\u{…}`, so that operators see every character. */
export function visible(text: string): string {
  return text.replace(/[^\x20-\x5b\x5d-\x7e]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

function refusalView(refusal: ListedRefusal): object {
  const { endpoint } = refusal;
  const detail = visible(refusal.detail);
  return {
    endpoint,
    clientId: visible(refusal.clientId),
    reason: refusal.reason,
    redirectUri: endpoint === "authorize" ? detail : "",
    ...(endpoint === "wrong_address" ? { path: detail } : {}),
    ...(endpoint === "token" || endpoint === "accept_grant" ? { grantId: detail || null } : {}),
    ...(endpoint === "events" ? { skillId: detail || null } : {}),
    remedy: remedyForRefusal(refusal),
    count: refusal.count,
    lastSeenAt: rfc3339(refusal.lastSeenAt),
    recent: refusal.recent.map(([at, count, errorId]) => ({ at: rfc3339(at), count, errorId })),
  };
}

async function refusals(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  return respondWithPage(
    c,
    refusalsQuery,
    refusalPosition,
    async ({ endpoint, clientId, limit }, after) => {
      await Promise.all([rt.metrics.flush(), loadRemedies(c)]);
      const endpoints = endpoint ? [endpoint] : CONSOLE_FAULTS;
      return listRefusals(rt.db, { endpoints, clientId }, after, limit + 1);
    },
    refusalView,
  );
}

export const auditQuery = () =>
  z.strictObject({
    ...pageQuery(),
    alert: z.optional(z.literal("true", "must be true, or left out for all records")),
    userId: idFilter(),
    grantId: idFilter(),
  });

/** The position of an audit row in its list. */
export const auditPosition = () => z.object({ id: z.int() });

async function audit(c: AppContext): Promise<Response> {
  return respondWithPage(
    c,
    auditQuery,
    auditPosition,
    ({ alert, userId, grantId, limit }, before) =>
      listAudit(c.var.runtime.db, { alertsOnly: alert === "true", userId, grantId }, before?.id, limit + 1),
    ({ id: _, ...record }) => ({ ...record, traceId: record.attemptId, at: rfc3339(record.at) }),
  );
}
