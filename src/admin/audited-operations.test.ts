// Every operation of the admin API that changes something, or takes customers' data away, leaves an audit row that
// names the operator. The operations come from the API's description, so that a new one cannot be forgotten.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openApiDocument } from "../../openapi/document.ts";
import { ADD_ON_BODY, ADD_ON_PATH, admin, SKILL_BODY, SKILL_PATH } from "../../test/support/admin.ts";
import { rows } from "../../test/support/app-user.ts";
import { SERVICE_CLIENT, seedAppAndService, seedSkill } from "../../test/support/seeds.ts";
import { ADMIN_TOKEN, type Service, startService } from "../../test/support/service.ts";
import { grantIdOf, linkAlexa } from "../../test/support/tokens.ts";
import { addUser, EMAIL, PASSWORD } from "../../test/support/users.ts";
import { visit } from "../../test/support/visitor.ts";

const operations = Object.entries(openApiDocument().paths).flatMap(([path, methods]) =>
  Object.entries(methods)
    .filter(([, operation]) => operation.security?.some((one) => "adminToken" in one))
    .map(([method]) => `${method.toUpperCase()} ${path}`),
);

/** They only read, and not everything at once. */
const READING = [
  "GET /api/admin/skills",
  "GET /api/admin/skills/{id}",
  "GET /api/admin/skills/{id}/account-linking-request",
  "GET /api/admin/skills/{id}/protected-resource",
  "GET /api/admin/developer-token",
  "GET /api/admin/clients",
  "GET /api/admin/clients/{id}",
  "GET /api/admin/users",
  "GET /api/admin/users/{id}",
  "GET /api/admin/users/{id}/links",
  "GET /api/admin/users/{id}/links/{grantId}",
  "GET /api/admin/users/{id}/logins",
  "GET /api/admin/linkings",
  "GET /api/admin/refusals",
  "GET /api/admin/alerts",
  "GET /api/admin/audit",
  "GET /api/admin/metrics",
  "GET /api/admin/keys",
  "GET /api/admin/webhooks",
  "GET /metrics",
];

interface World {
  readonly service: Service;
  readonly userId: string;
  readonly grantId: string;
  readonly loginId: string;
}
const userOf = ({ userId }: World) => `users/${userId}`;
const LINK = (world: World) => ({
  items: [{ skillId: SKILL_BODY.id, user: { id: world.userId }, refreshTokenSha256: "ab".repeat(32) }],
});

interface Act {
  /** Of the audit rows that it leaves, in their order. */
  readonly kinds: readonly string[];
  readonly path: string | ((world: World) => string | Promise<string>);
  readonly body?: object | ((world: World) => object);
}

