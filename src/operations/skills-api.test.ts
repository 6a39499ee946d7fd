// Registering skills: what Alexa will present, compare and show follows from it.
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { admin, SKILL_BODY, SKILL_PATH } from "../../test/support/admin.ts";
import { ISSUER, startService } from "../../test/support/service.ts";

interface ClientView {
  readonly id: string;
  readonly secret?: string;
  readonly redirectUris: readonly string[];
  readonly requirePkce: boolean;
}
const clientOf = (answer: { body: Record<string, unknown> }) => answer.body.client as ClientView;

const AMAZON = (vendor: string) => [
  `https://pitangui.amazon.com/api/skill/link/${vendor}`,
  `https://layla.amazon.com/api/skill/link/${vendor}`,
  `https://alexa.amazon.co.jp/api/skill/link/${vendor}`,
];

describe("registering a skill", () => {
  it("R1: turns one vendor id into all three of Amazon's redirect URIs, and shows the secret this once", async () => {
    const service = startService();
    const made = await admin(service, "POST", "skills", SKILL_BODY);
    expect(made.status).toBe(201);
    expect(made.headers.get("location")).toBe(`/api/admin/${SKILL_PATH}`);
    expect(made.headers.get("cache-control")).toBe("no-store");
    expect(made.body).toMatchObject({
      id: SKILL_BODY.id,
      stage: "development",
      type: "smart_home",
      vendorId: "M2EXAMPLEVENDOR",
      scopes: SKILL_BODY.scopes,
      returnUrls: SKILL_BODY.returnUrls,
      lwa: { clientId: SKILL_BODY.lwa.clientId },
      client: {
        id: "alexa-acme-home",
        requirePkce: false,
        rotateRefreshTokens: false,
        authMethods: ["client_secret_basic", "client_secret_post"],
        redirectUris: AMAZON("M2EXAMPLEVENDOR"),
      },
    });
    expect(clientOf(made).secret).toMatch(/^[A-Za-z0-9_-]{43}$/);

    const shown = await admin(service, "GET", SKILL_PATH);
    expect(shown.status).toBe(200);
    const { secret: _, ...client } = clientOf(made);
    expect(shown.body).toEqual({ ...made.body, client });
    const listed = await admin(service, "GET", "skills");
    expect(listed.body.items).toEqual([shown.body]);
    for (const answer of [made, shown, listed]) {
      expect(JSON.stringify(answer.body)).not.toMatch(/example-lwa-secret|example-event-secret/);
    }
  });

  it("keeps no secret in clear", async () => {
    const service = startService();
    const made = await admin(service, "POST", "skills", SKILL_BODY);
    const rows = await env.DB.batch([env.DB.prepare("SELECT * FROM skills"), env.DB.prepare("SELECT * FROM clients")]);
    const dump = JSON.stringify(rows.map((result) => result.results));
    for (const secret of ["example-lwa-secret", "example-event-secret", clientOf(made).secret!]) {
      expect(dump).not.toContain(secret);
    }
  });

  it("A1: 1,000 secrets and ids that we make hold only characters that every encoding leaves alone", async () => {
    const { randomSecret, randomId } = await import("../crypto/random.ts");
    for (let i = 0; i < 1000; i++) {
      expect(randomSecret()).toMatch(/^[A-Za-z0-9_-]{43}$/);
      expect(`alexa-${randomId()}`).toMatch(/^[A-Za-z0-9_-]+$/);
    }
  });

  it("A1: takes over a client id and secret that exist elsewhere, whatever characters the secret has", async () => {
    const service = startService();
    const made = await admin(service, "POST", "skills", {
      ...SKILL_BODY,
      client: { id: "imported.client", secret: "a+b/c=d%e:f", requirePkce: true, authMethods: ["client_secret_post"] },
    });
    expect(made.status).toBe(201);
    expect(made.body.client).toMatchObject({
      id: "imported.client",
      secret: "a+b/c=d%e:f",
      requirePkce: true,
      authMethods: ["client_secret_post"],
    });
  });

  it("makes id and secret when none are given", async () => {
    const service = startService();
    const { client: _, lwa: __, eventGateway: ___, extraRedirectUris: ____, ...bare } = SKILL_BODY;
    const made = await admin(service, "POST", "skills", bare);
    expect(made.status).toBe(201);
    expect(clientOf(made).id).toMatch(/^[A-Za-z0-9_-]{20,}$/);
    expect(made.body).toMatchObject({ lwa: null, eventGateway: null, extraRedirectUris: [] });
  });

  it("an id that is taken is a conflict, whether of skill or client", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    const again = await admin(service, "POST", "skills", { ...SKILL_BODY, client: { id: "another" } });
    expect([again.status, again.body.code]).toEqual([409, "conflict"]);
    const other = { ...SKILL_BODY, id: "amzn1.ask.skill.0000-other" };
    const sameClient = await admin(service, "POST", "skills", other);
    expect([sameClient.status, sameClient.body.code]).toEqual([409, "conflict"]);
    expect(sameClient.body.detail).toContain("alexa-acme-home");
    expect((await admin(service, "GET", "skills")).body.items).toHaveLength(1);
  });

  it("flash briefings have no account linking", async () => {
    const service = startService();
    for (const body of [{ ...SKILL_BODY, type: "flash_briefing" }, { type: "flash_briefing" }]) {
      const answer = await admin(service, "POST", "skills", body);
      expect([answer.status, answer.body.code]).toEqual([422, "account_linking_not_supported"]);
    }
  });

  it("the scope links is for apps only", async () => {
    const service = startService();
    const answer = await admin(service, "POST", "skills", { ...SKILL_BODY, scopes: ["profile", "links"] });
    expect([answer.status, answer.body.code]).toEqual([422, "scope_reserved"]);
    await admin(service, "POST", "skills", SKILL_BODY);
    const changed = await admin(service, "PATCH", SKILL_PATH, { scopes: [{ name: "links" }] });
    expect([changed.status, changed.body.code]).toEqual([422, "scope_reserved"]);
  });

  it("R1: redirect URIs given by hand and not all three are refused with the missing ones named, unless forced", async () => {
    const service = startService();
    const { vendorId: _, ...byHand } = SKILL_BODY;
    const two = AMAZON("M2EXAMPLEVENDOR").slice(0, 2);
    const refused = await admin(service, "POST", "skills", { ...byHand, redirectUris: two });
    expect([refused.status, refused.body.code]).toEqual([422, "redirect_uris_incomplete"]);
    expect(refused.body.detail).toContain("https://alexa.amazon.co.jp/api/skill/link/M2EXAMPLEVENDOR");
    expect(refused.body.missing).toEqual(["https://alexa.amazon.co.jp/api/skill/link/M2EXAMPLEVENDOR"]);
    const none = await admin(service, "POST", "skills", { ...byHand, redirectUris: ["https://example.com/cb"] });
    expect([none.status, none.body.code]).toEqual([422, "redirect_uris_incomplete"]);
    const mixed = [...two, "https://alexa.amazon.co.jp/api/skill/link/M0OTHER"];
    expect((await admin(service, "POST", "skills", { ...byHand, redirectUris: mixed })).status).toBe(422);
    const neither = await admin(service, "POST", "skills", byHand);
    expect([neither.status, neither.body.code]).toEqual([400, "invalid_body"]);
    const forced = await admin(service, "POST", "skills", { ...byHand, redirectUris: two, force: true });
    expect(forced.status).toBe(201);
    expect(clientOf(forced).redirectUris).toEqual(two);
    const all = await admin(service, "POST", "skills", {
      ...byHand,
      stage: "live",
      client: {},
      redirectUris: AMAZON("M2EXAMPLEVENDOR"),
    });
    expect(all.status).toBe(201);
  });

  it("add-ons always use PKCE and may ask for tokens of their own", async () => {
    const service = startService();
    const off = { ...SKILL_BODY, type: "add_on", client: { requirePkce: false } };
    expect((await admin(service, "POST", "skills", off)).status).toBe(400);
    const made = await admin(service, "POST", "skills", { ...SKILL_BODY, type: "add_on" });
    expect(clientOf(made).requirePkce).toBe(true);
    const row = await env.DB.prepare("SELECT client_credentials AS on_ FROM clients").first();
    expect(row).toEqual({ on_: 1 });
    expect((await admin(service, "PATCH", SKILL_PATH, { client: { requirePkce: false } })).status).toBe(400);
  });

  it("each missing or malformed field is a 400 that names it", async () => {
    const service = startService();
    const cases: [string, unknown][] = [
      ["id", undefined],
      ["id", "a b"],
      ["id", "../etc"],
      ["id", "a".repeat(256)],
      ["id", 5],
      ["name", undefined],
      ["name", ""],
      ["name", "  "],
      ["name", "a\u0000b"],
      ["name", "x".repeat(101)],
      ["type", undefined],
      ["type", "toaster"],
      ["stage", undefined],
      ["stage", "certified"],
      ["scopes", undefined],
      ["scopes", []],
      ["scopes", "profile"],
      ["scopes", ["a b"]],
      ["scopes", ['a"b']],
      ["scopes", [""]],
      ["scopes", ["profile", "profile"]],
      ["scopes", [{ name: "profile", descriptions: { en: 1 } }]],
      ["scopes", [{ name: "profile", texts: {} }]],
      ["scopes", [{ name: "profile", descriptions: { "not a tag": "x" } }]],
      ["scopes", Array.from({ length: 16 }, (_, i) => `scope-${i}`)],
      ["returnUrls", undefined],
      ["returnUrls", "https://app.example.com/"],
      ["returnUrls", [7]],
      ["vendorId", ""],
      ["vendorId", "M2/../evil"],
      ["vendorId", "M2 EXAMPLE"],
      ["vendorId", "M".repeat(65)],
      ["lwa", { clientId: "x" }],
      ["lwa", { clientId: "x", clientSecret: "a b" }],
      ["lwa", "secret"],
      ["client", { id: "a:b" }],
      ["client", { id: "" }],
      ["client", { secret: "short" }],
      ["client", { secret: "with space in it" }],
      ["client", { secret: "x".repeat(501) }],
      ["client", { authMethods: [] }],
      ["client", { authMethods: ["private_key_jwt"] }],
      ["client", { requirePkce: "yes" }],
      ["client", { kind: "service" }],
      ["force", "yes"],
    ];
    for (const [field, value] of cases) {
      const answer = await admin(service, "POST", "skills", { ...SKILL_BODY, [field]: value });
      const shown = `${field}=${JSON.stringify(value)?.slice(0, 60)}`;
      expect([shown, answer.status, answer.body.code]).toEqual([shown, 400, "invalid_body"]);
      expect([shown, String(answer.body.detail)]).toEqual([
        shown,
        expect.stringContaining(field === "client" ? "" : field),
      ]);
    }
    const unknown = await admin(service, "POST", "skills", { ...SKILL_BODY, vendorID: "M2" });
    expect(unknown.body.detail).toContain("vendorID");
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM skills").first()).toEqual({ n: 0 });
  });

  it("a fault never repeats the value: it may be a secret", async () => {
    const service = startService();
    const answer = await admin(service, "POST", "skills", {
      ...SKILL_BODY,
      client: { secret: "example secret with spaces" },
    });
    expect(JSON.stringify(answer.body)).not.toContain("example secret");
  });
});

