// The requests whose time and rows are measured at each size: a customer's, Alexa's, the operator's, maintenance.
import { type Page, type Sender, Visitor } from "../test/support/visitor.ts";
import { alexaClientOf, SKILLS } from "./growth-fill.ts";

export const ISSUER = "https://link.example.com";
export const ADMIN_TOKEN = "bench-admin-token-00000000000000000000";
const PASSWORD = "bench-password-1";
const SECRET = "obviously-fake-secret-of-the-benchmark";
const APP_CLIENT = "bench-app";
const SERVICE_CLIENT = "bench-service";
const APP_REDIRECT_URI = "https://app.example.com/oauth/callback";
const RETURN_URL = "https://app.example.com/alexa/done";
const SKILL = SKILLS[0];
const ALEXA_CLIENT = alexaClientOf(SKILL);
const ALEXA_REDIRECT_URI = "https://layla.amazon.com/api/skill/link/M0BENCHVENDOR0";
const VERIFIER = "verifier-0123456789-abcdefghijklmnopqrstuvwxyz";
const DAY_MS = 24 * 3_600_000;
/** Rows in each page of a list. */
const LIMIT = 10;

export const GROUPS = ["Customers and Alexa", "Operators", "Maintenance"] as const;
export type Group = (typeof GROUPS)[number];

/** Measures one request. Its response must have the status. */
export type Measure = (group: Group, name: string, status: number, send: () => Promise<Page>) => Promise<Page>;

export interface Measured {
  readonly sender: Sender;
  readonly database: D1;
  readonly measure: Measure;
}

/** What is needed of D1 to prepare rows. */
export interface D1 {
  prepare(sql: string): { bind(...values: unknown[]): { run(): Promise<unknown> } };
}

const basic = (id: string) => ({ authorization: `Basic ${btoa(`${id}:${SECRET}`)}` });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const asAdmin = bearer(ADMIN_TOKEN);

function expectStatus(page: Page, status: number): Page {
  if (page.status !== status) throw new Error(`${page.url}: ${page.status} ${page.html.slice(0, 300)}`);
  return page;
}

function sendJson(visitor: Visitor, method: string, path: string, headers: Record<string, string>, body?: unknown) {
  return visitor.send(path, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** Registers the skills and clients in an empty database. */
export async function register(sender: Sender): Promise<void> {
  const operator = new Visitor(sender);
  for (const id of SKILLS) {
    const skill = {
      id,
      name: `Acme ${id.slice(-1)}`,
      type: "smart_home",
      vendorId: "M0BENCHVENDOR0",
      scopes: ["profile", "devices:control"],
      returnUrls: [RETURN_URL],
      lwa: { clientId: "amzn1.application-oa2-client.bench", clientSecret: SECRET },
      client: { id: alexaClientOf(id), secret: SECRET },
    };
    expectStatus(await sendJson(operator, "POST", "/api/admin/skills", asAdmin, skill), 201);
  }
  const app = { id: APP_CLIENT, kind: "app", name: "Acme app", redirectUris: [APP_REDIRECT_URI], scopes: ["links"] };
  const service = { id: SERVICE_CLIENT, kind: "service", name: "Acme backend", redirectUris: [], scopes: [] };
  for (const client of [
    { ...app, skillIds: [] },
    { ...service, skillIds: SKILLS, secret: SECRET },
  ]) {
    expectStatus(await sendJson(operator, "POST", "/api/admin/clients", asAdmin, client), 201);
  }
  // Makes the first signing key.
  expectStatus(await operator.get("/.well-known/jwks.json"), 200);
}

async function challenge(): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(VERIFIER));
  return Buffer.from(digest).toString("base64url");
}

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}
const tokensOf = (page: Page) => JSON.parse(page.html) as Tokens;
const grantOf = (token: string) => token.split("_")[1] ?? "";
const codeOf = (page: Page) => new URL(page.location ?? "").searchParams.get("code") ?? "";

