// Many requests at once, and what one request costs: winners, losers, storage round trips and query plans.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { exchange, json, refresh, seedCode, seedEveryone, type TokenAnswer } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import {
  anotherIsolate,
  asAlexa,
  asService,
  countOf,
  exchangeOfApp,
  grantIdOf,
  HOUR,
  introspection,
  linkAlexa,
  linkApp,
  MINUTE,
  refreshOfApp,
  SECOND,
  seedAppCode,
  seedCodeInKv,
  userinfo,
} from "../../test/support/tokens.ts";
import { revokeLinks } from "../storage/amazon/unlinks.ts";
import { revokeGrant } from "../storage/grants/grants.ts";

const CROWDS = [20, 50];
const LATENCIES = [0, 10, 40];
const USER = "0useraaaaaaaaaaaaaaaaaaaaa";

beforeEach(seedEveryone);

/** The request's own deadline runs on the machine's clock, and on a busy machine it would end what is raced here. */
beforeEach(() => {
  const wait = globalThis.setTimeout;
  vi.stubGlobal("setTimeout", (act: () => void, ms?: number) =>
    wait(act, ms !== undefined && ms >= 3000 ? 10 * ms : ms),
  );
});
afterEach(() => {
  vi.unstubAllGlobals();
});

/** Puts latency in front of every storage call: longer for some than for others, so that orders change. */
function slow(service: Service, ms: number): void {
  if (ms === 0) return;
  for (const share of [0.5, 1, 1.5]) {
    service.meter.faults.push({
      when: (_trip, index) => index % 3 === share * 2 - 1,
      delayMs: ms * share,
      mayMiss: true,
    });
  }
}

/** `count` requests at once, over two isolates. */
async function atOnce(service: Service, count: number, path: string, init: () => RequestInit): Promise<Response[]> {
  const other = anotherIsolate(service);
  other.meter.faults.push(...service.meter.faults);
  const responses = await Promise.all(
    Array.from({ length: count }, (_, i) => (i % 2 === 0 ? service : other).requestOnly(path, init())),
  );
  await Promise.all([service.settled(), other.settled()]);
  return responses;
}

