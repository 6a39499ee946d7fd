// /api/admin/skills
import * as z from "zod/mini";
import {
  newSkillSchema,
  rotateSecretQuery,
  rotateSecretSchema,
  skillChangesSchema,
} from "../src/admin/admin-schemas.ts";
import { plainPage } from "../src/admin/paging.ts";
import { PERSON_KINDS, SKILL_TYPES } from "../src/storage/skills/skills.ts";
import type { FieldTexts, Resource } from "./describe.ts";
import { EXAMPLE_SKILL_ID, EXAMPLE_TIME, stage, strings, time } from "./shapes.ts";

const pair = z.nullable(z.strictObject({ clientId: z.string() }));

/** A skill as the admin API shows it. */
export const skillResponse = z.strictObject({
  id: z.string(),
  stage,
  linking: z.enum(["required", "optional"]),
  name: z.string(),
  type: z.enum(SKILL_TYPES),
  vendorId: z.nullable(z.string()),
  extraRedirectUris: strings,
  resource: z.nullable(z.string()),
  scopes: z.array(
    z.union([
      z.string(),
      z.strictObject({
        name: z.string(),
        tier: z.optional(z.enum(["service", "user"])),
        descriptions: z.record(z.string(), z.string()),
      }),
    ]),
  ),
  returnUrls: strings,
  lwa: pair,
  eventGateway: pair,
  relay: z.nullable(
    z.strictObject({
      tokenUrl: z.string(),
      userinfoUrl: z.nullable(z.string()),
      clientId: z.nullable(z.string()),
      person: z.strictObject({ claim: z.string(), as: z.enum(PERSON_KINDS) }),
    }),
  ),
  client: z.strictObject({
    id: z.string(),
    secret: z.optional(z.string()),
    requirePkce: z.boolean(),
    redirectUris: strings,
    previousSecretExpiresAt: z.optional(time),
  }),
  serviceClient: z.nullable(
    z.strictObject({
      id: z.string(),
      secret: z.optional(z.string()),
      previousSecretExpiresAt: z.optional(time),
    }),
  ),
  previousSecretExpiresAt: z.optional(time),
  createdAt: time,
  updatedAt: time,
});

export const linkingRequestResponse = z.strictObject({ accountLinkingRequest: z.record(z.string(), z.unknown()) });

export const protectedResourceResponse = z.strictObject({
  resource: z.string(),
  authorization_servers: strings,
  scopes_supported: strings,
  bearer_methods_supported: strings,
});

const SCOPES = ["profile", { name: "devices:control", descriptions: { en: "Control your devices" } }];

const newSkillExample = {
  id: EXAMPLE_SKILL_ID,
  stage: "development",
  name: "Acme Home",
  type: "smart_home",
  vendorId: "M2EXAMPLEVENDOR",
  scopes: SCOPES,
  returnUrls: ["https://app.example.com/alexa/done"],
  lwa: { clientId: "amzn1.application-oa2-client.example", clientSecret: "example-secret" },
  client: { id: "alexa-acme-home" },
};

const skillExample = {
  id: EXAMPLE_SKILL_ID,
  stage: "development",
  name: "Acme Home",
  type: "smart_home",
  linking: "required",
  vendorId: "M2EXAMPLEVENDOR",
  extraRedirectUris: [],
  resource: null,
  scopes: SCOPES,
  returnUrls: ["https://app.example.com/alexa/done"],
  lwa: { clientId: "amzn1.application-oa2-client.example" },
  eventGateway: null,
  relay: null,
  client: {
    id: "alexa-acme-home",
    requirePkce: false,
    redirectUris: [
      "https://pitangui.amazon.com/api/skill/link/M2EXAMPLEVENDOR",
      "https://layla.amazon.com/api/skill/link/M2EXAMPLEVENDOR",
      "https://alexa.amazon.co.jp/api/skill/link/M2EXAMPLEVENDOR",
      "https://alexa.amazon.com/api/skill/link/M2EXAMPLEVENDOR",
    ],
  },
  serviceClient: null,
  createdAt: EXAMPLE_TIME,
  updatedAt: EXAMPLE_TIME,
};
const withSecret = { ...skillExample, client: { ...skillExample.client, secret: "example-client-secret" } };

