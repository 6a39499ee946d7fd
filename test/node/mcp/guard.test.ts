// The guard that people copy in front of their MCP servers: metadata, tokens, keys and body.
import { readFileSync } from "node:fs";
import { exportJWK, generateKeyPair, generateSecret, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CALL, type Guarded, PING, RESOURCE, startGuarded } from "./guarded.ts";
import { CLIENT_ID, type TokenIssuer } from "./token-issuer.ts";

let guarded: Guarded;
beforeAll(async () => {
  guarded = await startGuarded();
});
afterAll(() => guarded?.tokens.close());

it("has at most 60 lines and depends only on jose", () => {
  const source = readFileSync("examples/mcp/guard.ts", "utf8");
  const lines = source.trimEnd().split("\n").length;
  expect(lines).toBeLessThanOrEqual(60);
  for (const page of ["README.md", "docs/mcp.md"]) expect(readFileSync(page, "utf8")).toContain(`${lines} lines`);
  expect([...source.matchAll(/\bfrom "([^"]+)"|\bimport\(/g)].map(([, name]) => name)).toEqual(["jose"]);
});

describe("protected-resource metadata", () => {
  it.each([
    ["https://mcp.example.com/mcp", "/mcp"],
    ["https://mcp.example.com/mcp/", "/mcp/"],
    ["https://mcp.example.com", ""],
    ["https://mcp.example.com/", "/"],
    ["https://mcp.example.com/a%20b/MCP", "/a%20b/MCP"],
  ])("of %s is at the root address and at the one with its path, without a token", async (resource, path) => {
    for (const suffix of new Set(["", path])) {
      const url = `https://mcp.example.com/.well-known/oauth-protected-resource${suffix}`;
      const { status, text } = await guarded.send({ method: "GET", url }, guarded.fresh(resource));
      expect(status).toBe(200);
      expect(JSON.parse(text)).toEqual({
        resource,
        authorization_servers: [guarded.tokens.issuer],
        scopes_supported: ["mcp:tools", "mcp:resources"],
        bearer_methods_supported: ["header"],
      });
    }
  });

  it.each([
    "/.well-known/oauth-protected-resource/other",
    "/.well-known/oauth-protected-resource/mcp/",
    "/.well-known/oauth-authorization-server",
    "/",
    "/mcp/",
    "/MCP",
    "/mcp/tools",
  ])("is not at %s, and nothing else is", async (path) => {
    expect((await guarded.byUser({ url: `https://mcp.example.com${path}` })).status).toBe(404);
    expect(guarded.served()).toBeUndefined();
  });
});

it("M1: a token for one query of a path opens no other query of it", async () => {
  const resource = "https://mcp.example.com/mcp?tenant=a";
  const token = await guarded.tokens.userToken(resource, "ada");
  const statusFor = async (query: string) => {
    const sent = { url: `${RESOURCE}${query}`, authorization: `Bearer ${token}` };
    return (await guarded.send(sent, guarded.fresh(resource))).status;
  };
  expect(await statusFor("?tenant=a")).toBe(200);
  for (const query of ["", "?tenant=b", "?tenant=a&tenant=b", "?tenant=ab", "?Tenant=a"]) {
    expect(await statusFor(query)).toBe(404);
    expect(guarded.served()).toBeUndefined();
  }
});

describe("401", () => {
  const now = () => Math.floor(Date.now() / 1000);
  const good = (claims = {}) => guarded.tokens.userToken(RESOURCE, "ada", claims);
  const content = { aud: RESOURCE, sub: "ada", grant: "grant-of-ada", scope: "mcp:tools" };

  it.each<[string, () => Promise<string | undefined>]>([
    ["no token", async () => undefined],
    ["an empty header", async () => ""],
    ["the scheme alone", async () => "Bearer"],
    ["HTTP Basic", async () => `Basic ${Buffer.from(`${CLIENT_ID}:obviously-fake-secret`).toString("base64")}`],
    ["no space after the scheme", async () => `Bearer${await good()}`],
    ["a token without a scheme", async () => good()],
    ["two tokens", async () => `Bearer ${await good()}, Bearer ${await good()}`],
    ["text after the token", async () => `Bearer ${await good()} x`],
    ["no JWT", async () => "Bearer obviously-fake-token"],
    ["empty parts", async () => "Bearer .."],
    ["100,000 characters", async () => `Bearer ${"a".repeat(100_000)}`],
    [
      "a changed payload",
      async () => `Bearer ${(await good()).replace(/\.(.)/, (_, c) => `.${c === "e" ? "f" : "e"}`)}`,
    ],
    ["an expired token", async () => `Bearer ${await good({ exp: now() - 1 })}`],
    ["a token without expiry", async () => `Bearer ${await good({ exp: undefined })}`],
    ["an expiry that is text", async () => `Bearer ${await good({ exp: "9999999999" })}`],
    ["a token of the future", async () => `Bearer ${await good({ nbf: now() + 600 })}`],
    ["a token without subject", async () => `Bearer ${await good({ sub: undefined })}`],
    ["another issuer", async () => `Bearer ${await good({ iss: "https://link.example.org" })}`],
    ["no issuer", async () => `Bearer ${await good({ iss: undefined })}`],
    ["the type of an id token", async () => `Bearer ${await guarded.tokens.sign(content, { typ: "JWT" })}`],
    ["no type", async () => `Bearer ${await guarded.tokens.sign(content, { typ: undefined } as never)}`],
    ["an unknown key id", async () => `Bearer ${await guarded.tokens.sign(content, { kid: "key-2" })}`],
    ["a key id that is a number", async () => `Bearer ${await guarded.tokens.sign(content, { kid: 1 as never })}`],
    [
      "another key under the same id",
      async () => `Bearer ${await guarded.tokens.sign(content, {}, (await generateKeyPair("ES256")).privateKey)}`,
    ],
    [
      "a key that the token brings itself",
      async () => {
        const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
        return `Bearer ${await guarded.tokens.sign(content, { kid: "key-2", jwk: await exportJWK(publicKey) }, privateKey)}`;
      },
    ],
    [
      "no algorithm",
      async () => {
        const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
        const claims = { ...content, iss: guarded.tokens.issuer, exp: now() + 60, client_id: CLIENT_ID };
        return `Bearer ${part({ alg: "none", typ: "at+jwt" })}.${part(claims)}.`;
      },
    ],
    [
      "a secret as key",
      async () => {
        const key = await generateSecret("HS256");
        const jwt = new SignJWT({ ...content, client_id: CLIENT_ID })
          .setIssuer(guarded.tokens.issuer)
          .setExpirationTime("1h");
        return `Bearer ${await jwt.setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid: "key-1" }).sign(key)}`;
      },
    ],
  ])("without WWW-Authenticate for %s", async (_, authorization) => {
    const { status, headers, text } = await guarded.send({ authorization: await authorization() });
    expect([status, JSON.parse(text)]).toEqual([401, { error: "invalid_token" }]);
    expect(headers.has("www-authenticate")).toBe(false);
    expect(guarded.served()).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ["another MCP server", "https://mcp.example.org/mcp"],
    ["the resource with a slash added", `${RESOURCE}/`],
    ["the resource without its path", "https://mcp.example.com"],
    ["the resource in capitals", RESOURCE.toUpperCase()],
    ["a skill's id", "amzn1.ask.skill.0001-demo-add-on"],
    ["a list of others", ["https://mcp.example.org/mcp", `${RESOURCE}/`]],
    ["an empty list", []],
    ["no audience", undefined],
    ["null", null],
  ])("M1: for a token of either tier for %s", async (_, aud) => {
    expect((await guarded.byUser({}, { aud })).status).toBe(401);
    expect((await guarded.byService({}, { aud })).status).toBe(401);
    expect(guarded.served()).toBeUndefined();
  });

  it("for a token in the query or in the body: only the header counts", async () => {
    const token = await good();
    expect((await guarded.send({ url: `${RESOURCE}?access_token=${token}` })).status).toBe(401);
    expect((await guarded.send({ body: `access_token=${token}` })).status).toBe(401);
    expect((await guarded.send({ body: { ...PING, access_token: token } })).status).toBe(401);
  });

  it("for other methods than POST as well, before 405 for those with a token", async () => {
    for (const method of ["GET", "DELETE", "PUT"]) {
      expect((await guarded.send({ method })).status).toBe(401);
      expect((await guarded.byUser({ method })).status).toBe(405);
      expect((await guarded.byService({ method })).status).toBe(405);
    }
    expect(guarded.served()).toBeUndefined();
  });
});

describe("the keys", () => {
  it("are read once for many requests", async () => {
    const to = guarded.fresh();
    const before = guarded.tokens.reads();
    const authorization = `Bearer ${await guarded.tokens.userToken(RESOURCE, "ada")}`;
    for (let i = 0; i < 5; i += 1) expect((await guarded.send({ authorization }, to)).status).toBe(200);
    expect(guarded.tokens.reads()).toBe(before + 1);
  });

  it("are not read for requests without a token, nor again and again for unknown keys", async () => {
    const to = guarded.fresh();
    const before = guarded.tokens.reads();
    await guarded.send({}, to);
    await guarded.send({ authorization: "Bearer obviously-fake-token" }, to);
    expect(guarded.tokens.reads()).toBe(before);
    for (const kid of ["a", "b", "c"]) {
      const token = await guarded.tokens.sign({ aud: RESOURCE, sub: "ada" }, { kid });
      expect((await guarded.send({ authorization: `Bearer ${token}` }, to)).status).toBe(401);
    }
    expect(guarded.tokens.reads()).toBe(before + 1);
  });

  it("open nothing with another algorithm than ES256", async () => {
    const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: "rsa" };
    const content = { aud: RESOURCE, sub: "ada", grant: "grant-of-ada", scope: "mcp:tools" };
    const authorization = `Bearer ${await guarded.tokens.sign(content, { alg: "RS256", kid: "rsa" }, privateKey)}`;
    guarded.tokens.respond((_, response) => response.end(JSON.stringify({ keys: [jwk] })));
    try {
      expect((await guarded.send({ authorization }, guarded.fresh())).status).toBe(401);
    } finally {
      guarded.tokens.respond(undefined);
    }
  });

  it.each<[string, Parameters<TokenIssuer["respond"]>[0]]>([
    ["status 500", (_, response) => response.writeHead(500).end()],
    ["a redirect", (_, response) => response.writeHead(302, { location: "/" }).end()],
    ["a page", (_, response) => response.end("<h1>Error</h1>")],
    ["another document", (_, response) => response.end('{"error":"not_found"}')],
    ["a closed connection", (request) => request.socket.destroy()],
    ["no response for two seconds", () => undefined],
  ])("that cannot be read (%s) are a 503, not a 401, and the next request reads them again", async (_, listener) => {
    const to = guarded.fresh();
    const authorization = `Bearer ${await guarded.tokens.userToken(RESOURCE, "ada")}`;
    guarded.tokens.respond(listener);
    try {
      const { status, text } = await guarded.send({ authorization }, to);
      expect([status, JSON.parse(text)]).toEqual([503, { error: "keys_unavailable" }]);
      expect(guarded.served()).toBeUndefined();
    } finally {
      guarded.tokens.respond(undefined);
    }
    expect((await guarded.send({ authorization }, to)).status).toBe(200);
  });
});

