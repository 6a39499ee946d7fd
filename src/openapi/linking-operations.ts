// The operations of the company's app and site, of the skill's backend, and of Alexa.
import * as z from "zod/mini";
import { authorizationBodySchema } from "../linking/app-authorizations.ts";
import { completeBody, stageSchema, startBody, unlinkPendingAnswer } from "../linking/schemas.ts";
import { grantRequestSchema } from "../skill-backend/accept-grant.ts";
import { gatewayTokenBodySchema } from "../skill-backend/gateway-token.ts";
import { personalizationBodySchema } from "../skill-backend/personalization.ts";
import { gatewayTokenAnswer, personalizationAnswer } from "./answers.ts";
import type { Operation } from "./describe.ts";

const APP = "Linking from your app or site";
const ALEXA_APP = "Linking from the Alexa app";
const BACKEND = "The skill's backend";
const ALEXA = "Alexa";

const SKILL_ID = "amzn1.ask.skill.0000-demo";
const stageQuery = z.object({ stage: z.optional(stageSchema) });
const STAGE = "`stage` left out: the skill's only stage, or live when both exist.";
const skillPath = { skillId: "The skill's id, `amzn1.ask.skill.…`." };

const unlinked = {
  202: {
    description: "Ended here; Amazon could not be reached, and the scheduled work goes on trying.",
    content: { shape: unlinkPendingAnswer, example: { status: "unlinked", amazon: "pending" } },
  },
  204: { description: "Ended here and at Amazon, or there was nothing to end." },
};

const link = {
  skillId: SKILL_ID,
  stage: "live",
  name: "Acme Home",
  status: "linked",
  checkedAt: "2026-10-01T12:00:00.000Z",
  grants: [
    {
      id: "01examplegrantaaaaaaaaaaaa",
      createdAt: "2026-09-01T08:30:00.000Z",
      lastUsedAt: "2026-10-01T11:58:00.000Z",
      flow: "app_to_app",
      level: "account",
    },
  ],
};

