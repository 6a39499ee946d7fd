// Outbound calls, and every kind of response from Login with Amazon.
import { afterEach, describe, expect, it, vi } from "vitest";
import { jsonResponse } from "../../test/support/amazon.ts";
import { runtimeOf } from "../../test/support/runtime.ts";
import { startService } from "../../test/support/service.ts";
import { exchangeAmazonCode, exchangeGrantCode, refreshAmazonTokens, toAmazonCode } from "../amazon/lwa.ts";
import { callForJson, fetchOut, OutboundError } from "./outbound.ts";

afterEach(() => vi.restoreAllMocks());

const URL_WITH_SECRET = "https://api.amazon.com/auth?token=secret-value";

function respondWith(respond: (request: Request) => Response | Promise<Response>) {
  return vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => respond(new Request(input, init)));
}

async function errorOf(work: Promise<unknown>): Promise<OutboundError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(OutboundError);
  return error as OutboundError;
}

describe("F2: outbound calls", () => {
  it("do not follow a redirect, and name only the host in the error", async () => {
    const spy = respondWith(() => new Response("x", { status: 302, headers: { location: "https://evil.test/" } }));
    const error = await errorOf(fetchOut(URL_WITH_SECRET, {}, { timeoutMs: 1000 }));
    expect(error.reason).toBe("redirected");
    expect(error.message).toBe("redirected: api.amazon.com");
    expect(spy).toHaveBeenCalledTimes(1);
    expect(spy.mock.calls[0]![0]).toHaveProperty("redirect", "manual");
  });

  it("send no cookie", async () => {
    let sent: Headers | undefined;
    respondWith((request) => {
      sent = request.headers;
      return new Response("ok");
    });
    await fetchOut("https://a.example", { headers: { cookie: "a=b", authorization: "Bearer x" } }, { timeoutMs: 1000 });
    expect(sent?.has("cookie")).toBe(false);
    expect(sent?.get("authorization")).toBe("Bearer x");
  });

  it("time out when no response arrives, and when the body never ends", async () => {
    respondWith(() => new Promise<Response>(() => {}));
    expect((await errorOf(fetchOut(URL_WITH_SECRET, {}, { timeoutMs: 10 }))).reason).toBe("timed_out");
    respondWith(() => new Response(new ReadableStream({ pull: () => new Promise(() => {}) })));
    expect((await errorOf(fetchOut(URL_WITH_SECRET, {}, { timeoutMs: 10 }))).reason).toBe("timed_out");
  });

  it.each<[string, string, Record<string, string>]>([
    ["a header with a control character", "https://a.example", { authorization: "Bearer a\0b" }],
    ["a header with a line break", "https://a.example", { authorization: "Bearer a\nx: y" }],
    ["no URL", "secret-value", {}],
  ])("with %s fail without an exception of another kind", async (_, url, headers) => {
    respondWith(() => new Response("ok"));
    const error = await errorOf(fetchOut(url, { headers }, { timeoutMs: 1000 }));
    expect(error.reason).toBe("unreachable");
    expect(error.message).not.toContain("secret-value");
  });

  it("fail when the response is too large", async () => {
    respondWith(() => new Response("x".repeat(101)));
    expect((await errorOf(fetchOut(URL_WITH_SECRET, {}, { timeoutMs: 1000, maxBytes: 100 }))).reason).toBe("too_large");
    respondWith(() => new Response("x".repeat(100)));
    expect(await (await fetchOut(URL_WITH_SECRET, {}, { timeoutMs: 1000, maxBytes: 100 })).text()).toHaveLength(100);
  });

  it("report a broken connection as unreachable", async () => {
    respondWith(() => {
      throw new TypeError("Network connection lost.");
    });
    expect((await errorOf(fetchOut(URL_WITH_SECRET, {}, { timeoutMs: 1000 }))).reason).toBe("unreachable");
    expect(await callForJson(URL_WITH_SECRET, {}, { timeoutMs: 1000 })).toEqual({
      responded: false,
      reason: "unreachable",
    });
  });

  it.each([
    ["HTML", () => new Response("<html>"), undefined],
    ["an empty body", () => new Response(null, { status: 204 }), undefined],
    ["invalid UTF-8", () => new Response(new Uint8Array([0x22, 0xff, 0x22])), undefined],
    ["JSON of any type", () => new Response('{"a":1}', { headers: { "content-type": "text/plain" } }), { a: 1 }],
  ])("read %s without throwing", async (_, respond, json) => {
    respondWith(respond);
    const result = await callForJson(URL_WITH_SECRET, {}, { timeoutMs: 1000 });
    expect(result).toMatchObject({ responded: true });
    expect(result.responded && result.json).toEqual(json);
  });
});

