// Access tokens: JWTs (RFC 9068). Revocation shows only in introspection and at our own endpoints.
import { fromBase64Url, toBase64Url, utf8, utf8Decode } from "../crypto/encoding.ts";
import { randomSecret } from "../crypto/random.ts";
import { parseJson } from "../http/read.ts";
import type { Runtime } from "../runtime.ts";
import {
  ACCESS_TOKEN_TYPE,
  currentSigner,
  recordedVerificationKey,
  SIGNING_ALGORITHM,
  type Signer,
  verificationKey,
} from "./keys.ts";

/** Longest value that is parsed; ours are shorter, even with the longest scopes and resource. */
const LONGEST_TOKEN = 4096;

export interface AccessTokenContent {
  /** User id; for `client_credentials` the client's id. */
  readonly subject: string;
  readonly audience: string;
  readonly clientId: string;
  readonly scope: string;
  /** Undefined for `client_credentials`. */
  readonly grantId?: string;
  /** Seconds: the longest life, where ACCESS_TOKEN_TTL_SECONDS is longer. */
  readonly longestLife?: number;
}

/** 64 bytes as base64url, in the one way to write them. */
const SIGNATURE = /^[A-Za-z0-9_-]{85}[AQgw]$/;
const ES256 = { name: "ECDSA", hash: "SHA-256" };

export interface AccessTokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string;
  readonly client_id: string;
  readonly scope: string;
  readonly grant?: string;
  readonly iat: number;
  readonly exp: number;
  readonly jti: string;
  /** Not in ours. */
  readonly nbf?: number;
}

/** The `kid` of a header with exactly the parameters that we sign with: `crit` is refused like all others. */
function keyIdIn(header: unknown): string | undefined {
  const { alg, typ, kid, ...more } = (header ?? {}) as Record<string, unknown>;
  if (alg !== SIGNING_ALGORITHM || typ !== ACCESS_TOKEN_TYPE || typeof kid !== "string") return undefined;
  return Object.keys(more).length === 0 ? kid : undefined;
}

/** Whether all claims that we use are there, in the right form. */
function areClaims(value: unknown): value is AccessTokenClaims {
  const claims = (value ?? {}) as Record<string, unknown>;
  return (
    ["iss", "sub", "aud", "client_id", "scope", "jti"].every((name) => typeof claims[name] === "string") &&
    ["iat", "exp"].every((name) => Number.isFinite(claims[name])) &&
    (claims.grant === undefined || typeof claims.grant === "string") &&
    (claims.nbf === undefined || Number.isFinite(claims.nbf))
  );
}

/** A JWT in compact form (RFC 7515 §7.1), signed with ES256 (RFC 7518 §3.4). */
async function signJwt({ key, protectedHeader }: Signer, claims: object): Promise<string> {
  const input = `${protectedHeader}.${toBase64Url(utf8(JSON.stringify(claims)))}`;
  const signature = await crypto.subtle.sign(ES256, key, utf8(input));
  return `${input}.${toBase64Url(signature)}`;
}

/** A fresh access token of full life, and that life in seconds. No storage call when `signer` is given. */
export async function mintAccessToken(
  rt: Runtime,
  content: AccessTokenContent,
  signer?: Signer,
): Promise<{ token: string; expiresInSeconds: number }> {
  const issuedAt = Math.floor(rt.now() / 1000);
  const expiresInSeconds = Math.min(rt.config.accessTokenTtlSeconds, content.longestLife ?? Number.POSITIVE_INFINITY);
  const token = await signJwt(signer ?? (await currentSigner(rt)), {
    client_id: content.clientId,
    scope: content.scope,
    // JSON leaves it out when it is undefined.
    grant: content.grantId,
    iss: rt.issuer,
    sub: content.subject,
    aud: content.audience,
    iat: issuedAt,
    exp: issuedAt + expiresInSeconds,
    jti: randomSecret(12),
  });
  return { token, expiresInSeconds };
}

/** What a token that looks like an access token of ours says. Nothing is verified: use it to choose what to read. */
export interface UnverifiedToken {
  readonly kid: string;
  readonly claims: AccessTokenClaims;
  /** What the signature covers, and the signature. */
  readonly input: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** The value of a part of a JWT; undefined if it is not base64url of JSON. */
function jsonOf(part: string): unknown {
  const bytes = fromBase64Url(part);
  return bytes && parseJson(utf8Decode(bytes));
}

/** Reads a JWT that says it is an access token of ours; undefined for anything else, without a storage call. */
export function readAccessToken(token: string): UnverifiedToken | undefined {
  if (token.length > LONGEST_TOKEN) return undefined;
  const [header = "", payload = "", signature = "", ...more] = token.split(".");
  if (more.length > 0 || !SIGNATURE.test(signature)) return undefined;
  const kid = keyIdIn(jsonOf(header));
  const claims = jsonOf(payload);
  if (kid === undefined || !areClaims(claims)) return undefined;
  return { kid, claims, input: utf8(`${header}.${payload}`), signature: Buffer.from(signature, "base64url") };
}

const isSignedBy = (key: CryptoKey, { input, signature }: UnverifiedToken) =>
  crypto.subtle.verify(ES256, key, signature, input);

/**
 * The claims of an access token of ours: signature by a key of ours, ES256 only, type, issuer and time checked.
 * Undefined for anything else. Whether its grant is live is for the caller to check in D1.
 */
export async function verifyAccessToken(
  rt: Runtime,
  token: string | UnverifiedToken,
): Promise<AccessTokenClaims | undefined> {
  const read = typeof token === "string" ? readAccessToken(token) : token;
  const key = read && (await verificationKey(rt, read.kid));
  if (!key || !(await isSignedBy(key, read))) return undefined;
  const { iss, nbf = 0, exp } = read.claims;
  const now = rt.now() / 1000;
  return iss === rt.issuer && nbf <= now && now < exp ? read.claims : undefined;
}

/**
 * The claims of an access token that we signed at any time: the token and its key may have expired. It authorizes
 * nothing, it only names a grant, as in skill events that come long after. One D1 read unless its key is cached.
 */
export async function claimsOfEndedToken(rt: Runtime, token: string): Promise<AccessTokenClaims | undefined> {
  const read = readAccessToken(token);
  const key = read && (await recordedVerificationKey(rt, read.kid));
  return key && (await isSignedBy(key, read)) ? read.claims : undefined;
}
