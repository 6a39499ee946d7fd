// What Alexa+ reads of an add-on: addresses of metadata, documents, and MCP responses in both forms.
import { describe, expect, it } from "vitest";
import { loadJson, readServerDocument, resourceMetadataUrls, serverMetadataUrl } from "./add-on-metadata.ts";
import { callMcp, endingAtResponse, initialize } from "./mcp.ts";
import { requestServiceToken } from "./service-token.ts";

const RESOURCE = "https://mcp.example.com/mcp";
const ROOT = "https://mcp.example.com/.well-known/oauth-protected-resource";

describe("addresses of metadata", () => {
  it.each([
    ["https://mcp.example.com/mcp", [`${ROOT}/mcp`, ROOT]],
    ["https://mcp.example.com/mcp/", [`${ROOT}/mcp/`, ROOT]],
    ["https://mcp.example.com", [ROOT]],
    ["https://mcp.example.com/", [ROOT]],
    ["https://mcp.example.com/a/b?c=d", [`${ROOT}/a/b?c=d`, ROOT]],
  ])("of the MCP server %s", (resource, urls) => {
    expect(resourceMetadataUrls(resource)).toEqual(urls);
  });

  it.each([
    ["https://link.example.com", "https://link.example.com/.well-known/oauth-authorization-server"],
    ["https://link.example.com/tenant", "https://link.example.com/.well-known/oauth-authorization-server/tenant"],
  ])("of the authorization server %s", (issuer, url) => {
    expect(serverMetadataUrl(issuer)).toBe(url);
  });
});

describe("metadata documents", () => {
  it.each([
    ["HTML", () => new Response("<html>"), "is not JSON"],
    ["a list", () => Response.json([]), "is not a JSON object"],
    ["a redirect", () => new Response(null, { status: 302, headers: { location: "/" } }), "returned 302"],
    ["an error", () => Promise.reject(new Error("refused")), "no response: Error: refused"],
  ])("%s is none", async (_, respond, problem) => {
    expect((await loadJson(async () => respond(), ROOT)).problem).toBe(problem);
  });

  it("an endpoint that is no http URL is none, and client_secret_basic is the default", async () => {
    const document = {
      authorization_endpoint: "javascript:alert(1)",
      token_endpoint: "https://link.example.com/token",
    };
    const load = async (url: string) => ({ url, status: 200, json: document });
    const { checks, authorizationUrl } = await readServerDocument(load, "https://link.example.com", []);
    expect(authorizationUrl).toBeUndefined();
    const holds = (name: string) => checks.find((check) => check.name === name)?.ok;
    expect([holds("server_endpoints"), holds("server_client_secret_basic")]).toEqual([false, true]);
  });
});

it("a document of another issuer is found out, and used", async () => {
  const json = { issuer: "https://link.example.org", token_endpoint: "https://link.example.com/token" };
  const { checks } = await readServerDocument(
    async (url) => ({ url, status: 200, json }),
    "https://link.example.com",
    [],
  );
  expect(checks.find(({ name }) => name === "server_issuer")).toMatchObject({ ok: false, level: "should" });
});

