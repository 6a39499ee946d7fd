// Valid traffic, recorded while a skill is registered, a customer links and an app calls the API: templates of
// malformed requests.
import type { FuzzRequest, Material, Pair } from "./fuzz.ts";
import { formsOf, type Page, Visitor } from "./visitor.ts";

const ADMIN_TOKEN = "test-admin-token-0000000000000000000000";
const SKILL_ID = "amzn1.ask.skill.0000-fuzz";
const REDIRECT_URI = "https://pitangui.amazon.com/api/skill/link/M0FUZZVENDOR00";
const RETURN_URL = "https://app.example.com/alexa/done";
const APP_REDIRECT_URI = "https://app.example.com/oauth/callback";
const CUSTOMER = { email: "ada@example.com", password: "obviously-fake-password-1", name: "Ada Example" };
const ALEXA = { id: "alexa-fuzz", secret: "obviously-fake-secret-of-the-fuzz-client" };
const BACKEND = { id: "backend-fuzz", secret: "obviously-fake-secret-of-the-fuzz-backend" };
const ADD_ON = { id: "alexa-add-on-fuzz", secret: "obviously-fake-secret-of-the-fuzz-add-on" };
const VERIFIER = "obviously-fake-verifier-of-at-least-43-characters";

/** Sends one request to the app. */
export type Send = (request: Request) => Promise<Response>;

/** Records every request that it sends, and every valid credential, code and id. */
class Recorder {
  readonly valid: FuzzRequest[] = [];
  readonly secrets = new Set<string>();
  readonly #send: Send;
  readonly #origin: string;

  constructor(send: Send, origin: string) {
    this.#send = send;
    this.#origin = origin;
  }

  /** Records a request without sending it, so that it spends and deletes nothing. */
  note(path: string, init: RequestInit = {}): void {
    const url = new URL(path, this.#origin);
    const headers = [...new Headers(init.headers)];
    const body = typeof init.body === "string" ? init.body : undefined;
    const isJson = body !== undefined && /json/.test(new Headers(init.headers).get("content-type") ?? "");
    this.valid.push({
      method: init.method ?? "GET",
      path: url.pathname,
      query: pairsOf(url.search.slice(1)),
      headers,
      ...(body === undefined ? {} : isJson ? { json: JSON.parse(body) as unknown } : { form: pairsOf(body) }),
    });
    for (const [, value] of headers) for (const part of value.split(/[ =;]+/)) this.#remember(part);
    for (const [, value] of pairsOf(body !== undefined && !isJson ? body : ""))
      this.#remember(decodeURIComponent(value));
  }

  async request(path: string, init: RequestInit = {}): Promise<Response> {
    this.note(path, init);
    const response = await this.#send(new Request(new URL(path, this.#origin), { redirect: "manual", ...init }));
    for (const found of (await response.clone().text()).matchAll(/[A-Za-z0-9_.-]{20,}/g)) this.#remember(found[0]);
    for (const [, value] of pairsOf(response.headers.get("location")?.split("?")[1] ?? "")) this.#remember(value);
    return response;
  }

  async json(path: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
    const text = await (await this.request(path, init)).text();
    return text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : {};
  }

  #remember(value: string): void {
    if (value.length >= 12 && value.length < 4096 && this.secrets.size < 400) this.secrets.add(value);
  }
}

function pairsOf(text: string): Pair[] {
  if (text === "") return [];
  return text.split("&").map((pair): Pair => {
    const equals = pair.indexOf("=");
    return equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
  });
}

function post(fields: Readonly<Record<string, string>>, authorization?: string): RequestInit {
  return {
    method: "POST",
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      ...(authorization === undefined ? {} : { authorization }),
    },
    body: new URLSearchParams(fields).toString(),
  };
}

