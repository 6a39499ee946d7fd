// /api/event-gateway/token: Amazon's token for a skill's backend, refreshed before it expires.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { asBackend, directive, seedGatewayCredentials, startLwa } from "../../test/support/gateway.ts";
import { runtimeOf } from "../../test/support/runtime.ts";
import {
  basic,
  json,
  SERVICE_CLIENT,
  SERVICE_SECRET,
  SKILL_ID,
  seedAppAndService,
  seedSkill,
  seedUser,
  type TokenResponse,
} from "../../test/support/seeds.ts";
import { type Service, START, startService } from "../../test/support/service.ts";
import { link } from "../../test/support/skill-events.ts";
import { gatewayToken } from "../amazon/held-token.ts";
import { storeCodeTokens } from "../storage/amazon/held-tokens.ts";

const USER = "0useraaaaaaaaaaaaaaaaaaaaa";
const MINUTE_MS = 60_000;

let service: Service;
let lwa: ReturnType<typeof startLwa>;
let tokens: TokenResponse;
let grantId: string;

interface Given {
  readonly accessToken: string;
  readonly expiresAt: string;
  readonly endpoint: string;
}

beforeEach(async () => {
  service = startService();
  lwa = startLwa();
  await seedSkill();
  await seedAppAndService();
  await seedUser();
  await seedGatewayCredentials(service);
  ({ tokens, grantId } = await link(service));
});
afterEach(() => vi.restoreAllMocks());

async function accept(token = tokens.access_token, region = "EU"): Promise<void> {
  const response = await service.request(
    `/alexa/accept-grant?region=${region}`,
    asBackend(directive(lwa.code(), token)),
  );
  expect(await response.text()).toContain("AcceptGrant.Response");
}
function ask(body: unknown, method = "POST", authorization?: string): Promise<Response> {
  return service.request("/api/event-gateway/token", asBackend(body, authorization, method));
}
async function given(body: unknown): Promise<Given> {
  const response = await ask(body);
  expect(response.status).toBe(200);
  return json<Given>(response);
}
async function problemOf(response: Response): Promise<{ status: number; code: string }> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  return json(response);
}
function refreshes(): number {
  return lwa.seen.filter(({ fields }) => fields.grant_type === "refresh_token").length;
}

describe("a token for the event gateway", () => {
  it("is found by the customer's access token, by user, by user and skill, and by grant", async () => {
    await accept();
    const expected = {
      accessToken: "Atza|fake-1",
      expiresAt: new Date(START + 3600_000).toISOString(),
      endpoint: "https://api.eu.amazonalexa.com/v3/events",
    };
    for (const body of [
      { accessToken: tokens.access_token },
      { userId: USER },
      { userId: USER, skillId: SKILL_ID },
      { grantId },
    ]) {
      expect(await given(body)).toEqual(expected);
    }
    expect(refreshes()).toBe(0);
  });

  it.each([
    ["NA", "https://api.amazonalexa.com/v3/events"],
    ["FE", "https://api.fe.amazonalexa.com/v3/events"],
  ])("names the public gateway of %s, whatever hosts are configured", async (region, endpoint) => {
    service = startService({ ALEXA_API_HOSTS: "na.example.com,eu.example.com,fe.example.com" });
    await accept(tokens.access_token, region);
    expect((await given({ userId: USER })).endpoint).toBe(endpoint);
  });

  it("two links of a user have their own tokens, and a lookup by user returns the newest", async () => {
    await accept();
    service.clock.advance(1000);
    const second = await link(service);
    await accept(second.tokens.access_token, "NA");
    expect((await given({ grantId })).accessToken).toBe("Atza|fake-1");
    expect((await given({ accessToken: second.tokens.access_token })).accessToken).toBe("Atza|fake-2");
    expect((await given({ userId: USER })).accessToken).toBe("Atza|fake-2");
  });

  it("is refreshed from five minutes before its expiry, and the new refresh token is stored", async () => {
    await accept();
    service.clock.advance(55 * MINUTE_MS - 1);
    expect((await given({ userId: USER })).accessToken).toBe("Atza|fake-1");
    service.clock.advance(1);
    const fresh = await given({ userId: USER });
    expect(fresh).toMatchObject({
      accessToken: "Atza|fake-2",
      expiresAt: new Date(service.clock.now + 3600_000).toISOString(),
    });
    expect(lwa.seen[1]?.fields).toMatchObject({ grant_type: "refresh_token", refresh_token: "Atzr|fake-1" });
    service.clock.advance(60 * MINUTE_MS);
    await given({ userId: USER });
    expect(lwa.seen[2]?.fields).toMatchObject({ refresh_token: "Atzr|fake-2" });
  });

  it("20 isolates that refresh at once all return the one set of tokens that is stored", async () => {
    await accept();
    service.clock.advance(60 * MINUTE_MS);
    lwa.delayMs = 50;
    const isolates = await Promise.all(Array.from({ length: 20 }, () => runtimeOf(service)));
    const all = await Promise.all(
      isolates.map((rt) => gatewayToken(rt, "event_gateway", { userId: USER }, [SKILL_ID])),
    );
    const stored = await given({ userId: USER });
    expect(all.map((token) => token.outcome === "fresh" && token.accessToken)).toEqual(
      Array(20).fill(stored.accessToken),
    );
  });

  it("takes at most one storage round trip while it is fresh", async () => {
    await accept();
    await given({ userId: USER });
    service.meter.clear();
    await given({ userId: USER });
    await given({ accessToken: tokens.access_token });
    expect(service.meter.calls().length).toBeLessThanOrEqual(2);
  });

  it("its queries use indexes", async () => {
    await accept();
    service.meter.clear();
    await given({ userId: USER, skillId: SKILL_ID });
    await given({ grantId });
    expect(service.meter.roundTrips.length).toBeGreaterThan(1);
    for (const { sql } of service.meter.roundTrips) {
      const count = sql.split("?").length - 1;
      const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .bind(...Array.from({ length: count }, () => "[]"))
        .all<{ detail: string }>();
      const scans = plan.results.map(({ detail }) => detail).filter((detail) => /^SCAN (?!json_each)/.test(detail));
      expect(scans).toEqual([]);
    }
  });
});

