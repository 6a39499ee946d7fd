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
    const encodeText = (text: string) => btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    const encode = (value: unknown) => encodeText(JSON.stringify(value));
    const standard: JWTHeaderParameters = { alg: "ES256", typ: "at+jwt", kid };
    const utf8 = (text: string) => new TextEncoder().encode(text);
    const sign = (
      header: JWTHeaderParameters,
      payload: Record<string, unknown>,
      signer: CryptoKey | Uint8Array,
      options?: object,
    ) => new SignJWT(payload).setProtectedHeader(header).sign(signer, options as never);
    /** Signs parts as they are, with our key: only the form of the token is wrong. */
    const signText = async (header: string, payload: string) => {
      const input = `${header}.${payload}`;
      const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, utf8(input));
      return `${input}.${encodeText(String.fromCharCode(...new Uint8Array(signature)))}`;
    };
    const mine = await generateKeyPair("ES256");
    const rsa = await generateKeyPair("RS256");
    const without = (name: string) => Object.fromEntries(Object.entries(claims).filter(([claim]) => claim !== name));
    const realBytes = atob(realSignature.replaceAll("-", "+").replaceAll("_", "/"));
    // The last of 86 characters carries two bits: the other four are zero in the one right way to write it.
    const last = realSignature.at(-1)!;
    const sloppy = `${realSignature.slice(0, -1)}${String.fromCharCode(last.charCodeAt(0) + 1)}`;
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
      "an empty part in between": `${realHeader}..${realPayload}.${realSignature}`,
      "a dot at the end": `${real.access_token}.`,
      "a dot at the start": `.${real.access_token}`,
      "a signature of 63 bytes": `${realHeader}.${realPayload}.${encodeText(realBytes.slice(0, 63))}`,
      "a signature of 65 bytes": `${realHeader}.${realPayload}.${encodeText(`${realBytes}\0`)}`,
      "a signature of zeros": `${realHeader}.${realPayload}.${"A".repeat(86)}`,
      "a padded signature": `${real.access_token}==`,
      "a signature whose unused bits are set": `${realHeader}.${realPayload}.${sloppy}`,
      "a padded payload": await signText(realHeader, `${realPayload}=`),
      "a padded header": await signText(`${realHeader}=`, realPayload),
      "a header in base64 instead of base64url": await signText(
        `${encode({ ...standard, kid: "???" })}+/`,
        realPayload,
      ),
      "white space in the signed header, put there later": `${encodeText(`${JSON.stringify(standard)} `)}.${realPayload}.${realSignature}`,
      "white space in the payload, put there later": `${realHeader}.${encodeText(` ${JSON.stringify(claims)}`)}.${realSignature}`,
      "alg given twice, none last": await signText(
        encodeText(`${JSON.stringify(standard).slice(0, -1)},"alg":"none"}`),
        realPayload,
      ),
      "a subject given twice, put there later": `${realHeader}.${encodeText(
        `${JSON.stringify(claims).slice(0, -1)},"sub":"0userbbbbbbbbbbbbbbbbbbbbb"}`,
      )}.${realSignature}`,
      "a header that is null": await signText(encode(null), realPayload),
      "a header that is a list": await signText(encode(["ES256", "at+jwt", kid]), realPayload),
      "an algorithm that is a list": await signText(encode({ ...standard, alg: ["ES256"] }), realPayload),
      "a payload that is not UTF-8": await signText(realHeader, encodeText(`${JSON.stringify(claims)}\xff`)),
      "a payload that is not JSON": await signText(realHeader, encodeText(JSON.stringify(claims).slice(0, -1))),
      "an expiry that is text, signed": await sign(standard, { ...claims, exp: "9999999999" as never }, key),
      "an expiry in the past": await sign(standard, { ...claims, exp: Math.floor(rt.now() / 1000) - 1 }, key),
      "a start that is text": await sign(standard, { ...claims, nbf: "0" as never }, key),
      "an empty critical header": await signText(encode({ ...standard, crit: [] }), realPayload),
      "an unencoded payload (RFC 7797)": await signText(
        encode({ ...standard, b64: false, crit: ["b64"] }),
        realPayload,
      ),
      "type AT+JWT by another key": await sign({ ...standard, typ: "AT+JWT" }, claims, mine.privateKey),
      "a payload that is a list": `${realHeader}.${encode([])}.${realSignature}`,
    };
  }

  it("userinfo and the JSON API refuse them, introspection calls them inactive, and they revoke nothing", async () => {
    const service = startService();
    const tokens = await forgeries(service);
    await seedUser("0userbbbbbbbbbbbbbbbbbbbbb", "bea@example.com");
    expect(Object.keys(tokens).length).toBeGreaterThan(50);
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
