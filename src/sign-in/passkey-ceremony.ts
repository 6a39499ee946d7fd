// Verifying what an authenticator said (WebAuthn Level 3 §7.1, §7.2): the library's checks, and the ones that it leaves to its caller.
// By its path: the entry of the package brings the names of all authenticators, 12 KB of the bundle.
import { parseCryptoKey, verifyAuthentication } from "@passwordless-id/webauthn/dist/esm/server.js";
import * as z from "zod/mini";
import { concatBytes, fromBase64Url, toBase64Url, utf8, utf8Decode } from "../crypto/encoding.ts";
import { sha256 } from "../crypto/hash.ts";
import type { NewPasskey, Passkey, PasskeyAlgorithm } from "../storage/users/passkeys.ts";

/** Base64url without padding, in the one spelling that its bytes have, of at most `bytes` bytes. */
const base64Url = (bytes: number) =>
  z.string().check(
    z.maxLength(Math.ceil((bytes * 4) / 3), "is too long"),
    z.refine((text) => {
      const decoded = fromBase64Url(text);
      return text !== "" && decoded !== undefined && toBase64Url(decoded) === text;
    }, "must be base64url without padding"),
  );

/** Longest credential id that WebAuthn allows. */
const credentialId = base64Url(1023);
const clientDataJSON = base64Url(4096);
const authenticatorData = base64Url(4096);

export const registrationSchema = z.object({
  id: credentialId,
  response: z.object({
    clientDataJSON,
    authenticatorData,
    publicKey: base64Url(1024),
    publicKeyAlgorithm: z.number(),
    transports: z.array(z.string().check(z.maxLength(20), z.regex(/^[a-z-]+$/))).check(z.maxLength(10)),
  }),
});
export type Registration = z.infer<typeof registrationSchema>;

export const assertionSchema = z.object({
  id: credentialId,
  response: z.object({
    clientDataJSON,
    authenticatorData,
    signature: base64Url(1024),
    userHandle: base64Url(64),
  }),
});
export type Assertion = z.infer<typeof assertionSchema>;

/** What the answer must be about. */
export interface Expected {
  readonly challenge: string;
  /** This server's issuer, exactly. */
  readonly origin: string;
}

/** COSE numbers of the algorithms that we accept. Every authenticator has one of them. */
export const ALGORITHMS = { ES256: -7, RS256: -257 } as const satisfies Record<PasskeyAlgorithm, number>;
const SMALLEST_RSA_BITS = 2048;

/** The relying party's id: the host of the issuer. */
export function relyingPartyId(issuer: string): string {
  return new URL(issuer).hostname;
}

/** The user handle that authenticators keep: the user's id, which tells nobody anything. */
export function userHandleOf(userId: string): string {
  return toBase64Url(utf8(userId));
}

const bytesOf = (text: string) => fromBase64Url(text) ?? new Uint8Array();

const FLAG = {
  userPresent: 0x01,
  userVerified: 0x04,
  backupEligible: 0x08,
  backedUp: 0x10,
  attested: 0x40,
  extensions: 0x80,
};
/** Hash of the relying party's id, flags, counter. */
const HEADER_BYTES = 37;
const HASH_BYTES = 32;
const AAGUID_BYTES = 16;

interface Flags {
  readonly backupEligible: boolean;
  readonly backedUp: boolean;
}

/** The flags of authenticator data whose length fits them, with a present and verified user; undefined otherwise. */
function flagsOf(data: Uint8Array, attested: boolean): Flags | undefined {
  const flags = data[HASH_BYTES] ?? 0;
  const has = (flag: number) => (flags & flag) !== 0;
  if (data.length < HEADER_BYTES || !has(FLAG.userPresent) || !has(FLAG.userVerified)) return undefined;
  if (has(FLAG.attested) !== attested) return undefined;
  if (!attested && !has(FLAG.extensions) && data.length !== HEADER_BYTES) return undefined;
  const backupEligible = has(FLAG.backupEligible);
  const backedUp = has(FLAG.backedUp);
  return backedUp && !backupEligible ? undefined : { backupEligible, backedUp };
}

/** Client data that is one JSON object in UTF-8, made on a page that no other origin frames; undefined otherwise. */
function clientDataOf(encoded: string): Record<string, unknown> | undefined {
  const text = utf8Decode(bytesOf(encoded));
  if (text === undefined) return undefined;
  const parsed = JSON.parse(text) as unknown;
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
  const { crossOrigin, topOrigin } = parsed as Record<string, unknown>;
  if ((crossOrigin !== undefined && crossOrigin !== false) || topOrigin !== undefined) return undefined;
  return parsed as Record<string, unknown>;
}