describe("requests without a token to return", () => {
  it("404 when there is no token, or the user or the skill is unknown", async () => {
    for (const body of [{ userId: USER }, { userId: "nobody" }, { userId: USER, skillId: "other" }, { grantId: "x" }]) {
      expect(await problemOf(await ask(body))).toMatchObject({ status: 404, code: "grant_not_found" });
    }
  });

  it("404 for an access token that is foreign or expired, and for a revoked link", async () => {
    await accept();
    expect(await problemOf(await ask({ accessToken: "Atza|x" }))).toMatchObject({ code: "grant_not_found" });
    service.clock.advance(3601_000);
    expect(await problemOf(await ask({ accessToken: tokens.access_token }))).toMatchObject({ status: 404 });
    expect((await ask({ userId: USER })).status).toBe(200);
    await env.DB.prepare("UPDATE grants SET revoked_at = 1").run();
    expect(await problemOf(await ask({ userId: USER }))).toMatchObject({ status: 404, code: "grant_not_found" });
  });

  it("404 for another client's skill", async () => {
    await accept();
    await env.DB.prepare("UPDATE clients SET skill_ids = '[]' WHERE id = ?").bind(SERVICE_CLIENT).run();
    service.clock.advance(61_000);
    for (const body of [{ userId: USER }, { grantId }, { accessToken: tokens.access_token }]) {
      expect(await problemOf(await ask(body))).toMatchObject({ status: 404, code: "grant_not_found" });
    }
  });

  it("when Amazon refuses the refresh token, the tokens are deleted with an audit row and Amazon is not called again", async () => {
    await accept();
    service.clock.advance(60 * MINUTE_MS);
    lwa.refreshTokens.clear();
    expect(await problemOf(await ask({ userId: USER }))).toMatchObject({ status: 404, code: "grant_not_found" });
    expect(await problemOf(await ask({ userId: USER }))).toMatchObject({ status: 404 });
    expect(refreshes()).toBe(1);
    const audit = await env.DB.prepare("SELECT kind, details, grant_id FROM audit ORDER BY id DESC LIMIT 1").first();
    expect(audit).toEqual({ kind: "amazon_tokens_forgotten", details: "refresh_rejected", grant_id: grantId });
  });

  it.each([
    ["down", () => new Response("", { status: 503 })],
    ["too slow", () => Promise.reject(new DOMException("late", "TimeoutError"))],
    ["malformed", () => new Response("<html></html>")],
    ["refusing our credentials", () => Response.json({ error: "invalid_client" }, { status: 401 })],
  ])("Amazon %s: 503, the tokens are kept, and the next request works", async (_, respond) => {
    await accept();
    service.clock.advance(60 * MINUTE_MS);
    lwa.respond = respond;
    const refused = await ask({ userId: USER });
    expect(refused.headers.get("retry-after")).not.toBeNull();
    expect(await problemOf(refused)).toMatchObject({ status: 503, code: "amazon_unavailable" });
    lwa.respond = undefined;
    expect((await given({ userId: USER })).accessToken).toBe("Atza|fake-2");
  });

  it("20 requests while Amazon is down all get 503", async () => {
    await accept();
    service.clock.advance(60 * MINUTE_MS);
    lwa.respond = () => new Response("", { status: 503 });
    const all = await Promise.all(Array.from({ length: 20 }, () => ask({ userId: USER })));
    expect(all.map(({ status }) => status)).toEqual(Array(20).fill(503));
  });

  it("while Amazon is down, a token that is still valid is returned", async () => {
    await accept();
    service.clock.advance(57 * MINUTE_MS);
    lwa.respond = () => new Response("", { status: 503 });
    expect((await given({ userId: USER })).accessToken).toBe("Atza|fake-1");
  });

  it.each<[string, Response]>([
    ["deleted when the refresh is refused", Response.json({ error: "invalid_grant" }, { status: 400 })],
    [
      "overwritten when the refresh succeeds",
      Response.json({ access_token: "Atza|older", refresh_token: "Atzr|older", expires_in: 3600 }),
    ],
  ])("the tokens of a directive that arrives during a refresh are not %s", async (_, response) => {
    await accept();
    service.clock.advance(60 * MINUTE_MS);
    const rt = await runtimeOf(service);
    lwa.respond = async () => {
      const newer = {
        accessToken: "Atza|newer",
        refreshToken: "Atzr|newer",
        accessExpiresAt: rt.now() + 3600_000,
        pairHash: "",
      };
      const kept = { grantId, purpose: "event_gateway", host: "https://api.amazonalexa.com", codeHash: "x" } as const;
      await storeCodeTokens(rt.db, rt.keyring, { ...kept, tokens: newer, response: "200" }, rt.now());
      return response;
    };
    await (await ask({ grantId })).text();
    expect((await given({ grantId })).accessToken).toBe("Atza|newer");
  });

  it("503 when our storage fails, and the next request works", async () => {
    await accept();
    await given({ userId: USER });
    service.clock.advance(60 * MINUTE_MS);
    await ask({ userId: "nobody" }).then((response) => response.text());
    service.meter.faults.push({ when: (roundTrip) => roundTrip.call === "first", throws: "before", times: 1 });
    expect(await problemOf(await ask({ userId: USER }))).toMatchObject({
      status: 503,
      code: "temporarily_unavailable",
    });
    expect((await given({ userId: USER })).accessToken).toBe("Atza|fake-2");
  });

  it("a refresh is stored once when the connection is lost after its write", async () => {
    await accept();
    service.clock.advance(60 * MINUTE_MS);
    service.meter.faults.push({
      when: ({ sql }) => sql.startsWith("UPDATE amazon_tokens SET tokens"),
      throws: "after",
      message: "D1_ERROR: Network connection lost",
      times: 1,
    });
    expect((await given({ userId: USER })).accessToken).toBe("Atza|fake-2");
    expect((await given({ userId: USER })).accessToken).toBe("Atza|fake-2");
    expect(refreshes()).toBe(1);
  });
});