/** S7, R2: spelled so that a browser or a lax comparison reads them differently from what they say. */
const HOSTILE = [
  "javascript:alert(1)",
  "JavaScript:alert(1)",
  "javascript://app.example.com/%0aalert(1)",
  "java\tscript:alert(1)",
  "data:text/html,x",
  "DATA:text/html,x",
  "data://text/html,x",
  "vbscript:x",
  "file:///etc/passwd",
  "blob:https://app.example.com/1",
  "intent://x#Intent;end",
  "//evil.test",
  "/\\evil.test",
  "https:/app.example.com/",
  "https:app.example.com",
  "https://app.example.com\\@evil.test/",
  "https://app.example.com@evil.test/",
  "https://user:secret@app.example.com/",
  "https://app.example.com/#fragment",
  "https://app.exam\tple.com/",
  "https://app.example.com/\n",
  " https://app.example.com/",
  "https://app.example.com/ ",
  "https://app.example.com/a b",
  "https://*.example.com/",
  "https://APP.example.com/",
  "HTTPS://app.example.com/",
  "https://app.example.com:443/",
  "https://ä.example.com/",
  "https://",
  "https:///app.example.com",
  "https://0x7f.1/",
  "https://app.example.com:99999/",
  "ftp://app.example.com/",
  "",
  "app.example.com",
  `https://app.example.com/${"a".repeat(2048)}`,
];

