// /api/admin/linkings, refusals, audit and metrics: what happened.
import * as z from "zod/mini";
import { attemptsQuery, auditQuery, refusalsQuery } from "../src/admin/insight-api.ts";
import { metricsQuery } from "../src/admin/metrics-api.ts";
import { OUTCOMES } from "../src/storage/attempts/attempts.ts";
import { REFUSING_ENDPOINTS } from "../src/storage/attempts/refusals.ts";
import type { Resource } from "./describe.ts";
import { EXAMPLE_GRANT_ID, EXAMPLE_SKILL_ID, EXAMPLE_TIME, EXAMPLE_USER_ID, stage, time } from "./shapes.ts";

/** A link attempt as the admin API shows it. */
export const linkingResponse = z.strictObject({
  id: z.string(),
  /** The same as `id`. */
  traceId: z.string(),
  flow: z.string(),
  platform: z.nullable(z.string()),
  skillId: z.nullable(z.string()),
  stage: z.nullable(stage),
  clientId: z.nullable(z.string()),
  userId: z.nullable(z.string()),
  outcome: z.enum(OUTCOMES),
  reason: z.nullable(z.string()),
  remedy: z.optional(z.string()),
  steps: z.array(z.strictObject({ name: z.string(), at: time })),
  createdAt: time,
});

export const refusalResponse = z.strictObject({
  endpoint: z.enum(REFUSING_ENDPOINTS),
  clientId: z.string(),
  reason: z.string(),
  redirectUri: z.string(),
  path: z.optional(z.string()),
  grantId: z.optional(z.nullable(z.string())),
  skillId: z.optional(z.nullable(z.string())),
  remedy: z.optional(z.string()),
  count: z.int(),
  lastSeenAt: time,
  recent: z.array(z.strictObject({ at: time, count: z.int(), errorId: z.string() })),
});

export const auditResponse = z.strictObject({
  at: time,
  kind: z.string(),
  alert: z.boolean(),
  actor: z.nullable(z.string()),
  userId: z.nullable(z.string()),
  clientId: z.nullable(z.string()),
  grantId: z.nullable(z.string()),
  attemptId: z.nullable(z.string()),
  traceId: z.nullable(z.string()),
  details: z.nullable(z.string()),
});

const linking = z.strictObject({
  initiations: z.int(),
  completions: z.int(),
  initiatingUsers: z.int(),
  completingUsers: z.int(),
  completionRate: z.nullable(z.number()),
  initiationsPerUser: z.nullable(z.number()),
});
const figure = z.nullable(z.number());
const oauth = z.strictObject({
  requests: figure,
  succeeded: figure,
  successRate: figure,
  p50: figure,
  p90: figure,
  p99: figure,
  over1s: figure,
  over4500ms: figure,
});
const metricsFigures = {
  enablements: z.strictObject({ users: z.nullable(z.int()) }),
  linking: z.strictObject({ alexaApp: linking, appToApp: linking, total: linking }),
  oauth: z.strictObject({ exchange: oauth, refresh: oauth, clientCredentials: oauth }),
  counts: z.record(z.string(), z.int()),
};
const group = z.optional(z.nullable(z.string()));

export const metricsResponse = z.strictObject({
  from: time,
  to: time,
  period: z.enum(["hour", "day"]),
  skillId: z.nullable(z.string()),
  totals: z.strictObject(metricsFigures),
  items: z.array(
    z.strictObject({
      from: time,
      to: time,
      skillId: z.nullable(z.string()),
      stage: group,
      locale: group,
      platform: group,
      flow: group,
      ...metricsFigures,
    }),
  ),
});

const linkingExample = {
  initiations: 100,
  completions: 80,
  initiatingUsers: 90,
  completingUsers: 78,
  completionRate: 0.8,
  initiationsPerUser: 1.1111,
};
const noLinking = {
  initiations: 0,
  completions: 0,
  initiatingUsers: 0,
  completingUsers: 0,
  completionRate: null,
  initiationsPerUser: null,
};
const oauthExample = {
  requests: 400,
  succeeded: 396,
  successRate: 0.99,
  p50: 64,
  p90: 140,
  p99: 420,
  over1s: 0.0025,
  over4500ms: 0,
};
const metricsExample = {
  enablements: { users: 82 },
  linking: { alexaApp: linkingExample, appToApp: noLinking, total: linkingExample },
  oauth: { exchange: oauthExample, refresh: oauthExample, clientCredentials: oauthExample },
  counts: { authorize_shown: 120, code_issued: 84 },
};

