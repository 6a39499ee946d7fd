// Malformed requests over the whole route table: no exception, no 5xx of our making, nothing reflected, no open
// redirect.
import { applyD1Migrations, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createApp } from "../../src/app.ts";
import { parseConfig } from "../../src/env.ts";
import { Counters } from "../../src/observability/counters.ts";
import { describeRequest, type FuzzRequest, type Material, makeRequest, toWire } from "../support/fuzz.ts";
import { gatherMaterial } from "../support/fuzz-material.ts";
import { createRandom, type Random } from "../support/random.ts";
import { ADMIN_TOKEN, START } from "../support/service.ts";

const REQUESTS = Number(env.FUZZ_REQUESTS);
const SEED = Number(env.FUZZ_SEED);
/**
 * Requests until the service starts with empty storage again, since some mutations are valid and delete what others
 * need.
 */
const REQUESTS_A_ROUND = 500;
const AT_ONCE = 10;
const PROVIDER = "https://id.example.com";
const PROGRESS_EVERY = 5_000;
/** Log events that only our own bugs cause. */
const OUR_FAULT = /"event":"(unhandled_exception|storage_fault|token_deadline_passed)"/;
const REFLECTED = /<script>alert\(1\)|<img src=x onerror/;
const STACK = /\n\s+at .*\.(ts|tsx|js):\d+/;

const print = console.log;
let complaints: string[] = [];

beforeEach(() => {
  complaints = [];
  const listen = (...parts: unknown[]) => {
    const line = parts.map(String).join(" ");
    if (OUR_FAULT.test(line)) complaints.push(line);
  };
  vi.stubGlobal("console", { ...console, log: listen, warn: listen, error: listen });
});
afterEach(() => vi.unstubAllGlobals());

interface Running {
  readonly origin: string;
  readonly paths: readonly string[];
  send(request: Request): Promise<Response>;
}

/** A service in development or with a public issuer, whose rate limiters let everything through. */
function startService(random: Random): Running {
  const origin = random.oneIn(2) ? "http://localhost:8787" : "https://link.example.com";
  const config = parseConfig({
    ISSUER: origin,
    MASTER_KEY: "A".repeat(43),
    ADMIN_TOKEN,
    PASSWORD_ITERATIONS: "1000",
    SIGN_IN_METHODS: "password,oidc,amazon",
    OIDC_ISSUER: PROVIDER,
    OIDC_CLIENT_ID: "fuzz",
    OIDC_CLIENT_SECRET: "obviously-fake-provider-secret",
    OIDC_AUDIENCE: "fuzz-api",
    OIDC_CLIENTS: "fuzz-app",
    AMAZON_SIGN_IN_CLIENT_ID: "amzn1.application-oa2-client.fuzz3",
    AMAZON_SIGN_IN_CLIENT_SECRET: "obviously-fake-sign-in-secret",
    APPLE_APP_IDS: "ABCDE12345.com.example.acme",
    ANDROID_APPS: `com.example.acme=${Array(32).fill("AA").join(":")}`,
  });
  const app = createApp(config, () => START, new Counters(null));
  const open = { limit: async () => ({ success: true }) };
  const bindings = { ...env, PAGE_LIMIT: open, ADMIN_LIMIT: open, USER_LIMIT: open } as Env;
  return {
    origin,
    paths: [...new Set(app.routes.map((route) => route.path))],
    async send(request) {
      const background: Promise<unknown>[] = [];
      const context = {
        waitUntil: (work: Promise<unknown>) => void background.push(work),
        passThroughOnException() {},
        props: {},
      } as unknown as ExecutionContext;
      const response = await app.fetch(request, bindings, context);
      // Background work may start more of it.
      for (let work = background.shift(); work; work = background.shift()) await work;
      return response;
    },
  };
}

/** The identity provider's metadata is valid; all other outbound responses are random. */
function answerFromOutside(random: Random, address: string): Response {
  if (address.startsWith(`${PROVIDER}/.well-known/`)) {
    return Response.json({
      issuer: PROVIDER,
      authorization_endpoint: `${PROVIDER}/authorize`,
      token_endpoint: `${PROVIDER}/token`,
      jwks_uri: `${PROVIDER}/keys`,
      response_types_supported: ["code"],
    });
  }
  const tokens = { access_token: "Atza|fake", refresh_token: "Atzr|fake", token_type: "bearer", expires_in: 3600 };
  const linked = { status: "ENABLED", accountLink: { status: "LINKED" }, skill: { stage: "development" } };
  return random.oneIn(4)
    ? new Response("<html>", { status: random.pick([200, 302, 400, 401, 403, 404, 409, 429, 500, 503]) })
    : Response.json(random.pick<unknown>([tokens, linked, {}, [], null, { error: "invalid_grant" }]), {
        status: random.pick([200, 201, 400]),
      });
}

/**
 * Every address that was registered in this round, even if it is gone by now: links that began before it went end
 * there.
 */
const registered = new Set<string>();

async function rememberRegistered(): Promise<void> {
  const { results } = await env.DB.prepare(
    `SELECT value FROM clients, json_each(clients.redirect_uris)
     UNION SELECT value FROM skills, json_each(skills.return_urls)
     UNION SELECT value FROM skills, json_each(skills.extra_redirect_uris)`,
  ).all<{ value: string }>();
  for (const { value } of results) registered.add(value);
}

