// Customers' tokens from Amazon, sealed, one row per grant and purpose. They never leave the server.
import * as z from "zod/mini";
import type { Keyring } from "../../crypto/keyring.ts";

/** A customer's tokens from Amazon. Times are milliseconds since 1970. */
export interface AmazonTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly accessExpiresAt: number;
}

/** `enablement`: status and unlink of a link that we made; `event_gateway`: from AcceptGrant; `reciprocal`: from reciprocal authorization. */
export type TokenPurpose = "enablement" | "event_gateway" | "reciprocal";

/** Where sealed tokens lie: with a grant, or with the linking that is still running. */
export type TokenOwner = { readonly grantId: string; readonly purpose: TokenPurpose } | { readonly attemptId: string };

const schema = z.object({ accessToken: z.string(), refreshToken: z.string(), accessExpiresAt: z.number() });

/** What sealed tokens are bound to besides their purpose. */
export function tokensSealContext(owner: TokenOwner): string {
  return "attemptId" in owner ? `linking ${owner.attemptId}` : `${owner.purpose} ${owner.grantId}`;
}

/** The tokens as their row keeps them: sealed, bound to their owner. */
export function sealTokens(keyring: Keyring, owner: TokenOwner, tokens: AmazonTokens): Promise<string> {
  return keyring.seal("amazon-tokens", tokensSealContext(owner), JSON.stringify(tokens));
}

/** The tokens; null when they were sealed for another owner or their master key is gone. */
export async function openTokens(keyring: Keyring, owner: TokenOwner, sealed: string): Promise<AmazonTokens | null> {
  const opened = await keyring.open("amazon-tokens", tokensSealContext(owner), sealed);
  return opened ? schema.parse(JSON.parse(opened.plaintext)) : null;
}
