// POST /alexa/accept-grant for custom skills: requests without a grantee, and a skill response or a problem in return.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { asBackend, directive, SERVICE_BASIC, seedGatewayCredentials, startLwa } from "../../test/support/gateway.ts";
import { json, SERVICE_CLIENT, SKILL_ID, seedAppAndService, seedSkill, seedUser } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { link } from "../../test/support/skill-events.ts";

const HOUSEHOLD = "amzn1.ask.account.HOUSEHOLD";
const OTHER_SKILL = "amzn1.ask.skill.0001-other";

let service: Service;
let lwa: ReturnType<typeof startLwa>;

beforeEach(async () => {
  service = startService();
  lwa = startLwa();
  await seedSkill({ type: "custom" });
  await seedAppAndService();
  await seedUser();
  await seedGatewayCredentials(service);
});
afterEach(() => vi.restoreAllMocks());

interface Seed {
  readonly code?: string;
  readonly accessToken?: string;
  readonly userId?: string | undefined;
  readonly skillId?: string;
  readonly apiEndpoint?: unknown;
  readonly grant?: object;
}

/** As Alexa sends it: the envelope of every custom request, and the code. */
function grantRequest(seed: Seed = {}): object {
  const { accessToken, userId = HOUSEHOLD, apiEndpoint = "https://api.amazonalexa.com" } = seed;
  return {
    version: "1.0",
    context: {
      System: {
        application: { applicationId: seed.skillId ?? SKILL_ID },
        user: { userId, ...(accessToken === undefined ? {} : { accessToken }) },
        apiEndpoint,
        apiAccessToken: "fake.api.token",
      },
    },
    request: {
      type: "Alexa.Authorization.Grant",
      requestId: "amzn1.echo-api.request.1",
      timestamp: "2026-01-15T12:00:00Z",
      locale: "en-US",
      body: { grant: seed.grant ?? { type: "OAuth2.AuthorizationCode", code: seed.code ?? lwa.code() } },
    },
  };
}
function forward(body: unknown, query = "", authorization = SERVICE_BASIC): Promise<Response> {
  return service.request(`/alexa/accept-grant${query}`, asBackend(body, authorization));
}
async function accepted(response: Response): Promise<void> {
  expect([response.status, await response.json()]).toEqual([200, { version: "1.0", response: {} }]);
}
async function refusedWith(response: Response): Promise<string> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const body = await json<{ status: number; code: string; reason?: string }>(response);
  expect(body.status).toBe(response.status);
  return [response.status, body.code, body.reason].join(" ").trim();
}
async function held(): Promise<{ grant_id: string; host: string }[]> {
  return (await env.DB.prepare("SELECT grant_id, host FROM amazon_tokens").all<{ grant_id: string; host: string }>())
    .results;
}
/** Sets the columns that skill events set. */
async function learn(grantId: string, alexaUserId: string, levelShown: number | null = null): Promise<void> {
  await env.DB.prepare("UPDATE grants SET alexa_user_id = ?, level_shown = ? WHERE id = ?")
    .bind(alexaUserId, levelShown, grantId)
    .run();
}