/** The credential id inside attested credential data. */
function attestedId(data: Uint8Array): string | undefined {
  const start = HEADER_BYTES + AAGUID_BYTES + 2;
  const length = ((data[start - 2] ?? 0) << 8) | (data[start - 1] ?? 0);
  return length > 0 && data.length > start + length ? toBase64Url(data.slice(start, start + length)) : undefined;
}

/** One INTEGER of an ECDSA signature in DER as 32 bytes, and where it ends; undefined when it is not strictly DER. */
function derInteger(der: Uint8Array, at: number): { readonly value: Uint8Array; readonly end: number } | undefined {
  const length = der[at + 1] ?? 0;
  const end = at + 2 + length;
  if (der[at] !== 0x02 || length < 1 || length > 33 || end > der.length) return undefined;
  const bytes = der.slice(at + 2, end);
  const [first = 0, second = 0] = bytes;
  if (first >= 0x80 || (first === 0 && length > 1 && second < 0x80)) return undefined;
  const digits = first === 0 ? bytes.slice(1) : bytes;
  if (digits.length > 32) return undefined;
  const value = new Uint8Array(32);
  value.set(digits, 32 - digits.length);
  return { value, end };
}

/**
 * An ECDSA signature with both numbers at 33 bytes, as the library reads them; undefined when it is not strictly DER. The library takes
 * every number for 32 bytes: of 128 good signatures it would refuse one, in which a number is shorter.
 */
export function evenSignature(der: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  if (der[0] !== 0x30 || der[1] !== der.length - 2) return undefined;
  const r = derInteger(der, 2);
  const s = r && derInteger(der, r.end);
  if (!r || !s || s.end !== der.length) return undefined;
  const head = Uint8Array.of(0x02, 33, 0);
  return concatBytes(Uint8Array.of(0x30, 70), head, r.value, head, s.value);
}

function algorithmOf(number: number): PasskeyAlgorithm | undefined {
  if (number === ALGORITHMS.ES256) return "ES256";
  return number === ALGORITHMS.RS256 ? "RS256" : undefined;
}

/**
 * A new passkey; undefined when any check fails. The library's own function for this brings the names of all authenticators into
 * the bundle. No attestation is asked for: who adds a key is signed in, and answers for it.
 */
export async function verifyRegistration(
  registration: Registration,
  expected: Expected,
): Promise<Omit<NewPasskey, "name"> | undefined> {
  const { response } = registration;
  const data = bytesOf(response.authenticatorData);
  const algorithm = algorithmOf(response.publicKeyAlgorithm);
  const flags = flagsOf(data, true);
  if (!flags || !algorithm || attestedId(data) !== registration.id) return undefined;
  if (toBase64Url(data.slice(0, HASH_BYTES)) !== (await sha256(relyingPartyId(expected.origin)))) return undefined;
  try {
    const client = clientDataOf(response.clientDataJSON);
    if (client?.type !== "webauthn.create") return undefined;
    if (client.challenge !== expected.challenge || client.origin !== expected.origin) return undefined;
    const key = await parseCryptoKey(algorithm, response.publicKey);
    const { modulusLength } = key.algorithm as { modulusLength?: number };
    if (algorithm === "RS256" && (modulusLength ?? 0) < SMALLEST_RSA_BITS) return undefined;
  } catch {
    return undefined;
  }
  return {
    credentialId: registration.id,
    publicKey: response.publicKey,
    algorithm,
    counter: new DataView(data.buffer).getUint32(HASH_BYTES + 1),
    transports: response.transports,
    ...flags,
  };
}

/**
 * What a good assertion of `passkey` says; undefined when any check fails. The counter is compared where it is stored, so that of two
 * answers at once one wins.
 */
export async function verifyAssertion(
  assertion: Assertion,
  passkey: Passkey,
  expected: Expected,
): Promise<{ readonly counter: number; readonly backedUp: boolean } | undefined> {
  const { response } = assertion;
  const flags = flagsOf(bytesOf(response.authenticatorData), false);
  if (!flags || flags.backupEligible !== passkey.backupEligible) return undefined;
  if (response.userHandle !== userHandleOf(passkey.user.id)) return undefined;
  const given = bytesOf(response.signature);
  const signature = passkey.algorithm === "ES256" ? evenSignature(given) : given;
  if (!signature) return undefined;
  try {
    if (!clientDataOf(response.clientDataJSON)) return undefined;
    const { counter } = await verifyAuthentication(
      {
        id: assertion.id,
        rawId: assertion.id,
        type: "public-key",
        clientExtensionResults: {},
        response: { ...response, signature: toBase64Url(signature) },
      },
      { id: passkey.credentialId, publicKey: passkey.publicKey, algorithm: passkey.algorithm, transports: [] },
      {
        challenge: expected.challenge,
        origin: expected.origin,
        domain: relyingPartyId(expected.origin),
        userVerified: true,
      },
    );
    return { counter, backedUp: flags.backedUp };
  } catch {
    return undefined;
  }
}
