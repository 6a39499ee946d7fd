// The log, while every flow is played against the simulator: one line of JSON for each request, only documented fields,
// no secret that was used, and ids that the console's search finds.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createService } from "../../src/app.ts";
import { parseConfig } from "../../src/env.ts";
import { admin, SKILL_BODY } from "../support/admin.ts";
import { LOG_FIELDS } from "../support/log-fields.ts";
import { oneIsolate, SERVICE, SIMULATOR, simulatedRedirectUris } from "../support/one-isolate.ts";
import { exchange, form } from "../support/seeds.ts";
import { ADMIN_TOKEN, type Service } from "../support/service.ts";
import { failing, HOUR, MINUTE } from "../support/tokens.ts";
import { formsOf, type Visitor, visit } from "../support/visitor.ts";

const SKILL_ID = "amzn1.ask.skill.0000-log";
const VENDOR = "M0LOGVENDOR";
const SIGN_IN = { email: "log-lines@example.com", password: "log-lines-password-1" };
const LWA = { clientId: "amzn1.application-oa2-client.log", clientSecret: "example-lwa-secret-of-the-log" };
const REDIRECT_URI = simulatedRedirectUris(VENDOR)[0] ?? "";

/** Some of what is played. */
const EVENTS = [
  ...["consent_decided", "code_redeemed", "code_repeated", "token_refused", "linking_linked", "linking_failed"],
  ...["lwa_failed", "enablement_failed", "accept_grant_failed", "amazon_error", "grant_revoked", "skill_event_refused"],
  ...["redirect_uri_unregistered", "client_unknown", "authorize_refused", "return_to_not_allowed", "admin_token_wrong"],
  ...["storage_fault", "maintenance"],
];

let service: Service;
let operator: Visitor;
let lines: string[] = [];
/** What must not stand in the log, by where it was seen. */
let secrets = new Map<string, string>();

/** Error pages and problem documents. */
let shown: string[] = [];

const NAMES = /^(code|state|form|ticket|password|email|assertion|authcode|.*token|.*secret|.*verifier|.*challenge)$/i;
/** Words of the protocols that stand under such names. */
const WORD = /^[a-z_]{1,40}$/;

function keep(where: string, value: unknown): void {
  if (typeof value === "string" && value.length >= 8 && !WORD.test(value)) secrets.set(value, where);
}

function keepPairs(where: string, text: string): void {
  for (const [name, value] of new URLSearchParams(text)) if (NAMES.test(name)) keep(`${where} ${name}`, value);
}

function keepJson(where: string, value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (NAMES.test(name)) keep(`${where} ${name}`, inner);
    keepJson(where, inner);
  }
}

/** The secrets of a message: in its address, headers and body, whatever the format. */
async function harvest(where: string, message: Request | Response): Promise<void> {
  const location = message.headers.get("location") ?? (message instanceof Request ? message.url : "");
  keepPairs(where, location.split("?")[1] ?? "");
  const [scheme, credentials] = message.headers.get("authorization")?.split(" ") ?? [];
  keep(`${where} authorization`, credentials);
  if (scheme === "Basic") keep(`${where} client secret`, atob(credentials ?? "").split(":")[1]);
  // The cookie `transaction` is the id of an attempt: it proves nothing.
  const cookies = [...message.headers.getSetCookie(), ...(message.headers.get("cookie")?.split("; ") ?? [])];
  for (const cookie of cookies.filter((each) => !each.includes("transaction=")))
    keep(`${where} cookie`, cookie.split(";")[0]?.split("=")[1]);
  const text = new TextDecoder().decode(await message.clone().arrayBuffer());
  if (text.startsWith("{")) keepJson(where, JSON.parse(text));
  else if (text.startsWith("<"))
    for (const { hidden } of formsOf(text)) keepPairs(where, String(new URLSearchParams(hidden)));
  else keepPairs(where, text);
}

const { drive, start } = oneIsolate();
const run = async (scenario: string, options: object = {}) => {
  service.clock.advance(MINUTE);
  return drive<{ ok: boolean; reason: string }>("POST", "/simulator/run", { scenario, signIn: SIGN_IN, ...options });
};
const linked = async (scenario: string, options: object = {}) =>
  expect(await run(scenario, options)).toMatchObject({ ok: true });

