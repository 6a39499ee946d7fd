// AcceptGrant, event gateway tokens and personalization, for the skill's backend.
import * as z from "zod/mini";
import { grantRequestSchema } from "../src/skill-backend/accept-grant.ts";
import { gatewayRefusalBodySchema, gatewayTokenBodySchema } from "../src/skill-backend/gateway-token.ts";
import { personalizationBodySchema } from "../src/skill-backend/personalization.ts";
import type { Resource } from "./describe.ts";
import { EXAMPLE_GRANT_ID, EXAMPLE_SKILL_ID, EXAMPLE_USER_ID, strings, time } from "./shapes.ts";

const gatewayToken = z.strictObject({ accessToken: z.string(), expiresAt: time, endpoint: z.string() });

const linkState = {
  link: z.enum(["linked", "not_linked", "ended"]),
  userId: z.optional(z.string()),
  grantId: z.optional(z.string()),
  scopes: z.optional(strings),
};
const profileValue = z.strictObject({
  status: z.enum(["known", "empty", "not_permitted", "unavailable"]),
  value: z.optional(z.string()),
});
const personalization = z.strictObject({
  skillId: z.string(),
  account: z.strictObject({ alexaUserId: z.nullable(z.string()), ...linkState }),
  person: z.nullable(z.strictObject({ personId: z.string(), ...linkState })),
  speaker: z.nullable(z.strictObject({ as: z.enum(["person", "account"]), userId: z.string(), grantId: z.string() })),
  profile: z.optional(z.strictObject({ name: z.optional(profileValue), givenName: z.optional(profileValue) })),
});

export const skillBackend: Resource = {
  tag: "The skill's backend",
  description: "For the skill's backend, with a service client.",
  paths: {
    "/alexa/accept-grant": {
      POST: {
        id: "acceptGrant",
        summary: "Accept the customer's permission to send events to Alexa",
        description:
          "The skill's backend forwards Alexa's request unchanged, and returns the response to Alexa unchanged. The directive of a smart home skill gets `AcceptGrant.Response`, or `ErrorResponse` if it failed. The request `Alexa.Authorization.Grant` of a custom skill gets an empty response, or a problem; on a problem the backend should throw. `region` is where the backend runs. Default: the region of the request's `apiEndpoint`, else NA.",
        security: "service",
        query: z.object({ region: z.optional(z.enum(["NA", "EU", "FE"])) }),
        body: {
          shape: z.union([
            z.looseObject({ directive: z.looseObject({ header: z.looseObject({}), payload: z.looseObject({}) }) }),
            grantRequestSchema(),
          ]),
          example: {
            directive: {
              header: {
                namespace: "Alexa.Authorization",
                name: "AcceptGrant",
                messageId: "example",
                payloadVersion: "3",
              },
              payload: {
                grant: { type: "OAuth2.AuthorizationCode", code: "ANexampleAmazonCode" },
                grantee: { type: "BearerToken", token: "example-access-token" },
              },
            },
          },
        },
        responses: {
          200: {
            description: "The event or response to return to Alexa.",
            content: {
              shape: z.union([
                z.object({ event: z.object({ header: z.looseObject({}), payload: z.looseObject({}) }) }),
                z.object({ version: z.literal("1.0"), response: z.object({}) }),
              ]),
              example: {
                event: {
                  header: {
                    namespace: "Alexa.Authorization",
                    name: "AcceptGrant.Response",
                    messageId: "example",
                    payloadVersion: "3",
                  },
                  payload: {},
                },
              },
            },
          },
        },
        problems: ["grant_not_found", "account_linking_not_supported", "amazon_code_rejected", "amazon_unavailable"],
      },
    },
    "/api/event-gateway/token": {
      POST: {
        id: "giveEventGatewayToken",
        summary: "Get an Amazon token to send events about one customer",
        description:
          "Identify the customer's link by an access token that we issued, by `userId` (our `sub`; with `skillId` if the client serves several skills), or by `grantId`. Send the event to `endpoint`. `region` names the gateway that took an event when it was another one; it is remembered with the token.",
        security: "service",
        body: { shape: gatewayTokenBodySchema, example: { userId: EXAMPLE_USER_ID, skillId: EXAMPLE_SKILL_ID } },
        responses: {
          200: {
            description: "Valid for at least some minutes.",
            content: {
              shape: gatewayToken,
              example: {
                accessToken: "Atza|example",
                expiresAt: "2026-10-01T13:00:00.000Z",
                endpoint: "https://api.eu.amazonalexa.com/v3/events",
              },
            },
          },
        },
        problems: ["grant_not_found", "amazon_unavailable"],
      },
      DELETE: {
        id: "dropEventGatewayToken",
        summary: "Delete Amazon's tokens of one link",
        description:
          "Call this after the event gateways of all regions have returned the code `SKILL_DISABLED_EXCEPTION`: the customer has disabled the skill. Any other `code`, or none, deletes nothing. Can be repeated.",
        security: "service",
        body: {
          shape: gatewayRefusalBodySchema,
          example: { userId: EXAMPLE_USER_ID, skillId: EXAMPLE_SKILL_ID, code: "SKILL_DISABLED_EXCEPTION" },
        },
        responses: { 204: { description: "Deleted." } },
        problems: ["grant_not_found", "code_not_final"],
      },
    },
    "/api/personalization": {
      POST: {
        id: "personalize",
        summary: "Which account to use for the person who speaks",
        description:
          "Send Alexa's request unchanged; only `context` is read. `speaker` names the account to use: the person's own link if there is one, else the shared link. With `profile`, Alexa is also asked for the speaker's name.",
        security: "service",
        body: {
          shape: personalizationBodySchema,
          example: {
            context: {
              System: {
                application: { applicationId: EXAMPLE_SKILL_ID },
                user: { userId: "amzn1.ask.account.EXAMPLE", accessToken: "example-access-token" },
                person: { personId: "amzn1.ask.person.EXAMPLE" },
              },
            },
          },
        },
        responses: {
          200: {
            description: "Both links, and the one to use.",
            content: {
              shape: personalization,
              example: {
                skillId: EXAMPLE_SKILL_ID,
                account: {
                  alexaUserId: "amzn1.ask.account.EXAMPLE",
                  link: "linked",
                  userId: EXAMPLE_USER_ID,
                  grantId: EXAMPLE_GRANT_ID,
                  scopes: ["devices:control"],
                },
                person: { personId: "amzn1.ask.person.EXAMPLE", link: "not_linked" },
                speaker: {
                  as: "account",
                  userId: EXAMPLE_USER_ID,
                  grantId: EXAMPLE_GRANT_ID,
                },
              },
            },
          },
        },
        problems: ["skill_not_found"],
      },
    },
  },
};
