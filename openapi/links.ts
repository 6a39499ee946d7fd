// /api/links: starting, completing, showing and ending links, for the company's app and site.
import * as z from "zod/mini";
import { completeBody, startBody } from "../src/linking/schemas.ts";
import type { Resource } from "./describe.ts";
import { EXAMPLE_GRANT_ID, EXAMPLE_SKILL_ID, time } from "./shapes.ts";

const skillPath = { skillId: "The skill's id, `amzn1.ask.skill.…`." };

const startedLinking = z.object({
  id: z.string(),
  state: z.string(),
  alexaAppUrl: z.string(),
  loginWithAmazonUrl: z.string(),
  redirectUri: z.string(),
  expiresAt: time,
});

const link = z.object({
  skillId: z.string(),
  name: z.string(),
  status: z.enum(["linked", "not_linked", "unknown"]),
  checkedAt: z.nullable(time),
  grants: z.array(
    z.object({
      id: z.string(),
      createdAt: time,
      lastUsedAt: time,
      flow: z.string(),
      level: z.nullable(z.enum(["person", "account"])),
    }),
  ),
});

const linkExample = {
  skillId: EXAMPLE_SKILL_ID,
  name: "Acme Home",
  status: "linked",
  checkedAt: "2026-10-01T12:00:00.000Z",
  grants: [
    {
      id: EXAMPLE_GRANT_ID,
      createdAt: "2026-09-01T08:30:00.000Z",
      lastUsedAt: "2026-10-01T11:58:00.000Z",
      flow: "app_to_app",
      level: "account",
    },
  ],
};

/** Responses of an unlink. */
export const unlinked = {
  202: {
    description: "Revoked here. Amazon could not be reached; the scheduled maintenance tries again.",
    content: {
      shape: z.object({ status: z.literal("unlinked"), amazon: z.literal("pending") }),
      example: { status: "unlinked", amazon: "pending" },
    },
  },
  204: { description: "Revoked here and disabled at Amazon, or there was no link." },
};

export const links: Resource = {
  tag: "Linking from your app or site",
  description: "For the company's app and site, with the user's access token.",
  components: {
    StartedLinking: {
      schema: startedLinking,
      io: "output",
      texts: {
        alexaAppUrl: "Opens the Alexa app.",
        loginWithAmazonUrl: "For a browser, if the Alexa app is not installed.",
        redirectUri: "Where Amazon sends its response.",
      },
    },
    CompletedLinking: { schema: z.object({ skillId: z.string(), status: z.literal("linked") }), io: "output" },
    Link: {
      schema: link,
      io: "output",
      texts: {
        checkedAt: "When Alexa was asked. null if it was not.",
        "grants.level":
          "`person`: the link of one recognized speaker. `account`: shared by everyone who speaks to the account's devices. null until a request from Alexa has shown which.",
      },
    },
    Links: { schema: z.object({ links: z.array(link) }), io: "output" },
  },
  paths: {
    "/api/links": {
      POST: {
        id: "startAttempt",
        summary: "Start linking the user with a skill",
        description: `The app must have shown its own consent screen. Open \`alexaAppUrl\`, or \`loginWithAmazonUrl\` if the Alexa app is not installed. Without \`stage\`, the skill's own is enabled.`,
        security: "user",
        body: {
          shape: startBody,
          example: { skillId: EXAMPLE_SKILL_ID, returnTo: "https://app.example.com/alexa/done", platform: "ios" },
        },
        responses: {
          201: {
            description: "Started. It can be completed until `expiresAt`.",
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
        summary: "The user's links with all skills",
        description: `Does not ask Alexa: \`checkedAt\` is null.`,
        security: "user",
        responses: {
          200: {
            description: "All skills of this server.",
            content: { shape: { component: "Links" }, example: { links: [{ ...linkExample, checkedAt: null }] } },
          },
        },
      },
    },
    "/api/links/complete": {
      POST: {
        id: "completeLinking",
        summary: "Complete a link attempt with the response from Amazon",
        description:
          "Send Amazon's code, the sealed result of a callback that arrived in a browser, or Amazon's error. Only the user who started the attempt can complete it. Repeating a successful call returns the same response; after 503, send the same code again until `expiresAt`.",
        security: "user",
        body: { shape: completeBody, example: { state: "example-state", code: "ANexampleAmazonCode" } },
        responses: {
          200: {
            description: "Linked.",
            content: {
              shape: { component: "CompletedLinking" },
              example: { skillId: EXAMPLE_SKILL_ID, status: "linked" },
            },
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
        summary: "The user's link with one skill",
        description: `Asks Alexa if we hold a token from Amazon, and revokes links that Alexa no longer has.`,
        security: "user",
        path: skillPath,
        responses: {
          200: { description: "The link.", content: { shape: { component: "Link" }, example: linkExample } },
        },
        problems: ["skill_not_found"],
      },
      DELETE: {
        id: "unlink",
        summary: "Unlink the user from a skill",
        description: `Revokes all of the user's grants for the skill. Can be repeated.`,
        security: "user",
        path: skillPath,
        responses: unlinked,
        problems: ["skill_not_found"],
      },
    },
    "/api/links/{skillId}/grants/{grantId}": {
      DELETE: {
        id: "unlinkOne",
        summary: "Revoke one link",
        security: "user",
        path: { ...skillPath, grantId: "The link's id, from `grants`." },
        responses: unlinked,
        problems: ["grant_not_found"],
      },
    },
  },
};
