// /api/authorizations: an authorization request that arrives in the company's app (Alexa-initiated app-to-app linking).
import * as z from "zod/mini";
import { authorizationBodySchema } from "../src/linking/app-authorizations.ts";
import type { Resource } from "./describe.ts";

/** Response of `POST /api/authorizations`. */
export const authorizationResponse = z.union([
  z.strictObject({
    skillName: z.string(),
    scopes: z.array(z.strictObject({ name: z.string(), description: z.string() })),
    account: z.string(),
    ticket: z.string(),
  }),
  z.strictObject({ redirectTo: z.string() }),
]);

export const authorizations: Resource = {
  tag: "Linking from the Alexa app",
  description: "When Alexa opens the company's app.",
  components: { Authorization: { schema: authorizationResponse, io: "output" } },
  paths: {
    "/api/authorizations": {
      POST: {
        id: "authorizeInApp",
        summary: "Show and decide an authorization request with which Alexa opened your app",
        description:
          "First send the raw query string alone: the response has what your consent screen must show, and a ticket that is valid for ten minutes. Then send it again with the ticket and the decision, and open `redirectTo`. Repeating the second call returns the same response.",
        security: "user",
        body: {
          shape: authorizationBodySchema,
          example: {
            query:
              "client_id=alexa-acme-home&response_type=code&state=example%3D%3D&redirect_uri=https%3A%2F%2Fpitangui.amazon.com%2Fapi%2Fskill%2Flink%2FM2EXAMPLEVENDOR",
            ticket: "example-ticket",
            decision: "allow",
          },
        },
        responses: {
          200: {
            description: "What to show, or the URL to open.",
            content: {
              shape: { component: "Authorization" },
              example: {
                redirectTo:
                  "https://pitangui.amazon.com/api/skill/link/M2EXAMPLEVENDOR?code=example&state=example%3D%3D&source=app",
              },
            },
          },
        },
        problems: ["client_unknown", "redirect_uri_unregistered", "invalid_ticket"],
      },
    },
  },
};
