// Event-gateway tokens that Login with Amazon or the gateway refuses: what is forgotten, and what is not.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import {
  asBackend,
  directive,
  GATEWAY_CLIENT_ID,
  GATEWAY_SECRET,
  seedGatewayCredentials,
  startLwa,
} from "../../test/support/gateway.ts";
import {
  json,
  SERVICE_CLIENT,
  SKILL_ID,
  seedAppAndService,
  seedSkill,
  seedUser,
  type TokenResponse,
} from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { link } from "../../test/support/skill-events.ts";

const USER = "0useraaaaaaaaaaaaaaaaaaaaa";
const HOUR_MS = 3_600_000;
const RIGHT_PAIR = { clientId: GATEWAY_CLIENT_ID, clientSecret: GATEWAY_SECRET };

let service: Service;
let lwa: ReturnType<typeof startLwa>;
let tokens: TokenResponse;
let grantId: string;

beforeEach(async () => {
  service = startService();
  lwa = startLwa();
  await seedSkill();
  await seedAppAndService();
  await seedUser();
  await seedGatewayCredentials(service);
  ({ tokens, grantId } = await link(service));
  await accept(tokens.access_token);
});
afterEach(() => vi.restoreAllMocks());

async function accept(token: string, region = "NA"): Promise<void> {
  const directed = asBackend(directive(lwa.code(), token));
  const accepted = await service.request(`/alexa/accept-grant?region=${region}`, directed);
  expect(await accepted.text()).toContain("AcceptGrant.Response");
}

interface GatewayResponse {
  readonly status: number;
  readonly code?: string;
  readonly accessToken?: string;
  readonly endpoint?: string;
}

async function ask(body: unknown = { userId: USER }, method = "POST"): Promise<GatewayResponse> {
  const response = await service.request("/api/event-gateway/token", asBackend(body, undefined, method));
  if (response.status === 204) return { status: 204 };
  return { ...(await json<GatewayResponse>(response)), status: response.status };
}
const held = () => env.DB.prepare("SELECT COUNT(*) AS n FROM amazon_tokens").first<number>("n");

async function setPair(eventGateway: object): Promise<void> {
  expect((await admin(service, "PATCH", `skills/${SKILL_ID}`, { eventGateway })).status).toBe(200);
}

describe("T11: a refresh that Login with Amazon refuses", () => {
  it.each([
    ["another client", { clientId: "amzn1.application-oa2-client.other", clientSecret: "obviously-fake-other-secret" }],
    ["another secret", { ...RIGHT_PAIR, clientSecret: "obviously-fake-old-secret" }],
  ])("for a pair of %s loses nothing that the right pair can use", async (_, pair) => {
    for (const [code, error] of [
      [400, "invalid_grant"],
      [401, "invalid_client"],
      [400, "unauthorized_client"],
    ] as const) {
      service.clock.advance(2 * HOUR_MS);
      lwa.respond = () => Response.json({ error }, { status: code });
      await setPair(pair);
      for (let i = 0; i < 2; i++) expect(await ask()).toMatchObject({ status: 503, code: "amazon_unavailable" });
      lwa.respond = undefined;
      await setPair(RIGHT_PAIR);
      expect(await ask()).toMatchObject({ status: 200, accessToken: expect.stringMatching(/^Atza\|fake-/) });
    }
  });

  it("for the pair that got the tokens with invalid_grant: they are forgotten, and the link stays", async () => {
    service.clock.advance(2 * HOUR_MS);
    lwa.refreshTokens.clear();
    expect(await ask()).toMatchObject({ status: 404, code: "grant_not_found" });
    expect(await held()).toBe(0);
    expect(await env.DB.prepare("SELECT revoked_at FROM grants").first("revoked_at")).toBeNull();
  });

  it("does not forget the tokens of an AcceptGrant that arrives just before they would be", async () => {
    service.clock.advance(56 * 60_000);
    lwa.refreshTokens.clear();
    let reached = () => {};
    const forgetting = new Promise<void>((resolve) => (reached = resolve));
    const when = ({ sql }: { sql: string }) => {
      const forgets = sql.includes("'amazon_tokens_forgotten'");
      if (forgets) reached();
      return forgets;
    };
    service.meter.faults.push({ when, delayMs: 300, times: 1 });
    const asked = ask();
    await forgetting;
    await accept(tokens.access_token);
    await asked;
    expect(await held()).toBe(1);
    expect((await ask()).status).toBe(200);
  });
});

const DISABLED = "SKILL_DISABLED_EXCEPTION";