const DEVELOPER = { clientId: "developer", clientSecret: "fake-secret", refreshToken: "Atzr|fake" };
const skill = (path: string) => `${SKILL_PATH}${path}`;
const ACTS: Readonly<Record<string, Act>> = {
  "POST /api/admin/skills": {
    kinds: ["skill_created", "client_created"],
    path: "skills",
    body: { ...ADD_ON_BODY, serviceClient: {} },
  },
  "PATCH /api/admin/skills/{id}": { kinds: ["skill_changed"], path: skill(""), body: { name: "Other" } },
  "DELETE /api/admin/skills/{id}": { kinds: ["skill_deleted"], path: skill("") },
  "POST /api/admin/skills/{id}/rotate-secret": { kinds: ["client_secret_rotated"], path: skill("/rotate-secret") },
  "POST /api/admin/developer-token": {
    kinds: ["developer_token_stored"],
    path: "developer-token",
    body: DEVELOPER,
  },
  "DELETE /api/admin/developer-token": {
    kinds: ["developer_token_stored", "developer_token_deleted"],
    path: async ({ service }) => {
      await admin(service, "POST", "developer-token", DEVELOPER);
      return "developer-token";
    },
  },
  "POST /api/admin/clients": {
    kinds: ["client_created"],
    path: "clients",
    body: { kind: "service", name: "Backend", redirectUris: [], skillIds: [] },
  },
  "PATCH /api/admin/clients/{id}": {
    kinds: ["client_changed"],
    path: `clients/${SERVICE_CLIENT}`,
    body: { name: "Other" },
  },
  "DELETE /api/admin/clients/{id}": { kinds: ["client_deleted"], path: `clients/${SERVICE_CLIENT}` },
  "POST /api/admin/clients/{id}/rotate-secret": {
    kinds: ["client_secret_rotated"],
    path: `clients/${SERVICE_CLIENT}/rotate-secret`,
  },
  "POST /api/admin/users": {
    kinds: ["user_created"],
    path: "users",
    body: { email: "eve@example.com", password: "correct-horse-2" },
  },
  "PATCH /api/admin/users/{id}": { kinds: ["user_changed"], path: userOf, body: { name: "Other" } },
  "DELETE /api/admin/users/{id}": { kinds: ["user_deleted", "grant_revoked"], path: userOf },
  "POST /api/admin/users/{id}/erase": {
    kinds: ["user_deleted", "grant_revoked"],
    path: (world) => `${userOf(world)}/erase`,
  },
  "DELETE /api/admin/users/{id}/links": { kinds: ["grant_revoked"], path: (world) => `${userOf(world)}/links` },
  "DELETE /api/admin/users/{id}/links/{grantId}": {
    kinds: ["grant_revoked"],
    path: (world) => `${userOf(world)}/links/${world.grantId}`,
  },
  "DELETE /api/admin/users/{id}/logins/{loginId}": {
    kinds: ["login_ended"],
    path: (world) => `${userOf(world)}/logins/${world.loginId}`,
  },
  "POST /api/admin/users/{id}/sign-out": { kinds: ["logins_ended"], path: (world) => `${userOf(world)}/sign-out` },
  "POST /api/admin/imports": { kinds: ["grant_imported"], path: "imports", body: LINK },
  "POST /api/admin/imports/users": {
    kinds: ["users_imported"],
    path: "imports/users",
    body: { items: [{ email: "eve@example.com" }, { email: "bob@example.com" }] },
  },
  "GET /api/admin/exports/users": { kinds: ["users_exported"], path: "exports/users" },
  "GET /api/admin/exports/links": { kinds: ["links_exported"], path: "exports/links" },
  "POST /api/admin/keys/rotate": { kinds: ["signing_key_rotated"], path: "keys/rotate" },
  "POST /api/admin/maintenance": { kinds: ["maintenance_run"], path: "maintenance" },
  "POST /api/admin/webhooks/redeliver": {
    kinds: ["webhooks_redelivered"],
    path: async () => {
      await env.DB.prepare("UPDATE webhook_outbox SET next_attempt_at = 8640000000000000").run();
      return "webhooks/redeliver";
    },
  },
};

let world: World;

beforeEach(async () => {
  // Login with Amazon and the receiver of webhooks are out of reach.
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(null, { status: 503 }));
  const service = startService({
    WEBHOOK_URL: "https://hooks.example.com/",
    WEBHOOK_SECRET: `whsec_${btoa("obviously-fake-webhook-key-00000")}`,
  });
  await admin(service, "POST", "skills", SKILL_BODY);
  await seedSkill();
  await seedAppAndService();
  const userId = await addUser(service);
  const visitor = visit(service);
  await visitor.signIn(EMAIL, PASSWORD);
  const [login] = await rows<{ id: string }>("SELECT id FROM sessions");
  const tokens = await linkAlexa(service, { userId });
  world = { service, userId, grantId: grantIdOf(tokens.refresh_token), loginId: login?.id ?? "" };
});

afterEach(() => {
  vi.restoreAllMocks();
});

const newest = () => rows<{ id: number }>("SELECT id FROM audit ORDER BY id DESC LIMIT 1");
const rowsSince = (id: number) =>
  rows<{ kind: string; actor: string | null }>("SELECT kind, actor FROM audit WHERE id > ? ORDER BY id", id);

async function perform(operation: string): Promise<number> {
  const { path, body } = ACTS[operation] ?? { path: "" };
  const response = await admin(
    world.service,
    operation.split(" ")[0] ?? "",
    typeof path === "string" ? path : await path(world),
    typeof body === "function" ? body(world) : body,
  );
  return response.status;
}

