// What the doctor learns about a connection: addresses, TLS versions and the certificate chain.
import { lookup } from "node:dns/promises";
import { existsSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { isIP } from "node:net";
import * as tls from "node:tls";
import type { CertificateFacts, ConnectionFacts } from "../../doctor/examination.ts";

export interface ConnectionOptions {
  readonly timeoutMs: number;
  /** PEM certificates that are trusted beside those that Node trusts. */
  readonly extraRoots?: readonly string[];
  /** Instead of DNS and the addresses that it returns, for tests. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  readonly connectTo?: { readonly host: string; readonly port: number; readonly insecurePort?: number };
}

/** Looks at an https origin. Never throws. */
export async function probeConnection(origin: string, options: ConnectionOptions): Promise<ConnectionFacts> {
  const url = new URL(origin);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const at = Date.now();
  const nothing = { at, versions: [], chain: [] };
  let addresses: readonly string[];
  try {
    addresses = isIP(host) ? [host] : await (options.resolve ?? resolveName)(host);
  } catch (error) {
    return { ...nothing, addresses: [], unreachable: messageOf(error) };
  }
  if (addresses.length === 0) return { ...nothing, addresses };
  const port = Number(url.port || 443);
  const to = options.connectTo ?? { host, port };
  const [tls12, tls13, insecure] = await Promise.all([
    handshake({ ...to, name: host, version: "TLSv1.2" }, options),
    handshake({ ...to, name: host, version: "TLSv1.3" }, options),
    askInsecurely(
      options.connectTo?.insecurePort ?? 80,
      options.connectTo?.host ?? host,
      url.hostname,
      options.timeoutMs,
    ),
  ]);
  const good = tls12.seen ?? tls13.seen;
  if (!good) {
    const old = await Promise.all(
      (["TLSv1", "TLSv1.1"] as const).map(async (version) => {
        const { seen } = await handshake({ ...to, name: host, version }, options);
        return seen ? [version] : [];
      }),
    );
    return {
      ...nothing,
      addresses,
      versions: old.flat(),
      unreachable: tls12.problem ?? tls13.problem ?? "no connection",
    };
  }
  const versions = [tls12.seen && "TLSv1.2", tls13.seen && "TLSv1.3"].filter((version) => version !== undefined);
  return { at, addresses, versions, ...good, ...(insecure && { insecure }) };
}

async function resolveName(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || String(error) : String(error);
}

interface Handshake {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  readonly version: tls.SecureVersion;
}
type Seen = Pick<ConnectionFacts, "chain" | "fault" | "wrongName">;

/** One handshake with exactly one TLS version, also if the certificate is not trusted. Nothing is sent over it. */
function handshake(
  { host, port, name, version }: Handshake,
  { timeoutMs, extraRoots = [] }: ConnectionOptions,
): Promise<{ seen?: Seen; problem?: string }> {
  const roots = [...trustedRoots(), ...extraRoots];
  return new Promise((resolve) => {
    const socket = tls.connect({
      host,
      port,
      minVersion: version,
      maxVersion: version,
      rejectUnauthorized: false,
      ca: roots,
      ...(isIP(name) ? {} : { servername: name }),
      // OpenSSL refuses the versions before 1.2 at its default security level.
      ...(version < "TLSv1.2" ? { ciphers: "DEFAULT@SECLEVEL=0" } : {}),
    });
    const end = (result: { seen?: Seen; problem?: string }) => {
      clearTimeout(limit);
      socket.destroy();
      resolve(result);
    };
    // Not the limit of the socket, which a server that sends a byte now and then never reaches.
    const limit = setTimeout(() => end({ problem: `no connection within ${timeoutMs / 1000} s` }), timeoutMs);
    socket.once("error", (error) => end({ problem: messageOf(error) }));
    socket.once("secureConnect", () => end({ seen: look(socket, name, roots) }));
  });
}

/** Those that Node ships, which are Mozilla's, and those of NODE_EXTRA_CA_CERTS. */
function trustedRoots(): string[] {
  const extra = process.env.NODE_EXTRA_CA_CERTS;
  const pem = extra && existsSync(extra) ? readFileSync(extra, "utf8") : "";
  return [...tls.rootCertificates, ...(pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [])];
}

function look(socket: tls.TLSSocket, name: string, roots: readonly string[]): Seen {
  const chain: tls.DetailedPeerCertificate[] = [];
  // The chain as it was sent, continued with the roots that are known. A root names itself as its issuer.
  for (let next = socket.getPeerCertificate(true); next?.raw && !chain.includes(next); next = next.issuerCertificate) {
    chain.push(next);
  }
  const [leaf] = chain;
  if (!leaf) return { chain: [] };
  const fault = faultOf(chain, socket.authorizationError as unknown as string | Error | null, roots);
  const wrongName = tls.checkServerIdentity(name, leaf)?.message;
  return {
    chain: chain.map(factsOf),
    ...(fault && { fault }),
    ...(wrongName !== undefined && {
      wrongName: wrongName.replace(/^Hostname\/IP does not match certificate's altnames: /, ""),
    }),
  };
}

function factsOf({ subject, issuer, valid_from, valid_to }: tls.DetailedPeerCertificate): CertificateFacts {
  return {
    subject: nameOf(subject),
    issuer: nameOf(issuer),
    validFrom: Date.parse(valid_from),
    validTo: Date.parse(valid_to),
  };
}

function nameOf({ CN, O }: tls.Certificate): string {
  const [name, organization] = [[CN].flat()[0], [O].flat()[0]];
  if (!name) return organization || "(no name)";
  return organization && !name.includes(organization) ? `${name} (${organization})` : name;
}

/** Why the chain leads to no root. Dates and names, which Node reports in the same place, are judged elsewhere. */
function faultOf(
  chain: readonly tls.DetailedPeerCertificate[],
  problem: string | Error | null,
  roots: readonly string[],
): ConnectionFacts["fault"] {
  const last = chain.at(-1);
  if (!last || !problem) return undefined;
  const selfSigned = nameOf(last.subject) === nameOf(last.issuer);
  if (selfSigned && isRoot(last, roots)) return undefined;
  if (selfSigned && chain.length === 1) return { kind: "self_signed", reason: "the certificate is self-signed" };
  if (selfSigned)
    return { kind: "untrusted", reason: `${nameOf(last.subject)} is no authority that is trusted publicly` };
  if (chain.length === 1) {
    const reason = `the server sends only its own certificate, and not the one of its issuer ${nameOf(last.issuer)}`;
    return { kind: "incomplete", reason };
  }
  return { kind: "untrusted", reason: `the chain ends with ${nameOf(last.issuer)}, which is not trusted publicly` };
}

function isRoot({ raw }: tls.DetailedPeerCertificate, roots: readonly string[]): boolean {
  const encoded = raw.toString("base64");
  return roots.some((pem) => pem.replace(/-----[A-Z ]+-----|\s/g, "") === encoded);
}

/** What the same host returns to a `GET` at port 80; undefined if nothing listens there. */
function askInsecurely(
  port: number,
  host: string,
  name: string,
  timeoutMs: number,
): Promise<ConnectionFacts["insecure"] | undefined> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(Math.min(timeoutMs, 3000));
    const asked = request({ host, port, path: "/", headers: { host: name }, signal });
    asked.once("response", (response) => {
      response.destroy();
      const { location } = response.headers;
      resolve({ status: response.statusCode ?? 0, ...(location !== undefined && { location }) });
    });
    asked.on("error", () => resolve(undefined));
    asked.once("close", () => resolve(undefined));
    asked.end();
  });
}