describe("L9: DELETE, with the code that the gateway returned", () => {
  it("forgets the tokens for SKILL_DISABLED_EXCEPTION, can be repeated, and leaves the link", async () => {
    for (let i = 0; i < 2; i++) expect((await ask({ userId: USER, code: DISABLED }, "DELETE")).status).toBe(204);
    expect(await ask()).toMatchObject({ status: 404, code: "grant_not_found" });
    const audits = await env.DB.prepare("SELECT details FROM audit WHERE kind = 'amazon_tokens_forgotten'").all();
    expect(audits.results).toEqual([{ details: "gateway_refused" }]);
    expect(await env.DB.prepare("SELECT revoked_at FROM grants").first("revoked_at")).toBeNull();
  });

  it.each([
    ["no code", {}],
    ["an empty code", { code: "" }],
    ["a code about a permission", { code: "INSUFFICIENT_PERMISSION_EXCEPTION" }],
    ["a code about the token", { code: "INVALID_ACCESS_TOKEN_EXCEPTION" }],
    ["another case", { code: DISABLED.toLowerCase() }],
    ["the code with white space", { code: ` ${DISABLED}` }],
    ["the code and more", { code: `${DISABLED},OTHER` }],
    ["a name that every object has", { code: "constructor" }],
  ])("%s: 422, and nothing is forgotten", async (_, code) => {
    for (const whose of [{ userId: USER }, { userId: USER, region: "EU" }, { userId: "nobody" }]) {
      expect(await ask({ ...whose, ...code }, "DELETE")).toMatchObject({ status: 422, code: "code_not_final" });
    }
    expect(await ask()).toMatchObject({ status: 200, endpoint: "https://api.amazonalexa.com/v3/events" });
  });

  it.each([
    ["a number", 403],
    ["null", null],
    ["a list", [DISABLED]],
    ["an object", { code: DISABLED }],
    ["a code of 201 characters", "X".repeat(201)],
  ])("%s as code: 400, and nothing is forgotten", async (_, code) => {
    expect(await ask({ userId: USER, code }, "DELETE")).toMatchObject({ status: 400, code: "invalid_body" });
    expect(await held()).toBe(1);
  });

  it("404 for another client's skill, and nothing is forgotten", async () => {
    await env.DB.prepare("UPDATE clients SET skill_ids = '[]' WHERE id = ?").bind(SERVICE_CLIENT).run();
    service.clock.advance(61_000);
    expect(await ask({ userId: USER, code: DISABLED }, "DELETE")).toMatchObject({ status: 404 });
    expect(await held()).toBe(1);
  });
});

describe("L9: a region that turned out to be right", () => {
  const EU = "https://api.eu.amazonalexa.com/v3/events";

  it("is remembered with the token, also when that is refreshed", async () => {
    expect((await ask()).endpoint).toBe("https://api.amazonalexa.com/v3/events");
    expect(await ask({ userId: USER, region: "EU" })).toMatchObject({ status: 200, endpoint: EU });
    expect((await ask()).endpoint).toBe(EU);
    service.clock.advance(2 * HOUR_MS);
    expect((await ask()).endpoint).toBe(EU);
    expect(await ask({ userId: USER, region: "FE" })).toMatchObject({
      endpoint: "https://api.fe.amazonalexa.com/v3/events",
    });
    service.clock.advance(2 * HOUR_MS);
    expect(await ask({ userId: USER, region: "EU" })).toMatchObject({ status: 200, endpoint: EU });
    expect((await ask()).endpoint).toBe(EU);
  });

  it("costs one write, and none when it is known", async () => {
    await ask({ userId: USER });
    service.meter.clear();
    await ask({ userId: USER, region: "EU" });
    expect(service.meter.calls().length).toBeLessThanOrEqual(2);
    service.meter.clear();
    await ask({ userId: USER, region: "EU" });
    expect(service.meter.calls().length).toBeLessThanOrEqual(1);
  });

  it("of one link says nothing about another, and another client cannot set it", async () => {
    const second = await link(service);
    await accept(second.tokens.access_token);
    expect((await ask({ grantId: second.grantId, region: "EU" })).endpoint).toBe(EU);
    expect((await ask({ grantId })).endpoint).toBe("https://api.amazonalexa.com/v3/events");
    await env.DB.prepare("UPDATE clients SET skill_ids = '[]' WHERE id = ?").bind(SERVICE_CLIENT).run();
    service.clock.advance(61_000);
    expect(await ask({ grantId, region: "FE" })).toMatchObject({ status: 404, code: "grant_not_found" });
    const hosts = await env.DB.prepare("SELECT host FROM amazon_tokens ORDER BY host").all<{ host: string }>();
    expect(hosts.results.map(({ host }) => host)).toEqual([
      "https://api.amazonalexa.com",
      "https://api.eu.amazonalexa.com",
    ]);
  });

  it("does not move the tokens of an AcceptGrant that arrived meanwhile", async () => {
    const meanwhile = service.meter;
    meanwhile.faults.push({
      when: ({ sql }) => sql.startsWith("UPDATE amazon_tokens SET host"),
      delayMs: 200,
      times: 1,
    });
    const asked = ask({ userId: USER, region: "EU" });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await accept(tokens.access_token, "FE");
    await asked;
    expect((await ask()).endpoint).toBe("https://api.fe.amazonalexa.com/v3/events");
  });
});
