// Forged and altered access tokens, at every endpoint that accepts one.
import { exportJWK, generateKeyPair, type JWTHeaderParameters, SignJWT } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { runtimeOf } from "../../test/support/runtime.ts";
import { APP_CLIENT, form, json, seedEveryone, seedUser } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { asService, countOf, introspection, linkApp, userinfo } from "../../test/support/tokens.ts";
import { currentSigner } from "./keys.ts";

beforeEach(seedEveryone);

describe("forged and altered tokens", () => {
  /** Tokens that pretend to be ours. None may be accepted. */
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
      "ES256 by a key in the token's own header": await sign(
        { ...standard, jwk: await exportJWK(mine.publicKey) },
        claims,
        mine.privateKey,
      ),
      "ES256 by a key that the token's header points to": await sign(
        { ...standard, jku: "https://evil.test/jwks.json" },
        claims,
        mine.privateKey,
      ),
      "an unknown kid": await sign({ ...standard, kid: "unknown" }, claims, mine.privateKey),
      "a kid that is a path": await sign({ ...standard, kid: "../../dev/null" }, claims, mine.privateKey),
      "no kid": await sign({ alg: "ES256", typ: "at+jwt" }, claims, key),
      "an unknown critical header": await sign({ ...standard, crit: ["exp2"], exp2: 1 }, claims, key, {
        crit: { exp2: true },
      }),
      "type JWT, as ID tokens have": await sign({ ...standard, typ: "JWT" }, claims, key),
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
      "a grant that does not exist": await sign(standard, { ...claims, grant: "0nogrant" }, key),
      "a payload that is a list": `${realHeader}.${encode([])}.${realSignature}`,
    };
  }

  it("userinfo and the JSON API refuse them, introspection calls them inactive, and they revoke nothing", async () => {
    const service = startService();
    const tokens = await forgeries(service);
    await seedUser("0userbbbbbbbbbbbbbbbbbbbbb", "bea@example.com");
    expect(Object.keys(tokens).length).toBeGreaterThan(25);
    for (const [name, token] of Object.entries(tokens)) {
      expect((await userinfo(service, token)).status, name).toBe(401);
      const api = await service.request("/api/links", { headers: { authorization: `Bearer ${token}` } });
      expect(api.status, name).toBe(401);
      expect(await introspection(service, token, asService), name).toEqual({ active: false });
      // Only our key can sign a token that names another user's grant, so revoking with it is not tested.
      if (name === "a grant of another user") continue;
      expect((await service.request("/revoke", form({ token, client_id: APP_CLIENT }))).status, name).toBe(200);
    }
    expect(await countOf("grants", "revoked_at IS NOT NULL")).toBe(0);
  });

  it("a token with the same claims, header and key is accepted: each forgery fails because of what was changed", async () => {
    const service = startService();
    const rt = await runtimeOf(service);
    const { access_token } = await linkApp(service);
    const { kid, key } = await currentSigner(rt);
    const claims = JSON.parse(atob((access_token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/")));
    const twin = await new SignJWT(claims).setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid }).sign(key);
    expect((await userinfo(service, twin)).status).toBe(200);
  });
});
