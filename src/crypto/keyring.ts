// Keys derived from MASTER_KEY by HKDF, one per purpose and use: sealing (AES-256-GCM), deriving (HMAC-SHA-256).
import { concatBytes, fromBase64Url, toBase64Url, utf8, utf8Decode } from "./encoding.ts";

/** What a sealed or derived value is for. A value sealed for one purpose does not open for another. */
export type Purpose =
  | "admin-session"
  | "amazon-tokens"
  | "authorization-code"
  | "authorization-ticket"
  | "developer-token"
  | "form"
  | "initiation"
  | "linking-result"
  | "linking-state"
  | "lwa-client-secret"
  | "password-hash"
  | "refresh-token"
  | "session"
  | "sign-in-state"
  | "signing-key"
  | "throttle"
  | "transaction";

export interface Opened {
  readonly plaintext: string;
  /** The id of the master key that sealed the value. Deriving with the same key gives identical results. */
  readonly keyId: string;
}

/** Seals, opens and derives. A sealed value opens only with its `context`, such as a row's id or a browser. */
export interface Keyring {
  /** Id of the current master key. */
  readonly keyId: string;
  /** Id of the previous master key, used for reading only; undefined when there is none. */
  readonly previousKeyId: string | undefined;
  seal(purpose: Purpose, context: string, plaintext: string): Promise<string>;
  /** null when the value was not sealed by us for this purpose and context, or its master key is not configured. */
  open(purpose: Purpose, context: string, sealed: string): Promise<Opened | null>;
  /** HMAC-SHA-256 of `input`, 32 bytes, under the purpose's key of the named master key (default: the current one). */
  derive(purpose: Purpose, input: string, keyId?: string): Promise<Uint8Array<ArrayBuffer>>;
}

const IV_BYTES = 12;
const KEY_ID_LENGTH = 6;

interface MasterKey {
  readonly id: string;
  key(purpose: Purpose, use: "seal" | "derive"): Promise<CryptoKey>;
}

async function importMasterKey(bytes: Uint8Array<ArrayBuffer>): Promise<MasterKey> {
  const root = await crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey", "deriveBits"]);
  const idBits = await crypto.subtle.deriveBits(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: utf8("alexa-link key id") },
    root,
    48,
  );
  const cache = new Map<string, Promise<CryptoKey>>();
  return {
    id: toBase64Url(idBits).slice(0, KEY_ID_LENGTH),
    key(purpose, use) {
      const name = `${use} ${purpose}`;
      let key = cache.get(name);
      if (!key) {
        const hkdf = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: utf8(`alexa-link ${name}`) };
        key =
          use === "seal"
            ? crypto.subtle.deriveKey(hkdf, root, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"])
            : crypto.subtle.deriveKey(hkdf, root, { name: "HMAC", hash: "SHA-256", length: 256 }, false, ["sign"]);
        cache.set(name, key);
      }
      return key;
    },
  };
}

/** A keyring of the current master key and, for reading only, the previous one. */
export function createKeyring(current: Uint8Array<ArrayBuffer>, previous?: Uint8Array<ArrayBuffer>): Promise<Keyring> {
  return Promise.all([importMasterKey(current), previous ? importMasterKey(previous) : undefined]).then(
    ([currentKey, previousKey]) => {
      const byId = (keyId: string): MasterKey | undefined =>
        [currentKey, previousKey].find((master) => master?.id === keyId);
      return {
        keyId: currentKey.id,
        previousKeyId: previousKey?.id,
        async seal(purpose, context, plaintext) {
          const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
          const encrypted = await crypto.subtle.encrypt(
            { name: "AES-GCM", iv, additionalData: utf8(context) },
            await currentKey.key(purpose, "seal"),
            utf8(plaintext),
          );
          return `${currentKey.id}.${toBase64Url(concatBytes(iv, new Uint8Array(encrypted)))}`;
        },
        async open(purpose, context, sealed) {
          const keyId = sealed.slice(0, KEY_ID_LENGTH);
          const master = byId(keyId);
          const bytes = fromBase64Url(sealed.slice(KEY_ID_LENGTH + 1));
          if (!master || sealed[KEY_ID_LENGTH] !== "." || !bytes || bytes.length <= IV_BYTES) return null;
          try {
            const opened = await crypto.subtle.decrypt(
              { name: "AES-GCM", iv: bytes.subarray(0, IV_BYTES), additionalData: utf8(context) },
              await master.key(purpose, "seal"),
              bytes.subarray(IV_BYTES),
            );
            const plaintext = utf8Decode(new Uint8Array(opened));
            return plaintext === undefined ? null : { plaintext, keyId };
          } catch {
            return null;
          }
        },
        async derive(purpose, input, keyId) {
          const master = keyId === undefined ? currentKey : (byId(keyId) ?? currentKey);
          return new Uint8Array(await crypto.subtle.sign("HMAC", await master.key(purpose, "derive"), utf8(input)));
        },
      };
    },
  );
}

/** The id of the master key that sealed a value; the value is not opened. */
export function sealedUnder(sealed: string): string {
  return sealed.slice(0, KEY_ID_LENGTH);
}
