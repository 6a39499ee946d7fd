// Access tokens: JWTs (RFC 9068). Revocation shows only in introspection and at our own endpoints.
import { compactVerify, decodeJwt, decodeProtectedHeader, errors, jwtVerify } from "jose";
import * as z from "zod/mini";
import { toBase64Url, utf8, utf8Decode } from "../crypto/encoding.ts";
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

const claimsSchema = z.object({
  iss: z.string(),
  sub: z.string(),
  aud: z.string(),
  client_id: z.string(),
  scope: z.string(),
  grant: z.optional(z.string()),
  iat: z.number(),
  exp: z.number(),
  jti: z.string(),
});
export type AccessTokenClaims = z.infer<typeof claimsSchema>;

/** A JWT in compact form (RFC 7515 §7.1), signed with ES256 (RFC 7518 §3.4). */
async function signJwt({ key, protectedHeader }: Signer, claims: object): Promise<string> {
  const input = `${protectedHeader}.${toBase64Url(utf8(JSON.stringify(claims)))}`;
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, utf8(input));
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

/** The `kid` of a JWT that says it is ours; undefined for anything else. Nothing is verified here. */
function keyIdOf(token: string): string | undefined {
  if (token.length > LONGEST_TOKEN) return undefined;
  try {
    const header = decodeProtectedHeader(token);
    return header.alg === SIGNING_ALGORITHM && typeof header.kid === "string" ? header.kid : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What a token that looks like an access token of ours says, so that its grant can be read together with the keys.
 * Nothing is verified: use it only to choose what to read.
 */
export function unverifiedClaims(token: string): AccessTokenClaims | undefined {
  if (keyIdOf(token) === undefined) return undefined;
  try {
    return claimsSchema.safeParse(decodeJwt(token)).data;
  } catch {
    return undefined;
  }
}

/**
 * The claims of an access token of ours: signature by a key of ours, ES256 only, type, issuer and time checked.
 * Undefined for anything else. Whether its grant is live is for the caller to check in D1.
 */
export async function verifyAccessToken(rt: Runtime, token: string): Promise<AccessTokenClaims | undefined> {
  const kid = keyIdOf(token);
  const key = kid === undefined ? undefined : await verificationKey(rt, kid);
  if (!key) return undefined;
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [SIGNING_ALGORITHM],
      typ: ACCESS_TOKEN_TYPE,
      issuer: rt.issuer,
      currentDate: new Date(rt.now()),
    });
    const claims = claimsSchema.safeParse(payload);
    return claims.success ? claims.data : undefined;
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}

/**
 * The claims of an access token that we signed at any time: the token and its key may have expired. It authorizes
 * nothing, it only names a grant, as in skill events that come long after. One D1 read unless its key is cached.
 */
export async function claimsOfEndedToken(rt: Runtime, token: string): Promise<AccessTokenClaims | undefined> {
  const kid = keyIdOf(token);
  const key = kid === undefined ? undefined : await recordedVerificationKey(rt, kid);
  if (!key) return undefined;
  try {
    const { payload, protectedHeader } = await compactVerify(token, key, { algorithms: [SIGNING_ALGORITHM] });
    if (protectedHeader.typ !== ACCESS_TOKEN_TYPE) return undefined;
    const claims = claimsSchema.safeParse(parseJson(utf8Decode(payload)));
    return claims.success ? claims.data : undefined;
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}