/** Whether a redirect leads to us, to Amazon's fixed addresses, or to a registered address. */
async function mayLeadTo(location: string, origin: string): Promise<boolean> {
  if (/^\/(?![/\\])/.test(location)) return true;
  if (location.startsWith(`${origin}/`) || location.startsWith(`${PROVIDER}/authorize?`)) return true;
  if (/^https:\/\/(www\.amazon\.com\/ap\/oa|alexa\.amazon\.com\/spa\/skill-account-linking-consent)\?/.test(location)) {
    return true;
  }
  await rememberRegistered();
  return [...registered].some(
    (value) => location === value || location.startsWith(`${value}?`) || location.startsWith(`${value}&`),
  );
}

/** What is wrong with a response; undefined when it is correct. */
async function faultOf(response: Response, method: string, origin: string): Promise<string | undefined> {
  const text = await response.text();
  if (response.status >= 500 && response.status !== 503) return `status ${response.status}: ${text.slice(0, 500)}`;
  if (response.status === 503 && !response.headers.has("retry-after")) return "503 without Retry-After";
  const location = response.headers.get("location");
  if (location !== null && !(await mayLeadTo(location, origin))) return `leads to ${location.slice(0, 300)}`;
  const ours = origin.startsWith("http:")
    ? /^(browser|session|signed-out|admin|transaction|sign-in-\d-\d)=/
    : /^(__Host-(browser|session|signed-out|admin|transaction)|__Secure-sign-in-\d-\d)=/;
  const foreign = response.headers.getSetCookie().find((cookie) => !ours.test(cookie));
  if (foreign !== undefined) return `sets the cookie ${foreign.slice(0, 100)}`;
  const type = response.headers.get("content-type") ?? "";
  if (/json/.test(type) && method !== "HEAD" && text !== "") {
    try {
      JSON.parse(text);
    } catch {
      return `not JSON: ${text.slice(0, 200)}`;
    }
  }
  if (/html/.test(type) && REFLECTED.test(text)) return "what was sent stands in the page as markup";
  return STACK.test(text) ? `a stack: ${text.slice(0, 500)}` : undefined;
}

interface Attempt {
  readonly number: number;
  readonly request: FuzzRequest;
  readonly fault: string | undefined;
}

async function attempt(service: Running, number: number, request: FuzzRequest, wire: Request): Promise<Attempt> {
  try {
    return { number, request, fault: await faultOf(await service.send(wire), request.method, service.origin) };
  } catch (error) {
    return { number, request, fault: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** The next requests that an HTTP library would send. */
function nextBatch(random: Random, material: Material, service: Running, size: number) {
  const batch: { request: FuzzRequest; wire: Request }[] = [];
  while (batch.length < size) {
    const request = makeRequest(random, material);
    const wire = toWire(request, service.origin);
    if (wire) batch.push({ request, wire });
  }
  return batch;
}

it("B4, W4, A2: malformed requests of every kind never cause an exception, a 5xx, a foreign redirect or markup", {
  timeout: 60_000 + REQUESTS * 100,
}, async () => {
  const random = createRandom(SEED);
  const outside = createRandom(SEED + 1);
  vi.stubGlobal("fetch", async (input: RequestInfo | URL) => answerFromOutside(outside, new Request(input).url));
  const statuses = new Map<number, number>();
  for (let sent = 0; sent < REQUESTS; ) {
    await reset();
    await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
    const service = startService(random);
    const counted: Running = {
      ...service,
      async send(request) {
        const response = await service.send(request);
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
        return response;
      },
    };
    const material = await gatherMaterial(service.send, service.origin, service.paths);
    // Alexa and the app have linked; otherwise most requests would be refused at once.
    expect(await env.DB.prepare("SELECT COUNT(*) FROM grants").first("COUNT(*)")).toBeGreaterThanOrEqual(2);
    const end = Math.min(REQUESTS, sent + REQUESTS_A_ROUND);
    while (sent < end) {
      const batch = nextBatch(random, material, service, Math.min(AT_ONCE, end - sent));
      const first = sent + 1;
      sent += batch.length;
      const attempts = await Promise.all(
        batch.map(({ request, wire }, index) => attempt(counted, first + index, request, wire)),
      );
      const guilty = attempts.filter(({ fault }) => fault !== undefined);
      if (guilty.length === 0 && complaints.length === 0) continue;
      const suspects = guilty.length > 0 ? guilty : attempts;
      const shown = suspects.map((one) => `#${one.number}: ${one.fault ?? "?"}\n${describeRequest(one.request)}`);
      expect.fail(`seed ${SEED}, ${service.origin}\n${complaints.join("\n")}\n${shown.join("\n")}`);
    }
    if (sent % PROGRESS_EVERY === 0) {
      const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
      print(`seed ${SEED}: ${sent} of ${REQUESTS} requests; responses ${counts.join(", ")}`);
    }
  }
  // Requests that are all refused at once would test little.
  const common = REQUESTS >= 1000 ? [200, 303, 400, 401, 403, 404, 405] : [];
  for (const status of common) expect(statuses.get(status) ?? 0).toBeGreaterThan(0);
});
