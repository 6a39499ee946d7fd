// The simulator in the same isolate as the real service, so that both share a clock and the simulator's root
// certificate.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { oneIsolate, SERVICE, SIMULATOR, simulatedRedirectUris } from "../test/support/one-isolate.ts";
import { ADMIN_TOKEN, type Service } from "../test/support/service.ts";
import type { Check } from "./library/checks.ts";

const SKILL_ID = "amzn1.ask.skill.0000-isolate";
const VENDOR = "M0ISOLATEVENDOR";
const SIGN_IN = { email: "isolate@example.com", password: "isolate-password-1" };
const LWA = { clientId: "amzn1.application-oa2-client.isolate", clientSecret: "example-lwa-secret" };

const { bindings, simulator, drive, start } = oneIsolate();
let service: Service;
let configuration: Record<string, unknown>;

function run(order: Record<string, unknown>) {
  return drive<{ ok: boolean; checks: Check[]; linkId: string }>("POST", "/simulator/run", {
    signIn: SIGN_IN,
    ...order,
  });
}

async function admin(path: string, body: unknown): Promise<Record<string, unknown>> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
  const response = await service.request(`/api/admin${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  if (response.status !== 201) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

beforeEach(async () => {
  service = await start();
  const made = await admin("/skills", {
    id: SKILL_ID,
    name: "Acme Home",
    type: "smart_home",
    stage: "development",
    vendorId: VENDOR,
    extraRedirectUris: simulatedRedirectUris(VENDOR),
    scopes: ["profile"],
    returnUrls: [`${SIMULATOR}/company/done`, `${SIMULATOR}/company/app/return`],
    lwa: LWA,
  });
  await admin("/clients", {
    id: "demo-app",
    kind: "app",
    name: "Acme app",
    redirectUris: [`${SIMULATOR}/company/app/callback`],
    scopes: ["links"],
    skillIds: [],
  });
  await admin("/users", { ...SIGN_IN, name: "Isolate" });
  const client = made.client as { id: string; secret: string };
  const backend = await admin("/clients", {
    id: "demo-service",
    kind: "service",
    name: "Skill backend",
    redirectUris: [],
    scopes: [],
    skillIds: [SKILL_ID],
  });
  configuration = {
    skillId: SKILL_ID,
    stage: "development",
    name: "Acme Home",
    authorizationUrl: `${SERVICE}/authorize`,
    appAuthorizationUrl: `${SERVICE}/app/authorize`,
    tokenUrl: `${SERVICE}/token`,
    clientId: client.id,
    clientSecret: client.secret,
    scopes: ["profile"],
    pkce: true,
    vendorId: VENDOR,
    lwa: LWA,
    redirectUrls: [`${SERVICE}/link/callback`, `${SERVICE}/app/callback`],
    eventsUrl: `${SERVICE}/alexa/events`,
    acceptGrant: { url: `${SERVICE}/alexa/accept-grant`, clientId: "demo-service", clientSecret: backend.secret },
    personalization: {
      url: `${SERVICE}/api/personalization`,
      clientId: "demo-service",
      clientSecret: backend.secret,
    },
  };
  await drive("PUT", "/simulator/skill", configuration);
});
afterEach(async () => {
  await service.settled();
  vi.restoreAllMocks();
});

async function expectAllMet(order: Record<string, unknown>): Promise<void> {
  const { ok, checks } = await run(order);
  expect(checks.filter((check) => !check.ok)).toEqual([]);
  expect(ok).toBe(true);
}

describe("every scenario against the real service", () => {
  it("V9: links from the company's website in each region, by the Alexa app and by Login with Amazon", async () => {
    for (const account of ["nora", "emil", "fumi"]) await expectAllMet({ scenario: "app-to-app", account });
    await expectAllMet({ scenario: "app-to-app", via: "lwa" });
    await expectAllMet({ scenario: "refresh", count: 20 });
  });

  it("V9: the company's app links, reads the status and unlinks through the API, in both directions", async () => {
    await expectAllMet({ scenario: "company-app", account: "emil" });
  });

  it("S4: events signed by the simulator are accepted, ten forgeries are not, SkillDisabled revokes the grant", async () => {
    await expectAllMet({ scenario: "authorize" });
    await expectAllMet({ scenario: "events" });
  });

  it("U1: disabling by voice revokes the grant, and linking again works", async () => {
    await expectAllMet({ scenario: "authorize" });
    await expectAllMet({ scenario: "disable" });
    await expectAllMet({ scenario: "authorize" });
  });
});

describe("sending events to Alexa", () => {
  const withGrants = () => drive("PUT", "/simulator/skill", { ...configuration, sendAlexaEvents: true });

  it("O3: linking succeeds when AcceptGrant does, and the backend's token works at the gateway of the customer's region", async () => {
    await withGrants();
    await expectAllMet({ scenario: "authorize", account: "emil" });
    const { items } = await drive<{ items: { request: { url: string; body: string } }[] }>(
      "GET",
      "/simulator/exchanges",
    );
    expect(items.some((one) => one.request.url.endsWith("/alexa/accept-grant?region=EU"))).toBe(true);
    const { userId } = await latestGrant();
    const credentials = configuration.acceptGrant as { clientId: string; clientSecret: string };
    const response = await service.request("/api/event-gateway/token", {
      method: "POST",
      headers: {
        authorization: `Basic ${btoa(`${credentials.clientId}:${credentials.clientSecret}`)}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ userId }),
    });
    const token = await response.json<{ accessToken: string; endpoint: string }>();
    expect(token.endpoint).toBe("https://api.eu.amazonalexa.com/v3/events");
    const headers = { authorization: `Bearer ${token.accessToken}` };
    const report = await simulator.request(token.endpoint, { method: "POST", headers, body: "{}" }, bindings());
    expect(report.status).toBe(202);
  });

  it("O3: linking fails with a code that Amazon never issued, and the simulator shows where", async () => {
    await withGrants();
    await drive("PUT", "/simulator/faults", { acceptGrant: { badCode: true } });
    const { ok, checks } = await run({ scenario: "authorize" });
    expect(ok).toBe(false);
    expect(checks.find((check) => check.name === "accept_grant")?.detail).toContain("ErrorResponse");
  });

  it("the reciprocal call is accepted", async () => {
    await drive("PUT", "/simulator/skill", { ...configuration, reciprocalUrl: `${SERVICE}/alexa/reciprocal` });
    await expectAllMet({ scenario: "authorize" });
  });
});

