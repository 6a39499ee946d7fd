// Password hashes from other systems. Each is verified until its owner's first sign-in, which replaces it with ours.
import { argon2i, argon2id } from "@noble/hashes/argon2.js";
import { pbkdf2 } from "@noble/hashes/pbkdf2.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { hashSync } from "bcryptjs";
import { utf8 } from "../crypto/encoding.ts";
import { nodeCrypto } from "../crypto/node-crypto.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Digest = keyof typeof MOST_ITERATIONS;

/** A hash with its parameters. `expected` is what the right password gives. */
export type ForeignHash =
  | { readonly kind: "bcrypt"; readonly setting: string; readonly prehashed: boolean; readonly expected: Bytes }
  | ({ readonly kind: "pbkdf2"; readonly digest: Digest; readonly iterations: number } & Salted)
  | ({ readonly kind: "scrypt"; readonly n: number; readonly r: number; readonly p: number } & Salted)
  | ({
      readonly kind: "argon2";
      readonly variant: string;
      readonly memoryKib: number;
      readonly passes: number;
      readonly lanes: number;
    } & Salted);

interface Salted {
  readonly salt: Bytes;
  readonly expected: Bytes;
}

/** Why a hash cannot be used; `detail` is a sentence. */
export interface HashRefusal {
  readonly refused: "hash_unsupported" | "hash_too_costly";
  readonly detail: string;
}

/** Workers refuse more iterations of WebCrypto's PBKDF2, in production only. */
const WEBCRYPTO_ITERATIONS = 100_000;
/** All iterations are done again for each digest's length of the result. */
const MOST_PBKDF2_WORK = 1_300_000;
const DIGEST_BYTES = { "SHA-1": 20, "SHA-256": 32, "SHA-512": 64 } as const;
/** JavaScript does more, for the digest of Django's and Werkzeug's default. */
const MOST_ITERATIONS = {
  "SHA-1": WEBCRYPTO_ITERATIONS,
  "SHA-256": MOST_PBKDF2_WORK,
  "SHA-512": WEBCRYPTO_ITERATIONS,
} as const;

/** What one try may cost: about two seconds of CPU, and half of the memory that an isolate has. */
const MOST_BCRYPT_COST = 14;
const MOST_MEMORY_KIB = 64 * 1024;
const MOST_ARGON2_WORK = 4 * MOST_MEMORY_KIB;
const MOST_SCRYPT_WORK = 2 ** 22;
const MOST_LANES = 64;
const LONGEST = 1000;

function unsupported(detail: string): HashRefusal {
  return { refused: "hash_unsupported", detail };
}

function tooCostly(parameter: string, limit: string): HashRefusal {
  return { refused: "hash_too_costly", detail: `${parameter} is more than a Worker can do: at most ${limit}.` };
}

/** Bytes of base64 with or without padding; passlib writes `.` for `+`. Undefined if there are fewer than `least`. */
function fromBase64(text: string, least: number): Bytes | undefined {
  if (!/^[A-Za-z0-9+/.]+={0,2}$/.test(text)) return undefined;
  const bytes = Uint8Array.from(Buffer.from(text.replaceAll(".", "+"), "base64"));
  return bytes.length >= least && bytes.length <= 256 ? bytes : undefined;
}

function fromHex(text: string, least: number): Bytes | undefined {
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(text)) return undefined;
  const bytes = Uint8Array.from(Buffer.from(text, "hex"));
  return bytes.length >= least ? bytes : undefined;
}

const LEAST_SALT = 1;
const LEAST_HASH = 16;

