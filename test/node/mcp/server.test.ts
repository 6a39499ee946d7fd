// The example MCP server on Node and in workerd, with tokens of a stand-in for the authorization server.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestHarness } from "wrangler";
import { startExample } from "../../../examples/mcp/node.ts";
import { notesInKv, notesInMemory } from "../../../examples/mcp/notes.ts";
import { startTokenIssuer, type TokenIssuer } from "./token-issuer.ts";

const VERSIONS = ["2025-03-26", "2025-06-18", "2025-11-25"];

let tokens: TokenIssuer;
const servers: Record<string, { readonly origin: string; close(): Promise<void> }> = {};

beforeAll(async () => {
  tokens = await startTokenIssuer();
  servers.Node = await startExample(tokens.issuer, 0);
  servers.workerd = await startWorker();
});
afterAll(async () => {
  await Promise.all([...Object.values(servers), tokens].map((server) => server?.close()));
});

/** The Worker as deploy builds it. Its port is known only once it listens. */
async function startWorker() {
  const configPath = "examples/mcp/wrangler.toml";
  const harness = createTestHarness({ workers: [{ configPath }] });
  const { origin } = (await harness.listen()).url;
  await harness.update({ workers: [{ configPath, vars: { ISSUER: tokens.issuer, RESOURCE: `${origin}/mcp` } }] });
  return { origin, close: () => harness.close() };
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly result: Record<string, unknown>;
  readonly error: { readonly code: number; readonly message: string } | undefined;
}

