// Password hashes: PBKDF2-SHA-512, stored with algorithm, iteration count and salt, and sealed.
import { fromBase64Url, toBase64Url, utf8 } from "../crypto/encoding.ts";
import { equalInConstantTime } from "../crypto/hash.ts";
import { sealedUnder } from "../crypto/keyring.ts";
import type { Runtime } from "../runtime.ts";
import { openStored } from "../storage/sealed.ts";

const ALGORITHM = "pbkdf2-sha512";
const SALT_BYTES = 16;
const HASH_BITS = 512;
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

/** A hash, sealed again for another identity. Throws `UnreadableValue`. */
export async function moveHash(rt: Runtime, from: string, to: string, sealed: string): Promise<string> {
  const { plaintext } = await openStored(rt, "password-hash", from, sealed);
  return rt.keyring.seal("password-hash", to, plaintext);
}

/**
 * Whether `password` matches the hash `sealed`. Without a hash, or with one of fewer iterations, the missing work is
 * done as well, so that the time does not reveal which accounts exist. `stale`: right, and should be hashed again. Throws
 * `UnreadableValue`.
 */
export async function verifyPassword(
  rt: Runtime,
  subject: string,
  sealed: string | null,
  password: string,
): Promise<"right" | "stale" | "wrong"> {
  const target = rt.config.passwordIterations;
  const opened = sealed === null ? null : await openStored(rt, "password-hash", subject, sealed);
  const [algorithm = "", count = "", salt = "", expected = ""] = opened?.plaintext.split("$") ?? [];
  const iterations = Number(count);
  const saltBytes = fromBase64Url(salt);
  // Oversized input cannot match. It is replaced so that the work stays bounded and the same.
  const presented = checkPassword(password) === "too_long" ? "" : password;
  if (algorithm !== ALGORITHM || !saltBytes || !(iterations > 0)) {
    await pbkdf2(presented, new Uint8Array(SALT_BYTES), target);
    return "wrong";
  }
  const matches = equalInConstantTime(await pbkdf2(presented, saltBytes, iterations), expected);
  if (iterations < target) await pbkdf2(presented, saltBytes, target - iterations);
  if (!matches || presented !== password) return "wrong";
  return iterations !== target || sealedUnder(sealed ?? "") !== rt.keyring.keyId ? "stale" : "right";
}
