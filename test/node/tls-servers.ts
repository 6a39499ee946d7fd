// TLS servers on this machine, with certificates made here: a good chain, and one for each way to get it wrong.
import "reflect-metadata";
import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttpsServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import * as x509 from "@peculiar/x509";

const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 2048,
};
const DAY_MS = 86_400_000;
const makeKeys = () => crypto.subtle.generateKey(RSA, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;

interface Issuer {
  readonly name: string;
  readonly keys: CryptoKeyPair;
}

interface Wanted {
  readonly name: string;
  readonly keys: CryptoKeyPair;
  readonly issuer: Issuer;
  readonly host?: string;
  /** From now; negative: expired. */
  readonly days?: number;
}

let serial = 0;

async function certificate({ name, keys, issuer, host, days = 90 }: Wanted): Promise<string> {
  x509.cryptoProvider.set(crypto);
  const now = Date.now();
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: String(++serial).padStart(4, "0"),
    subject: name,
    issuer: issuer.name,
    notBefore: new Date(now - 100 * DAY_MS),
    notAfter: new Date(now + days * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: RSA,
    extensions: [
      new x509.BasicConstraintsExtension(host === undefined, undefined, true),
      ...(host === undefined ? [] : [new x509.SubjectAlternativeNameExtension([{ type: "dns", value: host }])]),
    ],
  });
  return `${made.toString("pem")}\n`;
}

/** Key pairs and the root that the probe is told to trust. Made once per test file. */
export async function makeAuthority(host: string) {
  const [rootKeys, intermediateKeys, leafKeys] = await Promise.all([makeKeys(), makeKeys(), makeKeys()]);
  const root = { name: "CN=Test Root, O=Test Authority", keys: rootKeys };
  const rootPem = await certificate({ name: root.name, keys: rootKeys, issuer: root });
  const key = x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", leafKeys.privateKey), "PRIVATE KEY");

  return {
    rootPem,
    /** Leaf and intermediate, or what the options make of them. */
    async chain(
      bent: { host?: string; days?: number; intermediate?: string; without?: "intermediate"; alone?: boolean } = {},
    ): Promise<ServerOptions> {
      const intermediate = {
        name: bent.intermediate ?? "CN=Test Intermediate, O=Test Authority",
        keys: intermediateKeys,
      };
      const issuer = bent.alone ? { name: `CN=${host}`, keys: leafKeys } : intermediate;
      const leaf = await certificate({
        name: `CN=${host}`,
        keys: leafKeys,
        issuer,
        host: bent.host ?? host,
        ...(bent.days !== undefined && { days: bent.days }),
      });
      const second = bent.alone || bent.without ? "" : await certificate({ ...intermediate, issuer: root });
      return { cert: leaf + second, key };
    },
  };
}

/** Listens on a free port of 127.0.0.1. */
export async function listen(
  options: ServerOptions | undefined,
  listener: RequestListener,
): Promise<{ port: number; close: () => void }> {
  const server: Server = options ? createHttpsServer(options, listener) : createHttpServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
