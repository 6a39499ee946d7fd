// Importing links of another account-linking server: Alexa continues with the refresh token that it has.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { rows } from "../../test/support/app-user.ts";
import {
  exchange,
  json,
  refresh,
  SKILL_ID,
  seedAppAndService,
  seedCode,
  seedSkill,
  seedUser,
} from "../../test/support/seeds.ts";
import { type Service, START, startService } from "../../test/support/service.ts";
import { asAlexa, asService, DAY, HOUR, introspection, refreshOfApp, userinfo } from "../../test/support/tokens.ts";

const TOKEN = "old-server|Abc+/=.~ token of any form, even with spaces";
const ISSUER_OF_COMPANY = "https://id.example.com";

let service: Service;
let ada: string;

beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAppAndService();
  ada = await seedUser();
});

async function sha256Hex(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function base64UrlOf(hex: string): Promise<string> {
  const bytes = (hex.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

async function item(token: string, more: object = {}) {
  return {
    skillId: SKILL_ID,
    user: { id: ada },
    refreshTokenSha256: await sha256Hex(token),
    ...more,
  };
}

async function importing(...items: object[]) {
  const response = await admin(service, "POST", "imports", { items });
  expect(response.status, JSON.stringify(response.body)).toBe(200);
  return response.body as {
    imported: number;
    refused: number;
    items: { status: string; grantId?: string; code?: string }[];
  };
}

describe("an imported refresh token", () => {
  it("T1: keeps working with its original value", async () => {
    const made = await importing(await item(TOKEN, { scope: "profile", createdAt: "2024-05-01T00:00:00+02:00" }));
    expect(made).toMatchObject({ imported: 1, refused: 0, items: [{ status: "imported" }] });
    for (let i = 0; i < 3; i++) {
      service.clock.advance(HOUR);
      const response = await service.request("/token", refresh(TOKEN));
      expect(response.status).toBe(200);
      const tokens = await json(response);
      expect(tokens).toMatchObject({ refresh_token: TOKEN, token_type: "Bearer", expires_in: 3600, scope: "profile" });
      expect(await json<{ sub: string }>(await userinfo(service, tokens.access_token))).toMatchObject({ sub: ada });
    }
    const [grant] = await rows("SELECT created_at, imported_at, user_id FROM grants");
    expect(grant).toEqual({ created_at: Date.parse("2024-04-30T22:00:00Z"), imported_at: START, user_id: ada });
  });

  it("takes one read of D1, which uses an index", async () => {
    await importing(await item(TOKEN));
    await service.request("/token", refresh(TOKEN));
    service.meter.clear();
    expect((await service.request("/token", refresh(TOKEN))).status).toBe(200);
    expect(service.meter.roundTrips.length).toBeLessThanOrEqual(1);
    const sql = service.meter.roundTrips[0]?.sql ?? "";
    const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .bind(...[...sql.matchAll(/\?/g)].map(() => "x"))
      .all<{ detail: string }>();
    expect(plan.results.map((row) => row.detail).join()).toContain("USING INDEX grants_by_imported_token");
  });

  it("our own refresh tokens still take one read of D1", async () => {
    const { refresh_token: own } = await json(await service.request("/token", exchange(await seedCode())));
    service.meter.clear();
    expect((await service.request("/token", refresh(own))).status).toBe(200);
    expect(service.meter.roundTrips.length).toBeLessThanOrEqual(1);
  });

  it.each([
    ["an altered token", `${TOKEN}x`],
    ["its hash", ""],
    ["a token in our own format", `rt_${"0".repeat(26)}_${"x".repeat(43)}`],
  ])("%s is invalid_grant", async (_, wrong) => {
    await importing(await item(TOKEN));
    const presented = wrong === "" ? await sha256Hex(TOKEN) : wrong;
    const response = await service.request("/token", refresh(presented));
    expect([response.status, (await json(response)).error]).toEqual([400, "invalid_grant"]);
  });

  it("cannot be used by another client than its skill's", async () => {
    await importing(await item(TOKEN));
    for (const request of [refreshOfApp(TOKEN), asService({ grant_type: "refresh_token", refresh_token: TOKEN })]) {
      const response = await service.request("/token", request);
      expect([response.status, (await json(response)).error]).toEqual([400, "invalid_grant"]);
    }
    await seedSkill({ skillId: "amzn1.ask.skill.0000-other", id: "other", secret: "obviously-fake-other-secret" });
    const init = refresh(TOKEN, { client_id: "other" });
    const basic = `Basic ${btoa("other:obviously-fake-other-secret")}`;
    const response = await service.request("/token", { ...init, headers: { ...init.headers, authorization: basic } });
    expect([response.status, (await json(response)).error]).toEqual([400, "invalid_grant"]);
  });

  it("can be refreshed with less scope", async () => {
    await importing(await item(TOKEN));
    const response = await json(await service.request("/token", refresh(TOKEN, { scope: "profile" })));
    expect(response).toMatchObject({ refresh_token: TOKEN, scope: "profile" });
  });

  it("can be introspected and revoked, and is refused afterwards", async () => {
    await importing(await item(TOKEN));
    expect(await introspection(service, TOKEN)).toMatchObject({ active: true, token_type: "refresh_token", sub: ada });
    expect(await introspection(service, `${TOKEN}x`)).toEqual({ active: false });
    await service.request("/revoke", asAlexa({ token: TOKEN }));
    expect((await service.request("/token", refresh(TOKEN))).status).toBe(400);
    expect(await introspection(service, TOKEN)).toEqual({ active: false });
  });

  it("is valid while it is used, and ends after 400 days without use", async () => {
    await importing(await item(TOKEN));
    service.clock.advance(399 * DAY);
    expect((await service.request("/token", refresh(TOKEN))).status).toBe(200);
    service.clock.advance(399 * DAY);
    expect((await service.request("/token", refresh(TOKEN))).status).toBe(200);
    service.clock.advance(401 * DAY);
    expect((await service.request("/token", refresh(TOKEN))).status).toBe(400);
  });
});

describe("importing", () => {
  it("accepts a JWT that looks like an access token of ours", async () => {
    const { access_token: own } = await json(await service.request("/token", exchange(await seedCode())));
    const token = `${own.slice(0, own.lastIndexOf("."))}.${"A".repeat(86)}`;
    await importing(await item(token));
    const described = await introspection(service, token);
    expect(described).toMatchObject({ active: true, token_type: "refresh_token", sub: ada });
    expect((await service.request("/revoke", asAlexa({ token }))).status).toBe(200);
    expect(await introspection(service, token)).toEqual({ active: false });
  });

  it("accepts tokens of another deployment of this server, which look like ours", async () => {
    for (const secret of ["x".repeat(43), "y".repeat(64)]) {
      const token = `rt_${"0".repeat(26)}_${secret}`;
      await importing(await item(token));
      const response = await service.request("/token", refresh(token));
      expect([response.status, (await json(response)).refresh_token]).toEqual([200, token]);
      expect(await introspection(service, token)).toMatchObject({ active: true, sub: ada });
      await service.request("/revoke", asAlexa({ token }));
      expect((await service.request("/token", refresh(token))).status).toBe(400);
      expect(await introspection(service, token)).toEqual({ active: false });
    }
  });

  it("does not revive an ended link, not even a year later", async () => {
    const { items } = await importing(await item(TOKEN));
    await service.request("/revoke", asAlexa({ token: TOKEN }));
    service.clock.advance(399 * DAY);
    await admin(service, "POST", "maintenance");
    const later = await importing(await item(TOKEN));
    expect(later.items).toEqual([{ status: "ended", grantId: items[0]?.grantId }]);
    expect((await service.request("/token", refresh(TOKEN))).status).toBe(400);
  });

  it("importing again reports exists or ended, and changes nothing", async () => {
    const first = await importing(await item(TOKEN));
    const hash = await base64UrlOf(await sha256Hex(TOKEN));
    const again = await importing(await item(TOKEN), { ...(await item(TOKEN)), refreshTokenSha256: hash });
    expect(again).toMatchObject({ imported: 0, refused: 0 });
    expect(again.items).toEqual(Array(2).fill({ status: "exists", grantId: first.items[0]?.grantId }));
    await service.request("/revoke", asAlexa({ token: TOKEN }));
    expect((await importing(await item(TOKEN))).items[0]?.status).toBe("ended");
    expect((await service.request("/token", refresh(TOKEN))).status).toBe(400);
    expect(await rows("SELECT id FROM grants")).toHaveLength(1);
    expect(await rows("SELECT id FROM audit WHERE kind = 'grant_imported'")).toHaveLength(1);
  });

  it("a token of another skill's client is taken, for the same person too, and stays that client's", async () => {
    const other = "amzn1.ask.skill.0000-other";
    await seedSkill({ skillId: other, id: "other", secret: "obviously-fake-other-secret" });
    await importing(await item(TOKEN));
    const again = await importing(await item(TOKEN, { skillId: other }));
    expect(again.items).toEqual([{ status: "refused", code: "token_taken", detail: expect.any(String) }]);
    expect(await rows("SELECT client_id FROM grants")).toEqual([{ client_id: "alexa-test" }]);
    expect((await service.request("/token", refresh(TOKEN))).status).toBe(200);
  });

  it("F5: a batch that is repeated after a lost connection imports once, and finds its own grants", async () => {
    service.meter.faults.push({
      when: ({ sql }) => sql.includes("INSERT INTO grants"),
      throws: "after",
      message: "D1_ERROR: Network connection lost.",
      times: 1,
    });
    const made = await importing(await item("a"), await item("b"));
    expect(made.items.map((one) => one.status)).toEqual(["exists", "exists"]);
    expect(await rows("SELECT id FROM grants")).toHaveLength(2);
    expect(await rows("SELECT id FROM audit WHERE kind = 'grant_imported'")).toHaveLength(2);
  });

  it("ten imports of one token at once make one link", async () => {
    service.meter.faults.push({ when: () => true, delayMs: 5 });
    const one = await item(TOKEN);
    const all = await Promise.all(Array.from({ length: 10 }, () => importing(one)));
    expect(all.reduce((sum, made) => sum + made.imported, 0)).toBe(1);
    expect(await rows("SELECT id FROM grants")).toHaveLength(1);
  });

  it("takes up to a hundred links in one call with at most three round trips", async () => {
    const items = await Promise.all(Array.from({ length: 101 }, (_, i) => item(`token-${i}`)));
    const tooMany = await admin(service, "POST", "imports", { items });
    expect([tooMany.status, tooMany.body.code]).toEqual([400, "invalid_body"]);
    expect(tooMany.body.detail).toContain("at most 100");
    service.meter.clear();
    expect((await importing(...items.slice(0, 100))).imported).toBe(100);
    expect(service.meter.roundTrips.length).toBeLessThanOrEqual(3);
    expect((await service.request("/token", refresh("token-57"))).status).toBe(200);
  });

  it("finds the person by e-mail address in any case, and reports when there is none or more than one", async () => {
    const made = await importing(
      await item("a", { user: { email: " Ada@Example.com " } }),
      await item("b", { user: { email: "nobody@example.com" } }),
    );
    expect(made.items.map((one) => one.code ?? one.status)).toEqual(["imported", "user_not_found"]);
    await seedUser("0useranotheraaaaaaaaaaaaaa", "ada@example.com");
    const ambiguous = await importing(await item("c", { user: { email: "ada@example.com" } }));
    expect(ambiguous.items).toEqual([expect.objectContaining({ status: "refused", code: "user_ambiguous" })]);
  });

  it("makes one account for each person of the identity provider who has never signed in", async () => {
    service = startService({
      OIDC_ISSUER: ISSUER_OF_COMPANY,
      OIDC_CLIENT_ID: "alexa-link",
      OIDC_CLIENT_SECRET: "fake",
    });
    const made = await importing(
      await item("a", { user: { oidcSubject: "person-1" } }),
      await item("b", { user: { oidcSubject: "person-1" } }),
      await item("c", { user: { oidcSubject: "person-2" } }),
    );
    expect(made.imported).toBe(3);
    const identities = await rows("SELECT issuer, subject FROM identities WHERE method = 'oidc' ORDER BY subject");
    expect(identities).toEqual([
      { issuer: ISSUER_OF_COMPANY, subject: "person-1" },
      { issuer: ISSUER_OF_COMPANY, subject: "person-2" },
    ]);
    expect((await importing(await item("d", { user: { oidcSubject: "person-2" } }))).imported).toBe(1);
    expect(await rows("SELECT DISTINCT user_id FROM grants")).toHaveLength(2);
    expect(await rows("SELECT id FROM users")).toHaveLength(3);
    expect((await service.request("/token", refresh("b"))).status).toBe(200);
  });

  it("reports what is wrong with each refused item, and imports the others", async () => {
    await importing(await item("taken"));
    const other = await seedUser("0userbbbbbbbbbbbbbbbbbbbbb", "bob@example.com");
    const made = await importing(
      await item("a"),
      await item("b", { skillId: "amzn1.ask.skill.unknown" }),
      await item("d", { scope: "profile admin" }),
      await item("e", { scope: " " }),
      await item("f", { createdAt: new Date(START + HOUR).toISOString() }),
      await item("g", { user: { id: "nobody" } }),
      await item("h", { user: { oidcSubject: "person" } }),
      await item("taken", { user: { id: other } }),
      await item("a", { user: { id: other } }),
      await item("i", { alexaUserId: "amzn1.ask.account.EXAMPLE" }),
    );
    expect(made.items.map((one) => one.code ?? one.status)).toEqual([
      "imported",
      "skill_not_found",
      "scope_unknown",
      "scope_unknown",
      "created_in_future",
      "user_not_found",
      "oidc_not_configured",
      "token_taken",
      "token_taken",
      "imported",
    ]);
    expect([made.imported, made.refused]).toEqual([2, 8]);
    expect(await rows("SELECT alexa_user_id FROM grants WHERE alexa_user_id IS NOT NULL")).toHaveLength(1);
  });

  it("a malformed body is 400 and imports nothing; the error names the field and never the value", async () => {
    const good = await item(TOKEN);
    for (const [body, field] of [
      [{}, "items"],
      [{ items: [] }, "items"],
      [{ items: "all" }, "items"],
      [{ items: [good], dryRun: true }, "dryRun"],
      [{ items: [good, { ...good, refreshTokenSha256: "abc" }] }, "items[1].refreshTokenSha256"],
      [{ items: [{ ...good, refreshTokenSha256: `${"g".repeat(64)}` }] }, "items[0].refreshTokenSha256"],
      [{ items: [{ ...good, refreshToken: "secret-in-clear" }] }, "items[0].refreshToken"],
      [{ items: [{ ...good, user: "ada" }] }, "items[0].user"],
      [{ items: [{ ...good, user: {} }] }, "items[0].user"],
      [{ items: [{ ...good, user: { id: ada, email: "ada@example.com" } }] }, "items[0].user"],
      [{ items: [{ ...good, stage: "development" }] }, "items[0]"],
      [{ items: [{ ...good, skillId: undefined }] }, "items[0].skillId"],
      [{ items: [{ ...good, createdAt: "last year" }] }, "items[0].createdAt"],
      [{ items: [{ ...good, alexaUserId: "" }] }, "items[0].alexaUserId"],
    ] as const) {
      const response = await admin(service, "POST", "imports", body);
      expect([field, response.status, response.body.code]).toEqual([field, 400, "invalid_body"]);
      expect(String(response.body.detail)).toContain(field);
      expect(JSON.stringify(response.body)).not.toContain("secret-in-clear");
    }
    expect(await rows("SELECT id FROM grants")).toEqual([]);
    expect((await admin(service, "GET", "imports")).status).toBe(405);
    expect((await admin(service, "POST", "imports", { items: [good] }, { token: null })).status).toBe(401);
  });
});
