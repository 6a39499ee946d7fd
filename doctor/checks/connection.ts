// Name, port, TLS and certificate: whether Alexa can open a connection at all.
import { isLoopback } from "../../simulator/library/cookies.ts";
import type { Area, ConnectionFacts, Examination, Target } from "../examination.ts";
import type { Check, Report } from "../report.ts";

const REQUIREMENTS = "Amazon, Requirements for Account Linking";
const UNREACHABLE = "Alexa cannot reach the server. Every customer sees “We were unable to link”.";
const REFUSED =
  "Alexa's Java client refuses the connection. Every customer sees “We were unable to link”, and your log shows nothing.";

const NAME: Check = {
  id: "name_resolves",
  title: "The host name resolves",
  severity: "fail",
  effect: UNREACHABLE,
  remedy: "Add an A, AAAA or CNAME record for the host to your public DNS zone, and wait until DNS servers know it.",
  source: REQUIREMENTS,
};

const PUBLIC: Check = {
  id: "address_is_public",
  title: "The host name leads to a public address",
  severity: "fail",
  effect: "Alexa's servers call from the internet, so they cannot reach a private address. Linking fails.",
  remedy: "Publish the host on a public address, or put a tunnel or reverse proxy with a public name in front of it.",
  source: "RFC 6890 (special-purpose addresses)",
};

const PORT: Check = {
  id: "port_443",
  title: "The URL uses port 443",
  severity: "fail",
  effect: "Amazon requires port 443: the console refuses the URL, or linking fails.",
  remedy: "Serve the authorization and token URLs at port 443, and leave the port out of both URLs.",
  source: REQUIREMENTS,
};

const HTTPS: Check = {
  id: "https",
  title: "The URL uses https",
  severity: "fail",
  effect: "Amazon refuses http URLs. Secrets, codes and tokens would be sent unencrypted.",
  remedy: "Serve the URL over https, with a certificate from a public authority.",
  source: `${REQUIREMENTS}; RFC 6749 §3.1.2.1 and §3.2`,
};

const HANDSHAKE: Check = {
  id: "tls_handshake",
  title: "A connection with TLS 1.2 or newer is possible",
  severity: "fail",
  effect: REFUSED,
  remedy:
    "Check that a server listens at port 443, that it speaks TLS 1.2 or newer, and that it asks for no client certificate.",
  source: "RFC 9325 §3.1 (BCP 195)",
};

const TLS_1_2: Check = {
  id: "tls_1_2",
  title: "TLS 1.2 is accepted",
  severity: "warn",
  effect:
    "Alexa's token client is Java, and older Java versions do not speak TLS 1.3. If Amazon uses one of them, no token request arrives.",
  remedy: "Set the server's minimum TLS version to 1.2 instead of 1.3. At Cloudflare: SSL/TLS, Edge Certificates.",
  source: "RFC 9325 §3.1 (BCP 195); Alexa's user agents name Java 8",
};

const CHAIN: Check = {
  id: "certificate_chain",
  title: "The server sends the whole certificate chain",
  severity: "fail",
  effect: `Browsers fetch or remember a missing intermediate certificate, Java does not. ${REFUSED}`,
  remedy:
    "Configure the server's certificate followed by the intermediate certificates. With certbot or acme.sh this is the file fullchain.pem.",
  source: "RFC 8446 §4.4.2",
};

const TRUSTED: Check = {
  id: "certificate_trusted",
  title: "A public authority issued the certificate",
  severity: "fail",
  effect: REFUSED,
  remedy:
    "Use a certificate from an authority on Mozilla's list of included certificates, to which Amazon refers. Self-signed certificates and private authorities never work.",
  source: REQUIREMENTS,
};

const DATES: Check = {
  id: "certificate_dates",
  title: "The certificate is valid today",
  severity: "fail",
  effect: `${REFUSED} Links that exist stop working as well, because Alexa cannot refresh.`,
  remedy:
    "Renew the certificate, install it on the server, and let it renew automatically at least two weeks before it expires.",
  source: "RFC 5280 §4.1.2.5",
};

const HOST: Check = {
  id: "certificate_name",
  title: "The certificate is for this host name",
  severity: "fail",
  effect: REFUSED,
  remedy: "Order a certificate whose subject alternative names contain the host, and check which site serves it (SNI).",
  source: "RFC 9110 §4.3.4",
};

const DAYS: Check = {
  id: "certificate_days_left",
  title: "The certificate is valid for two weeks or longer",
  severity: "warn",
  effect: "When it expires, new links fail and existing links can no longer be refreshed.",
  remedy: "Renew it now, and find out why automatic renewal has not run: it usually does so 30 days before expiry.",
  source: "RFC 5280 §4.1.2.5",
};

