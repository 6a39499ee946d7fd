// Customers' tokens from Amazon, sealed, one row per grant and purpose. They never leave the server.
import * as z from "zod/mini";
import type { Keyring } from "../crypto/keyring.ts";
import { write } from "./d1.ts";

/** A customer's tokens from Amazon. Times are milliseconds since 1970. */
export interface AmazonTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly accessExpiresAt: number;
}

/** `enablement`: status and unlink of a link that we made; `event_gateway`: from AcceptGrant; `reciprocal`: from reciprocal authorization. */
export type TokenPurpose = "enablement" | "event_gateway" | "reciprocal";

/** Where sealed tokens lie: with a grant, or with the linking that is still running. */
export type TokenOwner = { readonly grantId: string; readonly purpose: TokenPurpose } | { readonly linkingId: string };

const schema = z.object({ accessToken: z.string(), refreshToken: z.string(), accessExpiresAt: z.number() });

/** What sealed tokens are bound to besides their purpose. */
export function tokensSealContext(owner: TokenOwner): string {
  return "linkingId" in owner ? `linking ${owner.linkingId}` : `${owner.purpose} ${owner.grantId}`;
}

export function sealTokens(keyring: Keyring, owner: TokenOwner, tokens: AmazonTokens): Promise<string> {
  return keyring.seal("amazon-tokens", tokensSealContext(owner), JSON.stringify(tokens));
}

/** The tokens; null when they were sealed for another owner or their master key is gone. */
export async function openTokens(keyring: Keyring, owner: TokenOwner, sealed: string): Promise<AmazonTokens | null> {
  const opened = await keyring.open("amazon-tokens", tokensSealContext(owner), sealed);
  return opened ? schema.parse(JSON.parse(opened.plaintext)) : null;
}

export interface TokenRow {
  readonly grant_id: string;
  readonly host: string;
  readonly tokens: string;
  readonly access_expires_at: number;
  readonly updated_at: number;
}

/** Replaces tokens after a refresh, unless another request has replaced them since they were read. */
export async function replaceTokens(
  db: D1Database,
  keyring: Keyring,
  row: TokenRow,
  purpose: TokenPurpose,
  tokens: AmazonTokens,
  now: number,
): Promise<void> {
  const sealed = await sealTokens(keyring, { grantId: row.grant_id, purpose }, tokens);
  await write(
    db
      .prepare(
        `UPDATE amazon_tokens SET tokens = ?, access_expires_at = ?, updated_at = ?
         WHERE grant_id = ? AND purpose = ? AND tokens = ?`,
      )
      .bind(sealed, tokens.accessExpiresAt, now, row.grant_id, purpose, row.tokens),
    true,
  );
}
