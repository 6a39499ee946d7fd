// Changing and deleting skills, rotating their secret, and what to enter at Amazon.
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { admin, clientOf, redirectUrisOf, SKILL_BODY, SKILL_PATH } from "../../test/support/admin.ts";
import { ISSUER, startService } from "../../test/support/service.ts";

describe("changing a skill", () => {
  it("changes the given fields and no others", async () => {
    const service = startService();
    const made = await admin(service, "POST", "skills", SKILL_BODY);
    const { secret: _, ...client } = clientOf(made);
    service.clock.advance(1000);
    const renamed = await admin(service, "PATCH", SKILL_PATH, { name: "Acme Lights" });
    expect(renamed.status).toBe(200);
    expect(renamed.body).toEqual({ ...made.body, client, name: "Acme Lights", updatedAt: renamed.body.updatedAt });
    expect(renamed.body.updatedAt).not.toBe(made.body.updatedAt);
    const nothing = await admin(service, "PATCH", SKILL_PATH, {});
    expect(nothing.body).toEqual(renamed.body);
  });

  it("R1: a new vendor id replaces the redirect URIs of the old one and keeps the extra ones", async () => {
    const service = startService();
    const extra = "https://skills-store.amazon.com/api/skill/link/M2EXAMPLEVENDOR";
    await admin(service, "POST", "skills", { ...SKILL_BODY, extraRedirectUris: [extra] });
    const moved = await admin(service, "PATCH", SKILL_PATH, { vendorId: "M9OTHER" });
    expect(clientOf(moved).redirectUris).toEqual([...redirectUrisOf("M9OTHER"), extra]);
    const byHand = await admin(service, "PATCH", SKILL_PATH, { vendorId: null });
    expect([byHand.status, byHand.body.code]).toEqual([422, "redirect_uris_incomplete"]);
    const two = redirectUrisOf("M9OTHER").slice(1);
    const forced = await admin(service, "PATCH", SKILL_PATH, { vendorId: null, redirectUris: two, force: true });
    expect(clientOf(forced).redirectUris).toEqual([...two, extra]);
    const later = await admin(service, "PATCH", SKILL_PATH, { name: "Acme", extraRedirectUris: [] });
    expect(clientOf(later).redirectUris).toEqual(two);
  });

  it("Amazon's credentials stay when left out, change when given, and are removed by null", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    const sealed = async () =>
      (await env.DB.prepare("SELECT lwa_client_secret AS s FROM skills").first<{ s: string | null }>())?.s;
    const before = await sealed();
    await admin(service, "PATCH", SKILL_PATH, { name: "Acme" });
    expect(await sealed()).toBe(before);
    const other = await admin(service, "PATCH", SKILL_PATH, {
      lwa: { clientId: "other", clientSecret: "other-secret" },
    });
    expect(other.body.lwa).toEqual({ clientId: "other" });
    expect(await sealed()).not.toBe(before);
    const gone = await admin(service, "PATCH", SKILL_PATH, { lwa: null });
    expect(gone.body.lwa).toBeNull();
    expect(await sealed()).toBeNull();
    expect(gone.body.eventGateway).toEqual({ clientId: SKILL_BODY.eventGateway.clientId });
  });

  it("the id, the client's id and secret, an unknown stage and a flash briefing are refused", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    for (const body of [
      { id: "x" },
      { stage: "beta" },
      { client: { id: "x" } },
      { client: { secret: "a-new-secret" } },
    ]) {
      expect((await admin(service, "PATCH", SKILL_PATH, body)).status).toBe(400);
    }
    const flash = await admin(service, "PATCH", SKILL_PATH, { type: "flash_briefing" });
    expect([flash.status, flash.body.code]).toEqual([422, "account_linking_not_supported"]);
  });

  it("unknown and malformed ids are 404", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    for (const path of [
      "skills/amzn1.ask.skill.none",
      "skills/AMZN1.ask.skill.0000-admin",
      "skills/%E0%A4%A",
      "skills/amzn1.ask.skill.0000-admin'--",
    ]) {
      for (const method of ["GET", "PATCH", "DELETE"]) {
        const response = await admin(service, method, path, method === "PATCH" ? {} : undefined);
        expect([method, path, response.status, response.body.code]).toEqual([method, path, 404, "skill_not_found"]);
      }
    }
  });

  it("deleting a skill deletes its client and grants, and a second time is 404", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    await env.DB.batch([
      env.DB.prepare("INSERT INTO users (id, created_at, updated_at) VALUES ('u', 0, 0)"),
      env.DB.prepare(
        "INSERT INTO grants (id, user_id, client_id, scope, flow, created_at, last_used_at, idle_expires_at) VALUES ('g', 'u', 'alexa-acme-home', 'profile', 'alexa_app', 0, 0, 9)",
      ),
    ]);
    const gone = await admin(service, "DELETE", SKILL_PATH);
    expect([gone.status, gone.body]).toEqual([204, {}]);
    expect(
      await env.DB.prepare("SELECT (SELECT COUNT(*) FROM grants) + (SELECT COUNT(*) FROM clients) AS n").first(),
    ).toEqual({ n: 0 });
    expect((await admin(service, "DELETE", SKILL_PATH)).status).toBe(404);
  });

  it("every change is in the audit, without secrets", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    await admin(service, "PATCH", SKILL_PATH, { lwa: { clientId: "other", clientSecret: "other-secret" } });
    await admin(service, "POST", `${SKILL_PATH}/rotate-secret`);
    await admin(service, "DELETE", SKILL_PATH);
    const { results } = await env.DB.prepare("SELECT kind, details FROM audit ORDER BY id").all<{ kind: string }>();
    expect(results.map((row) => row.kind)).toEqual([
      "skill_created",
      "skill_changed",
      "client_secret_rotated",
      "skill_deleted",
    ]);
    expect(JSON.stringify(results)).not.toContain("other-secret");
  });
});

