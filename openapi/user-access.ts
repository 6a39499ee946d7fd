// /api/admin/users/{id}/links, …/logins and …/sign-out.
import * as z from "zod/mini";
import { signOutSchema } from "../src/admin/user-access-api.ts";
import type { Resource } from "./describe.ts";
import { unlinked } from "./links.ts";
import { EXAMPLE_GRANT_ID, EXAMPLE_SKILL_ID, EXAMPLE_TIME, time } from "./shapes.ts";

const userLink = z.strictObject({
  id: z.string(),
  flow: z.string(),
  skillId: z.nullable(z.string()),
  name: z.string(),
  level: z.nullable(z.enum(["person", "account"])),
  createdAt: time,
  lastUsedAt: time,
});

const login = z.strictObject({ id: z.string(), createdAt: time, endedAt: z.nullable(time) });

const userPath = { id: "The user's id: the `sub` of the user's tokens." };
const linkPath = { ...userPath, grantId: "The link's `id`." };

export const userAccess: Resource = {
  tag: "Operators: access to an account",
  description: "With ADMIN_TOKEN: what has access to a user's account, to take a taken account back.",
  components: {
    UserLink: {
      schema: userLink,
      io: "output",
      texts: {
        skillId: "null for your own apps.",
        level:
          "`person`: the link of one recognized speaker. `account`: shared by everyone who speaks to the account's devices. null until a request from Alexa has shown which.",
      },
      example: {
        id: EXAMPLE_GRANT_ID,
        flow: "alexa_app",
        skillId: EXAMPLE_SKILL_ID,
        name: "Acme Home",
        level: "account",
        createdAt: EXAMPLE_TIME,
        lastUsedAt: EXAMPLE_TIME,
      },
    },
    UserLogin: {
      schema: login,
      io: "output",
      texts: { endedAt: "null while the session acts. A session ends by itself after 30 days." },
      example: { id: "01exampleloginaaaaaaaaaaaa", createdAt: EXAMPLE_TIME, endedAt: null },
    },
  },
  paths: {
    "/api/admin/users/{id}/links": {
      GET: {
        id: "listLinksOfUser",
        summary: "A user's links",
        description: "Live links with skills, and logins in your own apps.",
        security: "admin",
        path: userPath,
        responses: { 200: { description: "Newest first, at most 100.", content: { shape: { listOf: "UserLink" } } } },
        problems: ["not_found"],
      },
      DELETE: {
        id: "endLinksOfUser",
        summary: "End all of a user's links and logins in your own apps",
        description: "Repeatable. Browsers stay signed in: see sign-out.",
        security: "admin",
        path: userPath,
        responses: unlinked,
        problems: ["not_found"],
      },
    },
    "/api/admin/users/{id}/links/{grantId}": {
      GET: {
        id: "showLinkOfUser",
        summary: "One link, or one login in your own app",
        security: "admin",
        path: linkPath,
        responses: { 200: { description: "A live link.", content: { shape: { component: "UserLink" } } } },
        problems: ["not_found", "grant_not_found"],
      },
      DELETE: {
        id: "endLinkOfUser",
        summary: "End one link, or one login in your own app",
        description: "Repeatable.",
        security: "admin",
        path: linkPath,
        responses: unlinked,
        problems: ["not_found", "grant_not_found"],
      },
    },
    "/api/admin/users/{id}/logins": {
      GET: {
        id: "listLoginsOfUser",
        summary: "A user's sign-ins in browsers",
        security: "admin",
        path: userPath,
        responses: { 200: { description: "Newest first, at most 20.", content: { shape: { listOf: "UserLogin" } } } },
        problems: ["not_found"],
      },
    },
    "/api/admin/users/{id}/logins/{loginId}": {
      DELETE: {
        id: "endLoginOfUser",
        summary: "Sign one browser out",
        description: "Repeatable. Failed passwords from that browser count like those from an unknown one.",
        security: "admin",
        path: { ...userPath, loginId: "The login's `id`." },
        responses: { 204: { description: "Signed out." } },
        problems: ["not_found"],
      },
    },
    "/api/admin/users/{id}/sign-out": {
      POST: {
        id: "signOutUser",
        summary: "End all logins, in browsers and in your own apps",
        description: "Repeatable. Links of assistants stay.",
        security: "admin",
        path: userPath,
        body: { shape: signOutSchema, example: {}, optional: true },
        responses: { 204: { description: "Signed out everywhere." } },
        problems: ["not_found"],
      },
    },
  },
};
