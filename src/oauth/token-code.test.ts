// Redeeming authorization codes over HTTP: what a code is bound to, and linking again.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  basic,
  challengeOf,
  exchange,
  form,
  json,
  refresh,
  seedCode,
  seedEveryone,
  seedSkill,
  seedUser,
  type TokenResponse,
} from "../../test/support/seeds.ts";
import { START, startService } from "../../test/support/service.ts";
import {
  BOTH_SOURCES,
  countOf,
  exchangeOfApp,
  expectInvalidGrant,
  introspection,
  isAlive,
  linkAlexa,
  MINUTE,
  OTHER_VERIFIER,
  SECOND,
  seedAppCode,
  seedCodeInKv,
  seedFrom,
  VERIFIER,
} from "../../test/support/tokens.ts";
import { revokeGrant } from "../storage/grants/grants.ts";

beforeEach(seedEveryone);

describe("what a code is bound to", () => {
  const others: Record<string, Record<string, string>> = {
    "another redirect URI": { redirect_uri: ALEXA_REDIRECT_URIS[1] ?? "" },
    "the redirect URI with a trailing slash": { redirect_uri: `${ALEXA_REDIRECT_URIS[0]}/` },
    "the redirect URI in capitals": { redirect_uri: (ALEXA_REDIRECT_URIS[0] ?? "").toUpperCase() },
    "a redirect URI that only starts the same": { redirect_uri: `${ALEXA_REDIRECT_URIS[0]}.evil.test` },
    "another verifier": { code_verifier: OTHER_VERIFIER },
  };

  for (const source of BOTH_SOURCES) {
    for (const [name, fields] of Object.entries(others)) {
      it(`C6: ${name} is refused and does not spend the code (from ${source})`, async () => {
        const service = startService();
        const code = await seedFrom(source, service)({ codeChallenge: await challengeOf(VERIFIER) });
        const right = exchange(code, { code_verifier: VERIFIER });
        await expectInvalidGrant(
          await service.request("/token", exchange(code, { code_verifier: VERIFIER, ...fields })),
        );
        expect((await service.request("/token", right)).status).toBe(200);
      });
    }

    it(`C6: a client cannot redeem or revoke with the code of another, and the code stays valid (from ${source})`, async () => {
      const service = startService();
      await seedSkill({
        id: "other-alexa",
        skillId: "amzn1.ask.skill.other",
        secret: "fake-secret-of-the-other-client",
      });
      const code = await seedFrom(source, service)();
      const stranger = form(
        { grant_type: "authorization_code", code, redirect_uri: ALEXA_REDIRECT_URIS[0] },
        { authorization: basic("other-alexa", "fake-secret-of-the-other-client") },
      );
      await expectInvalidGrant(await service.request("/token", stranger));
      expect((await service.request("/token", exchange(code))).status).toBe(200);
      // After the code was spent, another client cannot revoke the grant with it either.
      service.clock.advance(MINUTE);
      await expectInvalidGrant(await service.request("/token", stranger));
      expect(await countOf("grants", "revoked_at IS NOT NULL")).toBe(0);
    });

    it(`C3, V4: a code is valid for 299 s and not for 301 s by the injected clock (from ${source})`, async () => {
      const service = startService();
      const [early, late] = [await seedFrom(source, service)(), await seedFrom(source, service)()];
      service.clock.advance(299 * SECOND);
      expect((await service.request("/token", exchange(early))).status).toBe(200);
      service.clock.advance(2 * SECOND);
      await expectInvalidGrant(await service.request("/token", exchange(late)));
    });
  }

  it("C6: two users who link at the same time each get tokens of their own", async () => {
    const service = startService();
    const users = [
      await seedUser("0userbbbbbbbbbbbbbbbbbbbbb", "bea@example.com"),
      await seedUser("0usercccccccccccccccccccc0", "cy@example.com"),
    ];
    const links = await Promise.all(
      users.map(async (userId) => json(await service.request("/token", exchange(await seedCode({ userId }))))),
    );
    for (const [i, tokens] of links.entries()) {
      expect((await introspection(service, tokens.access_token)).sub).toBe(users[i]);
      expect((await introspection(service, tokens.refresh_token)).sub).toBe(users[i]);
    }
  });

  it("R5: a code for the enablement call works only with its own redirect URI, and a verifier is ignored", async () => {
    const service = startService();
    const redirectUri = "https://link.example.com/app/callback";
    const code = await seedCode({ origin: "enablement", redirectUri });
    await expectInvalidGrant(await service.request("/token", exchange(code)));
    const right = exchange(code, { redirect_uri: redirectUri, code_verifier: OTHER_VERIFIER });
    expect((await service.request("/token", right)).status).toBe(200);
  });

  it("U3: a voided code is refused although KV still has it", async () => {
    const service = startService();
    const code = await seedCodeInKv(service);
    await env.DB.prepare("UPDATE codes SET voided_at = ?").bind(START).run();
    await expectInvalidGrant(await service.request("/token", exchange(code)));
    expect(await countOf("grants")).toBe(0);
  });

  it("C3: a code is refused once its user or client is deleted, although KV and caches still have them", async () => {
    const service = startService();
    await linkAlexa(service);
    const [ofUser, ofClient] = [await seedCodeInKv(service), await seedCodeInKv(service)];
    await env.DB.prepare("DELETE FROM users").run();
    await expectInvalidGrant(await service.request("/token", exchange(ofUser)));
    await seedUser();
    await env.DB.prepare("DELETE FROM clients WHERE id = ?").bind(ALEXA_CLIENT).run();
    await expectInvalidGrant(await service.request("/token", exchange(ofClient)));
    expect(await countOf("grants")).toBe(0);
  });
});

