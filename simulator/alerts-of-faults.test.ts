// Each fault of the simulator against the real service: it raises the alert that names it and no other, which is cleared
// when the fault is off and the time has passed.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { oneIsolate, SERVICE, SIMULATOR, simulatedRedirectUris } from "../test/support/one-isolate.ts";
import { ADMIN_TOKEN, type Service } from "../test/support/service.ts";
import { faultsSchema } from "./state/faults.ts";

const SKILL_ID = "amzn1.ask.skill.0000-alerts";
const VENDOR = "M0ALERTSVENDOR";
const SIGN_IN = { email: "alerts@example.com", password: "alerts-password-1" };
const LWA = { clientId: "amzn1.application-oa2-client.alerts", clientSecret: "example-lwa-secret" };
const TWO_HOURS_S = 7200;

const { drive, start } = oneIsolate();
let service: Service;

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

beforeEach(async () => {
  service = await start();
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
  await admin("POST", "users", { ...SIGN_IN, name: "Alerts" });
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
    eventsUrl: `${SERVICE}/alexa/events`,
    sendAlexaEvents: true,
    acceptGrant: { url: `${SERVICE}/alexa/accept-grant`, clientId: "alerts-service", clientSecret: backend.secret },
  });
});
afterEach(async () => {
  await service.settled();
  vi.restoreAllMocks();
});

/** The scenarios that play a fault. */
const FROM_ALEXA = { scenario: "authorize" };
const FROM_SITE = { scenario: "app-to-app", via: "lwa" };
const REFRESHES = { scenario: "refresh" };

type Order = Readonly<Record<string, unknown>>;

const PLAYED: readonly (readonly [faults: Record<string, unknown>, order: Order, alert: string | null])[] = [
  [{ lwa: 503 }, FROM_SITE, "amazon_unavailable"],
  [{ lwa: "html" }, FROM_SITE, "amazon_unavailable"],
  [{ lwaResponse: { error: "invalid_client" } }, FROM_SITE, "lwa_pair_refused"],
  [{ lwaResponse: { error: "unauthorized_client" } }, FROM_SITE, "lwa_pair_refused"],
  [{ lwaResponse: { error: "invalid_grant", grant: "authorization_code" } }, FROM_SITE, "amazon_refuses_linking"],
  [{ lwaResponse: { expiresInString: true } }, FROM_SITE, null],
  [{ lwaResponse: { newRefreshToken: true } }, FROM_SITE, null],
  [{ consent: { error: "invalid_scope", errorDescription: "Not allowed" } }, FROM_SITE, "amazon_refuses_linking"],
  [{ consent: { error: "access_denied" } }, FROM_SITE, null],
  [{ discovery: 503 }, FROM_SITE, null],
  [{ discoveryResponse: { endpoints: "foreign" } }, FROM_SITE, null],
  [{ discoveryResponse: { https: true } }, FROM_SITE, null],
  [{ enablement: { all: 403 } }, FROM_SITE, "enablement_refused"],
  [{ enablement: { all: 503 } }, FROM_SITE, "amazon_unavailable"],
  [{ enablement: { all: 429 } }, FROM_SITE, "amazon_unavailable"],
  [{ enablement: { EU: 503, FE: 503 } }, FROM_SITE, null],
  [{ enablement: { NA: 403 } }, FROM_SITE, "enablement_refused"],
  [{ enablementResponse: { notLinked: true } }, FROM_SITE, "enablement_refused"],
  [{ enablementResponse: { amazonCode: true } }, FROM_SITE, "code_exchanges_refused"],
  [{ authorize: { probe: true } }, FROM_ALEXA, null],
  [{ authorize: { stateLength: 4096 } }, FROM_ALEXA, null],
  [{ authorize: { redirectHost: "layla" } }, FROM_ALEXA, null],
  [{ authorize: { wrongRedirectUri: true } }, FROM_ALEXA, "redirect_uri_refused"],
  [{ authorize: { wrongClientId: true } }, FROM_ALEXA, "client_id_unknown"],
  [{ authorize: { scope: "unknown-scope" } }, FROM_ALEXA, "authorize_requests_refused"],
  [{ tokenClient: { parallel: 5 } }, FROM_ALEXA, null],
  [{ tokenClient: { resend: true } }, FROM_ALEXA, null],
  [{ tokenClient: { lostResponse: true } }, FROM_ALEXA, null],
  [{ tokenClient: { basicEncoding: "form" } }, FROM_ALEXA, null],
  [{ tokenClient: { otherScheme: true } }, FROM_ALEXA, null],
  [{ tokenClient: { verifier: "wrong" } }, FROM_ALEXA, "code_exchanges_refused"],
  [{ tokenClient: { verifier: "missing" } }, FROM_ALEXA, "code_exchanges_refused"],
  [{ tokenClient: { wrongRedirectUri: true } }, FROM_ALEXA, "code_exchanges_refused"],
  [{ tokenClient: { wrongSecret: true } }, FROM_ALEXA, "invalid_client_burst"],
  [{ tokenClient: { wrongSecret: true } }, FROM_SITE, "invalid_client_burst"],
  [{ refresh: { parallel: 20 } }, REFRESHES, null],
  [{ refresh: { lostResponse: true } }, REFRESHES, null],
  [{ refresh: { oldToken: true } }, REFRESHES, null],
  [{ events: { duplicate: true } }, FROM_ALEXA, null],
  [{ events: { withoutAccessToken: true } }, FROM_ALEXA, null],
  [{ events: { lateSeconds: 3700 } }, FROM_ALEXA, "skill_events_refused"],
  [{ events: { skillId: "amzn1.ask.skill.of-somebody-else" } }, FROM_ALEXA, "skill_events_refused"],
  [{ events: { signature: "wrong" } }, FROM_ALEXA, "skill_event_certificate_trouble"],
  [{ events: { certificate: "expired" } }, FROM_ALEXA, "skill_event_certificate_trouble"],
  [{ events: { certificate: "wrong_host" } }, FROM_ALEXA, "skill_event_certificate_trouble"],
  [{ events: { certificate: "other_root" } }, FROM_ALEXA, "skill_event_certificate_trouble"],
  [{ events: { certificate: "missing_intermediate" } }, FROM_ALEXA, "skill_event_certificate_trouble"],
  [{ events: { certificateUrl: "https://evil.test/echo.api/x.pem" } }, FROM_ALEXA, "skill_event_certificate_trouble"],
  [{ acceptGrant: { badCode: true } }, FROM_ALEXA, "accept_grant_refused"],
];

