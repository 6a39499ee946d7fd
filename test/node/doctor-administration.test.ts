// The doctor inside a server of this project: one thing wrong, one finding; and where the admin token goes.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { administrationOf } from "../../cli/doctor/administration.ts";
import { type Terminal, UsageError } from "../../cli/terminal.ts";
import { administration } from "../../doctor/checks/administration.ts";
import type { Administration } from "../../doctor/examination.ts";
import { amazonRedirectUri, REDIRECT_HOSTS, type RedirectHost } from "../../simulator/library/authorization-request.ts";
import { examinationOf, examine, findings, withOutcome } from "./doctor-support.ts";

const NOW = Date.now();
const HOUR_MS = 3_600_000;
const ago = (hours: number) => new Date(NOW - hours * HOUR_MS).toISOString();
const VENDOR = "M0EXAMPLE00001";
const HOSTS = Object.keys(REDIRECT_HOSTS) as RedirectHost[];
const URIS = HOSTS.map((host) => amazonRedirectUri(host, VENDOR));
const AMAZONS = "amzn1.application-oa2-client.0123456789abcdef";

const SKILL = {
  id: "amzn1.ask.skill.1",
  type: "smart_home",
  vendorId: VENDOR,
  lwa: { clientId: AMAZONS },
  eventGateway: { clientId: `${AMAZONS}2` },
  client: { id: "alexa-acme", redirectUris: URIS },
  serviceClient: null,
};

const GOOD: Record<string, unknown> = {
  "/healthz": { status: "ok" },
  "/openapi.json": { info: { version: "0.1.0" } },
  "/api/admin/skills": { items: [SKILL] },
  "/api/admin/keys": { items: [{ kid: "k1", status: "current", signsFrom: ago(24), createdAt: ago(25) }] },
  "/api/admin/audit": { items: [{ kind: "code_replayed", at: ago(30), details: null }] },
  "/api/admin/refusals": { items: [] },
  "/api/admin/linkings": { items: [] },
  "/api/admin/metrics": { totals: { accept_grant_ok: 3 } },
};

const page = (body: string) =>
  new Response(`<!doctype html><form method="post">${body}</form>`, { headers: { "content-type": "text/html" } });
const PRIVACY = '<a href="https://example.com/privacy">Privacy</a>';

interface Bent {
  /** Instead of the good responses, by path without query. */
  readonly api?: Record<string, unknown>;
  readonly page?: string;
  readonly driftOf?: Administration["driftOf"];
}

async function look({ api = {}, page: html = PRIVACY, driftOf = async () => [] }: Bent = {}) {
  const admin: Administration = {
    driftOf,
    async get(path) {
      const [name = ""] = path.split("?");
      const given = name in api ? api[name] : GOOD[name];
      if (typeof given === "number") return { status: given, json: {} };
      return { status: 200, json: given as Record<string, unknown> };
    },
  };
  const fetch = async () => page(html);
  const results = await examine(administration, examinationOf({ probes: { administration: admin }, fetch }));
  return { results, found: findings(results) };
}

const skill = (change: object) => ({ "/api/admin/skills": { items: [{ ...SKILL, ...change }] } });
const alert = (kind: string) => ({ "/api/admin/audit": { items: [{ kind, at: ago(2), details: "grant g1" }] } });

