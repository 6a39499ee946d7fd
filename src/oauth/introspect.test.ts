// Introspection, userinfo, the JSON API and revocation: which caller may do what with which token.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import {
  APP_CLIENT,
  basic,
  form,
  json,
  refresh,
  SERVICE_CLIENT,
  SKILL_ID,
  seedEveryone,
  seedSkill,
  seedUser,
} from "../../test/support/seeds.ts";
import { ISSUER, type Service, startService } from "../../test/support/service.ts";
import {
  asAlexa,
  asService,
  countOf,
  DAY,
  grantIdOf,
  introspection,
  linkAlexa,
  linkApp,
  MINUTE,
  refreshOfApp,
  SECOND,
  serviceToken,
  userinfo,
} from "../../test/support/tokens.ts";
import { sha256 } from "../crypto/hash.ts";

const USER = "0useraaaaaaaaaaaaaaaaaaaaa";
const OTHER_SKILL = "amzn1.ask.skill.other";

beforeEach(async () => {
  await seedEveryone();
  await seedSkill({ id: "other-alexa", secret: "fake-other-alexa", skillId: OTHER_SKILL });
  await env.DB.prepare(
    `INSERT INTO clients SELECT 'other-service', kind, name, ?, previous_secret_hash, previous_secret_expires_at, redirect_uris, scopes, skill_id,
       ?, resources, require_pkce, created_at, updated_at
     FROM clients WHERE id = ?`,
  )
    .bind(await sha256("fake-other-service"), JSON.stringify([OTHER_SKILL]), SERVICE_CLIENT)
    .run();
});

type Caller = (fields: Readonly<Record<string, string>>) => RequestInit;
const callers = {
  "the Alexa client itself": asAlexa,
  "the service of the skill": asService,
  "the service of another skill": (fields) =>
    form(fields, { authorization: basic("other-service", "fake-other-service") }),
  "another skill's Alexa client": (fields) => form(fields, { authorization: basic("other-alexa", "fake-other-alexa") }),
  "the public app": (fields) => form({ client_id: APP_CLIENT, ...fields }),
  "no client": (fields) => form(fields),
} satisfies Record<string, Caller>;

async function allTokens(service: Service) {
  const [alexa, app] = [await linkAlexa(service), await linkApp(service)];
  return {
    "Alexa's access token": alexa.access_token,
    "Alexa's refresh token": alexa.refresh_token,
    "the app's access token": app.access_token,
    "the app's refresh token": app.refresh_token,
    "the service's own token": await serviceToken(service),
  };
}

describe("introspection", () => {
  const active: Record<keyof typeof callers, string[] | 401> = {
    "the Alexa client itself": ["Alexa's access token", "Alexa's refresh token"],
    "the service of the skill": ["Alexa's access token", "Alexa's refresh token"],
    "the service of another skill": [],
    "another skill's Alexa client": [],
    "the public app": 401,
    "no client": 401,
  };
  for (const [name, expected] of Object.entries(active) as [keyof typeof callers, string[] | 401][]) {
    it(`${name} ${expected === 401 ? "is refused with 401" : `sees as active: ${expected.join(", ") || "nothing"}`}`, async () => {
      const service = startService();
      for (const [kind, token] of Object.entries(await allTokens(service))) {
        const response = await service.request("/introspect", callers[name]({ token }));
        const text = await response.text();
        if (expected === 401) expect([response.status, text]).toEqual([401, expect.stringContaining("invalid_client")]);
        else if (expected.includes(kind)) expect(JSON.parse(text), kind).toMatchObject({ active: true });
        else expect(text, kind).toBe('{"active":false}');
      }
    });
  }

  it("an access token is described by its claims, a refresh token by its grant", async () => {
    const service = startService();
    const tokens = await linkAlexa(service);
    const grant = grantIdOf(tokens.refresh_token);
    const [iat, common] = [
      service.clock.now / 1000,
      { active: true, client_id: "alexa-test", sub: USER, scope: "profile", grant, iss: ISSUER },
    ];
    expect(await introspection(service, tokens.access_token)).toEqual({
      ...common,
      token_type: "Bearer",
      aud: SKILL_ID,
      iat,
      exp: iat + 3600,
      jti: expect.any(String),
    });
    expect(await introspection(service, tokens.refresh_token)).toEqual({ ...common, token_type: "refresh_token", iat });
  });

  it("garbage, expired tokens, and tokens of revoked grants, deleted users and deleted clients get {active:false} only", async () => {
    const service = startService();
    const inactive = async (token: string) => {
      const response = await service.request("/introspect", asService({ token }));
      expect([response.status, await response.text()]).toEqual([200, '{"active":false}']);
    };
    for (const token of [
      "x",
      "a.b.c",
      "rt_x",
      ".",
      `rt_${"0".repeat(26)}_${"A".repeat(43)}`,
      "é",
      "%00",
      "x".repeat(10_000),
    ])
      await inactive(token);
    const alexa = await linkAlexa(service);
    service.clock.advance(3600 * SECOND);
    await inactive(alexa.access_token);
    const both = await linkAlexa(service, { expiresAt: service.clock.now + MINUTE });
    await service.request("/revoke", asAlexa({ token: both.refresh_token }));
    await inactive(both.access_token);
    await inactive(both.refresh_token);
    await env.DB.prepare("DELETE FROM users").run();
    await inactive(alexa.refresh_token);
    await seedUser();
    const last = await linkAlexa(service, { expiresAt: service.clock.now + MINUTE });
    expect((await introspection(service, last.access_token, asService)).active).toBe(true);
    await env.DB.prepare("DELETE FROM clients WHERE id = 'alexa-test'").run();
    await inactive(last.access_token);
    await inactive(last.refresh_token);
  });
});

