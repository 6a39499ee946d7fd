// The operator's pages: signing in, what they show, and what the cookie does not open.
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { admin, SKILL_BODY } from "../../test/support/admin.ts";
import { plansOf } from "../../test/support/query-plan.ts";
import { recordRefusals } from "../../test/support/refusals.ts";
import { ADMIN_TOKEN, type Service, START, startService } from "../../test/support/service.ts";
import { isOperatorSignedOut } from "../storage/maintenance/operator-sessions.ts";

interface Browser {
  cookies: Map<string, string>;
  get(path: string): Promise<{ status: number; html: string; response: Response }>;
  post(path: string, fields: Record<string, string>): Promise<{ status: number; html: string; response: Response }>;
}

function browser(service: Service): Browser {
  const cookies = new Map<string, string>();
  const send = async (path: string, init: RequestInit) => {
    const headers = new Headers(init.headers);
    headers.set("cookie", [...cookies].map(([name, value]) => `${name}=${value}`).join("; "));
    const response = await service.request(path, { ...init, headers });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/max-age=0/i.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
    return { status: response.status, html: await response.text(), response };
  };
  return {
    cookies,
    get: (path) => send(path, {}),
    post: (path, fields) => send(path, { method: "POST", body: new URLSearchParams(fields) }),
  };
}

const formOf = (html: string) => /name="form" value="([^"]+)"/.exec(html)?.[1] ?? "";

async function signedIn(service: Service): Promise<Browser> {
  const visitor = browser(service);
  const page = await visitor.get("/admin");
  const { status, response } = await visitor.post("/admin/session", { form: formOf(page.html), token: ADMIN_TOKEN });
  expect([status, response.headers.get("location")]).toEqual([303, "/admin"]);
  return visitor;
}

describe("signing in", () => {
  it("sets a strict cookie that does not contain the token", async () => {
    const visitor = browser(startService());
    const page = await visitor.get("/admin");
    expect(page.status).toBe(200);
    const { response } = await visitor.post("/admin/session", { form: formOf(page.html), token: ADMIN_TOKEN });
    const cookie = response.headers.getSetCookie().find((line) => line.startsWith("__Host-admin="));
    expect(cookie).toMatch(/; Max-Age=28800/);
    for (const attribute of ["Path=/", "HttpOnly", "Secure", "SameSite=Strict"]) expect(cookie).toContain(attribute);
    expect(cookie).not.toMatch(/Domain/i);
    expect(cookie).not.toContain(ADMIN_TOKEN);
    const dashboard = await visitor.get("/admin");
    expect(dashboard.html).toContain("Refused requests");
  });

  it("a wrong token is a 401 page, and the eleventh in a minute a 429 page", async () => {
    const visitor = browser(startService());
    for (let i = 1; i <= 11; i++) {
      const form = formOf((await visitor.get("/admin")).html);
      const { status, html } = await visitor.post("/admin/session", { form, token: "wrong" });
      expect([i, status]).toEqual([i, i <= 10 ? 401 : 429]);
      expect(html).toContain('name="token"');
      expect(visitor.cookies.has("__Host-admin")).toBe(false);
    }
  });

  it("S3: needs a form that was rendered in the same browser", async () => {
    const service = startService();
    const visitor = browser(service);
    const form = formOf((await visitor.get("/admin")).html);
    expect((await visitor.post("/admin/session", { token: ADMIN_TOKEN })).status).toBe(403);
    const other = browser(service);
    await other.get("/admin");
    expect((await other.post("/admin/session", { form, token: ADMIN_TOKEN })).status).toBe(403);
    expect(other.cookies.has("__Host-admin")).toBe(false);
  });

  it("the session ends after eight hours, when the token changes, and on signing out", async () => {
    const service = startService();
    const visitor = await signedIn(service);
    const shows = async (where: Service) =>
      (await where.request("/admin", { headers: { cookie: [...visitor.cookies].map((p) => p.join("=")).join("; ") } }))
        .text()
        .then((html) => html.includes("Refused requests"));
    expect(await shows(service)).toBe(true);
    expect(await shows(startService({ ADMIN_TOKEN: "another-admin-token-00000000000000000" }))).toBe(false);
    const form = formOf((await visitor.get("/admin")).html);
    expect((await visitor.post("/admin/sign-out", { form })).status).toBe(303);
    expect(visitor.cookies.has("__Host-admin")).toBe(false);
    const again = await signedIn(service);
    service.clock.advance(8 * 3600 * 1000 - 1);
    expect((await again.get("/admin")).html).toContain("Refused requests");
    service.clock.advance(1);
    expect((await again.get("/admin")).html).toContain('name="token"');
  });

  it("S17: signing out ends every copy of the cookie until it has expired, and no other browser's", async () => {
    const service = startService();
    const [visitor, other] = [await signedIn(service), await signedIn(service)];
    const copy = new Map(visitor.cookies);
    const isOpen = async (one: Browser) => (await one.get("/admin")).html.includes("Refused requests");
    const stolen = browser(service);
    for (const [name, value] of copy) stolen.cookies.set(name, value);
    expect(await isOpen(stolen)).toBe(true);
    const form = /action="\/admin\/sign-out"[\s\S]*?name="form" value="([^"]+)"/.exec(
      (await visitor.get("/admin")).html,
    );
    expect((await visitor.post("/admin/sign-out", { form: form?.[1] ?? "" })).status).toBe(303);
    expect([await isOpen(visitor), await isOpen(stolen), await isOpen(other)]).toEqual([false, false, true]);
    // Another isolate knows it too, and maintenance does not forget it.
    const isolate = browser(startService());
    for (const [name, value] of copy) isolate.cookies.set(name, value);
    expect(await isOpen(isolate)).toBe(false);
    service.clock.advance(8 * 3600 * 1000 - 1000);
    await admin(service, "POST", "maintenance");
    expect([await isOpen(stolen), await isOpen(other)]).toEqual([false, true]);
    expect((await visitor.get("/admin")).html).toContain('name="token"');
  });

  it("S17: signing out without a session, twice, or with a forged cookie writes nothing", async () => {
    const service = startService();
    const visitor = await signedIn(service);
    const copy = new Map(visitor.cookies);
    const form = /action="\/admin\/sign-out"[\s\S]*?name="form" value="([^"]+)"/.exec(
      (await visitor.get("/admin")).html,
    );
    const signOuts = async () =>
      (await env.DB.prepare("SELECT 1 FROM audit WHERE kind = 'operator_signed_out'").all()).results.length;
    const signOut = () => visitor.post("/admin/sign-out", { form: form?.[1] ?? "" });
    visitor.cookies.set("__Host-admin", "forged");
    await signOut();
    visitor.cookies.delete("__Host-admin");
    await signOut();
    expect(await signOuts()).toBe(0);
    for (let i = 0; i < 2; i++) {
      for (const [name, value] of copy) visitor.cookies.set(name, value);
      await signOut();
    }
    expect(await signOuts()).toBe(1);
    const [plan] = await plansOf((db) => isOperatorSignedOut(db, "0operatorsession"));
    expect(plan).toMatch(/^SEARCH audit USING.* INDEX audit_operator_sign_outs/);
  });

  it("is disabled without ADMIN_TOKEN", async () => {
    const visitor = browser(startService({ ADMIN_TOKEN: "" }));
    expect((await visitor.get("/admin")).status).toBe(503);
    expect((await visitor.post("/admin/session", { token: "" })).status).toBe(503);
  });
});