/** Everything that one new customer does, and that is done for this customer. `number` is new in each call. */
export async function customerRequests({ sender, database, measure }: Measured, number: number): Promise<void> {
  const group = "Customers and Alexa";
  const email = `new-customer-${number}@example.com`;
  const alexa = new Visitor(sender);
  const visitor = new Visitor(sender);
  const person = { email, password: PASSWORD, name: "New Customer" };
  const created = expectStatus(await sendJson(alexa, "POST", "/api/admin/users", asAdmin, person), 201);
  const { id: userId } = JSON.parse(created.html) as { id: string };

  const signInPage = await visitor.get("/sign-in");
  await measure(group, "Sign-in with a password", 303, () =>
    visitor.post("/sign-in", { ...signInPage.hidden("/sign-in"), email, password: PASSWORD }),
  );

  /** Authorization page, decision and code exchange, measured when the names are given. */
  const link = async (query: string, names?: readonly [string, string, string]): Promise<Page> => {
    const [asked, decided, exchanged] = names ?? [];
    const steps = (name: string | undefined, status: number, send: () => Promise<Page>) =>
      name === undefined ? send() : measure(group, name, status, send);
    const page = await steps(asked, 200, () => visitor.get(`/authorize?response_type=code&state=bench&${query}`));
    const decision = await steps(decided, 303, () => visitor.submit(page, { decision: "allow" }));
    return steps(exchanged, 200, () => {
      const fields = { grant_type: "authorization_code", code: codeOf(decision) };
      return names
        ? alexa.post("/token", { ...fields, redirect_uri: ALEXA_REDIRECT_URI }, { headers: basic(ALEXA_CLIENT) })
        : alexa.post("/token", { ...fields, ...ofApp, redirect_uri: APP_REDIRECT_URI, code_verifier: VERIFIER });
    });
  };
  const ofApp = { client_id: APP_CLIENT };
  const encoded = (uri: string) => encodeURIComponent(uri);

  const linked = await link(`client_id=${ALEXA_CLIENT}&redirect_uri=${encoded(ALEXA_REDIRECT_URI)}`, [
    "Authorization page, signed in",
    "Consent",
    "Code exchange",
  ]);
  const { access_token: accessToken, refresh_token: refreshToken } = tokensOf(linked);
  const refresh = () =>
    alexa.post(
      "/token",
      { grant_type: "refresh_token", refresh_token: refreshToken },
      { headers: basic(ALEXA_CLIENT) },
    );
  await measure(group, "Refresh", 200, refresh);
  await database
    .prepare("UPDATE grants SET last_used_at = last_used_at - ? WHERE id = ?")
    .bind(2 * DAY_MS, grantOf(refreshToken))
    .run();
  await measure(group, "Refresh, the first of a day", 200, refresh);
  await measure(group, "Introspection", 200, () =>
    alexa.post("/introspect", { token: accessToken }, { headers: basic(SERVICE_CLIENT) }),
  );
  await measure(group, "User information", 200, () => alexa.send("/userinfo", { headers: bearer(accessToken) }));

  const signedIn = await link(
    `client_id=${APP_CLIENT}&redirect_uri=${encoded(APP_REDIRECT_URI)}&scope=links&code_challenge=${await challenge()}&code_challenge_method=S256`,
  );
  const app = tokensOf(expectStatus(signedIn, 200));
  const asApp = bearer(app.access_token);
  await measure(group, "Refresh of an app, rotating", 200, () =>
    alexa.post("/token", { grant_type: "refresh_token", refresh_token: app.refresh_token, ...ofApp }),
  );
  await measure(group, "Links of a customer", 200, () => alexa.send("/api/links", { headers: asApp }));
  await measure(group, "Status of one skill", 200, () => alexa.send(`/api/links/${SKILL}`, { headers: asApp }));
  await measure(group, "Start of app-to-app linking", 201, () =>
    sendJson(alexa, "POST", "/api/links", asApp, { skillId: SKILL, returnTo: RETURN_URL, platform: "ios" }),
  );
  const query = `response_type=code&state=bench&client_id=${ALEXA_CLIENT}&redirect_uri=${encoded(ALEXA_REDIRECT_URI)}`;
  const shown = await measure(group, "Consent screen in the app", 200, () =>
    sendJson(alexa, "POST", "/api/authorizations", asApp, { query }),
  );
  const { ticket } = JSON.parse(shown.html) as { ticket: string };
  await measure(group, "Consent in the app", 200, () =>
    sendJson(alexa, "POST", "/api/authorizations", asApp, { query, ticket, decision: "allow" }),
  );
  await measure(group, "Account page", 200, () => visitor.get("/account"));

  const operator = "Operators";
  const view = (name: string, path: string) =>
    measure(operator, name, 200, () => alexa.send(path, { headers: asAdmin }));
  await view("Customers by e-mail address", `/api/admin/users?email=${email}`);
  await view("One customer", `/api/admin/users/${userId}`);
  await view("Links of one customer", `/api/admin/users/${userId}/links`);
  await view("Logins of one customer", `/api/admin/users/${userId}/logins`);
  await view("Attempts of one customer", `/api/admin/linkings?userId=${userId}&limit=${LIMIT}`);
  for (const outcome of ["linked", "failed", "pending"]) {
    const path = `/api/admin/linkings?userId=${userId}&outcome=${outcome}&limit=${LIMIT}`;
    await view(`Attempts of one customer, ${outcome}`, path);
  }

  await measure(group, "Unlinking", 204, () => alexa.send(`/api/links/${SKILL}`, { method: "DELETE", headers: asApp }));
  await view("Audit of one customer", `/api/admin/audit?userId=${userId}&limit=${LIMIT}`);
  await view("Audit of one link", `/api/admin/audit?grantId=${grantOf(refreshToken)}&limit=${LIMIT}`);
  await measure(group, "Revocation", 200, () => alexa.post("/revoke", { token: app.refresh_token, ...ofApp }));
  await measure(operator, "Sign-out of one customer everywhere", 204, () =>
    sendJson(alexa, "POST", `/api/admin/users/${userId}/sign-out`, asAdmin, {}),
  );
  await measure(operator, "Import of one link", 200, () => {
    const refreshTokenSha256 = userId.padEnd(43, "A");
    const items = [{ skillId: SKILL, user: { id: userId }, refreshTokenSha256, scope: "profile" }];
    return sendJson(alexa, "POST", "/api/admin/imports", asAdmin, { items });
  });
  await measure(operator, "Erasure of one customer", 204, () =>
    alexa.send(`/api/admin/users/${userId}`, { method: "DELETE", headers: asAdmin }),
  );
}

