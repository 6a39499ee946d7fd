// Identity providers that respond as a test needs: the company's by OpenID Connect, and Amazon.
import { env } from "cloudflare:workers";
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";
import { expect, vi } from "vitest";
import { EMAIL } from "./users.ts";
import type { Page, Visitor } from "./visitor.ts";

export const PROVIDER = "https://id.example.com";
export const OIDC = {
  BRAND_NAME: "Acme",
  SIGN_IN_METHODS: "oidc",
  OIDC_ISSUER: PROVIDER,
  OIDC_CLIENT_ID: "alexa link",
  OIDC_CLIENT_SECRET: "obviously-fake+secret",
};
export const AMAZON = {
  BRAND_NAME: "Acme",
  SIGN_IN_METHODS: "amazon",
  AMAZON_SIGN_IN_CLIENT_ID: "amzn1.application-oa2-client.example",
  AMAZON_SIGN_IN_CLIENT_SECRET: "obviously-fake-secret",
};
export const DISCOVERY = "id.example.com/.well-known/openid-configuration";

export interface SigningPair {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

export async function makeKey(kid: string): Promise<SigningPair> {
  const pair = await generateKeyPair("ES256", { extractable: true });
  const publicJwk = { ...(await exportJWK(pair.publicKey)), kid, alg: "ES256", use: "sig" };
  return { kid, privateKey: pair.privateKey, publicJwk };
}

export function metadata(): Record<string, unknown> {
  return {
    issuer: PROVIDER,
    authorization_endpoint: `${PROVIDER}/authorize?tenant=acme`,
    token_endpoint: `${PROVIDER}/token`,
    jwks_uri: `${PROVIDER}/keys`,
  };
}

/** Endpoints by host and path; a test replaces those that should fail. */
export type Endpoints = Record<string, (request: Request) => Response | Promise<Response>>;

export interface Providers {
  readonly endpoints: Endpoints;
  readonly asked: { path: string; request: Request; body: URLSearchParams }[];
  /** The key that the company's provider publishes and signs with. */
  key: SigningPair;
  /** An ID token for the nonce, valid except for what `claims` changes. */
  idToken(nonce: string, claims?: JWTPayload, pair?: SigningPair): Promise<string>;
  /** Makes the token endpoint of the company's provider return this id token. */
  returnIdToken(token: string, extra?: Record<string, unknown>): void;
}

/** Replaces `fetch` by both providers until `vi.restoreAllMocks()`. `seconds` is their clock. */
export async function standInForProviders(seconds: () => number): Promise<Providers> {
  const providers: Providers = {
    key: await makeKey("one"),
    asked: [],
    endpoints: {
      [DISCOVERY]: () => Response.json(metadata()),
      "id.example.com/keys": () => Response.json({ keys: [providers.key.publicJwk] }),
      "api.amazon.com/auth/o2/token": () =>
        Response.json({
          access_token: "Atza|fake",
          refresh_token: "Atzr|fake",
          token_type: "bearer",
          expires_in: 3600,
        }),
      "api.amazon.com/user/profile": () =>
        Response.json({ user_id: "amzn1.account.ADA", email: EMAIL, name: "Ada Lovelace" }),
    },
    idToken(nonce, claims = {}, pair = providers.key) {
      const right = {
        iss: PROVIDER,
        aud: OIDC.OIDC_CLIENT_ID,
        sub: "ada",
        iat: seconds(),
        exp: seconds() + 300,
        nonce,
      };
      const header = { alg: "ES256", kid: pair.kid };
      return new SignJWT({ ...right, ...claims }).setProtectedHeader(header).sign(pair.privateKey);
    },
    returnIdToken(token, extra = {}) {
      providers.endpoints["id.example.com/token"] = () =>
        Response.json({ id_token: token, access_token: "at_example", token_type: "Bearer", ...extra });
    },
  };
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input as Request, init);
    const { host, pathname } = new URL(request.url);
    const path = `${host}${pathname}`;
    const body = new URLSearchParams(new TextDecoder().decode(await request.clone().arrayBuffer()));
    providers.asked.push({ path, request, body });
    const respond = providers.endpoints[path];
    if (!respond) throw new TypeError(`unexpected request: ${path}`);
    return respond(request);
  });
  return providers;
}

/** Opens the sign-in page and continues to the provider. Returns the address that the browser was sent to. */
export async function leave(visitor: Visitor, method = "oidc", from = "/sign-in?continue_to=/account"): Promise<URL> {
  const page = await visitor.get(from);
  const away = await visitor.post("/sign-in", { method, ...page.hidden("/sign-in") });
  expect(away.status).toBe(303);
  return new URL(away.headers.get("location") ?? "");
}

/** Returns from the provider with a code and the given state. */
export async function comeBack(
  visitor: Visitor,
  away: URL,
  change: Record<string, string> = {},
  method = "oidc",
): Promise<Page> {
  const query = new URLSearchParams({ code: "the-code", state: away.searchParams.get("state") ?? "", ...change });
  return visitor.get(`/sign-in/${method}/callback?${query}`);
}

/** A complete sign-in at the company's provider, with these claims. */
export async function signInThere(
  providers: Providers,
  visitor: Visitor,
  claims: JWTPayload = {},
  pair = providers.key,
): Promise<Page> {
  const away = await leave(visitor);
  providers.returnIdToken(await providers.idToken(away.searchParams.get("nonce") ?? "", claims, pair));
  return comeBack(visitor, away);
}

export async function count(table: string): Promise<number> {
  const row = await env.DB.prepare(`SELECT COUNT(*) AS n FROM ${table}`).first<{ n: number }>();
  return row?.n ?? -1;
}