describe("addresses", () => {
  it("S7: hostile spellings are refused in every list, outside development and in it", async () => {
    for (const variables of [{}, { ISSUER: "http://localhost:8787" }]) {
      const service = startService(variables);
      for (const field of ["extraRedirectUris", "returnUrls", "redirectUris"]) {
        for (const address of HOSTILE) {
          const answer = await admin(service, "POST", "skills", { ...SKILL_BODY, [field]: [address] });
          expect([field, address.slice(0, 60), answer.status, answer.body.code]).toEqual([
            field,
            address.slice(0, 60),
            400,
            "invalid_body",
          ]);
        }
      }
    }
  });

  it("O6: http is for loopback hosts in development only", async () => {
    const local = startService({ ISSUER: "http://localhost:8787" });
    const simulator = "http://127.0.0.1:8788/pitangui/api/skill/link/M2EXAMPLEVENDOR";
    const made = await admin(local, "POST", "skills", {
      ...SKILL_BODY,
      extraRedirectUris: [simulator],
      returnUrls: ["http://localhost:3000/done"],
    });
    expect(made.status).toBe(201);
    expect(clientOf(made).redirectUris).toEqual([...AMAZON("M2EXAMPLEVENDOR"), simulator]);
    const other = { ...SKILL_BODY, stage: "live", client: {}, extraRedirectUris: ["http://192.168.0.2/"] };
    expect((await admin(local, "POST", "skills", other)).status).toBe(400);
    const remote = startService();
    expect((await admin(remote, "POST", "skills", { ...SKILL_BODY, extraRedirectUris: [simulator] })).status).toBe(400);
  });

  it("return URLs may be deep links of an app; redirect URIs may not", async () => {
    const service = startService();
    const urls = ["acme://linked", "com.example.app:/linked", "https://app.example.com:8443/done?a=1"];
    const made = await admin(service, "POST", "skills", { ...SKILL_BODY, returnUrls: urls });
    expect(made.status).toBe(201);
    expect(made.body.returnUrls).toEqual(urls);
    const redirect = await admin(service, "PATCH", SKILL_PATH, { extraRedirectUris: ["acme://linked"] });
    expect(redirect.status).toBe(400);
  });

  it("R5: our own callbacks are no redirect URIs", async () => {
    const service = startService();
    for (const path of ["/link/callback", "/app/callback"]) {
      const answer = await admin(service, "POST", "skills", { ...SKILL_BODY, extraRedirectUris: [`${ISSUER}${path}`] });
      expect([path, answer.status]).toEqual([path, 400]);
    }
  });
});

