// Password hashes: PBKDF2-SHA-512, stored with algorithm, iteration count and salt, and sealed. Imported accounts have
// another system's hash until their owners sign in.
import { fromBase64Url, toBase64Url, utf8 } from "../crypto/encoding.ts";
import { equalInConstantTime } from "../crypto/hash.ts";
import { sealedUnder } from "../crypto/keyring.ts";
import type { Runtime } from "../runtime.ts";
import { openStored } from "../storage/sealed.ts";
import { type HashRefusal, matchesForeignHash, readForeignHash } from "./foreign-hashes.ts";

const ALGORITHM = "pbkdf2-sha512";
const SALT_BYTES = 16;
const HASH_BITS = 512;
/** Workers refuse more, in production only. */
const MAX_ITERATIONS = 100_000;
const MIN_CHARACTERS = 10;
const MAX_BYTES = 1024;

/** `too_short`: fewer than 10 characters. `too_long`: more than 1,024 bytes of UTF-8. All characters are allowed. */
export function checkPassword(password: string): "acceptable" | "too_short" | "too_long" {
  const normalized = normalize(password);
  if (utf8(password).byteLength > MAX_BYTES || utf8(normalized).byteLength > MAX_BYTES) return "too_long";
  return [...normalized].length < MIN_CHARACTERS ? "too_short" : "acceptable";
}

/** NFKC, because keyboards compose the same letters differently (NIST SP 800-63B). */
function normalize(password: string): string {
  return password.normalize("NFKC");
}

async function pbkdf2(password: string, salt: Uint8Array<ArrayBuffer>, iterations: number): Promise<string> {
  const key = await crypto.subtle.importKey("raw", utf8(normalize(password)), "PBKDF2", false, ["deriveBits"]);
  return toBase64Url(
    await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-512", salt, iterations }, key, HASH_BITS),
  );
}

/** The sealed hash of an acceptable password, for the identity `subject`. */
export async function hashPassword(rt: Runtime, subject: string, password: string): Promise<string> {
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
  const iterations = rt.config.passwordIterations;
  const hash = await pbkdf2(password, salt, iterations);
  return rt.keyring.seal("password-hash", subject, [ALGORITHM, iterations, toBase64Url(salt), hash].join("$"));
}

interface OwnHash {
  readonly iterations: number;
  readonly salt: Uint8Array<ArrayBuffer>;
  readonly expected: string;
}

/** A hash that this server, or another one like it, made; undefined for any other text. */
function readOwnHash(text: string): OwnHash | undefined {
  const [, count = "", salt64 = "", expected = ""] =
    /^pbkdf2-sha512\$(\d{1,6})\$([A-Za-z0-9_-]{22})\$([A-Za-z0-9_-]{86})$/.exec(text) ?? [];
  const iterations = Number(count);
  const salt = fromBase64Url(salt64);
  return salt && iterations > 0 && iterations <= MAX_ITERATIONS ? { iterations, salt, expected } : undefined;
}

/** Why a hash that another server exported cannot be imported; undefined when it can. */
export function importRefusal(hash: string): HashRefusal | undefined {
  if (readOwnHash(hash)) return undefined;
  const foreign = readForeignHash(hash);
  return "refused" in foreign ? foreign : undefined;
}

/** Another server's hash, which `importRefusal` accepts, sealed for the identity `subject`. */
export function sealImportedHash(rt: Runtime, subject: string, hash: string): Promise<string> {
  return rt.keyring.seal("password-hash", subject, hash);
}

/** A hash, sealed again for another identity. Throws `UnreadableValue`. */
export async function moveHash(rt: Runtime, from: string, to: string, sealed: string): Promise<string> {
  const { plaintext } = await openStored(rt, "password-hash", from, sealed);
  return rt.keyring.seal("password-hash", to, plaintext);
}

/**
 * Whether `password` matches the hash `sealed`. Without a hash, or with one of fewer iterations, the missing work is
 * done as well, so that the time does not reveal which accounts exist. Another system's hash may take longer, never less
 * time. `stale`: right, and should be hashed again. Throws `UnreadableValue`.
 */
export async function verifyPassword(
  rt: Runtime,
  subject: string,
  sealed: string | null,
  password: string,
): Promise<"right" | "stale" | "wrong"> {
  const target = rt.config.passwordIterations;
  const opened = sealed === null ? null : await openStored(rt, "password-hash", subject, sealed);
  const own = opened ? readOwnHash(opened.plaintext) : undefined;
  // Oversized input cannot match. It is replaced so that the work stays bounded and the same.
  const presented = checkPassword(password) === "too_long" ? "" : password;
  if (!own) {
    const foreign = opened && presented === password ? readForeignHash(opened.plaintext) : undefined;
    if (foreign && "kind" in foreign && (await matchesForeignHash(presented, foreign))) return "stale";
    await pbkdf2(presented, new Uint8Array(SALT_BYTES), target);
    return "wrong";
  }
  const { iterations, salt, expected } = own;
  const matches = equalInConstantTime(await pbkdf2(presented, salt, iterations), expected);
  if (iterations < target) await pbkdf2(presented, salt, target - iterations);
  if (!matches || presented !== password) return "wrong";
  return iterations !== target || sealedUnder(sealed ?? "") !== rt.keyring.keyId ? "stale" : "right";
}