const statusesOf = (responses: Response[]) => {
  const counts: Record<number, number> = {};
  for (const { status } of responses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

async function expectWorking(service: Service, answer: TokenAnswer, again: (token: string) => RequestInit) {
  expect((await introspection(service, answer.access_token, asService)).active).toBe(true);
  expect((await service.request("/token", again(answer.refresh_token))).status).toBe(200);
}

describe("races", () => {
  for (const crowd of CROWDS) {
    for (const latency of LATENCIES) {
      it(`C4: of ${crowd} redemptions at once, ${latency} ms from storage, one wins and one grant is made`, {
        timeout: 30_000,
      }, async () => {
        const service = startService();
        slow(service, latency);
        const code = await seedCodeInKv(service);
        const responses = await atOnce(service, crowd, "/token", () => exchange(code));
        expect(statusesOf(responses)).toEqual({ 200: 1, 400: crowd - 1 });
        expect(await countOf("grants")).toBe(1);
        const winner = responses.find((response) => response.status === 200);
        service.meter.clear();
        await expectWorking(service, await json(winner as Response), refresh);
      });

      it(`T2: ${crowd} refreshes of one stable token at once, ${latency} ms from storage, all succeed on one grant`, {
        timeout: 30_000,
      }, async () => {
        const service = startService();
        const { refresh_token } = await linkAlexa(service);
        slow(service, latency);
        service.clock.advance(25 * HOUR);
        const responses = await atOnce(service, crowd, "/token", () => refresh(refresh_token));
        expect(statusesOf(responses)).toEqual({ 200: crowd });
        const answers = await Promise.all(responses.map((response) => json(response)));
        service.meter.clear();
        expect(new Set(answers.map((answer) => answer.access_token)).size).toBe(crowd);
        expect(new Set(answers.map((answer) => answer.refresh_token))).toEqual(new Set([refresh_token]));
        for (const answer of answers.slice(0, 5)) await expectWorking(service, answer, refresh);
        expect(await countOf("grants")).toBe(1);
      });

      it(`T2: ${crowd} refreshes of one rotating token at once, ${latency} ms from storage, all get the one successor`, {
        timeout: 30_000,
      }, async () => {
        const service = startService();
        const first = await linkApp(service);
        const second = await json(await service.request("/token", refreshOfApp(first.refresh_token)));
        slow(service, latency);
        const responses = await atOnce(service, crowd, "/token", () => refreshOfApp(second.refresh_token));
        expect(statusesOf(responses)).toEqual({ 200: crowd });
        const answers = await Promise.all(responses.map((response) => json(response)));
        const successors = new Set(answers.map((answer) => answer.refresh_token));
        expect(successors.size).toBe(1);
        service.meter.clear();
        for (const answer of answers) {
          expect((await userinfo(service, answer.access_token)).status).toBe(200);
        }
        expect((await service.request("/token", refreshOfApp([...successors][0] ?? ""))).status).toBe(200);
        expect(await countOf("grants")).toBe(1);
      });
    }
  }

  it("T3: predecessor and successor presented at once: the successor always works, the grant always lives", {
    timeout: 30_000,
  }, async () => {
    for (const latency of LATENCIES) {
      const service = startService();
      const first = await linkApp(service);
      const second = await json(await service.request("/token", refreshOfApp(first.refresh_token)));
      slow(service, latency);
      const responses = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          service.requestOnly("/token", refreshOfApp(i % 2 === 0 ? first.refresh_token : second.refresh_token)),
        ),
      );
      await service.settled();
      for (const [i, response] of responses.entries()) {
        if (i % 2 === 1) expect(response.status).toBe(200);
        else expect([200, 400]).toContain(response.status);
      }
      expect(await countOf("grants", "revoked_at IS NOT NULL")).toBe(0);
      const third = await json(responses[1] as Response);
      service.meter.clear();
      expect((await service.request("/token", refreshOfApp(third.refresh_token))).status).toBe(200);
    }
  });

  it("U3: refreshes racing a revocation end refused, and nothing brings the grant back", {
    timeout: 30_000,
  }, async () => {
    for (const latency of LATENCIES) {
      const service = startService();
      const links = [await linkAlexa(service), await linkApp(service)] as const;
      slow(service, latency);
      const stable = Array.from({ length: 20 }, () => service.requestOnly("/token", refresh(links[0].refresh_token)));
      const rotating = Array.from({ length: 20 }, () =>
        service.requestOnly("/token", refreshOfApp(links[1].refresh_token)),
      );
      for (const { refresh_token } of links) {
        await revokeGrant(env.DB, grantIdOf(refresh_token), "unlinked", service.clock.now);
      }
      for (const response of await Promise.all([...stable, ...rotating])) expect([200, 400]).toContain(response.status);
      await service.settled();
      service.meter.clear();
      expect((await service.request("/token", refresh(links[0].refresh_token))).status).toBe(400);
      expect((await service.request("/token", refreshOfApp(links[1].refresh_token))).status).toBe(400);
      expect(await countOf("grants", "revoked_at IS NULL")).toBe(0);
      await env.DB.prepare("DELETE FROM grants").run();
    }
  });

  it("U3: redemptions racing an unlinking leave either no grant or a revoked one", {
    timeout: 30_000,
  }, async () => {
    for (const latency of LATENCIES) {
      const service = startService();
      slow(service, latency);
      const codes = await Promise.all(Array.from({ length: 20 }, () => seedCodeInKv(service)));
      const racing = codes.map((code) => service.requestOnly("/token", exchange(code)));
      const unlinking = revokeLinks(
        service.env.DB,
        { userId: USER, skillId: "amzn1.ask.skill.0000-test" },
        service.clock.now + 1,
      );
      const responses = await Promise.all(racing);
      await unlinking;
      await service.settled();
      service.meter.clear();
      // All codes were there before the unlinking: whichever was redeemed first is revoked, the rest are void.
      expect(await countOf("grants", "revoked_at IS NULL")).toBe(0);
      for (const response of responses) {
        expect([200, 400]).toContain(response.status);
        if (response.status !== 200) continue;
        const answer = await json(response);
        expect(await introspection(service, answer.access_token)).toEqual({ active: false });
      }
    }
  });
});

