// Operations of operators: what happened, and upkeep.
import * as z from "zod/mini";
import { importsSchema } from "../admin/imports-api.ts";
import { auditQuery, linkingsQuery, metricsQuery } from "../admin/insight-api.ts";
import { pageQuery } from "../admin/paging.ts";
import { rotateKeysSchema } from "../admin/upkeep-api.ts";
import { at, countsExample, keyExample } from "./admin-examples.ts";
import { importsAnswer, maintenanceAnswer, metricsAnswer, rotationAnswer } from "./answers.ts";
import type { Operation } from "./describe.ts";

const INSIGHT = "Operators: what happened";
const UPKEEP = "Operators: upkeep";

const pages = z.object(pageQuery);

export const UPKEEP_PATHS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/api/admin/linkings": {
    GET: {
      id: "listAttempts",
      tag: INSIGHT,
      summary: "Attempts to link, with their steps and what stopped them",
      security: "admin",
      query: linkingsQuery,
      answers: {
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
      tag: INSIGHT,
      summary: "Authorization requests that were answered with an error page",
      description: "Characters that cannot be seen are written as `\\u{9}`.",
      security: "admin",
      query: pages,
      answers: {
        200: {
          description: "The latest first.",
          content: { shape: { listOf: "Refusal" } },
        },
      },
    },
  },
  "/api/admin/audit": {
    GET: {
      id: "listAudit",
      tag: INSIGHT,
      summary: "What was changed, and what looks wrong",
      security: "admin",
      query: auditQuery,
      answers: {
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
      tag: INSIGHT,
      summary: "Counters per period and skill, with Amazon's completion rate",
      security: "admin",
      query: metricsQuery,
      answers: {
        200: {
          description: "Oldest first.",
          content: {
            shape: metricsAnswer,
            example: {
              from: "2026-09-01T00:00:00.000Z",
              to: at,
              period: "day",
              totals: countsExample,
              items: [],
            },
          },
        },
      },
    },
  },
  "/api/admin/keys": {
    GET: {
      id: "listKeys",
      tag: UPKEEP,
      summary: "Signing keys",
      security: "admin",
      answers: {
        200: {
          description: "All on record.",
          content: { shape: { listOf: "SigningKey" } },
        },
      },
    },
  },
  "/api/admin/keys/rotate": {
    POST: {
      id: "rotateKeys",
      tag: UPKEEP,
      summary: "Publish the next signing key, or drop a compromised one at once",
      security: "admin",
      body: { shape: rotateKeysSchema, example: {}, optional: true },
      answers: {
        200: {
          description: "What was done, and all keys.",
          content: { shape: rotationAnswer, example: { result: "rotated", items: [keyExample] } },
        },
      },
      problems: ["not_found"],
    },
  },
  "/api/admin/maintenance": {
    POST: {
      id: "runMaintenance",
      tag: UPKEEP,
      summary: "Run the scheduled work now",
      security: "admin",
      body: { shape: z.strictObject({}), example: {}, optional: true },
      answers: {
        200: {
          description: "What was done.",
          content: {
            shape: maintenanceAnswer,
            example: {
              swept: { codes: 12 },
              finishedUnlinks: 0,
              deliveredWebhooks: 0,
              resealed: 0,
              keyRotated: false,
              more: false,
              failed: [],
            },
          },
        },
      },
    },
  },
  "/api/admin/imports": {
    POST: {
      id: "importLinks",
      tag: UPKEEP,
      summary: "Take over the links of another account-linking server",
      description:
        "Up to 100 links, each with the SHA-256 of the refresh token that Alexa holds: it works on here as it is, and nobody links again. Repeatable. `user` is an account's `id` or `email`, or the `oidcSubject` of a person at the company's identity provider, who may not have come yet.",
      security: "admin",
      body: {
        shape: importsSchema,
        example: {
          items: [
            {
              skillId: "amzn1.ask.skill.0000-demo",
              stage: "live",
              user: { email: "ada@example.com" },
              refreshTokenSha256: "0".repeat(64),
              scope: "profile devices:control",
              createdAt: at,
            },
          ],
        },
      },
      answers: {
        200: {
          description: "What became of each, in their order.",
          content: {
            shape: importsAnswer,
            example: {
              imported: 1,
              refused: 0,
              items: [{ status: "imported", grantId: "01examplegrantaaaaaaaaaaaa" }],
            },
          },
        },
      },
    },
  },
};
