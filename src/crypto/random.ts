// Random values: ids that may be seen, secrets that may not.
import { toBase64Url } from "./encoding.ts";

const ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
/** First character of every id: room for the shard that holds the row, should one database become several. */
const SHARD = "0";
const ID_BYTES = 25;

/** An opaque id: shard character and 125 random bits in Crockford's base 32, 26 characters, no separator inside. */
export function randomId(): string {
  return idOf(crypto.getRandomValues(new Uint8Array(ID_BYTES)));
}

/** The same for bytes that are known: those after the first 25 do not count. */
export function idOf(bytes: Uint8Array): string {
  return SHARD + Array.from(bytes.slice(0, ID_BYTES), (byte) => ID_ALPHABET[byte & 31]).join("");
}

/** `bytes` random bytes as base64url. */
export function randomSecret(bytes = 32): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(bytes)));
}