describe("Login with Amazon", () => {
  const credentials = { clientId: "amzn1.application-oa2-client.test", clientSecret: "obviously fake & odd=secret+" };
  const code = toAmazonCode("ANfake")!;
  const held = { accessToken: "a0", refreshToken: "r1", accessExpiresAt: 0, pairHash: "" };

  async function lwaResponds(body: unknown, status = 200) {
    const service = startService();
    const rt = await runtimeOf(service);
    const sent: { body: URLSearchParams; headers: Headers }[] = [];
    respondWith(async (request) => {
      const bytes = await request.clone().arrayBuffer();
      sent.push({ body: new URLSearchParams(new TextDecoder().decode(bytes)), headers: request.headers });
      return jsonResponse(body, status);
    });
    return { rt, sent, now: service.clock.now };
  }

  it("any expires_in gives an expiry in whole milliseconds", async () => {
    for (const lifetime of [0.00012345, 3600.1234567, 1e300]) {
      const { rt } = await lwaResponds({ access_token: "Atza|x", refresh_token: "Atzr|y", expires_in: lifetime });
      const outcome = await exchangeGrantCode(rt, credentials, toAmazonCode("ANfakeCode")!);
      expect(outcome).toMatchObject({ outcome: "tokens" });
      expect(outcome.outcome === "tokens" && Number.isSafeInteger(outcome.tokens.accessExpiresAt)).toBe(true);
    }
  });

  it.each([3600, "3600"])("accepts expires_in as %o", async (lifetime) => {
    const { rt, now } = await lwaResponds({ access_token: "Atza|x", refresh_token: "Atzr|y", expires_in: lifetime });
    expect(
      await exchangeAmazonCode(rt, credentials, { code, redirectUri: "https://x.example/cb", codeVerifier: "v" }),
    ).toEqual({
      outcome: "tokens",
      response: "200",
      tokens: {
        accessToken: "Atza|x",
        refreshToken: "Atzr|y",
        accessExpiresAt: now + 3_600_000,
        pairHash: "VbntV_6ymPG6d5OofWQxrrl3NPyPxAoT7uIGFB4PGBM",
      },
    });
  });

  it("sends the verifier in the body, and no redirect URI with a grant code or a refresh", async () => {
    const { rt, sent } = await lwaResponds({ access_token: "a", refresh_token: "r", expires_in: 1 });
    await exchangeAmazonCode(rt, credentials, { code, redirectUri: "https://x.example/cb", codeVerifier: "verifier" });
    await exchangeGrantCode(rt, credentials, code);
    await refreshAmazonTokens(rt, credentials, held);
    expect(sent.map(({ body }) => Object.fromEntries(body))).toEqual([
      {
        grant_type: "authorization_code",
        code: "ANfake",
        redirect_uri: "https://x.example/cb",
        code_verifier: "verifier",
        client_id: credentials.clientId,
        client_secret: credentials.clientSecret,
      },
      {
        grant_type: "authorization_code",
        code: "ANfake",
        client_id: credentials.clientId,
        client_secret: credentials.clientSecret,
      },
      {
        grant_type: "refresh_token",
        refresh_token: "r1",
        client_id: credentials.clientId,
        client_secret: credentials.clientSecret,
      },
    ]);
    expect(sent[0]?.headers.get("content-type")).toBe("application/x-www-form-urlencoded;charset=UTF-8");
  });

  it.each([
    ["keeps the refresh token when the response has none", {}, "r1"],
    ["takes the new refresh token of the response", { refresh_token: "r2" }, "r2"],
  ])("a refresh %s", async (_, more, expected) => {
    const { rt } = await lwaResponds({ access_token: "a", expires_in: 60, ...more });
    expect(await refreshAmazonTokens(rt, credentials, held)).toMatchObject({
      outcome: "tokens",
      tokens: { refreshToken: expected },
    });
  });

  it.each([
    [
      400,
      { error: "invalid_grant", error_description: "secret words" },
      { outcome: "rejected", error: "invalid_grant", response: "400 invalid_grant" },
    ],
    [
      401,
      { error: "invalid_client" },
      { outcome: "rejected", error: "invalid_client", response: "401 invalid_client" },
    ],
    [400, { error: "<b>" }, { outcome: "rejected", error: "b", response: "400 another error" }],
    [400, { error: 5 }, { outcome: "unavailable", reason: "malformed", response: "400 malformed" }],
    [
      200,
      { access_token: "a", expires_in: "soon", refresh_token: "r" },
      { outcome: "unavailable", reason: "malformed", response: "200 malformed" },
    ],
    [
      200,
      { access_token: "a", expires_in: 60 },
      { outcome: "unavailable", reason: "malformed", response: "200 malformed" },
    ],
    [500, { error: "ServerError" }, { outcome: "unavailable", reason: "server_error", response: "500" }],
    [429, { error: "slow" }, { outcome: "unavailable", reason: "throttled", response: "429" }],
  ])("%i with %o is interpreted", async (status, body, expected) => {
    const { rt } = await lwaResponds(body, status);
    expect(await exchangeGrantCode(rt, credentials, code)).toEqual(expected);
  });

  it.each(["", "a b", "a\nb", "ä", "x".repeat(2049)])("%o is not accepted as a code of Amazon", (value) => {
    expect(toAmazonCode(value)).toBeUndefined();
  });
});
