// Servers that attack the person who runs the doctor: what they can make it hold, wait for, or send.
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { call } from "../../cli/admin-api.ts";
import { administrationOf } from "../../cli/doctor/administration.ts";
import type { DoctorOptions } from "../../cli/doctor/options.ts";
import { probeConnection } from "../../cli/doctor/probes.ts";
import { findTarget } from "../../cli/doctor/target.ts";
import { whoSignsIn } from "../../cli/doctor/who-signs-in.ts";
import type { Terminal } from "../../cli/terminal.ts";
import { metadataArea } from "../../doctor/checks/metadata.ts";
import { createCustomer } from "../../doctor/customer.ts";
import { revocationEndpointIn } from "../../doctor/metadata.ts";
import { type Check, Report } from "../../doctor/report.ts";
import type { AuthorizationRequest } from "../../simulator/library/authorization-request.ts";
import { readPage } from "../../simulator/library/html.ts";
import { examinationOf, examine, TARGET, withOutcome } from "./doctor-support.ts";

const REDIRECT = "https://layla.amazon.com/api/skill/link/M1";
const servers: Server[] = [];
const terminal = {
  environment: { ADMIN_TOKEN: "example-admin-token", PASSWORD: "example-password" },
  interactive: false,
  print: () => {},
  note: () => {},
} as unknown as Terminal;

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen<T extends Server>(server: T): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** A body without an end, as fast as it is read. */
const endless: RequestListener = (_request, response) => {
  response.writeHead(200, { "content-type": "text/html" });
  const more = () => {
    while (!response.destroyed && response.write(Buffer.alloc(65_536, "x")));
  };
  response.on("drain", more);
  more();
};

/** A page that never ends, a byte now and then. */
const slow: RequestListener = (_request, response) => {
  response.writeHead(200, { "content-type": "text/html" });
  const timer = setInterval(() => response.write("x"), 20);
  response.on("close", () => clearInterval(timer));
};

describe("bodies without an end", () => {
  it.each([
    ["endless", endless, "a response of more than 4 MB"],
    ["slow", slow, "aborted"],
  ])("end the visit of the customer: %s", async (_name, listener, why) => {
    const port = await listen(createHttpServer(listener));
    const target = {
      ...TARGET,
      client: { tokenUrl: "", clientId: "c", clientSecret: "s", accessTokenScheme: "HTTP_BASIC" as const },
    };
    const options = { user: "me@example.com", timeout: 1 } as DoctorOptions;
    const { customer } = await whoSignsIn(terminal, target, options);
    const request = { url: `http://127.0.0.1:${port}/authorize`, redirectUri: REDIRECT } as AuthorizationRequest;
    await expect(customer?.decide(request, "allow")).rejects.toThrow(why);
  });

  it("end the reading of the admin API", async () => {
    const url = `http://127.0.0.1:${await listen(createHttpServer(endless))}`;
    const administration = await administrationOf(url, terminal, 10_000);
    expect((await administration.get("/api/admin/skills")).json).toBeUndefined();
    await expect(call({ origin: url, adminToken: "example-admin-token" }, "GET", "/skills")).rejects.toThrow(
      `${url} sent a response of more than 50 MB; check --url.`,
    );
  });

  it("do not hold up the look at the connection", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      // The begin of a TLS record of 16 KB, and of an HTTP response, a byte at a time.
      const bytes = Buffer.from([0x16, 3, 3, 0x40, 0]);
      let sent = 0;
      const timer = setInterval(() => socket.write(bytes.subarray(sent % 5, (sent++ % 5) + 1)), 50);
      socket.on("close", () => clearInterval(timer));
    });
    const port = await listen(server);
    const facts = await probeConnection("https://link.example.com", {
      timeoutMs: 300,
      resolve: async () => ["93.184.215.14"],
      connectTo: { host: "127.0.0.1", port, insecurePort: port },
    });
    expect(facts.unreachable).toBeDefined();
  });
});

it.each([
  ["nested elements", "<div>".repeat(800_000)],
  ["comments", "<!--".repeat(1_000_000)],
  ["end tags", `${"<b>".repeat(5_000)}${"</i>".repeat(900_000)}`],
  ["options", `<select name=a>${"<option>".repeat(400_000)}`],
  ["links around a long text", `${"<a href=x><div>".repeat(9_000)}${"x ".repeat(900_000)}`],
  ["messages around a long text", `${"<div class=error>".repeat(9_000)}${" ".repeat(1_000_000)}`],
])(
  "a page of megabytes is read up to a number of tags: %s",
  (_name, html) => {
    const form = '<form><input name="a"></form>';
    expect(readPage(`${form}${html}`, "https://link.example.com/").forms).toHaveLength(1);
  },
  60_000,
);