export const LINKING_PATHS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/api/links": {
    POST: {
      id: "startAttempt",
      tag: APP,
      summary: "Start linking the user with a skill",
      description: `The app has shown its own consent. Open \`alexaAppUrl\`, or \`loginWithAmazonUrl\` where the Alexa app is not there. ${STAGE}`,
      security: "user",
      body: {
        shape: startBody,
        example: { skillId: SKILL_ID, returnTo: "https://app.example.com/alexa/done", platform: "ios" },
      },
      answers: {
        201: {
          description: "Started; it can be completed until `expiresAt`.",
          content: {
            shape: { component: "StartedLinking" },
            example: {
              id: "01examplelinkingaaaaaaaaaa",
              state: "example-state",
              alexaAppUrl:
                "https://alexa.amazon.com/spa/skill-account-linking-consent?fragment=skill-account-linking-consent&client_id=…",
              loginWithAmazonUrl: "https://www.amazon.com/ap/oa?client_id=…",
              redirectUri: "https://link.example.com/app/callback",
              expiresAt: "2026-10-01T12:10:00.000Z",
            },
          },
        },
      },
      problems: ["return_to_not_allowed", "skill_not_found", "account_linking_not_supported", "too_many_requests"],
    },
    GET: {
      id: "listLinks",
      tag: APP,
      summary: "The user's links with every skill",
      description: `Alexa is not asked: \`checkedAt\` is null. ${STAGE}`,
      security: "user",
      query: stageQuery,
      answers: {
        200: {
          description: "Every skill of this server.",
          content: { shape: { component: "Links" }, example: { links: [{ ...link, checkedAt: null }] } },
        },
      },
    },
  },
  "/api/links/complete": {
    POST: {
      id: "completeLinking",
      tag: APP,
      summary: "Complete a linking with what Amazon answered",
      description:
        "Amazon's code, the sealed result that a callback in a browser gave, or Amazon's error. By the user who started it. After success the same answer again; after 503 present the same code until `expiresAt`.",
      security: "user",
      body: { shape: completeBody, example: { state: "example-state", code: "ANexampleAmazonCode" } },
      answers: {
        200: {
          description: "Linked.",
          content: { shape: { component: "CompletedLinking" }, example: { skillId: SKILL_ID, status: "linked" } },
        },
      },
      problems: [
        "invalid_result",
        "wrong_user",
        "state_unknown",
        "state_used",
        "in_progress",
        "state_expired",
        "amazon_denied",
        "amazon_code_rejected",
        "enablement_rejected",
        "enablement_forbidden",
        "amazon_unavailable",
        "enablement_unavailable",
      ],
    },
  },
  "/api/links/{skillId}": {
    GET: {
      id: "showLink",
      tag: APP,
      summary: "The user's link with one skill",
      description: `Asks Alexa where a token of Amazon's is held, and ends what Alexa no longer knows. ${STAGE}`,
      security: "user",
      path: skillPath,
      query: stageQuery,
      answers: { 200: { description: "The link.", content: { shape: { component: "Link" }, example: link } } },
      problems: ["skill_not_found"],
    },
    DELETE: {
      id: "unlink",
      tag: APP,
      summary: "End all of the user's links with a skill",
      description: `Repeatable. ${STAGE}`,
      security: "user",
      path: skillPath,
      query: stageQuery,
      answers: unlinked,
      problems: ["skill_not_found"],
    },
  },
  "/api/links/{skillId}/grants/{grantId}": {
    DELETE: {
      id: "unlinkOne",
      tag: APP,
      summary: "End one link",
      security: "user",
      path: { ...skillPath, grantId: "The link's id, from `grants`." },
      answers: unlinked,
      problems: ["grant_not_found"],
    },
  },
  "/api/authorizations": {
    POST: {
      id: "authorizeInApp",
      tag: ALEXA_APP,
      summary: "Show and decide a request with which Alexa opened your app",
      description:
        "First with the raw query string alone: the answer has what the consent screen shows, and a ticket for ten minutes. Then with ticket and decision: open `redirectTo`. Repeating the second step gives the same answer.",
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
      answers: {
        200: {
          description: "What to show, or where to go on.",
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
  "/api/event-gateway/token": {
    POST: {
      id: "giveEventGatewayToken",
      tag: BACKEND,
      summary: "A fresh token of Amazon's, to send events about one customer",
      description:
        "Names the customer's link by an access token of ours, by `userId` (our `sub`, with `skillId` when several skills are served), or by `grantId`. Send the event to `endpoint`.",
      security: "service",
      body: { shape: gatewayTokenBodySchema, example: { userId: "01exampleuseraaaaaaaaaaaaa", skillId: SKILL_ID } },
      answers: {
        200: {
          description: "Valid for some minutes at least.",
          content: {
            shape: gatewayTokenAnswer,
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
      tag: BACKEND,
      summary: "Forget Amazon's tokens of one link",
      description: "After the event gateway has answered 403: the customer has disabled the skill. Repeatable.",
      security: "service",
      body: { shape: gatewayTokenBodySchema, example: { userId: "01exampleuseraaaaaaaaaaaaa", skillId: SKILL_ID } },
      answers: { 204: { description: "Forgotten." } },
      problems: ["grant_not_found"],
    },
  },
  "/api/personalization": {
    POST: {
      id: "personalize",
      tag: BACKEND,
      summary: "Whose voice the skill hears, and which account of ours that voice may use",
      description:
        "Send Alexa's request as it came; only `context` is read. `speaker` says whose account serves it: the person's, else the shared one. `profile` also asks Alexa for the speaker's name.",
      security: "service",
      body: {
        shape: personalizationBodySchema,
        example: {
          context: {
            System: {
              application: { applicationId: SKILL_ID },
              user: { userId: "amzn1.ask.account.EXAMPLE", accessToken: "example-access-token" },
              person: { personId: "amzn1.ask.person.EXAMPLE" },
            },
          },
        },
      },
      answers: {
        200: {
          description: "The two links, and the speaker.",
          content: {
            shape: personalizationAnswer,
            example: {
              skillId: SKILL_ID,
              account: {
                alexaUserId: "amzn1.ask.account.EXAMPLE",
                link: "linked",
                userId: "01exampleuseraaaaaaaaaaaaa",
                grantId: "01examplegrantaaaaaaaaaaaa",
                scopes: ["devices:control"],
              },
              person: { personId: "amzn1.ask.person.EXAMPLE", link: "not_linked" },
              speaker: {
                as: "account",
                userId: "01exampleuseraaaaaaaaaaaaa",
                grantId: "01examplegrantaaaaaaaaaaaa",
              },
            },
          },
        },
      },
      problems: ["skill_not_found"],
    },
  },
  "/alexa/accept-grant": {
    POST: {
      id: "acceptGrant",
      tag: BACKEND,
      summary: "Take Alexa's permission to send events",
      description:
        "The skill's backend forwards what Alexa sent as it came, and returns the answer to Alexa as it is. A smart-home skill's directive is answered `AcceptGrant.Response`, or `ErrorResponse` when it did not work; a custom skill's request `Alexa.Authorization.Grant` with an empty response, or a problem, upon which the backend throws. `region` is where the backend runs; left out, that of the request's `apiEndpoint`, else NA.",
      security: "service",
      query: z.object({ region: z.optional(z.enum(["NA", "EU", "FE"])) }),
      body: {
        shape: z.union([
          z.looseObject({ directive: z.looseObject({ header: z.looseObject({}), payload: z.looseObject({}) }) }),
          grantRequestSchema,
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
      answers: {
        200: {
          description: "The event, or the response, to return to Alexa.",
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
  "/alexa/events": {
    POST: {
      id: "takeSkillEvent",
      tag: ALEXA,
      summary: "Take a skill event",
      description:
        "Signed by Alexa (`Signature-256`, `SignatureCertChainUrl`). `SkillDisabled` ends the link that its token names, else those of its Alexa user.",
      security: "alexa",
      body: {
        shape: z.looseObject({ context: z.looseObject({}), request: z.looseObject({}) }),
        example: {
          version: "1.0",
          context: {
            System: { application: { applicationId: SKILL_ID }, user: { userId: "amzn1.ask.account.EXAMPLE" } },
          },
          request: {
            type: "AlexaSkillEvent.SkillDisabled",
            requestId: "example",
            timestamp: "2026-10-01T12:00:00Z",
          },
        },
      },
      answers: { 200: { description: "Taken, or taken before." } },
      problems: ["event_refused"],
    },
  },
};