const SKILL_TEXTS: FieldTexts = {
  vendorId: "The last part of the Alexa Redirect URLs in the developer console. Amazon's redirect URIs follow from it.",
  stage:
    "The stage that linking from your app or site enables, unless its start call names another. Default: `development`.",
  linking:
    "Whether a customer must link the account to enable the skill. `optional` only for `custom` and `music`, where it is the default.",
  redirectUris: "Instead of `vendorId`: Amazon's redirect URIs, in full.",
  extraRedirectUris: "More redirect URIs.",
  resource:
    "Required for `add_on`, and only there: the URI of its MCP server, which becomes the audience of its tokens. Stored and compared character by character. `null`: none.",
  scopes:
    "Names, or names with a description per language for the consent page. `tier` is for `add_on`: `service` for tokens without a user, `user` (the default) for customers' tokens. An add-on without a scope of the tier `service` gets `mcp:service`.",
  serviceClient:
    "Only for `add_on`: a second client, which is then the only one that gets service tokens. `{}` gives it a new id; `null`: none.",
  returnUrls: "Where the customer returns to your app or site. Compared character by character.",
  lwa: "Alexa Client Id and Alexa Client Secret of the developer console. Without them, your app cannot start linking.",
  eventGateway: "The client id and secret of Send Alexa Events. Default: `lwa`.",
  relay:
    "The old server's token URL, to which a refresh token that is unknown here is presented once. If it accepts the token, the link moves here. `null`: none.",
  "relay.tokenUrl": "Its token URL, `https`. Redirects are not followed.",
  "relay.userinfoUrl": "Its userinfo URL, if the token response does not name the person.",
  "relay.clientId": "Our client there, with `clientSecret`. Left out: Alexa's own credentials are passed on.",
  "relay.person.claim": "The claim that names the person. Default: `sub`.",
  "relay.person.as":
    "What the claim holds: `oidcSubject`, a subject of `OIDC_ISSUER`; `email`, which must be verified; `id`, of an account here.",
  force: "Accepts fewer than Amazon's redirect URIs.",
  "client.requirePkce": "Refuses authorization requests without PKCE. Always on for `add_on`.",
};

const skillPath = { id: "The skill's id, `amzn1.ask.skill.…`." };
const skill = (example?: object) => ({ shape: { component: "Skill" }, example });

