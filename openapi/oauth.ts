// The OAuth endpoints. The standards define them; this only summarises.
import * as z from "zod/mini";
import type { Operation, Resource } from "./describe.ts";
import { EXAMPLE_GRANT_ID, EXAMPLE_USER_ID, FORM } from "./shapes.ts";

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

const tokenToCheck = z.object({
  token: z.string(),
  token_type_hint: z.optional(z.string()),
  client_id: z.optional(z.string()),
  client_secret: z.optional(z.string()),
});

export const tokenResponse = z.strictObject({
  access_token: z.string(),
  token_type: z.literal("Bearer"),
  expires_in: z.int(),
  refresh_token: z.optional(z.string()),
  scope: z.optional(z.string()),
});

export const introspectionResponse = z.looseObject({
  active: z.boolean(),
  token_type: z.optional(z.string()),
  client_id: z.optional(z.string()),
  sub: z.optional(z.string()),
  scope: z.optional(z.string()),
  grant: z.optional(z.string()),
  iss: z.optional(z.string()),
  iat: z.optional(z.int()),
  exp: z.optional(z.int()),
});

export const userinfoResponse = z.strictObject({
  sub: z.string(),
  name: z.optional(z.string()),
  email: z.optional(z.string()),
});

const json = (example: unknown) => ({ shape: z.looseObject({}), example });

const metadata: Operation = {
  id: "metadata",
  summary: "Authorization server metadata (RFC 8414)",
  security: "none",
  responses: {
    200: {
      description:
        "`scopes_supported` lists `links` and the scopes of all skills, sorted; a change shows after at most a minute. May be cached for 30 seconds.",
      content: json({ issuer: "https://link.example.com", token_endpoint: "https://link.example.com/token" }),
    },
  },
};

const userinfo: Operation = {
  id: "userinfo",
  summary: "The user of an access token",
  security: "user",
  responses: {
    200: {
      description:
        "The claims. `name` only with scope `profile`, `email` only with scope `email`, and both only if they are known.",
      content: {
        shape: userinfoResponse,
        example: { sub: EXAMPLE_USER_ID, name: "Ada Example", email: "ada@example.com" },
      },
    },
  },
  oauthErrors: { 401: ["invalid_token"], 503: ["temporarily_unavailable"] },
};

export const oauth: Resource = {
  tag: "OAuth",
  description:
    "The endpoints of the authorization server, in short. Web pages of any origin may call `/token`, `/revoke` and `/userinfo` (CORS, without cookies).",
  paths: {
    "/authorize": {
      GET: {
        id: "authorize",
        summary: "Authorization endpoint (RFC 6749 §4.1.1)",
        description:
          "Alexa and your app send the customer here. Returns a page: sign-in or consent. An unknown client or redirect URI gets an error page (400). All other errors are sent to the redirect URI. For an add-on, `resource` (RFC 8707) is the registered one or absent. Other clients send none.",
        security: "none",
        query: z.object({
          client_id: z.string(),
          redirect_uri: z.string(),
          response_type: z.literal("code"),
          state: z.optional(z.string()),
          scope: z.optional(z.string()),
          resource: z.optional(z.string()),
          code_challenge: z.optional(z.string()),
          code_challenge_method: z.optional(z.literal("S256")),
        }),
        responses: {
          200: { description: "A page." },
          303: { description: "Redirects to the redirect URI with `error` and `state`." },
          400: { description: "An error page." },
        },
        oauthErrors: {},
      },
    },
    "/token": {
      POST: {
        id: "token",
        summary: "Token endpoint: exchange a code, refresh, or get a token for the client itself",
        description:
          "RFC 6749 §4.1.3, §6, §4.4, with PKCE (RFC 7636). The client authenticates with HTTP Basic or with credentials in the body. Responds within four seconds. `resource` (RFC 8707) may be absent. For an add-on it is the registered one, for a service client one of its `resources`; other clients send none.",
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
        responses: {
          200: {
            description: "`refresh_token` only for the two grant types that have a user.",
            content: {
              shape: tokenResponse,
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
        summary: "Revoke the grant of a token (RFC 7009)",
        security: "client",
        body: { shape: tokenToCheck, type: FORM, example: { token: "rt_example" } },
        responses: { 200: { description: "Revoked, or the token was not issued to this client." } },
        oauthErrors: { 400: ["invalid_request"], 401: ["invalid_client"], 503: ["temporarily_unavailable"] },
      },
    },
    "/introspect": {
      POST: {
        id: "introspect",
        summary: "Whether a token is active (RFC 7662)",
        description:
          "Service clients may ask about the tokens of their skills, Alexa's clients about their own tokens. A token whose audience is a previous `resource` of its add-on is not active.",
        security: "client",
        body: { shape: tokenToCheck, type: FORM, example: { token: "example.access.token" } },
        responses: {
          200: {
            description:
              'For a token that is not active, or that the caller may not ask about: exactly `{"active":false}`.',
            content: {
              shape: introspectionResponse,
              example: {
                active: true,
                token_type: "Bearer",
                client_id: "alexa-acme-home",
                sub: EXAMPLE_USER_ID,
                scope: "profile",
                grant: EXAMPLE_GRANT_ID,
                exp: 1790000000,
              },
            },
          },
        },
        oauthErrors: { 400: ["invalid_request"], 401: ["invalid_client"], 503: ["temporarily_unavailable"] },
      },
    },
    "/userinfo": { GET: userinfo, POST: { ...userinfo, id: "userinfoByPost", summary: "Same as GET" } },
    "/.well-known/oauth-authorization-server": { GET: metadata },
    "/.well-known/openid-configuration": {
      GET: { ...metadata, id: "metadataAlias", summary: "The same, for gateways that read nothing else" },
    },
    "/.well-known/jwks.json": {
      GET: {
        id: "jwks",
        summary: "The public keys of access tokens (RFC 7517)",
        security: "none",
        responses: {
          200: {
            description: "May be cached for five minutes.",
            content: json({
              keys: [{ kty: "EC", crv: "P-256", alg: "ES256", use: "sig", kid: "example", x: "…", y: "…" }],
            }),
          },
        },
      },
    },
  },
};
