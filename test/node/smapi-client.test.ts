// The client of SMAPI against responses that Amazon, or another server at its address, may give.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readLinking, readManifest, type Smapi, smapiFrom, writeLinking, writeManifest } from "../../cli/smapi.ts";
import { CommandError, UsageError } from "../../cli/terminal.ts";
import { testTerminal } from "./terminal.ts";

const TOKEN = "Atza|example-developer-token";
const SECRET = "example-client-secret";
const ID = "amzn1.ask.skill.0000-client";

interface Given {
  readonly status?: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

let responses: Given[] = [];
let requests: IncomingMessage[] = [];
const server = createServer((request, response) => {
  requests.push(request);
  request.resume();
  const { status = 200, body = "", headers = {} } = responses.length > 1 ? responses.shift()! : responses[0]!;
  response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body));
});
let origin = "";
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());
beforeEach(() => {
  responses = [];
  requests = [];
});

function client() {
  const waits: number[] = [];
  const notes: string[] = [];
  const smapi: Smapi = {
    origin,
    token: TOKEN,
    note: (text) => void notes.push(text),
    wait: async (ms) => void waits.push(ms),
  };
  return { smapi, waits, notes };
}

const write = (smapi: Smapi) => writeLinking(smapi, ID, { clientId: "x", clientSecret: SECRET }, '"v1"');

async function problemOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof CommandError)) throw new Error(`No CommandError: ${error}`);
  return error.message;
}

describe("each refusal has a sentence of its own", () => {
  it.each([
    [400, /refused the account linking configuration \(400\)\. Amazon says: no good\. scopes: too many/],
    [401, /does not accept the developer token: it has expired.*ask util generate-lwa-tokens/],
    [403, /may not use the account linking configuration of amzn1\S+ \(403\)\. .*owns the skill/],
    [404, /knows no skill amzn1\S+ with a development stage/],
    [409, /Another change of the skill is in progress/],
    [412, /has changed meanwhile, and nothing was written \(412\)\. Run skill diff/],
    [429, /Amazon is busy \(429\)/],
    [500, /Amazon failed \(500\)/],
    [503, /Amazon is not available \(503\)/],
    [302, /unexpected response \(302\).*--smapi-url/],
  ])("%i", async (status, expected) => {
    responses = [
      {
        status,
        body: { message: "no good", violations: [{ message: "scopes: too many" }, null, 7] },
        headers: { location: "https://elsewhere.example.com/" },
      },
    ];
    expect(await problemOf(write(client().smapi))).toMatch(expected);
  });

  it("shows neither the secret nor the token, should Amazon repeat them", async () => {
    responses = [{ status: 400, body: { message: `clientSecret ${SECRET} of ${TOKEN} is weak` } }];
    expect(await problemOf(write(client().smapi))).toContain("clientSecret (hidden) of (hidden) is weak");
  });

  it.each([
    ["a page", { status: 500, body: "<html>Sorry</html>" }, /Amazon failed \(500\)/],
    ["an array", { status: 400, body: [1] }, /\(400\)\.$/],
    ["a message that is no text", { status: 400, body: { message: { a: 1 }, violations: "x" } }, /\(400\)\.$/],
  ])("also for %s", async (_, given, expected) => {
    responses = [given];
    expect(await problemOf(write(client().smapi))).toMatch(expected);
  });

  it.each([
    ["nothing", ""],
    ["a page", "<html>"],
    ["an array", []],
    ["another document", { manifest: {} }],
    ["a text in place of the object", { accountLinkingResponse: "x" }],
    ["null", { accountLinkingResponse: null }],
  ])("a 200 with %s is not SMAPI", async (_, body) => {
    responses = [{ body }];
    expect(await problemOf(readLinking(client().smapi, ID, "live"))).toMatch(/did not return a.*--smapi-url/);
  });

  it("a response without end is given up", async () => {
    responses = [{ body: "x".repeat(5_000_001) }];
    expect(await problemOf(readManifest(client().smapi, ID, "live"))).toContain("more than 5 MB");
  });

  it("a server that is not there is named", async () => {
    const { smapi } = client();
    expect(await problemOf(readLinking({ ...smapi, origin: "http://127.0.0.1:1" }, ID, "live"))).toContain(
      "Cannot reach http://127.0.0.1:1",
    );
  });
});