describe("PKCE", () => {
  const cases = [
    ["with a challenge, the right verifier links", true, VERIFIER, {}, 200],
    ["CVE-2025-4144: with a challenge, leaving out the verifier is refused", true, undefined, {}, 400],
    ["with a challenge, an empty verifier is refused", true, "", {}, 400],
    ["with a challenge, another verifier is refused", true, OTHER_VERIFIER, {}, 400],
    ["PKCE downgrade: the challenge itself as verifier (method plain) is refused", true, "challenge", {}, 400],
    [
      "PKCE downgrade: the challenge as verifier with code_challenge_method=plain is refused",
      true,
      "challenge",
      { code_challenge_method: "plain" },
      400,
    ],
    [
      "the right verifier links, and challenge parameters of a token request are ignored",
      true,
      VERIFIER,
      { code_challenge: "x", code_challenge_method: "S256" },
      200,
    ],
    ["with a challenge, a verifier of 42 characters is refused", true, "short", {}, 400],
    ["with a challenge, a verifier of 129 characters is refused", true, "long", {}, 400],
    ["without a challenge, a request without a verifier links", false, undefined, {}, 200],
    ["RFC 9700 2.1.1: without a challenge, a verifier is refused", false, VERIFIER, {}, 400],
  ] as const;

  for (const source of BOTH_SOURCES) {
    for (const [name, challenged, verifier, extra, status] of cases) {
      it(`S6: ${name} (from ${source})`, async () => {
        const service = startService();
        const special = { short: "s".repeat(42), long: "l".repeat(129), challenge: "" };
        const secret = verifier === "short" || verifier === "long" ? special[verifier] : VERIFIER;
        const codeChallenge = challenged ? await challengeOf(secret) : null;
        const code = await seedFrom(source, service)({ codeChallenge });
        const sent = verifier === "challenge" ? (codeChallenge ?? "") : secret !== VERIFIER ? secret : verifier;
        const response = await service.request("/token", exchange(code, { code_verifier: sent, ...extra }));
        expect(response.status).toBe(status);
        expect((await json(response)).error).toBe(status === 200 ? undefined : "invalid_grant");
        expect(await countOf("grants")).toBe(status === 200 ? 1 : 0);
      });
    }
  }

  // workers-oauth-provider and others let a public client redeem a code that was issued without a challenge.
  it("S6: a public client's code without a challenge is refused", async () => {
    const service = startService();
    const code = await seedAppCode({ codeChallenge: null });
    await expectInvalidGrant(await service.request("/token", exchangeOfApp(code, { code_verifier: undefined })));
    await expectInvalidGrant(await service.request("/token", exchangeOfApp(code)));
  });
});

describe("linking again", () => {
  it("U4: ten links in a row, without unlinking, all work", async () => {
    const service = startService();
    const links: TokenResponse[] = [];
    for (let i = 0; i < 10; i++) links.push(await linkAlexa(service));
    for (const tokens of links) expect(await isAlive(service, tokens)).toBe(true);
  });

  it("U5: a second Amazon account does not replace the first, and unlinking one leaves the other", async () => {
    const service = startService();
    const [mine, partners] = [await linkAlexa(service), await linkAlexa(service)];
    for (let i = 0; i < 20; i++) {
      service.clock.advance(MINUTE);
      for (const { refresh_token } of [mine, partners]) {
        expect((await service.request("/token", refresh(refresh_token))).status).toBe(200);
      }
    }
    await revokeGrant(env.DB, mine.refresh_token.slice(3, 29), "unlinked", service.clock.now);
    expect(await isAlive(service, mine)).toBe(false);
    expect(await isAlive(service, partners)).toBe(true);
  });

  it("C8: a code with only seconds left is redeemed, and CODE_TTL_SECONDS is at least 60", async () => {
    const service = startService();
    const code = await seedCodeInKv(service, { expiresAt: START + 10 * SECOND });
    service.clock.advance(9 * SECOND);
    expect((await service.request("/token", exchange(code))).status).toBe(200);
    expect(() => startService({ CODE_TTL_SECONDS: "59" })).toThrow(/CODE_TTL_SECONDS/);
  });

  it("O4: a refused exchange records its reason with the attempt, which a later exchange still links", async () => {
    const service = startService();
    const code = await seedCode();
    await service.request("/token", exchange(code, { redirect_uri: "https://app.example.com/elsewhere" }));
    const attempt = () => env.DB.prepare("SELECT outcome, reason FROM attempts").first();
    expect(await attempt()).toEqual({ outcome: "pending", reason: "redirect_uri_mismatch" });
    await service.request("/token", exchange(code));
    expect(await attempt()).toMatchObject({ outcome: "linked" });
  });
});
