// An access token of Amazon's that is good for a while: read from storage, and refreshed ahead of its end.
import type { Runtime } from "../runtime.ts";
import { grantTokensContext, openTokens, sealTokens, type TokenPurpose } from "../storage/amazon/amazon-tokens.ts";
import {
  findTokenGrant,
  forgetTokens,
  type GrantChoice,
  moveTokens,
  replaceTokens,
  type StoredTokens,
} from "../storage/amazon/held-tokens.ts";
import { credentialsFor } from "./grant-code.ts";
import { EXPIRY_MARGIN_MS, refreshAmazonTokens } from "./lwa.ts";
import { gatewayOrigin, type Region } from "./regions.ts";

/** A backend's token is good for at least this long. */
const GATEWAY_MARGIN_MS = 300_000;
/** After a refusal by LWA: gives a parallel refresh time to store the tokens that it got. */
const PARALLEL_REFRESH_MS = 300;

/** Tokens of a live grant, as storage gives them. */
export interface HeldTokens extends StoredTokens {
  readonly skillId: string;
  readonly host: string;
  readonly accessExpiresAt: number;
}

export type FreshToken =
  | {
      readonly outcome: "fresh";
      readonly accessToken: string;
      /** Milliseconds since 1970. */
      readonly expiresAt: number;
      readonly host: string;
      /** The tokens as they are stored now, sealed. */
      readonly stored: string;
    }
  /** LWA refuses the refresh token: we have forgotten the tokens, and the grant lives on without them. */
  | { readonly outcome: "refused" }
  | { readonly outcome: "amazon_unavailable" };

export type GatewayToken =
  | Extract<FreshToken, { outcome: "fresh" | "amazon_unavailable" }>
  | { readonly outcome: "grant_unknown" }
  /** The grant is live, but there are no tokens for it that can be used. */
  | { readonly outcome: "no_tokens" };

/**
 * A token good for five minutes or more, for a skill's backend. One D1 read unless it has to be refreshed, or `region`
 * is given and differs from the stored one: it is stored with the token.
 */
export async function gatewayToken(
  rt: Runtime,
  purpose: TokenPurpose,
  choice: GrantChoice,
  skillIds: readonly string[],
  region?: Region,
): Promise<GatewayToken> {
  const found = await readHeldTokens(rt, purpose, choice, skillIds);
  if (found === "grant_unknown" || found === "no_tokens") return { outcome: found };
  const host = region === undefined ? found.host : gatewayOrigin(region);
  if (host !== found.host) await moveTokens(rt.db, found, host);
  const token = await freshToken(rt, { ...found, host }, GATEWAY_MARGIN_MS);
  return token.outcome === "refused" ? { outcome: "no_tokens" } : token;
}

async function readHeldTokens(
  rt: Runtime,
  purpose: TokenPurpose,
  choice: GrantChoice,
  skillIds: readonly string[],
): Promise<HeldTokens | "grant_unknown" | "no_tokens"> {
  const grant = await findTokenGrant(rt.db, purpose, choice, skillIds, rt.now());
  if (!grant) return "grant_unknown";
  const { grantId, skillId, host, tokens, accessExpiresAt } = grant;
  if (host === null || tokens === null || accessExpiresAt === null) return "no_tokens";
  return { grantId, purpose, skillId, host, tokens, accessExpiresAt };
}

/**
 * The access token of `held`, refreshed first when it ends within `marginMs`. Refreshed tokens are stored before they
 * are used, by compare-and-set: of parallel refreshes one stores its tokens, and the others use those. Throws
 * `UnreadableValue`.
 */
export async function freshToken(rt: Runtime, held: HeldTokens, marginMs = EXPIRY_MARGIN_MS): Promise<FreshToken> {
  const context = grantTokensContext(held.grantId, held.purpose);
  const tokens = await openTokens(rt, context, held.tokens);
  const present: FreshToken = {
    outcome: "fresh",
    accessToken: tokens.accessToken,
    expiresAt: tokens.accessExpiresAt,
    host: held.host,
    stored: held.tokens,
  };
  if (tokens.accessExpiresAt - marginMs > rt.now()) return present;
  const credentials = await credentialsFor(rt, held.skillId, held.purpose);
  const response = credentials && (await refreshAmazonTokens(rt, credentials, tokens));
  if (response?.outcome === "tokens") {
    const { accessToken, accessExpiresAt } = response.tokens;
    const sealed = await sealTokens(rt.keyring, context, response.tokens);
    const stored = await replaceTokens(rt.db, held, { sealed, accessExpiresAt }, rt.now());
    if (!stored) return (await replacedTokens(rt, held)) ?? { outcome: "refused" };
    return { outcome: "fresh", accessToken, expiresAt: accessExpiresAt, host: held.host, stored: sealed };
  }
  if (response?.outcome === "ended") {
    await new Promise((resolve) => setTimeout(resolve, PARALLEL_REFRESH_MS));
    const replaced = await replacedTokens(rt, held);
    if (replaced) return replaced;
    if (await forgetTokens(rt.db, held, "refresh_rejected", rt.now())) {
      rt.log.alert("amazon_tokens_refused_often", { skillId: held.skillId });
    }
    return { outcome: "refused" };
  }
  return tokens.accessExpiresAt - EXPIRY_MARGIN_MS > rt.now() ? present : { outcome: "amazon_unavailable" };
}

/** The tokens that another request has stored in place of `held`; undefined when there are none. */
async function replacedTokens(rt: Runtime, held: HeldTokens): Promise<FreshToken | undefined> {
  const now = await readHeldTokens(rt, held.purpose, { grantId: held.grantId }, [held.skillId]);
  if (typeof now === "string" || now.tokens === held.tokens) return undefined;
  const tokens = await openTokens(rt, grantTokensContext(held.grantId, held.purpose), now.tokens);
  const { accessToken, accessExpiresAt } = tokens;
  return { outcome: "fresh", accessToken, expiresAt: accessExpiresAt, host: now.host, stored: now.tokens };
}
