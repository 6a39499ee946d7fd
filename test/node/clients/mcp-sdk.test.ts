// The official MCP SDK's client with OAuth, against the example MCP server and this service: what Alexa+ does.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import {
  Client,
  ClientCredentialsProvider,
  type OAuthClientProvider,
  type StoredOAuthTokens,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from "@modelcontextprotocol/client";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Listening, startExample } from "../../../examples/mcp/node.ts";
import { call, expectStatus } from "../../../scripts/demo.ts";
import { DEMO_ADD_ON_CLIENT_ID, DEMO_ADD_ON_ID, registerAddOn } from "../../../scripts/demo-add-on.ts";
import { ADMIN_TOKEN, type Issuer, OTHER_CUSTOMER, startIssuer } from "./issuer.ts";

/** No server listens there: the customer's browser stops before the redirect. */
const SIMULATOR = "http://127.0.0.1:9";
const REDIRECT_URI = `${SIMULATOR}/pitangui/api/skill/link/M0DEMOVENDOR00`;
const SECRET = "obviously-fake-secret-of-the-add-on-client";

let issuer: Issuer;
let server: Listening;
let resource: string;
beforeAll(async () => {
  issuer = await startIssuer();
  server = await startExample(issuer.origin, 0);
  resource = `${server.origin}/mcp`;
  await registerAddOn(addOn(resource));
});
afterAll(async () => {
  await server?.close();
  await issuer?.close(SECRET, OTHER_CUSTOMER.password);
});

function addOn(at: string) {
  return { service: issuer.origin, simulator: SIMULATOR, adminToken: ADMIN_TOKEN, clientSecret: SECRET, resource: at };
}

/** Alexa's side of one link: a client that was registered beforehand, and what it has to remember. */
class Alexa implements OAuthClientProvider {
  readonly redirectUrl = REDIRECT_URI;
  readonly clientMetadata = { client_name: "Alexa", redirect_uris: [REDIRECT_URI] };
  authorizationUrl: URL | undefined;
  current: StoredOAuthTokens | undefined;
  #verifier = "";
  #discovery: Parameters<NonNullable<OAuthClientProvider["saveDiscoveryState"]>>[0] | undefined;

  clientInformation() {
    return { client_id: DEMO_ADD_ON_CLIENT_ID, client_secret: SECRET, issuer: issuer.origin };
  }
  state = () => "obviously-fake-state";
  tokens = () => this.current;
  saveTokens = (tokens: StoredOAuthTokens) => {
    this.current = tokens;
  };
  redirectToAuthorization = (url: URL) => {
    this.authorizationUrl = url;
  };
  saveCodeVerifier = (verifier: string) => {
    this.#verifier = verifier;
  };
  codeVerifier = () => this.#verifier;
  saveDiscoveryState: NonNullable<OAuthClientProvider["saveDiscoveryState"]> = (state) => {
    this.#discovery = state;
  };
  discoveryState = () => this.#discovery;
}

function transportFor(authProvider: OAuthClientProvider, url = resource) {
  return new StreamableHTTPClientTransport(new URL(url), { authProvider });
}

async function connect(authProvider: OAuthClientProvider, url = resource): Promise<Client> {
  const client = new Client({ name: "Alexa", version: "1.0.0" });
  await client.connect(transportFor(authProvider, url));
  return client;
}

/** Asks for the MCP server without a token, and follows discovery to the authorization URL. */
async function discover(alexa: Alexa, url = resource): Promise<URL> {
  await expect(connect(alexa, url)).rejects.toBeInstanceOf(UnauthorizedError);
  return alexa.authorizationUrl!;
}

/** Links: discovery, the customer's approval, the exchange of the code. */
async function link(customer?: typeof OTHER_CUSTOMER): Promise<Alexa> {
  const alexa = new Alexa();
  const back = await issuer.approve(await discover(alexa), customer);
  await transportFor(alexa).finishAuth(back.searchParams);
  return alexa;
}

