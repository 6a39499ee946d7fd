// Random values: ids that may be seen, secrets that may not.
import { toBase64Url } from "./encoding.ts";

const ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
/** First character of every id: room for the shard that holds the row, should one database become several. */
const SHARD = "0";

/** An opaque id: shard character and 125 random bits in Crockford's base 32, 26 characters, no separator inside. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(25));
  return SHARD + Array.from(bytes, (byte) => ID_ALPHABET[byte & 31]).join("");
}

/** `bytes` random bytes as base64url. */
export function randomSecret(bytes = 32): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(bytes)));
}
