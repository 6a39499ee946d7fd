// Each fault of the simulator against the real service: it raises the alert that names it and no other, which is cleared
// when the fault is off and the time has passed. Faults that this server does not see, or copes with, raise none.
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { serveMcp } from "../test/support/mcp-server.ts";
import { oneIsolate, SERVICE, SIMULATOR, simulatedRedirectUris } from "../test/support/one-isolate.ts";
import { insert } from "../test/support/rows.ts";
import { ADMIN_TOKEN, type Service, START } from "../test/support/service.ts";
import { faultsSchema } from "./state/faults.ts";

const SKILL_ID = "amzn1.ask.skill.0000-alerts";
const VENDOR = "M0ALERTSVENDOR";
const SIGN_IN = { email: "alerts@example.com", password: "alerts-password-1" };
const LWA = { clientId: "amzn1.application-oa2-client.alerts", clientSecret: "example-lwa-secret" };
const SIGN_IN_PAIR = { clientId: "amzn1.application-oa2-client.sign-in", clientSecret: "example-sign-in-secret" };
const ADD_ON = "amzn1.ask.skill.0000-alerts-add-on";
const RESOURCE = "https://mcp.example.com/mcp";
const HOUR_S = 3600;

const { drive, start } = oneIsolate(undefined, (request) =>
  request.url.startsWith(new URL(RESOURCE).origin)
    ? serveMcp({ service, addOnId: ADD_ON, resource: RESOURCE, client: addOnClient }, request)
    : undefined,
);
let service: Service;
let addOnClient = { id: "", secret: "" };

async function admin<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const response = await service.request(`/api/admin/${path}`, init);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

function run(order: Record<string, unknown>): Promise<{ ok: boolean }> {
  return drive("POST", "/simulator/run", { signIn: SIGN_IN, ...order });
}

/** Runs the scheduled work; the names of the alerts that are open then. */
async function openAlerts(): Promise<string[]> {
  await service.settled();
  await admin("POST", "maintenance");
  const { items } = await admin<{ items: { name: string }[] }>("GET", "alerts?open=true");
  return items.map(({ name }) => name);
}

/** Starts everything. Customers sign in with a password, or with Amazon only. */
async function raise(signInWithAmazon: boolean): Promise<void> {
  service = await start(
    signInWithAmazon
      ? {
          SIGN_IN_METHODS: "amazon",
          AMAZON_SIGN_IN_CLIENT_ID: SIGN_IN_PAIR.clientId,
          AMAZON_SIGN_IN_CLIENT_SECRET: SIGN_IN_PAIR.clientSecret,
        }
      : {},
  );
  const { client } = await admin<{ client: { id: string; secret: string } }>("POST", "skills", {
    id: SKILL_ID,
    name: "Acme Home",
    type: "smart_home",
    stage: "development",
    vendorId: VENDOR,
    extraRedirectUris: simulatedRedirectUris(VENDOR),
    scopes: ["profile"],
    returnUrls: [`${SIMULATOR}/company/done`],
    lwa: LWA,
  });
  if (!signInWithAmazon) await admin("POST", "users", { ...SIGN_IN, name: "Alerts" });
  const backend = await admin<{ secret: string }>("POST", "clients", {
    id: "alerts-service",
    kind: "service",
    name: "Skill backend",
    skillIds: [SKILL_ID],
  });
  await drive("PUT", "/simulator/skill", {
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
    lwa: LWA,
    redirectUrls: [`${SERVICE}/link/callback`],
    loginWithAmazon: { ...SIGN_IN_PAIR, returnUrls: [`${SERVICE}/sign-in/amazon/callback`] },
    eventsUrl: `${SERVICE}/alexa/events`,
    sendAlexaEvents: true,
    acceptGrant: { url: `${SERVICE}/alexa/accept-grant`, clientId: "alerts-service", clientSecret: backend.secret },
  });
}

