// The demo: registers one skill, its clients and a user through the admin API. Running it again changes nothing.

export const DEMO_SKILL_ID = "amzn1.ask.skill.0000-demo";
const DEMO_STAGE = "development";
export const DEMO_USER = { email: "demo@example.com", password: "demo-password-1", name: "Demo Customer" };
export const DEMO_VENDOR_ID = "M0DEMOVENDOR00";
const DEMO_LWA_CLIENT_ID = "amzn1.application-oa2-client.00000000000000000000000000000de0";
const DEMO_EVENT_CLIENT_ID = "amzn1.application-oa2-client.00000000000000000000000000000de1";

export interface DemoOptions {
  /** Origin of the service. */
  readonly service: string;
  /** Origin of the simulator. */
  readonly simulator: string;
  readonly adminToken: string;
  readonly secrets: {
    readonly alexaClient: string;
    readonly serviceClient: string;
    readonly lwa: string;
    readonly eventGateway: string;
  };
}

/** A call of the admin API. */
export async function call(
  options: Pick<DemoOptions, "service" | "adminToken">,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; json: Record<string, unknown> }> {
  const response = await fetch(`${options.service}/api/admin${path}`, {
    method,
    headers: {
      authorization: `Bearer ${options.adminToken}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, json: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

/** Throws when the admin API returned another status. */
export function expectStatus(response: { status: number; json: unknown }, what: string, ...allowed: number[]): void {
  if (!allowed.includes(response.status)) {
    throw new Error(`${what}: the admin API returned ${response.status} ${JSON.stringify(response.json)}`);
  }
}

function skillOf({ simulator, secrets }: DemoOptions) {
  return {
    id: DEMO_SKILL_ID,
    name: "Acme Home",
    type: "smart_home",
    stage: DEMO_STAGE,
    vendorId: DEMO_VENDOR_ID,
    extraRedirectUris: ["pitangui", "layla", "japan"].map(
      (host) => `${simulator}/${host}/api/skill/link/${DEMO_VENDOR_ID}`,
    ),
    scopes: [
      {
        name: "profile",
        descriptions: { en: "See your name and e-mail address", de: "Ihren Namen und Ihre E-Mail-Adresse sehen" },
      },
      { name: "devices:control", descriptions: { en: "Control your devices", de: "Ihre Geräte steuern" } },
    ],
    returnUrls: [`${simulator}/company/done`, `${simulator}/company/app/return`],
    lwa: { clientId: DEMO_LWA_CLIENT_ID, clientSecret: secrets.lwa },
    eventGateway: { clientId: DEMO_EVENT_CLIENT_ID, clientSecret: secrets.eventGateway },
  };
}

/** Registers the demo at the service, as far as it is missing, and the skill at the simulator. */
export async function registerDemo(options: DemoOptions): Promise<void> {
  await registerSkill(options);
  await registerClients(options);
  const found = await call(options, "GET", `/users?email=${encodeURIComponent(DEMO_USER.email)}`);
  expectStatus(found, "reading the demo user", 200);
  if ((found.json.items as unknown[]).length === 0) {
    expectStatus(await call(options, "POST", "/users", DEMO_USER), "creating the demo user", 201);
  }
  await configureSimulator(options);
}

async function registerSkill(options: DemoOptions): Promise<void> {
  const path = `/skills/${encodeURIComponent(DEMO_SKILL_ID)}`;
  const wanted = skillOf(options);
  const present = await call(options, "GET", path);
  expectStatus(present, "reading the demo skill", 200, 404);
  if (present.status === 404) {
    const client = { id: "alexa-acme-home", secret: options.secrets.alexaClient };
    expectStatus(await call(options, "POST", "/skills", { ...wanted, client }), "creating the demo skill", 201);
    return;
  }
  // The ports may have changed since the last run.
  const { extraRedirectUris, returnUrls, lwa, eventGateway } = wanted;
  const changed =
    JSON.stringify(present.json.extraRedirectUris) !== JSON.stringify(extraRedirectUris) ||
    JSON.stringify(present.json.returnUrls) !== JSON.stringify(returnUrls);
  if (changed) {
    const patch = { extraRedirectUris, returnUrls, lwa, eventGateway };
    expectStatus(await call(options, "PATCH", path, patch), "updating the demo skill", 200);
  }
}

async function registerClients(options: DemoOptions): Promise<void> {
  const app = {
    id: "demo-app",
    kind: "app",
    name: "Acme app",
    redirectUris: [`${options.simulator}/company/app/callback`],
    scopes: ["links"],
    skillIds: [],
  };
  const backend = {
    id: "demo-service",
    kind: "service",
    name: "Acme skill backend",
    redirectUris: [],
    scopes: [],
    skillIds: [DEMO_SKILL_ID],
    secret: options.secrets.serviceClient,
  };
  for (const client of [app, backend]) {
    const present = await call(options, "GET", `/clients/${client.id}`);
    expectStatus(present, `reading ${client.id}`, 200, 404);
    const current = JSON.stringify(present.json.redirectUris) === JSON.stringify(client.redirectUris);
    if (present.status === 200 && current) continue;
    if (present.status === 200) {
      expectStatus(await call(options, "DELETE", `/clients/${client.id}`), `replacing ${client.id}`, 204);
    }
    expectStatus(await call(options, "POST", "/clients", client), `creating ${client.id}`, 201);
  }
}

async function configureSimulator(options: DemoOptions): Promise<void> {
  const { service, simulator, secrets } = options;
  const skill = skillOf(options);
  const linking = await call(options, "GET", `/skills/${encodeURIComponent(skill.id)}/account-linking-request`);
  expectStatus(linking, "reading the demo skill's account linking", 200);
  const { defaultTokenExpirationInSeconds } = linking.json.accountLinkingRequest as Record<string, unknown>;
  const configuration = {
    skillId: skill.id,
    stage: skill.stage,
    name: skill.name,
    authorizationUrl: `${service}/authorize`,
    appAuthorizationUrl: `${simulator}/company/app/authorize`,
    tokenUrl: `${service}/token`,
    clientId: "alexa-acme-home",
    clientSecret: secrets.alexaClient,
    accessTokenScheme: "HTTP_BASIC",
    scopes: skill.scopes.map((scope) => scope.name),
    pkce: true,
    vendorId: skill.vendorId,
    lwa: skill.lwa,
    eventGateway: skill.eventGateway,
    redirectUrls: [`${service}/link/callback`, `${service}/app/callback`],
    eventsUrl: `${service}/alexa/events`,
    sendAlexaEvents: true,
    accountLinking: { defaultTokenExpirationInSeconds },
    acceptGrant: {
      url: `${service}/alexa/accept-grant`,
      clientId: "demo-service",
      clientSecret: secrets.serviceClient,
    },
    personalization: {
      url: `${service}/api/personalization`,
      clientId: "demo-service",
      clientSecret: secrets.serviceClient,
    },
    company: {
      name: "Acme",
      appClientId: "demo-app",
      returnUrl: `${simulator}/company/done`,
      searchUrl: `${service}/admin/search?zone=UTC&q=`,
    },
  };
  const response = await fetch(`${simulator}/simulator/skill`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(configuration),
  });
  if (!response.ok)
    throw new Error(`the simulator refused the demo skill: ${response.status} ${await response.text()}`);
}

/** The service's variables that replace Amazon's URLs and Alexa's root certificate with the simulator's. */
export function simulatedAmazon(simulator: string, certRoot: string): Record<string, string> {
  return {
    AMAZON_AUTHORIZE_URL: `${simulator}/ap/oa`,
    AMAZON_TOKEN_URL: `${simulator}/auth/o2/token`,
    AMAZON_PROFILE_URL: `${simulator}/user/profile`,
    ALEXA_APP_URL: `${simulator}/spa/skill-account-linking-consent`,
    ALEXA_API_URL: simulator,
    ALEXA_API_HOSTS: ["na", "eu", "fe"].map((region) => `${simulator}/${region}`).join(","),
    ALEXA_CERT_ORIGIN: simulator,
    ALEXA_CERT_ROOTS: certRoot,
  };
}
