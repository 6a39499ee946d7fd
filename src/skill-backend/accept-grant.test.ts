// POST /alexa/accept-grant: stores a customer's permission to send events, and responds with Alexa's event.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { asBackend, directive, seedGatewayCredentials, startLwa } from "../../test/support/gateway.ts";
import {
  ALEXA_CLIENT,
  ALEXA_SECRET,
  basic,
  form,
  json,
  SERVICE_CLIENT,
  seedAppAndService,
  seedSkill,
  seedUser,
} from "../../test/support/seeds.ts";
import { type Service, START, startService } from "../../test/support/service.ts";
import { link } from "../../test/support/skill-events.ts";

interface AlexaEvent {
  readonly event: {
    readonly header: { readonly name: string; readonly namespace: string; readonly messageId: string };
    readonly payload: { readonly type?: string; readonly message?: string };
  };
}

let service: Service;
let lwa: ReturnType<typeof startLwa>;

beforeEach(async () => {
  service = startService();
  lwa = startLwa();
  await seedSkill();
  await seedAppAndService();
  await seedUser();
  await seedGatewayCredentials(service);
});
afterEach(() => vi.restoreAllMocks());

async function forward(body: unknown, query = "", authorization?: string): Promise<Response> {
  return service.request(`/alexa/accept-grant${query}`, asBackend(body, authorization));
}
async function nameOf(response: Response): Promise<string> {
  expect(response.status).toBe(200);
  expect(response.headers.get("cache-control")).toBe("no-store");
  const { event } = await json<AlexaEvent>(response);
  expect(event.header).toMatchObject({
    namespace: "Alexa.Authorization",
    payloadVersion: "3",
    messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
  if (event.header.name === "ErrorResponse") {
    expect(event.payload).toEqual({ type: "ACCEPT_GRANT_FAILED", message: expect.any(String) });
    return event.payload.message ?? "";
  }
  expect(event.payload).toEqual({});
  return event.header.name;
}
async function held() {
  const rows = await env.DB.prepare(
    "SELECT grant_id, purpose, host, tokens, access_expires_at FROM amazon_tokens",
  ).all<{ grant_id: string; purpose: string; host: string; tokens: string; access_expires_at: number }>();
  return rows.results;
}

describe("AcceptGrant", () => {
  it("stores the sealed tokens with the customer's grant, and returns AcceptGrant.Response", async () => {
    const { tokens, grantId } = await link(service);
    expect(await nameOf(await forward(directive(lwa.code(), tokens.access_token)))).toBe("AcceptGrant.Response");
    const [row] = await held();
    expect(row).toMatchObject({
      grant_id: grantId,
      purpose: "event_gateway",
      host: "https://api.amazonalexa.com",
      access_expires_at: START + 3600_000,
    });
    expect(row?.tokens).not.toContain("Atz");
    const steps = await env.DB.prepare("SELECT steps FROM attempts").first<string>("steps");
    expect(steps).toContain('"event_gateway_granted"');
  });

  it("exchanges the code with the event gateway's credentials in the body and without a redirect URI", async () => {
    const { tokens } = await link(service);
    await (await forward(directive(lwa.code(), tokens.access_token))).text();
    expect(lwa.seen[0]?.fields).toEqual({
      grant_type: "authorization_code",
      code: "ANfakeGrantCode1",
      client_id: "amzn1.application-oa2-client.events",
      client_secret: "obviously-fake-gateway-secret",
    });
  });

  it("a skill without event gateway credentials uses those for linking", async () => {
    await env.DB.prepare("UPDATE skills SET event_client_id = NULL, event_client_secret = NULL").run();
    await seedGatewayCredentials(service, "lwa");
    const { tokens } = await link(service);
    expect(await nameOf(await forward(directive(lwa.code(), tokens.access_token)))).toBe("AcceptGrant.Response");
  });

  it.each([
    ["?region=EU", "https://api.eu.amazonalexa.com"],
    ["?region=fe", "https://api.fe.amazonalexa.com"],
    ["?region=NA", "https://api.amazonalexa.com"],
  ])("%s sets the region, whatever hosts are configured", async (query, host) => {
    service = startService({
      ALEXA_API_HOSTS: "na.example.com,eu.example.com,fe.example.com",
    });
    const { tokens } = await link(service);
    expect(await nameOf(await forward(directive(lwa.code(), tokens.access_token), query))).toBe("AcceptGrant.Response");
    expect((await held())[0]?.host).toBe(host);
  });

  it("an unknown or repeated region: 400, and the code is not exchanged", async () => {
    const { tokens } = await link(service);
    for (const query of ["?region=AP", "?region=EU&region=NA"]) {
      const response = await forward(directive(lwa.code(), tokens.access_token), query);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: "invalid_query" });
    }
    expect(lwa.seen).toEqual([]);
  });

  it("expires_in may be a string", async () => {
    vi.restoreAllMocks();
    lwa = startLwa(() => "1800");
    const { tokens } = await link(service);
    await nameOf(await forward(directive(lwa.code(), tokens.access_token)));
    expect((await held())[0]?.access_expires_at).toBe(START + 1800_000);
  });

  it("a repeated directive is accepted without another call to Amazon", async () => {
    const { tokens } = await link(service);
    const body = directive(lwa.code(), tokens.access_token);
    expect(await nameOf(await forward(body))).toBe("AcceptGrant.Response");
    expect(await nameOf(await forward(body))).toBe("AcceptGrant.Response");
    expect(lwa.seen).toHaveLength(1);
  });

  it("20 copies of a directive at once are all accepted and stored once", async () => {
    const { tokens } = await link(service);
    const body = directive(lwa.code(), tokens.access_token);
    lwa.delayMs = 30;
    const names = await Promise.all(Array.from({ length: 20 }, async () => nameOf(await forward(body))));
    expect(new Set(names)).toEqual(new Set(["AcceptGrant.Response"]));
    expect(await held()).toHaveLength(1);
  });

  it("a newer code replaces the tokens; an unknown code changes nothing", async () => {
    const { tokens } = await link(service);
    await nameOf(await forward(directive(lwa.code(), tokens.access_token)));
    const before = (await held())[0]?.tokens;
    expect(await nameOf(await forward(directive("ANneverIssued", tokens.access_token)))).toMatch(/rejected/);
    expect((await held())[0]?.tokens).toBe(before);
    await nameOf(await forward(directive(lwa.code(), tokens.access_token)));
    expect((await held())[0]?.tokens).not.toBe(before);
  });

  it("fields of older samples and unknown fields are ignored", async () => {
    const { tokens } = await link(service);
    const body = directive(lwa.code(), tokens.access_token) as { directive: { header: Record<string, unknown> } };
    body.directive.header.correlationToken = "x";
    body.directive.header.payloadVersion = "3.1";
    expect(await nameOf(await forward({ ...body, extra: 1 }))).toBe("AcceptGrant.Response");
  });
});

