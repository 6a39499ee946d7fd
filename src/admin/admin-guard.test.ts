// Authentication and request checks of the admin API.
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ADD_ON_BODY, ADD_ON_PATH, admin, SKILL_BODY } from "../../test/support/admin.ts";
import { SKILL_ID, seedSkill, seedUser } from "../../test/support/seeds.ts";
import { ADMIN_TOKEN, startService } from "../../test/support/service.ts";

describe("the admin token", () => {
  it("opens the API, with the scheme in any case", async () => {
    const service = startService();
    expect((await admin(service, "GET", "skills")).status).toBe(200);
    const lower = { headers: { authorization: `bearer ${ADMIN_TOKEN}` }, token: null };
    expect((await admin(service, "GET", "skills", undefined, lower)).status).toBe(200);
  });

  it("without ADMIN_TOKEN the API is disabled with a 503 that says so", async () => {
    const service = startService({ ADMIN_TOKEN: "" });
    const response = await admin(service, "GET", "skills");
    expect(response.status).toBe(503);
    expect(response.body.code).toBe("admin_disabled");
  });

  it("A4: missing, wrong, empty, long and malformed tokens are 401", async () => {
    const service = startService();
    for (const authorization of [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      "Bearer x",
      `Bearer ${ADMIN_TOKEN}x`,
      `Bearer ${ADMIN_TOKEN.slice(1)}`,
      `Bearer ${ADMIN_TOKEN} ${ADMIN_TOKEN}`,
      `Basic ${btoa(`admin:${ADMIN_TOKEN}`)}`,
      `Bearer ${"a".repeat(5000)}`,
      ADMIN_TOKEN,
    ]) {
      const response = await admin(service, "GET", "skills", undefined, {
        token: null,
        headers: authorization === undefined ? {} : { authorization },
      });
      expect([authorization?.slice(0, 20), response.status, response.body.code]).toEqual([
        authorization?.slice(0, 20),
        401,
        "unauthenticated",
      ]);
      expect(response.headers.get("www-authenticate")).toContain("Bearer");
      expect(response.headers.get("content-type")).toBe("application/problem+json");
    }
  });

  it("F3: the eleventh wrong token within a minute is 429 for that network only, and the right token still works", async () => {
    const service = startService();
    const guess = (address: string) =>
      admin(service, "GET", "skills", undefined, {
        token: "wrong-token-wrong-token-wrong-token",
        headers: { "cf-connecting-ip": address },
      });
    for (let i = 1; i <= 10; i++) expect((await guess("192.0.2.1")).status).toBe(401);
    const limited = await guess("192.0.2.1");
    expect(limited.status).toBe(429);
    expect(limited.body.code).toBe("too_many_requests");
    expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await guess("192.0.2.2")).status).toBe(401);
    const right = await admin(service, "GET", "skills", undefined, { headers: { "cf-connecting-ip": "192.0.2.1" } });
    expect(right.status).toBe(200);
    // The next minute has a limit of its own.
    service.clock.advance(61_000);
    for (let i = 1; i <= 10; i++) expect((await guess("192.0.2.1")).status).toBe(401);
    expect((await guess("192.0.2.1")).status).toBe(429);
  });

  it("F3: wrong tokens are counted across isolates, even when the pre-check lets all of them through", async () => {
    let refused = 0;
    for (let i = 0; i < 30; i++) {
      const service = startService();
      const response = await admin(service, "GET", "skills", undefined, { token: `wrong-${i}` });
      if (response.status === 429) refused++;
    }
    expect(refused).toBe(20);
  });

  it("addresses of one IPv6 network are counted together", async () => {
    const service = startService();
    let last = 0;
    for (let i = 0; i < 11; i++) {
      const response = await admin(service, "GET", "skills", undefined, {
        token: "wrong",
        headers: { "cf-connecting-ip": `2001:db8:1:2:${i}::1` },
      });
      last = response.status;
    }
    expect(last).toBe(429);
  });

  it("unknown paths need the token too, and are then 404", async () => {
    const service = startService();
    expect((await admin(service, "GET", "nothing-here", undefined, { token: null })).status).toBe(401);
    const known = await admin(service, "GET", "nothing-here");
    expect([known.status, known.body.code]).toEqual([404, "not_found"]);
  });
});

describe("methods and bodies", () => {
  it("other methods are 405 with the allowed ones in Allow", async () => {
    const service = startService();
    for (const [method, path, allow] of [
      ["PUT", "skills", "GET, HEAD, POST"],
      ["DELETE", "linkings", "GET, HEAD"],
      ["GET", "skills/a/rotate-secret", "POST"],
      ["POST", "skills/a", "GET, HEAD, PATCH, DELETE"],
    ] as const) {
      const response = await admin(service, method, path);
      expect([method, path, response.status, response.body.code]).toEqual([method, path, 405, "method_not_allowed"]);
      expect(response.headers.get("allow")).toBe(allow);
    }
    const health = await service.request("/healthz", { method: "POST" });
    expect(health.status).toBe(405);
  });

  it("W4: malformed bodies are 400 and oversized ones 413, never a 5xx", async () => {
    const service = startService();
    const send = (raw: BodyInit, headers: Record<string, string> = { "content-type": "application/json" }) =>
      admin(service, "POST", "skills", undefined, { raw, headers });
    for (const raw of ["", "{", "null", "[]", '"x"', "12", "{}", '{"id":1}', new Uint8Array([0xff, 0xfe])]) {
      const response = await send(raw);
      expect([String(raw), response.status, response.body.code]).toEqual([String(raw), 400, "invalid_body"]);
    }
    const big = await send(JSON.stringify({ name: "x".repeat(70_000) }));
    expect([big.status, big.body.code]).toEqual([413, "body_too_large"]);
    expect((await send("{}", {})).status).toBe(400);
  });

  it("reading stops early when a body is too large", async () => {
    const service = startService();
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 16_384;
        controller.enqueue(new Uint8Array(16_384));
      },
    });
    const response = await admin(service, "POST", "skills", undefined, { raw: endless });
    expect(response.status).toBe(413);
    expect(sent).toBeLessThan(512 * 1024);
  });
});

