// The whole OpenAPI document. `npm run openapi` writes it to assets/openapi.json, which the Worker serves.
import type * as z from "zod/mini";
import { completeAnswer, linkAnswer, linksAnswer, startAnswer } from "../linking/schemas.ts";
import { ACCOUNT_PATHS } from "./account-operations.ts";
import { ADMIN_EXAMPLES } from "./admin-examples.ts";
import {
  auditAnswer,
  authorizationAnswer,
  clientAnswer,
  keyAnswer,
  linkingAnswer,
  oauthErrorAnswer,
  problemAnswer,
  refusalAnswer,
  skillAnswer,
  userAnswer,
  userLinkAnswer,
} from "./answers.ts";
import { describeOperation, type FieldTexts, type Operation, type SharedResponses, schemaOf } from "./describe.ts";
import type { JsonSchema, OpenApiDocument } from "./document-types.ts";
import { LINKING_PATHS } from "./linking-operations.ts";
import { OAUTH_PATHS } from "./oauth-operations.ts";
import { newClient, newSkill, SKILL_PATHS, skillChanges } from "./skill-operations.ts";
import { UPKEEP_PATHS } from "./upkeep-operations.ts";

const VERSION = "1";

const TAGS = [
  ["Linking from your app or site", "For the company's app and site, with the user's access token."],
  ["Linking from the Alexa app", "When Alexa opens the company's app."],
  ["The skill's backend", "For the skill's backend, with a service client."],
  ["Alexa", "What Alexa itself calls."],
  ["OAuth", "The authorization server's endpoints, in short."],
  ["Operators: skills", "With ADMIN_TOKEN: skills and the clients that Alexa uses for them."],
  ["Operators: clients", "With ADMIN_TOKEN: apps and backends."],
  ["Operators: accounts", "With ADMIN_TOKEN: password accounts, a person's links, and erasing a person."],
  ["Operators: what happened", "With ADMIN_TOKEN: attempts, refusals, audit, metrics."],
  ["Operators: upkeep", "With ADMIN_TOKEN: signing keys and the scheduled work."],
  ["The service itself", "Open to everybody."],
] as const;

const SKILL_TEXTS: FieldTexts = {
  vendorId: "The end of the console's Alexa Redirect URLs; all three of Amazon's follow from it.",
  redirectUris: "Instead of vendorId: Amazon's three, written out.",
  extraRedirectUris: "Further redirect URIs.",
  scopes: "Names, or a name with a text per language for the consent page.",
  returnUrls: "Where your app or site takes the customer back; compared character by character.",
  lwa: "The console's Alexa Client Id and Secret; without it your app cannot start attempts.",
  eventGateway: "The pair of Send Alexa Events; left out, lwa serves for both.",
  force: "Takes fewer than Amazon's three redirect URIs.",
  "client.requirePkce": "Refuses authorize requests without PKCE; always on for add_on.",
  "client.rotateRefreshTokens": "Off, and best left so.",
};

/** Components that are sent. */
export const requests: Readonly<Record<string, readonly [z.ZodMiniType, FieldTexts]>> = {
  NewSkill: [
    newSkill,
    {
      ...SKILL_TEXTS,
      "client.id": "Made when left out. That of the skill's other stage: both share it.",
      "client.secret": "For a set-up that moves over; made when left out.",
    },
  ],
  SkillChanges: [skillChanges, SKILL_TEXTS],
  NewClient: [
    newClient,
    {
      redirectUris: "At least one for an app, none for a service.",
      scopes: "Left out for an app: links.",
      skillIds: "A service may look at the tokens of these skills.",
    },
  ],
};

/** Components that are answered. */
export const answers: Readonly<Record<string, readonly [z.ZodMiniType, FieldTexts]>> = {
  Problem: [problemAnswer, { code: "Stable, for programs.", detail: "A sentence for people." }],
  OAuthError: [oauthErrorAnswer, {}],
  StartedLinking: [startAnswer, {}],
  CompletedLinking: [completeAnswer, {}],
  Link: [
    linkAnswer,
    {
      checkedAt: "When Alexa was asked; null when it was not.",
      "grants.level": "One speaker's, or everybody's who speaks to the devices; null until Alexa has shown it.",
    },
  ],
  Links: [linksAnswer, {}],
  Authorization: [authorizationAnswer, {}],
  Skill: [
    skillAnswer,
    { "client.secret": "Only in the answer that made it.", "client.stages": "When both have this client." },
  ],
  Client: [clientAnswer, { secret: "Only in the answer that made it." }],
  User: [userAnswer, { id: "The sub of the account's tokens." }],
  UserLink: [
    userLinkAnswer,
    { skillId: "null for your own apps.", level: "One speaker's, or everybody's; null until Alexa has shown it." },
  ],
  Linking: [linkingAnswer, {}],
  Refusal: [refusalAnswer, {}],
  AuditRecord: [auditAnswer, {}],
  SigningKey: [keyAnswer, {}],
};

function components(
  given: Readonly<Record<string, readonly [z.ZodMiniType, FieldTexts]>>,
  io: "input" | "output",
): Record<string, JsonSchema> {
  return Object.fromEntries(
    Object.entries(given).map(([name, [schema, texts]]) => [
      name,
      {
        ...schemaOf(schema, io, texts),
        ...(name in ADMIN_EXAMPLES ? { examples: [ADMIN_EXAMPLES[name]] } : {}),
      },
    ]),
  );
}

/** Every operation, by path and method. */
export const PATHS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  ...LINKING_PATHS,
  ...OAUTH_PATHS,
  ...SKILL_PATHS,
  ...ACCOUNT_PATHS,
  ...UPKEEP_PATHS,
};

/** The document, without `servers`: these are the issuer of whoever serves it. */
export function openApiDocument(): OpenApiDocument {
  const shared: SharedResponses = new Map();
  const paths = Object.fromEntries(
    Object.entries(PATHS).map(([path, methods]) => [
      path,
      Object.fromEntries(
        Object.entries(methods).map(([method, operation]) => [
          method.toLowerCase(),
          describeOperation(path, method, operation, shared),
        ]),
      ),
    ]),
  );
  return {
    openapi: "3.1.0",
    info: {
      title: "alexa-link",
      version: VERSION,
      description:
        "Links a company's users with Alexa. Errors of the JSON API are problem documents (RFC 9457) with a stable code; OAuth endpoints answer OAuth's own errors. Times are RFC 3339 in UTC. Another method than those listed is 405 with Allow.",
    },
    tags: TAGS.map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: { ...components(requests, "input"), ...components(answers, "output") },
      responses: Object.fromEntries([...shared].sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: {
        userToken: {
          type: "http",
          scheme: "bearer",
          description:
            "An access token of an app client (scope links), or one of the company's identity provider with our audience.",
        },
        adminToken: { type: "http", scheme: "bearer", description: "ADMIN_TOKEN." },
        adminSession: {
          type: "apiKey",
          in: "cookie",
          name: "__Host-admin",
          description: "A browser that is signed in at /admin.",
        },
        csrfToken: {
          type: "apiKey",
          in: "header",
          name: "x-csrf-token",
          description: "The page's token, beside the cookie, for whatever changes something.",
        },
        clientBasic: { type: "http", scheme: "basic", description: "Id and secret of a client." },
        serviceToken: { type: "http", scheme: "bearer", description: "A service client's own access token." },
      },
    },
  };
}