/** A browser in which the operator has signed in. */
export async function signInOperator(sender: Sender): Promise<Visitor> {
  const operator = new Visitor(sender);
  const page = await operator.get("/admin");
  const form = page.hidden("/admin/session");
  expectStatus(await operator.post("/admin/session", { ...form, token: ADMIN_TOKEN }), 303);
  return operator;
}

const OUTCOMES = ["linked", "abandoned", "cancelled", "failed", "pending"];

/** What an operator looks at. */
export async function operatorRequests({ measure }: Measured, operator: Visitor): Promise<void> {
  const get = (name: string, path: string) =>
    measure("Operators", name, 200, () => operator.send(path, { headers: asAdmin }));
  const attempts = (name: string, query: string) =>
    get(`Attempts${name}`, `/api/admin/linkings?limit=${LIMIT}${query}`);
  const first = await attempts("", "");
  const { nextCursor } = JSON.parse(first.html) as { nextCursor: string };
  await attempts(", next page", `&cursor=${nextCursor}`);
  await attempts(" of a skill", `&skillId=${SKILL}`);
  for (const outcome of OUTCOMES) await attempts(`, ${outcome}`, `&outcome=${outcome}`);
  for (const outcome of OUTCOMES) await attempts(` of a skill, ${outcome}`, `&skillId=${SKILL}&outcome=${outcome}`);
  await attempts(" of a skill that has none, cancelled", `&skillId=${SKILLS[2]}&outcome=cancelled`);
  await get("Refused requests", `/api/admin/refusals?limit=${LIMIT}`);
  await get("Audit", `/api/admin/audit?limit=${LIMIT}`);
  await get("Audit, alerts", `/api/admin/audit?alert=true&limit=${LIMIT}`);
  await get("Metrics, 30 days", "/api/admin/metrics");
  await get("Metrics, 48 hours of a skill", `/api/admin/metrics?period=hour&skillId=${SKILL}`);
  await get("Skills", "/api/admin/skills");
  await get("Dashboard", "/admin");
  await get("Dashboard, failed attempts of a skill", `/api/admin/linkings?outcome=failed&skillId=${SKILL}&limit=20`);
  await get("Health", "/healthz");
}

/** Rows of each kind that become due. */
const DUE = 100;