/** Registers an add-on with its MCP server. */
async function registerAddOn(): Promise<void> {
  const { client } = await admin<{ client: { id: string; secret: string } }>("POST", "skills", {
    id: ADD_ON,
    name: "Acme Notes",
    type: "add_on",
    resource: RESOURCE,
    vendorId: VENDOR,
    extraRedirectUris: [...simulatedRedirectUris(VENDOR), `${SIMULATOR}/alexa/api/skill/link/${VENDOR}`],
    scopes: [{ name: "mcp:tools", tier: "user", descriptions: { en: "Use your notes" } }],
    returnUrls: [`${SIMULATOR}/company/done`],
  });
  addOnClient = client;
  await drive("PUT", "/simulator/add-on", {
    addOnId: ADD_ON,
    name: "Acme Notes",
    resource: RESOURCE,
    clientId: client.id,
    clientSecret: client.secret,
    vendorId: VENDOR,
  });
}

afterEach(async () => {
  await service?.settled();
  vi.restoreAllMocks();
});

/** The scenarios that play a fault. */
const FROM_ALEXA = { scenario: "authorize" };
const FROM_SITE = { scenario: "app-to-app", via: "lwa" };
const REFRESHES = { scenario: "refresh" };
/** Of customers who sign in with Amazon. */
const SIGNS_IN_AT_AMAZON = { ...FROM_ALEXA, signInWithAmazon: true };
/** Linking of an add-on that is deployed. */
const FROM_ALEXA_PLUS = { ...FROM_ALEXA, skillId: ADD_ON, deployed: true };
const REFRESHES_ADD_ON = { ...REFRESHES, deployed: true };
/** The deploy and a conversation. Once: the deploy's own check sends requests that must be refused. */
const ASKS_ADD_ON = { scenario: "add-on", deployed: true, times: 1 };

type Order = Readonly<Record<string, unknown>> & { readonly times?: number };

