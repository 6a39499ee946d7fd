// A company's identity provider whose access tokens open our API: its keys, its responses, and what it signs.
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";
import { vi } from "vitest";
import { ALEXA_CLIENT, ALEXA_REDIRECT_URIS } from "./seeds.ts";
import { type Service, startService } from "./service.ts";

export const PROVIDER = "https://id.example.com";
export const AUDIENCE = "https://api.example.com";
export const APP = "acme-app";
export const BY_CLIENT = {
  OIDC_ISSUER: PROVIDER,
  OIDC_AUDIENCE: AUDIENCE,
  OIDC_CLIENT_ID: "web",
  OIDC_CLIENTS: `${APP},acme-tv`,
};
export const BY_SCOPE = { OIDC_ISSUER: PROVIDER, OIDC_AUDIENCE: AUDIENCE, OIDC_REQUIRED_SCOPE: "links" };

export interface SigningPair {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

export async function makeKey(kid: string, alg = "ES256"): Promise<SigningPair> {
  const pair = await generateKeyPair(alg, { extractable: true });
  return {
    kid,
    alg,
    privateKey: pair.privateKey,
    publicJwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: "sig" },
  };
}

/** A service that accepts tokens of the provider, and the provider in place of `fetch`. */
export async function standInForTokenProvider() {
  const key = await makeKey("one");
  const provider = {
    key,
    service: startService(BY_CLIENT),
    published: [key.publicJwk],
    fetches: [] as string[],
    down: false,
    /** Responses of the provider wait for it. */
    gate: Promise.resolve(),
    seconds: (): number => Math.floor(provider.service.clock.now / 1000),
    /** An access token; its claims may have any type. */
    token(claims: Record<string, unknown> = {}, pair = key, header: Record<string, unknown> = {}): Promise<string> {
      const now = provider.seconds();
      const content: JWTPayload = {
        iss: PROVIDER,
        aud: AUDIENCE,
        sub: "ada",
        azp: APP,
        exp: now + 300,
        iat: now,
        ...claims,
      };
      return new SignJWT(content).setProtectedHeader({ alg: pair.alg, kid: pair.kid, ...header }).sign(pair.privateKey);
    },
    /** A call of our API with a bearer token. */
    ask: (bearer: string, scheme = "Bearer", service?: Service): Promise<Response> =>
      ask(service ?? provider.service, bearer, scheme),
    statusOf: async (bearer: Promise<string>): Promise<number> => (await provider.ask(await bearer)).status,
  };
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    const { url } = new Request(input as Request);
    provider.fetches.push(url);
    await provider.gate;
    if (provider.down) return new Response("<h1>down</h1>", { status: 503 });
    if (url === `${PROVIDER}/.well-known/openid-configuration`) {
      return Response.json({ issuer: PROVIDER, jwks_uri: `${PROVIDER}/keys` });
    }
    return url === `${PROVIDER}/keys`
      ? Response.json({ keys: provider.published })
      : new Response(null, { status: 404 });
  });
  return provider;
}

function ask(service: Service, bearer: string, scheme: string): Promise<Response> {
  const query = `client_id=${ALEXA_CLIENT}&response_type=code&state=s&redirect_uri=${encodeURIComponent(ALEXA_REDIRECT_URIS[0] ?? "")}`;
  return service.request("/api/authorizations", {
    method: "POST",
    headers: { authorization: `${scheme} ${bearer}`, "content-type": "application/json" },
    body: JSON.stringify({ query }),
  });
}
