// Stable tokens are `rt_<grant id>_<secret>`; rotating ones have `<generation>_` before a derived secret.
import { toBase64Url } from "../crypto/encoding.ts";
import { equalInConstantTime, sha256 } from "../crypto/hash.ts";
import { randomSecret } from "../crypto/random.ts";
import type { Runtime } from "../runtime.ts";
import type { RefreshTokenRecord } from "../storage/grants/codes.ts";
import type { Grant } from "../storage/grants/grants.ts";

/** Generations have at most nine digits: one refresh a second reaches the end after 31 years. */
const TOKEN = /^rt_([0-9a-z]{26})_(?:([1-9][0-9]{0,8})_)?([A-Za-z0-9_-]{43})$/;
const SECRET_BYTES = 32;
/** A grant's row starts at 0, "no token was used yet", so the first token is of generation 1. */
const FIRST_GENERATION = 1;

export interface PresentedRefreshToken {
  readonly grantId: string;
  /** null: a stable token, by its form. */
  readonly generation: number | null;
  readonly secret: string;
}

/** Parts of a refresh token; undefined when it cannot be one of ours. */
export function parseRefreshToken(token: string): PresentedRefreshToken | undefined {
  const [, grantId, generation, secret] = TOKEN.exec(token) ?? [];
  if (grantId === undefined || secret === undefined) return undefined;
  return { grantId, generation: generation === undefined ? null : Number(generation), secret };
}

/** A new grant's first refresh token, and what its row keeps of it. */
export type NewRefreshToken = RefreshTokenRecord & { readonly token: string };

/** A random token that stays the same for as long as the grant lives. */
export async function newStableToken(grantId: string): Promise<NewRefreshToken> {
  const secret = randomSecret(SECRET_BYTES);
  return { token: `rt_${grantId}_${secret}`, hash: await sha256(secret), salt: null };
}

/** The first of a grant's rotating tokens. */
export async function newRotatingToken(rt: Runtime, grantId: string): Promise<NewRefreshToken> {
  const salt = randomSecret(SECRET_BYTES);
  return { token: await rotatingToken(rt, { id: grantId, salt }, FIRST_GENERATION), hash: null, salt };
}

interface SaltedGrant {
  readonly id: string;
  readonly salt: string;
}

async function secretOf(rt: Runtime, grant: SaltedGrant, generation: number, keyId: string): Promise<string> {
  return toBase64Url(await rt.keyring.derive("refresh-token", `${grant.id} ${generation} ${grant.salt}`, keyId));
}

/** The rotating token of a generation: always the same one as long as MASTER_KEY stays. */
export async function rotatingToken(rt: Runtime, grant: SaltedGrant, generation: number): Promise<string> {
  return `rt_${grant.id}_${generation}_${await secretOf(rt, grant, generation, rt.keyring.keyId)}`;
}

/**
 * Whether we issued this token for this grant, at any time. Rotating tokens also count when they were issued under the
 * previous master key; their successor is then one of the current key.
 */
export async function isGenuine(rt: Runtime, presented: PresentedRefreshToken, grant: Grant): Promise<boolean> {
  const { generation, secret } = presented;
  if (generation === null) return equalInConstantTime(await sha256(secret), grant.refreshHash ?? "");
  const { id, salt } = grant;
  if (salt === null) return false;
  const keyIds = [rt.keyring.keyId, rt.keyring.previousKeyId].filter((keyId) => keyId !== undefined);
  const secrets = await Promise.all(keyIds.map((keyId) => secretOf(rt, { id, salt }, generation, keyId)));
  return secrets.some((expected) => equalInConstantTime(secret, expected));
}