export const insight: Resource = {
  tag: "Operators: what happened",
  description: "With ADMIN_TOKEN: link attempts, refused requests, the audit log, metrics.",
  components: {
    Linking: {
      schema: linkingResponse,
      io: "output",
      example: {
        id: "01examplelinkingaaaaaaaaaa",
        traceId: "01examplelinkingaaaaaaaaaa",
        flow: "alexa_app",
        platform: null,
        skillId: EXAMPLE_SKILL_ID,
        stage: "development",
        clientId: "alexa-acme-home",
        userId: EXAMPLE_USER_ID,
        outcome: "linked",
        reason: null,
        steps: [{ name: "consent_given", at: EXAMPLE_TIME }],
        createdAt: EXAMPLE_TIME,
      },
    },
    Refusal: {
      schema: refusalResponse,
      io: "output",
      example: {
        endpoint: "authorize",
        clientId: "alexa-acme-home",
        reason: "redirect_uri_unregistered",
        redirectUri: "https://pitangui.amazon.com/api/skill/link/M0OTHER",
        remedy: "Another vendor id: …",
        count: 3,
        lastSeenAt: EXAMPLE_TIME,
        recent: [{ at: EXAMPLE_TIME, count: 3, errorId: "q7Zk0bXw" }],
      },
    },
    AuditRecord: {
      schema: auditResponse,
      io: "output",
      example: {
        at: EXAMPLE_TIME,
        kind: "code_replayed",
        alert: true,
        actor: null,
        userId: EXAMPLE_USER_ID,
        clientId: "alexa-acme-home",
        grantId: EXAMPLE_GRANT_ID,
        attemptId: null,
        traceId: null,
        details: null,
      },
    },
  },
  paths: {
    "/api/admin/linkings": {
      GET: {
        id: "listAttempts",
        summary: "Link attempts, with their steps and the reasons for failures",
        description:
          "The name of a step may end with a colon and a tag: `token_refused:code_expired`, `enablement_na_response:403`, `lwa_response:400 invalid_grant`. A response is Amazon's HTTP status with an error that Amazon documents, or `none (timed_out)`; its own texts are not repeated.",
        security: "admin",
        query: attemptsQuery,
        responses: {
          200: {
            description: "Newest first.",
            content: { shape: { listOf: "Linking" } },
          },
        },
      },
    },
    "/api/admin/refusals": {
      GET: {
        id: "listRefusals",
        summary: "Refused requests: by default authorization requests, and token requests to a wrong address",
        description:
          "Without `endpoint`: `authorize`, and `wrong_address`, which has the `path` of token requests that came elsewhere. `token` has the `grantId` where the request had one of our refresh tokens, `accept_grant` that of the link, `events` the `skillId` as received. `recent`: the latest minutes with the id of one request. `remedy` names the cause, for an unregistered redirect URI of Amazon's in particular. Invisible characters are written as `\\u{9}`.",
        security: "admin",
        query: refusalsQuery,
        responses: {
          200: {
            description: "Most recent first.",
            content: { shape: { listOf: "Refusal" } },
          },
        },
      },
    },
    "/api/admin/audit": {
      GET: {
        id: "listAudit",
        summary: "The audit log: changes, and alerts",
        security: "admin",
        query: auditQuery,
        responses: {
          200: {
            description: "Newest first.",
            content: { shape: { listOf: "AuditRecord" } },
          },
        },
      },
    },
    "/api/admin/metrics": {
      GET: {
        id: "metrics",
        summary: "Account linking in Amazon's terms, token requests, and all counters, per period",
        description:
          "One item per period, with `groupBy` per period and value. Every figure is defined in docs/metrics.md. `format=csv` responds with text/csv.",
        security: "admin",
        query: metricsQuery,
        problems: ["skill_not_found"],
        responses: {
          200: {
            description: "Oldest first.",
            content: {
              shape: metricsResponse,
              example: {
                from: "2026-09-01T00:00:00.000Z",
                to: EXAMPLE_TIME,
                period: "day",
                skillId: null,
                totals: metricsExample,
                items: [],
              },
            },
          },
        },
      },
    },
  },
};