describe("AcceptGrant that fails is an ErrorResponse with status 200", () => {
  it.each([
    ["invalid JSON", "{"],
    ["an empty body", ""],
    ["no directive", {}],
    ["another directive", { directive: { header: { namespace: "Alexa.Discovery", name: "Discover" }, payload: {} } }],
    ["no code", directive("", "token")],
    ["a code with a space", directive("a b", "token")],
    ["a code of 3,000 characters", directive("a".repeat(3000), "token")],
  ])("%s", async (_, body) => {
    expect(await nameOf(await forward(body))).toMatch(/directive|code/);
    expect(lwa.seen).toEqual([]);
  });

  it("a token that is foreign, altered, expired or of a revoked link", async () => {
    const { tokens, grantId } = await link(service);
    const failed = async (token: string) =>
      expect(await nameOf(await forward(directive(lwa.code(), token)))).toMatch(/no live link/);
    await failed("Atza|foreign");
    await failed(`${tokens.access_token}x`);
    await env.DB.prepare("UPDATE grants SET revoked_at = 1 WHERE id = ?").bind(grantId).run();
    await failed(tokens.access_token);
    await env.DB.prepare("UPDATE grants SET revoked_at = NULL").run();
    service.clock.advance(3601_000);
    await failed(tokens.access_token);
    expect(lwa.seen).toEqual([]);
  });

  it("a customer of a skill that this client does not serve", async () => {
    await env.DB.prepare("UPDATE clients SET skill_ids = ? WHERE id = ?")
      .bind('["amzn1.ask.skill.other"]', SERVICE_CLIENT)
      .run();
    const { tokens } = await link(service);
    expect(await nameOf(await forward(directive(lwa.code(), tokens.access_token)))).toMatch(/no live link/);
    expect(lwa.seen).toEqual([]);
  });

  it("O3: when Amazon is down, slow or malformed, the attempt shows the reason", async () => {
    const { tokens } = await link(service);
    const responses = [
      () => new Response("oops", { status: 500 }),
      () => new Response("<html></html>", { status: 200 }),
      () => Response.json({ error: "slow_down" }, { status: 429 }),
      () => Promise.reject(new DOMException("late", "TimeoutError")),
    ];
    for (const respond of responses) {
      lwa.respond = respond;
      expect(await nameOf(await forward(directive("ANcode", tokens.access_token)))).toMatch(/did not respond/);
    }
    expect(await env.DB.prepare("SELECT steps FROM attempts").first<string>("steps")).toContain(
      "event_gateway_refused:amazon_unavailable",
    );
    expect(await held()).toEqual([]);
  });

  it("credentials that are missing or do not open", async () => {
    const { tokens } = await link(service);
    await env.DB.prepare("UPDATE skills SET event_client_secret = 'AAAAAA.AAAA'").run();
    expect(await nameOf(await forward(directive(lwa.code(), tokens.access_token)))).toMatch(/does not open/);
    await env.DB.prepare("UPDATE skills SET event_client_id = NULL, event_client_secret = NULL").run();
    expect(await nameOf(await forward(directive(lwa.code(), tokens.access_token)))).toMatch(/credentials/);
  });

  it("a link revoked during the call to Amazon gets no tokens", async () => {
    const { tokens } = await link(service);
    const code = lwa.code();
    lwa.respond = async () => {
      await env.DB.prepare("UPDATE grants SET revoked_at = 1").run();
      return Response.json({ access_token: "Atza|x", refresh_token: "Atzr|x", expires_in: 3600 });
    };
    expect(await nameOf(await forward(directive(code, tokens.access_token)))).toMatch(/ended/);
    expect(await held()).toEqual([]);
  });

  it("a storage failure at each call", async () => {
    const { tokens } = await link(service);
    await forward(directive("ANwarm", tokens.access_token)).then((response) => response.text());
    service.meter.clear();
    await forward(directive(lwa.code(), tokens.access_token)).then((response) => response.text());
    const calls = service.meter.calls().length;
    expect(calls).toBeGreaterThan(1);
    for (let index = 0; index < calls; index++) {
      service.meter.clear();
      service.meter.faults.push({ when: (_, at) => at === index, throws: "before" });
      expect(await nameOf(await forward(directive(lwa.code(), tokens.access_token)))).toMatch(/Storage/);
    }
  });
});

