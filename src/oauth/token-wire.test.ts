// The OAuth endpoints on the wire: responses, request bodies and methods.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { expectOAuthError, expectTokenHeaders } from "../../test/support/responses.ts";
import {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  ALEXA_SECRET,
  basic,
  exchange,
  json,
  refresh,
  SKILL_ID,
  seedCode,
  seedEveryone,
} from "../../test/support/seeds.ts";
import { startService } from "../../test/support/service.ts";
import { asAlexa, failing, linkAlexa } from "../../test/support/tokens.ts";

const FORM = "application/x-www-form-urlencoded";

beforeEach(seedEveryone);

const post = (body: BodyInit, headers: Record<string, string> = { "content-type": FORM }): RequestInit => ({
  method: "POST",
  headers,
  body,
});

describe("responses", () => {
  it("W1: a token response is 200 with complete JSON, UTF-8 without a byte order mark, and no-store", async () => {
    const service = startService();
    const response = await service.request("/token", exchange(await seedCode()));
    expect(response.status).toBe(200);
    expectTokenHeaders(response);
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(bytes[0]).toBe("{".charCodeAt(0));
    expect(Object.keys(JSON.parse(new TextDecoder().decode(bytes))).sort()).toEqual([
      "access_token",
      "expires_in",
      "refresh_token",
      "scope",
      "token_type",
    ]);
  });

  it("POST to /token and /introspect gives the same headers and errors with and without a query", async () => {
    const service = startService();
    const { refresh_token, access_token } = await linkAlexa(service);
    const broken = startService({}, { DB: {} as D1Database });
    const silent = vi.spyOn(console, "log").mockImplementation(() => {});
    const requests: [string, () => RequestInit, number][] = [
      ["/token", () => refresh(refresh_token), 200],
      ["/token", () => refresh("rt_x"), 400],
      ["/token", () => asAlexa({ grant_type: "password" }), 400],
      ["/token", () => post("", { "content-type": "text/plain" }), 400],
      ["/token", () => post("grant_type=refresh_token&client_id=nobody&refresh_token=x"), 401],
      ["/introspect", () => asAlexa({ token: access_token }), 200],
      ["/introspect", () => asAlexa({}), 400],
      ["/introspect", () => post("token=x&client_id=nobody"), 401],
    ];
    const headersOf = (response: Response) =>
      Object.fromEntries([...response.headers].filter(([name]) => name !== "content-length"));
    const expectSame = async (from: typeof service, path: string, init: () => RequestInit, status: number) => {
      const [bare, query] = [await from.request(path, init()), await from.request(`${path}?a=b`, init())];
      expect([path, bare.status, query.status]).toEqual([path, status, status]);
      expect(headersOf(bare)).toEqual(headersOf(query));
      for (const response of [bare, query]) {
        expectTokenHeaders(response);
        expect(response.headers.get("referrer-policy")).toBe("no-referrer");
        expect(response.headers.get("strict-transport-security")).toBe("max-age=31536000");
        expect(response.headers.get("access-control-allow-origin")).toBe(path === "/token" ? "*" : null);
      }
      if (status !== 200) expect(await bare.json()).toEqual(await query.json());
    };
    for (const [path, init, status] of requests) await expectSame(service, path, init, status);
    for (const [path, init] of requests.filter(([, , status]) => status === 200)) {
      await expectSame(broken, path, init, 500);
      service.meter.faults.push(failing(({ store }) => store === "DB", "before", "D1_ERROR: down", 10));
      await expectSame(service, path, init, 503);
      service.meter.clear();
    }
    silent.mockRestore();
  });

  it("a successful refresh is counted and leaves no line in the log", async () => {
    const service = startService();
    const { refresh_token } = await linkAlexa(service);
    const lines = vi.spyOn(console, "log").mockImplementation(() => {});
    expect((await service.request("/token", refresh(refresh_token))).status).toBe(200);
    expect(lines.mock.calls).toEqual([]);
    await service.request("/token", refresh("rt_x"));
    expect(lines.mock.calls.length).toBeGreaterThan(0);
    lines.mockRestore();
    const { body } = await admin(service, "GET", `metrics?skillId=${SKILL_ID}`);
    expect((body.totals as { counts: object }).counts).toMatchObject({ token_refresh_success_50: 1 });
  });

  it("W1: wrong paths and methods are JSON errors too", async () => {
    const service = startService();
    for (const endpoint of ["/token", "/revoke", "/introspect"]) {
      for (const method of ["GET", "PUT", "DELETE", "PATCH"]) {
        const response = await service.request(endpoint, { method });
        expect(response.headers.get("allow")).toBe("POST");
        await expectOAuthError(response, 405, "invalid_request");
      }
      await expectOAuthError(await service.request(`${endpoint}/`, { method: "POST" }), 404, "invalid_request");
      await expectOAuthError(await service.request(`${endpoint}/more`), 404, "invalid_request");
      expect((await service.request(endpoint, { method: "HEAD" })).status).toBe(405);
    }
    await expectOAuthError(await service.request("/userinfo", { method: "DELETE" }), 405, "invalid_request");
  });

  it("W5: an authorization request at the token URL gets an error that names /authorize", async () => {
    const service = startService();
    const response = await service.request(`/token?response_type=code&client_id=${ALEXA_CLIENT}&state=x`);
    expect(response.status).toBe(405);
    expect(await json<{ error_description: string }>(response)).toMatchObject({
      error_description: expect.stringContaining("/authorize"),
    });
  });

  it("W3: Alexa is served without browser headers, 300 times a minute from one address", {
    timeout: 60_000,
  }, async () => {
    const service = startService();
    const { refresh_token } = await linkAlexa(service);
    const body = new URLSearchParams({
      grant_type: "refresh_token",
      refresh_token,
      client_id: ALEXA_CLIENT,
    }).toString();
    for (let i = 0; i < 300; i++) {
      const response = await service.request(
        "/token",
        post(body, {
          "content-type": `${FORM};charset=UTF-8`,
          authorization: basic(ALEXA_CLIENT, ALEXA_SECRET),
          "user-agent": "Apache-HttpClient/4.5.13 (Java/1.8.0_152)",
          "cf-connecting-ip": "192.0.2.1",
        }),
      );
      await response.arrayBuffer();
      if (response.status !== 200) expect(response.status).toBe(200);
    }
    const foreign = await service.request("/token", {
      ...refresh(refresh_token),
      headers: { "content-type": FORM, origin: "https://evil.test", authorization: basic(ALEXA_CLIENT, ALEXA_SECRET) },
    });
    expect(foreign.status).toBe(200);
  });

  it("W2: a request whose D1 read never returns gets 503 before Alexa's limit of 4.5 s", {
    timeout: 15_000,
  }, async () => {
    const service = startService();
    const { refresh_token } = await linkAlexa(service);
    const never: Promise<void>[] = [];
    const stuck = new Proxy(env.DB, {
      get: (db, property) => {
        if (property === "batch" || property === "exec") return () => new Promise(() => never.push(Promise.resolve()));
        if (property !== "prepare") return Reflect.get(db, property);
        return () => {
          const statement = { bind: () => statement, first: () => new Promise(() => never.push(Promise.resolve())) };
          return statement;
        };
      },
    });
    const slow = startService({}, { DB: stuck as D1Database });
    const timers = vi.spyOn(globalThis, "setTimeout");
    const response = await slow.requestOnly("/token", refresh(refresh_token));
    // The longest timer of the request is its deadline; the rest of the 4.5 s is for the network.
    const longest = Math.max(...timers.mock.calls.map(([, ms]) => ms ?? 0));
    timers.mockRestore();
    expect(longest).toBeGreaterThan(0);
    expect(longest).toBeLessThanOrEqual(4000);
    expect(response.headers.get("retry-after")).toBe("2");
    await expectOAuthError(response, 503, "temporarily_unavailable");
    expect(never).toHaveLength(1);
  });
});

