// The OAuth endpoints in short (their rules are the standards'), and what clients fetch once.
import * as z from "zod/mini";
import { healthAnswer, introspectionAnswer, tokenAnswer, userinfoAnswer } from "./answers.ts";
import type { Operation } from "./describe.ts";

const OAUTH = "OAuth";
const SERVICE = "The service itself";
const FORM = "application/x-www-form-urlencoded";

const tokenForm = z.object({
  grant_type: z.enum(["authorization_code", "refresh_token", "client_credentials"]),
  code: z.optional(z.string()),
  redirect_uri: z.optional(z.string()),
  code_verifier: z.optional(z.string()),
  refresh_token: z.optional(z.string()),
  scope: z.optional(z.string()),
  resource: z.optional(z.string()),
  client_id: z.optional(z.string()),
  client_secret: z.optional(z.string()),
});

const tokenQuestion = z.object({
  token: z.string(),
  token_type_hint: z.optional(z.string()),
  client_id: z.optional(z.string()),
  client_secret: z.optional(z.string()),
});

const json = (example: unknown) => ({ shape: z.looseObject({}), example });

const userinfo: Operation = {
  id: "userinfo",
  tag: OAUTH,
  summary: "Who the access token's user is",
  security: "user",
  answers: {
    200: {
      description: "The claims; name and e-mail where they are known.",
      content: {
        shape: userinfoAnswer,
        example: { sub: "01exampleuseraaaaaaaaaaaaa", name: "Ada Example", email: "ada@example.com" },
      },
    },
  },
  oauthErrors: { 401: ["invalid_token"], 503: ["temporarily_unavailable"] },
};

