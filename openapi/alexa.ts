// Endpoints that Alexa calls, except for the OAuth endpoints.
import * as z from "zod/mini";
import type { Resource } from "./describe.ts";
import { EXAMPLE_SKILL_ID, FORM } from "./shapes.ts";

export const alexa: Resource = {
  tag: "Alexa",
  description: "Called by Alexa itself.",
  paths: {
    "/alexa/events": {
      POST: {
        id: "takeSkillEvent",
        summary: "Receive a skill event",
        description:
          "Signed by Alexa (`Signature-256`, `SignatureCertChainUrl`). `SkillDisabled` revokes the link that its token names, else the links of its Alexa user.",
        security: "alexa",
        body: {
          shape: z.looseObject({ context: z.looseObject({}), request: z.looseObject({}) }),
          example: {
            version: "1.0",
            context: {
              System: {
                application: { applicationId: EXAMPLE_SKILL_ID },
                user: { userId: "amzn1.ask.account.EXAMPLE" },
              },
            },
            request: {
              type: "AlexaSkillEvent.SkillDisabled",
              requestId: "example",
              timestamp: "2026-10-01T12:00:00Z",
            },
          },
        },
        responses: { 200: { description: "Processed now or earlier." } },
        problems: ["event_refused"],
      },
    },
    "/alexa/reciprocal": {
      POST: {
        id: "reciprocal",
        summary: "Receive an Amazon code for a linked customer",
        description:
          "Reciprocal authorization, for skills that use it. The bearer token is the access token that Alexa holds.",
        security: "user",
        body: {
          shape: z.object({
            grant_type: z.literal("reciprocal_authorization_code"),
            code: z.string(),
            client_id: z.string(),
          }),
          type: FORM,
          example: {
            grant_type: "reciprocal_authorization_code",
            code: "ANexampleAmazonCode",
            client_id: "alexa-acme-home",
          },
        },
        responses: { 200: { description: "Stored.", content: { shape: z.looseObject({}), example: {} } } },
        oauthErrors: {
          400: ["invalid_request", "invalid_grant", "unsupported_grant_type"],
          401: ["invalid_token"],
          500: ["server_error"],
          503: ["temporarily_unavailable"],
        },
      },
    },
  },
};
