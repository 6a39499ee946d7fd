// /api/admin/developer-token
import * as z from "zod/mini";
import { developerTokenSchema } from "../src/admin/developer-token-api.ts";
import type { Resource } from "./describe.ts";
import { EXAMPLE_TIME, time } from "./shapes.ts";

/** What the admin API shows of the developer's token. */
export const developerTokenResponse = z.strictObject({
  storedAt: time,
  usedAt: z.nullable(time),
  state: z.enum(["unused", "accepted", "refused"]),
  error: z.nullable(z.string()),
});

export const developerToken: Resource = {
  tag: "Operators: the developer's token",
  description:
    "With ADMIN_TOKEN: a developer's token for Amazon's Skill Management API, with which the console reads Amazon's metrics and writes the account linking configuration.",
  components: {
    NewDeveloperToken: {
      schema: developerTokenSchema(),
      io: "input",
      texts: {
        clientId: "The LWA client (security profile) that the token was issued to.",
        clientSecret: "Its secret.",
        refreshToken: "The refresh token that `ask util generate-lwa-tokens` prints. It does not expire after an hour.",
      },
      example: {
        clientId: "amzn1.application-oa2-client.example",
        clientSecret: "example-secret",
        refreshToken: "Atzr|example",
      },
    },
    DeveloperToken: {
      schema: developerTokenResponse,
      io: "output",
      texts: {
        usedAt: "When Login with Amazon last responded to it.",
        state: "What Login with Amazon said then.",
        error: "Its error code, when it refused.",
      },
      example: { storedAt: EXAMPLE_TIME, usedAt: EXAMPLE_TIME, state: "accepted", error: null },
    },
  },
  paths: {
    "/api/admin/developer-token": {
      GET: {
        id: "getDeveloperToken",
        summary: "Whether a token is stored, and whether it worked when it was last used",
        security: "admin",
        responses: {
          200: { description: "The state; never the token.", content: { shape: { component: "DeveloperToken" } } },
        },
        problems: ["not_found"],
      },
      POST: {
        id: "storeDeveloperToken",
        summary: "Store a token in place of any other, and try it",
        security: "admin",
        body: { shape: { component: "NewDeveloperToken" } },
        responses: {
          201: {
            description:
              "Stored. `state` says whether Login with Amazon accepts it; `unused`: it could not be reached.",
            content: { shape: { component: "DeveloperToken" } },
          },
        },
      },
      DELETE: {
        id: "deleteDeveloperToken",
        summary: "Delete the token",
        security: "admin",
        responses: { 204: { description: "Deleted." } },
        problems: ["not_found"],
      },
    },
  },
};