describe("userinfo and the JSON API", () => {
  it("userinfo returns the claims of the token's user, for GET and POST", async () => {
    const service = startService();
    const { access_token } = await linkAlexa(service, { scope: "profile email" });
    for (const method of ["GET", "POST"]) {
      const response = await service.request("/userinfo", {
        method,
        headers: { authorization: `bearer ${access_token}` },
      });
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(await response.json()).toEqual({ sub: USER, name: "ada", email: "ada@example.com" });
    }
  });

  it("a request without a token in the Authorization header is 401 with WWW-Authenticate: Bearer", async () => {
    const service = startService();
    const { access_token } = await linkAlexa(service);
    const attempts: [string, RequestInit][] = [
      ["/userinfo", {}],
      [`/userinfo?access_token=${access_token}`, {}],
      ["/userinfo", form({ access_token })],
      ["/userinfo", { headers: { authorization: `Basic ${btoa(`x:${access_token}`)}` } }],
      ["/userinfo", { headers: { authorization: "Bearer" } }],
      ["/userinfo", { headers: { authorization: `Bearer ${access_token} x` } }],
      ["/userinfo", { headers: { authorization: `Bearer ${access_token}, Bearer ${access_token}` } }],
    ];
    for (const [path, init] of attempts) {
      const response = await service.request(path, init);
      expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
      await response.arrayBuffer();
    }
  });

  it("U3: tokens are refused as soon as their grant is revoked, idle or expired, or the user is deleted", async () => {
    const causes: Record<string, (service: Service, grantId: string) => Promise<unknown>> = {
      revoked: (service, id) =>
        env.DB.prepare("UPDATE grants SET revoked_at = ? WHERE id = ?").bind(service.clock.now, id).run(),
      idle: (service, id) =>
        env.DB.prepare("UPDATE grants SET idle_expires_at = ? WHERE id = ?").bind(service.clock.now, id).run(),
      expired: (service, id) =>
        env.DB.prepare("UPDATE grants SET expires_at = ? WHERE id = ?").bind(service.clock.now, id).run(),
      deleted: () => env.DB.prepare("DELETE FROM users").run(),
    };
    for (const [name, end] of Object.entries(causes)) {
      const service = startService();
      const { access_token, refresh_token } = await linkApp(service);
      const api = () => service.request("/api/links", { headers: { authorization: `Bearer ${access_token}` } });
      expect([(await userinfo(service, access_token)).status, (await api()).status], name).toEqual([200, 200]);
      await end(service, grantIdOf(refresh_token));
      expect([(await userinfo(service, access_token)).status, (await api()).status], name).toEqual([401, 401]);
      expect((await service.request("/token", refreshOfApp(refresh_token))).status, name).toBe(400);
    }
  });

  it("S16: only an access token of the app with the scope links opens the JSON API", async () => {
    const service = startService();
    const api = async (token: string) =>
      (await service.request("/api/links", { headers: { authorization: `Bearer ${token}` } })).status;
    expect(await api((await linkApp(service)).access_token)).toBe(200);
    expect(await api((await linkApp(service, { scope: "profile" })).access_token)).toBe(403);
    expect(await api((await linkAlexa(service, { scope: "links" })).access_token)).toBe(401);
    expect(await api(await serviceToken(service))).toBe(401);
    expect(await api((await linkApp(service)).refresh_token)).toBe(401);
  });
});