function bcryptOf(text: string): ForeignHash | HashRefusal | undefined {
  const [, django, setting = "", cost, hash = ""] =
    /^(bcrypt\$|bcrypt_sha256\$)?(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/.exec(text) ?? [];
  if (cost === undefined || Number(cost) < 4) return undefined;
  if (Number(cost) > MOST_BCRYPT_COST) return tooCostly(`bcrypt's cost ${cost}`, `${MOST_BCRYPT_COST}`);
  return { kind: "bcrypt", setting, prehashed: django === "bcrypt_sha256$", expected: utf8(hash) };
}

function pbkdf2Hash(digest: string, count: string, salt: Bytes | undefined, expected: Bytes | undefined) {
  const name = ({ sha1: "SHA-1", sha256: "SHA-256", sha512: "SHA-512" } as const)[digest];
  const iterations = Number(count);
  if (!name || !salt || !expected || !(iterations >= 1)) return undefined;
  const most = MOST_ITERATIONS[name];
  if (iterations > most) return tooCostly(`PBKDF2 with ${iterations} iterations of ${name}`, `${most}`);
  if (iterations * Math.ceil(expected.length / DIGEST_BYTES[name]) > MOST_PBKDF2_WORK) {
    return tooCostly(`PBKDF2 of ${expected.length} bytes`, `${MOST_PBKDF2_WORK} iterations for all digests together`);
  }
  return { kind: "pbkdf2", digest: name, iterations, salt, expected } as const;
}

/** Django and Werkzeug (the salt is text), passlib and the PHC form (base64). */
function pbkdf2Of(text: string): ForeignHash | HashRefusal | undefined {
  const django = /^pbkdf2_(sha1|sha256|sha512)\$(\d{1,9})\$([^$]{1,200})\$([^$]+)$/.exec(text);
  if (django) {
    const [, digest = "", count = "", salt = "", hash = ""] = django;
    return pbkdf2Hash(digest, count, utf8(salt), fromBase64(hash, LEAST_HASH));
  }
  const werkzeug = /^pbkdf2:(sha1|sha256|sha512):(\d{1,9})\$([^$]{1,200})\$([^$]+)$/.exec(text);
  if (werkzeug) {
    const [, digest = "", count = "", salt = "", hash = ""] = werkzeug;
    return pbkdf2Hash(digest, count, utf8(salt), fromHex(hash, LEAST_HASH));
  }
  const [, digest = "sha1", count, salt = "", hash = ""] =
    /^\$pbkdf2(?:-(sha1|sha256|sha512))?\$(?:i=)?(\d{1,9})(?:,l=\d{1,3})?\$([^$]+)\$([^$]+)$/.exec(text) ?? [];
  if (count === undefined) return undefined;
  return pbkdf2Hash(digest, count, fromBase64(salt, LEAST_SALT), fromBase64(hash, LEAST_HASH));
}

function scryptHash(n: number, r: string, p: string, salt: Bytes | undefined, expected: Bytes | undefined) {
  const [blocks, lanes] = [Number(r), Number(p)];
  if (!salt || !expected || !(n >= 2) || !Number.isInteger(Math.log2(n)) || !(blocks >= 1 && lanes >= 1)) {
    return undefined;
  }
  // RFC 7914 §2: N is less than 2^(128 * r / 8).
  if (Math.log2(n) >= 16 * blocks) return undefined;
  if ((n * blocks) / 8 > MOST_MEMORY_KIB) return tooCostly(`scrypt with N=${n} and r=${r}`, "64 MiB (128 * N * r)");
  if ((lanes * blocks) / 8 > MOST_MEMORY_KIB) return tooCostly(`scrypt with r=${r} and p=${p}`, "64 MiB (128 * r * p)");
  if (n * blocks * lanes > MOST_SCRYPT_WORK) {
    return tooCostly(`scrypt with N=${n}, r=${r} and p=${p}`, `${MOST_SCRYPT_WORK} for N * r * p`);
  }
  return { kind: "scrypt", n, r: blocks, p: lanes, salt, expected } as const;
}

/** The PHC form, which passlib writes too (base64), Django (a text and base64) and Werkzeug (a text and hex). */
function scryptOf(text: string): ForeignHash | HashRefusal | undefined {
  const django = /^scrypt\$(\d{1,9})\$([^$]{1,200})\$(\d{1,4})\$(\d{1,4})\$([^$]+)$/.exec(text);
  if (django) {
    const [, n, salt = "", r = "", p = "", hash = ""] = django;
    return scryptHash(Number(n), r, p, utf8(salt), fromBase64(hash, LEAST_HASH));
  }
  const werkzeug = /^scrypt:(\d{1,9}):(\d{1,4}):(\d{1,4})\$([^$]{1,200})\$([^$]+)$/.exec(text);
  if (werkzeug) {
    const [, n, r = "", p = "", salt = "", hash = ""] = werkzeug;
    return scryptHash(Number(n), r, p, utf8(salt), fromHex(hash, LEAST_HASH));
  }
  const [, ln, r = "", p = "", salt = "", hash = ""] =
    /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,4}),p=(\d{1,4})\$([^$]+)\$([^$]+)$/.exec(text) ?? [];
  if (ln === undefined) return undefined;
  return scryptHash(2 ** Number(ln), r, p, fromBase64(salt, LEAST_SALT), fromBase64(hash, LEAST_HASH));
}