describe("a server of this project", () => {
  it("O10: in good order passes everything", async () => {
    const { results, found } = await look();
    expect(found).toEqual([]);
    expect(withOutcome(results, "skipped")).toEqual([]);
    expect(results.get("admin_access")?.detail).toBe("the server's version is 0.1.0");
  });

  it.each<[string, string, Bent, RegExp]>([
    ["admin_access", "fail", { api: { "/api/admin/skills": 401 } }, /ADMIN_TOKEN is not the one of this server/],
    ["admin_access", "fail", { api: { "/api/admin/skills": 404 } }, /no server of this project/],
    ["admin_skills_registered", "warn", { api: { "/api/admin/skills": { items: [] } } }, /none/],
    [
      "admin_redirect_uris_complete",
      "fail",
      { api: skill({ client: { ...SKILL.client, redirectUris: URIS.slice(0, 1) } }) },
      /lacks layla\.amazon\.com, alexa\.amazon\.co\.jp/,
    ],
    [
      "admin_redirect_uris_complete",
      "warn",
      { api: skill({ client: { ...SKILL.client, redirectUris: URIS.slice(0, 3) } }) },
      /lacks alexa\.amazon\.com/,
    ],
    [
      "admin_secret_overlap",
      "warn",
      { api: skill({ client: { ...SKILL.client, previousSecretExpiresAt: ago(-20) } }) },
      /previous secret ends on 20\d\d-/,
    ],
    [
      "admin_amazon_pair",
      "fail",
      { api: skill({ lwa: { clientId: "alexa-acme" } }) },
      /lwa\.clientId is the id that Alexa presents/,
    ],
    ["admin_amazon_pair", "fail", { api: skill({ client: { ...SKILL.client, id: AMAZONS } }) }, /is one of Amazon's/],
    [
      "admin_amazon_pair",
      "fail",
      { api: skill({ eventGateway: { clientId: "acme" } }) },
      /eventGateway\.clientId is acme/,
    ],
    [
      "admin_signing_keys",
      "fail",
      { api: { "/api/admin/keys": { items: [{ kid: "k1", status: "retired" }] } } },
      /no key is current/,
    ],
    [
      "admin_signing_key_age",
      "warn",
      { api: { "/api/admin/keys": { items: [{ kid: "k1", status: "current", signsFrom: ago(100 * 24) }] } } },
      /100 days/,
    ],
    ["admin_unlinks_given_up", "warn", { api: alert("unlink_given_up") }, /grant g1/],
    ["admin_webhooks_given_up", "warn", { api: alert("webhook_given_up") }, /1: grant g1/],
    ["admin_alerts", "warn", { api: alert("code_replayed") }, /code_replayed \(1\)/],
    [
      "admin_refused_requests",
      "warn",
      {
        api: {
          "/api/admin/refusals": {
            items: [
              {
                clientId: "alexa-acme",
                reason: "client_unknown",
                redirectUri: "",
                count: 3,
                lastSeenAt: ago(1),
                remedy: "Enter the right id.",
              },
              {
                clientId: "old",
                reason: "client_unknown",
                redirectUri: "",
                count: 9,
                lastSeenAt: ago(40),
                remedy: "Never.",
              },
            ],
          },
        },
      },
      /^alexa-acme: client_unknown {2}\(3\)$/,
    ],
    [
      "admin_failed_attempts",
      "warn",
      {
        api: {
          "/api/admin/linkings": {
            items: [
              {
                skillId: "s",
                reason: "enablement_rejected",
                traceId: "t1",
                createdAt: ago(3),
                remedy: "Use our code.",
              },
            ],
          },
        },
      },
      /enablement_rejected \(t1\)/,
    ],
    [
      "admin_accept_grant",
      "fail",
      { api: { "/api/admin/metrics": { totals: { accept_grant_failed: 2 } } } },
      /2 of 2 failed/,
    ],
    [
      "admin_accept_grant",
      "fail",
      { api: { "/api/admin/metrics": { totals: { counts: { accept_grant_failed: 1, accept_grant_ok: 1 } } } } },
      /1 of 2 failed/,
    ],
    ["admin_amazon_configuration", "fail", { driftOf: async () => ["clientId is other"] }, /clientId is other/],
    [
      "admin_password_mode",
      "warn",
      { page: `<input type="password" name="password">${PRIVACY}` },
      /asks for a password/,
    ],
    ["admin_privacy_link", "warn", { page: "<button>Continue</button>" }, /no link/],
  ])("O10: one thing wrong, one finding: %s", async (id, outcome, bent, detail) => {
    const { results, found } = await look(bent);
    expect(found).toEqual([id]);
    const { effect, remedy, source, ...result } = results.get(id)!;
    expect(result).toMatchObject({ outcome, detail: expect.stringMatching(detail) });
    expect([effect, remedy, source].every((text) => (text ?? "").length > 10)).toBe(true);
  });

  it("O10: an unhealthy database is named with the server's own words", async () => {
    const admin: Administration = {
      get: async (path) =>
        path === "/healthz"
          ? {
              status: 503,
              json: { detail: "The database lacks grants. Run: npx wrangler d1 migrations apply DB --remote." },
            }
          : { status: 503, json: { detail: "x" } },
    };
    const results = await examine(administration, examinationOf({ probes: { administration: admin } }));
    expect(results.get("admin_health")).toMatchObject({
      outcome: "fail",
      detail: expect.stringContaining("migrations apply"),
    });
  });

  it("O3: the finding on AcceptGrant says that it looks like a failed link although the token response was good", async () => {
    const { results } = await look({ api: { "/api/admin/metrics": { totals: { accept_grant_failed: 1 } } } });
    expect(results.get("admin_accept_grant")?.effect).toContain("although the token response was good");
  });

  it("L1: the finding on swapped pairs names both places", async () => {
    const { results } = await look({ api: skill({ lwa: { clientId: "alexa-acme" } }) });
    expect(results.get("admin_amazon_pair")?.remedy).toMatch(/lwa takes the Alexa Client Id .* belong to client/);
  });

  it("the server's own remedies are the finding's", async () => {
    const items = [{ clientId: "a", reason: "r", count: 1, lastSeenAt: ago(1), remedy: "Set the skill's vendorId." }];
    const { results } = await look({ api: { "/api/admin/refusals": { items } } });
    expect(results.get("admin_refused_requests")?.remedy).toMatch(/^Set the skill's vendorId\. /);
  });

  it("a refused request that named no client says so", async () => {
    const items = [{ clientId: "", reason: "client_missing", path: "/token", count: 1, lastSeenAt: ago(1) }];
    const { results } = await look({ api: { "/api/admin/refusals": { items } } });
    expect(results.get("admin_refused_requests")?.detail).toBe("no client id: client_missing /token (1)");
  });

  it("an add-on is not compared with SMAPI, and a comparison that fails is skipped", async () => {
    const addOn = await look({ api: skill({ type: "add_on" }) });
    expect(addOn.results.get("admin_amazon_configuration")?.outcome).toBe("skipped");
    const failing = await look({ driftOf: async () => Promise.reject(new Error("SMAPI returned 401")) });
    expect(failing.results.get("admin_amazon_configuration")).toMatchObject({
      outcome: "skipped",
      detail: expect.stringContaining("SMAPI returned 401"),
    });
  });

  it("a server that has issued no token yet has no key, which is no failure", async () => {
    const { results } = await look({ api: { "/api/admin/keys": { items: [] } } });
    expect(results.get("admin_signing_keys")).toMatchObject({
      outcome: "skipped",
      detail: expect.stringContaining("none yet"),
    });
    expect(results.get("admin_signing_key_age")).toMatchObject({ outcome: "skipped" });
  });

  it("responses of any shape end nothing", async () => {
    const odd = [null, [], "text", { items: "no" }, { items: [null, 1, { client: 5, lwa: "x", redirectUris: {} }] }];
    for (const value of odd) {
      const api = Object.fromEntries(Object.keys(GOOD).map((path) => [path, value]));
      await expect(look({ api })).resolves.toBeDefined();
    }
  });

  it("without --admin everything is skipped", async () => {
    const results = await examine(administration, examinationOf());
    expect(withOutcome(results, "skipped")).toHaveLength(administration.checks.length);
  });
});

describe("the admin token", () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });
  const ADMIN_TOKEN = "obviously-fake-admin-token-0000000000";
  const terminal = (environment: Record<string, string>) =>
    ({ environment, interactive: false }) as unknown as Terminal;

  async function serve(respond: (path: string) => [number, Record<string, string>]) {
    const seen: [string, string | undefined][] = [];
    const server = createServer((request, response) => {
      seen.push([request.url ?? "", request.headers.authorization]);
      const [status, headers] = respond(request.url ?? "");
      response.writeHead(status, { "content-type": "application/json", ...headers }).end('{"items":[]}');
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
  }

  it("goes to the admin API of the target only, and no redirect takes it elsewhere", async () => {
    const other = await serve(() => [200, {}]);
    const target = await serve(() => [302, { location: `${other.origin}/api/admin/skills` }]);
    const admin = await administrationOf(target.origin, terminal({ ADMIN_TOKEN }), 2000);
    expect(await admin.get("/api/admin/skills")).toMatchObject({ status: 302 });
    await admin.get("/healthz");
    await expect(admin.get(`${other.origin}/api/admin/skills`)).rejects.toThrow("is not a path of the server");
    await expect(admin.get("//other.example.com/api/admin/skills")).rejects.toThrow("is not a path of the server");
    expect(other.seen).toEqual([]);
    expect(target.seen).toEqual([
      ["/api/admin/skills", `Bearer ${ADMIN_TOKEN}`],
      ["/healthz", undefined],
    ]);
  });

  it("is not sent by http to another machine, nor asked of nobody", async () => {
    await expect(administrationOf("http://link.example.com", terminal({ ADMIN_TOKEN }), 2000)).rejects.toThrow(
      "must be https: http would send the admin token unencrypted",
    );
    await expect(administrationOf(undefined, terminal({ ADMIN_TOKEN }), 2000)).rejects.toThrow(UsageError);
    await expect(administrationOf("https://link.example.com", terminal({}), 2000)).rejects.toThrow(UsageError);
  });

  it("a server that is silent or returns no JSON is a status, not an exception", async () => {
    const admin = await administrationOf("http://127.0.0.1:1", terminal({ ADMIN_TOKEN }), 500);
    expect(await admin.get("/healthz")).toEqual({ status: 0 });
  });
});
