// Issues, finds and revokes codes and tokens of Login with Amazon.
import { randomText } from "../library/encoding.ts";
import { type AmazonCode, type AmazonGrant, type AmazonToken, now, type Store } from "../state/store.ts";

const CODE_LIFE_MS = 5 * 60_000;
const TOKEN_LIFE_MS = 60 * 60_000;

export interface AmazonTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresIn: number;
}

/** Issues a code of 20 characters, which works once within five minutes. */
export function mintCode(store: Store, code: Omit<AmazonCode, "expiresAt" | "used">): string {
  const text = `AN${randomText(14).replaceAll(/[-_]/g, "x").slice(0, 18)}`;
  store.codes.set(text, { ...code, expiresAt: now(store) + CODE_LIFE_MS, used: false });
  return text;
}

/** What a customer allows a client; all tokens issued for it share this grant. */
export function beginGrant(grant: Omit<AmazonGrant, "id" | "revoked">): AmazonGrant {
  return { ...grant, id: randomText(9), revoked: false };
}

/** Issues an access token for one hour and, unless one is passed in, a refresh token. */
export function mintTokens(store: Store, grant: AmazonGrant, keepRefreshToken?: string): AmazonTokens {
  const accessToken = `Atza|${randomText(270)}`;
  const refreshToken = keepRefreshToken ?? `Atzr|${randomText(270)}`;
  store.accessTokens.set(accessToken, { grant, expiresAt: now(store) + TOKEN_LIFE_MS });
  store.refreshTokens.set(refreshToken, grant);
  return { accessToken, refreshToken, expiresIn: TOKEN_LIFE_MS / 1000 };
}

export type TokenState = { readonly token: AmazonToken } | { readonly problem: "unknown" | "expired" | "revoked" };

/** The grant behind an access token, or why there is none. */
export function findAccessToken(store: Store, text: string): TokenState {
  const token = store.accessTokens.get(text);
  if (!token) return { problem: "unknown" };
  if (token.grant.revoked) return { problem: "revoked" };
  return token.expiresAt <= now(store) ? { problem: "expired" } : { token };
}

/**
 * HTTP status for an unusable token: 400 if it never was a customer's token, 401 if it once was.
 * An unknown token in Amazon's format was issued before a restart, so it counts as revoked.
 */
export function statusOfBadToken(problem: "unknown" | "expired" | "revoked", text: string): 400 | 401 {
  return problem === "unknown" && !text.startsWith("Atza|") ? 400 : 401;
}

/** Revokes everything that a customer allowed the given clients. */
export function revokeGrants(store: Store, accountId: string, clientIds: readonly string[]): void {
  const grants = [...store.refreshTokens.values(), ...[...store.accessTokens.values()].map((token) => token.grant)];
  for (const grant of grants) {
    if (grant.accountId === accountId && clientIds.includes(grant.clientId)) grant.revoked = true;
  }
}