describe("bodies", () => {
  const good = () => ({ grant_type: "refresh_token", refresh_token: "rt_x", client_id: ALEXA_CLIENT });

  it("W4: a missing or unsupported content type is invalid_request", async () => {
    const service = startService();
    const { refresh_token } = await linkAlexa(service);
    const fields = { ...good(), refresh_token, client_secret: ALEXA_SECRET };
    const urlencoded = new URLSearchParams(fields).toString();
    const multipart = new FormData();
    for (const [name, value] of Object.entries(fields)) multipart.set(name, value);
    const bytes = new TextEncoder().encode(urlencoded);
    for (const path of ["/token", "/revoke", "/introspect"]) {
      for (const type of [
        "application/json",
        "text/plain",
        "application/x-www-form-urlencodedx",
        "multipart/form-data",
        ";",
        "",
      ]) {
        await expectOAuthError(
          await service.request(path, post(bytes, { "content-type": type })),
          400,
          "invalid_request",
        );
      }
      await expectOAuthError(await service.request(path, post(bytes, {})), 400, "invalid_request");
      await expectOAuthError(await service.request(path, { method: "POST", body: multipart }), 400, "invalid_request");
      await expectOAuthError(
        await service.request(path, post(JSON.stringify(fields), { "content-type": "application/json" })),
        400,
        "invalid_request",
      );
    }
    for (const type of [FORM, `${FORM};charset=UTF-8`, `${FORM}; charset=utf-8; x=y`, FORM.toUpperCase()]) {
      expect((await service.request("/token", post(bytes, { "content-type": type }))).status, type).toBe(200);
    }
  });

  it("W4: broken encoding, repeated parameters and oversized bodies are invalid_request", async () => {
    const service = startService();
    const bodies: (string | Uint8Array<ArrayBuffer>)[] = [
      "grant_type=%",
      "grant_type=%zz",
      "grant_type=refresh_token&refresh_token=%ff",
      new Uint8Array([0x67, 0x3d, 0xff, 0xfe]),
      "grant_type=refresh_token&grant_type=refresh_token",
      "grant_type=authorization_code&code=a&code=b",
      "grant_type=authorization_code&redirect_uri=a&redirect_uri=a",
      "client_id=a&client_id=a&grant_type=refresh_token",
      "grant_type=refresh_token&unknown=1&unknown=2",
      "grant_type=refresh_token&grant%5Ftype=authorization_code",
      `grant_type=refresh_token&refresh_token=${"x".repeat(20_000)}`,
    ];
    for (const path of ["/token", "/revoke", "/introspect"]) {
      for (const body of bodies)
        await expectOAuthError(await service.request(path, post(body)), 400, "invalid_request");
    }
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(4096).fill(0x61)),
    });
    await expectOAuthError(
      await service.request("/token", { ...post(endless), duplex: "half" } as RequestInit),
      400,
      "invalid_request",
    );
  });

  it("W4: a body counts with what it has, whatever Content-Length says, and in whatever pieces it comes", async () => {
    const service = startService();
    const { refresh_token } = await linkAlexa(service);
    const fields = { grant_type: "refresh_token", refresh_token, client_id: ALEXA_CLIENT, client_secret: ALEXA_SECRET };
    const body = new URLSearchParams(fields).toString();
    const send = (content: BodyInit, length?: string) =>
      service.request("/token", {
        ...post(content, { "content-type": FORM, ...(length === undefined ? {} : { "content-length": length }) }),
        ...(content instanceof ReadableStream ? { duplex: "half" } : {}),
      } as RequestInit);
    for (const length of [undefined, "0", "10", String(body.length), "16384", "", "x", "-1"]) {
      expect((await send(body, length)).status, String(length)).toBe(200);
      const padded = `${body}&padding=${"x".repeat(20_000)}`;
      await expectOAuthError(await send(padded, length), 400, "invalid_request");
    }
    await expectOAuthError(await send(body, "16385"), 400, "invalid_request");
    const bytes = new TextEncoder().encode(body);
    const pieces = (size: number) =>
      new ReadableStream<Uint8Array>({
        start(controller) {
          for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
          controller.close();
        },
      });
    for (const size of [1, 7, bytes.length]) expect((await send(pieces(size))).status, String(size)).toBe(200);
  });

  it("W4: unknown parameters are ignored, and an empty value counts as missing", async () => {
    const service = startService();
    const { refresh_token } = await linkAlexa(service);
    expect(
      (await service.request("/token", refresh(refresh_token, { audience: "x", assertion: "y", "": "z", scope: "" })))
        .status,
    ).toBe(200);
    await expectOAuthError(await service.request("/token", refresh("")), 400, "invalid_request");
  });

  it("a missing parameter is invalid_request and named, and an unknown grant type is unsupported_grant_type", async () => {
    const service = startService();
    const code = await seedCode();
    const missing: [Record<string, string>, string][] = [
      [{}, "grant_type"],
      [{ grant_type: "authorization_code", redirect_uri: ALEXA_REDIRECT_URIS[0] ?? "" }, "code"],
      [{ grant_type: "authorization_code", code }, "redirect_uri"],
      [{ grant_type: "refresh_token" }, "refresh_token"],
    ];
    for (const [fields, name] of missing) {
      const response = await service.request("/token", asAlexa(fields));
      expect(response.status).toBe(400);
      expect(await response.json()).toEqual({ error: "invalid_request", error_description: `${name} is missing` });
    }
    for (const path of ["/revoke", "/introspect"])
      await expectOAuthError(await service.request(path, asAlexa({})), 400, "invalid_request");
    for (const type of [
      "password",
      "implicit",
      "AUTHORIZATION_CODE",
      "urn:ietf:params:oauth:grant-type:jwt-bearer",
      "__proto__",
    ]) {
      await expectOAuthError(
        await service.request("/token", asAlexa({ grant_type: type })),
        400,
        "unsupported_grant_type",
      );
    }
    expect((await service.request("/token", exchange(code))).status).toBe(200);
  });
});

it("O4: refused token requests are counted for the skill of the client they name", async () => {
  const service = startService();
  await service.request("/token", exchange(`c0${"x".repeat(43)}`));
  await service.request("/token", asAlexa({ grant_type: "password" }));
  const wrongSecret = { authorization: basic(ALEXA_CLIENT, "wrong"), "content-type": FORM };
  await service.request("/token", post("grant_type=refresh_token&refresh_token=x", wrongSecret));
  const stranger = { authorization: basic("nobody", "wrong"), "content-type": FORM };
  await service.request("/token", post("grant_type=refresh_token&refresh_token=x", stranger));
  const { body } = await admin(service, "GET", `metrics?skillId=${SKILL_ID}`);
  expect((body.totals as { counts: object }).counts).toEqual({
    token_error_code_unknown: 1,
    token_error_grant_type_unsupported: 1,
    token_error_invalid_client: 1,
    token_exchange_invalid_grant_50: 1,
    token_refresh_invalid_client_50: 1,
  });
});