beforeEach(async () => {
  [lines, shown, secrets] = [[], [], new Map()];
  service = await start();
  for (const name of ["request", "requestOnly"] as const) {
    const send = service[name].bind(service);
    service[name] = async (path, init) => {
      const address = path.startsWith("http") ? path : SERVICE + path;
      await harvest(`request ${path.split("?")[0]}`, new Request(address, init));
      const response = await send(path, init);
      await harvest(`response ${path.split("?")[0]}`, response);
      if (response.status >= 400) shown.push(await response.clone().text());
      return response;
    };
  }
  const outside = vi.mocked(globalThis.fetch).getMockImplementation() ?? globalThis.fetch;
  vi.mocked(globalThis.fetch).mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    await harvest("to Amazon", request);
    const response = await outside(request);
    await harvest("from Amazon", response);
    return response;
  });
  const listen = (...parts: unknown[]) => void lines.push(parts.map(String).join(" "));
  for (const level of ["log", "info", "warn", "error", "debug"] as const)
    vi.spyOn(console, level).mockImplementation(listen);
  const skill = await admin(service, "POST", "skills", {
    ...SKILL_BODY,
    id: SKILL_ID,
    vendorId: VENDOR,
    extraRedirectUris: simulatedRedirectUris(VENDOR),
    scopes: ["profile"],
    returnUrls: [`${SIMULATOR}/company/done`, `${SIMULATOR}/company/app/return`],
    lwa: LWA,
    eventGateway: LWA,
    client: { id: "alexa-log" },
  });
  const backend = await admin(service, "POST", "clients", {
    id: "log-backend",
    kind: "service",
    name: "Backend",
    skillIds: [SKILL_ID],
  });
  await admin(service, "POST", "clients", {
    id: "demo-app",
    kind: "app",
    name: "Acme app",
    redirectUris: [`${SIMULATOR}/company/app/callback`],
    scopes: ["links"],
    skillIds: [],
  });
  await admin(service, "POST", "users", { ...SIGN_IN, name: "Log" });
  await drive("PUT", "/simulator/skill", {
    skillId: SKILL_ID,
    stage: "development",
    name: "Acme Home",
    authorizationUrl: `${SERVICE}/authorize`,
    appAuthorizationUrl: `${SERVICE}/app/authorize`,
    tokenUrl: `${SERVICE}/token`,
    clientId: "alexa-log",
    clientSecret: (skill.body.client as { secret: string }).secret,
    scopes: ["profile"],
    pkce: true,
    vendorId: VENDOR,
    lwa: LWA,
    redirectUrls: [`${SERVICE}/link/callback`, `${SERVICE}/app/callback`],
    accountLinking: { defaultTokenExpirationInSeconds: 3600 },
    eventsUrl: `${SERVICE}/alexa/events`,
    sendAlexaEvents: true,
    acceptGrant: {
      url: `${SERVICE}/alexa/accept-grant`,
      clientId: "log-backend",
      clientSecret: backend.body.secret,
    },
  });
  operator = visit(service);
  const page = await operator.get("/admin");
  await operator.post("/admin/session", { ...page.hidden("/admin/session"), token: ADMIN_TOKEN });
});
afterEach(async () => {
  await service.settled();
  vi.restoreAllMocks();
});

/** Plays everything that the service is for, and what goes wrong. */
async function playAll(): Promise<void> {
  await linked("authorize");
  await run("authorize", { decision: "deny" });
  await run("refresh", { count: 3 });
  await linked("events", { events: ["SkillEnabled", "SkillAccountLinked"] });
  await run("events");
  await linked("authorize");
  await run("disable");
  for (const via of ["lwa", "alexa_app"]) await linked("app-to-app", { via });
  await run("app-to-app", { via: "lwa", decision: "deny" });
  await linked("company-app");
  await run("conformance");
  for (const faults of [
    { lwa: 503 },
    { lwaResponse: { error: "invalid_client" } },
    { lwaResponse: { error: "invalid_grant", grant: "authorization_code" } },
    { consent: { error: "access_denied" } },
    { consent: { error: "invalid_scope", errorDescription: "Not allowed" } },
    { discovery: 503 },
    { enablement: { all: 403 } },
    { enablement: { all: 503 } },
    { enablementResponse: { notLinked: true } },
    { authorize: { wrongRedirectUri: true } },
    { authorize: { wrongClientId: true } },
    { token: { wrongSecret: true } },
  ]) {
    await drive("PUT", "/simulator/faults", faults).catch(() => undefined);
    await run("app-to-app", { via: "lwa" });
    await run("authorize");
    await drive("PUT", "/simulator/faults", {});
  }
}