describe("a busy Amazon", () => {
  const busy = { status: 429, headers: { "retry-after": "7" } };

  it("is asked again when it says, and the person is told", async () => {
    responses = [busy, { status: 503 }, { status: 204 }];
    const { smapi, waits, notes } = client();
    await write(smapi);
    expect(waits).toEqual([7000, 4000]);
    expect(notes).toEqual([
      "Amazon returned 429. Trying again in 7 s (1 of 3) …",
      "Amazon returned 503. Trying again in 4 s (2 of 3) …",
    ]);
    expect(requests.map(({ headers }) => headers["if-match"])).toEqual(['"v1"', '"v1"', '"v1"']);
  });

  it("is asked four times at most", async () => {
    responses = [busy];
    const { smapi, waits } = client();
    expect(await problemOf(write(smapi))).toContain("busy");
    expect([waits.length, requests.length]).toEqual([3, 4]);
  });

  it.each([["3600"], ["61"]])("is not waited for over a minute (Retry-After: %s)", async (seconds) => {
    responses = [{ status: 503, headers: { "retry-after": seconds } }];
    const { smapi, waits } = client();
    expect(await problemOf(write(smapi))).toContain("not available");
    expect([waits, requests.length]).toEqual([[], 1]);
  });

  it.each([
    ["0", 1000],
    ["-5", 2000],
    ["soon", 2000],
    ["1e9", 2000],
    ["", 2000],
  ])("is given some time whatever it says (Retry-After: %s)", async (retryAfter, ms) => {
    responses = [{ status: 503, headers: { "retry-after": retryAfter } }, { status: 204 }];
    const { smapi, waits } = client();
    await write(smapi);
    expect(waits).toEqual([ms]);
  });

  it("a manifest that is never done is given up after a minute", async () => {
    responses = [{ status: 202 }, { body: { manifest: { lastUpdateRequest: { status: "IN_PROGRESS" } } } }];
    const { smapi, waits } = client();
    expect(await problemOf(writeManifest(smapi, ID, {}))).toContain("still processing it after a minute");
    expect(waits.reduce((sum, ms) => sum + ms, 0)).toBe(60_000);
  });
});

it("the token goes to SMAPI's address only, and a redirect is not followed", async () => {
  responses = [{ status: 307, headers: { location: `${origin}/elsewhere` } }];
  await problemOf(readLinking(client().smapi, "a/../b?c", "live"));
  expect(requests.map(({ url, headers }) => [url, headers.authorization])).toEqual([
    ["/v1/skills/a%2F..%2Fb%3Fc/stages/live/accountLinkingClient", `Bearer ${TOKEN}`],
  ]);
});

describe("address and token", () => {
  const from = (environment: Record<string, string>, url?: string) =>
    smapiFrom(testTerminal({ environment: { SMAPI_ACCESS_TOKEN: TOKEN, ...environment } }), url);

  it("are Amazon's unless said otherwise", async () => {
    expect(await from({})).toMatchObject({ origin: "https://api.amazonalexa.com", token: TOKEN });
    expect(await from({ SMAPI_URL: "http://127.0.0.1:8788/" })).toMatchObject({ origin: "http://127.0.0.1:8788" });
    expect(await from({ SMAPI_URL: "x" }, "https://smapi.example.com")).toMatchObject({
      origin: "https://smapi.example.com",
    });
  });

  it.each([["http://smapi.example.com"], ["ftp://127.0.0.1"], ["not an address"], ["http://127.0.0.1.example.com"]])(
    "%s would get the developer's token and is refused",
    async (url) => {
      await expect(from({}, url)).rejects.toThrow(UsageError);
      await expect(from({ SMAPI_URL: url })).rejects.toThrow(/^SMAPI_URL must be an https address/);
    },
  );

  it.each([["Atza|a\nb"], ["Atza|a b"], ["Atza|é"], ["x".repeat(8193)]])(
    "a malformed token is not shown",
    async (token) => {
      const problem = await problemOf(from({ SMAPI_ACCESS_TOKEN: token }));
      expect(problem).toContain("SMAPI_ACCESS_TOKEN is not a token");
      expect(problem).not.toContain(token);
    },
  );

  it("without a token, the way to one is named", async () => {
    expect(await problemOf(from({ SMAPI_ACCESS_TOKEN: "" }))).toMatch(
      /SMAPI_ACCESS_TOKEN.*ask util generate-lwa-tokens/,
    );
  });
});
