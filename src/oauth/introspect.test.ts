// Who may learn what of a token, and what ends one: introspection, userinfo, revocation, and forged tokens at all of them.
import { env } from "cloudflare:workers";
import { exportJWK, generateKeyPair, type JWTHeaderParameters, SignJWT } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { runtimeOf } from "../../test/support/runtime.ts";
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
import { currentSigner } from "./keys.ts";

const USER = "0useraaaaaaaaaaaaaaaaaaaaa";
const OTHER_SKILL = "amzn1.ask.skill.other";

beforeEach(async () => {
  await seedEveryone();
  await seedSkill({ id: "other-alexa", secret: "fake-other-alexa", skillId: OTHER_SKILL });
  await env.DB.prepare(
    `INSERT INTO clients SELECT 'other-service', kind, name, ?, previous_secret_hash, previous_secret_expires_at, redirect_uris, scopes, skill_id,
       ?, require_pkce, client_credentials, created_at, updated_at
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
  nobody: (fields) => form(fields),
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
    nobody: 401,
  };
  for (const [name, expected] of Object.entries(active) as [keyof typeof callers, string[] | 401][]) {
    it(`tells ${name} of ${expected === 401 ? "nothing: 401" : expected.join(", ") || "nothing"}`, async () => {
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

  it("describes an access token by its own claims, and a refresh token by its grant", async () => {
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

  it("says no more than inactive of garbage, expired tokens, and tokens of revoked grants, deleted users and deleted clients", async () => {
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
  it("userinfo gives the claims of the token's user, by GET and POST", async () => {
    const service = startService();
    const { access_token } = await linkAlexa(service);
    for (const method of ["GET", "POST"]) {
      const response = await service.request("/userinfo", {
        method,
        headers: { authorization: `bearer ${access_token}` },
      });
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(await response.json()).toEqual({ sub: USER, name: "ada", email: "ada@example.com" });
    }
  });

  it("a missing token is asked for; one elsewhere than in the header does not count", async () => {
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

  it("U3: no token outlives its grant: revoked, idle too long, past its absolute life, user deleted", async () => {
    const ends: Record<string, (service: Service, grantId: string) => Promise<unknown>> = {
      revoked: (service, id) =>
        env.DB.prepare("UPDATE grants SET revoked_at = ? WHERE id = ?").bind(service.clock.now, id).run(),
      idle: (service, id) =>
        env.DB.prepare("UPDATE grants SET idle_expires_at = ? WHERE id = ?").bind(service.clock.now, id).run(),
      expired: (service, id) =>
        env.DB.prepare("UPDATE grants SET expires_at = ? WHERE id = ?").bind(service.clock.now, id).run(),
      deleted: () => env.DB.prepare("DELETE FROM users").run(),
    };
    for (const [name, end] of Object.entries(ends)) {
      const service = startService();
      const { access_token, refresh_token } = await linkApp(service);
      const api = () => service.request("/api/links", { headers: { authorization: `Bearer ${access_token}` } });
      expect([(await userinfo(service, access_token)).status, (await api()).status], name).toEqual([200, 200]);
      await end(service, grantIdOf(refresh_token));
      expect([(await userinfo(service, access_token)).status, (await api()).status], name).toEqual([401, 401]);
      expect((await service.request("/token", refreshOfApp(refresh_token))).status, name).toBe(400);
    }
  });

  it("a token opens only the door it was made for", async () => {
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

describe("forged and twisted tokens", () => {
  /** Tokens that say they are ours; none may open anything. */
  async function forgeries(service: Service): Promise<Record<string, string>> {
    const rt = await runtimeOf(service);
    const real = await linkApp(service);
    const [realHeader = "", realPayload = "", realSignature = ""] = real.access_token.split(".");
    const claims = JSON.parse(atob(realPayload.replaceAll("-", "+").replaceAll("_", "/"))) as Record<string, unknown>;
    const { kid, key } = await currentSigner(rt);
    const set = await json<{ keys: { x?: string }[] }>(await service.request("/.well-known/jwks.json"));
    const jwk = set.keys[0] ?? {};
    const encode = (value: unknown) =>
      btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    const standard: JWTHeaderParameters = { alg: "ES256", typ: "at+jwt", kid };
    const sign = (
      header: JWTHeaderParameters,
      payload: Record<string, unknown>,
      signer: CryptoKey | Uint8Array,
      options?: object,
    ) => new SignJWT(payload).setProtectedHeader(header).sign(signer, options as never);
    const mine = await generateKeyPair("ES256");
    const rsa = await generateKeyPair("RS256");
    const utf8 = (text: string) => new TextEncoder().encode(text);
    const without = (name: string) => Object.fromEntries(Object.entries(claims).filter(([claim]) => claim !== name));
    const flipped = realSignature.startsWith("A") ? `B${realSignature.slice(1)}` : `A${realSignature.slice(1)}`;
    return {
      "alg none": `${encode({ ...standard, alg: "none" })}.${realPayload}.`,
      "alg NoNe with the old signature": `${encode({ ...standard, alg: "NoNe" })}.${realPayload}.${realSignature}`,
      "no alg": `${encode({ typ: "at+jwt", kid })}.${realPayload}.${realSignature}`,
      // CVE-2026-22817 and CVE-2026-22818 (Hono's JWT helpers): the token's header chose the algorithm.
      "HS256 with the public key as JSON": await sign({ ...standard, alg: "HS256" }, claims, utf8(JSON.stringify(jwk))),
      "HS256 with the public key's x": await sign(
        { ...standard, alg: "HS256" },
        claims,
        utf8(String(jwk.x).padEnd(32, "=")),
      ),
      "HS256 with an empty key's padding": await sign({ ...standard, alg: "HS256" }, claims, new Uint8Array(32)),
      "RS256 under our kid": await sign({ ...standard, alg: "RS256" }, claims, rsa.privateKey),
      "ES256 by another key under our kid": await sign(standard, claims, mine.privateKey),
      "ES256 by a key that it brings along": await sign(
        { ...standard, jwk: await exportJWK(mine.publicKey) },
        claims,
        mine.privateKey,
      ),
      "ES256 by a key that it points to": await sign(
        { ...standard, jku: "https://evil.test/jwks.json" },
        claims,
        mine.privateKey,
      ),
      "a kid that nobody knows": await sign({ ...standard, kid: "unknown" }, claims, mine.privateKey),
      "a kid that is a path": await sign({ ...standard, kid: "../../dev/null" }, claims, mine.privateKey),
      "no kid": await sign({ alg: "ES256", typ: "at+jwt" }, claims, key),
      "a critical header that we do not know": await sign({ ...standard, crit: ["exp2"], exp2: 1 }, claims, key, {
        crit: { exp2: true },
      }),
      "type JWT, as an id token": await sign({ ...standard, typ: "JWT" }, claims, key),
      "no type": await sign({ alg: "ES256", kid }, claims, key),
      "another issuer": await sign(standard, { ...claims, iss: "https://evil.test" }, key),
      "no expiry": await sign(standard, without("exp"), key),
      "an expiry that is text": `${realHeader}.${encode({ ...claims, exp: "9999999999" })}.${realSignature}`,
      "not yet valid": await sign(standard, { ...claims, nbf: Number(claims.exp) + 60 }, key),
      "no subject": await sign(standard, without("sub"), key),
      "no client": await sign(standard, without("client_id"), key),
      "a changed payload": `${realHeader}.${encode({ ...claims, sub: "0userbbbbbbbbbbbbbbbbbbbbb" })}.${realSignature}`,
      "a changed signature": `${realHeader}.${realPayload}.${flipped}`,
      "no signature": `${realHeader}.${realPayload}.`,
      "a fourth part": `${real.access_token}.x`,
      "a grant of another user": await sign(standard, { ...claims, sub: "0userbbbbbbbbbbbbbbbbbbbbb" }, key),
      "a grant that never was": await sign(standard, { ...claims, grant: "0nogrant" }, key),
      "a payload that is a list": `${realHeader}.${encode([])}.${realSignature}`,
    };
  }

  it("open neither userinfo nor the JSON API, are inactive, and revoke nothing", async () => {
    const service = startService();
    const tokens = await forgeries(service);
    await seedUser("0userbbbbbbbbbbbbbbbbbbbbb", "bea@example.com");
    expect(Object.keys(tokens).length).toBeGreaterThan(25);
    for (const [name, token] of Object.entries(tokens)) {
      expect((await userinfo(service, token)).status, name).toBe(401);
      const api = await service.request("/api/links", { headers: { authorization: `Bearer ${token}` } });
      expect(api.status, name).toBe(401);
      expect(await introspection(service, token, asService), name).toEqual({ active: false });
      // A grant of another user is named by a token that only our key can make: revoking it is not what this is about.
      if (name === "a grant of another user") continue;
      expect((await service.request("/revoke", form({ token, client_id: APP_CLIENT }))).status, name).toBe(200);
    }
    expect(await countOf("grants", "revoked_at IS NOT NULL")).toBe(0);
  });

  it("the same claims under our key and header are good: the forgeries fail by what was changed", async () => {
    const service = startService();
    const rt = await runtimeOf(service);
    const { access_token } = await linkApp(service);
    const { kid, key } = await currentSigner(rt);
    const claims = JSON.parse(atob((access_token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/")));
    const twin = await new SignJWT(claims).setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid }).sign(key);
    expect((await userinfo(service, twin)).status).toBe(200);
  });
});

describe("revocation", () => {
  const kinds = ["access_token", "refresh_token"] as const;

  for (const kind of kinds) {
    it(`U3: of the ${kind.replace("_", " ")} ends the link everywhere, at once, and a repeat is harmless`, async () => {
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

    // cloudflare/workers-oauth-provider before 0.8 did not ask whose token it was.
    it(`the ${kind.replace("_", " ")} of another client is left alone, without a word about it`, async () => {
      const service = startService();
      const { [kind]: token } = await linkAlexa(service);
      const { [kind]: appToken } = await linkApp(service);
      for (const [name, caller] of Object.entries(callers)) {
        if (caller === asAlexa) continue;
        const response = await service.request("/revoke", caller({ token }));
        expect(response.status, name).toBe(name === "nobody" ? 401 : 200);
        if (response.status === 200) expect(await response.text(), name).toBe("");
      }
      await service.request("/revoke", asAlexa({ token: appToken }));
      expect(await countOf("grants", "revoked_at IS NOT NULL")).toBe(0);
    });
  }

  it("RFC7009-2.2: a token that is none is answered with 200", async () => {
    const service = startService();
    for (const token of ["x", "rt_x", "a.b.c", "x".repeat(9000), `rt_${"0".repeat(26)}_${"A".repeat(70)}`]) {
      expect((await service.request("/revoke", asAlexa({ token }))).status).toBe(200);
    }
  });

  it("a public client revokes its own by its id; a retired link of the chain ends the grant too, a forged one nothing", async () => {
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