describe("the console's cookie", () => {
  it("S3: opens only the pages, and never /api/admin, with or without a form token", async () => {
    const service = startService();
    const visitor = await signedIn(service);
    const page = await visitor.get("/admin");
    const cookie = [...visitor.cookies].map((pair) => pair.join("=")).join("; ");
    const call = async (method: string, headers: Record<string, string>) => {
      const response = await service.request("/api/admin/skills", {
        method,
        headers: { cookie, "content-type": "application/json", ...headers },
        ...(method === "POST" ? { body: JSON.stringify(SKILL_BODY) } : {}),
      });
      return [response.status, ((await response.json()) as { code?: string }).code];
    };
    expect(page.html).toContain("Refused requests");
    for (const headers of [{}, { "x-csrf-token": formOf(page.html) }, { authorization: "Bearer wrong" }]) {
      expect(await call("GET", headers)).toEqual([401, "unauthenticated"]);
      expect(await call("POST", headers)).toEqual([401, "unauthenticated"]);
    }
    expect(await call("GET", { authorization: `Bearer ${ADMIN_TOKEN}` })).toEqual([200, undefined]);
  });

  it("S3: signing out needs a form that was rendered in the same browser", async () => {
    const service = startService();
    const visitor = await signedIn(service);
    const other = await signedIn(service);
    const foreign = formOf((await other.get("/admin")).html);
    for (const fields of [{}, { form: foreign }] as Record<string, string>[]) {
      expect((await visitor.post("/admin/sign-out", fields)).status).toBe(403);
    }
    expect(visitor.cookies.has("__Host-admin")).toBe(true);
  });
});