export const OAUTH_PATHS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/authorize": {
    GET: {
      id: "authorize",
      tag: OAUTH,
      summary: "Where Alexa and your app send the customer (RFC 6749 §4.1.1)",
      description:
        "Answers with a page: sign-in or consent. Unknown client or redirect URI: a 400 page. Every other fault goes back to the redirect URI.",
      security: "none",
      query: z.object({
        client_id: z.string(),
        redirect_uri: z.string(),
        response_type: z.literal("code"),
        state: z.optional(z.string()),
        scope: z.optional(z.string()),
        code_challenge: z.optional(z.string()),
        code_challenge_method: z.optional(z.literal("S256")),
      }),
      answers: {
        200: { description: "A page." },
        303: { description: "Back to the redirect URI with `error` and `state`." },
        400: { description: "A page that says what is wrong." },
      },
      oauthErrors: {},
    },
  },
  "/token": {
    POST: {
      id: "token",
      tag: OAUTH,
      summary: "Exchange a code, refresh, or get a token for the client itself",
      description:
        "RFC 6749 §4.1.3, §6, §4.4, with PKCE (RFC 7636). HTTP Basic or credentials in the body. Answers within four seconds.",
      security: "client",
      body: {
        shape: tokenForm,
        type: FORM,
        example: {
          grant_type: "authorization_code",
          code: "c0example",
          redirect_uri: "https://pitangui.amazon.com/api/skill/link/M2EXAMPLEVENDOR",
        },
      },
      answers: {
        200: {
          description: "`refresh_token` for the two grants that have a user.",
          content: {
            shape: tokenAnswer,
            example: {
              access_token: "example.access.token",
              token_type: "Bearer",
              expires_in: 3600,
              refresh_token: "rt_example",
              scope: "profile devices:control",
            },
          },
        },
      },
      oauthErrors: {
        400: [
          "invalid_request",
          "invalid_grant",
          "invalid_scope",
          "invalid_target",
          "unauthorized_client",
          "unsupported_grant_type",
        ],
        401: ["invalid_client"],
        503: ["temporarily_unavailable"],
      },
    },
  },
  "/revoke": {
    POST: {
      id: "revoke",
      tag: OAUTH,
      summary: "End the link behind a token (RFC 7009)",
      security: "client",
      body: { shape: tokenQuestion, type: FORM, example: { token: "rt_example" } },
      answers: { 200: { description: "Ended, or it was none of this client's." } },
      oauthErrors: { 400: ["invalid_request"], 401: ["invalid_client"], 503: ["temporarily_unavailable"] },
    },
  },
  "/introspect": {
    POST: {
      id: "introspect",
      tag: OAUTH,
      summary: "Whether a token opens anything right now (RFC 7662)",
      description: "For service clients about the tokens of their skills, for Alexa's clients about their own.",
      security: "client",
      body: { shape: tokenQuestion, type: FORM, example: { token: "example.access.token" } },
      answers: {
        200: {
          description: 'Anything that the caller may not know is exactly `{"active":false}`.',
          content: {
            shape: introspectionAnswer,
            example: {
              active: true,
              token_type: "Bearer",
              client_id: "alexa-acme-home",
              sub: "01exampleuseraaaaaaaaaaaaa",
              scope: "profile",
              grant: "01examplegrantaaaaaaaaaaaa",
              exp: 1790000000,
            },
          },
        },
      },
      oauthErrors: { 400: ["invalid_request"], 401: ["invalid_client"], 503: ["temporarily_unavailable"] },
    },
  },
  "/userinfo": { GET: userinfo, POST: { ...userinfo, id: "userinfoByPost", summary: "As GET" } },
  "/alexa/reciprocal": {
    POST: {
      id: "reciprocal",
      tag: "Alexa",
      summary: "Take a code of Amazon's in the name of a linked customer",
      description: "Reciprocal authorization, for skills that have it. Bearer: the access token that Alexa holds.",
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
      answers: { 200: { description: "Kept.", content: json({}) } },
      oauthErrors: {
        400: ["invalid_request", "invalid_grant", "unsupported_grant_type"],
        401: ["invalid_token"],
        500: ["server_error"],
        503: ["temporarily_unavailable"],
      },
    },
  },
  "/.well-known/oauth-authorization-server": {
    GET: {
      id: "metadata",
      tag: OAUTH,
      summary: "Authorization server metadata (RFC 8414)",
      security: "none",
      answers: {
        200: {
          description: "Cacheable for an hour.",
          content: json({ issuer: "https://link.example.com", token_endpoint: "https://link.example.com/token" }),
        },
      },
    },
  },
  "/.well-known/jwks.json": {
    GET: {
      id: "jwks",
      tag: OAUTH,
      summary: "The keys that sign access tokens (RFC 7517)",
      security: "none",
      answers: {
        200: {
          description: "Cacheable for five minutes.",
          content: json({
            keys: [{ kty: "EC", crv: "P-256", alg: "ES256", use: "sig", kid: "example", x: "…", y: "…" }],
          }),
        },
      },
    },
  },
  "/.well-known/apple-app-site-association": {
    GET: {
      id: "appleAssociation",
      tag: SERVICE,
      summary: "Lets the iOS app claim /app/*",
      security: "none",
      answers: { 200: { description: "Made from APPLE_APP_IDS.", content: json({ applinks: { details: [] } }) } },
      problems: ["not_found"],
    },
  },
  "/.well-known/assetlinks.json": {
    GET: {
      id: "androidAssociation",
      tag: SERVICE,
      summary: "Lets the Android app claim /app/*",
      security: "none",
      answers: {
        200: {
          description: "Made from ANDROID_APPS.",
          content: { shape: z.array(z.looseObject({})), example: [] },
        },
      },
      problems: ["not_found"],
    },
  },
  "/healthz": {
    GET: {
      id: "health",
      tag: SERVICE,
      summary: "Whether the database answers",
      security: "none",
      answers: { 200: { description: "It does.", content: { shape: healthAnswer, example: { status: "ok" } } } },
      problems: ["temporarily_unavailable"],
    },
  },
  "/openapi.json": {
    GET: {
      id: "openapi",
      tag: SERVICE,
      summary: "This description",
      security: "none",
      answers: { 200: { description: "OpenAPI 3.1.", content: json({ openapi: "3.1.0" }) } },
    },
  },
};
