// Signing keys: made on first use, published before they sign, rotated while every issued token still verifies.
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from "jose";
import { toBase64Url, utf8 } from "../crypto/encoding.ts";
import type { Runtime } from "../runtime.ts";
import {
  dropSigningKey,
  forgetOldSigningKeys,
  insertFirstSigningKey,
  insertNextSigningKey,
  type NewSigningKey,
  readAllSigningKeys,
  readKeysAnd,
  readSigningKey,
  type SigningKey,
  signsAt,
} from "../storage/maintenance/signing-keys.ts";
import { openStored } from "../storage/sealed.ts";
import { batch, type Sql } from "../storage/sql.ts";

export const SIGNING_ALGORITHM = "ES256";
/** `typ` of the only JWTs that we sign (RFC 9068 §2.1). */
export const ACCESS_TOKEN_TYPE = "at+jwt";
/** How long clients may cache our key set. The next key signs after twice this time. */
export const JWKS_MAX_AGE_SECONDS = 300;
const PUBLISHED_AHEAD_MS = 2 * JWKS_MAX_AGE_SECONDS * 1000;
/** How long a key signs before the scheduled handler replaces it. */
const ROTATION_PERIOD_MS = 90 * 24 * 3600 * 1000;

const signers = new WeakMap<SigningKey, Promise<Signer>>();
const publicKeys = new WeakMap<SigningKey, Promise<CryptoKey>>();

/** A fresh ES256 key pair; `kid` is the start of its thumbprint (RFC 7638), short because every token carries it. */
async function makeSigningKey(): Promise<NewSigningKey> {
  const pair = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true });
  const [publicJwk, privateJwk] = await Promise.all([exportJWK(pair.publicKey), exportJWK(pair.privateKey)]);
  return { kid: (await calculateJwkThumbprint(publicJwk)).slice(0, 12), publicJwk, privateJwk };
}

function signerAmong(keys: readonly SigningKey[], now: number): SigningKey | undefined {
  return keys.find((key) => signsAt(key, now));
}

/** All keys that verify now; from the isolate's cache, else one D1 read. `fresh` reads D1 in any case. */
async function loadSigningKeys(rt: Runtime, fresh = false): Promise<readonly SigningKey[]> {
  const cached = fresh ? undefined : rt.caches.signingKeys(rt.now());
  if (cached) return cached;
  const { keys } = await readKeysAnd(rt.db, rt.now(), []);
  return rememberSigningKeys(rt, keys);
}

/** The rows of each read. One round trip, which also refreshes the isolate's signing keys when they are stale. */
export async function readBesideKeys(rt: Runtime, reads: readonly Sql[]): Promise<Record<string, unknown>[][]> {
  if (rt.caches.signingKeys(rt.now())) return batch(rt.db, reads, true);
  const { keys, rows } = await readKeysAnd(rt.db, rt.now(), reads);
  await rememberSigningKeys(rt, keys);
  return rows;
}

/** Caches keys that were just read; makes the first key when there is none to sign with. */
async function rememberSigningKeys(rt: Runtime, read: readonly SigningKey[]): Promise<readonly SigningKey[]> {
  let keys = read;
  if (!signerAmong(keys, rt.now())) {
    keys = await insertFirstSigningKey(rt.db, rt.keyring, await makeSigningKey(), rt.now());
    rt.log.info("signing_key_made");
  }
  rt.caches.rememberSigningKeys(keys, rt.now());
  return keys;
}

/** A private key that is ready to sign access tokens, and their protected header, encoded. */
export interface Signer {
  readonly kid: string;
  readonly protectedHeader: string;
  readonly key: CryptoKey;
}

/** The key that signs now, opened. Throws `UnreadableValue` when its master key is gone. */
export async function currentSigner(rt: Runtime): Promise<Signer> {
  const key = signerAmong(await loadSigningKeys(rt), rt.now());
  if (!key) throw new Error("no signing key");
  let signer = signers.get(key);
  if (!signer) {
    signer = openSigner(rt, key);
    signers.set(key, signer);
  }
  return signer;
}

async function openSigner(rt: Runtime, { kid, sealedPrivateJwk }: SigningKey): Promise<Signer> {
  const { plaintext } = await openStored(rt, "signing-key", kid, sealedPrivateJwk);
  const protectedHeader = toBase64Url(utf8(JSON.stringify({ alg: SIGNING_ALGORITHM, typ: ACCESS_TOKEN_TYPE, kid })));
  return { kid, protectedHeader, key: (await importJWK(JSON.parse(plaintext) as JWK, SIGNING_ALGORITHM)) as CryptoKey };
}

function importPublicKey(key: SigningKey): Promise<CryptoKey> {
  let imported = publicKeys.get(key);
  if (!imported) {
    imported = importJWK(key.publicJwk, SIGNING_ALGORITHM) as Promise<CryptoKey>;
    publicKeys.set(key, imported);
  }
  return imported;
}

