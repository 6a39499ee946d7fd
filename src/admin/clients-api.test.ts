// Clients of the company: its apps, and the backends of its skills.
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { admin, SKILL_BODY } from "../../test/support/admin.ts";
import { ISSUER, startService } from "../../test/support/service.ts";

const APP = {
  id: "acme-app",
  kind: "app",
  name: "Acme app",
  redirectUris: ["https://app.example.com/oauth"],
  scopes: ["links"],
  skillIds: [],
};
const SERVICE = {
  id: "acme-backend",
  kind: "service",
  name: "Acme backend",
  redirectUris: [],
  scopes: [],
  skillIds: ["amzn1.ask.skill.0000-admin"],
};

describe("registering clients", () => {
  it("an app is a public client: no secret, and PKCE is required", async () => {
    const service = startService();
    const made = await admin(service, "POST", "clients", APP);
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject(APP);
    expect(made.body).not.toHaveProperty("secret");
    const row = await env.DB.prepare("SELECT secret_hash, require_pkce FROM clients").first();
    expect(row).toEqual({ secret_hash: null, require_pkce: 1 });
  });

  it("a service has a secret, which is shown once and stored as a hash", async () => {
    const service = startService();
    const made = await admin(service, "POST", "clients", SERVICE);
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject(SERVICE);
    expect(made.body.secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const { secret: _, ...shown } = made.body;
    expect((await admin(service, "GET", "clients/acme-backend")).body).toEqual(shown);
    expect((await admin(service, "GET", "clients")).body).toEqual({ items: [shown] });
    const dump = JSON.stringify((await env.DB.prepare("SELECT * FROM clients").all()).results);
    expect(dump).not.toContain(made.body.secret);
  });

  it("an id is generated if none is given, and an id in use is a conflict, even that of a skill's client", async () => {
    const service = startService();
    const { id: _, ...nameless } = SERVICE;
    expect((await admin(service, "POST", "clients", nameless)).body.id).toMatch(/^service-[a-z0-9]{26}$/);
    await admin(service, "POST", "skills", SKILL_BODY);
    for (const id of ["alexa-acme-home", "acme-backend"]) await admin(service, "POST", "clients", { ...SERVICE, id });
    const again = await admin(service, "POST", "clients", { ...APP, id: "alexa-acme-home" });
    expect([again.status, again.body.code]).toEqual([409, "conflict"]);
    expect((await admin(service, "POST", "clients", SERVICE)).status).toBe(409);
  });

  it("each missing or malformed field is a 400 that names it", async () => {
    const service = startService();
    const cases: [object, string, unknown][] = [
      [APP, "kind", undefined],
      [APP, "kind", "alexa"],
      [APP, "name", undefined],
      [APP, "name", ""],
      [APP, "id", "a:b"],
      [APP, "id", "a/b"],
      [APP, "id", ""],
      [APP, "redirectUris", []],
      [APP, "redirectUris", undefined],
      [APP, "redirectUris", ["acme://cb"]],
      [APP, "redirectUris", ["http://localhost:3000/cb"]],
      [APP, "redirectUris", ["javascript:alert(1)"]],
      [APP, "redirectUris", [`${ISSUER}/app/callback`]],
      [APP, "redirectUris", Array.from({ length: 31 }, (_, i) => `https://app.example.com/${i}`)],
      [APP, "scopes", "links"],
      [APP, "scopes", ["a b"]],
      [APP, "secret", "a-secret-for-an-app"],
      [APP, "skillIds", ["a b"]],
      [SERVICE, "redirectUris", ["https://app.example.com/oauth"]],
      [SERVICE, "skillIds", "amzn1"],
      [SERVICE, "skillIds", ["x", "x"]],
      [SERVICE, "secret", ""],
      [SERVICE, "secret", "x"],
      [SERVICE, "secret", "1234567"],
      [SERVICE, "trusted", true],
    ];
    for (const [base, field, value] of cases) {
      const response = await admin(service, "POST", "clients", { ...base, [field]: value });
      const shown = `${field}=${JSON.stringify(value)?.slice(0, 60)}`;
      expect([shown, response.status, response.body.code]).toEqual([shown, 400, "invalid_body"]);
      expect([shown, String(response.body.detail)]).toEqual([shown, expect.stringContaining(field)]);
    }
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM clients").first()).toEqual({ n: 0 });
  });

  it("only apps may have the scope links", async () => {
    const service = startService();
    const response = await admin(service, "POST", "clients", { ...SERVICE, scopes: ["links"] });
    expect([response.status, response.body.code]).toEqual([422, "scope_reserved"]);
  });

  it("http redirect URIs on loopback hosts can be registered in development", async () => {
    const service = startService({ ISSUER: "http://localhost:8787" });
    const made = await admin(service, "POST", "clients", { ...APP, redirectUris: ["http://127.0.0.1:4000/cb"] });
    expect(made.status).toBe(201);
  });
});

describe("changing and removing clients", () => {
  it("a change or deletion takes effect at the token endpoint at once", async () => {
    const service = startService();
    await admin(service, "POST", "clients", { ...SERVICE, secret: "a-secret-of-the-backend" });
    const token = (scope: string) =>
      service
        .request("/token", {
          method: "POST",
          headers: { "content-type": "application/x-www-form-urlencoded" },
          body: new URLSearchParams({
            grant_type: "client_credentials",
            client_id: "acme-backend",
            client_secret: "a-secret-of-the-backend",
            scope,
          }),
        })
        .then(async (response) => {
          await response.text();
          return response.status;
        });
    expect(await token("catalog")).toBe(400);
    const changed = await admin(service, "PATCH", "clients/acme-backend", { scopes: ["catalog"], name: "Backend" });
    expect(changed.body).toMatchObject({ scopes: ["catalog"], name: "Backend", skillIds: SERVICE.skillIds });
    expect(await token("catalog")).toBe(200);
    expect((await admin(service, "DELETE", "clients/acme-backend")).status).toBe(204);
    expect(await token("catalog")).toBe(401);
    expect((await admin(service, "DELETE", "clients/acme-backend")).status).toBe(404);
  });

  it("a change must follow the rules for the kind of client", async () => {
    const service = startService();
    await admin(service, "POST", "clients", APP);
    await admin(service, "POST", "clients", SERVICE);
    expect((await admin(service, "PATCH", "clients/acme-app", { redirectUris: [] })).status).toBe(400);
    expect((await admin(service, "PATCH", "clients/acme-backend", { redirectUris: APP.redirectUris })).status).toBe(
      400,
    );
    expect((await admin(service, "PATCH", "clients/acme-backend", { scopes: ["links"] })).status).toBe(422);
    expect((await admin(service, "PATCH", "clients/acme-app", { kind: "service" })).status).toBe(400);
    const rotated = await admin(service, "POST", "clients/acme-app/rotate-secret");
    expect([rotated.status, rotated.body.code]).toEqual([409, "conflict"]);
    expect((await admin(service, "POST", "clients/acme-backend/rotate-secret")).body.secret).toMatch(/^[\w-]{43}$/);
  });

  it("a skill's client cannot be read, changed or deleted here", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    expect((await admin(service, "GET", "clients")).body).toEqual({ items: [] });
    for (const method of ["GET", "PATCH", "DELETE"]) {
      const response = await admin(service, method, "clients/alexa-acme-home", method === "PATCH" ? {} : undefined);
      expect([method, response.status, response.body.code]).toEqual([method, 404, "not_found"]);
    }
  });

  it("paging lists each client once", async () => {
    const service = startService();
    for (let i = 0; i < 12; i++) await admin(service, "POST", "clients", { ...SERVICE, id: `backend-${i}` });
    const first = await admin(service, "GET", "clients?limit=7");
    const second = await admin(service, "GET", `clients?limit=7&cursor=${first.body.nextCursor}`);
    const ids = [first, second].flatMap((page) => (page.body.items as { id: string }[]).map((client) => client.id));
    expect(new Set(ids).size).toBe(12);
    expect(second.body).not.toHaveProperty("nextCursor");
  });
});