/** One statement for each sweep: rows that it has to end or delete. `?1`: now, `?2`: a number for the ids. */
const DUE_ROWS: readonly (readonly [table: string, columns: Readonly<Record<string, string>>])[] = [
  ...[
    { outcome: "'linked'", created_at: daysAgo(401), user_id: "'0' || i" },
    // Ended as abandoned, then deleted, because nobody had signed in.
    { outcome: "'pending'", created_at: daysAgo(2) },
  ].map(
    (own, kind) =>
      [
        "attempts",
        {
          id: `'0due${kind}-' || ?2 || '-' || i`,
          flow: "'alexa_app'",
          steps: "'[]'",
          expires_at: own.created_at,
          ...own,
        },
      ] as const,
  ),
  [
    "codes",
    {
      code_hash: id("code"),
      attempt_id: id("code"),
      grant_id: id("code"),
      origin: "'authorize'",
      client_id: `'${ALEXA_CLIENT}'`,
      user_id: "'0user'",
      redirect_uri: "''",
      scope: "''",
      created_at: daysAgo(2),
      expires_at: daysAgo(1.5),
    },
  ],
  ...[
    { revoked_at: daysAgo(31), revoked_reason: "'unlinked'" },
    { revoked_at: daysAgo(401), imported_at: daysAgo(500), refresh_hash: id("imported") },
    { idle_expires_at: daysAgo(0.1) },
    { expires_at: daysAgo(31), skill_id: "NULL" },
    { idle_expires_at: daysAgo(31), skill_id: "NULL" },
  ].map(
    (own, kind) =>
      [
        "grants",
        {
          id: id(`grant${kind}`),
          user_id: "(SELECT id FROM users LIMIT 1)",
          client_id: `'${ALEXA_CLIENT}'`,
          skill_id: `'${SKILL}'`,
          scope: "''",
          flow: "'alexa_app'",
          created_at: daysAgo(600),
          last_used_at: daysAgo(500),
          idle_expires_at: daysAgo(-1),
          ...own,
        },
      ] as const,
  ),
  [
    "sessions",
    { id: id("session"), user_id: "(SELECT id FROM users LIMIT 1)", browser_hash: id("b"), created_at: daysAgo(366) },
  ],
  ["sign_in_attempts", { state_hash: id("state"), browser_hash: id("b"), slot: "0", expires_at: daysAgo(1) }],
  ["throttles", { key: id("throttle"), failures: "1", updated_at: daysAgo(1) }],
  ["audit", { at: daysAgo(401), kind: "'grant_revoked'", user_id: "'0user'", grant_id: id("audit") }],
  ["oauth_metrics", { hour_at: `${daysAgo(801)} - i * 3600000`, skill_id: "''", name: id("m"), count: "1" }],
  [
    "refusals",
    {
      endpoint: "'authorize'",
      client_id: id("c"),
      reason: "'client_unknown'",
      detail: "''",
      count: "1",
      last_seen_at: daysAgo(91),
      recent: "'[]'",
    },
  ],
  ["skill_events", { request_id: id("event"), received_at: daysAgo(401) }],
];

function daysAgo(days: number): string {
  return `(?1 - ${days * DAY_MS})`;
}
function id(kind: string): string {
  return `'0${kind}-' || ?2 || '-' || i`;
}

const DUE_TOTAL = DUE * (DUE_ROWS.length + 1);

/** The scheduled work, when nothing is due and when some rows of every kind are. `number` is new in each call. */
export async function maintenanceRequests({ sender, database, measure }: Measured, number: number): Promise<void> {
  const operator = new Visitor(sender);
  const run = () => sendJson(operator, "POST", "/api/admin/maintenance", asAdmin);
  await untilDone(run);
  const idle = await measure("Maintenance", "Scheduled work, nothing due", 200, run);
  expectSwept(idle, 0);
  for (const [table, columns] of DUE_ROWS) {
    const names = Object.keys(columns);
    await database
      .prepare(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${DUE})
        INSERT INTO ${table} (${names}) SELECT ${Object.values(columns)} FROM n WHERE ?1 > 0 AND ?2 >= 0`,
      )
      .bind(Date.now(), number)
      .run();
  }
  const busy = await measure("Maintenance", `Scheduled work, ${DUE_TOTAL} rows due`, 200, run);
  expectSwept(busy, DUE_TOTAL);
}

async function untilDone(run: () => Promise<Page>): Promise<void> {
  for (let count = 0; count < 100; count++) {
    const { more, failed } = JSON.parse(expectStatus(await run(), 200).html) as { more: boolean; failed: string[] };
    if (failed.length > 0) throw new Error(`maintenance failed: ${failed}`);
    if (!more) return;
  }
  throw new Error("maintenance does not end");
}

function expectSwept(page: Page, rows: number): void {
  const { swept } = JSON.parse(page.html) as { swept: Record<string, number> };
  const total = Object.values(swept).reduce((sum, count) => sum + count, 0);
  if (total !== rows) throw new Error(`maintenance swept ${total} rows instead of ${rows}: ${JSON.stringify(swept)}`);
}
