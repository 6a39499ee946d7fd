// Certificate chains of Alexa's signatures: leaf first, each signed by the next, up to a trusted root (RFC 5280 §6).
import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { TRUSTED_ROOTS } from "./trusted-roots.ts";

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
  /** No path to a trusted root. */
  | "certificate_untrusted";

let publicAnchors: readonly TrustAnchor[] | undefined;

/** The roots to trust: those of `pem` (development only), else the public ones that ship with the code. */
export function trustAnchors(pem: string | undefined): readonly TrustAnchor[] {
  if (pem !== undefined) {
    return (parsePem(pem) ?? []).map((root) => ({ publicKey: root.publicKey, validTo: Date.parse(root.validTo) }));
  }
  publicAnchors ??= TRUSTED_ROOTS.map(({ spki, validTo }) => ({
    publicKey: createPublicKey({ key: Buffer.from(spki, "base64"), format: "der", type: "spki" }),
    validTo: Date.parse(validTo),
  }));
  return publicAnchors;
}

/** The certificates of a PEM text, in order; undefined if one does not parse. `\n` may stand for a line break. */
function parsePem(pem: string): X509Certificate[] | undefined {
  try {
    return Array.from(
      pem.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s\\]+?)-----END CERTIFICATE-----/g),
      ([, body = ""]) => new X509Certificate(Buffer.from(body.replace(/\\n|\s/g, ""), "base64")),
    );
  } catch {
    return undefined;
  }
}

/** Checks names, dates (`now` in milliseconds) and a path of at most five certificates to one of `anchors`. */
export function checkChain(
  pem: string,
  anchors: readonly TrustAnchor[],
  now: number,
): SigningCertificate | { readonly refusal: ChainRefusal } {
  const certificates = parsePem(pem);
  const leaf = certificates?.[0];
  if (!certificates || !leaf || certificates.length > MOST_CERTIFICATES_IN_FILE) {
    return { refusal: "certificate_malformed" };
  }
  const named = leaf.checkHost(ALEXA_HOST, { subject: "never", wildcards: false }) !== undefined;
  if (!named || leaf.publicKey.asymmetricKeyType !== "rsa") return { refusal: "certificate_of_another" };
  return pathToAnchor(leaf, certificates.slice(1), anchors, now);
}

function pathToAnchor(
  leaf: X509Certificate,
  others: readonly X509Certificate[],
  anchors: readonly TrustAnchor[],
  now: number,
): SigningCertificate | { readonly refusal: ChainRefusal } {
  let current = leaf;
  let notBefore = Number.NEGATIVE_INFINITY;
  let notAfter = Number.POSITIVE_INFINITY;
  for (let length = 1; length <= LONGEST_PATH; length++) {
    notBefore = Math.max(notBefore, Date.parse(current.validFrom));
    notAfter = Math.min(notAfter, Date.parse(current.validTo));
    // A date that did not parse is NaN and fails this comparison.
    if (!(notBefore <= now && now <= notAfter)) return { refusal: "certificate_outside_validity" };
    const anchor = anchors.find(({ publicKey, validTo }) => now <= validTo && signedBy(current, publicKey));
    if (anchor) return { publicKey: leaf.publicKey, notBefore, notAfter: Math.min(notAfter, anchor.validTo) };
    const issuer = others.find((one) => one !== current && isIssuedBy(current, one));
    if (!issuer) break;
    current = issuer;
  }
  return { refusal: "certificate_untrusted" };
}

/** `checkIssued` compares names only, `verify` the signature only: both are needed, and the right to issue. */
function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && signedBy(certificate, issuer.publicKey);
}

function signedBy(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.verify(key);
  } catch {
    // Some key types throw when the signature is of another type.
    return false;
  }
}