export const skills: Resource = {
  tag: "Operators: skills",
  description: "With ADMIN_TOKEN: skills, and the clients with which Alexa calls us.",
  components: {
    NewSkill: {
      schema: newSkillSchema(false),
      io: "input",
      texts: {
        ...SKILL_TEXTS,
        "client.id": "Default: a new one.",
        "client.secret": "To keep the secret of an existing set-up; 8 characters or more. Default: a new one.",
      },
    },
    SkillChanges: { schema: skillChangesSchema(false), io: "input", texts: SKILL_TEXTS },
    Skill: {
      schema: skillResponse,
      io: "output",
      texts: {
        "client.secret": "Only in the response that created it.",
        resource: "The URI of an add-on's MCP server. `null` for other types.",
        scopes: "For an add-on, each with its `tier`. A scope with neither tier nor description is a name.",
        serviceClient: "The second client of an add-on. `null`: it has none.",
        "serviceClient.secret": "Only in the response that created it.",
      },
      example: skillExample,
    },
  },
  paths: {
    "/api/admin/skills": {
      POST: {
        id: "addSkill",
        summary: "Register a skill, and the client with which Alexa calls us",
        description:
          "A skill has one client, with which Alexa calls this server. The response has `client.secret`, and `serviceClient.secret` of an add-on's second client, shown this once.",
        security: "admin",
        body: { shape: { component: "NewSkill" }, example: newSkillExample },
        responses: { 201: { description: "Registered.", content: skill(withSecret) } },
        problems: ["conflict", "account_linking_not_supported", "redirect_uris_incomplete", "scope_reserved"],
      },
      GET: {
        id: "listSkills",
        summary: "The registered skills",
        security: "admin",
        query: plainPage,
        responses: {
          200: {
            description: "Ordered by id.",
            content: { shape: { listOf: "Skill" } },
          },
        },
      },
    },
    "/api/admin/skills/{id}": {
      GET: {
        id: "showSkill",
        summary: "One skill",
        security: "admin",
        path: skillPath,
        responses: { 200: { description: "The skill.", content: skill() } },
        problems: ["skill_not_found"],
      },
      PATCH: {
        id: "changeSkill",
        summary: "Change a skill",
        description:
          "Only the fields that are sent change. `null` removes `lwa`, `eventGateway`, `vendorId`, `resource` or `serviceClient`. `serviceClient: {}` adds an add-on's second client, and its secret is shown this once; if there is one, it stays. To replace it, remove it first.",
        security: "admin",
        path: skillPath,
        body: { shape: { component: "SkillChanges" }, example: { name: "Acme Home 2" } },
        responses: { 200: { description: "The changed skill.", content: skill() } },
        problems: [
          "skill_not_found",
          "conflict",
          "account_linking_not_supported",
          "redirect_uris_incomplete",
          "scope_reserved",
        ],
      },
      DELETE: {
        id: "removeSkill",
        summary: "Remove a skill and revoke all its links",
        description: "Also removes its client, and revokes its grants.",
        security: "admin",
        path: skillPath,
        responses: { 204: { description: "Removed." } },
        problems: ["skill_not_found"],
      },
    },
    "/api/admin/skills/{id}/rotate-secret": {
      POST: {
        id: "rotateSkillSecret",
        summary: "Create a new client secret. The previous one stays valid for a while",
        description: "With `client=service` for an add-on's second client, else for the first.",
        security: "admin",
        path: skillPath,
        query: rotateSecretQuery,
        body: { shape: rotateSecretSchema, example: { overlapSeconds: 604800 }, optional: true },
        responses: {
          200: {
            description: "The new secret is shown only once.",
            content: skill({ ...withSecret, previousSecretExpiresAt: EXAMPLE_TIME }),
          },
        },
        problems: ["skill_not_found", "not_found"],
      },
    },
    "/api/admin/skills/{id}/account-linking-request": {
      GET: {
        id: "accountLinkingRequest",
        summary: "The account linking configuration for Amazon, as SMAPI and ask-cli accept it",
        description: "Add-ons are configured with Amazon's `alexa-ai` command instead.",
        security: "admin",
        path: skillPath,
        responses: {
          200: {
            description: "With a placeholder for the client secret.",
            content: {
              shape: linkingRequestResponse,
              example: { accountLinkingRequest: { type: "AUTH_CODE", clientId: "alexa-acme-home" } },
            },
          },
        },
        problems: ["skill_not_found"],
      },
    },
    "/api/admin/skills/{id}/protected-resource": {
      GET: {
        id: "protectedResource",
        summary: "The protected resource metadata (RFC 9728) that an add-on's MCP server publishes",
        description: "For `/.well-known/oauth-protected-resource` of the MCP server's host.",
        security: "admin",
        path: skillPath,
        responses: {
          200: {
            description: "With the scopes of the user tier.",
            content: {
              shape: protectedResourceResponse,
              example: {
                resource: "https://mcp.example.com/mcp",
                authorization_servers: ["https://link.example.com"],
                scopes_supported: ["mcp:tools", "mcp:resources"],
                bearer_methods_supported: ["header"],
              },
            },
          },
        },
        problems: ["skill_not_found", "not_found"],
      },
    },
  },
};