describe("rotating the secret", () => {
  it("A4: shows the new secret once, and until when the old one works", async () => {
    const service = startService();
    const made = await admin(service, "POST", "skills", SKILL_BODY);
    const rotated = await admin(service, "POST", `${SKILL_PATH}/rotate-secret`);
    expect(rotated.status).toBe(200);
    expect(clientOf(rotated).secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(clientOf(rotated).secret).not.toBe(clientOf(made).secret);
    expect(rotated.body.previousSecretExpiresAt).toBe(new Date(service.clock.now + 7 * 86_400_000).toISOString());
    const shown = await admin(service, "GET", SKILL_PATH);
    expect(clientOf(shown).secret).toBeUndefined();
  });

  it("A4: the token endpoint accepts both secrets during the overlap, and only the new one afterwards", async () => {
    const service = startService();
    const old = clientOf(await admin(service, "POST", "skills", SKILL_BODY)).secret!;
    const attempt = async (secret: string) => {
      const response = await service.request("/token", {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({
          grant_type: "refresh_token",
          refresh_token: "rt_nothing_here",
          client_id: "alexa-acme-home",
          client_secret: secret,
        }),
      });
      return ((await response.json()) as { error: string }).error;
    };
    expect(await attempt(old)).toBe("invalid_grant");
    const rotated = await admin(service, "POST", `${SKILL_PATH}/rotate-secret`, { overlapSeconds: 60 });
    const fresh = clientOf(rotated).secret!;
    expect([await attempt(old), await attempt(fresh)]).toEqual(["invalid_grant", "invalid_grant"]);
    service.clock.advance(61_000);
    expect([await attempt(old), await attempt(fresh)]).toEqual(["invalid_client", "invalid_grant"]);
  });

  it("a malformed overlap is 400, and an unknown skill 404", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    for (const overlapSeconds of [-1, 1.5, "60", 1e12, null]) {
      expect((await admin(service, "POST", `${SKILL_PATH}/rotate-secret`, { overlapSeconds })).status).toBe(400);
    }
    expect((await admin(service, "POST", "skills/none/rotate-secret")).status).toBe(404);
  });
});