describe("a speaker with a link of their own", () => {
  /** The live links, `first` before the others. */
  const levels = async (first: string) => {
    const { results } = await service.env.DB.prepare(
      "SELECT level_shown AS shown, alexa_user_id AS alexa FROM grants WHERE revoked_at IS NULL ORDER BY id = ? DESC",
    )
      .bind(first)
      .all<{ shown: number | null; alexa: string | null }>();
    return results;
  };

  it("the service learns from events and speech which link is shared, and returns the account of the speaker", async () => {
    await expectAllMet({ scenario: "authorize" });
    const first = (await service.env.DB.prepare("SELECT id FROM grants").first<string>("id")) ?? "";
    await expectAllMet({ scenario: "authorize", person: "ada" });
    await service.settled();
    const [shared, own] = await levels(first);
    expect([shared?.shown, own?.shown]).toEqual([2, 1]);
    expect(own?.alexa).toBe(shared?.alexa);
    await expectAllMet({ scenario: "speak", person: "ada" });
    await expectAllMet({ scenario: "speak", person: "grace" });
    await expectAllMet({ scenario: "speak" });
    await service.settled();
    expect((await levels(first)).map(({ shown }) => shown)).toEqual([4, 3]);
  });

  it("unknown speakers have no account while only one speaker has linked", async () => {
    await expectAllMet({ scenario: "speak", person: "ada" });
    await expectAllMet({ scenario: "authorize", person: "ada" });
    await expectAllMet({ scenario: "speak", person: "ada" });
    await expectAllMet({ scenario: "speak" });
  });
});

