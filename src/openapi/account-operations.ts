// Operations of operators: accounts.
import * as z from "zod/mini";
import { findQuery, newUserSchema, userChangesSchema } from "../admin/users-api.ts";
import { erasureAnswer } from "./answers.ts";
import type { Operation } from "./describe.ts";

const USERS = "Operators: accounts";

const userPath = { id: "The account's id: the `sub` of its tokens." };
const user = { shape: { component: "User" } };

export const ACCOUNT_PATHS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/api/admin/users": {
    POST: {
      id: "addUser",
      tag: USERS,
      summary: "Make an account that signs in with a password",
      security: "admin",
      body: {
        shape: newUserSchema,
        example: { email: "ada@example.com", password: "an-example-password", name: "Ada Example" },
      },
      answers: { 201: { description: "Made.", content: user } },
      problems: ["conflict"],
    },
    GET: {
      id: "findUsers",
      tag: USERS,
      summary: "Accounts with an e-mail address",
      description: "Several, when an identity provider named people alike.",
      security: "admin",
      query: findQuery,
      answers: {
        200: {
          description: "The oldest first.",
          content: { shape: { listOf: "User" } },
        },
      },
    },
  },
  "/api/admin/users/{id}": {
    GET: {
      id: "showUser",
      tag: USERS,
      summary: "One account",
      security: "admin",
      path: userPath,
      answers: { 200: { description: "The account.", content: user } },
      problems: ["not_found"],
    },
    PATCH: {
      id: "changeUser",
      tag: USERS,
      summary: "Change name, address or password",
      description: "A new password ends every login.",
      security: "admin",
      path: userPath,
      body: { shape: userChangesSchema, example: { name: "Ada E. Example" } },
      answers: { 200: { description: "The changed account.", content: user } },
      problems: ["not_found", "conflict"],
    },
    DELETE: {
      id: "removeUser",
      tag: USERS,
      summary: "Erase a person and end every link",
      security: "admin",
      path: userPath,
      answers: { 204: { description: "Erased." } },
      problems: ["not_found"],
    },
  },
  "/api/admin/users/{id}/links": {
    GET: {
      id: "listLinksOfUser",
      tag: USERS,
      summary: "An account's living links",
      description: "With assistants and with your own apps.",
      security: "admin",
      path: userPath,
      answers: { 200: { description: "Newest first, at most 100.", content: { shape: { listOf: "UserLink" } } } },
      problems: ["not_found"],
    },
  },
  "/api/admin/users/{id}/erase": {
    POST: {
      id: "eraseUser",
      tag: USERS,
      summary: "As DELETE, and says what was done",
      description:
        "Removes the account with its links, blinds what is kept for statistics. Skills that were enabled through Amazon's API are disabled there by the scheduled work.",
      security: "admin",
      path: userPath,
      body: { shape: z.strictObject({}), example: {}, optional: true },
      answers: {
        200: {
          description: "How many rows of each kind.",
          content: {
            shape: erasureAnswer,
            example: {
              removed: { identities: 1, knownBrowsers: 2, links: 1, codes: 0, amazonTokens: 1 },
              blinded: { attempts: 3, auditRecords: 5, skillEvents: 0 },
              pendingAtAmazon: 1,
            },
          },
        },
      },
      problems: ["not_found"],
    },
  },
};
