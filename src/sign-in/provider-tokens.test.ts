// Bearer tokens of the company's identity provider at our API.
import { env } from "cloudflare:workers";
import { type JWTPayload, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AUDIENCE, BY_CLIENT, makeKey, PROVIDER, standInForTokenProvider } from "../../test/support/provider-tokens.ts";
import { seedSkill } from "../../test/support/seeds.ts";
import { startService } from "../../test/support/service.ts";

let provider: Awaited<ReturnType<typeof standInForTokenProvider>>;

beforeEach(async () => {
  provider = await standInForTokenProvider();
  await seedSkill();
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("a bearer token of the identity provider", () => {
  it("is accepted, creates its user at first use, and finds the same user afterwards", async () => {
    const response = await provider.ask(await provider.token({ email: "Ada@Example.com", email_verified: true }));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ account: "ada@example.com" });
    await provider.ask(await provider.token());
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM users").first("n")).toBe(1);
  });

  it("takes at most one storage round trip and no call to the provider once its user is known", async () => {
    await provider.ask(await provider.token());
    provider.service.meter.clear();
    provider.fetches.length = 0;
    await provider.ask(await provider.token());
    expect(provider.service.meter.calls().length).toBeLessThanOrEqual(1);
    expect(provider.fetches).toEqual([]);
  });

  it.each(["RS256", "PS256", "ES256", "EdDSA"])("is accepted when signed with %s", async (alg) => {
    const pair = await makeKey("two", alg);
    provider.published = [pair.publicJwk];
    expect(await provider.statusOf(provider.token({}, pair))).toBe(200);
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
    expect(await provider.statusOf(provider.token(claims))).toBe(401);
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM users").first("n")).toBe(0);
  });

  it("Hono CVE-2026-22817, CVE-2026-22818: algorithms are pinned, whatever the header or the key set names", async () => {
    const spki = new TextEncoder().encode(JSON.stringify(provider.key.publicJwk));
    const content = { iss: PROVIDER, aud: AUDIENCE, sub: "ada", exp: provider.seconds() + 300 };
    const hmac = await new SignJWT(content).setProtectedHeader({ alg: "HS256", kid: "one" }).sign(spki);
    const none = `${btoa('{"alg":"none"}').replaceAll("=", "")}.${btoa(JSON.stringify(content)).replaceAll("=", "")}.`;
    for (const bearer of [hmac, none]) expect((await provider.ask(bearer)).status).toBe(401);
    const weak = await makeKey("weak", "ES384");
    provider.published = [weak.publicJwk];
    expect(await provider.statusOf(provider.token({}, weak))).toBe(401);
  });

  it("is refused when another key signed it with a known key id", async () => {
    await provider.ask(await provider.token());
    expect(await provider.statusOf(provider.token({}, await makeKey("one")))).toBe(401);
  });

  it("an unknown key id triggers a fetch at once, and then at most once in 30 seconds", async () => {
    await provider.ask(await provider.token());
    expect(await provider.statusOf(provider.token({}, await makeKey("one", "RS256")))).toBe(401);
    const next = await makeKey("next");
    provider.published = [provider.key.publicJwk, next.publicJwk];
    expect(await provider.statusOf(provider.token({}, next))).toBe(200);
    const asked = provider.fetches.length;
    for (let i = 0; i < 5; i++)
      expect(await provider.statusOf(provider.token({}, await makeKey(`made-up-${i}`)))).toBe(401);
    expect(provider.fetches.length).toBe(asked);
    provider.service.clock.advance(31_000);
    expect(await provider.statusOf(provider.token({}, await makeKey("made-up")))).toBe(401);
    expect(provider.fetches.length).toBeGreaterThan(asked);
  });

  it("while the provider is down, known keys keep working and unknown keys are a transient error", async () => {
    await provider.ask(await provider.token());
    provider.down = true;
    provider.service.clock.advance(11 * 60_000);
    expect(await provider.statusOf(provider.token())).toBe(200);
    const response = await provider.ask(await provider.token(), "Bearer", startService(BY_CLIENT));
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).not.toBeNull();
  });

  it("S15: while the keys for an unknown key id are being fetched, it is 503 and not 401", async () => {
    await provider.ask(await provider.token());
    const next = await makeKey("next");
    provider.published = [provider.key.publicJwk, next.publicJwk];
    let open = () => {};
    provider.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const bearer = await provider.token({}, next);
    const first = provider.ask(bearer);
    await vi.waitFor(() => expect(provider.fetches.length).toBe(3));
    const meanwhile = await provider.ask(bearer);
    expect([meanwhile.status, meanwhile.headers.get("retry-after")]).toEqual([503, expect.stringMatching(/^\d+$/)]);
    open();
    expect((await first).status).toBe(200);
    expect((await provider.ask(bearer)).status).toBe(200);
  });

  it("S15: after a fetch that failed, an unknown key id is 503 until the keys can be fetched again", async () => {
    await provider.ask(await provider.token());
    const next = await makeKey("next");
    provider.published = [provider.key.publicJwk, next.publicJwk];
    provider.down = true;
    for (let i = 0; i < 3; i++) expect(await provider.statusOf(provider.token({}, next))).toBe(503);
    expect(await provider.statusOf(provider.token())).toBe(200);
    provider.down = false;
    expect(await provider.statusOf(provider.token({}, next))).toBe(503);
    provider.service.clock.advance(31_000);
    expect(await provider.statusOf(provider.token({}, next))).toBe(200);
  });

  it("S5: an equal email address does not join two accounts", async () => {
    await env.DB.prepare(
      "INSERT INTO users (id, email, created_at, updated_at) VALUES ('victim', 'ada@example.com', 1, 1)",
    ).run();
    await provider.ask(await provider.token({ email: "ada@example.com", email_verified: true }));
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM users WHERE email = 'ada@example.com'").first("n")).toBe(2);
  });
});
