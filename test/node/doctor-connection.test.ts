// What the doctor says about names, ports, TLS versions and certificates, against TLS servers with one mistake each.
import type { ServerOptions } from "node:https";
import { connect, createServer } from "node:net";
import { afterEach, beforeAll, expect, it } from "vitest";
import { plainFetch } from "../../cli/doctor/plain-fetch.ts";
import { type ConnectionOptions, probeConnection } from "../../cli/doctor/probes.ts";
import { run } from "../../cli/program.ts";
import type { Terminal } from "../../cli/terminal.ts";
import { brokenConnection, connection, isSpecialAddress } from "../../doctor/checks/connection.ts";
import type { Target } from "../../doctor/examination.ts";
import { examinationOf, examine, findings, TARGET, withOutcome } from "./doctor-support.ts";
import { listen, makeAuthority } from "./tls-servers.ts";

const HOST = "link.example.com";
let authority: Awaited<ReturnType<typeof makeAuthority>>;
const running: { close: () => void }[] = [];

beforeAll(async () => {
  authority = await makeAuthority(HOST);
});
afterEach(() => {
  for (const server of running.splice(0)) server.close();
});

interface Bent {
  readonly tls?: ServerOptions;
  /** Headers of the server at port 80; without it the port is closed. */
  readonly insecure?: { status: number; location?: string };
  readonly addresses?: readonly string[];
  readonly target?: Partial<Target>;
}

async function closedPort(): Promise<number> {
  const { port, close } = await listen(undefined, () => {});
  close();
  return port;
}

async function look({ tls, insecure, addresses = ["93.184.215.14"], target = {} }: Bent = {}) {
  const server = await listen(tls ?? (await authority.chain()), (_, response) => response.end("ok"));
  running.push(server);
  let insecurePort = await closedPort();
  if (insecure) {
    const plain = await listen(undefined, (_, response) => {
      const { status, location } = insecure;
      response.writeHead(status, location === undefined ? {} : { location }).end("plain");
    });
    running.push(plain);
    insecurePort = plain.port;
  }
  const options: ConnectionOptions = {
    timeoutMs: 3000,
    extraRoots: [authority.rootPem],
    resolve: async () => addresses,
    connectTo: { host: "127.0.0.1", port: server.port, insecurePort },
  };
  const examination = examinationOf({
    target: { ...TARGET, ...target },
    probes: { connection: (origin) => probeConnection(origin, options) },
  });
  const results = await examine(connection, examination);
  return { results, found: findings(results), report: examination.report };
}

it("O1: a server with a public address, TLS 1.2 and a whole chain passes everything", async () => {
  const { results, found, report } = await look();
  expect(found).toEqual([]);
  expect(withOutcome(results, "skipped")).toEqual([]);
  expect(results.get("certificate_chain")?.detail).toBe(
    `${HOST}: ${HOST} < Test Intermediate (Test Authority) < Test Root (Test Authority)`,
  );
  expect(results.get("tls_handshake")?.detail).toContain("TLSv1.2, TLSv1.3");
  expect(brokenConnection(report, [`https://${HOST}/token`])).toBeUndefined();
});