/** Faults that no operator of this server hears of, or that are seen elsewhere, and why. */
const NOT_PLAYED: Readonly<Record<string, string>> = {
  profile: "sign-in with Amazon: src/sign-in/amazon.test.ts plays it",
  "consent.state": "the browser comes back without an attempt of ours: only the completion rate falls",
  "consent.omitScope": "the customer's consent is smaller than asked for, and Amazon's pages say so",
  wrongRegion: "how another region's host responds: the right one is asked first",
  "authorize.pkce": "either way is right unless the client requires PKCE",
  "tokenClient.resource": "add-ons only: code_exchanges_refused, by its own reasons",
  "authorize.resource": "add-ons only: authorize_requests_refused, by its own reasons",
  "tokenClient.limitMs": "Alexa gave up on a response that was right: nothing shows it here, except slow responses",
  "refresh.refused": "the simulator replaces our response: it was a success here",
  "acceptGrant.withoutAccessToken": "custom skills: the link is found by Alexa's id of the account",
  "enablementResponse.withoutToken": "like notLinked, with a reason of its own",
  "addOnMetadata.withoutS256": "the deploy command of Amazon fails and says why",
  "addOnMetadata.resourceSlash": "the deploy command of Amazon fails and says why",
  "addOnMetadata.outdated": "the deploy command of Amazon turns it off",
  "mcp.wwwAuthenticate": "the MCP server is at fault",
  "mcp.delayMs": "the MCP server is at fault",
  "mcp.serviceToken": "the MCP server refuses it",
  "smapi.accountLinking": "the command that pushes the settings says so",
  "smapi.manifest": "the command that pushes the settings says so",
  "smapi.status": "the command that pushes the settings says so",
  "smapi.manifestFails": "the command that pushes the settings says so",
  "smapi.metrics": "the console says so beside the figures that it asked for",
  "smapi.metricsMalformed": "the console says so beside the figures that it asked for",
};

/** `tokenClient.verifier` for each member of each fault. */
function pathsOf(faults: Record<string, unknown>): string[] {
  return Object.entries(faults).flatMap(([name, fault]) =>
    typeof fault === "object" && fault !== null ? Object.keys(fault).map((member) => `${name}.${member}`) : [name],
  );
}

it("every fault of the simulator is played, or it is said why not", () => {
  const all = Object.entries(faultsSchema.shape).flatMap(([name, fault]) => {
    const inner = fault.unwrap();
    const members = "shape" in inner ? Object.keys(inner.shape).filter((member) => member !== "times") : [];
    return members.length === 0 ? [name] : members.map((member) => `${name}.${member}`);
  });
  const known = new Set([...PLAYED.flatMap(([faults]) => pathsOf(faults)), ...Object.keys(NOT_PLAYED)]);
  expect(all.filter((path) => !known.has(path))).toEqual([]);
  expect(all.length).toBeGreaterThan(40);
});

const TIMES: Readonly<Record<string, number>> = { invalid_client_burst: 10, client_id_unknown: 10 };

describe.each(PLAYED)("%j", (faults, order, alert) => {
  it(`${order.scenario}: ${alert ?? "no alert"}`, { timeout: 120_000 }, async () => {
    if (order.scenario === "refresh") await run(FROM_ALEXA);
    for (let time = 0; time < (TIMES[alert ?? ""] ?? 6); time++) {
      // Once more each time: a fault of the refresh scenario lasts for one run.
      await drive("PUT", "/simulator/faults", faults);
      await run(order);
    }
    expect(await openAlerts()).toEqual(alert === null ? [] : [alert]);
    if (alert === null) return;
    await drive("PUT", "/simulator/faults", {});
    service.clock.advance(TWO_HOURS_S * 1000);
    await drive("POST", "/simulator/clock", { advanceSeconds: TWO_HOURS_S });
    expect(await run(order)).toMatchObject({ ok: true });
    expect(await openAlerts()).toEqual([]);
  });
});