const PLAYED: readonly (readonly [faults: Record<string, unknown>, order: Order, alert: string | null])[] = [
  [{ lwa: 503 }, FROM_SITE, "amazon_unavailable"],
  [{ lwa: "html" }, FROM_SITE, "amazon_unavailable"],
  [{ lwa: "empty" }, FROM_SITE, "amazon_unavailable"],
  [{ lwa: "redirect" }, FROM_SITE, "amazon_unavailable"],
  [{ lwa: { mode: "timeout", delayMs: 1 } }, FROM_SITE, "amazon_unavailable"],
  [{ lwa: { mode: "slow", delayMs: 1 } }, FROM_SITE, null],
  [{ lwaResponse: { error: "invalid_client" } }, FROM_SITE, "lwa_pair_refused"],
  [{ lwaResponse: { error: "unauthorized_client" } }, FROM_SITE, "lwa_pair_refused"],
  [{ lwaResponse: { error: "invalid_grant", grant: "authorization_code" } }, FROM_SITE, "amazon_refuses_linking"],
  [{ lwaResponse: { error: "invalid_request", grant: "authorization_code" } }, FROM_SITE, "amazon_refuses_linking"],
  [{ lwaResponse: { error: "ServerError" } }, FROM_SITE, "amazon_unavailable"],
  // Amazon's tokens are refreshed only to disable a skill later.
  [{ lwaResponse: { error: "invalid_grant", grant: "refresh_token" } }, FROM_SITE, null],
  [{ lwaResponse: { expiresInString: true } }, FROM_SITE, null],
  [{ lwaResponse: { newRefreshToken: true } }, FROM_SITE, null],
  [{ profile: 503 }, SIGNS_IN_AT_AMAZON, "amazon_unavailable"],
  [{ profile: "html" }, SIGNS_IN_AT_AMAZON, "amazon_unavailable"],
  [{ lwaResponse: { error: "invalid_client" } }, SIGNS_IN_AT_AMAZON, "lwa_pair_refused"],
  [{ consent: { error: "invalid_scope", errorDescription: "Not allowed" } }, FROM_SITE, "amazon_refuses_linking"],
  [{ consent: { error: "access_denied" } }, FROM_SITE, null],
  // The browser comes back without an attempt of ours: only the completion rate falls.
  [{ consent: { state: "changed" } }, FROM_SITE, null],
  [{ consent: { state: "missing" } }, FROM_SITE, null],
  [{ consent: { omitScope: true } }, FROM_SITE, null],
  [{ discovery: 503 }, FROM_SITE, null],
  [{ discoveryResponse: { endpoints: "foreign" } }, FROM_SITE, null],
  [{ discoveryResponse: { endpoints: "several" } }, FROM_SITE, null],
  [{ discoveryResponse: { endpoints: "none" } }, FROM_SITE, null],
  [{ discoveryResponse: { endpoints: "wrong" } }, FROM_SITE, "enablement_refused"],
  [{ discoveryResponse: { https: true } }, FROM_SITE, null],
  [{ enablement: { all: 400 } }, FROM_SITE, "enablement_refused"],
  [{ enablement: { all: 401 } }, FROM_SITE, "enablement_refused"],
  [{ enablement: { all: 403 } }, FROM_SITE, "enablement_refused"],
  [{ enablement: { all: 404 } }, FROM_SITE, "enablement_refused"],
  [{ enablement: { all: 409 } }, FROM_SITE, "enablement_refused"],
  [{ enablement: { all: 503 } }, FROM_SITE, "amazon_unavailable"],
  [{ enablement: { all: 429 } }, FROM_SITE, "amazon_unavailable"],
  [{ enablement: { all: { mode: "html", status: 201 } } }, FROM_SITE, "amazon_unavailable"],
  [{ enablement: { all: "redirect" } }, FROM_SITE, "amazon_unavailable"],
  [{ enablement: { EU: 503, FE: 503 } }, FROM_SITE, null],
  [{ enablement: { NA: 403 } }, FROM_SITE, "enablement_refused"],
  [{ enablementResponse: { notLinked: true } }, FROM_SITE, "enablement_refused"],
  [{ enablementResponse: { withoutToken: true } }, FROM_SITE, "enablement_refused"],
  [{ enablementResponse: { amazonCode: true } }, FROM_SITE, "code_exchanges_refused"],
  // Discovery names the right region, and other hosts are not asked.
  [{ wrongRegion: 500 }, { ...FROM_SITE, account: "emil" }, null],
  [{ wrongRegion: "accept" }, { ...FROM_SITE, account: "emil" }, null],
  [{ authorize: { probe: true } }, FROM_ALEXA, null],
  [{ authorize: { stateLength: 4096 } }, FROM_ALEXA, null],
  [{ authorize: { stateLength: 16_000 } }, FROM_ALEXA, "authorize_requests_refused"],
  [{ authorize: { redirectHost: "pitangui" } }, FROM_ALEXA, null],
  [{ authorize: { redirectHost: "layla" } }, FROM_ALEXA, null],
  [{ authorize: { redirectHost: "japan" } }, FROM_ALEXA, null],
  [{ authorize: { redirectHost: "alexa" } }, FROM_ALEXA, "redirect_uri_refused"],
  [{ authorize: { wrongRedirectUri: true } }, FROM_ALEXA, "redirect_uri_refused"],
  [{ authorize: { wrongClientId: true } }, FROM_ALEXA, "client_id_unknown"],
  [{ authorize: { scope: "unknown-scope" } }, FROM_ALEXA, "authorize_requests_refused"],
  [{ authorize: { pkce: false } }, FROM_ALEXA, null],
  [{ authorize: { pkce: false } }, FROM_ALEXA_PLUS, "authorize_requests_refused"],
  [{ authorize: { resource: "other" } }, FROM_ALEXA_PLUS, "authorize_requests_refused"],
  [{ authorize: { resource: "slash" } }, FROM_ALEXA_PLUS, "authorize_requests_refused"],
  [{ authorize: { resource: "twice" } }, FROM_ALEXA_PLUS, "authorize_requests_refused"],
  [{ authorize: { resource: "missing" } }, FROM_ALEXA_PLUS, null],
  // Alexa gave up on a response that was right and in time.
  [{ tokenClient: { limitMs: 1 } }, FROM_ALEXA, null],
  [{ tokenClient: { parallel: 5 } }, FROM_ALEXA, null],
  [{ tokenClient: { resend: true } }, FROM_ALEXA, null],
  [{ tokenClient: { lostResponse: true } }, FROM_ALEXA, null],
  [{ tokenClient: { basicEncoding: "raw" } }, FROM_ALEXA, null],
  [{ tokenClient: { basicEncoding: "form" } }, FROM_ALEXA, null],
  [{ tokenClient: { otherScheme: true } }, FROM_ALEXA, null],
  [{ tokenClient: { verifier: "wrong" } }, FROM_ALEXA, "code_exchanges_refused"],
  [{ tokenClient: { verifier: "missing" } }, FROM_ALEXA, "code_exchanges_refused"],
  [{ authorize: { pkce: false }, tokenClient: { verifier: "extra" } }, FROM_ALEXA, "code_exchanges_refused"],
  // The code of an enablement call has no challenge, and Amazon does not say whether Alexa sends a verifier with it.
  [{ tokenClient: { verifier: "extra" } }, FROM_SITE, null],
  [{ tokenClient: { wrongRedirectUri: true } }, FROM_ALEXA, "code_exchanges_refused"],
  [{ tokenClient: { wrongSecret: true } }, FROM_ALEXA, "invalid_client_burst"],
  [{ tokenClient: { wrongSecret: true } }, FROM_SITE, "invalid_client_burst"],
  [{ tokenClient: { resource: "other" } }, FROM_ALEXA_PLUS, "code_exchanges_refused"],
  [{ tokenClient: { resource: "slash" } }, FROM_ALEXA_PLUS, "code_exchanges_refused"],
  [{ tokenClient: { resource: "missing" } }, FROM_ALEXA_PLUS, null],
  [{ refresh: { parallel: 20 } }, REFRESHES, null],
  [{ refresh: { lostResponse: true } }, REFRESHES, null],
  [{ refresh: { oldToken: true } }, REFRESHES, null],
  // The simulator replaces our response, which was a success.
  [{ refresh: { refused: true } }, REFRESHES, null],
  [{ events: { duplicate: true } }, FROM_ALEXA, null],
  [{ events: { withoutAccessToken: true } }, FROM_ALEXA, null],
  [{ events: { lateSeconds: 3500 } }, FROM_ALEXA, null],
  [{ events: { lateSeconds: 3700 } }, FROM_ALEXA, "skill_events_refused"],
  [{ events: { skillId: "amzn1.ask.skill.of-somebody-else" } }, FROM_ALEXA, "skill_events_refused"],
  [{ events: { signature: "wrong" } }, FROM_ALEXA, "skill_event_certificate_trouble"],
  [{ events: { signature: "missing" } }, FROM_ALEXA, "skill_event_certificate_trouble"],
  [{ events: { signature: "other_body" } }, FROM_ALEXA, "skill_event_certificate_trouble"],
  [{ events: { certificate: "expired" } }, FROM_ALEXA, "skill_event_certificate_trouble"],
  [{ events: { certificate: "wrong_host" } }, FROM_ALEXA, "skill_event_certificate_trouble"],
  [{ events: { certificate: "other_root" } }, FROM_ALEXA, "skill_event_certificate_trouble"],
  [{ events: { certificate: "missing_intermediate" } }, FROM_ALEXA, "skill_event_certificate_trouble"],
  [{ events: { certificateUrl: "https://evil.test/echo.api/x.pem" } }, FROM_ALEXA, "skill_event_certificate_trouble"],
  [{ acceptGrant: { badCode: true } }, FROM_ALEXA, "accept_grant_refused"],
  // Custom skills find the link by Alexa's id of the account.
  [{ acceptGrant: { withoutAccessToken: true } }, FROM_ALEXA, null],
  // Amazon's deploy command fails and says why; nothing reaches this server.
  [{ addOnMetadata: { withoutS256: true } }, ASKS_ADD_ON, null],
  [{ addOnMetadata: { resourceSlash: true } }, ASKS_ADD_ON, null],
  [{ addOnMetadata: { outdated: true } }, REFRESHES_ADD_ON, "token_requests_misplaced"],
  // The MCP server is at fault, or refuses.
  [{ mcp: { wwwAuthenticate: true } }, ASKS_ADD_ON, null],
  [{ mcp: { delayMs: 1 } }, ASKS_ADD_ON, null],
  [{ mcp: { serviceToken: true } }, ASKS_ADD_ON, null],
  // Linking does not use SMAPI: the command or the page that asked says what failed.
  [{ smapi: { accountLinking: 500, manifest: 500, status: 500, metrics: 500 } }, FROM_ALEXA, null],
  [{ smapi: { metricsMalformed: true, manifestFails: true } }, FROM_ALEXA, null],
];