describe("Alexa.Authorization.Grant", () => {
  it("stores Amazon's tokens with the link that the access token belongs to, and returns an empty response", async () => {
    const { tokens, grantId } = await link(service);
    await accepted(await forward(grantRequest({ accessToken: tokens.access_token })));
    expect(await held()).toEqual([{ grant_id: grantId, host: "https://api.amazonalexa.com" }]);
    const given = await service.request(
      "/api/event-gateway/token",
      asBackend({ userId: "0useraaaaaaaaaaaaaaaaaaaaa" }),
    );
    expect(await given.json()).toMatchObject({ accessToken: expect.stringMatching(/^Atza/) });
  });

  it("without an access token finds the link by Alexa's user id, once a skill event has shown it", async () => {
    const { grantId } = await link(service);
    expect(await refusedWith(await forward(grantRequest()))).toBe("404 grant_not_found grantee_unknown");
    await learn(grantId, HOUSEHOLD);
    await accepted(await forward(grantRequest()));
    expect(await held()).toMatchObject([{ grant_id: grantId }]);
  });

  it("of several links of an account takes the shared one first, then the newest", async () => {
    const shared = await link(service);
    const older = await link(service);
    service.clock.advance(1000);
    const newer = await link(service);
    service.clock.advance(1000);
    const personal = await link(service);
    for (const one of [older, newer]) await learn(one.grantId, HOUSEHOLD);
    await learn(personal.grantId, HOUSEHOLD, 3);
    await accepted(await forward(grantRequest()));
    expect(await held()).toMatchObject([{ grant_id: newer.grantId }]);
    await learn(shared.grantId, HOUSEHOLD, 2);
    await accepted(await forward(grantRequest()));
    expect((await held()).map(({ grant_id }) => grant_id)).toContain(shared.grantId);
  });

  it("a repeated request is accepted without another call to Amazon", async () => {
    const { grantId } = await link(service);
    await learn(grantId, HOUSEHOLD);
    const body = grantRequest();
    for (let count = 0; count < 2; count++) await accepted(await forward(body));
    expect(lwa.seen).toHaveLength(1);
  });

  it.each([
    ["", "https://api.amazonalexa.com", "https://api.amazonalexa.com"],
    ["", "https://api.eu.amazonalexa.com", "https://api.eu.amazonalexa.com"],
    ["", "https://API.fe.amazonalexa.com/", "https://api.fe.amazonalexa.com"],
    ["", "http://127.0.0.1:8788/eu", "https://api.eu.amazonalexa.com"],
    ["?region=FE", "https://api.eu.amazonalexa.com", "https://api.fe.amazonalexa.com"],
    ["", "https://api.eu.amazonalexa.com.evil.test", "https://api.amazonalexa.com"],
    ["", "https://api.eu.amazonalexa.com@evil.test", "https://api.amazonalexa.com"],
    ["", 7, "https://api.amazonalexa.com"],
    ["", null, "https://api.amazonalexa.com"],
  ])("the query %j with apiEndpoint %s leads to the region of %s", async (query, apiEndpoint, host) => {
    service = startService({
      ISSUER: "http://localhost:8787",
      ALEXA_API_HOSTS: "api.amazonalexa.com,http://127.0.0.1:8788/eu,api.fe.amazonalexa.com",
    });
    const { tokens } = await link(service);
    await accepted(await forward(grantRequest({ accessToken: tokens.access_token, apiEndpoint }), query));
    expect(await held()).toMatchObject([{ host }]);
  });

  it("an apiEndpoint beside a directive does not change the region", async () => {
    const { tokens } = await link(service);
    const both = { ...grantRequest({ apiEndpoint: "https://api.eu.amazonalexa.com" }) };
    const response = await forward({ ...both, ...directive(lwa.code(), tokens.access_token) });
    expect(await json<{ event: { header: { name: string } } }>(response)).toMatchObject({
      event: { header: { name: "AcceptGrant.Response" } },
    });
    expect(await held()).toMatchObject([{ host: "https://api.amazonalexa.com" }]);
  });
});

describe("S4: which links a request may use", () => {
  it("a token of another skill's link is not accepted, although the client serves both skills", async () => {
    await seedSkill({ id: "alexa-other", skillId: OTHER_SKILL, type: "custom" });
    await seedGatewayCredentials(service, "event", OTHER_SKILL);
    await env.DB.prepare("UPDATE clients SET skill_ids = ? WHERE id = ?")
      .bind(JSON.stringify([SKILL_ID, OTHER_SKILL]), SERVICE_CLIENT)
      .run();
    const { tokens, grantId } = await link(service);
    await learn(grantId, HOUSEHOLD);
    const about = { skillId: OTHER_SKILL };
    for (const seed of [{ ...about, accessToken: tokens.access_token }, about]) {
      expect(await refusedWith(await forward(grantRequest(seed)))).toBe("404 grant_not_found grantee_unknown");
    }
    expect(lwa.seen).toEqual([]);
  });

  it("a skill that the client does not serve is not found, by token or by user id", async () => {
    await env.DB.prepare("UPDATE clients SET skill_ids = ? WHERE id = ?")
      .bind(`["${OTHER_SKILL}"]`, SERVICE_CLIENT)
      .run();
    const { tokens, grantId } = await link(service);
    await learn(grantId, HOUSEHOLD);
    for (const seed of [{ accessToken: tokens.access_token }, {}]) {
      expect(await refusedWith(await forward(grantRequest(seed)))).toBe("404 grant_not_found grantee_unknown");
    }
    expect(lwa.seen).toEqual([]);
  });

  it("an invalid access token does not fall back to the user id", async () => {
    const { tokens, grantId } = await link(service);
    await learn(grantId, HOUSEHOLD);
    for (const accessToken of ["", "Atza|foreign", `${tokens.access_token}x`]) {
      expect(await refusedWith(await forward(grantRequest({ accessToken })))).toBe(
        "404 grant_not_found grantee_unknown",
      );
    }
    service.clock.advance(3601_000);
    expect(await refusedWith(await forward(grantRequest({ accessToken: tokens.access_token })))).toMatch(/^404/);
    expect(lwa.seen).toEqual([]);
  });

  it("a revoked link is not found by the user id", async () => {
    const { grantId } = await link(service);
    await learn(grantId, HOUSEHOLD);
    await env.DB.prepare("UPDATE grants SET revoked_at = 1").run();
    expect(await refusedWith(await forward(grantRequest()))).toMatch(/^404/);
  });

  it("missing, malformed and customer credentials: 401", async () => {
    for (const authorization of ["", "Basic %%%", `Bearer ${(await link(service)).tokens.access_token}`]) {
      expect((await forward(grantRequest(), "", authorization)).status).toBe(401);
    }
  });
});

