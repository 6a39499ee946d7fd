// A read-only operator of Cloudflare Access at every page and every form of the console.
import { env } from "cloudflare:workers";
import { Hono } from "hono/tiny";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { admin, SKILL_BODY } from "../../test/support/admin.ts";
import { ADMIN_TOKEN, type Service, startService } from "../../test/support/service.ts";
import { addUser } from "../../test/support/users.ts";
import { visit } from "../../test/support/visitor.ts";
import type { AppEnv } from "../runtime.ts";
import { consoleRoutes } from "./console/routes.ts";

const TEAM = "https://acme.cloudflareaccess.com";
const AUD = "f".repeat(64);
const READER = "eve@example.com";

let service: Service;
let reader: ReturnType<typeof visit>;

beforeEach(async () => {
  const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
  const key = { ...(await exportJWK(publicKey)), kid: "k1", alg: "RS256", use: "sig" };
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json({ keys: [key] }));
  service = startService({
    ACCESS_TEAM_DOMAIN: "acme.cloudflareaccess.com",
    ACCESS_AUD: AUD,
    ACCESS_ADMINS: "ada@example.com",
  });
  const now = Math.floor(service.clock.now / 1000);
  reader = visit(service);
  reader.headers["cf-access-jwt-assertion"] = await new SignJWT({ email: READER, type: "app" })
    .setProtectedHeader({ alg: "RS256", kid: "k1", typ: "JWT" })
    .setIssuer(TEAM)
    .setAudience(AUD)
    .setIssuedAt(now)
    .setExpirationTime(now + 3600)
    .sign(privateKey);
});
afterEach(() => vi.restoreAllMocks());

/** One skill, one client and one customer, and what must never be shown. */
async function seed(): Promise<{ ids: Record<string, string>; secrets: string[] }> {
  const skill = await admin(service, "POST", "skills", SKILL_BODY);
  const app = { kind: "service", name: "Backend", skillIds: [SKILL_BODY.id] };
  const client = await admin(service, "POST", "clients", app);
  await admin(service, "POST", "developer-token", {
    clientId: "amzn1.application-oa2-client.developer",
    clientSecret: "example-developer-secret",
    refreshToken: "Atzr|example-developer",
  });
  const ids = {
    skills: SKILL_BODY.id,
    clients: String(client.body.id),
    customers: await addUser(service),
    attempts: "none",
  };
  const { secret } = skill.body.client as { secret: string };
  const ours = [secret, String(client.body.secret), ADMIN_TOKEN, String(service.env.MASTER_KEY)];
  const amazons = [
    SKILL_BODY.lwa.clientSecret,
    SKILL_BODY.eventGateway.clientSecret,
    "example-developer-secret",
    "Atzr|",
  ];
  return { ids, secrets: [...ours, ...amazons] };
}

function pathsOf(method: string, ids: Record<string, string>): string[] {
  const app = new Hono<AppEnv>();
  consoleRoutes(app);
  const routes = app.routes.filter((route) => route.method === method && !route.path.includes("*"));
  const paths = routes.map(({ path }) => path.replace(/:id/, encodeURIComponent(ids[path.split("/")[2] ?? ""] ?? "x")));
  return [...new Set(paths)].filter((path) => !["/admin/session", "/admin/sign-out", "/admin/live.js"].includes(path));
}

const contentOf = async (table: string) =>
  JSON.stringify((await env.DB.prepare(`SELECT * FROM ${table}`).all()).results);

it("S22: sees every page, without a form that changes something and without a secret", async () => {
  const { ids, secrets } = await seed();
  const paths = pathsOf("GET", ids);
  expect(paths.length).toBeGreaterThan(15);
  for (const path of paths) {
    const { status, html } = await reader.get(path);
    expect([path, [200, 303, 404].includes(status)]).toEqual([path, true]);
    expect([path, html.match(/<form method="post" action="(?!\/admin\/sign-out")[^"]*"/g) ?? []]).toEqual([path, []]);
    expect([path, secrets.filter((secret) => html.includes(secret))]).toEqual([path, []]);
  }
});

it("S22: changes nothing by any form, also not by one that says that it is confirmed", async () => {
  const { ids } = await seed();
  const tables = ["skills", "clients", "users", "grants", "signing_keys", "audit", "developer_token", "webhook_outbox"];
  const before = await Promise.all(tables.map(contentOf));
  const paths = pathsOf("POST", ids);
  expect(paths.length).toBeGreaterThan(15);
  for (const path of paths) {
    const { status, html } = await reader.post(path, { confirmed: "yes", name: "Changed", form: "x" });
    expect([path, status, html.includes("Your role is read-only")]).toEqual([path, 403, true]);
  }
  expect(await Promise.all(tables.map(contentOf))).toEqual(before);
});
