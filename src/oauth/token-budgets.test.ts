// What a token request costs: storage round trips, and queries that use an index.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { insert } from "../../test/support/rows.ts";
import { exchange, json, refresh, seedCode, seedEveryone } from "../../test/support/seeds.ts";
import { type Service, START, startService } from "../../test/support/service.ts";
import {
  anotherIsolate,
  asAlexa,
  asService,
  exchangeOfApp,
  grantIdOf,
  HOUR,
  linkAlexa,
  linkApp,
  MINUTE,
  refreshOfApp,
  SECOND,
  seedAppCode,
  seedCodeInKv,
  userinfo,
} from "../../test/support/tokens.ts";
import { sha256 } from "../crypto/hash.ts";

beforeEach(seedEveryone);

let imported = 0;

/** A refresh token that another server issued. */
async function seedImported(): Promise<string> {
  const token = `of-another-server-${++imported}`;
  await insert("grants", { id: token, refreshHash: await sha256(token), importedAt: START }).run();
  return token;
}

/** How many statements the calls to D1 had; a batch may have several. */
function statementsOf(service: Service): number {
  const calls = service.meter.roundTrips.filter(({ store }) => store === "DB");
  return calls.reduce((sum, { sql }) => sum + sql.split(";\n").length, 0);
}

interface Most {
  readonly kv: number;
  readonly d1: number;
  readonly statements: number;
}

function expectAtMost(service: Service, most: Most): void {
  const calls = service.meter.calls();
  expect(statementsOf(service), calls.join()).toBeLessThanOrEqual(most.statements);
  expect(calls.filter((call) => call.startsWith("CODES.")).length, calls.join()).toBeLessThanOrEqual(most.kv);
  expect(calls.filter((call) => call.startsWith("DB.")).length, calls.join()).toBeLessThanOrEqual(most.d1);
}

