// 100,000 requests without credentials over all endpoints, from several networks: how much they leave in D1 and KV.
import { env } from "cloudflare:workers";
import { afterEach, expect, it, vi } from "vitest";
import { createService } from "../../src/app.ts";
import { parseConfig } from "../../src/env.ts";
import { Counters } from "../../src/observability/counters.ts";
import { DEMO, seedAccount } from "../support/accounts.ts";
import { seedLwa } from "../support/app-user.ts";
import { query } from "../support/authorize.ts";
import { BROKEN_ENCODINGS, CONTENT_TYPES, HEADER_NAMES, HOSTILE, METHODS, PARAMETERS } from "../support/fuzz-values.ts";
import { AMAZON, metadata, OIDC } from "../support/providers.ts";
import { createRandom } from "../support/random.ts";
import { ALEXA_CLIENT, APP_CLIENT, SERVICE_CLIENT, SKILL_ID, seedAppAndService, seedSkill } from "../support/seeds.ts";
import { ADMIN_TOKEN, ISSUER, START, startService } from "../support/service.ts";
import { formsOf } from "../support/visitor.ts";

const REQUESTS = 100_000;
const AT_ONCE = 20;
const DAY_MS = 24 * 3_600_000;
/** Four IPv4 addresses and four IPv6 /48 networks. */
const NETWORKS = 8;

afterEach(() => vi.unstubAllGlobals());

interface Stored {
  readonly rows: Readonly<Record<string, number>>;
  readonly bytes: number;
  readonly keys: number;
}

async function stored(): Promise<Stored> {
  const tables = await env.DB.prepare(
    `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'
     AND name NOT IN ('d1_migrations', 'sqlite_sequence')`,
  ).all<{ name: string }>();
  const rows: Record<string, number> = {};
  let bytes = 0;
  for (const { name } of tables.results) {
    const found = await env.DB.prepare(`SELECT * FROM ${name}`).raw<unknown[]>();
    rows[name] = found.length;
    bytes += JSON.stringify(found).length;
  }
  return { rows, bytes, keys: (await env.CODES.list()).keys.length };
}