it.each<[string, () => Promise<Bent>, RegExp]>([
  ["certificate_trusted", async () => ({ tls: await authority.chain({ alone: true }) }), /self-signed/],
  [
    "certificate_chain",
    async () => ({ tls: await authority.chain({ without: "intermediate" }) }),
    /sends only its own certificate, and not the one of its issuer Test Intermediate/,
  ],
  ["certificate_dates", async () => ({ tls: await authority.chain({ days: -2 }) }), /expired 20\d\d-/],
  [
    "certificate_name",
    async () => ({ tls: await authority.chain({ host: "other.example.com" }) }),
    /other\.example\.com/,
  ],
  ["certificate_days_left", async () => ({ tls: await authority.chain({ days: 13.5 }) }), /13 days left/],
  [
    "certificate_issuer",
    async () => ({ tls: await authority.chain({ intermediate: "CN=R11, O=Let's Encrypt" }) }),
    /issued by R11 \(Let's Encrypt\)/,
  ],
  ["tls_1_2", async () => ({ tls: { ...(await authority.chain()), minVersion: "TLSv1.3" } }), /only TLS 1.3/],
  [
    "tls_handshake",
    async () => ({
      tls: { ...(await authority.chain()), minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" },
    }),
    /accepts only TLSv1, TLSv1\.1/,
  ],
  ["name_resolves", async () => ({ addresses: [] }), /does not resolve/],
  ["address_is_public", async () => ({ addresses: ["93.184.215.14", "10.1.2.3"] }), /leads to 10\.1\.2\.3/],
  [
    "port_443",
    async () => ({
      target: {
        issuer: `https://${HOST}:8443`,
        authorizationUrl: `https://${HOST}:8443/authorize`,
        tokenUrl: `https://${HOST}:8443/token`,
      },
    }),
    /uses port 8443/,
  ],
  ["https", async () => ({ target: { tokenUrl: `http://${HOST}/token` } }), /http:\/\/link\.example\.com is not https/],
  ["http_is_redirected", async () => ({ insecure: { status: 200 } }), /http:\/\/link\.example\.com returns 200/],
])("O1: one mistake, one finding: %s", async (id, bend, detail) => {
  const { results, found } = await look(await bend());
  // The port of http is another mistake of the same URL.
  expect(found.filter((each) => id !== "https" || each !== "port_443")).toEqual([id]);
  const { detail: said, effect, remedy, source } = results.get(id)!;
  expect(said).toMatch(detail);
  expect([effect, remedy, source].every((text) => (text ?? "").length > 10)).toBe(true);
});

it.each(["self-signed", "expired", "wrong name"])("no secret is sent over a connection that is %s", async (kind) => {
  const bent = { "self-signed": { alone: true }, expired: { days: -2 }, "wrong name": { host: "other.example.com" } }[
    kind
  ];
  const { report } = await look({ tls: await authority.chain(bent) });
  expect(brokenConnection(report, [`https://${HOST}/token`])).toMatch(
    /^no request is sent, because the check certificate_/,
  );
});

it("a redirect from http to https passes, one to another http address does not", async () => {
  const good = await look({ insecure: { status: 308, location: `https://${HOST}/` } });
  expect(good.found).toEqual([]);
  const bad = await look({ insecure: { status: 302, location: `http://www.${HOST}/` } });
  expect(bad.found).toEqual(["http_is_redirected"]);
});

it("an expired certificate that is self-signed too has both faults named", async () => {
  const { found } = await look({ tls: await authority.chain({ alone: true, days: -2 }) });
  expect(found).toEqual(["certificate_trusted", "certificate_dates"]);
});

it("a server that closes the connection has no handshake, and its certificate is not judged", async () => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  running.push({ close: () => server.close() });
  const { port } = server.address() as { port: number };
  const connectTo = { host: "127.0.0.1", port, insecurePort: await closedPort() };
  const examination = examinationOf({
    probes: {
      connection: (origin) =>
        probeConnection(origin, { timeoutMs: 2000, resolve: async () => ["93.184.215.14"], connectTo }),
    },
  });
  const results = await examine(connection, examination);
  expect(findings(results)).toEqual(["tls_handshake"]);
  expect(withOutcome(results, "skipped")).toContain("certificate_trusted");
});

it("a server that accepts and then is silent is given up after the time limit", async () => {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const idle = connect(port, "127.0.0.1");
  running.push({ close: () => server.close() }, { close: () => idle.destroy() });
  const facts = await probeConnection(`https://${HOST}`, {
    timeoutMs: 200,
    resolve: async () => ["93.184.215.14"],
    connectTo: { host: "127.0.0.1", port, insecurePort: port },
  });
  expect(facts.unreachable).toBe("no connection within 0.2 s");
});

it.each(["http://127.0.0.1:8787", "http://localhost:8787", "http://[::1]:8787"])(
  "%s is this machine: noted, not failed",
  async (origin) => {
    const target = { issuer: origin, authorizationUrl: `${origin}/authorize`, tokenUrl: `${origin}/token` };
    const { results, found } = await look({ target });
    expect(found).toEqual([]);
    expect(results.get("https")).toMatchObject({ outcome: "skipped", detail: expect.stringContaining("this machine") });
  },
);

it("two servers on this machine are named once each", async () => {
  const origin = "http://localhost:8787";
  const oauth = { issuer: origin, authorizationUrl: `${origin}/authorize`, tokenUrl: `${origin}/token` };
  const { results } = await look({ target: { ...oauth, resource: "http://127.0.0.1:8789/mcp" } });
  const said = [...results.values()].map(({ detail }) => detail);
  const why = "is this machine, which Alexa cannot reach";
  expect([...new Set(said)]).toEqual([`localhost:8787 ${why}; 127.0.0.1:8789 ${why}`]);
});

it("a name that begins like an address of this machine is not this machine", async () => {
  const { results } = await look({ target: { tokenUrl: "http://127.example.com/token" } });
  expect(results.get("https")).toMatchObject({ outcome: "fail", detail: expect.stringContaining("127.example.com") });
});

it("each host that Alexa calls is looked at, the MCP server's too", async () => {
  const { results } = await look({ target: { resource: "https://mcp.example.com/mcp" } });
  expect(results.get("certificate_name")).toMatchObject({ outcome: "fail" });
  expect(results.get("certificate_name")?.detail).toContain("mcp.example.com");
});

it("a broken connection to the MCP server stops only what needs that one, and http is not used for secrets", async () => {
  const { report } = await look({ target: { resource: "https://mcp.example.com/mcp" } });
  expect(brokenConnection(report, ["https://mcp.example.com/mcp"])).toContain("certificate_name");
  expect(brokenConnection(report, [`https://${HOST}/token`, "https://example.com/"])).toBeUndefined();
  const plain = await look({ target: { tokenUrl: `http://${HOST}/token` } });
  expect(brokenConnection(plain.report, [`http://${HOST}/token`])).toContain("https failed");
});

it.each([
  ["10.0.0.1", true],
  ["172.31.255.1", true],
  ["172.32.0.1", false],
  ["192.168.1.1", true],
  ["169.254.1.1", true],
  ["100.64.0.1", true],
  ["127.0.0.1", true],
  ["0.0.0.0", true],
  ["255.255.255.255", true],
  ["93.184.215.14", false],
  ["::1", true],
  ["::", true],
  ["fd00::1", true],
  ["fe80::1", true],
  ["2606:4700::1", false],
  ["::ffff:10.0.0.1", true],
  ["::ffff:93.184.215.14", false],
])("%s cannot be reached from the internet: %s", (address, expected) => {
  expect(isSpecialAddress(address)).toBe(expected);
});

it("a request has exactly the headers that Alexa's client sends", async () => {
  let seen: readonly string[] = [];
  const server = await listen(undefined, (request, response) => {
    seen = Object.keys(request.headers);
    response.writeHead(302, { location: "/elsewhere", "set-cookie": ["a=1", "b=2"] }).end();
  });
  running.push(server);
  const request = new Request(`http://127.0.0.1:${server.port}/token`, {
    method: "POST",
    body: "a=b",
    headers: { "user-agent": "Java", "content-type": "application/x-www-form-urlencoded" },
  });
  const response = await plainFetch(request);
  expect(response.status).toBe(302);
  expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  expect(new Set(seen)).toEqual(
    new Set(["user-agent", "content-type", "connection", "accept-encoding", "content-length", "host"]),
  );
});

it("a response that never ends is given up", async () => {
  const server = await listen(undefined, (_, response) => {
    response.writeHead(200);
    const write = () => void response.write("x".repeat(65_536), () => !response.destroyed && setImmediate(write));
    write();
  });
  running.push(server);
  await expect(plainFetch(new Request(`http://127.0.0.1:${server.port}/`))).rejects.toThrow(/more than 5000000 bytes/);
});

it("a certificate that cannot be trusted is a finding, not an outage, and nothing is sent", async () => {
  const paths: string[] = [];
  const server = await listen(await authority.chain({ alone: true, host: "localhost" }), (request, response) => {
    paths.push(request.url ?? "");
    response.end();
  });
  running.push(server);
  const printed: string[] = [];
  const terminal = {
    environment: { CLIENT_SECRET: "obviously-fake-secret" },
    interactive: false,
    print: (text: string) => void printed.push(text),
    note: () => {},
  } as unknown as Terminal;
  const origin = `https://localhost:${server.port}`;
  const args = ["doctor", origin, "--client-id", "alexa", "--vendor-id", "M0EXAMPLE00001", "--json"];
  expect(await run(args, terminal)).toBe(1);
  const { checks, summary } = JSON.parse(printed.join("\n"));
  const failed = checks.filter(({ outcome }: { outcome: string }) => outcome === "fail");
  expect(failed.map(({ id }: { id: string }) => id)).toEqual(["certificate_trusted"]);
  expect(summary).toMatchObject({ fail: 1, warn: 0 });
  expect(paths).toEqual([]);
});
