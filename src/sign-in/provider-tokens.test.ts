// Bearer tokens of the company's identity provider at our API.
import { env } from "cloudflare:workers";
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ALEXA_CLIENT, ALEXA_REDIRECT_URIS, seedSkill } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";

const PROVIDER = "https://id.example.com";
const AUDIENCE = "https://api.example.com";

interface SigningPair {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

async function makeKey(kid: string, alg = "ES256"): Promise<SigningPair> {
  const pair = await generateKeyPair(alg, { extractable: true });
  return {
    kid,
    alg,
    privateKey: pair.privateKey,
    publicJwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: "sig" },
  };
}

let published: JWK[];
let fetches: string[];
let down: boolean;
let service: Service;
let key: SigningPair;

beforeEach(async () => {
  key = await makeKey("one");
  published = [key.publicJwk];
  fetches = [];
  down = false;
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    const { url } = new Request(input as Request);
    fetches.push(url);
    if (down) return new Response("<h1>down</h1>", { status: 503 });
    if (url === `${PROVIDER}/.well-known/openid-configuration`) {
      return Response.json({ issuer: PROVIDER, jwks_uri: `${PROVIDER}/keys` });
    }
    return url === `${PROVIDER}/keys` ? Response.json({ keys: published }) : new Response(null, { status: 404 });
  });
  service = startService({ OIDC_ISSUER: PROVIDER, OIDC_AUDIENCE: AUDIENCE, OIDC_CLIENT_ID: "web" });
  await seedSkill();
});
afterEach(() => {
  vi.restoreAllMocks();
});

function seconds(): number {
  return Math.floor(service.clock.now / 1000);
}

async function token(claims: JWTPayload = {}, pair = key, header: Record<string, unknown> = {}): Promise<string> {
  const content = { iss: PROVIDER, aud: AUDIENCE, sub: "ada", exp: seconds() + 300, iat: seconds(), ...claims };
  return new SignJWT(content).setProtectedHeader({ alg: pair.alg, kid: pair.kid, ...header }).sign(pair.privateKey);
}

function ask(bearer: string): Promise<Response> {
  const query = `client_id=${ALEXA_CLIENT}&response_type=code&state=s&redirect_uri=${encodeURIComponent(ALEXA_REDIRECT_URIS[0] ?? "")}`;
  return service.request("/api/authorizations", {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    body: JSON.stringify({ query }),
  });
}

async function statusOf(bearer: Promise<string>): Promise<number> {
  return (await ask(await bearer)).status;
}

describe("a bearer token of the identity provider", () => {
  it("is accepted, creates its user at first use, and finds the same user afterwards", async () => {
    const response = await ask(await token({ email: "Ada@Example.com", email_verified: true }));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ account: "ada@example.com" });
    await ask(await token());
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM users").first("n")).toBe(1);
  });

  it("takes at most one storage round trip and no call to the provider once its user is known", async () => {
    await ask(await token());
    service.meter.clear();
    fetches.length = 0;
    await ask(await token());
    expect(service.meter.calls().length).toBeLessThanOrEqual(1);
    expect(fetches).toEqual([]);
  });

  it.each(["RS256", "PS256", "ES256", "EdDSA"])("is accepted when signed with %s", async (alg) => {
    const pair = await makeKey("two", alg);
    published = [pair.publicJwk];
    expect(await statusOf(token({}, pair))).toBe(200);
  });

  it.each<[string, JWTPayload]>([
    ["another audience", { aud: "https://other.example.com" }],
    ["the audience of id tokens", { aud: "web" }],
    ["no audience", { aud: undefined as unknown as string }],
    ["another issuer", { iss: "https://evil.test" }],
    ["an issuer with an extra slash", { iss: `${PROVIDER}/` }],
    ["an expired time", { exp: 1 }],
    ["no expiry", { exp: undefined as unknown as number }],
    ["a start in the future", { nbf: 4_000_000_000 }],
    ["no subject", { sub: undefined as unknown as string }],
    ["an empty subject", { sub: "" }],
    ["a nonce, as id tokens have", { nonce: "n" }],
    ["an at_hash, as id tokens have", { at_hash: "h" }],
  ])("is refused with %s", async (_, claims) => {
    expect(await statusOf(token(claims))).toBe(401);
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM users").first("n")).toBe(0);
  });

  it("Hono CVE-2026-22817, CVE-2026-22818: algorithms are pinned, whatever the header or the key set names", async () => {
    const spki = new TextEncoder().encode(JSON.stringify(key.publicJwk));
    const content = { iss: PROVIDER, aud: AUDIENCE, sub: "ada", exp: seconds() + 300 };
    const hmac = await new SignJWT(content).setProtectedHeader({ alg: "HS256", kid: "one" }).sign(spki);
    const none = `${btoa('{"alg":"none"}').replaceAll("=", "")}.${btoa(JSON.stringify(content)).replaceAll("=", "")}.`;
    for (const bearer of [hmac, none]) expect((await ask(bearer)).status).toBe(401);
    const weak = await makeKey("weak", "ES384");
    published = [weak.publicJwk];
    expect(await statusOf(token({}, weak))).toBe(401);
  });

  it("is refused when another key signed it with a known key id", async () => {
    await ask(await token());
    expect(await statusOf(token({}, await makeKey("one")))).toBe(401);
  });

  it("an unknown key id triggers a fetch at once, and then at most once in 30 seconds", async () => {
    await ask(await token());
    expect(await statusOf(token({}, await makeKey("one", "RS256")))).toBe(401);
    const next = await makeKey("next");
    published = [key.publicJwk, next.publicJwk];
    expect(await statusOf(token({}, next))).toBe(200);
    const asked = fetches.length;
    for (let i = 0; i < 5; i++) expect(await statusOf(token({}, await makeKey(`made-up-${i}`)))).toBe(401);
    expect(fetches.length).toBe(asked);
    service.clock.advance(31_000);
    expect(await statusOf(token({}, await makeKey("made-up")))).toBe(401);
    expect(fetches.length).toBeGreaterThan(asked);
  });

  it("while the provider is down, known keys keep working and unknown keys are a transient error", async () => {
    await ask(await token());
    down = true;
    service.clock.advance(11 * 60_000);
    expect(await statusOf(token())).toBe(200);
    const fresh = startService({ OIDC_ISSUER: PROVIDER, OIDC_AUDIENCE: AUDIENCE });
    const response = await fresh.request("/api/authorizations", {
      method: "POST",
      headers: { authorization: `Bearer ${await token()}` },
      body: "{}",
    });
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).not.toBeNull();
  });

  it("S5: an equal email address does not join two accounts", async () => {
    await env.DB.prepare(
      "INSERT INTO users (id, email, created_at, updated_at) VALUES ('victim', 'ada@example.com', 1, 1)",
    ).run();
    await ask(await token({ email: "ada@example.com", email_verified: true }));
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM users WHERE email = 'ada@example.com'").first("n")).toBe(2);
  });
});
