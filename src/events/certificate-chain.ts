// Certificate chains of Alexa's signatures: leaf first, each signed by the next, up to a trusted root (RFC 5280 §6).
import type { KeyObject, X509Certificate } from "node:crypto";
import { nodeCrypto } from "../crypto/node-crypto.ts";
import {
  BASIC_CONSTRAINTS,
  type CertificateFields,
  certificateFields,
  EXTENDED_KEY_USAGE,
  KEY_USAGE,
  NAME_CONSTRAINTS,
  SUBJECT_ALTERNATIVE_NAME,
} from "./certificate-fields.ts";
import type { TrustedRoot } from "./trusted-roots.ts";

/** The name that Alexa's certificates carry. */
const ALEXA_HOST = "echo-api.amazon.com";
const MOST_CERTIFICATES_IN_FILE = 10;
const LONGEST_PATH = 5;

/** A root that paths may end at. `validTo` in milliseconds since 1970. */
export interface TrustAnchor {
  readonly publicKey: KeyObject;
  readonly validTo: number;
}

/** A certificate whose path was checked. All of its path is valid between the two times (milliseconds). */
export interface SigningCertificate {
  readonly publicKey: KeyObject;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Why a certificate file was refused. */
export type ChainRefusal =
  | "certificate_malformed"
  /** The leaf's alternative names do not include Alexa's host, or its key is not RSA. */
  | "certificate_of_another"
  | "certificate_outside_validity"
  /** A signature that is not of the SHA-2 family, or a key that is too short. */
  | "certificate_weak"
  /** A critical extension that is not understood, or name constraints. */
  | "certificate_extension_unknown"
  /** keyUsage or extendedKeyUsage does not allow this use. */
  | "certificate_usage_refused"
  /** An issuer is no CA. */
  | "certificate_issuer_not_ca"
  /** More CA certificates below one than its path length allows, or a path of more than five. */
  | "certificate_path_too_long"
  /** No path to a trusted root. */
  | "certificate_untrusted";

/** RSA (PKCS #1 v1.5) and ECDSA, each with SHA-256, SHA-384 and SHA-512. */
const SIGNATURE_ALGORITHM = /^1\.2\.840\.(113549\.1\.1\.1[123]|10045\.4\.3\.[234])$/;
const SMALLEST_RSA_BITS = 2048;
const CURVES = ["prime256v1", "secp384r1", "secp521r1"];
const UNDERSTOOD: readonly string[] = [BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE, SUBJECT_ALTERNATIVE_NAME];
/** What Alexa's certificates, which are those of a web server, may be used for: that, or anything. */
const SERVER_USES = ["1.3.6.1.5.5.7.3.1", "2.5.29.37.0"];

/** The roots of a PEM text. */
export function anchorsOfPem(pem: string): readonly TrustAnchor[] {
  return (parsePem(pem) ?? []).map((root) => ({ publicKey: root.publicKey, validTo: Date.parse(root.validTo) }));
}

/** Public roots as trust anchors. */
export function anchorsOfRoots(roots: readonly TrustedRoot[]): readonly TrustAnchor[] {
  return roots.map(({ spki, validTo }) => ({
    publicKey: nodeCrypto().createPublicKey({ key: Buffer.from(spki, "base64"), format: "der", type: "spki" }),
    validTo: Date.parse(validTo),
  }));
}

/** The certificates of a PEM text, in order; undefined if one does not parse. `\n` may stand for a line break. */
function parsePem(pem: string): X509Certificate[] | undefined {
  try {
    return Array.from(
      pem.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s\\]+?)-----END CERTIFICATE-----/g),
      ([, body = ""]) => new (nodeCrypto().X509Certificate)(Buffer.from(body.replace(/\\n|\s/g, ""), "base64")),
    );
  } catch {
    return undefined;
  }
}

type Certificate = { readonly x509: X509Certificate; readonly fields: CertificateFields };

const isWellFormed = (one: { fields: CertificateFields | undefined }): one is Certificate => one.fields !== undefined;