describe("revocation", () => {
  const kinds = ["access_token", "refresh_token"] as const;

  for (const kind of kinds) {
    it(`U3: revoking the ${kind.replace("_", " ")} revokes the whole grant at once, and a repeat changes nothing`, async () => {
      const service = startService();
      const tokens = await linkAlexa(service);
      const bystander = await linkAlexa(service);
      for (let i = 0; i < 2; i++) {
        const response = await service.request(
          "/revoke",
          asAlexa({ token: tokens[kind], token_type_hint: "something_else" }),
        );
        expect([response.status, await response.text(), response.headers.get("cache-control")]).toEqual([
          200,
          "",
          "no-store",
        ]);
      }
      expect((await service.request("/token", refresh(tokens.refresh_token))).status).toBe(400);
      expect((await userinfo(service, tokens.access_token)).status).toBe(401);
      expect(await introspection(service, tokens.access_token)).toEqual({ active: false });
      expect(await introspection(service, tokens.refresh_token)).toEqual({ active: false });
      expect(await countOf("audit", "kind = 'grant_revoked'")).toBe(1);
      expect((await service.request("/token", refresh(bystander.refresh_token))).status).toBe(200);
    });

    // cloudflare/workers-oauth-provider before 0.8 did not check which client the token belonged to.
    it(`a client cannot revoke the ${kind.replace("_", " ")} of another, and does not learn that it is valid`, async () => {
      const service = startService();
      const { [kind]: token } = await linkAlexa(service);
      const { [kind]: appToken } = await linkApp(service);
      for (const [name, caller] of Object.entries(callers)) {
        if (caller === asAlexa) continue;
        const response = await service.request("/revoke", caller({ token }));
        expect(response.status, name).toBe(name === "no client" ? 401 : 200);
        if (response.status === 200) expect(await response.text(), name).toBe("");
      }
      await service.request("/revoke", asAlexa({ token: appToken }));
      expect(await countOf("grants", "revoked_at IS NOT NULL")).toBe(0);
    });
  }

  it("RFC7009-2.2: revoking an unknown token is 200", async () => {
    const service = startService();
    for (const token of ["x", "rt_x", "a.b.c", "x".repeat(9000), `rt_${"0".repeat(26)}_${"A".repeat(70)}`]) {
      expect((await service.request("/revoke", asAlexa({ token }))).status).toBe(200);
    }
  });

  it("a public client revokes its grant even with a retired token, but not with a forged one", async () => {
    const service = startService();
    const revokeAsApp = (token: string) => service.request("/revoke", form({ client_id: APP_CLIENT, token }));
    const first = (await linkApp(service)).refresh_token;
    const second = (await json(await service.request("/token", refreshOfApp(first)))).refresh_token;
    await service.request("/token", refreshOfApp(second));
    await revokeAsApp(`rt_${grantIdOf(first)}_${"A".repeat(70)}`);
    await revokeAsApp(`rt_${grantIdOf(first)}_${"A".repeat(43)}`);
    expect(await countOf("grants", "revoked_at IS NOT NULL")).toBe(0);
    await revokeAsApp(first);
    expect(await countOf("grants", "revoked_at IS NOT NULL")).toBe(1);
  });

  it("an expired access token revokes nothing", async () => {
    const service = startService();
    const { access_token, refresh_token } = await linkAlexa(service);
    service.clock.advance(DAY);
    expect((await service.request("/revoke", asAlexa({ token: access_token }))).status).toBe(200);
    expect((await service.request("/token", refresh(refresh_token))).status).toBe(200);
  });
});