describe("a custom skill with permission to send events", () => {
  it.each([
    ["the account's token", {}],
    ["Alexa's id of the account, as events told it", { acceptGrant: { withoutAccessToken: true } }],
  ])(
    "sends Alexa.Authorization.Grant, and its link is found by %s, its region by the request's endpoint",
    async (_, faults) => {
      await drive("PUT", "/simulator/skill", { ...configuration, type: "custom", sendAlexaEvents: true });
      await drive("PUT", "/simulator/faults", faults);
      await expectAllMet({ scenario: "authorize", account: "emil" });
      const { results } = await service.env.DB.prepare("SELECT purpose, host FROM amazon_tokens").all();
      expect(results).toEqual([{ purpose: "event_gateway", host: "https://api.eu.amazonalexa.com" }]);
    },
  );

  it("a code that Amazon never issued is refused", async () => {
    await drive("PUT", "/simulator/skill", { ...configuration, type: "custom", sendAlexaEvents: true });
    await drive("PUT", "/simulator/faults", { acceptGrant: { badCode: true } });
    const { checks } = await run({ scenario: "authorize" });
    expect(checks.find((check) => check.name === "accept_grant")).toMatchObject({
      ok: false,
      detail: "Alexa.Authorization.Grant returned 422",
    });
  });
});

async function latestGrant(): Promise<{ userId: string }> {
  const row = await service.env.DB.prepare("SELECT user_id AS userId FROM grants ORDER BY created_at DESC").first<{
    userId: string;
  }>();
  return row ?? { userId: "" };
}

describe("Amazon's errors, seen through the real service", () => {
  it.each([
    ["discovery names every region", { discoveryResponse: { endpoints: "several" } }],
    ["discovery responds with https:// before the host", { discoveryResponse: { https: true } }],
    ["discovery names a stranger's host", { discoveryResponse: { endpoints: "foreign" } }],
    ["discovery is a web page", { discovery: "html" }],
    ["expires_in is text", { lwaResponse: { expiresInString: true } }],
    ["a verifier comes that nobody asked for", { tokenClient: { verifier: "extra" } }],
    ["the response of the wrong region is a 400", { wrongRegion: 400, discoveryResponse: { endpoints: "several" } }],
  ])("L2, L5: %s, and linking still works", async (_, faults) => {
    await drive("PUT", "/simulator/faults", faults);
    await expectAllMet({ scenario: "app-to-app", account: "fumi" });
  });

  it.each([
    ["Login with Amazon is down", { lwa: 503 }, "amazon_unavailable"],
    ["Login with Amazon responds with a web page", { lwa: "html" }, "amazon_unavailable"],
    ["Amazon refuses its own code", { lwaResponse: { error: "invalid_grant" } }, "amazon_code_rejected"],
    ["enablement is forbidden", { enablement: { all: 403 } }, "enablement_forbidden"],
    ["the skill is enabled, but not linked", { enablementResponse: { notLinked: true } }, "enablement_rejected"],
    ["enablement is throttled", { enablement: { all: 429 } }, "enablement_unavailable"],
  ])("L4, L5: %s, and the customer comes back with a named reason", async (_, faults, reason) => {
    await drive("PUT", "/simulator/faults", faults);
    const { checks } = await run({ scenario: "app-to-app" });
    expect(checks[0]?.detail).toBe(`came back with status=failed, reason=${reason}`);
  });

  it("L5: the customer declines at Amazon", async () => {
    await drive("PUT", "/simulator/faults", { consent: { error: "access_denied" } });
    const { checks } = await run({ scenario: "app-to-app" });
    expect(checks[0]?.detail).toBe("came back with status=cancelled");
  });
});