/** Checks names, dates (`now` in milliseconds) and a path of at most five certificates to one of `anchors`. */
export function checkChain(
  pem: string,
  anchors: readonly TrustAnchor[],
  now: number,
): SigningCertificate | { readonly refusal: ChainRefusal } {
  const parsed = parsePem(pem) ?? [];
  if (parsed.length > MOST_CERTIFICATES_IN_FILE) return { refusal: "certificate_malformed" };
  const [leaf, ...others] = parsed.map((x509) => ({ x509, fields: certificateFields(x509.raw) })).filter(isWellFormed);
  if (!leaf || others.length + 1 < parsed.length) return { refusal: "certificate_malformed" };
  const named = leaf.x509.checkHost(ALEXA_HOST, { subject: "never", wildcards: false }) !== undefined;
  if (!named || leaf.x509.publicKey.asymmetricKeyType !== "rsa") return { refusal: "certificate_of_another" };
  return extendPath([leaf], others, anchors, now);
}

/**
 * Follows `path` (leaf first) to an anchor, over each issuer that the file offers: it may hold two certificates of one
 * CA, of which only one is good. The first refusal counts.
 */
function extendPath(
  path: readonly [Certificate, ...Certificate[]],
  others: readonly Certificate[],
  anchors: readonly TrustAnchor[],
  now: number,
): SigningCertificate | { readonly refusal: ChainRefusal } {
  const last = path.at(-1) ?? path[0];
  const refusal = refusalOf(last, path, now);
  if (refusal) return { refusal };
  const anchor = anchors.find(({ publicKey, validTo }) => now <= validTo && signedBy(last.x509, publicKey));
  if (anchor) {
    const times = path.map(({ x509 }) => [Date.parse(x509.validFrom), Date.parse(x509.validTo)] as const);
    return {
      publicKey: path[0].x509.publicKey,
      notBefore: Math.max(...times.map(([from]) => from)),
      notAfter: Math.min(anchor.validTo, ...times.map(([, to]) => to)),
    };
  }
  let first: { readonly refusal: ChainRefusal } | undefined;
  for (const issuer of others) {
    // A certificate is not in a path twice: RFC 5280 §6.1.
    if (path.some(({ x509 }) => x509.raw.equals(issuer.x509.raw)) || !isIssuedBy(last, issuer)) continue;
    const extended = extendPath([...path, issuer], others, anchors, now);
    if ("publicKey" in extended) return extended;
    first ??= extended;
  }
  return first ?? { refusal: "certificate_untrusted" };
}

/** What is wrong with the last certificate of a path, those below it being good (RFC 5280 §6.1.3 to §6.1.5). */
function refusalOf(last: Certificate, path: readonly Certificate[], now: number): ChainRefusal | undefined {
  const { x509, fields } = last;
  // A date that did not parse is NaN and fails this comparison.
  if (!(Date.parse(x509.validFrom) <= now && now <= Date.parse(x509.validTo))) return "certificate_outside_validity";
  if (!SIGNATURE_ALGORITHM.test(fields.signatureAlgorithm) || !isStrong(x509.publicKey)) return "certificate_weak";
  if (fields.critical.some((name) => !UNDERSTOOD.includes(name)) || fields.extensions.has(NAME_CONSTRAINTS)) {
    return "certificate_extension_unknown";
  }
  if (fields.extendedKeyUsage && !fields.extendedKeyUsage.some((use) => SERVER_USES.includes(use))) {
    return "certificate_usage_refused";
  }
  if (path.length === 1) return fields.keyUsage?.digitalSignature === false ? "certificate_usage_refused" : undefined;
  if (!fields.ca) return "certificate_issuer_not_ca";
  if (fields.keyUsage?.keyCertSign === false) return "certificate_usage_refused";
  const below = path.slice(1, -1).filter(({ fields: { issuer, subject } }) => !sameBytes(issuer, subject));
  return path.length > LONGEST_PATH || below.length > fields.pathLength ? "certificate_path_too_long" : undefined;
}

function isStrong({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  return asymmetricKeyType === "rsa"
    ? (asymmetricKeyDetails?.modulusLength ?? 0) >= SMALLEST_RSA_BITS
    : CURVES.includes(asymmetricKeyDetails?.namedCurve ?? "");
}

/** The names chain, and the signature is the issuer's: neither is enough. */
function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  return (
    sameBytes(certificate.fields.issuer, issuer.fields.subject) && signedBy(certificate.x509, issuer.x509.publicKey)
  );
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.from(a).equals(b);
}

function signedBy(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.verify(key);
  } catch {
    // Some key types throw when the signature is of another type.
    return false;
  }
}
