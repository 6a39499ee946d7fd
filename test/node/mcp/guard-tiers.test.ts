// The guard that people copy in front of their MCP servers: which token may call what.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CALL, type Guarded, PING, RESOURCE, startGuarded } from "./guarded.ts";
import { CLIENT_ID } from "./token-issuer.ts";

let guarded: Guarded;
beforeAll(async () => {
  guarded = await startGuarded();
});
afterAll(() => guarded?.tokens.close());

describe("a service token", () => {
  it.each([
    "initialize",
    "notifications/initialized",
    "notifications/cancelled",
    "ping",
    "server/discover",
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "prompts/list",
  ])("may call %s, and arrives without a user", async (method) => {
    expect((await guarded.byService({ body: { jsonrpc: "2.0", method } })).status).toBe(200);
    expect(guarded.served()?.caller).toEqual({ user: undefined, scopes: ["mcp:service"] });
  });

  it.each<[string, unknown]>([
    ["tools/call", CALL],
    ["resources/read", { ...PING, method: "resources/read", params: { uri: "notes://mine" } }],
    ["resources/subscribe", { ...PING, method: "resources/subscribe" }],
    ["subscriptions/listen", { ...PING, method: "subscriptions/listen" }],
    ["prompts/get", { ...PING, method: "prompts/get" }],
    ["completion/complete", { ...PING, method: "completion/complete" }],
    ["tasks/result", { ...PING, method: "tasks/result" }],
    ["a call in a batch", [PING, CALL, PING]],
    ["a call in a batch in a batch", [[PING], [CALL]]],
    ["a repeated member, whose last value counts", '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}'],
    ["an allowed method with text before it", { ...PING, method: "tools/call\ntools/list" }],
    ["an allowed method with text after it", { ...PING, method: "ping\ntools/call" }],
    ["a method in capitals", { ...PING, method: "Tools/List" }],
    ["a list as method", { ...PING, method: ["tools/call"] }],
    ["an allowed method in a list", { ...PING, method: ["ping"] }],
    ["an allowed method in a batch's list", [PING, { ...PING, method: [["tools/list"]] }]],
    ["an object as method", { ...PING, method: { toString: "ping" } }],
    ["null as method", { ...PING, method: null }],
    ["a message without method", { jsonrpc: "2.0", id: 1, result: {} }],
    ["null", "null"],
    ["a batch with null", [null]],
    ["text", '"ping"'],
    ["no JSON", "{"],
    ["an empty body", ""],
  ])("M1: gets 403 for %s", async (_, body) => {
    const { status, text, headers } = await guarded.byService({ body });
    expect([status, JSON.parse(text)]).toEqual([403, { error: "insufficient_scope" }]);
    expect(headers.has("www-authenticate")).toBe(false);
    expect(guarded.served()).toBeUndefined();
  });

  it("may send a batch of allowed methods", async () => {
    expect((await guarded.byService({ body: [PING, { ...PING, method: "tools/list" }] })).status).toBe(200);
  });
});

describe("a user's token", () => {
  it.each([CALL, PING, { ...PING, method: "initialize" }, { ...PING, method: "tools/list" }, [PING, CALL]])(
    "may call everything, lists included: %j",
    async (body) => {
      expect((await guarded.byUser({ body })).status).toBe(200);
      expect(guarded.served()?.caller).toEqual({ user: "ada", scopes: ["mcp:tools", "mcp:resources"] });
      expect(await guarded.served()?.request.json()).toEqual(body);
      expect(guarded.served()?.request.headers.get("content-type")).toBe("application/json");
    },
  );

  it("needs one of the two scopes, and may have more", async () => {
    expect((await guarded.byUser({ body: CALL }, { scope: "profile mcp:resources" })).status).toBe(200);
    expect(guarded.served()?.caller.scopes).toEqual(["profile", "mcp:resources"]);
  });

  it("is taken with the scheme in any case", async () => {
    const token = await guarded.tokens.userToken(RESOURCE, "ada");
    expect((await guarded.send({ authorization: `bearer ${token}` })).status).toBe(200);
  });
});

describe("a token that mixes the tiers is refused", () => {
  it.each<[string, Record<string, unknown>]>([
    ["a user with the service scope", { scope: "mcp:service" }],
    ["a user with scopes of both tiers", { scope: "mcp:tools mcp:service" }],
    ["a user without any of the scopes", { scope: "profile" }],
    ["a user with an empty scope", { scope: "" }],
    ["a user without scope", { scope: undefined }],
    ["a user with a list as scope", { scope: ["mcp:tools", "mcp:resources"] }],
    ["a user with a scope in capitals", { scope: "MCP:TOOLS" }],
    ["no user, but user scopes", { sub: CLIENT_ID, grant: undefined }],
    ["no user, but scopes of both tiers", { sub: CLIENT_ID, grant: undefined, scope: "mcp:service mcp:tools" }],
    ["no user and no scope", { sub: CLIENT_ID, grant: undefined, scope: undefined }],
    ["the client as user", { sub: CLIENT_ID }],
    ["a user without grant", { grant: undefined }],
    ["a user with a grant that is no text", { grant: true }],
    ["the service scope with a grant", { sub: CLIENT_ID, scope: "mcp:service" }],
    ["the service scope for another subject", { grant: undefined, scope: "mcp:service" }],
  ])("M1: %s", async (_, claims) => {
    for (const body of [PING, CALL, { ...PING, method: "tools/list" }]) {
      expect((await guarded.byUser({ body }, claims)).status).toBe(403);
      expect(guarded.served()).toBeUndefined();
    }
  });
});