/** A request of Alexa's client, with HTTP Basic. */
function post(path: string, fields: Record<string, string>): Promise<Response> {
  return fetch(`${issuer.origin}${path}`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${DEMO_ADD_ON_CLIENT_ID}:${SECRET}`)}` },
    body: new URLSearchParams(fields),
  });
}

async function textOf(client: Client, name: string, args: Record<string, unknown> = {}): Promise<string> {
  const { content } = await client.callTool({ name, arguments: args });
  return (content as { text: string }[])[0]?.text ?? "";
}

describe("the MCP SDK's client", () => {
  it("finds the way from a 401 without WWW-Authenticate to the authorization endpoint", async () => {
    const url = await discover(new Alexa());
    expect(url.origin + url.pathname).toBe(`${issuer.origin}/authorize`);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      client_id: DEMO_ADD_ON_CLIENT_ID,
      redirect_uri: REDIRECT_URI,
      resource,
      scope: "mcp:tools mcp:resources",
      code_challenge_method: "S256",
    });
  });

  it("M1: links, lists, calls tools and reads resources with a token for this MCP server", async () => {
    const alexa = await link();
    const client = await connect(alexa);
    const claims = decodeJwt(alexa.current?.access_token ?? "");
    expect(claims).toMatchObject({ iss: issuer.origin, aud: resource, scope: "mcp:tools mcp:resources" });
    expect(alexa.current?.refresh_token).toBeDefined();

    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(["whoami", "list_notes", "add_note"]);
    expect(await textOf(client, "whoami")).toBe(claims.sub);
    await textOf(client, "add_note", { text: "Buy milk" });
    expect(await textOf(client, "list_notes")).toBe("Buy milk");
    const { contents } = await client.readResource({ uri: "notes://mine" });
    expect(contents).toMatchObject([{ text: "Buy milk" }]);
    await client.close();
  });

  it("M1: refreshes after a 401, and the new token is for the same MCP server and user", async () => {
    const alexa = await link();
    const before = alexa.current!;
    const user = decodeJwt(before.access_token).sub;
    alexa.current = { ...before, access_token: "obviously-fake-expired-token" };
    const client = await connect(alexa);
    expect(await textOf(client, "whoami")).toBe(user);
    expect(alexa.current?.refresh_token).toBe(before.refresh_token);
    expect(decodeJwt(alexa.current?.access_token ?? "")).toMatchObject({ aud: resource, sub: user });
    await client.close();
  });

  it("sees nothing of the customer before, after another customer has linked with the same client", async () => {
    const first = await connect(await link());
    await textOf(first, "add_note", { text: "Only for the first customer" });
    const user = await textOf(first, "whoami");
    const lists = await first.listTools();

    const second = await connect(await link(OTHER_CUSTOMER));
    expect(await textOf(second, "whoami")).not.toBe(user);
    expect(await textOf(second, "list_notes")).toBe("There are no notes.");
    expect((await second.readResource({ uri: "notes://mine" })).contents).toMatchObject([{ text: "" }]);
    expect(await second.listTools()).toEqual(lists);
    await Promise.all([first.close(), second.close()]);
  });

  it("M1: with a service token lists, and may not call a tool or read a resource", async () => {
    const provider = new ClientCredentialsProvider({
      clientId: DEMO_ADD_ON_CLIENT_ID,
      clientSecret: SECRET,
      scope: "mcp:service",
      expectedIssuer: issuer.origin,
    });
    provider.prepareTokenRequest = () => new URLSearchParams({ grant_type: "client_credentials" });
    const client = await connect(provider);
    const tokens = provider.tokens();
    expect(tokens).toMatchObject({ expires_in: 3600, scope: "mcp:service" });
    expect(tokens?.refresh_token).toBeUndefined();
    expect(decodeJwt(tokens?.access_token ?? "")).toMatchObject({ aud: resource, sub: DEMO_ADD_ON_CLIENT_ID });
    expect((await client.listTools()).tools).toHaveLength(3);
    expect((await client.listResources()).resources).toHaveLength(1);
    await expect(client.callTool({ name: "whoami", arguments: {} })).rejects.toThrow("insufficient_scope");
    await expect(client.readResource({ uri: "notes://mine" })).rejects.toThrow("insufficient_scope");
    await client.close();
  });

  it("M1: cannot get user scopes without a user: invalid_scope", async () => {
    const provider = new ClientCredentialsProvider({
      clientId: DEMO_ADD_ON_CLIENT_ID,
      clientSecret: SECRET,
      expectedIssuer: issuer.origin,
    });
    // The SDK asks for the scopes of the MCP server's metadata, which are those for customers.
    await expect(connect(provider)).rejects.toMatchObject({ code: "invalid_scope" });
    expect(provider.tokens()).toBeUndefined();
  });

  it.each<[string, (url: URL) => void, string]>([
    ["another resource", (url) => url.searchParams.set("resource", "https://mcp.example.org/mcp"), "invalid_target"],
    ["a slash added to it", (url) => url.searchParams.set("resource", `${resource}/`), "invalid_target"],
    ["two resources", (url) => url.searchParams.append("resource", resource), "invalid_target"],
    ["no challenge", (url) => url.searchParams.delete("code_challenge"), "invalid_request"],
    ["the method plain", (url) => url.searchParams.set("code_challenge_method", "plain"), "invalid_request"],
    ["only the service scope", (url) => url.searchParams.set("scope", "mcp:service"), "invalid_scope"],
  ])("M1: is sent back when its authorization request has %s", async (_, change, error) => {
    const url = await discover(new Alexa());
    change(url);
    const response = await fetch(url, { redirect: "manual" });
    const back = new URL(response.headers.get("location") ?? "");
    expect(back.origin + back.pathname).toBe(REDIRECT_URI);
    expect(Object.fromEntries(back.searchParams)).toMatchObject({ error, state: "obviously-fake-state" });
    expect(back.searchParams.has("code")).toBe(false);
  });

  it("gets no token with a verifier that is not its own", async () => {
    const alexa = new Alexa();
    const back = await issuer.approve(await discover(alexa));
    alexa.saveCodeVerifier("x".repeat(43));
    await expect(transportFor(alexa).finishAuth(back.searchParams)).rejects.toThrow();
    expect(alexa.current).toBeUndefined();
  });

  it("learns that the customer denied", async () => {
    const back = await issuer.deny(await discover(new Alexa()));
    expect(back.searchParams.get("error")).toBe("access_denied");
  });
});