describe.each(["Node", "workerd"])("the example on %s", (runtime) => {
  const resource = () => `${servers[runtime]?.origin}/mcp`;

  async function rpc(token: string, method: string, params: unknown = {}, headers = {}): Promise<Answer> {
    const response = await fetch(resource(), {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...headers,
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
    return { status: response.status, headers: response.headers, ...(await response.json()) };
  }

  const user = (name: string, claims = {}) => tokens.userToken(resource(), name, claims);
  const service = () => tokens.serviceToken(resource());

  /** What a tool returns as text. */
  async function call(token: string, name: string, args: Record<string, unknown> = {}) {
    const { result } = await rpc(token, "tools/call", { name, arguments: args });
    const [content] = result.content as { text: string }[];
    return { text: content?.text, isError: result.isError === true };
  }

  it("describes itself where RFC 9728 says, and refuses a request without a token", async () => {
    const { origin } = new URL(resource());
    const document = await fetch(`${origin}/.well-known/oauth-protected-resource/mcp`);
    expect(await document.json()).toMatchObject({ resource: resource(), authorization_servers: [tokens.issuer] });
    const refused = await fetch(resource(), { method: "POST", body: "{}" });
    expect([refused.status, refused.headers.has("www-authenticate")]).toEqual([401, false]);
    await refused.arrayBuffer();
  });

  it.each(VERSIONS)("speaks protocol version %s to a service token", async (protocolVersion) => {
    const clientInfo = { name: "Alexa", version: "1" };
    const response = await rpc(await service(), "initialize", { protocolVersion, capabilities: {}, clientInfo });
    expect(response.result).toMatchObject({ protocolVersion, serverInfo: { name: "acme-notes" } });
    expect(response.headers.has("mcp-session-id")).toBe(false);
  });

  it("offers its newest version before 2026 for a version that it does not know", async () => {
    const clientInfo = { name: "Alexa", version: "1" };
    const unknown = { protocolVersion: "2031-01-01", capabilities: {}, clientInfo };
    expect((await rpc(await service(), "initialize", unknown)).result.protocolVersion).toBe("2025-11-25");
  });

  it("lists the same tools and resources for Alexa and for every customer", async () => {
    const tools = (await rpc(await service(), "tools/list")).result;
    expect((tools.tools as { name: string }[]).map(({ name }) => name)).toEqual(["whoami", "list_notes", "add_note"]);
    expect((await rpc(await user("ada"), "tools/list")).result).toEqual(tools);
    const resources = (await rpc(await service(), "resources/list")).result;
    expect(resources.resources).toMatchObject([{ uri: "notes://mine" }]);
    expect((await rpc(await user("ada"), "resources/list")).result).toEqual(resources);
  });

  it("calls tools and reads resources for customers only", async () => {
    expect((await rpc(await service(), "tools/call", { name: "whoami", arguments: {} })).status).toBe(403);
    expect((await rpc(await service(), "resources/read", { uri: "notes://mine" })).status).toBe(403);
    expect(await call(await user("ada"), "whoami")).toEqual({ text: "ada", isError: false });
  });

  it("calls tools only with mcp:tools, and reads resources only with mcp:resources", async () => {
    const reader = await user("ada", { scope: "mcp:resources" });
    const caller = await user("ada", { scope: "mcp:tools" });
    for (const name of ["whoami", "list_notes", "add_note"]) {
      expect(await call(reader, name, { text: "never stored" })).toMatchObject({ isError: true });
    }
    expect((await rpc(reader, "resources/read", { uri: "notes://mine" })).error).toBeUndefined();
    expect((await rpc(caller, "resources/read", { uri: "notes://mine" })).error).toBeDefined();
    expect((await call(caller, "list_notes")).text).not.toContain("never stored");
  });

  it.each<[string, unknown]>([
    ["no text", {}],
    ["an empty text", { text: "" }],
    ["201 characters", { text: "x".repeat(201) }],
    ["a number", { text: 1 }],
    ["a list", { text: ["a"] }],
    ["no arguments", undefined],
    ["text as arguments", "text"],
  ])("stores no note of %s", async (_, args) => {
    const token = await user("careless");
    const response = await rpc(token, "tools/call", { name: "add_note", arguments: args });
    expect(response.error !== undefined || response.result.isError === true).toBe(true);
    expect((await call(token, "list_notes")).text).toBe("There are no notes.");
  });

  it("knows no user but the token's, whatever the arguments and headers say", async () => {
    const mallory = await user("mallory");
    await call(await user("victim"), "add_note", { text: "private" });
    expect((await call(mallory, "list_notes", { user: "victim", sub: "victim" })).text).toBe("There are no notes.");
    const headers = { "mcp-session-id": "session-of-victim", "last-event-id": "1", cookie: "session=victim" };
    const response = await rpc(mallory, "tools/call", { name: "list_notes", arguments: {} }, headers);
    expect(response.result.content).toEqual([{ type: "text", text: "There are no notes." }]);
  });

  it.each(["https://evil.example", "null", "http://mcp.example.com"])(
    "refuses pages of other origins: %s",
    async (origin) => {
      expect((await rpc(await user("ada"), "tools/list", {}, { origin })).status).toBe(403);
      expect((await rpc(await user("ada"), "tools/list", {}, { origin: new URL(resource()).origin })).status).toBe(200);
    },
  );

  it("shows nothing of the previously linked customer after another one has linked with the same Alexa", async () => {
    const listsBefore = await rpc(await service(), "tools/list");
    const ada = await user("ada-lovelace");
    await call(ada, "add_note", { text: "Ada's note" });
    expect(await call(ada, "list_notes")).toMatchObject({ text: "Ada's note" });

    const grace = await user("grace-hopper");
    expect((await rpc(await service(), "tools/list")).result).toEqual(listsBefore.result);
    expect(await call(grace, "whoami")).toMatchObject({ text: "grace-hopper" });
    expect(await call(grace, "list_notes")).toMatchObject({ text: "There are no notes." });
    const read = await rpc(grace, "resources/read", { uri: "notes://mine" });
    expect(read.result.contents).toEqual([{ uri: "notes://mine", text: "" }]);

    await call(grace, "add_note", { text: "Grace's note" });
    expect(await call(grace, "list_notes")).toMatchObject({ text: "Grace's note" });
    // The first customer links again and finds what is theirs.
    expect(await call(await user("ada-lovelace"), "list_notes")).toMatchObject({ text: "Ada's note" });
  });

  it("keeps simultaneous requests of two customers apart", async () => {
    const names = ["one", "two"];
    const asked = Array.from({ length: 20 }, (_, index) => names[index % 2] ?? "");
    const results = await Promise.all(asked.map(async (name) => call(await user(name), "whoami")));
    expect(results.map(({ text }) => text)).toEqual(asked);
  });
});

describe("notes", () => {
  /** A KV namespace reduced to the calls that are used. */
  function fakeKv() {
    const entries = new Map<string, string>();
    return {
      async list({ prefix }: { prefix: string }) {
        const keys = [...entries.keys()].filter((key) => key.startsWith(prefix)).sort();
        return { keys: keys.map((key) => ({ metadata: entries.get(key) })) };
      },
      async put(key: string, _: string, { metadata }: { metadata: string }) {
        entries.set(key, metadata);
      },
    };
  }

  it.each([
    ["in memory", notesInMemory],
    ["in KV", () => notesInKv(fakeKv())],
  ])("%s belong to the user with exactly this id", async (_, make) => {
    const notes = make();
    const users = ["a", "a/", "a/b", "A", "a%2F", "__proto__", ""];
    for (const user of users) await notes.add(user, `note of ${user}`);
    for (const user of users) expect(await notes.list(user)).toEqual([`note of ${user}`]);
    expect(await notes.list("b")).toEqual([]);
  });
});
