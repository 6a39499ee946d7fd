// Which grant a presented token belongs to, verified: for refreshes, revocation and introspection.
import { sha256 } from "../crypto/hash.ts";
import type { Runtime } from "../runtime.ts";
import { type Grant, readGrant, readImportedGrant } from "../storage/grants/grants.ts";
import { type AccessTokenClaims, verifyAccessToken } from "./access-tokens.ts";
import { isGenuine, type PresentedRefreshToken, parseRefreshToken } from "./refresh-tokens.ts";

export interface FoundRefreshToken {
  readonly kind: "refresh";
  readonly grant: Grant;
  /** null: a stable token. */
  readonly generation: number | null;
}

export type FoundToken =
  | { readonly kind: "access"; readonly claims: AccessTokenClaims; readonly grant: Grant | undefined }
  | FoundRefreshToken;

/** The grant of a refresh token that we issued, retired ones included. One D1 read. */
export async function findOwnRefreshToken(
  rt: Runtime,
  presented: PresentedRefreshToken,
): Promise<FoundRefreshToken | undefined> {
  const grant = await readGrant(rt.db, presented.grantId, rt.now());
  if (!grant || !(await isGenuine(rt, presented, grant))) return undefined;
  return { kind: "refresh", grant, generation: presented.generation };
}

/** The grant of a refresh token that another server issued, whatever its form. One D1 read. */
export async function findImportedToken(rt: Runtime, token: string): Promise<FoundRefreshToken | undefined> {
  const grant = await readImportedGrant(rt.db, await sha256(token), rt.now());
  return grant && { kind: "refresh", grant, generation: null };
}

/** Finds a token of any kind, ours or imported; else undefined. One D1 read for our own, at most two. */
export async function findToken(rt: Runtime, token: string): Promise<FoundToken | undefined> {
  const presented = parseRefreshToken(token);
  const own = presented && (await findOwnRefreshToken(rt, presented));
  if (own) return own;
  const claims = presented ? undefined : await verifyAccessToken(rt, token);
  if (!claims) return findImportedToken(rt, token);
  const grant = claims.grant === undefined ? undefined : await readGrant(rt.db, claims.grant, rt.now());
  return { kind: "access", claims, grant };
}

/** Whether a rotating token is older than one that was used already. */
export function isRetired({ grant, generation }: FoundRefreshToken): boolean {
  return generation !== null && generation < grant.generation;
}
