// The simulator's own certificate chain, with which it signs skill events as Alexa does, and bad chains for tests.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { toBase64 } from "../library/encoding.ts";
import type { Certificates } from "../state/store.ts";

const SIGNING_ALGORITHM = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
const KEY_ALGORITHM = { ...SIGNING_ALGORITHM, publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2048 };
const DAY_MS = 86_400_000;
const ALEXA_HOST = "echo-api.amazon.com";

/**
 * Makes a root, an intermediate and a leaf for Alexa's host, and the bad variants. Takes a few hundred milliseconds.
 */
export async function makeCertificates(now: number): Promise<Certificates> {
  x509.cryptoProvider.set(crypto);
  const rootKeys = await makeKeys();
  const signingKeys = await makeKeys();
  const intermediateKeys = await makeKeys();
  const valid = { notBefore: new Date(now - 30 * DAY_MS), notAfter: new Date(now + 365 * DAY_MS) };
  const root = await makeRoot("CN=Simulator Root", rootKeys, valid);
  const otherRoot = await makeRoot("CN=Simulator Other Root", intermediateKeys, valid);
  const intermediate = await x509.X509CertificateGenerator.create({
    ...valid,
    serialNumber: serial(),
    subject: "CN=Simulator Intermediate",
    issuer: root.subject,
    publicKey: intermediateKeys.publicKey,
    signingKey: rootKeys.privateKey,
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: authorityExtensions(),
  });
  const leaf = (host: string, issuer: string, dates = valid) =>
    x509.X509CertificateGenerator.create({
      ...dates,
      serialNumber: serial(),
      subject: `CN=${host}`,
      issuer,
      publicKey: signingKeys.publicKey,
      signingKey: intermediateKeys.privateKey,
      signingAlgorithm: SIGNING_ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false),
        new x509.SubjectAlternativeNameExtension([{ type: "dns", value: host }]),
      ],
    });
  const good = await leaf(ALEXA_HOST, intermediate.subject);
  const past = { notBefore: new Date(now - 60 * DAY_MS), notAfter: new Date(now - DAY_MS) };
  return {
    rootPem: `${root.toString("pem")}\n`,
    signingKey: signingKeys.privateKey,
    chains: {
      good: pem(good, intermediate),
      expired: pem(await leaf(ALEXA_HOST, intermediate.subject, past), intermediate),
      wrong_host: pem(await leaf("echo-api.example.com", intermediate.subject), intermediate),
      other_root: pem(await leaf(ALEXA_HOST, otherRoot.subject), otherRoot),
      missing_intermediate: pem(good),
    },
  };
}

/** Signature of Alexa's requests: base64 of RSA PKCS#1 v1.5 with SHA-256 over the raw body. */
export async function signBody(key: CryptoKey, body: string): Promise<string> {
  const signature = await crypto.subtle.sign(SIGNING_ALGORITHM, key, new TextEncoder().encode(body));
  return toBase64(new Uint8Array(signature));
}

async function makeKeys(): Promise<CryptoKeyPair> {
  return (await crypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"])) as CryptoKeyPair;
}

function makeRoot(name: string, keys: CryptoKeyPair, dates: { notBefore: Date; notAfter: Date }) {
  return x509.X509CertificateGenerator.createSelfSigned({
    ...dates,
    serialNumber: serial(),
    name,
    keys,
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: authorityExtensions(),
  });
}

function authorityExtensions(): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ];
}

function serial(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) =>
    (byte & 0x7f).toString(16).padStart(2, "0"),
  ).join("");
}

function pem(...certificates: x509.X509Certificate[]): string {
  return `${certificates.map((certificate) => certificate.toString("pem")).join("\n")}\n`;
}