describe("what to enter at Amazon", () => {
  it("O2: the account linking request is complete and equals what this server accepts", async () => {
    const service = startService({
      APPLE_APP_IDS: "ABCDE12345.com.example.app",
      BRAND_LOGO_URL: "https://cdn.example.com/logo.png",
    });
    await admin(service, "POST", "skills", SKILL_BODY);
    const response = await admin(service, "GET", `${SKILL_PATH}/account-linking-request`);
    expect(response.status).toBe(200);
    expect(response.body).toEqual({
      accountLinkingRequest: {
        type: "AUTH_CODE",
        authorizationUrl: `${ISSUER}/authorize`,
        authorizationUrlsByPlatform: [{ platformType: "iOS", platformAuthorizationUrl: `${ISSUER}/app/authorize` }],
        accessTokenUrl: `${ISSUER}/token`,
        accessTokenScheme: "HTTP_BASIC",
        clientId: "alexa-acme-home",
        clientSecret: expect.any(String),
        scopes: ["profile", "devices:control"],
        domains: ["cdn.example.com"],
        defaultTokenExpirationInSeconds: 3600,
        redirectUrls: [`${ISSUER}/link/callback`, `${ISSUER}/app/callback`],
        skipOnEnablement: false,
      },
    });
  });

  it("the account linking request follows the client's settings and the skill's type", async () => {
    const service = startService({ ACCESS_TOKEN_TTL_SECONDS: "1800" });
    await admin(service, "POST", "skills", {
      ...SKILL_BODY,
      type: "baby_activity",
      client: { requirePkce: true },
    });
    const response = await admin(service, "GET", `${SKILL_PATH}/account-linking-request`);
    expect(response.body.accountLinkingRequest).toMatchObject({
      reciprocalAccessTokenUrl: `${ISSUER}/alexa/reciprocal`,
      pkceConfiguration: { status: "ENABLED", codeChallengeMethod: "S256" },
      defaultTokenExpirationInSeconds: 1800,
    });
    expect(response.body.accountLinkingRequest).not.toHaveProperty("authorizationUrlsByPlatform");
  });

  it("a customer may enable the skill without linking if Amazon does not require it and linking is optional", async () => {
    const service = startService();
    const skipped = async (more: object, method: "POST" | "PATCH" = "PATCH") => {
      const body = method === "POST" ? { ...SKILL_BODY, ...more } : more;
      const { status, body: shown } = await admin(service, method, method === "POST" ? "skills" : SKILL_PATH, body);
      const response = await admin(service, "GET", `${SKILL_PATH}/account-linking-request`);
      const { skipOnEnablement } = response.body.accountLinkingRequest as { skipOnEnablement: boolean };
      return [status, shown.linking ?? shown.code, skipOnEnablement];
    };
    expect(await skipped({}, "POST")).toEqual([201, "required", false]);
    expect(await skipped({ linking: "optional" })).toEqual([400, "invalid_body", false]);
    expect(await skipped({ type: "custom" })).toEqual([200, "optional", true]);
    expect(await skipped({ linking: "required" })).toEqual([200, "required", false]);
    expect(await skipped({ type: "music", linking: "optional" })).toEqual([200, "optional", true]);
    expect(await skipped({ type: "video" })).toEqual([200, "required", false]);
  });

  it("a refused linking says which skill types may have it", async () => {
    const refused = await admin(startService(), "POST", "skills", { ...SKILL_BODY, linking: "optional" });
    expect(refused.body.detail).toMatch(/^linking: must be required for smart_home: .* only custom and music skills/);
  });

  it("a custom skill may ask for linking by voice if all customers sign in with Amazon", async () => {
    const voice = async (type: string, methods: string) => {
      const service = startService({
        SIGN_IN_METHODS: methods,
        AMAZON_SIGN_IN_CLIENT_ID: "amzn1.application-oa2-client.example",
        AMAZON_SIGN_IN_CLIENT_SECRET: "example-secret",
      });
      await admin(service, "POST", "skills", { ...SKILL_BODY, type });
      const response = await admin(service, "GET", `${SKILL_PATH}/account-linking-request`);
      await admin(service, "DELETE", SKILL_PATH);
      return (response.body.accountLinkingRequest as Record<string, unknown>).voiceForwardAccountLinking;
    };
    expect(await voice("custom", "amazon")).toBe("ENABLED");
    expect(await voice("custom", "password,amazon")).toBe("DISABLED");
    expect(await voice("custom", "password")).toBe("DISABLED");
    expect(await voice("smart_home", "amazon")).toBeUndefined();
    expect(await voice("music", "amazon")).toBeUndefined();
  });
});