/** Requests that no scenario makes: refused, wrong, repeated, and a storage fault. */
async function playRefusals(): Promise<void> {
  const token = (fields: Record<string, string>, headers = {}) => service.request("/token", form(fields, headers));
  const wrong = { authorization: `Basic ${btoa("alexa-log:wrong-secret-that-must-stay-secret")}` };
  await token({ grant_type: "refresh_token", refresh_token: "rt_of-somebody-else-0123456789" }, wrong);
  await service.request("/token", exchange("c0code-of-nobody-0123456789", { client_id: "nobody" }));
  const app = { client_id: "demo-app", grant_type: "authorization_code", code: "c0another-code-of-nobody" };
  await token({ ...app, redirect_uri: `${SIMULATOR}/company/app/callback`, code_verifier: "v".repeat(43) });
  await service.request("/revoke", form({ token: "rt_of-somebody-else-0123456789" }, wrong));
  await service.request("/introspect", form({ token: "an-access-token-of-nobody" }, wrong));
  await admin(service, "GET", "audit", undefined, { token: "wrong-admin-token-0123456789" });
  await admin(service, "POST", `skills/${SKILL_ID}/rotate-secret`);
  await admin(service, "GET", "users?email=log-lines%40example.com");
  const browser = visit(service);
  await browser.get(`/link/${SKILL_ID}?return_to=https%3A%2F%2Fevil.example%2F`);
  await browser.get("/link/callback?code=ANcode-of-nobody-0123456789&state=state-of-nobody-0123456789");
  await browser.signIn(SIGN_IN.email, "a-wrong-password-0123456789");
  await browser.get(
    `/authorize?client_id=alexa-log&redirect_uri=${encodeURIComponent(REDIRECT_URI)}&state=state-1-0123456789`,
  );
  service.meter.faults.push(failing(() => true, "before", "D1_ERROR: Network connection lost", 3));
  await browser.get(`/link/${SKILL_ID}`);
  await token({ ...app, redirect_uri: `${SIMULATOR}/company/app/callback`, code_verifier: "v".repeat(43) });
  service.meter.clear();
  await admin(service, "POST", "maintenance");
}

/** Lines that a request may have beside the one about its end. */
const ON_THE_WAY =
  /^(endpoint_discovery|lwa|enablement|disable|profile)_(failed|unavailable)$|^enablement_status_unknown$|^(code_repeated|signing_key_made)$/;

it("each line is of one request, and has documented fields, no secret and ids that the console finds", async () => {
  await playAll();
  await playRefusals();
  await service.settled();
  const config = parseConfig({ ISSUER: SERVICE, MASTER_KEY: "A".repeat(43), ADMIN_TOKEN });
  await createService(config, () => service.clock.now + 2 * HOUR).scheduled(service.env, () => undefined);

  expect(lines.filter((line) => line.includes("\n") || !line.startsWith("{"))).toEqual([]);
  const parsed = lines.map((line) => JSON.parse(line) as Record<string, string>);
  const events = new Set(parsed.map(({ event }) => event));
  for (const event of EVENTS) expect([...events]).toContain(event);
  const byRequest = Map.groupBy(parsed, ({ requestId = "" }) => requestId);
  expect([...byRequest.keys()].filter((id) => !/^[\w-]{8}$/.test(id))).toEqual([]);
  const several = [...byRequest.values()]
    // The scheduled work, and an event that revokes several links.
    .filter(
      (all) =>
        !all.some(({ event }) => event === "maintenance") && !all.every(({ event }) => event === "grant_revoked"),
    )
    .map((all) => all.filter(({ event = "", level }) => level !== "alert" && !ON_THE_WAY.test(event)))
    .filter((all) => all.length > 1);
  expect(several).toEqual([]);

  const fields = new Set(parsed.flatMap((line) => Object.keys(line)));
  expect([...fields].filter((name) => !(LOG_FIELDS as readonly string[]).includes(name))).toEqual([]);

  for (const value of [ADMIN_TOKEN, SIGN_IN.email, SIGN_IN.password, LWA.clientSecret]) keep("the set-up", value);
  const { results } = await env.DB.prepare("SELECT id, email FROM users").all<{ id: string; email: string }>();
  for (const { id } of results) keep("user id", id);
  expect(secrets.size).toBeGreaterThan(400);
  const text = lines.flatMap((line) => [line, decodeURIComponent(line.replaceAll(/%(?![0-9A-Fa-f]{2})/g, "%25"))]);
  expect([...secrets].filter(([value]) => text.some((line) => line.includes(value)))).toEqual([]);

  const found = async (id: string) => {
    const { location, html } = await operator.get(`/admin/search?q=${encodeURIComponent(id)}`);
    return location !== null
      ? /^\/admin\/(attempts|customers|skills|clients)\//.test(location)
      : html.includes(`Error ${id}`);
  };
  // The first of each event: the others are alike.
  const ids = new Map<string, string>();
  const first = (what: string, id: string | undefined) => {
    if (id && !ids.has(what)) ids.set(what, id);
  };
  for (const line of parsed) {
    const { event = "", reason = "", requestId = "-" } = line;
    // Of requests that name a client or skill that does not exist.
    const names = /unknown|missing|malformed/.test(event + reason) ? [] : ["traceId", "grantId", "clientId", "skillId"];
    for (const name of names) first(`${name} of ${event}`, line[name]);
    if (shown.some((page) => page.includes(requestId))) first(`requestId of ${event}`, requestId);
  }
  expect([...ids.keys()]).toEqual(
    expect.arrayContaining(["traceId of code_redeemed", "grantId of token_refused", "requestId of storage_fault"]),
  );
  const lost: [string, string][] = [];
  for (const [what, id] of ids) if (!(await found(id))) lost.push([what, id]);
  expect(lost).toEqual([]);
}, 120_000);