describe("the audit", () => {
  it("knows every operation of the API", () => {
    expect(operations.length).toBeGreaterThan(35);
    const known = [...READING, ...Object.keys(ACTS)];
    expect(operations.filter((one) => !known.includes(one))).toEqual([]);
    expect(Object.keys(ACTS).filter((one) => !operations.includes(one))).toEqual([]);
  });

  it.each(Object.entries(ACTS))("O11: names the operator of %s", async (operation, { kinds }) => {
    const [before] = await newest();
    expect(await perform(operation)).toBeLessThan(300);
    expect(await rowsSince(before?.id ?? 0)).toEqual(kinds.map((kind) => ({ kind, actor: "ADMIN_TOKEN" })));
  });

  it("names the operator who dropped a key, removed a service client, or took password hashes", async () => {
    const { service } = world;
    const keys = (await admin(service, "GET", "keys")).body.items as { kid: string }[];
    await admin(service, "POST", "skills", { ...ADD_ON_BODY, serviceClient: {} });
    const [before] = await newest();
    await admin(service, "POST", "keys/rotate", { compromised: keys[0]?.kid });
    await admin(service, "PATCH", ADD_ON_PATH, { serviceClient: null });
    await admin(service, "GET", "exports/users?passwordHashes=true");
    expect(await rowsSince(before?.id ?? 0)).toEqual(
      ["signing_key_dropped", "skill_changed", "client_deleted", "password_hashes_exported"].map((kind) => ({
        kind,
        actor: "ADMIN_TOKEN",
      })),
    );
  });

  it("has no row of an operation that changed nothing", async () => {
    const { service, userId } = world;
    const [before] = await newest();
    await admin(service, "POST", "keys/rotate");
    const [rotated] = await newest();
    expect(rotated?.id).toBeGreaterThan(before?.id ?? 0);
    await admin(service, "POST", "keys/rotate");
    await admin(service, "POST", "users", { email: EMAIL, password: PASSWORD });
    await admin(service, "POST", "imports/users", { items: [{ email: EMAIL }] });
    await admin(service, "DELETE", `users/${userId}/links/unknown`);
    await admin(service, "POST", "users/unknown/sign-out");
    await admin(service, "DELETE", "clients/unknown");
    expect(await rowsSince(rotated?.id ?? 0)).toEqual([]);
  });

  it("names nobody for what customers do themselves", async () => {
    const visitor = visit(world.service);
    await visitor.signIn(EMAIL, PASSWORD);
    const [before] = await newest();
    const account = await visitor.get("/account");
    await visitor.post("/sign-out/everywhere", account.hidden("/sign-out/everywhere"));
    expect(await rowsSince(before?.id ?? 0)).toEqual([{ kind: "logins_ended", actor: null }]);
  });

  it("shows the operator, and no operator in the customer's own copy", async () => {
    const { service, userId } = world;
    await admin(service, "PATCH", `users/${userId}`, { name: "Other" });
    const { body } = await admin(service, "GET", `audit?userId=${userId}&limit=1`);
    expect(body.items).toMatchObject([{ kind: "user_changed", actor: "ADMIN_TOKEN", details: "name" }]);
    const visitor = visit(service);
    await visitor.signIn(EMAIL, PASSWORD);
    expect((await visitor.get("/account/data")).html).not.toContain("ADMIN_TOKEN");
  });
});

describe("the console", () => {
  it("leaves a row for an operator's sign-in, for their sign-out, and none for a wrong token", async () => {
    const visitor = visit(world.service);
    const [before] = await newest();
    const signIn = async (token: string) =>
      visitor.post("/admin/session", { ...(await visitor.get("/admin")).hidden("/admin/session"), token });
    expect((await signIn("wrong")).status).toBe(401);
    expect((await signIn(ADMIN_TOKEN)).status).toBe(303);
    const page = await visitor.get("/admin");
    expect((await visitor.post("/admin/sign-out", page.hidden("/admin/sign-out"))).status).toBe(303);
    expect(await rowsSince(before?.id ?? 0)).toEqual(
      ["operator_signed_in", "operator_signed_out"].map((kind) => ({ kind, actor: "ADMIN_TOKEN" })),
    );
  });
});