describe("bad requests", () => {
  it.each([
    ["invalid JSON", "{"],
    ["an empty body", ""],
    ["no key", {}],
    ["two keys", { userId: USER, accessToken: "x" }],
    ["only a skill", { skillId: SKILL_ID }],
    ["a skill with a token", { accessToken: "x", skillId: SKILL_ID }],
    ["an unknown field", { userId: USER, sub: "x" }],
    ["an unknown purpose", { userId: USER, purpose: "enablement" }],
    ["a number", { userId: 7 }],
    ["an empty id", { userId: "" }],
    ["an id of 300 characters", { userId: "x".repeat(300) }],
    ["an unknown region", { userId: USER, region: "AP" }],
    ["a region in lower case", { userId: USER, region: "eu" }],
    ["an empty region", { userId: USER, region: "" }],
    ["a host as region", { userId: USER, region: "https://evil.test" }],
    ["a list of regions", { userId: USER, region: ["EU"] }],
    ["no region but null", { userId: USER, region: null }],
    ["a region of 16 KB", { userId: USER, region: "EU".repeat(8192) }],
    ["a name that every object has as region", { userId: USER, region: "constructor" }],
  ])("%s: 400", async (_, body) => {
    expect(await problemOf(await ask(body))).toMatchObject({ status: 400, code: "invalid_body" });
    const refusal = { ...(typeof body === "object" ? body : {}), code: "SKILL_DISABLED_EXCEPTION" };
    expect(await problemOf(await ask(refusal, "DELETE"))).toMatchObject({ status: 400, code: "invalid_body" });
  });

  it("POST takes no code: 400", async () => {
    const body = { userId: USER, code: "SKILL_DISABLED_EXCEPTION" };
    expect(await problemOf(await ask(body))).toMatchObject({ status: 400, code: "invalid_body" });
  });

  it.each([
    ["no credentials", ""],
    ["a wrong secret", basic(SERVICE_CLIENT, `${SERVICE_SECRET}x`)],
  ])("%s: 401, for both methods", async (_, authorization) => {
    await accept();
    for (const method of ["POST", "DELETE"]) {
      expect(await problemOf(await ask({ userId: USER }, method, authorization))).toMatchObject({ status: 401 });
    }
    expect((await ask({ userId: USER })).status).toBe(200);
  });

  it("a customer's access token does not authenticate a backend: 401", async () => {
    await accept();
    expect((await ask({ userId: USER }, "POST", `Bearer ${tokens.access_token}`)).status).toBe(401);
  });

  it("another method: 405", async () => {
    expect((await ask({}, "PUT")).status).toBe(405);
  });
});
