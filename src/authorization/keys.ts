// Signing keys: made on first use, published ahead of use, opened once per isolate.
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from "jose";
import type { Runtime } from "../runtime.ts";
import { batch } from "../storage/d1.ts";
import {
  insertFirstSigningKey,
  type SigningKey,
  type SigningKeys,
  signingKeysFromRows,
  signingKeysStatement,
} from "../storage/signing-keys.ts";

export const SIGNING_ALGORITHM = "ES256";
/** How long others may cache our key set. The next key signs after twice this time. */
export const JWKS_MAX_AGE_SECONDS = 300;

const privateKeys = new WeakMap<SigningKey, Promise<CryptoKey>>();
const publicKeys = new WeakMap<SigningKey, Promise<CryptoKey>>();

/** A fresh ES256 key pair; `kid` is the start of its thumbprint (RFC 7638), short because every token carries it. */
export async function makeSigningKey(): Promise<{ kid: string; publicJwk: JWK; privateJwk: JWK }> {
  const pair = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true });
  const [publicJwk, privateJwk] = await Promise.all([exportJWK(pair.publicKey), exportJWK(pair.privateKey)]);
  return { kid: (await calculateJwkThumbprint(publicJwk)).slice(0, 12), publicJwk, privateJwk };
}

function signerAmong(keys: SigningKeys, now: number): SigningKey | undefined {
  return keys.all.find((key) => key.signsFrom <= now && key.verifiesUntil === null);
}

/** All keys that verify now; from the isolate's cache, else one D1 read. `fresh` asks D1 in any case. */
export async function loadSigningKeys(rt: Runtime, fresh = false): Promise<SigningKeys> {
  const cached = fresh ? undefined : rt.caches.signingKeys(rt.now());
  if (cached) return cached;
  const [rows = []] = await batch(rt.db, [signingKeysStatement(rt.db, rt.now())], true);
  return rememberSigningKeys(rt, signingKeysFromRows(rows));
}

/** Remembers keys that were just read; makes the first key when there is none to sign with. */
export async function rememberSigningKeys(rt: Runtime, read: SigningKeys): Promise<SigningKeys> {
  let keys = read;
  if (!signerAmong(keys, rt.now())) {
    const now = rt.now();
    keys = await insertFirstSigningKey(rt.db, rt.keyring, { ...(await makeSigningKey()), signsFrom: now }, now);
    rt.log.info("signing_key_made");
  }
  rt.caches.rememberSigningKeys(keys, rt.now());
  return keys;
}

/** The key that signs now, opened. Throws when its master key is gone. */
export async function currentSigner(rt: Runtime): Promise<{ kid: string; key: CryptoKey }> {
  const signer = signerAmong(await loadSigningKeys(rt), rt.now());
  if (!signer) throw new Error("no signing key");
  let key = privateKeys.get(signer);
  if (!key) {
    key = rt.keyring.open("signing-key", signer.kid, signer.sealedPrivateJwk).then((opened) => {
      if (!opened) throw new Error("the signing key was sealed under another MASTER_KEY");
      return importJWK(JSON.parse(opened.plaintext) as JWK, SIGNING_ALGORITHM) as Promise<CryptoKey>;
    });
    privateKeys.set(signer, key);
  }
  return { kid: signer.kid, key: await key };
}

/** The public key named `kid`; an unknown name makes us ask D1 once, since another isolate may have rotated. */
export async function verificationKey(rt: Runtime, kid: string): Promise<CryptoKey | undefined> {
  const among = (keys: SigningKeys) => keys.all.find((key) => key.kid === kid);
  const found = among(await loadSigningKeys(rt)) ?? among(await loadSigningKeys(rt, true));
  if (!found) return undefined;
  let key = publicKeys.get(found);
  if (!key) {
    key = importJWK(found.publicJwk, SIGNING_ALGORITHM) as Promise<CryptoKey>;
    publicKeys.set(found, key);
  }
  return key;
}

/** The public key set (RFC 7517): keys that sign, will sign, or signed tokens that still live. */
export async function publicKeySet(rt: Runtime): Promise<{ keys: JWK[] }> {
  const { all } = await loadSigningKeys(rt);
  return { keys: all.map((key) => ({ ...key.publicJwk, kid: key.kid, alg: SIGNING_ALGORITHM, use: "sig" })) };
}