describe("another MCP server", () => {
  let other: Listening;
  beforeAll(async () => {
    other = await startExample(issuer.origin, 0);
  });
  afterAll(() => other?.close());

  it("M1: refuses the token of this add-on, which cannot get one for it", async () => {
    const { current } = await link();
    const alexa = new Alexa();
    alexa.current = { access_token: current!.access_token, token_type: "Bearer" };
    const url = await discover(alexa, `${other.origin}/mcp`);
    const expectNoToken = async () => {
      const response = await fetch(url, { redirect: "manual" });
      expect(response.headers.get("location")).toContain("error=invalid_target");
      for (const grant of [
        { grant_type: "client_credentials" },
        { grant_type: "refresh_token", refresh_token: current!.refresh_token! },
      ]) {
        const refused = await post("/token", { ...grant, resource: `${other.origin}/mcp` });
        expect([refused.status, await refused.json()]).toEqual([400, { error: "invalid_target" }]);
      }
    };
    expect(url.searchParams.get("resource")).toBe(`${other.origin}/mcp`);
    await expectNoToken();

    const id = "amzn1.ask.skill.other-add-on";
    const resource = `${other.origin}/mcp`;
    const body = { id, name: "Other", type: "add_on", vendorId: "M0OTHERVENDOR0", resource, scopes: ["mcp:tools"] };
    const admin = { service: issuer.origin, adminToken: ADMIN_TOKEN };
    expectStatus(
      await call(admin, "POST", "/skills", { ...body, returnUrls: ["https://app.example.com/done"] }),
      "another add-on",
      201,
    );
    try {
      await expectNoToken();
    } finally {
      expectStatus(await call(admin, "DELETE", `/skills/${id}`), "removing it", 200, 204);
    }
  });

  it("M1: gets the tokens of the next refresh when the registration has moved to it, and the previous one gets none", async () => {
    const alexa = await link();
    const before = alexa.current!;
    const pending = new Alexa();
    const code = await issuer.approve(await discover(pending));
    await registerAddOn(addOn(`${other.origin}/mcp`));
    try {
      await expect(transportFor(pending).finishAuth(code.searchParams)).rejects.toThrow();
      alexa.current = { ...before, access_token: "obviously-fake-expired-token" };
      alexa.saveDiscoveryState(undefined as never);
      const client = await connect(alexa, `${other.origin}/mcp`);
      expect(decodeJwt(alexa.current?.access_token ?? "")).toMatchObject({ aud: `${other.origin}/mcp` });
      expect(await textOf(client, "list_notes")).toBe("There are no notes.");
      await client.close();
      const previous = await fetch(resource, {
        method: "POST",
        headers: { authorization: `Bearer ${alexa.current?.access_token}` },
        body: "{}",
      });
      expect(previous.status).toBe(401);
    } finally {
      await registerAddOn(addOn(resource));
    }
  });
});