/** `tokenClient.verifier=wrong` for each member of each fault that is played. */
const played = PLAYED.flatMap(([faults]) =>
  Object.entries(faults).flatMap(([name, fault]) =>
    typeof fault === "object" && fault !== null
      ? Object.entries(fault).map(([member, value]) => `${name}.${member}=${value}`)
      : [`${name}=${fault}`],
  ),
);

interface Schema {
  readonly options?: readonly unknown[];
  readonly shape?: Readonly<Record<string, Schema>>;
  unwrap?(): Schema;
}

/** The names of all faults, with each of their words where they take words. */
function namesOf(schema: Schema, name: string): string[] {
  const inner = schema.unwrap?.() ?? schema;
  if (inner.shape) {
    const members = Object.entries(inner.shape).filter(([member]) => member !== "times");
    return members.flatMap(([member, of]) => namesOf(of, `${name}${name && "."}${member}`));
  }
  const words = inner.options?.filter((option) => typeof option === "string") ?? [];
  return words.length > 0 ? words.map((word) => `${name}=${word}`) : [`${name}=`];
}

it("every fault of the simulator is played, with each of its words", () => {
  const all = namesOf(faultsSchema as unknown as Schema, "");
  expect(
    all.filter((one) => !played.some((other) => other === one || (one.endsWith("=") && other.startsWith(one)))),
  ).toEqual([]);
  expect(all.length).toBeGreaterThan(70);
});

