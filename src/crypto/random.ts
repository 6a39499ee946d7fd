// Random values: public ids and secrets.
import { toBase64Url } from "./encoding.ts";

const ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
/** First character of every id: names the database that holds the row, for a deployment with several. */
const SHARD = "0";
const ID_BYTES = 25;

/** An opaque id: shard character and 125 random bits in Crockford's base 32, 26 characters, no separator inside. */
export function randomId(): string {
  return idOf(crypto.getRandomValues(new Uint8Array(ID_BYTES)));
}

/** The id made of given bytes; only the first 25 are used. */
export function idOf(bytes: Uint8Array): string {
  return SHARD + Array.from(bytes.slice(0, ID_BYTES), (byte) => ID_ALPHABET[byte & 31]).join("");
}

/** `bytes` random bytes as base64url. */
export function randomSecret(bytes = 32): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(bytes)));
}
