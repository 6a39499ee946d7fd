// POST /alexa/reciprocal: Alexa sends Amazon's code with a linked customer's access token.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { asBackend, directive, seedGatewayCredentials, startLwa } from "../../test/support/gateway.ts";
import {
  ALEXA_CLIENT,
  APP_CLIENT,
  form,
  json,
  seedAppAndService,
  seedSkill,
  seedUser,
  type TokenResponse,
} from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { link } from "../../test/support/skill-events.ts";
import { linkApp } from "../../test/support/tokens.ts";

let service: Service;
let lwa: ReturnType<typeof startLwa>;
let tokens: TokenResponse;

beforeEach(async () => {
  service = startService();
  lwa = startLwa();
  await seedSkill({ type: "baby_activity" });
  await seedAppAndService();
  await seedUser();
  await seedGatewayCredentials(service);
  ({ tokens } = await link(service));
});
afterEach(() => vi.restoreAllMocks());

function hand(fields: Record<string, string | undefined> = {}, bearer: string | undefined = tokens.access_token) {
  const body = { grant_type: "reciprocal_authorization_code", code: lwa.code(), client_id: ALEXA_CLIENT, ...fields };
  return service.request("/alexa/reciprocal", form(body, bearer === "" ? {} : { authorization: `Bearer ${bearer}` }));
}
async function errorOf(response: Response): Promise<[number, string]> {
  expect(response.headers.get("content-type")).toBe("application/json;charset=UTF-8");
  const body = await json<{ error: string }>(response);
  return [response.status, body.error];
}
async function purposes(): Promise<unknown[]> {
  return (await env.DB.prepare("SELECT purpose FROM amazon_tokens ORDER BY purpose").all()).results;
}

describe("reciprocal authorization", () => {
  it("exchanges the code once and returns an empty object, also to a repeat", async () => {
    const code = lwa.code();
    for (let count = 0; count < 2; count++) {
      const response = await hand({ code });
      expect(response.status).toBe(200);
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(await response.json()).toEqual({});
    }
    expect(lwa.seen).toHaveLength(1);
    expect(lwa.seen[0]?.fields).not.toHaveProperty("redirect_uri");
    expect(await purposes()).toEqual([{ purpose: "reciprocal" }]);
  });

  it("stores its tokens beside those of AcceptGrant, and the backend names the purpose", async () => {
    await (await hand()).text();
    await service.request("/alexa/accept-grant", asBackend(directive(lwa.code(), tokens.access_token)));
    expect(await purposes()).toEqual([{ purpose: "event_gateway" }, { purpose: "reciprocal" }]);
    const ask = async (purpose?: string) =>
      json<{ accessToken: string }>(
        await service.request("/api/event-gateway/token", asBackend({ accessToken: tokens.access_token, purpose })),
      );
    expect((await ask("reciprocal")).accessToken).toBe("Atza|fake-1");
    expect((await ask()).accessToken).toBe("Atza|fake-2");
  });

  it.each([
    ["another grant type", { grant_type: "authorization_code" }, [400, "unsupported_grant_type"]],
    ["no grant type", { grant_type: undefined }, [400, "invalid_request"]],
    ["no code", { code: undefined }, [400, "invalid_request"]],
    ["a malformed code", { code: "a b" }, [400, "invalid_request"]],
    ["no client id", { client_id: undefined }, [400, "invalid_request"]],
    ["another client's id", { client_id: "test-service" }, [400, "invalid_request"]],
    ["a code that Amazon does not know", { code: "ANneverIssued" }, [400, "invalid_grant"]],
  ])("%s", async (_, fields, expected) => {
    expect(await errorOf(await hand(fields as Record<string, string | undefined>))).toEqual(expected);
    expect(await purposes()).toEqual([]);
  });

  it("a missing or foreign access token, or one of a revoked link: 401", async () => {
    const app = await linkApp(service);
    const altered = `${tokens.access_token.slice(0, -6)}AAAAAA`;
    for (const bearer of ["", "nonsense", altered]) {
      const response = await hand({}, bearer);
      expect(response.headers.get("www-authenticate")).toMatch(/^Bearer/);
      expect(await errorOf(response)).toEqual([401, "invalid_token"]);
    }
    expect(await errorOf(await hand({ client_id: APP_CLIENT }, app.access_token))).toEqual([401, "invalid_token"]);
    await env.DB.prepare("UPDATE grants SET revoked_at = 1").run();
    expect(await errorOf(await hand())).toEqual([401, "invalid_token"]);
    expect(lwa.seen).toEqual([]);
  });

  it("JSON instead of a form: 400; another method: 405", async () => {
    const response = await service.request("/alexa/reciprocal", asBackend({ grant_type: "x" }));
    expect(await errorOf(response)).toEqual([400, "invalid_request"]);
    expect(await errorOf(await service.request("/alexa/reciprocal"))).toEqual([405, "invalid_request"]);
  });

  it("Amazon or our storage down: 503; credentials missing: 500; no tokens are stored", async () => {
    lwa.respond = () => new Response("", { status: 500 });
    expect(await errorOf(await hand())).toEqual([503, "temporarily_unavailable"]);
    lwa.respond = undefined;
    service.meter.faults.push({ when: () => true, throws: "before", times: 1 });
    expect(await errorOf(await hand())).toEqual([503, "temporarily_unavailable"]);
    service.meter.clear();
    await env.DB.prepare("UPDATE skills SET event_client_id = NULL, event_client_secret = NULL").run();
    expect(await errorOf(await hand())).toEqual([500, "server_error"]);
    expect(await purposes()).toEqual([]);
  });
});