describe("failures are problem responses, so that the backend's Lambda throws", () => {
  it.each([
    ["another kind of grant", { grant: { type: "Implicit", code: "ANx" } }],
    ["no code", { grant: { type: "OAuth2.AuthorizationCode" } }],
    ["a code with a space", { code: "a b" }],
    ["an empty user id", { userId: "" }],
  ])("%s: 400", async (_, seed) => {
    expect(await refusedWith(await forward(grantRequest(seed)))).toMatch(/^400 invalid_body/);
    expect(lwa.seen).toEqual([]);
  });

  it("a request without a user finds no grant", async () => {
    const body = grantRequest() as { context: { System: { user?: object } } };
    delete body.context.System.user;
    expect(await refusedWith(await forward(body))).toBe("404 grant_not_found grantee_unknown");
  });

  it("a request of another type gets the ErrorResponse of a malformed directive", async () => {
    const response = await forward({ ...grantRequest(), request: { type: "LaunchRequest" } });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ event: { header: { name: "ErrorResponse" } } });
  });

  it.each<[string, () => Response, string]>([
    [
      "refuses the code",
      () => Response.json({ error: "invalid_grant" }, { status: 400 }),
      "422 amazon_code_rejected code_rejected",
    ],
    ["is down", () => new Response("oops", { status: 500 }), "503 amazon_unavailable amazon_unavailable"],
  ])("Login with Amazon %s", async (_, respond, expected) => {
    const { tokens } = await link(service);
    lwa.respond = respond;
    const response = await forward(grantRequest({ accessToken: tokens.access_token, code: "ANcode" }));
    expect(response.headers.has("retry-after")).toBe(expected.startsWith("503"));
    expect(await refusedWith(response)).toBe(expected);
    expect(await env.DB.prepare("SELECT steps FROM attempts").first<string>("steps")).toContain(
      "event_gateway_refused",
    );
  });

  it("missing credentials, a storage failure and a link revoked meanwhile have their own problems", async () => {
    const { tokens } = await link(service);
    const send = () => forward(grantRequest({ accessToken: tokens.access_token }));
    await env.DB.prepare("UPDATE skills SET event_client_id = NULL, event_client_secret = NULL").run();
    expect(await refusedWith(await send())).toBe("422 account_linking_not_supported credentials_missing");
    await seedGatewayCredentials(service);
    service.meter.faults.push({ when: ({ sql }) => sql.includes("amazon_tokens"), throws: "before" });
    expect(await refusedWith(await send())).toBe("503 temporarily_unavailable storage_fault");
    service.meter.clear();
    lwa.respond = async () => {
      await env.DB.prepare("UPDATE grants SET revoked_at = 1").run();
      return Response.json({ access_token: "Atza|x", refresh_token: "Atzr|x", expires_in: 3600 });
    };
    expect(await refusedWith(await send())).toBe("404 grant_not_found grant_revoked");
    expect(await held()).toEqual([]);
  });
});

it("a custom skill's grant takes at most three storage round trips, and its read uses an index", async () => {
  const { grantId } = await link(service);
  await learn(grantId, HOUSEHOLD);
  await accepted(await forward(grantRequest()));
  service.meter.clear();
  await accepted(await forward(grantRequest()));
  expect(service.meter.calls().length).toBeLessThanOrEqual(3);
  const [read] = service.meter.roundTrips;
  const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${read?.sql}`)
    .bind("x", "x", "[]", 0, 0)
    .all<{ detail: string }>();
  const details = plan.results.map(({ detail }) => detail).join("\n");
  expect(details).toContain("grants_by_alexa_user");
  expect(details).not.toMatch(/SCAN g\b/);
});
