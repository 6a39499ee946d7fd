// Cross-origin requests of public clients (single-page apps), and the metadata's two addresses.
import { beforeEach, describe, expect, it } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { query } from "../../test/support/authorize.ts";
import { form, json, SKILL_ID, seedEveryone, seedSkill } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { exchangeOfApp, failing, linkApp, refreshOfApp, seedAppCode } from "../../test/support/tokens.ts";

const ORIGIN = "https://spa.example.com";
const PUBLIC = ["/token", "/revoke", "/userinfo"];

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedEveryone();
});

function fromPage(init: RequestInit = {}): RequestInit {
  return { ...init, headers: { ...(init.headers as Record<string, string>), origin: ORIGIN } };
}

function expectOpen(response: Response): void {
  expect(response.headers.get("access-control-allow-origin")).toBe("*");
  expect(response.headers.get("access-control-allow-credentials")).toBeNull();
  const exposed = (response.headers.get("access-control-expose-headers") ?? "").toLowerCase().split(/, */);
  expect(exposed.sort()).toEqual(["retry-after", "www-authenticate"]);
}

const corsHeaders = (response: Response) => [...response.headers.keys()].filter((name) => name.startsWith("access-"));

describe("public clients in a browser", () => {
  it.each(PUBLIC)(
    "a preflight for %s allows Authorization and Content-Type, for a day, and costs no storage",
    async (path) => {
      service.meter.clear();
      const response = await service.request(path, {
        method: "OPTIONS",
        headers: {
          origin: ORIGIN,
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization,content-type",
        },
      });
      expect(response.status).toBe(204);
      expectOpen(response);
      const list = (name: string) => (response.headers.get(name) ?? "").toLowerCase().split(/, */);
      expect(list("access-control-allow-headers")).toEqual(expect.arrayContaining(["authorization", "content-type"]));
      expect(list("access-control-allow-methods")).toContain("post");
      if (path === "/userinfo") expect(list("access-control-allow-methods")).toContain("get");
      expect(response.headers.get("access-control-max-age")).toBe("86400");
      expect(await response.text()).toBe("");
      expect(service.meter.calls()).toEqual([]);
    },
  );

  it("exchange, refresh, userinfo and revocation can be read by a page of any origin", async () => {
    const response = await service.request("/token", fromPage(exchangeOfApp(await seedAppCode())));
    expect(response.status).toBe(200);
    expectOpen(response);
    const tokens = await json(response);
    const bearer = { authorization: `Bearer ${tokens.access_token}` };
    const calls: [string, RequestInit][] = [
      ["/token", refreshOfApp(tokens.refresh_token)],
      ["/userinfo", { headers: bearer }],
      ["/userinfo", { method: "POST", headers: bearer }],
      ["/revoke", form({ token: tokens.refresh_token, client_id: "test-app" })],
    ];
    for (const [path, init] of calls) {
      const called = await service.request(path, fromPage(init));
      expect(called.status, path).toBe(200);
      expectOpen(called);
    }
  });

  it("errors can be read too: 400, 401, 405 with Allow, and 503 with Retry-After", async () => {
    const errors: [string, RequestInit, number][] = [
      ["/token", form({}), 400],
      ["/token", { method: "POST", body: "{}", headers: { "content-type": "application/json" } }, 400],
      ["/token", form({ grant_type: "refresh_token", refresh_token: "x".repeat(20_000) }), 400],
      ["/token", form({ grant_type: "refresh_token", client_id: "nobody", refresh_token: "x" }), 401],
      ["/revoke", form({ token: "x", client_id: "nobody" }), 401],
      ["/userinfo", {}, 401],
      ["/userinfo", { headers: { authorization: "Bearer x" } }, 401],
      ["/token", {}, 405],
      ["/revoke", { method: "PUT" }, 405],
      ["/userinfo", { method: "DELETE" }, 405],
    ];
    for (const [path, init, status] of errors) {
      const response = await service.request(path, fromPage(init));
      expect(response.status, `${path} ${status}`).toBe(status);
      expectOpen(response);
      if (status === 405) expect(response.headers.get("allow")).toContain("POST");
    }
    const { access_token, refresh_token } = await linkApp(service);
    for (const path of PUBLIC) {
      const fields = { grant_type: "refresh_token", refresh_token, token: refresh_token, client_id: "test-app" };
      const init = path === "/userinfo" ? { headers: { authorization: `Bearer ${access_token}` } } : form(fields);
      service.meter.faults.push(failing(({ store }) => store === "DB", "before", "Network connection lost"));
      const response = await service.request(path, fromPage(init));
      expect([path, response.status, response.headers.has("retry-after")]).toEqual([path, 503, true]);
      expectOpen(response);
      service.meter.faults.length = 0;
    }
  });

  it("no other endpoint may be called by scripts of other origins", async () => {
    await seedSkill({ id: "second", skillId: `${SKILL_ID}-2` });
    const paths = [
      `/authorize?${query()}`,
      "/authorize/decision",
      "/introspect",
      "/sign-in",
      "/sign-out",
      "/account",
      `/link/${SKILL_ID}`,
      "/link/callback",
      "/app/callback",
      "/app/authorize",
      "/api/links",
      "/api/authorizations",
      "/api/admin/skills",
      "/admin",
      "/alexa/reciprocal",
      "/alexa/events",
      "/healthz",
      "/token/",
      "/userinfo/more",
    ];
    for (const path of paths) {
      for (const method of ["GET", "POST", "OPTIONS"]) {
        const response = await service.request(path, fromPage({ method }));
        expect(corsHeaders(response), `${method} ${path}`).toEqual([]);
      }
    }
    const { status } = await admin(service, "GET", "skills");
    expect(status).toBe(200);
  });
});

describe("metadata", () => {
  it("GET and HEAD of /.well-known/openid-configuration give the same as RFC 8414's address", async () => {
    const rfc8414 = await service.request("/.well-known/oauth-authorization-server");
    const alias = await service.request("/.well-known/openid-configuration");
    const head = await service.request("/.well-known/openid-configuration", { method: "HEAD" });
    expect([alias.status, head.status]).toEqual([200, 200]);
    expect(await alias.text()).toBe(await rfc8414.text());
    expect(Object.fromEntries(alias.headers)).toEqual(Object.fromEntries(rfc8414.headers));
    expect(alias.headers.get("access-control-allow-origin")).toBe("*");
    expect(head.headers.get("access-control-allow-origin")).toBe("*");
    expect(await head.text()).toBe("");
    const wrong = await service.request("/.well-known/openid-configuration", { method: "POST" });
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });
});