function call(method: string, authorization: string, body?: unknown): RequestInit {
  return {
    method,
    headers: { authorization, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
}

async function challenge(): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(VERIFIER));
  return btoa(String.fromCharCode(...new Uint8Array(digest)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

/** Sets up a new service and uses each of its routes once. `paths`: its route table. */
export async function gatherMaterial(send: Send, origin: string, paths: readonly string[]): Promise<Material> {
  const recorder = new Recorder(send, origin);
  await operate(recorder);
  const browser = new Visitor(recorder, origin);
  await sitInBrowser(recorder, browser);
  const tokens = await linkFromAlexa(recorder, browser);
  await useApp(recorder, browser);
  await serveSkill(recorder, tokens);
  await readPublic(recorder);
  const known = paths.filter((path) => !path.endsWith("*"));
  const patterns = known.map((path) => new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/:[^/]+/g, "[^/]+")}$`));
  const valid = recorder.valid.filter(({ path }) => patterns.some((pattern) => pattern.test(path)));
  const protocol = valid.filter(({ path }) => /^\/(token|authorize|introspect|revoke|userinfo|api\/auth)/.test(path));
  return { valid, protocol, secrets: [...recorder.secrets], paths: known };
}

async function operate(recorder: Recorder): Promise<void> {
  const admin = (method: string, body?: unknown) => call(method, `Bearer ${ADMIN_TOKEN}`, body);
  const skill = {
    id: SKILL_ID,
    name: "Acme Home",
    type: "smart_home",
    stage: "development",
    vendorId: "M0FUZZVENDOR00",
    extraRedirectUris: [],
    scopes: ["profile", { name: "devices:control", descriptions: { en: "Control your devices" } }],
    returnUrls: [RETURN_URL],
    lwa: { clientId: "amzn1.application-oa2-client.fuzz", clientSecret: "obviously-fake-lwa-secret" },
    eventGateway: { clientId: "amzn1.application-oa2-client.fuzz2", clientSecret: "obviously-fake-event-secret" },
    client: { id: ALEXA.id, secret: ALEXA.secret },
  };
  const app = {
    id: "app-fuzz",
    kind: "app",
    name: "Acme app",
    redirectUris: [APP_REDIRECT_URI],
    scopes: ["links"],
    skillIds: [],
  };
  const backend = {
    ...BACKEND,
    kind: "service",
    name: "Acme backend",
    redirectUris: [],
    scopes: [],
    skillIds: [SKILL_ID],
  };
  const addOn = {
    id: "amzn1.ask.skill.add-on-fuzz",
    name: "Acme Notes",
    type: "add_on",
    vendorId: "M0FUZZVENDOR00",
    resource: "https://mcp.example.com/mcp",
    scopes: [
      { name: "mcp:service", tier: "service", descriptions: {} },
      { name: "mcp:tools", tier: "user" },
    ],
    returnUrls: [RETURN_URL],
    client: ADD_ON,
    serviceClient: { id: "add-on-service-fuzz" },
  };
  await recorder.request("/api/admin/skills", admin("POST", skill));
  await recorder.request("/api/admin/skills", admin("POST", addOn));
  await recorder.request("/api/admin/clients", admin("POST", app));
  await recorder.request("/api/admin/clients", admin("POST", backend));
  const user = await recorder.json("/api/admin/users", admin("POST", CUSTOMER));
  const skillPath = `/api/admin/skills/${SKILL_ID}`;
  const addOnPath = `/api/admin/skills/${addOn.id}`;
  for (const path of [
    "/api/admin/skills",
    skillPath,
    `${skillPath}/account-linking-request`,
    `${addOnPath}/protected-resource`,
    "/api/admin/clients",
    "/api/admin/clients/app-fuzz",
    `/api/admin/users?email=${encodeURIComponent(CUSTOMER.email)}`,
    `/api/admin/users/${String(user.id)}`,
    `/api/admin/linkings?skillId=${SKILL_ID}&outcome=linked&limit=10`,
    "/api/admin/refusals?limit=5",
    `/api/admin/metrics?skillId=${SKILL_ID}&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&period=day`,
    "/api/admin/keys",
    "/api/admin/audit?alert=true&limit=5",
  ]) {
    await recorder.request(path, admin("GET"));
  }
  await recorder.request(
    skillPath,
    admin("PATCH", { name: "Acme Home", returnUrls: [RETURN_URL], client: { requirePkce: false } }),
  );
  recorder.note(`${skillPath}/rotate-secret`, admin("POST", { overlapSeconds: 600 }));
  recorder.note(`${addOnPath}/rotate-secret?client=service`, admin("POST", { overlapSeconds: 600 }));
  recorder.note(addOnPath, admin("PATCH", { resource: "https://mcp.example.com/moved", scopes: ["mcp:tools"] }));
  recorder.note(addOnPath, admin("PATCH", { serviceClient: null }));
  recorder.note(addOnPath, admin("PATCH", { serviceClient: addOn.serviceClient }));
  const becomes = { type: "add_on", resource: "https://home.example.com/mcp", serviceClient: { id: "second-fuzz" } };
  recorder.note(skillPath, admin("PATCH", becomes));
  recorder.note("/api/admin/clients/backend-fuzz", admin("PATCH", { name: "Backend", skillIds: [SKILL_ID] }));
  recorder.note("/api/admin/clients/backend-fuzz/rotate-secret", admin("POST", { overlapSeconds: 600 }));
  recorder.note(`/api/admin/users/${String(user.id)}`, admin("PATCH", { name: "Ada", password: CUSTOMER.password }));
  recorder.note("/api/admin/keys/rotate", admin("POST", {}));
  recorder.note("/api/admin/maintenance", admin("POST", {}));
  recorder.note("/api/admin/clients/nobody", admin("DELETE"));
  recorder.note("/api/admin/users/nobody", admin("DELETE"));
  recorder.note("/api/admin/skills/nobody", admin("DELETE"));
}

function cookieOf(browser: Visitor): string {
  return [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
}

/** The requests that the buttons of a page would send. */
function noteForms(recorder: Recorder, browser: Visitor, page: Page, typed: Readonly<Record<string, string>>): void {
  for (const { action, fields } of formsOf(page.html)) {
    const sent = post({ ...fields, ...typed });
    recorder.note(action || page.url, { ...sent, headers: { ...sent.headers, cookie: cookieOf(browser) } });
  }
}

async function sitInBrowser(recorder: Recorder, browser: Visitor): Promise<void> {
  const operator = new Visitor(recorder);
  const signIn = await operator.open("/admin");
  if (formsOf(signIn.html).length > 0) await operator.submit(signIn, { token: ADMIN_TOKEN });
  noteForms(recorder, operator, await operator.open("/admin"), {});
  for (const method of ["oidc", "amazon"]) {
    const departure = await browser.submit(await browser.open("/sign-in?continue_to=%2Faccount"), { method });
    const state = new URL(departure.location ?? "/", "https://nowhere.example").searchParams.get("state") ?? "none";
    const headers = { cookie: cookieOf(browser) };
    recorder.note(`/sign-in/${method}/callback?state=${state}&code=obviously-fake-code`, { headers });
    recorder.note(`/sign-in/${method}/callback?state=${state}&error=access_denied`, { headers });
  }
  const page = await browser.open("/sign-in?continue_to=%2Faccount");
  const account = await browser.submit(page, { email: CUSTOMER.email, password: CUSTOMER.password });
  noteForms(recorder, browser, account, {});
  const passwords = { current: CUSTOMER.password, password: CUSTOMER.password };
  noteForms(recorder, browser, await browser.open("/account/password"), passwords);
}

/** Requests a code and approves. Returns the code. */
async function consentTo(browser: Visitor, query: Readonly<Record<string, string>>): Promise<string> {
  const page = await browser.open(`/authorize?${new URLSearchParams(query)}`);
  const back = await browser.submit(page, { decision: "allow" });
  return new URL(back.location ?? "https://nowhere.example").searchParams.get("code") ?? "";
}

const ALEXA_REQUEST = {
  client_id: ALEXA.id,
  redirect_uri: REDIRECT_URI,
  response_type: "code",
  scope: "profile devices:control",
  state: "QUFBQUFBQUFBQUFBQUFBQUFBQUE=",
};

async function linkFromAlexa(recorder: Recorder, browser: Visitor): Promise<Record<string, unknown>> {
  const basic = `Basic ${btoa(`${ALEXA.id}:${ALEXA.secret}`)}`;
  const exchange = (code: string, more: Readonly<Record<string, string>> = {}) =>
    ({ grant_type: "authorization_code", code, redirect_uri: REDIRECT_URI, ...more }) as const;
  const tokens = await recorder.json("/token", post(exchange(await consentTo(browser, ALEXA_REQUEST)), basic));
  const pkce = { code_challenge: await challenge(), code_challenge_method: "S256" };
  const unspent = await consentTo(browser, { ...ALEXA_REQUEST, ...pkce });
  recorder.note("/token", post(exchange(unspent, { code_verifier: VERIFIER }), basic));
  const refreshToken = String(tokens.refresh_token);
  const credentials = { client_id: ALEXA.id, client_secret: ALEXA.secret };
  await recorder.request("/token", post({ grant_type: "refresh_token", refresh_token: refreshToken }, basic));
  await recorder.request("/token", post({ grant_type: "refresh_token", refresh_token: refreshToken, ...credentials }));
  await recorder.request(
    "/introspect",
    post({ token: String(tokens.access_token), token_type_hint: "access_token" }, basic),
  );
  await recorder.request("/userinfo", { headers: { authorization: `Bearer ${String(tokens.access_token)}` } });
  recorder.note("/revoke", post({ token: refreshToken, ...credentials }));
  const account = await browser.open("/account");
  const unlink = /href="(\/account\/links\/[^"]+)"/.exec(account.html)?.[1];
  if (unlink !== undefined) await browser.open(unlink);
  return tokens;
}

async function useApp(recorder: Recorder, browser: Visitor): Promise<void> {
  const asked = {
    client_id: "app-fuzz",
    redirect_uri: APP_REDIRECT_URI,
    response_type: "code",
    scope: "links",
    state: "s",
    code_challenge: await challenge(),
    code_challenge_method: "S256",
  };
  const code = await consentTo(browser, asked);
  const redeem = { grant_type: "authorization_code", client_id: "app-fuzz", redirect_uri: APP_REDIRECT_URI };
  const tokens = await recorder.json("/token", post({ ...redeem, code, code_verifier: VERIFIER }));
  const bearer = `Bearer ${String(tokens.access_token)}`;
  recorder.note(
    "/token",
    post({ grant_type: "refresh_token", client_id: "app-fuzz", refresh_token: String(tokens.refresh_token) }),
  );
  const query = new URLSearchParams(ALEXA_REQUEST).toString();
  const { ticket } = await recorder.json("/api/authorizations", call("POST", bearer, { query }));
  await recorder.request("/api/authorizations", call("POST", bearer, { query, ticket, decision: "deny" }));
  await recorder.request("/api/links", call("GET", bearer));
  await recorder.request(`/api/links/${SKILL_ID}`, call("GET", bearer));
  const start = { skillId: SKILL_ID, stage: "development", returnTo: RETURN_URL, platform: "ios" };
  const link = await recorder.json("/api/links", call("POST", bearer, start));
  await recorder.request("/api/links", call("POST", bearer, { ...start, platform: "web" }));
  const state = String(link.state ?? "unknown-state");
  recorder.note("/api/links/complete", call("POST", bearer, { state, code: "ANobviouslyfakecode" }));
  recorder.note("/api/links/complete", call("POST", bearer, { state, error: "access_denied" }));
  recorder.note("/api/links/complete", call("POST", bearer, { state, result: "sealed" }));
  recorder.note(`/api/links/${SKILL_ID}`, call("DELETE", bearer));
  recorder.note(`/api/links/${SKILL_ID}/grants/0grant`, call("DELETE", bearer));
  await recorder.request(`/app/callback?state=${state}&code=ANobviouslyfakecode`);
  const page = await browser.open(`/link/${SKILL_ID}&return_to=${encodeURIComponent(RETURN_URL)}`);
  const back = formsOf(page.html).length > 0 ? await browser.submit(page, { decision: "allow" }) : page;
  const started = new URL(back.location ?? "/", "https://nowhere.example").searchParams.get("state") ?? state;
  const cookie = cookieOf(browser);
  recorder.note(`/link/callback?state=${started}&code=ANobviouslyfakecode`, { headers: { cookie } });
  recorder.note(`/link/callback?state=${started}&error=access_denied`, { headers: { cookie } });
}

async function serveSkill(recorder: Recorder, tokens: Record<string, unknown>): Promise<void> {
  const basic = `Basic ${btoa(`${BACKEND.id}:${BACKEND.secret}`)}`;
  const resource = "https://devices.example.com";
  await recorder.request("/token", post({ grant_type: "client_credentials", resource }, basic));
  const accessToken = String(tokens.access_token);
  await recorder.request("/introspect", post({ token: accessToken }, basic));
  const addOn = `Basic ${btoa(`${ADD_ON.id}:${ADD_ON.secret}`)}`;
  const mcp = { grant_type: "client_credentials", resource: "https://mcp.example.com/mcp", scope: "mcp:service" };
  recorder.note("/token", post(mcp, addOn));
  recorder.note(
    "/alexa/reciprocal",
    post({ grant_type: "reciprocal_authorization_code", code: "AN", client_id: "x" }, `Bearer ${accessToken}`),
  );
  const grantee = { type: "BearerToken", token: accessToken };
  const directive = {
    header: {
      namespace: "Alexa.Authorization",
      name: "AcceptGrant",
      messageId: "message-0000-fake",
      payloadVersion: "3",
    },
    payload: { grant: { type: "OAuth2.AuthorizationCode", code: "ANobviouslyfakecode" }, grantee },
  };
  recorder.note("/alexa/accept-grant?region=EU", call("POST", basic, { directive }));
  recorder.note("/api/event-gateway/token", call("POST", basic, { accessToken }));
  recorder.note("/api/event-gateway/token", call("POST", basic, { userId: "0user", skillId: SKILL_ID }));
  const application = { applicationId: SKILL_ID };
  const person = { personId: "amzn1.ask.person.fake", accessToken };
  const System = { application, user: { userId: "amzn1.ask.account.fake", accessToken }, person };
  const apiEndpoint = "https://api.eu.amazonalexa.com";
  const context = { System: { ...System, apiEndpoint, apiAccessToken: "Atza|obviously-fake" } };
  recorder.note("/api/personalization", call("POST", basic, { context, profile: ["name"] }));
  recorder.note("/alexa/events", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      signaturecertchainurl: "https://s3.amazonaws.com/echo.api/echo-api-cert.pem",
      signature: "AAAA",
      "signature-256": "AAAA",
    },
    body: JSON.stringify({
      version: "1.0",
      context: { System: { application, user: { userId: "amzn1.ask.account.fake", accessToken } } },
      request: {
        type: "AlexaSkillEvent.SkillDisabled",
        requestId: "request-0000-fake",
        timestamp: "2026-01-15T12:00:00Z",
        eventCreationTime: "2026-01-15T12:00:00Z",
        body: { userInformationPersistenceStatus: "NOT_PERSISTED" },
      },
    }),
  });
}

async function readPublic(recorder: Recorder): Promise<void> {
  for (const path of [
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/.well-known/jwks.json",
    "/.well-known/apple-app-site-association",
    "/.well-known/assetlinks.json",
    "/healthz",
    "/openapi.json",
    "/docs",
    `/app/authorize?${new URLSearchParams(ALEXA_REQUEST)}`,
  ]) {
    await recorder.request(path);
  }
}
