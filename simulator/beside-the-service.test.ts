// The simulator as a Worker of its own that receives every outbound request of the real service.
import { env, exports } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import type { Check } from "./library/checks.ts";

const SERVICE = "http://localhost:8787";
const SIMULATOR = "http://127.0.0.1:8788";
const SKILL_ID = "amzn1.ask.skill.0000-beside";
const VENDOR = "M0BESIDEVENDOR";
const USER = { email: "beside@example.com", password: "beside-password-1", name: "Beside" };

async function admin(path: string, body: unknown): Promise<Record<string, unknown>> {
  const headers = { authorization: `Bearer ${env.ADMIN_TOKEN}`, "content-type": "application/json" };
  const request = new Request(`${SERVICE}/api/admin${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  const response = await exports.default.fetch(request);
  if (response.status !== 201) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

async function simulator<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(SIMULATOR + path, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return (text === "" ? {} : JSON.parse(text)) as T;
}

function run(order: Record<string, unknown>) {
  const signIn = { email: USER.email, password: USER.password };
  return simulator<{ ok: boolean; checks: Check[] }>("POST", "/simulator/run", { skillId: SKILL_ID, signIn, ...order });
}

beforeEach(async () => {
  const lwa = { clientId: "amzn1.application-oa2-client.beside", clientSecret: "example-lwa-secret" };
  const made = await admin("/skills", {
    id: SKILL_ID,
    name: "Acme Home",
    type: "smart_home",
    stage: "development",
    vendorId: VENDOR,
    extraRedirectUris: ["pitangui", "layla", "japan"].map((host) => `${SIMULATOR}/${host}/api/skill/link/${VENDOR}`),
    scopes: ["profile"],
    returnUrls: [`${SIMULATOR}/company/done`, `${SIMULATOR}/company/app/return`],
    lwa,
  });
  await admin("/users", USER);
  const client = made.client as { id: string; secret: string };
  await simulator("POST", "/simulator/reset", { skills: true });
  await simulator("PUT", "/simulator/skill", {
    skillId: SKILL_ID,
    stage: "development",
    name: "Acme Home",
    authorizationUrl: `${SERVICE}/authorize`,
    tokenUrl: `${SERVICE}/token`,
    clientId: client.id,
    clientSecret: client.secret,
    scopes: ["profile"],
    pkce: true,
    vendorId: VENDOR,
    lwa,
    redirectUrls: [`${SERVICE}/link/callback`, `${SERVICE}/app/callback`],
  });
});

describe("the simulator beside the real service", () => {
  it("V8: links for all three regions, and refreshes twenty times at once", async () => {
    for (const account of ["nora", "emil", "fumi"]) {
      const { ok, checks } = await run({ scenario: "authorize", account });
      expect(checks.filter((check) => !check.ok)).toEqual([]);
      expect(ok).toBe(true);
    }
    expect(await run({ scenario: "refresh", count: 20 })).toMatchObject({ ok: true });
  });

  it("V8: the service passes every conformance check", { timeout: 60_000 }, async () => {
    const { checks } = await run({ scenario: "conformance" });
    expect(checks.filter((check) => !check.ok)).toEqual([]);
    expect(checks.length).toBeGreaterThan(50);
  });

  it("serves Amazon's real URLs", async () => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const token = await fetch("https://api.amazon.com/auth/o2/token", {
      method: "POST",
      headers,
      body: "grant_type=x",
    });
    expect([token.status, await token.json()]).toEqual([401, expect.objectContaining({ error: "invalid_client" })]);
    const path = `/v1/users/~current/skills/${SKILL_ID}/enablement`;
    const status = await fetch(`https://api.fe.amazonalexa.com${path}`, {
      headers: { authorization: "Bearer Atza|none" },
    });
    expect(status.status).toBe(401);
    await status.body?.cancel();
  });
});