const ISSUER: Check = {
  id: "certificate_issuer",
  title: "The certificate is not from Let's Encrypt",
  severity: "warn",
  effect:
    "Amazon's pages say that certificates from Let's Encrypt cannot be used. In practice many skills work with them, and a few new ones failed. It is not known whether Amazon enforces the rule.",
  remedy:
    "If linking fails without another cause, or stops on the day of a renewal, use another authority. At Cloudflare, an advanced certificate lets you choose it.",
  source: `${REQUIREMENTS}; Amazon, Account Linking for Smart Home and Other Domains`,
};

const INSECURE: Check = {
  id: "http_is_redirected",
  title: "The authorization URL is not served over http",
  severity: "warn",
  effect: "A customer who arrives over http signs in without encryption, where others on the network can read it.",
  remedy: "Redirect http to https at the same host, or close port 80.",
  source: "RFC 6749 §3.1; RFC 9325 §3.2 (BCP 195)",
};

const TLS_CHECKS = [HANDSHAKE, TLS_1_2, CHAIN, TRUSTED, DATES, HOST, DAYS, ISSUER, INSECURE];
const CHECKS = [HTTPS, PORT, NAME, PUBLIC, ...TLS_CHECKS];
/** Nothing is sent if one of these fails: secrets and tokens are not for everybody on the way. */
const DECISIVE = [HTTPS, NAME, HANDSHAKE, CHAIN, TRUSTED, DATES, HOST];
const FEWEST_DAYS = 14;
const DAY_MS = 86_400_000;

/** Looks at each host that Alexa calls: of the authorization, token and metadata URLs, and of the MCP server. */
export const connection: Area = {
  name: "connection",
  checks: CHECKS,
  async run(examination: Examination) {
    for (const url of urlsOf(examination.target)) {
      await lookAt(url, examination);
    }
  },
};

async function lookAt(url: URL, { report, probes, progress }: Examination): Promise<void> {
  const { host, origin } = url;
  const secure = url.protocol === "https:";
  const local = isLoopback(url);
  const skip = (checks: readonly Check[], why: string) => {
    for (const check of checks) report.skip(check, why);
  };
  if (local) {
    // What Alexa would not reach anyway is not judged.
    skip(secure ? [PORT, PUBLIC, INSECURE] : CHECKS, `${host} is this machine, which Alexa cannot reach`);
    if (!secure) return;
  }
  report.expect(HTTPS, secure, `${host} over https`, `${origin} is not https`);
  if (!local) report.expect(PORT, portOf(url) === "443", `${host} at port 443`, `${origin} uses port ${portOf(url)}`);
  if (!secure || !probes.connection) {
    skip([NAME, PUBLIC, ...TLS_CHECKS], secure ? "this program cannot look at connections" : `${origin} is not https`);
    return;
  }
  progress(`connecting to ${host}`);
  judge(report, url, await probes.connection(origin));
}

/**
 * Why no request should be sent to these addresses: the connection would fail, or others could read or forge it.
 * Undefined if all is well.
 */
export function brokenConnection(report: Report, addresses: readonly string[]): string | undefined {
  const urls = addresses.filter((address) => URL.canParse(address)).map((address) => new URL(address));
  const names = urls.flatMap(({ host, hostname, origin }) => [host, hostname, origin]);
  const failed = report.results().find(({ id, outcome, detail }) => {
    if (outcome !== "fail" || !DECISIVE.some((check) => check.id === id)) return false;
    // Each part of the detail begins with the host, or the origin, that it is about.
    return detail
      .split("; ")
      .some((part) =>
        names.some((name) => part === name || (/^[: ]/.test(part.slice(name.length)) && part.startsWith(name))),
      );
  });
  return failed && `no request is sent, because the check ${failed.id} failed`;
}

/** What the server under examination is reached by, its MCP server aside. */
export function addressesOf({ issuer, authorizationUrl, tokenUrl }: Target): string[] {
  return [issuer, authorizationUrl, tokenUrl].filter((each) => each !== undefined);
}

function urlsOf(target: Target): URL[] {
  const origins = [...addressesOf(target), target.resource].flatMap((url) =>
    url !== undefined && URL.canParse(url) ? [new URL(url).origin] : [],
  );
  return [...new Set(origins)].map((origin) => new URL(origin));
}

function portOf({ port, protocol }: URL): string {
  return port || (protocol === "https:" ? "443" : "80");
}

