// /api/admin/users: password accounts, and erasure.
import * as z from "zod/mini";
import { findQuery, newUserSchema, userChangesSchema } from "../src/admin/users-api.ts";
import type { Resource } from "./describe.ts";
import { EXAMPLE_TIME, EXAMPLE_USER_ID, time } from "./shapes.ts";

/** A user as the admin API shows it. */
export const userResponse = z.strictObject({
  id: z.string(),
  email: z.nullable(z.string()),
  name: z.nullable(z.string()),
  createdAt: time,
});

export const erasureResponse = z.strictObject({
  removed: z.strictObject({
    identities: z.int(),
    sessions: z.int(),
    links: z.int(),
    codes: z.int(),
    amazonTokens: z.int(),
  }),
  anonymised: z.strictObject({ attempts: z.int(), auditRecords: z.int(), skillEvents: z.int() }),
  pendingAtAmazon: z.int(),
});

const userPath = { id: "The user's id: the `sub` of the user's tokens." };
const user = { shape: { component: "User" } };

export const users: Resource = {
  tag: "Operators: accounts",
  description: "With ADMIN_TOKEN: accounts that sign in with a password, and erasing a user.",
  components: {
    User: {
      schema: userResponse,
      io: "output",
      texts: { id: "The `sub` of the user's tokens." },
      example: { id: EXAMPLE_USER_ID, email: "ada@example.com", name: "Ada Example", createdAt: EXAMPLE_TIME },
    },
  },
  paths: {
    "/api/admin/users": {
      POST: {
        id: "addUser",
        summary: "Create an account that signs in with a password",
        security: "admin",
        body: {
          shape: newUserSchema,
          example: { email: "ada@example.com", password: "an-example-password", name: "Ada Example" },
        },
        responses: { 201: { description: "Created.", content: user } },
        problems: ["conflict"],
      },
      GET: {
        id: "findUsers",
        summary: "Find accounts by e-mail address",
        description: "Several accounts may have the same address if an identity provider reported it for each of them.",
        security: "admin",
        query: findQuery,
        responses: {
          200: {
            description: "Oldest first.",
            content: { shape: { listOf: "User" } },
          },
        },
      },
    },
    "/api/admin/users/{id}": {
      GET: {
        id: "showUser",
        summary: "One account",
        security: "admin",
        path: userPath,
        responses: { 200: { description: "The account.", content: user } },
        problems: ["not_found"],
      },
      PATCH: {
        id: "changeUser",
        summary: "Change name, e-mail address or password",
        description: "A new password ends all logins, in browsers and in your own apps. Links of assistants stay.",
        security: "admin",
        path: userPath,
        body: { shape: userChangesSchema, example: { name: "Ada E. Example" } },
        responses: { 200: { description: "The changed account.", content: user } },
        problems: ["not_found", "conflict"],
      },
      DELETE: {
        id: "removeUser",
        summary: "Erase a user and revoke all links",
        security: "admin",
        path: userPath,
        responses: { 204: { description: "Erased." } },
        problems: ["not_found"],
      },
    },
    "/api/admin/users/{id}/erase": {
      POST: {
        id: "eraseUser",
        summary: "Same as DELETE, and returns what was done",
        description:
          "Removes the account and its links, and anonymises the rows that are kept for statistics. The scheduled maintenance disables skills that were enabled through Amazon's API.",
        security: "admin",
        path: userPath,
        body: { shape: z.strictObject({}), example: {}, optional: true },
        responses: {
          200: {
            description: "The number of rows of each kind.",
            content: {
              shape: erasureResponse,
              example: {
                removed: { identities: 1, sessions: 2, links: 1, codes: 0, amazonTokens: 1 },
                anonymised: { attempts: 3, auditRecords: 5, skillEvents: 0 },
                pendingAtAmazon: 1,
              },
            },
          },
        },
        problems: ["not_found"],
      },
    },
  },
};
