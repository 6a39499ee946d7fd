// One origin: what a request gets that did not come to the issuer.
import { beforeEach, describe, expect, it } from "vitest";
import { DEMO, seedAccount } from "../../test/support/accounts.ts";
import { query, rowCounts, signedIn } from "../../test/support/authorize.ts";
import { exchange, SKILL_ID, seedCode, seedEveryone } from "../../test/support/seeds.ts";
import { ADMIN_TOKEN, ISSUER, type Service, startService } from "../../test/support/service.ts";

const HTTP = ISSUER.replace("https:", "http:");
const HOST = new URL(ISSUER).hostname;

const OTHERS = [
  "https://alexa-link.acme.workers.dev",
  "https://a1b2c3-alexa-link.acme.workers.dev",
  "http://alexa-link.acme.workers.dev",
  `https://www.${HOST}`,
  `https://${HOST}.evil.test`,
  `https://${HOST}.`,
  `https://${HOST}:8443`,
  `http://${HOST}:8080`,
  `http://${HOST}:443`,
  "https://example.com",
  "https://192.0.2.1",
  "http://localhost:8787",
  "https://localhost",
  "http://127.0.0.1",
  "http://[::1]:8787",
];

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedEveryone();
});

/** 421 with a short body that names the issuer and nothing else: no form, no cookie, no way on. */
async function expectMisdirected(response: Response, what: string): Promise<void> {
  expect([what, response.status]).toEqual([what, 421]);
  const text = await response.text();
  expect(text.length, what).toBeLessThan(300);
  expect(text, what).toContain(ISSUER);
  expect(text, what).not.toMatch(/<|token=|code=/);
  expect(response.headers.get("set-cookie")).toBeNull();
  expect(response.headers.get("location")).toBeNull();
  expect(response.headers.get("access-control-allow-origin")).toBeNull();
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(response.headers.get("strict-transport-security")).toMatch(/max-age=\d{8,}/);
}

const PAGES = [
  "/",
  "/sign-in",
  "/account",
  "/admin",
  `/link/${SKILL_ID}?return_to=https%3A%2F%2Fapp.example.com%2Falexa%2Fdone`,
  `/authorize?${query({ state: "a%2Fb~%3d//..\\+%20" })}`,
  "/app/authorize?x=%7E&&y",
  "/link/callback?state=x&code=y",
  "/no/such//page?",
  "//evil.test/a",
];
const JSON_PATHS = [
  "/token",
  "/revoke",
  "/introspect",
  "/userinfo",
  "/api/links",
  "/api/authorizations",
  "/api/admin/skills",
  "/alexa/events",
  "/alexa/reciprocal",
  "/.well-known/oauth-authorization-server",
  "/.well-known/openid-configuration",
  "/.well-known/jwks.json",
  "/openapi.json",
];

describe("with a public issuer", () => {
  it.each(PAGES)("S18: over http, GET and HEAD of %s go to the same address over https", async (path) => {
    service.meter.clear();
    for (const method of ["GET", "HEAD"]) {
      const response = await service.request(`${HTTP}${path}`, { method });
      expect(response.status).toBe(308);
      // As the URL parser of the runtime gives it, byte for byte.
      const asSent = new Request(`${HTTP}${path}`).url.slice(HTTP.length);
      expect(response.headers.get("location")).toBe(`${ISSUER}${asSent}`);
      expect(response.headers.get("set-cookie")).toBeNull();
      expect(await response.text()).toBe("");
    }
    expect(service.meter.calls()).toEqual([]);
  });

  it("S18: over http, nothing is posted, and no endpoint for programs responds", async () => {
    service.meter.clear();
    for (const path of PAGES) {
      for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
        await expectMisdirected(await service.request(`${HTTP}${path}`, { method }), `${method} ${path}`);
      }
    }
    for (const path of JSON_PATHS) {
      for (const method of ["GET", "POST", "OPTIONS"]) {
        const response = await service.request(`${HTTP}${path}`, { method });
        expect(response.headers.get("content-type"), path).toMatch(/json/);
        await expectMisdirected(response, `${method} ${path}`);
      }
    }
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    for (const path of ["/metrics", "/admin"]) {
      await expectMisdirected(await service.request(`${HTTP}${path}`, { headers }), path);
    }
    expect(service.meter.calls()).toEqual([]);
  });

  it.each(OTHERS)("S18: %s serves nothing but /healthz", async (origin) => {
    service.meter.clear();
    for (const path of [...PAGES, ...JSON_PATHS, "/healthz/", "/healthz/x"]) {
      for (const method of ["GET", "POST"]) {
        await expectMisdirected(await service.request(`${origin}${path}`, { method }), `${method} ${path}`);
      }
    }
    expect(service.meter.calls()).toEqual([]);
    const health = await service.request(`${origin}/healthz`);
    expect([health.status, await health.json()]).toEqual([200, { status: "ok" }]);
  });

  it("S18: headers of a proxy neither open nor close the door", async () => {
    const forwarded = {
      "x-forwarded-proto": "https",
      "x-forwarded-host": HOST,
      "x-forwarded-port": "443",
      forwarded: `proto=https;host=${HOST}`,
      "x-original-host": HOST,
    };
    expect((await service.request(`${HTTP}/sign-in`, { headers: forwarded })).status).toBe(308);
    for (const origin of OTHERS) {
      await expectMisdirected(await service.request(`${origin}/sign-in`, { headers: forwarded }), origin);
    }
    const evil = { "x-forwarded-proto": "http", "x-forwarded-host": "evil.test", forwarded: "host=evil.test" };
    const page = await service.request(`${ISSUER}/sign-in`, { headers: evil });
    expect(page.status).toBe(200);
    expect(await page.text()).not.toContain("evil.test");
  });

  it("S18: a code and a consent that are sent to another host are not spent", async () => {
    await seedAccount(service, DEMO);
    const visitor = await signedIn(service);
    const consent = await visitor.open(`/authorize?${query()}`);
    const fields = { ...consent.hidden("/authorize/decision"), decision: "allow" };
    const before = await rowCounts();
    for (const origin of [HTTP, "https://alexa-link.acme.workers.dev"]) {
      expect((await visitor.post(`${origin}/authorize/decision`, fields)).status).toBe(421);
    }
    expect(await rowCounts()).toEqual(before);
    const code = await seedCode();
    await expectMisdirected(await service.request(`${HTTP}/token`, exchange(code)), "exchange");
    expect((await service.request("/token", exchange(code))).status).toBe(200);
    expect((await visitor.post("/authorize/decision", fields)).status).toBe(303);
  });
});

describe("in development", () => {
  it.each(["", "http://localhost:8787"])("S18: every loopback host is served, with ISSUER %j", async (issuer) => {
    const local = startService({ ISSUER: issuer });
    for (const origin of [
      "http://localhost:8787",
      "http://127.0.0.1:8787",
      "http://[::1]:1",
      "https://localhost:8443",
    ]) {
      expect((await local.request(`${origin}/sign-in`)).status, origin).toBe(200);
      expect((await local.request(`${origin}/token`, { method: "POST" })).status, origin).toBe(400);
    }
  });

  it("S18: no other host is served", async () => {
    const named = startService({ ISSUER: "http://localhost:8787" });
    const unnamed = startService({ ISSUER: "" });
    for (const origin of [
      "https://alexa-link.acme.workers.dev",
      "http://192.0.2.1:8787",
      "http://localhost.evil.test",
    ]) {
      expect((await named.request(`${origin}/sign-in`)).status, origin).toBe(421);
      expect((await unnamed.request(`${origin}/sign-in`)).status, origin).toBe(503);
    }
  });
});