describe("the password", () => {
  function customerAt(redirect: { readonly status: number; readonly location: string }) {
    const sent: string[] = [];
    const customer = createCustomer({
      user: "me@example.com",
      password: "example-password",
      redirectUris: [REDIRECT],
      fetch: async (request) => {
        sent.push(`${request.url} ${(await request.clone().text()).includes("example-password")}`);
        if (request.method === "POST" && request.url.startsWith("https://link.example.com/")) {
          return new Response(null, { status: redirect.status, headers: { location: redirect.location } });
        }
        if (request.method === "POST")
          return new Response(null, { status: 303, headers: { location: `${REDIRECT}?code=c` } });
        const page = '<form method="post"><input name="user"><input name="pw" type="password"><button>Sign in</button>';
        return new Response(page, { headers: { "content-type": "text/html" } });
      },
    });
    const request = { url: "https://link.example.com/authorize", redirectUri: REDIRECT } as AuthorizationRequest;
    return { sent, customer, decide: () => customer.decide(request, "allow") };
  }

  it("is not sent again without TLS where a redirect says so", async () => {
    const { sent, decide } = customerAt({ status: 307, location: "http://link.example.com/in" });
    expect(await decide()).toMatchObject({
      arrived: false,
      why: expect.stringContaining("the sign-in page sends it to http://link.example.com without TLS"),
    });
    expect(sent).toHaveLength(2);
  });

  it("that a redirect takes to another host is said to be there", async () => {
    const { sent, customer, decide } = customerAt({ status: 308, location: "https://login.example.net/in" });
    expect(await decide()).toMatchObject({ arrived: true });
    expect(sent.at(-1)).toBe("https://login.example.net/in true");
    expect(customer.passwordHosts?.()).toEqual(["link.example.com", "login.example.net"]);
  });
});

it.each([
  ["http://link.example.com/revoke", { why: "the revocation endpoint is without TLS" }],
  ["http://169.254.169.254/", { why: "the revocation endpoint is without TLS" }],
  ["file:///etc/passwd", { why: "the server names no revocation endpoint" }],
  [["https://link.example.com/revoke"], { why: "the server names no revocation endpoint" }],
  ["https://link.example.com/revoke", { url: "https://link.example.com/revoke" }],
  ["http://127.0.0.1:8787/revoke", { url: "http://127.0.0.1:8787/revoke" }],
])("the client's secret goes to a revocation endpoint with TLS only: %j", (endpoint, expected) => {
  expect(revocationEndpointIn({ revocation_endpoint: endpoint })).toEqual(expected);
});

it.each([
  ["https://tokens.example.net/token", ["The client's secret is sent to tokens.example.net, which the metadata names"]],
  ["/token", []],
])("a token endpoint that the metadata names at another host is said: %s", async (endpoint, expected) => {
  const server = createHttpServer((request, response) => {
    const origin = `http://${request.headers.host}`;
    const metadata = {
      issuer: origin,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: new URL(endpoint, origin).href,
    };
    response.setHeader("content-type", "application/json").end(JSON.stringify(metadata));
  });
  const notes: string[] = [];
  const environment = { CLIENT_SECRET: "example-secret" };
  await findTarget(
    { ...terminal, environment, note: (text) => void notes.push(text) },
    `http://127.0.0.1:${await listen(server)}`,
    { clientId: "alexa", redirectUri: [REDIRECT], timeout: 5 } as unknown as DoctorOptions,
  );
  expect(notes).toEqual(expected.map((text) => `${text} as the token endpoint.`));
});

it("lists in the metadata may hold what has no text", async () => {
  const odd = [{ toString: 1 }, null, "S256", "code", "client_secret_basic"];
  const names = [
    "code_challenge_methods_supported",
    "response_types_supported",
    "token_endpoint_auth_methods_supported",
  ];
  const metadata = Object.fromEntries(names.map((name) => [name, odd]));
  const results = await examine(metadataArea, examinationOf({ target: { ...TARGET, metadata } }));
  expect(withOutcome(results, "pass")).toEqual(
    expect.arrayContaining(["metadata_s256", "metadata_authentication", "metadata_grant_types"]),
  );
});

it("a detail is cut off, however much the server says", () => {
  const check: Check = { id: "a", title: "A", severity: "warn", effect: "", remedy: "", source: "" };
  const report = new Report();
  for (let count = 0; count < 100; count++) report.problem(check, `${count} ${"x".repeat(100_000)}`);
  const [result] = report.results();
  expect(result?.detail).toHaveLength(4_000);
  expect(result?.detail).toMatch(/^0 x+ …$/);
});