describe("a service token", () => {
  const good = { access_token: "obviously-fake-token", token_type: "Bearer", expires_in: 3600, scope: "mcp:service" };
  const failed = async (changes: Record<string, unknown>) => {
    const request = new Request("https://link.example.com/token", { method: "POST" });
    const { checks } = await requestServiceToken(async () => Response.json({ ...good, ...changes }), request);
    return checks.filter(({ ok }) => !ok).map(({ name }) => name);
  };

  it.each<[string, Record<string, unknown>, string[]]>([
    ["without a scope", { scope: undefined }, []],
    ["with another scope of its tier", { scope: "mcp:service acme:catalogue" }, []],
    ["of a second", { expires_in: 1 }, []],
    ["with a scope of a user", { scope: "mcp:service mcp:tools" }, ["service_token_scope"]],
    ["without its scope", { scope: "acme:catalogue" }, ["service_token_scope"]],
    ["with a scope that only begins so", { scope: "mcp:services" }, ["service_token_scope"]],
    ["of more than an hour", { expires_in: 3601 }, ["service_token_life"]],
    ["of no time", { expires_in: 0 }, ["service_token_life"]],
    ["whose time is text", { expires_in: "3600" }, ["service_token_life"]],
    ["with an empty refresh token", { refresh_token: "" }, ["service_token_no_refresh"]],
    ["of another type", { token_type: "DPoP" }, ["service_token_type"]],
    ["that is empty", { access_token: "" }, ["service_token_issued"]],
  ])("M1: %s", async (_, changes, names) => {
    expect(await failed(changes)).toEqual(names);
  });
});

describe("MCP responses", () => {
  const call = (respond: (id: string) => Response) =>
    callMcp(async (request) => respond((await request.json<{ id: string }>()).id), {
      resource: RESOURCE,
      method: "tools/list",
    });

  it("reads JSON and event streams, and takes the message with its own id", async () => {
    const message = (id: string, tools: unknown) => JSON.stringify({ jsonrpc: "2.0", id, result: { tools } });
    const json = { headers: { "content-type": "application/json" } };
    expect((await call((id) => new Response(message(id, ["a"]), json))).result).toEqual({ tools: ["a"] });
    const stream = { headers: { "content-type": "text/event-stream; charset=utf-8" } };
    const events = (id: string) =>
      `: comment\n\nid: 1\ndata: ${message("other", ["x"])}\n\ndata: not JSON\n\ndata:${message(id, ["b"])}\r\n\r\n`;
    expect((await call((id) => new Response(events(id), stream))).result).toEqual({ tools: ["b"] });
  });

  it.each([
    [
      "an error",
      (id: string) => Response.json({ jsonrpc: "2.0", id, error: { code: -32_601, message: "no" } }),
      /-32601: no/,
    ],
    ["another id", () => Response.json({ jsonrpc: "2.0", id: "other", result: {} }), /no JSON-RPC response/],
    ["null", () => Response.json(null), /no JSON-RPC response/],
    ["no result", (id: string) => Response.json({ jsonrpc: "2.0", id }), /without a result/],
  ])("%s has no result, and says why", async (_, respond, problem) => {
    const { result, problem: found } = await call(respond);
    expect(result).toBeUndefined();
    expect(found).toMatch(problem);
  });

  it("an event stream that stays open ends at the response: not at another message, and not within it", async () => {
    const request = new Request(RESOURCE, { method: "POST", body: '{"id":"own"}' });
    const events = [
      'data: {"id":"own","method":"ping","params":{"error":1}}\n\n',
      'data: {"id":"other","result":{}}\r\n\r\n',
      'data: {"id":"own",',
      '"result":{}}\n',
      "\n",
      "data: never read\n\n",
    ];
    const encoder = new TextEncoder();
    const sent = [...events];
    const body = new ReadableStream({
      pull(controller) {
        const next = sent.shift();
        if (next) controller.enqueue(encoder.encode(next));
      },
    });
    const open = async () => new Response(body, { headers: { "content-type": "text/event-stream" } });
    expect(await (await endingAtResponse(open)(request)).text()).toBe(events.slice(0, 5).join(""));
  });

  it("a version newer than the offered one is not accepted", async () => {
    const respond = async (request: Request) => {
      const { id } = await request.json<{ id: string }>();
      return Response.json({ jsonrpc: "2.0", id, result: { protocolVersion: "2025-11-25" } });
    };
    expect((await initialize(respond, RESOURCE, "t", "2025-03-26")).session).toBeUndefined();
    expect((await initialize(respond, RESOURCE, "t", "2025-11-25")).session?.protocolVersion).toBe("2025-11-25");
  });
});
