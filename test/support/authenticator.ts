// An authenticator made of WebCrypto: answers WebAuthn ceremonies rightly, or wrongly in one respect at a time.
import { concatBytes, toBase64Url, utf8 } from "../../src/crypto/encoding.ts";
import { ISSUER } from "./issuer.ts";

export const FLAGS = { present: 0x01, verified: 0x04, eligible: 0x08, backedUp: 0x10, attested: 0x40 };
const USUAL_FLAGS = FLAGS.present | FLAGS.verified;

/** What may be wrong. Left out: as a browser on our page would have it. */
export interface Oddity {
  readonly challenge?: string;
  readonly origin?: string;
  readonly rpId?: string;
  readonly type?: string;
  readonly flags?: number;
  readonly counter?: number;
  readonly clientData?: Readonly<Record<string, unknown>>;
  /** Behind the authenticator data, outside any structure. */
  readonly trailing?: Uint8Array;
  readonly userHandle?: string;
  readonly id?: string;
  readonly publicKeyAlgorithm?: number;
  readonly publicKey?: string;
  /** Signs with another key. */
  readonly signer?: Authenticator;
}

export interface Authenticator {
  readonly id: string;
  readonly algorithm: "ES256" | "RS256";
  register(challenge: string, oddity?: Oddity): Promise<object>;
  assert(challenge: string, userId: string, oddity?: Oddity): Promise<object>;
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** Minimal DER of an ECDSA signature given as two 32-byte numbers. */
export function toDer(raw: Uint8Array): Uint8Array {
  const integer = (digits: Uint8Array) => {
    const start = digits.findIndex((byte) => byte !== 0);
    const short = start === -1 ? new Uint8Array(1) : digits.slice(start);
    const value = (short[0] ?? 0) >= 0x80 ? concatBytes(Uint8Array.of(0), short) : short;
    return concatBytes(Uint8Array.of(0x02, value.length), value);
  };
  const body = concatBytes(integer(raw.slice(0, 32)), integer(raw.slice(32)));
  return concatBytes(Uint8Array.of(0x30, body.length), body);
}

async function authenticatorData(flags: number, counter: number, rpId: string): Promise<Uint8Array> {
  const rpIdHash = new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(rpId)));
  const tail = new Uint8Array(5);
  tail[0] = flags;
  new DataView(tail.buffer).setUint32(1, counter);
  return concatBytes(rpIdHash, tail);
}

function clientDataOf(type: string, challenge: string, oddity: Oddity): Uint8Array<ArrayBuffer> {
  return utf8(
    JSON.stringify({
      type: oddity.type ?? type,
      challenge: oddity.challenge ?? challenge,
      origin: oddity.origin ?? ISSUER,
      crossOrigin: false,
      ...oddity.clientData,
    }),
  );
}

/** A new credential. `rsaBits` below 2048 makes a key that is too weak. */
export async function createAuthenticator(
  algorithm: "ES256" | "RS256" = "ES256",
  { rsaBits = 2048, curve = "P-256" } = {},
): Promise<Authenticator> {
  const parameters =
    algorithm === "ES256"
      ? { name: "ECDSA", namedCurve: curve }
      : { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: rsaBits, publicExponent: Uint8Array.of(1, 0, 1) };
  const keys = (await crypto.subtle.generateKey(parameters, true, ["sign", "verify"])) as CryptoKeyPair;
  const publicKey = toBase64Url((await crypto.subtle.exportKey("spki", keys.publicKey)) as ArrayBuffer);
  const idBytes = crypto.getRandomValues(new Uint8Array(20));
  const id = toBase64Url(idBytes);
  const authenticator: Authenticator = {
    id,
    algorithm,
    async sign(bytes) {
      const use = algorithm === "ES256" ? { name: "ECDSA", hash: "SHA-256" } : { name: "RSASSA-PKCS1-v1_5" };
      const signature = new Uint8Array(await crypto.subtle.sign(use, keys.privateKey, Uint8Array.from(bytes)));
      return algorithm === "ES256" ? toDer(signature) : signature;
    },
    async register(challenge, oddity = {}) {
      const flags = oddity.flags ?? USUAL_FLAGS | FLAGS.attested;
      const header = await authenticatorData(flags, oddity.counter ?? 1, oddity.rpId ?? new URL(ISSUER).hostname);
      const attested = concatBytes(new Uint8Array(16), Uint8Array.of(0, idBytes.length), idBytes, utf8("a COSE key"));
      return {
        id: oddity.id ?? id,
        response: {
          clientDataJSON: toBase64Url(clientDataOf("webauthn.create", challenge, oddity)),
          authenticatorData: toBase64Url(concatBytes(header, attested)),
          publicKey: oddity.publicKey ?? publicKey,
          publicKeyAlgorithm: oddity.publicKeyAlgorithm ?? (algorithm === "ES256" ? -7 : -257),
          transports: ["internal"],
        },
      };
    },
    async assert(challenge, userId, oddity = {}) {
      const clientData = clientDataOf("webauthn.get", challenge, oddity);
      const header = await authenticatorData(
        oddity.flags ?? USUAL_FLAGS,
        oddity.counter ?? 2,
        oddity.rpId ?? new URL(ISSUER).hostname,
      );
      const data = concatBytes(header, oddity.trailing ?? new Uint8Array());
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", clientData));
      const signature = await (oddity.signer ?? authenticator).sign(concatBytes(data, hash));
      return {
        id: oddity.id ?? id,
        response: {
          clientDataJSON: toBase64Url(clientData),
          authenticatorData: toBase64Url(data),
          signature: toBase64Url(signature),
          userHandle: oddity.userHandle ?? toBase64Url(utf8(userId)),
        },
      };
    },
  };
  return authenticator;
}
