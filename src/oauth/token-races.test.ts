// Many token requests at once, over two isolates and with storage latency.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { exchange, json, refresh, seedEveryone, type TokenResponse } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import {
  anotherIsolate,
  asService,
  countOf,
  grantIdOf,
  HOUR,
  introspection,
  linkAlexa,
  linkApp,
  refreshOfApp,
  seedCodeInKv,
  userinfo,
} from "../../test/support/tokens.ts";
import { revokeLinks } from "../storage/amazon/unlinks.ts";
import { revokeGrant } from "../storage/grants/grants.ts";
import { sql } from "../storage/sql.ts";

const CROWDS = [20, 50];
const LATENCIES = [0, 10, 40];
const USER = "0useraaaaaaaaaaaaaaaaaaaaa";

beforeEach(seedEveryone);

/** The request's deadline uses the machine's clock. It is extended here so that a busy machine fails no test. */
beforeEach(() => {
  const wait = globalThis.setTimeout;
  vi.stubGlobal("setTimeout", (act: () => void, ms?: number) =>
    wait(act, ms !== undefined && ms >= 3000 ? 10 * ms : ms),
  );
});
afterEach(() => {
  vi.unstubAllGlobals();
});

/** Adds latency to every storage call, more to some than to others, so that the order of calls changes. */
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

/** Sends `count` requests at once to two isolates. */
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

async function expectWorking(service: Service, tokens: TokenResponse, refreshing: (token: string) => RequestInit) {
  expect((await introspection(service, tokens.access_token, asService)).active).toBe(true);
  expect((await service.request("/token", refreshing(tokens.refresh_token))).status).toBe(200);
}

describe("races", () => {
  for (const crowd of CROWDS) {
    for (const latency of LATENCIES) {
      it(`C4: one of ${crowd} redemptions at once succeeds, with one grant (${latency} ms storage latency)`, {
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

      it(`T2: ${crowd} refreshes of one stable token at once succeed, on one grant (${latency} ms storage latency)`, {
        timeout: 30_000,
      }, async () => {
        const service = startService();
        const { refresh_token } = await linkAlexa(service);
        slow(service, latency);
        service.clock.advance(25 * HOUR);
        const responses = await atOnce(service, crowd, "/token", () => refresh(refresh_token));
        expect(statusesOf(responses)).toEqual({ 200: crowd });
        const tokens = await Promise.all(responses.map((response) => json(response)));
        service.meter.clear();
        expect(new Set(tokens.map((one) => one.access_token)).size).toBe(crowd);
        expect(new Set(tokens.map((one) => one.refresh_token))).toEqual(new Set([refresh_token]));
        for (const one of tokens.slice(0, 5)) await expectWorking(service, one, refresh);
        expect(await countOf("grants")).toBe(1);
      });

      it(`T2: ${crowd} refreshes of one rotating token at once get one successor (${latency} ms storage latency)`, {
        timeout: 30_000,
      }, async () => {
        const service = startService();
        const first = await linkApp(service);
        const second = await json(await service.request("/token", refreshOfApp(first.refresh_token)));
        slow(service, latency);
        const responses = await atOnce(service, crowd, "/token", () => refreshOfApp(second.refresh_token));
        expect(statusesOf(responses)).toEqual({ 200: crowd });
        const tokens = await Promise.all(responses.map((response) => json(response)));
        const successors = new Set(tokens.map((one) => one.refresh_token));
        expect(successors.size).toBe(1);
        service.meter.clear();
        for (const one of tokens) {
          expect((await userinfo(service, one.access_token)).status).toBe(200);
        }
        expect((await service.request("/token", refreshOfApp([...successors][0] ?? ""))).status).toBe(200);
        expect(await countOf("grants")).toBe(1);
      });
    }
  }

  it("T3: when a token and its successor are used at once, the successor works and the grant stays", {
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

  it("U3: refreshes during a revocation never revive the grant, and later ones are refused", {
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

  it("U3: redemptions during an unlink leave no live grant", {
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
        { actorHolds: sql`TRUE` },
        service.clock.now + 1,
      );
      const responses = await Promise.all(racing);
      await unlinking;
      await service.settled();
      service.meter.clear();
      // All codes were issued before the unlink: grants made from them are revoked, unspent codes are void.
      expect(await countOf("grants", "revoked_at IS NULL")).toBe(0);
      for (const response of responses) {
        expect([200, 400]).toContain(response.status);
        if (response.status !== 200) continue;
        const { access_token } = await json(response);
        expect(await introspection(service, access_token)).toEqual({ active: false });
      }
    }
  });
});