describe("health", () => {
  it("the health check is ok while D1 responds, and 503 with Retry-After when it does not", async () => {
    const service = startService();
    const well = await service.request("/healthz");
    expect([well.status, await well.json()]).toEqual([200, { status: "ok" }]);
    service.meter.faults.push({ when: () => true, throws: "before" });
    const ill = await service.request("/healthz");
    expect(ill.status).toBe(503);
    expect(ill.headers.get("retry-after")).toMatch(/^\d+$/);
    await ill.text();
  });
});

describe("storage that fails", () => {
  afterEach(() => vi.restoreAllMocks());

  it("F6: an unexpected exception is a 500 problem document without a stack trace, and the log has its error id", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    await seedSkill();
    await env.DB.prepare("UPDATE skills SET scopes = 'not json'").run();
    const { status, body } = await admin(startService(), "GET", "skills");
    expect([status, body]).toEqual([
      500,
      {
        type: "about:blank",
        title: "Internal error",
        status: 500,
        code: "internal",
        errorId: expect.stringMatching(/^[A-Za-z0-9_-]{8}$/),
      },
    ]);
    const alerts = log.mock.calls.map(([line]) => String(line)).filter((line) => line.includes("unhandled_exception"));
    expect(alerts).toEqual([expect.stringContaining(`"requestId":"${String(body.errorId)}"`)]);
  });

  it("T8, F6: an error of any statement of any route is 503 with Retry-After and an error id that the log has, without a stack trace", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    await seedSkill();
    const id = await seedUser();
    const routes: [string, string, unknown?][] = [
      ["GET", "skills"],
      ["POST", "skills", SKILL_BODY],
      ["GET", `skills/${SKILL_ID}`],
      ["PATCH", `skills/${SKILL_ID}`, { name: "Acme" }],
      ["POST", `skills/${SKILL_ID}/rotate-secret`],
      ["GET", `skills/${SKILL_ID}/account-linking-request`],
      ["POST", "skills", { ...ADD_ON_BODY, serviceClient: {} }],
      ["PATCH", ADD_ON_PATH, { serviceClient: null }],
      ["PATCH", ADD_ON_PATH, { serviceClient: {} }],
      ["POST", `${ADD_ON_PATH}/rotate-secret?client=service`],
      ["GET", `${ADD_ON_PATH}/protected-resource`],
      ["GET", "clients"],
      ["POST", "clients", { kind: "service", name: "Backend" }],
      ["GET", "users?email=jane@example.com"],
      ["POST", "users", { email: "joe@example.com", password: "a-password-of-joe", name: "Joe" }],
      ["PATCH", `users/${id}`, { name: "Jane" }],
      ["GET", "linkings"],
      ["GET", "refusals"],
      ["GET", "audit"],
      ["GET", "metrics"],
      ["GET", "keys"],
      ["POST", "keys/rotate"],
    ];
    for (const [method, path, body] of routes) {
      for (let statement = 0; statement < 10; statement++) {
        const service = startService();
        service.meter.faults.push({ when: (_, index) => index === statement, throws: "before", mayMiss: true });
        log.mockClear();
        const response = await admin(service, method, path, body);
        if (service.meter.roundTrips.length <= statement) break;
        const what = `${method} ${path}, statement ${statement}`;
        const logged = log.mock.calls.map(([line]) => String(line)).filter((line) => line.includes("storage_fault"));
        expect([what, logged]).toEqual([
          what,
          [expect.stringContaining(`"requestId":"${String(response.body.errorId)}"`)],
        ]);
        expect([what, response.status, response.body.code]).toEqual([what, 503, "temporarily_unavailable"]);
        expect(response.headers.get("retry-after")).toMatch(/^\d+$/);
        expect(JSON.stringify(response.body)).not.toMatch(/D1_ERROR|\.ts:/);
      }
    }
  });

  it("F3: a wrong token is 503 while it cannot be counted", async () => {
    const service = startService();
    Object.assign(service.env, { ADMIN_LIMIT: undefined });
    const wrong = () => admin(service, "GET", "skills", undefined, { token: "wrong" });
    expect((await wrong()).status).toBe(401);
    service.meter.faults.push({ when: ({ sql }) => sql.includes("throttles"), throws: "before" });
    expect((await wrong()).status).toBe(503);
  });
});