it("S11: 100,000 anonymous requests leave little, and hardly anything after maintenance", {
  timeout: 1_800_000,
}, async () => {
  const random = createRandom(Number(env.FUZZ_SEED));
  const seeds = startService();
  await seedSkill();
  await seedAppAndService();
  await seedLwa(seeds);
  await seedAccount(seeds, DEMO);
  vi.stubGlobal("console", { ...console, log() {}, warn() {}, error() {} });
  vi.stubGlobal("fetch", async (input: RequestInfo | URL) =>
    new Request(input).url.endsWith("/openid-configuration")
      ? Response.json(metadata())
      : new Response("{}", { status: random.pick([200, 400, 404, 503]) }),
  );
  let now = START;
  const counters = new Counters(null);
  const config = parseConfig({
    ...OIDC,
    ...AMAZON,
    ISSUER,
    MASTER_KEY: "A".repeat(43),
    ADMIN_TOKEN,
    PASSWORD_ITERATIONS: "1000",
    SIGN_IN_METHODS: "password,oidc,amazon",
  });
  const { app, scheduled } = createService(config, () => now, counters);
  const open = { limit: async () => ({ success: true }) };
  const bindings = { ...env, PAGE_LIMIT: open, ADMIN_LIMIT: open, USER_LIMIT: open } as Env;
  const routes = app.routes.filter(({ path }) => !path.includes("*"));
  expect(routes.length).toBeGreaterThan(60);

  let sent = 0;
  const statuses = new Map<number, number>();
  async function send(path: string, init: RequestInit = {}): Promise<Response> {
    const network = random.below(NETWORKS);
    const host = random.below(65_536).toString(16);
    const address = network < 4 ? `192.0.2.${network}` : `2001:db8:${network}:${host}::1`;
    const background: Promise<unknown>[] = [];
    const context = { waitUntil: (work: Promise<unknown>) => void background.push(work) } as ExecutionContext;
    const headers = new Headers(init.headers);
    headers.set("cf-connecting-ip", address);
    sent++;
    now += 1;
    const response = await app.fetch(
      new Request(ISSUER + path, { redirect: "manual", ...init, headers }),
      bindings,
      context,
    );
    for (let work = background.shift(); work; work = background.shift()) await work;
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    // As often as a busy isolate writes its counters.
    if (sent % 2000 === 0) await scheduledFlush();
    return response;
  }
  const ids = [ALEXA_CLIENT, APP_CLIENT, SERVICE_CLIENT, SKILL_ID, DEMO.email, "demo-user"];
  function hostile(): string {
    switch (random.below(8)) {
      case 0:
        return random.pick(ids);
      case 1:
        return random.pick(["a", "%", "?", "/", "é"]).repeat(random.pick([43, 256, 2048, 8192]));
      case 2:
        return btoa(String.fromCharCode(...random.bytes(32)));
      case 3:
        return `${random.below(1e9)}@example.com`;
      case 4:
        return `https://evil.test/${random.below(1e9)}`;
      case 5:
        return random.pick(BROKEN_ENCODINGS);
      default:
        return random.pick(HOSTILE);
    }
  }
  const encoded = (text: string) =>
    random.oneIn(10) ? text.replace(/[^\x21-\x7e]|[?#]/g, "") : encodeURIComponent(text);
  const pairs = () =>
    Array.from({ length: random.below(7) }, () => `${random.pick(PARAMETERS)}=${encoded(hostile())}`).join("&");

  /** A request to a route, with random parameters, headers and body. */
  async function playRoute(): Promise<void> {
    const route = random.pick(routes);
    const path = route.path.replaceAll(/:\w+(\{[^}]*\})?/g, () => encodeURIComponent(hostile().slice(0, 200)) || "x");
    const method = random.oneIn(10) ? random.pick(METHODS) : route.method === "ALL" ? "GET" : route.method;
    const headers = new Headers();
    for (let i = random.below(3); i > 0; i--) {
      try {
        headers.append(random.pick(HEADER_NAMES), hostile().replace(/[^\x20-\x7e]/g, ""));
      } catch {
        // Not a header that can be sent.
      }
    }
    if (random.oneIn(3))
      headers.set("authorization", `Bearer ${btoa(hostile().replace(/[^\x20-\x7e]/g, "")).slice(0, 200)}`);
    if (random.oneIn(4)) headers.set("authorization", `Basic ${btoa(`${random.pick(ids)}:${random.below(1e9)}`)}`);
    const bodyless = method === "GET" || method === "HEAD";
    const form = random.oneIn(2);
    if (!bodyless)
      headers.set(
        "content-type",
        random.oneIn(8) ? random.pick(CONTENT_TYPES) : form ? CONTENT_TYPES[0]! : "application/json",
      );
    const fields = Object.fromEntries(Array.from({ length: 4 }, () => [random.pick(PARAMETERS), hostile()]));
    const body = bodyless ? null : form ? pairs() : JSON.stringify(fields);
    try {
      await send(`${path}?${pairs()}`, { method, headers, body });
    } catch (error) {
      // What no client can send, for instance a method or a URL that `Request` refuses.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /** A new browser that goes as far as strangers can: sign-in form, wrong password, provider, callback. */
  async function playBrowser(): Promise<void> {
    const long = query({
      state: "s".repeat(random.pick([10, 8192])),
      client_id: random.pick([ALEXA_CLIENT, hostile()].map(encodeURIComponent)),
    });
    const from = random.pick(["/sign-in?continue_to=/account", `/authorize?${long}`, `/link/${SKILL_ID}`]);
    const page = await send(from);
    const cookies = new Map<string, string>();
    const keep = (response: Response) => {
      for (const line of response.headers.getSetCookie()) {
        const [pair = ""] = line.split(";");
        cookies.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1));
      }
    };
    const cookie = () => [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    keep(page);
    const form = formsOf(await page.text()).find(({ action }) => action === "/sign-in")?.hidden.form;
    if (form === undefined) return;
    const email = random.pick([DEMO.email, hostile()]);
    const fields = random.pick<Record<string, string>>([
      { email, password: "wrong-password", method: "password" },
      { method: "oidc" },
      { method: "amazon" },
    ]);
    const posted = await send("/sign-in", {
      method: "POST",
      headers: { "content-type": CONTENT_TYPES[0]!, cookie: cookie() },
      body: new URLSearchParams({ form, ...fields }).toString(),
    });
    keep(posted);
    const location = posted.headers.get("location");
    if (location === null || random.oneIn(2)) return;
    const state = new URL(location).searchParams.get("state") ?? "";
    const outcome = random.pick(["error=access_denied", "error=server_error", "code=x"]);
    await send(`/sign-in/${fields.method}/callback?state=${state}&${outcome}`, { headers: { cookie: cookie() } });
  }

  async function scheduledFlush(): Promise<void> {
    await counters
      .of({
        db: env.DB,
        log: { info() {}, warn() {}, alert() {} },
        now: () => now,
        requestId: () => "flush",
        background: () => undefined,
      })
      .flush();
  }

  const before = await stored();
  while (sent < REQUESTS) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => (random.oneIn(6) ? playBrowser() : playRoute())));
  }
  await scheduledFlush();
  const after = await stored();
  const added = (table: string, later: Stored) => (later.rows[table] ?? 0) - (before.rows[table] ?? 0);
  // What only people and clients with credentials may write.
  for (const table of [
    "users",
    "sessions",
    "codes",
    "grants",
    "audit",
    "amazon_tokens",
    "pending_unlinks",
    "webhook_outbox",
    "skill_events",
  ]) {
    expect([table, added(table, after)]).toEqual([table, 0]);
  }
  expect(after.keys).toBe(0);
  for (const status of [200, 303, 400, 401, 403, 404, 405, 429])
    expect([status, statuses.get(status) ?? 0]).not.toEqual([status, 0]);
  // Per network and minute 100 sign-ins at a provider; 300 wrong passwords at once and 12 a minute, of which each may
  // be the first at its account.
  const minutes = Math.ceil((now - START) / 60_000) + 1;
  expect(added("sign_in_attempts", after)).toBeLessThanOrEqual(NETWORKS * 100 * minutes);
  expect(added("throttles", after)).toBeLessThanOrEqual(NETWORKS * (2 * (300 + 12 * minutes) + 3));
  expect(added("attempts", after)).toBeLessThanOrEqual(NETWORKS * (300 + 112 * minutes));
  expect(added("refusals", after)).toBeLessThanOrEqual(100 + 3 * 50);
  expect(added("shown_errors", after)).toBeLessThanOrEqual((50 * sent) / 2000 + 50);
  expect(added("oauth_metrics", after)).toBeLessThanOrEqual(200);
  expect(after.bytes - before.bytes).toBeLessThan(2_500_000);

  now += DAY_MS + 3_600_000;
  const report = await scheduled(bindings, () => undefined);
  expect(report).toMatchObject({ more: false, failed: [] });
  const left = await stored();
  for (const table of ["sign_in_attempts", "throttles", "attempts"])
    expect([table, added(table, left)]).toEqual([table, 0]);
  expect(left.bytes - before.bytes).toBeLessThan(300_000);
  expect(sent).toBeGreaterThanOrEqual(REQUESTS);
});
