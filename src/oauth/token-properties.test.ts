// Properties over many random inputs: the form of what we issue, and the responses to any input.
import fc from "fast-check";
import { decodeJwt } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { runtimeOf } from "../../test/support/runtime.ts";
import {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  ALEXA_SECRET,
  APP_CLIENT,
  basic,
  exchange,
  form,
  refresh,
  seedCode,
  seedEveryone,
  seedSkill,
} from "../../test/support/seeds.ts";
import { startService } from "../../test/support/service.ts";
import { countOf, linkAlexa, linkApp, refreshOfApp } from "../../test/support/tokens.ts";
import { randomId, randomSecret } from "../crypto/random.ts";
import { readForm } from "../http/read.ts";
import { mintAccessToken } from "./access-tokens.ts";
import { codeOfConsent, isAuthorizationCode } from "./codes.ts";
import { isChallenge, verifierMatches } from "./pkce.ts";
import { newRotatingToken, newStableToken, parseRefreshToken, rotatingToken } from "./refresh-tokens.ts";

const MANY = 1000;
const FORM = "application/x-www-form-urlencoded";
const URL_SAFE = /^[A-Za-z0-9_-]+$/;

beforeEach(seedEveryone);

describe("T10: what we issue", { timeout: 60_000 }, () => {
  it("codes have at most 64 URL-safe characters, and are equal only for the same consent", async () => {
    const rt = await runtimeOf(startService());
    const codes = new Set<string>();
    for (let i = 0; i < MANY; i++) {
      const code = await codeOfConsent(rt, randomId(), randomId(), rt.keyring.keyId);
      expect(code).toMatch(URL_SAFE);
      expect(code.length).toBeLessThanOrEqual(64);
      expect(isAuthorizationCode(code)).toBe(true);
      codes.add(code);
    }
    expect(codes.size).toBe(MANY);
    const again = () => codeOfConsent(rt, "attempt", "user", rt.keyring.keyId);
    expect(await again()).toBe(await again());
  });

  it("stable and rotating refresh tokens have at most 128 URL-safe characters, and no two are equal", async () => {
    const rt = await runtimeOf(startService());
    const tokens = new Set<string>();
    for (let i = 0; i < MANY; i++) {
      const grantId = randomId();
      const rotating = i % 4 === 0;
      const { token } = rotating ? await newRotatingToken(rt, grantId) : await newStableToken(grantId);
      expect(token).toMatch(URL_SAFE);
      expect(token.length).toBeLessThanOrEqual(128);
      expect(parseRefreshToken(token)).toEqual({ grantId, generation: rotating ? 1 : null, secret: token.slice(-43) });
      tokens.add(token);
    }
    expect(tokens.size).toBe(MANY);
  });

  it("rotating tokens have the same form in every generation, and no two of a grant are equal", async () => {
    const rt = await runtimeOf(startService());
    const grant = { id: randomId(), salt: randomSecret() };
    const tokens = new Set<string>();
    for (const generation of [...Array.from({ length: MANY }, (_, i) => i + 1), 999_999_998, 999_999_999]) {
      const token = await rotatingToken(rt, grant, generation);
      expect(token.length).toBeLessThanOrEqual(128);
      expect(parseRefreshToken(token)).toEqual({ grantId: grant.id, generation, secret: token.slice(-43) });
      tokens.add(token);
    }
    expect(tokens.size).toBe(MANY + 2);
    expect(await rotatingToken(rt, { ...grant, id: randomId() }, 1)).not.toContain(
      (await rotatingToken(rt, grant, 1)).slice(-43),
    );
  });

  it("access tokens with 15 scopes have at most 800 characters and no personal data", async () => {
    const rt = await runtimeOf(startService());
    const scope = Array.from({ length: 15 }, (_, i) => `devices:on-${String(i).padStart(2, "0")}`).join(" ");
    const ids = new Set<string>();
    for (let i = 0; i < MANY; i++) {
      const content = {
        subject: randomId(),
        audience: "amzn1.ask.skill.00000000-0000-0000-0000-000000000000",
        clientId: "alexa-acme-home",
        scope,
        grantId: randomId(),
      };
      const { token } = await mintAccessToken(rt, content);
      expect(token).toMatch(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/);
      expect(token.length).toBeLessThanOrEqual(800);
      const claims = decodeJwt(token);
      expect(Object.keys(claims).sort()).toEqual([
        "aud",
        "client_id",
        "exp",
        "grant",
        "iat",
        "iss",
        "jti",
        "scope",
        "sub",
      ]);
      ids.add(String(claims.jti));
    }
    expect(ids.size).toBe(MANY);
  });

  it("A1: generated secrets need no encoding in HTTP Basic", () => {
    for (let i = 0; i < MANY; i++) expect(encodeURIComponent(randomSecret())).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });
});

