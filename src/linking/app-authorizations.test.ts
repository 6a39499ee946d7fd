// Linking that starts in the Alexa app, with consent in the company's app.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { DEMO, seedAccount } from "../../test/support/accounts.ts";
import { appBearer } from "../../test/support/app-bearer.ts";
import {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  APP_CLIENT,
  APP_REDIRECT_URI,
  challengeOf,
  exchange,
  SERVICE_CLIENT,
  seedAppAndService,
  seedSkill,
} from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";

const STATE = "eyJh%3D%2B~%2f";
const QUERY = `client_id=${ALEXA_CLIENT}&response_type=code&scope=profile&state=${STATE}&redirect_uri=${encodeURIComponent(ALEXA_REDIRECT_URIS[1] ?? "")}`;

let service: Service;
let bearer: string;

beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAppAndService();
  await seedAccount(service, DEMO);
  bearer = await appBearer(service, DEMO);
});

async function post(body: unknown, token = bearer): Promise<{ status: number; json: Record<string, string> }> {
  const response = await service.request("/api/authorizations", {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, json: (await response.json()) as Record<string, string> };
}

describe("POST /api/authorizations", () => {
  it("L6: describes the request, then returns the redirect with code, state and source=app", async () => {
    const asked = await post({ query: QUERY });
    expect(asked.status).toBe(200);
    expect(asked.json).toMatchObject({ skillName: "Acme Home", account: DEMO.email });
    expect(asked.json.scopes).toEqual([{ name: "profile", description: "What profile allows" }]);
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM codes").first("n")).toBe(1);
    const decided = await post({ query: QUERY, ticket: asked.json.ticket, decision: "allow" });
    const { redirectTo = "" } = decided.json;
    expect(redirectTo).toMatch(
      /^https:\/\/layla\.amazon\.com\/api\/skill\/link\/M0TESTVENDOR00\?code=c0[\w-]{43}&state=/,
    );
    expect(redirectTo.endsWith(`&state=${STATE}&source=app`)).toBe(true);
    const again = await post({ query: QUERY, ticket: asked.json.ticket, decision: "deny" });
    expect(again.json.redirectTo).toBe(redirectTo);
    const code = /code=([^&]+)/.exec(redirectTo)?.[1] ?? "";
    const tokens = await service.request("/token", exchange(code, { redirect_uri: ALEXA_REDIRECT_URIS[1] }));
    expect(tokens.status).toBe(200);
    const flow = await env.DB.prepare(
      "SELECT flow FROM attempts WHERE flow = 'app_authorize' AND outcome = 'linked'",
    ).first("flow");
    expect(flow).toBe("app_authorize");
  });

  it("over the person's limit both decisions get 429, and nothing is written", async () => {
    const { json } = await post({ query: QUERY });
    const keys = new Set<string>();
    Object.assign(service.env, {
      USER_LIMIT: { limit: async ({ key }: { key: string }) => ({ success: keys.add(key).size === 0 }) },
    });
    for (const decision of ["allow", "deny"]) {
      const refused = await post({ query: QUERY, ticket: json.ticket, decision });
      expect([refused.status, refused.json.code]).toEqual([429, "too_many_requests"]);
    }
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM attempts WHERE flow = 'app_authorize'").first("n")).toBe(0);
    expect(keys.size).toBe(1);
  });

  it("L6: a denial returns to Alexa too", async () => {
    const { json } = await post({ query: QUERY });
    const decided = await post({ query: QUERY, ticket: json.ticket, decision: "deny" });
    expect(decided.json.redirectTo).toBe(`${ALEXA_REDIRECT_URIS[1]}?error=access_denied&state=${STATE}&source=app`);
  });

  it("S6: the code requires the verifier of the authorization request", async () => {
    const verifier = "exampleVerifier-0123456789-abcdefghijklmnopqrstuvwxyz";
    const query = `${QUERY}&code_challenge=${await challengeOf(verifier)}&code_challenge_method=S256`;
    const { json } = await post({ query });
    const { redirectTo = "" } = (await post({ query, ticket: json.ticket, decision: "allow" })).json;
    const code = /code=([^&]+)/.exec(redirectTo)?.[1] ?? "";
    const fields = { redirect_uri: ALEXA_REDIRECT_URIS[1] };
    expect((await service.request("/token", exchange(code, fields))).status).toBe(400);
    expect((await service.request("/token", exchange(code, { ...fields, code_verifier: verifier }))).status).toBe(200);
  });

  it("an invalid scope is returned to Alexa at once", async () => {
    const { status, json } = await post({ query: QUERY.replace("scope=profile", "scope=admin") });
    expect(status).toBe(200);
    expect(json.redirectTo).toMatch(/\?error=invalid_scope&.*&source=app$/);
  });

  it("S2: a ticket is valid for its user and query only, and for ten minutes", async () => {
    const other = { ...DEMO, email: "other@example.com" };
    await seedAccount(service, other);
    const otherBearer = await appBearer(service, other);
    const { ticket } = (await post({ query: QUERY })).json;
    const decide = (query: string, token: string) => post({ query, ticket, decision: "allow" }, token);
    expect((await decide(QUERY, otherBearer)).json.code).toBe("invalid_ticket");
    expect((await decide(`${QUERY}&x=1`, bearer)).json.code).toBe("invalid_ticket");
    expect((await post({ query: QUERY, ticket: `${ticket}x`, decision: "allow" })).json.code).toBe("invalid_ticket");
    service.clock.advance(10 * 60_000);
    expect((await decide(QUERY, bearer)).json.code).toBe("invalid_ticket");
  });

  it("a user who was deleted before the decision gets 401", async () => {
    const { ticket } = (await post({ query: QUERY })).json;
    await env.DB.prepare("DELETE FROM users").run();
    expect((await post({ query: QUERY, ticket, decision: "allow" })).status).toBe(401);
  });

  it.each([
    ["client_unknown", QUERY.replace(ALEXA_CLIENT, "nobody")],
    ["client_unknown", QUERY.replace("client_id", "x")],
    ["redirect_uri_unregistered", QUERY.replace("layla", "evil")],
    ["redirect_uri_unregistered", QUERY.replace("redirect_uri", "x")],
    ["invalid_body", `${QUERY}&state=2`],
    ["invalid_body", QUERY.replace(STATE, "x".repeat(8193))],
    ["invalid_body", QUERY.replace(STATE, "\u00e4")],
  ])("B4: %s is a 400 problem", async (code, query) => {
    const { status, json } = await post({ query });
    expect([status, json.code]).toEqual([400, code]);
  });

  it("B3: accepts a query of 16 KB and refuses a longer one", async () => {
    const filled = `${QUERY}&x=`.padEnd(16 * 1024, "y");
    const { status, json } = await post({ query: filled });
    expect([status, json.account]).toEqual([200, DEMO.email]);
    expect((await post({ query: `${filled}y` })).status).toBe(400);
    expect((await service.request(`/authorize?${filled}`)).status).toBe(200);
  });

  it("refuses clients other than Alexa's", async () => {
    const query = `client_id=${APP_CLIENT}&response_type=code&redirect_uri=${encodeURIComponent(APP_REDIRECT_URI)}&code_challenge=${"a".repeat(43)}&code_challenge_method=S256`;
    expect((await post({ query })).json.code).toBe("client_unknown");
    const asService = QUERY.replace(ALEXA_CLIENT, SERVICE_CLIENT);
    expect((await post({ query: asService })).json.code).toBe("client_unknown");
  });

  it.each([
    ["{", 400],
    ["[]", 400],
    [{}, 400],
    [{ query: 1 }, 400],
    [{ query: "" }, 400],
    [{ query: QUERY, decision: "allow" }, 400],
    [{ query: QUERY, ticket: "x" }, 400],
    [{ query: QUERY, ticket: "x", decision: "maybe" }, 400],
    [{ query: QUERY, more: true }, 400],
    [JSON.stringify({ query: "x".repeat(70_000) }), 413],
  ])("the body %j gets %i", async (body, status) => {
    expect((await post(body)).status).toBe(status);
  });

  it("401 without an access token, 405 for another method", async () => {
    expect((await service.request("/api/authorizations", { method: "POST", body: "{}" })).status).toBe(401);
    const wrong = await service.request("/api/authorizations");
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "POST"]);
  });
});
