// Add-ons in the admin API: the tiers of their scopes, their type, and the documents for Amazon.
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { ADD_ON_BODY, ADD_ON_PATH, admin, SKILL_BODY, SKILL_PATH } from "../../test/support/admin.ts";
import { ISSUER, type Service, startService } from "../../test/support/service.ts";
import { countOf } from "../../test/support/tokens.ts";

const SERVICE = { name: "mcp:service", tier: "service", descriptions: {} };
const TOOLS = { name: "mcp:tools", tier: "user", descriptions: {} };

const made = (service: Service, more: object = {}) => admin(service, "POST", "skills", { ...ADD_ON_BODY, ...more });
const change = (service: Service, body: object) => admin(service, "PATCH", ADD_ON_PATH, body);

const idsOf = async (kind: string) =>
  (
    await env.DB.prepare("SELECT id FROM clients WHERE kind = ? ORDER BY id").bind(kind).all<{ id: string }>()
  ).results.map(({ id }) => id);

describe("tiers of scopes", () => {
  it("M1: a scope without a tier is for users, and an add-on's scopes are shown with their tiers", async () => {
    const service = startService();
    const described = { name: "notes:read", descriptions: { en: "Read your notes" } };
    const scopes = ["mcp:tools", described, SERVICE, { name: "catalog", tier: "service" }];
    const shown = [TOOLS, { ...described, tier: "user" }, SERVICE, { ...SERVICE, name: "catalog" }];
    const first = await made(service, { scopes });
    expect([first.status, first.body.scopes]).toEqual([201, shown]);
    expect((await admin(service, "GET", ADD_ON_PATH)).body.scopes).toEqual(shown);
    expect((await change(service, { scopes: shown })).body.scopes).toEqual(shown);
  });

  it("M1: an add-on without a service-tier scope gets mcp:service, beyond the limit of 15 if need be", async () => {
    const service = startService();
    const many = Array.from({ length: 15 }, (_, i) => ({ ...TOOLS, name: `scope-${i}` }));
    expect((await made(service, { scopes: many })).body.scopes).toEqual([...many, SERVICE]);
    expect((await change(service, { scopes: ["mcp:tools"] })).body.scopes).toEqual([TOOLS, SERVICE]);
    const other = { ...SERVICE, name: "catalog" };
    expect((await change(service, { scopes: ["mcp:tools", other] })).body.scopes).toEqual([TOOLS, other]);
    expect((await change(service, { scopes: [SERVICE] })).body.scopes).toEqual([SERVICE]);
    expect((await change(service, { scopes: [...many, SERVICE] })).status).toBe(400);
  });

  it.each(["add_on", "smart_home"])("M1: unknown tiers, and mcp:service for users, are 400 for %s", async (type) => {
    const service = startService();
    const body = type === "add_on" ? ADD_ON_BODY : SKILL_BODY;
    const path = type === "add_on" ? ADD_ON_PATH : SKILL_PATH;
    const before = (await admin(service, "POST", "skills", body)).body.scopes;
    for (const scope of [
      { name: "mcp:tools", tier: "admin" },
      { name: "mcp:tools", tier: "User" },
      { name: "mcp:tools", tier: "" },
      { name: "mcp:tools", tier: null },
      { name: "mcp:tools", tier: 1 },
      { name: "mcp:tools", tier: ["user"] },
      { name: "mcp:tools", tiers: "user" },
      { name: "mcp:service", tier: "user" },
      { name: "mcp:service" },
      "mcp:service",
    ]) {
      const scopes = ["profile", scope];
      const created = await admin(service, "POST", "skills", { ...body, id: "another", client: {}, scopes });
      const changed = await admin(service, "PATCH", path, { name: "Changed", scopes });
      for (const { status, body: refused } of [created, changed]) {
        expect([scope, status, refused.code]).toEqual([scope, 400, "invalid_body"]);
        expect(refused.detail).toMatch(/scopes\[1\]/);
      }
    }
    expect((await admin(service, "GET", path)).body).toMatchObject({ name: body.name, scopes: before });
    expect(await countOf("skills")).toBe(1);
  });

  it("M1: one name in two tiers is a repeated scope", async () => {
    const scopes = [TOOLS, { ...TOOLS, tier: "service" }];
    expect((await made(startService(), { scopes })).body.detail).toContain("scopes: must not repeat");
  });

  it("M1: other types have one tier, and their scopes are shown without it", async () => {
    const service = startService();
    for (const scopes of [[SERVICE], ["profile", { name: "profile2", tier: "service" }]]) {
      const refused = await admin(service, "POST", "skills", { ...SKILL_BODY, scopes });
      expect([refused.status, refused.body.detail]).toEqual([400, expect.stringMatching(/^scopes: only an add_on/)]);
    }
    const plain = ["profile", { name: "devices:control", descriptions: { en: "Control" } }];
    const tiered = [
      { name: "profile", tier: "user" },
      { ...(plain[1] as object), tier: "user" },
    ];
    expect((await admin(service, "POST", "skills", { ...SKILL_BODY, scopes: tiered })).body.scopes).toEqual(plain);
    const changed = await admin(service, "PATCH", SKILL_PATH, { scopes: [SERVICE] });
    expect([changed.status, changed.body.detail]).toEqual([400, expect.stringMatching(/^scopes: only an add_on/)]);
  });

  it("M1: the scope links is reserved in both tiers", async () => {
    for (const tier of ["user", "service"]) {
      const refused = await made(startService(), { scopes: [{ name: "links", tier }] });
      expect([refused.status, refused.body.code]).toEqual([422, "scope_reserved"]);
    }
  });
});

