// Customers' tokens from Amazon: how they are sealed, and for which context. They never leave the server.
import * as z from "zod/mini";
import type { Keyring } from "../../crypto/keyring.ts";
import { schemaOf } from "../../schema-of.ts";
import { type Opener, openStored } from "../sealed.ts";

/** A customer's tokens from Amazon. Times are milliseconds since 1970. */
export interface AmazonTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly accessExpiresAt: number;
  /** Hash of the client pair that Login with Amazon gave them to. Its refusal of another pair says nothing about them. */
  readonly pairHash: string;
}

/** `enablement`: for status and unlinking; `event_gateway`: from AcceptGrant; `reciprocal`: from that flow. */
export type TokenPurpose = "enablement" | "event_gateway" | "reciprocal";

/** What sealed tokens are bound to. It stays the same when a row moves from one table to another. */
export type SealContext = `${TokenPurpose} ${string}` | `attempt ${string}`;

/** For tokens stored with a grant. SQL writes it too, where tokens move to `pending_unlinks`. */
export function grantTokensContext(grantId: string, purpose: TokenPurpose): SealContext {
  return `${purpose} ${grantId}`;
}

/** For tokens of an unfinished link attempt. SQL also writes it when tokens move to `pending_unlinks`. */
export function attemptTokensContext(attemptId: string): SealContext {
  return `attempt ${attemptId}`;
}

const schema = () =>
  z.object({
    accessToken: z.string(),
    refreshToken: z.string(),
    accessExpiresAt: z.number(),
    pairHash: z.string(),
  });

/** Seals tokens for storage. */
export function sealTokens(keyring: Keyring, context: SealContext, tokens: AmazonTokens): Promise<string> {
  return keyring.seal("amazon-tokens", context, JSON.stringify(tokens));
}

/** The tokens. Throws `UnreadableValue` when they were sealed for another context or their master key is gone. */
export async function openTokens(rt: Opener, context: SealContext, sealed: string): Promise<AmazonTokens> {
  const { plaintext } = await openStored(rt, "amazon-tokens", context, sealed);
  return schemaOf(schema).parse(JSON.parse(plaintext));
}