describe("the introspection of docs/mcp.md, as it is printed there", () => {
  const CLIENT = { id: "acme-notes-backend", secret: "obviously-fake-secret-of-the-mcp-server" };
  type Handler = (request: Request) => Promise<Response>;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "mcp-introspection-"));
    const admin = { service: issuer.origin, adminToken: ADMIN_TOKEN };
    const body = { ...CLIENT, kind: "service", name: "Acme Notes backend", skillIds: [DEMO_ADD_ON_ID] };
    expectStatus(await call(admin, "POST", "/clients", body), "the backend's client", 201);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function handlerWith(secret: string): Promise<Handler> {
    const code = /```ts\n([^`]*isLive[\s\S]*?)```/.exec(readFileSync("docs/mcp.md", "utf8"))?.[1];
    const constants = { ISSUER: issuer.origin, RESOURCE: resource, CLIENT_ID: CLIENT.id, CLIENT_SECRET: secret };
    const file = join(folder, `${secret}.ts`);
    writeFileSync(
      file,
      `import { guard } from ${JSON.stringify(resolve("examples/mcp/guard.ts"))};
      const { ISSUER, RESOURCE, CLIENT_ID, CLIENT_SECRET } = ${JSON.stringify(constants)};
      const yourMcpServer = ({ user }) => ({ handle: async () => new Response(user) });
      ${code}
      export { handler };`,
    );
    return ((await import(/* @vite-ignore */ pathToFileURL(file).href)) as { handler: Handler }).handler;
  }

  const ping = (handler: Handler, token: string) =>
    handler(
      new Request(resource, {
        method: "POST",
        headers: { authorization: `bearer ${token}` },
        body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      }),
    );

  it("lets a token pass until the customer has unlinked, which is 401 without WWW-Authenticate", async () => {
    const { access_token, refresh_token } = (await link()).current!;
    const handler = await handlerWith(CLIENT.secret);
    const before = await ping(handler, access_token);
    expect([before.status, await before.text()]).toEqual([200, decodeJwt(access_token).sub]);
    expect((await post("/revoke", { token: refresh_token! })).status).toBe(200);
    const after = await ping(handler, access_token);
    expect([after.status, after.headers.get("www-authenticate")]).toEqual([401, null]);
  });

  it("responds with 503 when introspection fails", async () => {
    const { access_token } = (await link()).current!;
    expect((await ping(await handlerWith("obviously-wrong-secret"), access_token)).status).toBe(503);
  });
});