describe("changing a skill", () => {
  it("changes what is given and nothing else", async () => {
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

  it("R1: a new vendor id takes the old one's addresses away and keeps the extra ones", async () => {
    const service = startService();
    const extra = "https://skills-store.amazon.com/api/skill/link/M2EXAMPLEVENDOR";
    await admin(service, "POST", "skills", { ...SKILL_BODY, extraRedirectUris: [extra] });
    const moved = await admin(service, "PATCH", SKILL_PATH, { vendorId: "M9OTHER" });
    expect(clientOf(moved).redirectUris).toEqual([...AMAZON("M9OTHER"), extra]);
    const byHand = await admin(service, "PATCH", SKILL_PATH, { vendorId: null });
    expect([byHand.status, byHand.body.code]).toEqual([422, "redirect_uris_incomplete"]);
    const two = AMAZON("M9OTHER").slice(1);
    const forced = await admin(service, "PATCH", SKILL_PATH, { vendorId: null, redirectUris: two, force: true });
    expect(clientOf(forced).redirectUris).toEqual([...two, extra]);
    const later = await admin(service, "PATCH", SKILL_PATH, { name: "Acme", extraRedirectUris: [] });
    expect(clientOf(later).redirectUris).toEqual(two);
  });

  it("Amazon's credentials stay when not named, change when given, and go with null", async () => {
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

  it("id, stage and secret cannot be changed here", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    for (const body of [
      { id: "x" },
      { stage: "live" },
      { client: { id: "x" } },
      { client: { secret: "a-new-secret" } },
    ]) {
      expect((await admin(service, "PATCH", SKILL_PATH, body)).status).toBe(400);
    }
    const flash = await admin(service, "PATCH", SKILL_PATH, { type: "flash_briefing" });
    expect([flash.status, flash.body.code]).toEqual([422, "account_linking_not_supported"]);
  });

  it("unknown skills, stages and oddly written ids are 404", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    for (const path of [
      "skills/amzn1.ask.skill.none/development",
      "skills/amzn1.ask.skill.0000-admin/live",
      "skills/amzn1.ask.skill.0000-admin/Development",
      "skills/%E0%A4%A/development",
      "skills/amzn1.ask.skill.0000-admin'--/development",
    ]) {
      for (const method of ["GET", "PATCH", "DELETE"]) {
        const answer = await admin(service, method, path, method === "PATCH" ? {} : undefined);
        expect([method, path, answer.status, answer.body.code]).toEqual([method, path, 404, "skill_not_found"]);
      }
    }
  });

  it("deleting takes client and grants with it; a second time there is nothing", async () => {
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

  it("what changed is in the audit, without secrets", async () => {
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
  it("A4: shows a new one once and says until when the old one works", async () => {
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

  it("A4: both secrets open the token endpoint during the overlap, only the new one after it", async () => {
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

  it("malformed overlaps are refused", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    for (const overlapSeconds of [-1, 1.5, "60", 1e12, null]) {
      expect((await admin(service, "POST", `${SKILL_PATH}/rotate-secret`, { overlapSeconds })).status).toBe(400);
    }
    expect((await admin(service, "POST", "skills/none/live/rotate-secret")).status).toBe(404);
  });
});

describe("what to enter at Amazon", () => {
  it("O2: is wrapped, complete and equal to what this server accepts", async () => {
    const service = startService({
      APPLE_APP_IDS: "ABCDE12345.com.example.app",
      BRAND_LOGO_URL: "https://cdn.example.com/logo.png",
    });
    await admin(service, "POST", "skills", SKILL_BODY);
    const answer = await admin(service, "GET", `${SKILL_PATH}/account-linking-request`);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
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

  it("follows the client's policy and the skill's type", async () => {
    const service = startService({ ACCESS_TOKEN_TTL_SECONDS: "1800" });
    await admin(service, "POST", "skills", {
      ...SKILL_BODY,
      type: "baby_activity",
      client: { requirePkce: true, authMethods: ["client_secret_post"] },
    });
    const answer = await admin(service, "GET", `${SKILL_PATH}/account-linking-request`);
    expect(answer.body.accountLinkingRequest).toMatchObject({
      accessTokenScheme: "REQUEST_BODY_CREDENTIALS",
      reciprocalAccessTokenUrl: `${ISSUER}/alexa/reciprocal`,
      pkceConfiguration: { status: "ENABLED", codeChallengeMethod: "S256" },
      defaultTokenExpirationInSeconds: 1800,
    });
    expect(answer.body.accountLinkingRequest).not.toHaveProperty("authorizationUrlsByPlatform");
  });
});

describe("the list of skills", () => {
  it("F4: pages through 150 skills, each once, in two storage calls a page", async () => {
    const service = startService();
    for (let i = 0; i < 150; i++) {
      const id = `amzn1.ask.skill.${String(i).padStart(4, "0")}`;
      await admin(service, "POST", "skills", { ...SKILL_BODY, id, client: {} });
    }
    const seen: string[] = [];
    let cursor: unknown;
    do {
      service.meter.clear();
      const page = await admin(service, "GET", `skills?limit=60${cursor ? `&cursor=${cursor}` : ""}`);
      expect(service.meter.trips.length).toBe(2);
      seen.push(...(page.body.items as { id: string }[]).map((skill) => skill.id));
      cursor = page.body.nextCursor;
    } while (cursor !== undefined);
    expect(seen).toHaveLength(150);
    expect(new Set(seen).size).toBe(150);
  });

  it("wrong limits and cursors are 400", async () => {
    const service = startService();
    for (const query of [
      "limit=0",
      "limit=201",
      "limit=x",
      "limit=-1",
      "cursor=%00",
      "cursor=bm8",
      "limit=1&limit=2",
      "page=2",
    ]) {
      const answer = await admin(service, "GET", `skills?${query}`);
      expect([query, answer.status, answer.body.code]).toEqual([query, 400, "invalid_query"]);
    }
  });
});
