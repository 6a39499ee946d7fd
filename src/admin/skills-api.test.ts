// Registering and listing skills.
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import {
  ADD_ON_BODY,
  ADD_ON_PATH,
  admin,
  clientOf,
  redirectUrisOf,
  SKILL_BODY,
  SKILL_PATH,
} from "../../test/support/admin.ts";
import { startService } from "../../test/support/service.ts";

describe("registering a skill", () => {
  it("R1: one vendor id gives all four of Amazon's redirect URIs, and the secret is shown once", async () => {
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
        redirectUris: redirectUrisOf("M2EXAMPLEVENDOR"),
      },
    });
    expect(clientOf(made).secret).toMatch(/^[A-Za-z0-9_-]{43}$/);

    const shown = await admin(service, "GET", SKILL_PATH);
    expect(shown.status).toBe(200);
    const { secret: _, ...client } = clientOf(made);
    expect(shown.body).toEqual({ ...made.body, client });
    const listed = await admin(service, "GET", "skills");
    expect(listed.body.items).toEqual([shown.body]);
    for (const response of [made, shown, listed]) {
      expect(JSON.stringify(response.body)).not.toMatch(/example-lwa-secret|example-event-secret/);
    }
  });

  it("no secret is stored in clear", async () => {
    const service = startService();
    const made = await admin(service, "POST", "skills", SKILL_BODY);
    const rows = await env.DB.batch([env.DB.prepare("SELECT * FROM skills"), env.DB.prepare("SELECT * FROM clients")]);
    const dump = JSON.stringify(rows.map((result) => result.results));
    for (const secret of ["example-lwa-secret", "example-event-secret", clientOf(made).secret!]) {
      expect(dump).not.toContain(secret);
    }
  });

  it("A1: generated secrets and ids have only characters that need no encoding", async () => {
    const { randomSecret, randomId } = await import("../crypto/random.ts");
    for (let i = 0; i < 1000; i++) {
      expect(randomSecret()).toMatch(/^[A-Za-z0-9_-]{43}$/);
      expect(`alexa-${randomId()}`).toMatch(/^[A-Za-z0-9_-]+$/);
    }
  });

  it("A1: accepts an existing client id and a secret with special characters", async () => {
    const service = startService();
    const made = await admin(service, "POST", "skills", {
      ...SKILL_BODY,
      client: { id: "imported.client", secret: "a+b/c=d%e:f", requirePkce: true },
    });
    expect(made.status).toBe(201);
    expect(made.body.client).toMatchObject({
      id: "imported.client",
      secret: "a+b/c=d%e:f",
      requirePkce: true,
    });
  });

  it("generates the client's id and secret if none are given", async () => {
    const service = startService();
    const { client: _, lwa: __, eventGateway: ___, extraRedirectUris: ____, ...bare } = SKILL_BODY;
    const made = await admin(service, "POST", "skills", bare);
    expect(made.status).toBe(201);
    expect(clientOf(made).id).toMatch(/^[A-Za-z0-9_-]{20,}$/);
    expect(made.body).toMatchObject({ lwa: null, eventGateway: null, extraRedirectUris: [] });
  });

  it("a skill id or client id in use is a conflict", async () => {
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

  it("flash briefings are refused: they have no account linking", async () => {
    const service = startService();
    for (const body of [{ ...SKILL_BODY, type: "flash_briefing" }, { type: "flash_briefing" }]) {
      const response = await admin(service, "POST", "skills", body);
      expect([response.status, response.body.code]).toEqual([422, "account_linking_not_supported"]);
    }
  });

  it("the scope links is reserved for apps", async () => {
    const service = startService();
    const response = await admin(service, "POST", "skills", { ...SKILL_BODY, scopes: ["profile", "links"] });
    expect([response.status, response.body.code]).toEqual([422, "scope_reserved"]);
    await admin(service, "POST", "skills", SKILL_BODY);
    const changed = await admin(service, "PATCH", SKILL_PATH, { scopes: [{ name: "links" }] });
    expect([changed.status, changed.body.code]).toEqual([422, "scope_reserved"]);
  });

  it("R1: an incomplete list of redirect URIs is refused with the missing ones named, unless forced", async () => {
    const service = startService();
    const { vendorId: _, ...byHand } = SKILL_BODY;
    const two = redirectUrisOf("M2EXAMPLEVENDOR").slice(0, 2);
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
      id: "amzn1.ask.skill.0000-other",
      client: {},
      redirectUris: redirectUrisOf("M2EXAMPLEVENDOR"),
    });
    expect(all.status).toBe(201);
  });

  it("add-ons require PKCE", async () => {
    const service = startService();
    const off = await admin(service, "POST", "skills", { ...ADD_ON_BODY, client: { requirePkce: false } });
    expect([off.status, off.body.detail]).toEqual([400, expect.stringContaining("client.requirePkce")]);
    const made = await admin(service, "POST", "skills", ADD_ON_BODY);
    expect(clientOf(made).requirePkce).toBe(true);
    const later = await admin(service, "PATCH", ADD_ON_PATH, { client: { requirePkce: false } });
    expect([later.status, later.body.detail]).toEqual([400, expect.stringContaining("client.requirePkce")]);
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
      ["client", { secret: "with space in it" }],
      ["client", { secret: "x".repeat(501) }],
      ["client", { authMethods: ["client_secret_post"] }],
      ["client", { rotateRefreshTokens: true }],
      ["client", { issuerInResponse: true }],
      ["linking", "sometimes"],
      ["client", { requirePkce: "yes" }],
      ["client", { kind: "service" }],
      ["force", "yes"],
    ];
    for (const [field, value] of cases) {
      const response = await admin(service, "POST", "skills", { ...SKILL_BODY, [field]: value });
      const shown = `${field}=${JSON.stringify(value)?.slice(0, 60)}`;
      expect([shown, response.status, response.body.code]).toEqual([shown, 400, "invalid_body"]);
      expect([shown, String(response.body.detail)]).toEqual([
        shown,
        expect.stringContaining(field === "client" ? "" : field),
      ]);
    }
    const unknown = await admin(service, "POST", "skills", { ...SKILL_BODY, vendorID: "M2" });
    expect(unknown.body.detail).toContain("vendorID");
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM skills").first()).toEqual({ n: 0 });
  });

  it("a client secret that is brought along has at least 8 characters", async () => {
    const service = startService();
    const made = (secret: string) =>
      admin(service, "POST", "skills", { ...SKILL_BODY, client: { ...SKILL_BODY.client, secret } });
    for (const secret of ["", "x", "1234567"]) {
      const { status, body } = await made(secret);
      expect([secret, status, body.errors]).toEqual([
        secret,
        400,
        [{ field: "client.secret", message: "must have 8 to 500 visible ASCII characters" }],
      ]);
    }
    expect((await made("12345678")).status).toBe(201);
  });

  it("an error never repeats the value, which may be a secret", async () => {
    const service = startService();
    const response = await admin(service, "POST", "skills", {
      ...SKILL_BODY,
      client: { secret: "example secret with spaces" },
    });
    expect(JSON.stringify(response.body)).not.toContain("example secret");
  });
});

describe("the list of skills", () => {
  it("F4: paging lists each of 150 skills once, in at most two round trips per page", async () => {
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
      expect(service.meter.roundTrips.length).toBeLessThanOrEqual(2);
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
      const response = await admin(service, "GET", `skills?${query}`);
      expect([query, response.status, response.body.code]).toEqual([query, 400, "invalid_query"]);
    }
  });
});
