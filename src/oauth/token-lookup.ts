// Which grant a presented token of either kind belongs to, verified, for revocation and introspection.
import { equalInConstantTime, sha256 } from "../crypto/hash.ts";
import type { Runtime } from "../runtime.ts";
import { type GrantRow, grantLives, readGrant, readImportedGrant } from "../storage/grants/grants.ts";
import { type AccessTokenClaims, verifyAccessToken } from "./access-tokens.ts";
import { chainLink, HASH_LENGTH, type PresentedRefreshToken, parseRefreshToken } from "./refresh-tokens.ts";

export type FoundToken =
  | { readonly kind: "access"; readonly claims: AccessTokenClaims; readonly grant: GrantRow | null }
  | { readonly kind: "refresh"; readonly grant: GrantRow };

/**
 * Finds a token: an access token by its signature, a refresh token by its grant's hash (for rotating grants the current, the next, or a
 * retired link), or one that another server gave out by the hash of it all. Undefined for anything that is not ours. One D1 read for those of
 * ours, at most two.
 */
export async function findToken(rt: Runtime, token: string): Promise<FoundToken | undefined> {
  const presented = parseRefreshToken(token);
  const own = presented ? await findOwnRefreshToken(rt, presented) : undefined;
  if (own) return own;
  const claims = presented ? undefined : await verifyAccessToken(rt, token);
  if (claims) {
    return { kind: "access", claims, grant: claims.grant === undefined ? null : await readGrant(rt.db, claims.grant) };
  }
  const imported = await readImportedGrant(rt.db, await sha256(token));
  return imported ? { kind: "refresh", grant: imported } : undefined;
}

async function findOwnRefreshToken(rt: Runtime, presented: PresentedRefreshToken): Promise<FoundToken | undefined> {
  const [grant, hash] = await Promise.all([readGrant(rt.db, presented.grantId), sha256(presented.secret)]);
  const known = equalInConstantTime(hash, grant?.refresh_hash ?? "-".repeat(HASH_LENGTH));
  if (!grant) return undefined;
  if (known) return { kind: "refresh", grant };
  if (!presented.rotating || grant.rotation_key === null) return undefined;
  const link = await chainLink(rt, grant.id, grant.rotation_key, presented.secret);
  return link ? { kind: "refresh", grant } : undefined;
}

/** Whether a refresh token found by `findToken` would be accepted now: current or next link of a living grant. */
export async function refreshTokenIsActive(rt: Runtime, token: string, grant: GrantRow): Promise<boolean> {
  if (!grantLives(grant, rt.now())) return false;
  // Found by its hash: there is no other token of this grant.
  if (grant.imported_at !== null) return true;
  const presented = parseRefreshToken(token);
  if (!presented) return false;
  const hash = await sha256(presented.secret);
  return hash === grant.refresh_hash || hash === grant.next_hashes.slice(0, HASH_LENGTH);
}