function judge(report: Report, url: URL, facts: ConnectionFacts): void {
  const { host, hostname } = url;
  const { addresses, chain, versions, unreachable } = facts;
  if (addresses.length === 0) {
    report.problem(NAME, `${hostname} does not resolve${unreachable === undefined ? "" : `: ${unreachable}`}`);
    for (const check of [PUBLIC, ...TLS_CHECKS]) report.skip(check, `${hostname} does not resolve`);
    return;
  }
  report.pass(NAME, `${hostname} is ${addresses.join(", ")}`);
  const internal = addresses.filter(isSpecialAddress);
  const local = isLoopback(url);
  if (!local) report.expect(PUBLIC, internal.length === 0, hostname, `${hostname} leads to ${internal.join(", ")}`);
  const modern = versions.filter((version) => /^TLSv1\.[23]$/.test(version));
  if (unreachable !== undefined || modern.length === 0) {
    const old = versions.length > 0 && `${host} accepts only ${versions.join(", ")}`;
    report.problem(HANDSHAKE, old || `${host}: ${unreachable ?? "no TLS version is accepted"}`);
    for (const check of TLS_CHECKS) if (check !== HANDSHAKE) report.skip(check, `no connection to ${host}`);
    return;
  }
  report.pass(HANDSHAKE, `${host} accepts ${versions.join(", ")}`);
  report.expect(TLS_1_2, modern.includes("TLSv1.2"), host, `${host} accepts only TLS 1.3`);
  judgeCertificate(report, host, facts);
  if (!local) judgeInsecure(report, host, facts.insecure);
  if (chain.length === 0) for (const check of [CHAIN, TRUSTED]) report.problem(check, `${host} sent no certificate`);
}

function judgeCertificate(report: Report, host: string, { at, chain, fault, wrongName }: ConnectionFacts): void {
  const [leaf] = chain;
  if (!leaf) return;
  const path = [leaf.subject, ...chain.map(({ issuer }) => issuer)].filter(
    (name, index, all) => name !== all[index - 1],
  );
  const incomplete = fault?.kind === "incomplete";
  report.expect(CHAIN, !incomplete, `${host}: ${path.join(" < ")}`, `${host}: ${fault?.reason}`);
  if (incomplete) report.skip(TRUSTED, "the chain is not complete");
  else report.expect(TRUSTED, !fault, `${host}: issued by ${chain.at(-1)?.issuer}`, `${host}: ${fault?.reason}`);

  const invalid = chain.find(({ validFrom, validTo }) => at < validFrom || at > validTo);
  const problem =
    invalid &&
    `${host}: ${invalid.subject} ${at > invalid.validTo ? "expired" : "is valid only from"} ${dayOf(at > invalid.validTo ? invalid.validTo : invalid.validFrom)}`;
  report.expect(DATES, !invalid, `${host}: until ${dayOf(leaf.validTo)}`, problem ?? "");
  const days = Math.floor((Math.min(...chain.map(({ validTo }) => validTo)) - at) / DAY_MS);
  if (invalid) report.skip(DAYS, "the certificate is not valid today");
  else report.expect(DAYS, days >= FEWEST_DAYS, `${host}: ${days} days`, `${host}: ${days} days left`);

  report.expect(HOST, wrongName === undefined, host, `${host}: ${wrongName}`);
  const free = chain.some(({ issuer }) => /let'?s encrypt|internet security research group/i.test(issuer));
  report.expect(ISSUER, !free, `${host}: ${leaf.issuer}`, `${host}: issued by ${leaf.issuer}`);
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function judgeInsecure(report: Report, host: string, insecure: ConnectionFacts["insecure"]): void {
  const name = host.replace(/:\d+$/, "");
  if (!insecure || insecure.status >= 400) {
    report.pass(INSECURE, `${name}: ${insecure?.status ?? "no response"} at port 80`);
    return;
  }
  const { status, location } = insecure;
  const secure = location?.startsWith("https://") === true;
  const found = location === undefined ? `returns ${status}` : `redirects to ${location}`;
  report.expect(INSECURE, secure, `${name}: redirected to https`, `http://${name} ${found}`);
}

/** Whether Alexa cannot reach an address: private, loopback, link-local, shared or documentation addresses. */
export function isSpecialAddress(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  const parts = mapped.split(".").map(Number);
  if (parts.length === 4) {
    const [a = 0, b = 0, c = 0] = parts;
    return (
      [0, 10, 127].includes(a) ||
      a >= 224 ||
      (a === 100 && b >= 64 && b < 128) ||
      (a === 169 && b === 254) ||
      (a === 172 && b >= 16 && b < 32) ||
      (a === 192 && (b === 168 || (b === 0 && (c === 0 || c === 2)))) ||
      (a === 198 && (b === 18 || b === 19 || (b === 51 && c === 100))) ||
      (a === 203 && b === 0 && c === 113)
    );
  }
  return /^(::1?$|f[cd]|fe[89ab]|ff|2001:db8:)/i.test(address);
}
