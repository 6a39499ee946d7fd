// /api/admin/imports: moving links over from another account linking server.
import * as z from "zod/mini";
import { exportPeopleQuery } from "../src/admin/exports-api.ts";
import { importPeopleSchema, PERSON_REFUSALS } from "../src/admin/import-people-api.ts";
import { IMPORT_REFUSALS, importsSchema } from "../src/admin/imports-api.ts";
import { plainPage } from "../src/admin/paging.ts";
import type { Resource } from "./describe.ts";
import { EXAMPLE_GRANT_ID, EXAMPLE_SKILL_ID, EXAMPLE_TIME, EXAMPLE_USER_ID, time } from "./shapes.ts";

const importsResponse = z.strictObject({
  imported: z.int(),
  refused: z.int(),
  items: z.array(
    z.union([
      z.strictObject({ status: z.enum(["imported", "exists", "ended"]), grantId: z.string() }),
      z.strictObject({
        status: z.literal("refused"),
        code: z.enum(Object.keys(IMPORT_REFUSALS) as [keyof typeof IMPORT_REFUSALS]),
        detail: z.string(),
      }),
    ]),
  ),
});

const peopleResponse = z.strictObject({
  imported: z.int(),
  refused: z.int(),
  items: z.array(
    z.union([
      z.strictObject({ status: z.enum(["imported", "exists"]), userId: z.string() }),
      z.strictObject({
        status: z.literal("refused"),
        code: z.enum(Object.keys(PERSON_REFUSALS) as [keyof typeof PERSON_REFUSALS]),
        detail: z.string(),
      }),
    ]),
  ),
});

const exportedPerson = z.strictObject({
  id: z.string(),
  email: z.optional(z.string()),
  name: z.optional(z.string()),
  createdAt: time,
  oidcIssuer: z.optional(z.string()),
  oidcSubject: z.optional(z.string()),
  amazonSubject: z.optional(z.string()),
  passwordHash: z.optional(z.string()),
});

const exportedLink = z.strictObject({
  skillId: z.string(),
  clientId: z.string(),
  userId: z.string(),
  scope: z.string(),
  createdAt: time,
  lastUsedAt: time,
  alexaUserId: z.optional(z.string()),
  refreshTokenSha256: z.optional(z.string()),
  grantId: z.optional(z.string()),
  refreshSecretSha256: z.optional(z.string()),
});

export const imports: Resource = {
  tag: "Operators: imports and exports",
  description: "With ADMIN_TOKEN: moving from another account linking server, and to another one.",
  components: {
    ExportedUser: {
      schema: exportedPerson,
      io: "output",
      texts: {
        id: "The `sub` of the user's tokens.",
        passwordHash:
          "With `passwordHashes=true`: `pbkdf2-sha512$iterations$salt$hash`, salt (16 bytes) and hash (64 bytes) in base64url, of the NFKC form of the password; or the hash of another system that was imported.",
      },
      example: { id: EXAMPLE_USER_ID, email: "ada@example.com", name: "Ada Example", createdAt: EXAMPLE_TIME },
    },
    ExportedLink: {
      schema: exportedLink,
      io: "output",
      texts: {
        refreshTokenSha256: "SHA-256 of the whole token, if it came from another server; base64url.",
        grantId: "Alexa's token is `rt_<grantId>_<secret>`.",
        refreshSecretSha256: "SHA-256 of the secret, base64url.",
      },
      example: {
        skillId: EXAMPLE_SKILL_ID,
        clientId: "alexa-acme-home",
        userId: EXAMPLE_USER_ID,
        scope: "profile devices:control",
        createdAt: EXAMPLE_TIME,
        lastUsedAt: EXAMPLE_TIME,
        grantId: EXAMPLE_GRANT_ID,
        refreshSecretSha256: "A".repeat(43),
      },
    },
  },
  paths: {
    "/api/admin/imports": {
      POST: {
        id: "importLinks",
        summary: "Import links from another account linking server",
        description:
          "Up to 100 links, each with the SHA-256 of the refresh token that Alexa holds, or, from another alexa-link, `grantId` and `refreshSecretSha256`. The token keeps working here, so no customer has to link again. Can be repeated: links imported earlier are `exists`, or `ended` if they were revoked. `user` is the `id` or `email` of an account, or the `oidcSubject` of a user of the company's identity provider, who need not have signed in here yet.",
        security: "admin",
        body: {
          shape: importsSchema,
          example: {
            items: [
              {
                skillId: EXAMPLE_SKILL_ID,
                user: { email: "ada@example.com" },
                refreshTokenSha256: "0".repeat(64),
                scope: "profile devices:control",
                createdAt: EXAMPLE_TIME,
              },
            ],
          },
        },
        responses: {
          200: {
            description: "The result for each link, in the same order.",
            content: {
              shape: importsResponse,
              example: {
                imported: 1,
                refused: 0,
                items: [{ status: "imported", grantId: EXAMPLE_GRANT_ID }],
              },
            },
          },
        },
      },
    },
    "/api/admin/imports/users": {
      POST: {
        id: "importUsers",
        summary: "Import accounts from another account linking server",
        description:
          "Up to 100 accounts. Each has exactly one of `email` (signs in with a password), `oidcSubject` and `amazonSubject`. `passwordHash` is a bcrypt, scrypt, PBKDF2 or Argon2 hash; it is verified at the first sign-in and replaced then. `id` becomes the `sub` of the user's tokens. Can be repeated: accounts that exist are unchanged.",
        security: "admin",
        body: {
          shape: importPeopleSchema,
          example: {
            items: [
              {
                id: "4711",
                email: "ada@example.com",
                name: "Ada Example",
                createdAt: EXAMPLE_TIME,
                passwordHash: `$2b$12$${"0".repeat(53)}`,
              },
            ],
          },
        },
        responses: {
          200: {
            description: "The result for each account, in the same order.",
            content: {
              shape: peopleResponse,
              example: { imported: 1, refused: 0, items: [{ status: "imported", userId: "4711" }] },
            },
          },
        },
      },
    },
    "/api/admin/exports/users": {
      GET: {
        id: "exportUsers",
        summary: "All accounts, for another server",
        description:
          "In the form that `POST /api/admin/imports/users` takes. `passwordHashes=true` adds the hashes, and writes an alert to the audit log.",
        security: "admin",
        query: exportPeopleQuery,
        responses: { 200: { description: "In no meaningful order.", content: { shape: { listOf: "ExportedUser" } } } },
      },
    },
    "/api/admin/exports/links": {
      GET: {
        id: "exportLinks",
        summary: "All live links with Alexa, for another server",
        description: "A page may have fewer items than `limit`, or none, and continue all the same.",
        security: "admin",
        query: plainPage,
        responses: { 200: { description: "Ordered by id.", content: { shape: { listOf: "ExportedLink" } } } },
      },
    },
  },
};