describe("AcceptGrant is for service clients only", () => {
  it.each([
    ["no credentials", ""],
    ["a wrong secret", basic(SERVICE_CLIENT, "wrong")],
    ["an unknown client", basic("nobody", "wrong")],
    ["an Alexa client", basic(ALEXA_CLIENT, ALEXA_SECRET)],
    ["malformed Basic", "Basic %%%"],
    ["an invalid bearer token", "Bearer nonsense"],
  ])("%s: 401", async (_, authorization) => {
    const { tokens } = await link(service);
    const response = await forward(directive(lwa.code(), tokens.access_token), "", authorization);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toMatch(/^Basic /);
    expect(await response.json()).toMatchObject({ code: "unauthenticated" });
    expect(lwa.seen).toEqual([]);
  });

  it("a customer's access token does not authenticate a backend", async () => {
    const { tokens } = await link(service);
    const response = await forward(directive(lwa.code(), tokens.access_token), "", `Bearer ${tokens.access_token}`);
    expect(response.status).toBe(401);
  });

  it("the client's own access token authenticates it, unless it was issued for another resource", async () => {
    const { tokens } = await link(service);
    const ask = (resource?: string) =>
      service
        .request(
          "/token",
          form(
            { grant_type: "client_credentials", resource },
            { authorization: basic(SERVICE_CLIENT, "obviously-fake-secret-of-the-test-service") },
          ),
        )
        .then((response) => json<{ access_token: string }>(response));
    const own = await ask();
    const other = await ask("https://other.example.com/");
    const body = directive(lwa.code(), tokens.access_token);
    expect((await forward(body, "", `Bearer ${other.access_token}`)).status).toBe(401);
    expect(await nameOf(await forward(body, "", `Bearer ${own.access_token}`))).toBe("AcceptGrant.Response");
  });

  it("more than 64 KB: 413; another method: 405", async () => {
    expect((await forward("x".repeat(64 * 1024 + 1))).status).toBe(413);
    expect((await service.request("/alexa/accept-grant")).status).toBe(405);
  });

  it("no code, token or secret reaches the log", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    const { tokens } = await link(service);
    await forward(directive(lwa.code(), tokens.access_token));
    await forward(directive("ANneverIssued", tokens.access_token));
    const lines = log.mock.calls.flat().join("\n");
    expect(lines).toContain("accept_grant_failed");
    for (const secret of ["ANfakeGrantCode", "ANneverIssued", tokens.access_token, "Atz", "obviously-fake"]) {
      expect(lines).not.toContain(secret);
    }
  });
});

it("AcceptGrant takes at most three storage round trips", async () => {
  const { tokens } = await link(service);
  await forward(directive("ANwarm", tokens.access_token)).then((response) => response.text());
  service.meter.clear();
  await nameOf(await forward(directive(lwa.code(), tokens.access_token)));
  expect(service.meter.calls().length).toBeLessThanOrEqual(3);
});