/** The PHC form; Django writes `argon2` before it. */
function argon2Of(text: string): ForeignHash | HashRefusal | undefined {
  const [, variant, m, t, p, salt64 = "", hash64 = ""] =
    /^(?:argon2)?\$(argon2id|argon2i)\$v=19\$m=(\d{1,9}),t=(\d{1,4}),p=(\d{1,3})\$([^$]+)\$([^$]+)$/.exec(text) ?? [];
  const [memoryKib, passes, lanes] = [Number(m), Number(t), Number(p)];
  const salt = fromBase64(salt64, 8);
  const expected = fromBase64(hash64, LEAST_HASH);
  if (variant === undefined || !salt || !expected || !(passes >= 1) || !(lanes >= 1)) return undefined;
  if (memoryKib < 8 * lanes) return undefined;
  if (memoryKib > MOST_MEMORY_KIB) return tooCostly(`Argon2 with m=${memoryKib}`, `${MOST_MEMORY_KIB} KiB`);
  if (memoryKib * passes > MOST_ARGON2_WORK) {
    return tooCostly(`Argon2 with m=${memoryKib} and t=${passes}`, `${MOST_ARGON2_WORK} for m * t`);
  }
  if (lanes > MOST_LANES) return tooCostly(`Argon2 with p=${lanes}`, `${MOST_LANES}`);
  return { kind: "argon2", variant, memoryKib, passes, lanes, salt, expected };
}

/** ASP.NET Core Identity: version 3 names its parameters, version 2 has fixed ones. */
function aspNetOf(text: string): ForeignHash | HashRefusal | undefined {
  const bytes = fromBase64(text, 1 + 16 + 32);
  if (!bytes) return undefined;
  if (bytes[0] === 0 && bytes.length === 1 + 16 + 32) {
    return pbkdf2Hash("sha1", "1000", bytes.slice(1, 17), bytes.slice(17));
  }
  if (bytes[0] !== 1) return undefined;
  const numbers = new DataView(bytes.buffer);
  const digest = ["sha1", "sha256", "sha512"][numbers.getUint32(1)];
  const saltEnd = 13 + numbers.getUint32(9);
  if (digest === undefined || saltEnd === 13 || saltEnd + LEAST_HASH > bytes.length) return undefined;
  return pbkdf2Hash(digest, `${numbers.getUint32(5)}`, bytes.slice(13, saltEnd), bytes.slice(saltEnd));
}

/** The hash in a text as other systems store it, or why it cannot be used. */
export function readForeignHash(text: string): ForeignHash | HashRefusal {
  const read =
    text.length > LONGEST
      ? undefined
      : (bcryptOf(text) ?? argon2Of(text) ?? scryptOf(text) ?? pbkdf2Of(text) ?? aspNetOf(text));
  return read ?? unsupported("Not a bcrypt, scrypt, PBKDF2 or Argon2 hash in a form that this server reads.");
}

function scrypt(password: Bytes, { n, r, p, salt, expected }: ForeignHash & { kind: "scrypt" }): Uint8Array {
  const maxmem = 2 * MOST_MEMORY_KIB * 1024;
  return nodeCrypto().scryptSync(password, salt, expected.length, { N: n, r, p, maxmem });
}

async function derivePbkdf2(password: Bytes, hash: ForeignHash & { kind: "pbkdf2" }): Promise<Uint8Array> {
  const { digest, iterations, salt, expected } = hash;
  if (iterations > WEBCRYPTO_ITERATIONS) {
    return pbkdf2(sha256, password, salt, { c: iterations, dkLen: expected.length });
  }
  const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  const parameters = { name: "PBKDF2", hash: digest, salt, iterations };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, key, expected.length * 8));
}

async function derive(typed: string, hash: ForeignHash): Promise<Uint8Array> {
  const password = utf8(typed);
  switch (hash.kind) {
    case "bcrypt": {
      // As bcrypt does: bytes after the 72nd do not count.
      const text = hash.prehashed ? nodeCrypto().createHash("sha256").update(password).digest("hex") : typed;
      return utf8(hashSync(text, hash.setting).slice(hash.setting.length));
    }
    case "pbkdf2":
      return derivePbkdf2(password, hash);
    case "scrypt":
      return scrypt(password, hash);
    case "argon2": {
      const { variant, memoryKib, passes, lanes, salt, expected } = hash;
      const argon2 = variant === "argon2id" ? argon2id : argon2i;
      return argon2(password, salt, { m: memoryKib, t: passes, p: lanes, dkLen: expected.length });
    }
  }
}

/** Whether the password, as it was typed, matches. Other systems did not normalise it. */
export async function matchesForeignHash(typed: string, hash: ForeignHash): Promise<boolean> {
  const derived = await derive(typed, hash);
  return derived.length === hash.expected.length && nodeCrypto().timingSafeEqual(derived, hash.expected);
}