describe("the dashboard", () => {
  it("has its own layout, and is shown without it while the build's files cannot be read", async () => {
    const service = startService();
    const visitor = await signedIn(service);
    expect((await visitor.get("/admin")).html).toContain(".tiles{display:grid");
    service.env.ASSETS = { fetch: () => Promise.reject(new Error("assets are down")) } as unknown as Fetcher;
    const { status, html } = await visitor.get("/admin");
    expect(status).toBe(200);
    expect(html).toContain("Refused requests");
    expect(html).not.toContain(".tiles{display:grid");
  });

  it("O4: shows outcome, reason, remedy and trace id of an attempt, and escapes what clients sent", async () => {
    const service = startService();
    await service.request("/api/admin/skills", {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      body: JSON.stringify({ ...SKILL_BODY, name: "Acme <b>Home</b>" }),
    });
    const steps = JSON.stringify([
      { name: "signed_in", at: START },
      { name: "token_refused", at: START + 1500 },
    ]);
    await env.DB.prepare(
      `INSERT INTO attempts (id, flow, skill_id, outcome, reason, steps, created_at, expires_at)
       VALUES ('trace-1', 'alexa_app', ?, 'failed', 'redirect_uri_mismatch', ?, ?, ?), ('trace-2', 'website', NULL, 'linked', NULL, '[]', ?, ?)`,
    )
      .bind(SKILL_BODY.id, steps, START, START, START, START)
      .run();
    await recordRefusals(env.DB, [
      {
        clientId: "<script>alert(1)</script>",
        reason: "redirect_uri_unregistered",
        detail: "https://pit\tangui.amazon.com/",
        count: 2,
        lastSeenAt: START,
      },
    ]);
    const visitor = await signedIn(service);
    const { html, response } = await visitor.get("/admin");
    for (const text of ["trace-1", "redirect_uri_mismatch", "another redirect URI", "vendorId"]) {
      expect(html).toContain(text);
    }
    expect(html).toContain("Acme &lt;b&gt;Home");
    expect(html).toContain("pit\\u{9}angui");
    expect(html).not.toContain("<script");
    expect(response.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(response.headers.get("cache-control")).toBe("no-store, no-transform");
  });

  it("O4: shows a refused AcceptGrant, a wrong secret and an error that was returned to Alexa", async () => {
    const service = startService();
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const make = (path: string, body: object) =>
      service.request(`/api/admin/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    await make("skills", { ...SKILL_BODY, client: { id: "alexa-acme", secret: "obviously-fake-secret-000000000000" } });
    const user = { email: "ada@example.com", password: "ada-password-1", name: "Ada" };
    const { id } = (await (await make("users", user)).json()) as { id: string };
    const steps = JSON.stringify([
      { name: "code_redeemed", at: START },
      { name: "event_gateway_refused:code_rejected", at: START },
    ]);
    await env.DB.prepare(
      `INSERT INTO attempts (id, flow, user_id, outcome, steps, created_at, expires_at)
       VALUES ('trace-1', 'alexa_app', ?, 'linked', ?, ?3, ?3), ('trace-2', 'alexa_app', NULL, 'pending', '[{"name":"consent_given","at":1}]', ?3, ?3)`,
    )
      .bind(id, steps, START)
      .run();
    const token = { grant_type: "authorization_code", code: "x", client_id: "alexa-acme", client_secret: "wrong" };
    await service.request("/token", { method: "POST", body: new URLSearchParams(token) });
    const redirectUri = `https://layla.amazon.com/api/skill/link/${SKILL_BODY.vendorId}`;
    const query = new URLSearchParams({ response_type: "code", client_id: "alexa-acme", scope: "nope", state: "s" });
    query.set("redirect_uri", redirectUri);
    expect((await service.request(`/authorize?${query}`)).status).toBe(303);
    const visitor = await signedIn(service);
    const { html } = await visitor.get("/admin");
    for (const text of [
      "AcceptGrant was refused (code_rejected)",
      "No valid token request yet",
      "invalid client</strong> token request",
      "invalid scope",
      redirectUri,
    ]) {
      expect(html).toContain(text);
    }
  });

  it("names the first command when there is no skill yet", async () => {
    const visitor = await signedIn(startService());
    expect((await visitor.get("/admin")).html).toContain("npm run skill -- add");
  });
});

describe("a path that the console does not have", () => {
  it("is a page of the console, in English, and other methods of its paths stay refused", async () => {
    const service = startService();
    const visitor = await signedIn(service);
    for (const path of ["/admin/nothing", "/admin/attempts/a/b", "/admin/%3Cb%3E"]) {
      const { status, html, response } = await visitor.get(path);
      expect([status, response.headers.get("content-language")], path).toEqual([404, "en"]);
      expect(html).toContain("No such page");
      expect(html).toContain('aria-label="Console"');
      expect(response.headers.get("content-type")).toBe("text/html; charset=UTF-8");
    }
    expect((await visitor.post("/admin/nothing", {})).status).toBe(404);
    expect((await visitor.get("/admin/operations/maintenance")).status).toBe(405);
    expect((await visitor.post("/admin/attempts", {})).status).toBe(405);
    expect((await browser(service).get("/admin/nothing")).html).toContain("Operator sign-in");
  });
});