/** The calls for which the budget has no place. */
function callsBeyond(calls: readonly string[], budget: readonly string[]): string[] {
  const left = [...budget];
  return calls.filter((call) => {
    const at = left.indexOf(call);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

describe("storage round trips", () => {
  const costs: Record<string, { prepare: (service: Service) => Promise<() => Promise<Response>>; calls: string[] }> = {
    "W2: a code exchange: KV, then one batch": {
      prepare: async (service) => {
        const code = await seedCodeInKv(service);
        return () => service.request("/token", exchange(code));
      },
      calls: ["CODES.get", "DB.batch"],
    },
    "W2: a code exchange that KV does not know: one more read": {
      prepare: async (service) => {
        const code = await seedCode();
        return () => service.request("/token", exchange(code));
      },
      calls: ["CODES.get", "DB.batch", "DB.batch"],
    },
    "a stable refresh: one read": {
      prepare: async (service) => {
        const { refresh_token } = await linkAlexa(service);
        return () => service.request("/token", refresh(refresh_token));
      },
      calls: ["DB.first"],
    },
    "a stable refresh on another day: one read, and one write after the response": {
      prepare: async (service) => {
        const { refresh_token } = await linkAlexa(service);
        service.clock.advance(25 * HOUR);
        await warm(service);
        return () => service.request("/token", refresh(refresh_token));
      },
      calls: ["DB.first", "DB.run"],
    },
    "a rotating refresh: one read, and one write after the response": {
      prepare: async (service) => {
        const { refresh_token } = await linkApp(service);
        return () => service.request("/token", refreshOfApp(refresh_token));
      },
      calls: ["DB.first", "DB.run"],
    },
    "client credentials: none": {
      prepare: async (service) => () => service.request("/token", asService({ grant_type: "client_credentials" })),
      calls: [],
    },
    "an introspection of an access token: one read": {
      prepare: async (service) => {
        const { access_token } = await linkAlexa(service);
        return () => service.request("/introspect", asService({ token: access_token }));
      },
      calls: ["DB.first"],
    },
    "an introspection of a refresh token: one read": {
      prepare: async (service) => {
        const { refresh_token } = await linkAlexa(service);
        return () => service.request("/introspect", asAlexa({ token: refresh_token }));
      },
      calls: ["DB.first"],
    },
    "userinfo: one read": {
      prepare: async (service) => {
        const { access_token } = await linkAlexa(service);
        return () => userinfo(service, access_token);
      },
      calls: ["DB.first"],
    },
    "the key set: none": {
      prepare: async (service) => () => service.request("/.well-known/jwks.json"),
      calls: [],
    },
    "the metadata: none": {
      prepare: async (service) => () => service.request("/.well-known/oauth-authorization-server"),
      calls: [],
    },
  };

  async function warm(service: Service): Promise<void> {
    await linkAlexa(service);
    await linkApp(service);
    await service.request("/token", asService({ grant_type: "client_credentials" }));
  }

  for (const [name, { prepare, calls }] of Object.entries(costs)) {
    it(`warm, ${name}`, async () => {
      const service = startService();
      await warm(service);
      const request = await prepare(service);
      service.meter.clear();
      expect((await request()).status).toBe(200);
      expect(callsBeyond(service.meter.calls(), calls)).toEqual([]);
    });
  }

  /** Requests to a cold isolate, also some that are refused. Finding out why a code was not redeemed takes one round trip more. */
  const cold: Record<string, (first: Service) => Promise<RequestInit>> = {
    "a code exchange from KV": async (first) => exchange(await seedCodeInKv(first)),
    "a code exchange from D1": async () => exchange(await seedCode()),
    "an unknown code": async () => exchange(`c0${"u".repeat(43)}`),
    "a wrong redirect URI": async (first) =>
      exchange(await seedCodeInKv(first), { redirect_uri: "https://evil.test/" }),
    "a replayed code": async (first) => {
      const code = await seedCodeInKv(first);
      await first.request("/token", exchange(code));
      first.clock.advance(MINUTE);
      return exchange(code);
    },
    "a replayed code with a wrong redirect URI": async (first) => {
      const code = await seedCodeInKv(first);
      await first.request("/token", exchange(code));
      return exchange(code, { redirect_uri: "https://evil.test/" });
    },
    "a public client's exchange": async () => exchangeOfApp(await seedAppCode()),
    "a stable refresh": async (first) => refresh((await linkAlexa(first)).refresh_token),
    "a rotating refresh": async (first) => refreshOfApp((await linkApp(first)).refresh_token),
    "Basic credentials that read in two ways": async () => ({
      ...exchange(await seedCode()),
      headers: { "content-type": "application/x-www-form-urlencoded", authorization: `Basic ${btoa("a%62:c%64")}` },
    }),
  };
  for (const [name, prepare] of Object.entries(cold)) {
    const most = name.startsWith("a replayed code") ? 3 : 2;
    it(`W2: cold, ${name} takes at most ${most} round trips to D1 before the response`, async () => {
      const first = startService();
      await linkAlexa(first);
      const init = await prepare(first);
      const isolate = anotherIsolate(first);
      const response = await isolate.requestOnly("/token", init);
      await response.text();
      await isolate.settled();
      // The reason of a refusal, and the use of a rotating token, are noted after the response.
      const trips = isolate.meter.trips.filter(
        ({ sql }) => !/^UPDATE (attempts SET reason|grants SET generation)/.test(sql),
      );
      expect(trips.filter((trip) => trip.store === "DB").length).toBeLessThanOrEqual(most);
      expect(trips.filter((trip) => trip.store === "CODES").length).toBeLessThanOrEqual(1);
    });
  }

  it("W2: a warm isolate whose keys have gone stale reads them in a round trip that it makes anyway", async () => {
    const service = startService();
    await linkAlexa(service);
    service.clock.advance(50 * SECOND);
    await linkApp(service);
    service.clock.advance(15 * SECOND);
    const code = await seedAppCode();
    service.meter.clear();
    expect((await service.request("/token", exchangeOfApp(code))).status).toBe(200);
    expect(callsBeyond(service.meter.calls(), ["CODES.get", "DB.batch", "DB.batch"])).toEqual([]);
  });

  it("F4: every query of every OAuth endpoint finds its rows by an index", async () => {
    const statements = new Set<string>();
    const collectFrom = async (run: (service: Service) => Promise<unknown>) => {
      const service = startService();
      await run(service);
      for (const { store, sql } of service.meter.trips) {
        if (store === "DB") for (const statement of sql.split(";\n")) statements.add(statement);
      }
    };
    for (const { prepare } of Object.values(costs)) {
      await collectFrom(async (service) => (await prepare(service))());
    }
    for (const prepare of Object.values(cold)) {
      await collectFrom(async (service) => service.request("/token", await prepare(service)));
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
      // There are never more than a handful of signing keys; a virtual table is a JSON column of one row.
      expect(
        scans.filter((detail) => !/^SCAN (signing_keys|CONSTANT ROW|\w+ VIRTUAL TABLE)/.test(detail)),
        sql,
      ).toEqual([]);
    }
  });
});