const TIMES: Readonly<Record<string, number>> = { invalid_client_burst: 10, client_id_unknown: 10 };

/** Both clocks. */
async function advance(seconds: number): Promise<void> {
  service.clock.advance(seconds * 1000);
  await drive("POST", "/simulator/clock", { advanceSeconds: seconds });
}

describe.each(PLAYED)("%j", (faults, { signInWithAmazon, deployed, times, ...order }, alert) => {
  it(`${order.scenario}: ${alert ?? "no alert"}`, { timeout: 120_000 }, async () => {
    await raise(signInWithAmazon === true);
    if (deployed) {
      await registerAddOn();
      expect((await run({ scenario: "add-on-deploy" })).ok).toBe(true);
      expect(await openAlerts()).toEqual([]);
      await advance(2 * HOUR_S);
    }
    if (order.scenario === "refresh") await run(deployed ? { ...FROM_ALEXA, skillId: ADD_ON } : FROM_ALEXA);
    for (let time = 0; time < (times ?? TIMES[alert ?? ""] ?? 6); time++) {
      // Once more each time: a fault of the refresh scenario lasts for one run.
      await drive("PUT", "/simulator/faults", faults);
      await run(order);
    }
    expect(await openAlerts()).toEqual(alert === null ? [] : [alert]);
    if (alert === null) return;
    await drive("PUT", "/simulator/faults", {});
    await advance(2 * HOUR_S);
    expect(await run(order)).toMatchObject({ ok: true });
    expect(await openAlerts()).toEqual([]);
  });
});

it("customers who come back from Amazon without an attempt: the completion rate of the skill fell", async () => {
  await raise(false);
  const at = START - 72 * HOUR_S * 1000;
  const attempts = Array.from({ length: 60 }, (_, i) => `before-${i}`);
  await env.DB.batch([
    ...attempts.map((key) => insert("initiations", { hourAt: at, key, at, skillId: SKILL_ID })),
    ...attempts.map((id) =>
      insert("attempts", { id, skillId: SKILL_ID, createdAt: at, expiresAt: at, outcome: "linked", redeemedAt: at }),
    ),
  ]);
  await drive("PUT", "/simulator/faults", { consent: { state: "missing" } });
  for (let time = 0; time < 20; time++) await run(FROM_SITE);
  expect(await openAlerts()).toEqual(["completion_rate_fell"]);
});