describe("the body", () => {
  const padded = (length: number) => JSON.stringify({ ...CALL, x: "" }).replace('""', `"${"x".repeat(length)}"`);
  const OTHER = padded(0).length;

  it("has at most a million characters", async () => {
    expect((await guarded.byUser({ body: padded(1_000_000 - OTHER) })).status).toBe(200);
    expect((await guarded.byUser({ body: padded(1_000_001 - OTHER) })).status).toBe(413);
    expect(guarded.served()).toBeUndefined();
  });

  it("without a length is not read further than that", async () => {
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        sent += 1;
        controller.enqueue(new Uint8Array(100_000).fill(120));
      },
    });
    const authorization = `Bearer ${await guarded.tokens.userToken(RESOURCE, "ada")}`;
    const init = { method: "POST", headers: { authorization }, body, duplex: "half" };
    expect((await guarded.handler(new Request(RESOURCE, init as RequestInit))).status).toBe(413);
    expect(sent).toBeLessThan(15);
  });

  it("of characters that were cut between two chunks arrives whole", async () => {
    const text = JSON.stringify({ ...CALL, params: { name: "Grüße 🎵" } });
    const bytes = new TextEncoder().encode(text);
    const body = new ReadableStream({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    const authorization = `Bearer ${await guarded.tokens.userToken(RESOURCE, "ada")}`;
    const init = { method: "POST", headers: { authorization }, body, duplex: "half" };
    expect((await guarded.handler(new Request(RESOURCE, init as RequestInit))).status).toBe(200);
    expect(await guarded.served()?.request.text()).toBe(text);
  });
});