describe("W4: what we receive", { timeout: 60_000 }, () => {
  const name = fc.constantFrom(
    "grant_type",
    "code",
    "redirect_uri",
    "client_id",
    "client_secret",
    "refresh_token",
    "code_verifier",
    "scope",
    "resource",
    "x",
    "__proto__",
    "",
  );
  const value = fc.oneof(
    fc.constantFrom(
      "authorization_code",
      "refresh_token",
      "client_credentials",
      ALEXA_CLIENT,
      APP_CLIENT,
      ALEXA_REDIRECT_URIS[0] ?? "",
      "%",
      "%00",
      "%ff",
      "+",
      "=",
      "\0",
      "",
    ),
    fc.string({ unit: "binary", maxLength: 60 }),
  );
  const raw = fc
    .array(fc.tuple(name, value), { maxLength: 8 })
    .map((pairs) => pairs.map(([left, right]) => `${left}=${right}`).join("&"));
  const encoded = fc
    .array(fc.tuple(name, value), { maxLength: 8 })
    .map((pairs) => new URLSearchParams(pairs.map(([l, r]) => [l, r])).toString());
  const ERRORS = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "invalid_scope",
    "invalid_target",
    "unauthorized_client",
    "unsupported_grant_type",
  ];

  it("any form with any Authorization header is 400 or 401 with an error code of the standard, at every endpoint", async () => {
    const service = startService();
    const authorization = fc.oneof(
      fc.constantFrom(
        undefined,
        basic(ALEXA_CLIENT, ALEXA_SECRET),
        "Basic",
        "basic  ",
        "Bearer x",
        "Basic =",
        "Basic Og==",
      ),
      fc
        .string({ maxLength: 40 })
        .map((text) => `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}`),
      fc.base64String({ maxLength: 60 }).map((text) => `Basic ${text}`),
    );
    const path = fc.constantFrom("/token", "/revoke", "/introspect");
    await fc.assert(
      fc.asyncProperty(path, fc.oneof(raw, encoded), authorization, async (endpoint, body, header) => {
        const headers: Record<string, string> = { "content-type": FORM };
        if (header !== undefined) headers.authorization = header;
        const response = await service.request(endpoint, { method: "POST", headers, body });
        const { error } = (await response.json()) as { error: string };
        expect(ERRORS).toContain(error);
        expect(response.status).toBe(error === "invalid_client" ? 401 : 400);
      }),
      { numRuns: MANY },
    );
    expect(await countOf("grants")).toBe(0);
  });

  it("any bytes are read as a form or refused, never with an exception", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const request = new Request("https://x.test/", {
          method: "POST",
          headers: { "content-type": FORM },
          body: Uint8Array.from(bytes),
        });
        const body = await readForm(request);
        expect("problem" in body || body.fields instanceof Map).toBe(true);
      }),
      { numRuns: MANY },
    );
  });

  it("a form written by URLSearchParams is read back unchanged", async () => {
    const fields = fc.dictionary(
      fc.string({ minLength: 1, maxLength: 20 }),
      fc.string({ minLength: 1, maxLength: 40 }),
      { maxKeys: 6 },
    );
    await fc.assert(
      fc.asyncProperty(fields, async (given) => {
        const request = new Request("https://x.test/", { method: "POST", body: new URLSearchParams(given) });
        const body = await readForm(request);
        expect("fields" in body && Object.fromEntries(body.fields)).toEqual({ ...given });
      }),
      { numRuns: MANY },
    );
  });

  it("a code with one character changed is refused, and the code stays valid", async () => {
    const service = startService();
    const code = await seedCode();
    await fc.assert(
      fc.asyncProperty(fc.nat(code.length - 1), fc.string({ minLength: 1, maxLength: 1 }), async (at, character) => {
        const changed = code.slice(0, at) + character + code.slice(at + 1);
        fc.pre(changed !== code && changed !== "");
        expect((await service.request("/token", exchange(changed))).status).toBe(400);
      }),
      { numRuns: 150 },
    );
    expect((await service.request("/token", exchange(code))).status).toBe(200);
  });

  it("a stable or rotating refresh token with one character changed is refused, and the grant stays", async () => {
    const service = startService();
    const [stable, rotating] = [(await linkAlexa(service)).refresh_token, (await linkApp(service)).refresh_token];
    const first = (await (await service.request("/token", refreshOfApp(rotating))).json()) as { refresh_token: string };
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.nat(200),
        fc.constantFrom(..."Aa0_-z9.é"),
        async (isStable, position, character) => {
          const token = isStable ? stable : rotating;
          const at = position % token.length;
          const changed = token.slice(0, at) + character + token.slice(at + 1);
          fc.pre(changed !== token);
          const response = await service.request("/token", isStable ? refresh(changed) : refreshOfApp(changed));
          expect([response.status, await response.json()]).toEqual([400, { error: "invalid_grant" }]);
        },
      ),
      { numRuns: 400 },
    );
    expect(await countOf("grants", "revoked_at IS NOT NULL")).toBe(0);
    expect((await service.request("/token", refresh(stable))).status).toBe(200);
    expect((await service.request("/token", refreshOfApp(first.refresh_token))).status).toBe(200);
  });

  it("S6: a verifier matches its own challenge and no other", async () => {
    const unreserved = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"];
    const verifier = fc.string({ unit: fc.constantFrom(...unreserved), minLength: 43, maxLength: 128 });
    await fc.assert(
      fc.asyncProperty(verifier, verifier, async (one, other) => {
        const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(one));
        const challenge = btoa(String.fromCharCode(...new Uint8Array(digest)))
          .replaceAll("+", "-")
          .replaceAll("/", "_")
          .replace(/=$/, "");
        expect(isChallenge(challenge)).toBe(true);
        expect(await verifierMatches(one, challenge)).toBe(true);
        expect(await verifierMatches(other, challenge)).toBe(one === other);
        expect(await verifierMatches(challenge, challenge)).toBe(false);
      }),
      { numRuns: MANY },
    );
  });

  it("A1: any secret works raw and form-encoded, and an altered one does not", async () => {
    const service = startService();
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", minLength: 1, maxLength: 40 }), async (secret) => {
        const id = `imported-${randomId()}`;
        await seedSkill({ id, secret, skillId: `amzn1.ask.skill.${id}` });
        const attempt = async (presented: string) => {
          const bytes = new TextEncoder().encode(`${id}:${presented}`);
          const header = `Basic ${btoa(String.fromCharCode(...bytes))}`;
          return (await service.request("/introspect", form({ token: "x" }, { authorization: header }))).status;
        };
        expect(await attempt(encodeURIComponent(secret))).toBe(200);
        expect(await attempt(secret)).toBe(200);
        expect(await attempt(`${secret}x`)).toBe(401);
        expect(await attempt(`x${secret}`)).toBe(401);
      }),
      { numRuns: 60 },
    );
  });
});