/** The public key named `kid`. An unknown name reads D1 once, since another isolate may have rotated. */
export async function verificationKey(rt: Runtime, kid: string): Promise<CryptoKey | undefined> {
  const now = rt.now();
  const among = (keys: readonly SigningKey[]) =>
    keys.find((key) => key.kid === kid && (key.verifiesUntil === null || key.verifiesUntil > now));
  const found = among(await loadSigningKeys(rt)) ?? among(await loadSigningKeys(rt, true));
  return found && importPublicKey(found);
}

/**
 * The public key named `kid` as long as it is on record: for tokens that only name a grant and may have expired (skill
 * events). From the isolate's cache, else one D1 read.
 */
export async function recordedVerificationKey(rt: Runtime, kid: string): Promise<CryptoKey | undefined> {
  const known = rt.caches.signingKeys(rt.now())?.find((key) => key.kid === kid) ?? rt.caches.recordedKeys.get(kid);
  const key = known ?? (await readSigningKey(rt.db, kid));
  if (!key) return undefined;
  rt.caches.recordedKeys.set(kid, key);
  return importPublicKey(key);
}

/** The public key set (RFC 7517): keys that sign, will sign, or have signed tokens that may still be valid. */
export async function publicKeySet(rt: Runtime): Promise<{ keys: JWK[] }> {
  const keys = await loadSigningKeys(rt);
  return { keys: keys.map((key) => ({ ...key.publicJwk, kid: key.kid, alg: SIGNING_ALGORITHM, use: "sig" })) };
}

/** What a rotation did. `pending`: a next key was published already, and nothing was changed. */
export type KeyRotation = "rotated" | "pending" | "dropped" | "key_unknown";

/**
 * Publishes a next signing key, which signs after twice the key set's max-age; the present one then verifies until all
 * its tokens have expired. `compromised`: that key is dropped at once instead, and another signs. Other isolates see a
 * drop within a minute, when their cache expires. `actor`: the operator who asked.
 */
export async function rotateSigningKey(
  rt: Runtime,
  options: { readonly compromised?: string | undefined } = {},
  actor?: string,
): Promise<KeyRotation> {
  if (options.compromised !== undefined) return dropCompromised(rt, options.compromised, actor);
  await loadSigningKeys(rt);
  return (await publishNext(rt, rt.now(), actor)) ? "rotated" : "pending";
}

/**
 * Publishes a next key when the present one has signed for 90 days, and removes keys that are not needed any more. True
 * when it published one; of two calls one does.
 */
export async function rotateKeysWhenDue(rt: Runtime): Promise<boolean> {
  await forgetOldSigningKeys(rt.db, rt.now());
  const startedBefore = rt.now() - ROTATION_PERIOD_MS;
  const signer = signerAmong(await loadSigningKeys(rt, true), rt.now());
  if (!signer || signer.signsFrom > startedBefore) return false;
  return publishNext(rt, startedBefore);
}

async function publishNext(rt: Runtime, onlyIfOlderThan: number, actor?: string): Promise<boolean> {
  const now = rt.now();
  const key = await makeSigningKey();
  const times = { now, signsFrom: now + PUBLISHED_AHEAD_MS, onlyIfOlderThan };
  const keys = await insertNextSigningKey(rt.db, rt.keyring, key, times, actor);
  rt.caches.rememberSigningKeys(keys, now);
  const published = keys.some(({ kid }) => kid === key.kid);
  if (published) rt.log.info("signing_key_published", { kid: key.kid });
  return published;
}

async function dropCompromised(rt: Runtime, kid: string, actor?: string): Promise<KeyRotation> {
  const now = rt.now();
  const keys = await dropSigningKey(rt.db, rt.keyring, kid, await makeSigningKey(), now, actor);
  if (!keys) return "key_unknown";
  rt.caches.rememberSigningKeys(keys, now);
  rt.log.alert("signing_key_dropped", { kid });
  return "dropped";
}

/** A key as operators see it. Times in milliseconds; `verifiesUntil` is null until a successor is planned. */
export interface ListedSigningKey {
  readonly kid: string;
  readonly status: "next" | "current" | "retired";
  readonly createdAt: number;
  readonly signsFrom: number;
  readonly verifiesUntil: number | null;
}

/** All keys on record, newest first; `retired` ones may still verify. One D1 read. */
export async function listSigningKeys(rt: Runtime): Promise<ListedSigningKey[]> {
  const keys = await readAllSigningKeys(rt.db);
  const now = rt.now();
  const current = signerAmong(keys, now);
  const statusOf = (key: SigningKey) => {
    if (key === current) return "current";
    return key.signsFrom > now && key.verifiesUntil === null ? "next" : "retired";
  };
  return keys.map((key) => ({
    kid: key.kid,
    status: statusOf(key),
    createdAt: key.createdAt,
    signsFrom: key.signsFrom,
    verifiesUntil: key.verifiesUntil,
  }));
}