describe("a skill that becomes an add-on, and back", () => {
  it("M1: it must get a resource, and loses what only add-ons have", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    const without = await admin(service, "PATCH", SKILL_PATH, { type: "add_on" });
    expect([without.status, without.body.detail]).toEqual([400, expect.stringContaining("resource: is required")]);
    const { resource } = ADD_ON_BODY;
    const addOn = await admin(service, "PATCH", SKILL_PATH, { type: "add_on", resource, serviceClient: {} });
    expect(addOn.body).toMatchObject({ type: "add_on", resource, client: { requirePkce: true } });
    expect(addOn.body.scopes).toEqual([
      { name: "profile", tier: "user", descriptions: {} },
      { name: "devices:control", tier: "user", descriptions: { en: "Control your devices" } },
      SERVICE,
    ]);

    const refused = await admin(service, "PATCH", SKILL_PATH, { type: "custom" });
    expect([refused.status, refused.body.code]).toEqual([400, "invalid_body"]);
    expect(refused.body.detail).toContain('send "resource": null');
    expect(refused.body.detail).toContain("send scopes without it");
    expect(refused.body.detail).toContain('send "serviceClient": null');
    for (const rest of [
      { scopes: ["profile"], serviceClient: null },
      { resource: null, serviceClient: null },
      { resource: null, scopes: ["profile"] },
      { resource: null, scopes: ["profile"], serviceClient: {} },
    ]) {
      expect((await admin(service, "PATCH", SKILL_PATH, { type: "custom", ...rest })).status).toBe(400);
    }
    const back = { type: "custom", resource: null, scopes: ["profile"], serviceClient: null };
    const custom = await admin(service, "PATCH", SKILL_PATH, back);
    expect(custom.status).toBe(200);
    expect(custom.body).toMatchObject({ type: "custom", resource: null, scopes: ["profile"], serviceClient: null });
    expect(await idsOf("add_on_service")).toEqual([]);
  });

  it("M1: a second client that is added meanwhile does not outlive the type", async () => {
    const service = startService();
    await made(service);
    service.meter.faults.push({
      when: ({ sql }) => sql.includes("UPDATE skills"),
      meanwhile: () => change(startService(), { serviceClient: {} }),
      times: 1,
    });
    const custom = await change(service, { type: "custom", resource: null, scopes: ["profile"] });
    expect([custom.status, custom.body.serviceClient]).toEqual([200, null]);
    expect(await idsOf("add_on_service")).toEqual([]);
  });
});

describe("documents for Amazon", () => {
  it("M1: the protected resource metadata is exactly what the MCP server publishes", async () => {
    const service = startService();
    await made(service);
    const response = await admin(service, "GET", `${ADD_ON_PATH}/protected-resource`);
    expect([response.status, response.body]).toEqual([
      200,
      {
        resource: ADD_ON_BODY.resource,
        authorization_servers: [ISSUER],
        scopes_supported: ["mcp:tools", "mcp:resources"],
        bearer_methods_supported: ["header"],
      },
    ]);
    const resource = "https://MCP.example.com:443/a%2fb/";
    await change(service, { resource, scopes: [SERVICE] });
    const changed = await admin(service, "GET", `${ADD_ON_PATH}/protected-resource`);
    expect(changed.body).toMatchObject({ resource, scopes_supported: [] });
  });

  it("M1: a skill without a resource has none", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    const none = await admin(service, "GET", `${SKILL_PATH}/protected-resource`);
    expect([none.status, none.body.code]).toEqual([404, "not_found"]);
    expect(none.body.detail).toContain("no resource");
    for (const id of ["none", "%E0%A4%A", "a'--", `${SKILL_BODY.id}%00`, "x".repeat(4000)]) {
      const unknown = await admin(service, "GET", `skills/${id}/protected-resource`);
      expect([unknown.status, unknown.body.code]).toEqual([404, "skill_not_found"]);
    }
    const closed = await admin(service, "GET", `${SKILL_PATH}/protected-resource`, undefined, { token: null });
    expect(closed.status).toBe(401);
  });

  it("the account linking request has the scopes of the user tier", async () => {
    const service = startService();
    await made(service, { serviceClient: {} });
    const response = await admin(service, "GET", `${ADD_ON_PATH}/account-linking-request`);
    expect(response.body.accountLinkingRequest).toMatchObject({
      clientId: "alexa-acme-notes",
      scopes: ["mcp:tools", "mcp:resources"],
      pkceConfiguration: { status: "ENABLED", codeChallengeMethod: "S256" },
    });
  });
});
