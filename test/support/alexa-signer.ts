// Signs requests as Alexa does, by certificate chains made here: a good one, and one for each way in which a chain can
// be bad.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { START } from "./service.ts";

const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 2048,
};
const DAY_MS = 86_400_000;
export const ALEXA_HOST = "echo-api.amazon.com";
export const CERTIFICATE_URL = "https://s3.amazonaws.com/echo.api/echo-api-cert-test.pem";

export interface Dates {
  readonly notBefore: Date;
  readonly notAfter: Date;
}
/** Around the time at which tests start. */
const VALID: Dates = { notBefore: new Date(START - 30 * DAY_MS), notAfter: new Date(START + 60 * DAY_MS) };

interface Subject {
  readonly name: string;
  readonly keys: CryptoKeyPair;
  readonly issuer: { readonly name: string; readonly keys: CryptoKeyPair };
  readonly dates?: Dates;
  readonly authority?: boolean;
  /** Replaces basicConstraints and what else the certificate would have beside the names. */
  readonly extensions?: readonly x509.Extension[];
  /** Of the issuer's signature: SHA-256 unless given. */
  readonly hash?: "SHA-1" | "SHA-384" | "SHA-512";
  /** Subject alternative names; null: no such extension. */
  readonly hosts?: readonly string[] | null;
}

let made: Promise<{ root: CryptoKeyPair; intermediate: CryptoKeyPair; leaf: CryptoKeyPair; other: CryptoKeyPair }>;

/** Four key pairs, created once per test file. */
export function chainKeys(): typeof made {
  const pair = () => crypto.subtle.generateKey(RSA, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;
  made ??= Promise.all([pair(), pair(), pair(), pair()]).then(([root, intermediate, leaf, other]) => ({
    root,
    intermediate,
    leaf,
    other,
  }));
  return made;
}

export async function certificate(subject: Subject): Promise<string> {
  x509.cryptoProvider.set(crypto);
  const extensions: x509.Extension[] = [
    ...(subject.extensions ?? [new x509.BasicConstraintsExtension(subject.authority ?? false, undefined, true)]),
  ];
  if (subject.hosts) {
    extensions.push(
      new x509.SubjectAlternativeNameExtension(subject.hosts.map((value) => ({ type: "dns" as const, value }))),
    );
  }
  const serial = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => (byte & 127).toString(16));
  const { privateKey } = subject.issuer.keys;
  const hash = subject.hash ?? "SHA-256";
  const signingKey = subject.hash ? await withHash(privateKey, hash) : privateKey;
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: serial.map((byte) => byte.padStart(2, "0")).join(""),
    subject: `CN=${subject.name}`,
    issuer: `CN=${subject.issuer.name}`,
    publicKey: subject.keys.publicKey,
    signingKey,
    signingAlgorithm: { name: privateKey.algorithm.name, hash },
    extensions,
    ...(subject.dates ?? VALID),
  });
  return `${made.toString("pem")}\n`;
}

/** An RSA key of WebCrypto signs with one hash only: the same key for another. */
async function withHash(key: CryptoKey, hash: string): Promise<CryptoKey> {
  const bytes = (await crypto.subtle.exportKey("pkcs8", key)) as ArrayBuffer;
  return crypto.subtle.importKey("pkcs8", bytes, { name: key.algorithm.name, hash }, true, ["sign"]);
}

/** The root, self-signed, to be given as `ALEXA_CERT_ROOTS`. */
export async function rootPem(): Promise<string> {
  const { root } = await chainKeys();
  const name = "Test Root";
  return certificate({ name, keys: root, issuer: { name, keys: root }, authority: true });
}

/** A chain file, leaf first. Valid except for what the options change. */
export async function chainPem(
  bent: {
    readonly leaf?: Partial<Subject>;
    readonly intermediate?: Partial<Subject>;
    readonly without?: "intermediate";
  } = {},
): Promise<string> {
  const keys = await chainKeys();
  const intermediate = {
    name: "Test Intermediate",
    keys: keys.intermediate,
    issuer: { name: "Test Root", keys: keys.root },
    authority: true,
    ...bent.intermediate,
  };
  const leaf = await certificate({
    name: ALEXA_HOST,
    keys: keys.leaf,
    issuer: intermediate,
    hosts: [ALEXA_HOST],
    ...bent.leaf,
  });
  return bent.without === "intermediate" ? leaf : `${leaf}${await certificate(intermediate)}`;
}

/** Base64 of the signature over `body`, with the leaf's key by default. */
export async function sign(body: string, key?: CryptoKey): Promise<string> {
  const signature = await crypto.subtle.sign(
    RSA,
    key ?? (await chainKeys()).leaf.privateKey,
    new TextEncoder().encode(body),
  );
  return btoa(String.fromCharCode(...new Uint8Array(signature)));
}