describe("storage round trips", () => {
  interface Cost {
    readonly most: Most;
    readonly prepare: (service: Service) => Promise<() => Promise<Response>>;
    /** 200 if it is left out. */
    readonly status?: number;
  }
  const costs: Record<string, Cost> = {
    "W2: a code exchange takes one read of KV and one batch": {
      prepare: async (service) => {
        const code = await seedCodeInKv(service);
        return () => service.request("/token", exchange(code));
      },
      most: { kv: 1, d1: 1, statements: 3 },
    },
    "W2: an exchange of a code that KV does not have takes one more read": {
      prepare: async (service) => {
        const code = await seedCode();
        return () => service.request("/token", exchange(code));
      },
      most: { kv: 1, d1: 2, statements: 4 },
    },
    "a stable refresh takes one read": {
      prepare: async (service) => {
        const { refresh_token } = await linkAlexa(service);
        return () => service.request("/token", refresh(refresh_token));
      },
      most: { kv: 0, d1: 1, statements: 1 },
    },
    "a stable refresh on another day takes one read and one write": {
      prepare: async (service) => {
        const { refresh_token } = await linkAlexa(service);
        service.clock.advance(25 * HOUR);
        await warm(service);
        return () => service.request("/token", refresh(refresh_token));
      },
      most: { kv: 0, d1: 2, statements: 2 },
    },
    "a rotating refresh takes one read and one write": {
      prepare: async (service) => {
        const { refresh_token } = await linkApp(service);
        return () => service.request("/token", refreshOfApp(refresh_token));
      },
      most: { kv: 0, d1: 2, statements: 2 },
    },
    "a public client's token that was never issued takes one read": {
      prepare: async (service) => {
        const { refresh_token } = await linkApp(service);
        return () => service.request("/token", refreshOfApp(refresh_token.replace(/.{43}$/, "A".repeat(43))));
      },
      status: 400,
      most: { kv: 0, d1: 1, statements: 1 },
    },
    "a public client's token of another form takes none": {
      prepare: async (service) => () => service.request("/token", refreshOfApp("of-another-server")),
      status: 400,
      most: { kv: 0, d1: 0, statements: 0 },
    },
    "client credentials take none": {
      prepare: async (service) => () => service.request("/token", asService({ grant_type: "client_credentials" })),
      most: { kv: 0, d1: 0, statements: 0 },
    },
    "an introspection of an access token takes one read": {
      prepare: async (service) => {
        const { access_token } = await linkAlexa(service);
        return () => service.request("/introspect", asService({ token: access_token }));
      },
      most: { kv: 0, d1: 1, statements: 1 },
    },
    "an introspection of a refresh token takes one read": {
      prepare: async (service) => {
        const { refresh_token } = await linkAlexa(service);
        return () => service.request("/introspect", asAlexa({ token: refresh_token }));
      },
      most: { kv: 0, d1: 1, statements: 1 },
    },
    "userinfo takes one read": {
      prepare: async (service) => {
        const { access_token } = await linkAlexa(service);
        return () => userinfo(service, access_token);
      },
      most: { kv: 0, d1: 1, statements: 1 },
    },
    "the key set takes none": {
      prepare: async (service) => () => service.request("/.well-known/jwks.json"),
      most: { kv: 0, d1: 0, statements: 0 },
    },
  };

  async function warm(service: Service): Promise<void> {
    await linkAlexa(service);
    await linkApp(service);
    await service.request("/token", asService({ grant_type: "client_credentials" }));
  }

  for (const [name, { prepare, status = 200, most }] of Object.entries(costs)) {
    it(`${name} (warm)`, async () => {
      const service = startService();
      await warm(service);
      const request = await prepare(service);
      service.meter.clear();
      expect((await request()).status).toBe(status);
      expectAtMost(service, most);
    });
  }

  const links = { stable: [linkAlexa, refresh], rotating: [linkApp, refreshOfApp] } as const;
  for (const [kind, [link, init]] of Object.entries(links)) {
    it(`the response to a ${kind} refresh does not wait until the use of the token is recorded`, async () => {
      const service = startService();
      const { refresh_token } = await link(service);
      service.clock.advance(25 * HOUR);
      await warm(service);
      const usedAt = () =>
        env.DB.prepare("SELECT last_used_at FROM grants WHERE id = ?").bind(grantIdOf(refresh_token)).first();
      const before = await usedAt();
      service.meter.faults.push({ when: ({ sql }) => sql.startsWith("UPDATE grants SET"), delayMs: 1000 });
      expect((await service.requestOnly("/token", init(refresh_token))).status).toBe(200);
      expect(await usedAt()).toEqual(before);
      await service.settled();
      expect(await usedAt()).toEqual({ last_used_at: service.clock.now });
    });
  }

  interface ColdRequest {
    readonly path?: string;
    readonly prepare: (first: Service) => Promise<RequestInit>;
    /** Round trips to D1 before the response. */
    readonly most: number;
  }
  /** Requests to a cold isolate. Finding out why a code was refused takes one more round trip. */
  const cold: Record<string, ColdRequest> = {
    "a code exchange from KV": { prepare: async (first) => exchange(await seedCodeInKv(first)), most: 2 },
    "a code exchange from D1": { prepare: async () => exchange(await seedCode()), most: 2 },
    "an unknown code": { prepare: async () => exchange(`c0${"u".repeat(43)}`), most: 2 },
    "a wrong redirect URI": {
      prepare: async (first) => exchange(await seedCodeInKv(first), { redirect_uri: "https://evil.test/" }),
      most: 2,
    },
    "a replayed code": {
      prepare: async (first) => {
        const code = await seedCodeInKv(first);
        await first.request("/token", exchange(code));
        first.clock.advance(MINUTE);
        return exchange(code);
      },
      most: 3,
    },
    "a replayed code with a wrong redirect URI": {
      prepare: async (first) => {
        const code = await seedCodeInKv(first);
        await first.request("/token", exchange(code));
        return exchange(code, { redirect_uri: "https://evil.test/" });
      },
      most: 3,
    },
    "a public client's exchange": { prepare: async () => exchangeOfApp(await seedAppCode()), most: 2 },
    "a stable refresh": { prepare: async (first) => refresh((await linkAlexa(first)).refresh_token), most: 1 },
    "a rotating refresh": { prepare: async (first) => refreshOfApp((await linkApp(first)).refresh_token), most: 1 },
    "a refresh with another server's token": {
      prepare: async () => refresh(await seedImported()),
      most: 1,
    },
    "a token of Alexa's that nobody knows, if the skill has no relay": {
      prepare: async () => refresh("of-nobody"),
      most: 2,
    },
    "client credentials": { prepare: async () => asService({ grant_type: "client_credentials" }), most: 1 },
    "Basic credentials that can be read in two ways": {
      prepare: async () => ({
        ...exchange(await seedCode()),
        headers: { "content-type": "application/x-www-form-urlencoded", authorization: `Basic ${btoa("a%62:c%64")}` },
      }),
      most: 2,
    },
    "an introspection of an access token": {
      path: "/introspect",
      prepare: async (first) => asService({ token: (await linkAlexa(first)).access_token }),
      most: 1,
    },
    "an introspection of a refresh token": {
      path: "/introspect",
      prepare: async (first) => asAlexa({ token: (await linkAlexa(first)).refresh_token }),
      most: 1,
    },
    "an introspection of another server's refresh token": {
      path: "/introspect",
      prepare: async () => asAlexa({ token: await seedImported() }),
      most: 1,
    },
    "an introspection of a token without a user": {
      path: "/introspect",
      prepare: async (first) => {
        const { access_token } = await json(
          await first.request("/token", asService({ grant_type: "client_credentials" })),
        );
        return asService({ token: access_token });
      },
      most: 1,
    },
    "a revocation": {
      path: "/revoke",
      prepare: async (first) => asAlexa({ token: (await linkAlexa(first)).refresh_token }),
      most: 2,
    },
  };
  for (const [name, { path = "/token", prepare, most }] of Object.entries(cold)) {
    it(`W2: ${name} takes at most ${most} round trips to D1 before the response (cold)`, async () => {
      const first = startService();
      await linkAlexa(first);
      const init = await prepare(first);
      const isolate = anotherIsolate(first);
      const response = await isolate.requestOnly(path, init);
      await response.text();
      await isolate.settled();
      // The reason for a refusal and the use of a token are recorded after the response.
      const roundTrips = isolate.meter.roundTrips.filter(
        ({ sql }) => !/^UPDATE (attempts SET reason|grants SET (generation|last_used_at))/.test(sql),
      );
      expect(roundTrips.filter(({ store }) => store === "DB").length).toBeLessThanOrEqual(most);
      expect(roundTrips.filter(({ store }) => store === "CODES").length).toBeLessThanOrEqual(1);
    });
  }

  it("W2: a refresh with stale signing keys in a warm isolate takes one round trip to D1", async () => {
    const service = startService();
    await linkApp(service);
    service.clock.advance(50 * SECOND);
    const { refresh_token } = await linkAlexa(service);
    service.clock.advance(15 * SECOND);
    service.meter.clear();
    expect((await service.request("/token", refresh(refresh_token))).status).toBe(200);
    expectAtMost(service, { kv: 0, d1: 1, statements: 2 });
  });

  it("W2: a warm isolate with stale signing keys reads them in a round trip that it makes anyway", async () => {
    const service = startService();
    await linkAlexa(service);
    service.clock.advance(50 * SECOND);
    await linkApp(service);
    service.clock.advance(15 * SECOND);
    const code = await seedAppCode();
    service.meter.clear();
    expect((await service.request("/token", exchangeOfApp(code))).status).toBe(200);
    expectAtMost(service, { kv: 1, d1: 2, statements: 5 });
  });

  it("F4: every query of the OAuth endpoints uses an index", async () => {
    const statements = new Set<string>();
    const collectFrom = async (run: (service: Service) => Promise<unknown>) => {
      const service = startService();
      await run(service);
      for (const { store, sql } of service.meter.roundTrips) {
        if (store === "DB") for (const statement of sql.split(";\n")) statements.add(statement);
      }
    };
    for (const { prepare } of Object.values(costs)) {
      await collectFrom(async (service) => (await prepare(service))());
    }
    for (const { path = "/token", prepare } of Object.values(cold)) {
      await collectFrom(async (service) => service.request(path, await prepare(service)));
    }
    await collectFrom(async (service) => {
      const retired = await linkApp(service);
      const next = await json(await service.request("/token", refreshOfApp(retired.refresh_token)));
      await service.request("/token", refreshOfApp(next.refresh_token));
      service.clock.advance(2 * MINUTE);
      await service.request("/token", refreshOfApp(retired.refresh_token));
    });
    await collectFrom(async (service) => {
      await service.request("/revoke", asAlexa({ token: (await linkAlexa(service)).refresh_token }));
    });
    expect(statements.size).toBeGreaterThan(15);
    for (const sql of statements) {
      const numbered = [...sql.matchAll(/\?(\d+)/g)].map((match) => Number(match[1]));
      const parameters = numbered.length > 0 ? Math.max(...numbered) : (sql.match(/\?/g) ?? []).length;
      const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .bind(...Array.from({ length: parameters }, () => null))
        .all<{ detail: string }>();
      const scans = plan.results.map(({ detail }) => detail).filter((detail) => detail.startsWith("SCAN"));
      // There are only a few signing keys; a virtual table is the JSON column of one row.
      expect(
        scans.filter((detail) => !/^SCAN (signing_keys|CONSTANT ROW|\w+ VIRTUAL TABLE)/.test(detail)),
        sql,
      ).toEqual([]);
    }
  });
});
