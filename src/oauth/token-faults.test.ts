// Storage faults before and after every call of every OAuth endpoint: 503 or the right response, then success.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { ALEXA_CLIENT, exchange, json, refresh, seedCode, seedEveryone } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import {
  anotherIsolate,
  asAlexa,
  asService,
  bodyOf,
  countOf,
  exchangeOfApp,
  expectInvalidGrant,
  expectOneLiveGrant,
  failing,
  grantIdOf,
  HOUR,
  introspection,
  linkAlexa,
  linkApp,
  MINUTE,
  ok,
  putInKv,
  refreshOfApp,
  SECOND,
  seedAppCode,
  seedCodeInKv,
  userinfo,
} from "../../test/support/tokens.ts";
import { sha256 } from "../crypto/hash.ts";

beforeEach(seedEveryone);

/** A request with its expected response, and what must hold afterwards. */
interface Attempt {
  readonly path: string;
  readonly init: RequestInit;
  readonly status: number;
  verify(body: Record<string, unknown>): Promise<void>;
  /** The code that this spends. After a 503 whose write was committed, a repeat is refused and the grant stays. */
  readonly spends?: string;
}

const attempts: Record<string, (service: Service) => Promise<Attempt>> = {
  "a code exchange from KV": async (service) => {
    const code = await seedCodeInKv(service);
    const verify = (body: Record<string, unknown>) => expectOneLiveGrant(service, body, refresh);
    return { path: "/token", init: exchange(code), status: 200, verify, spends: code };
  },
  "a code exchange from D1": async (service) => {
    const code = await seedCode();
    const verify = (body: Record<string, unknown>) => expectOneLiveGrant(service, body, refresh);
    return { path: "/token", init: exchange(code), status: 200, verify, spends: code };
  },
  "a public client's code exchange": async (service) => {
    const code = await seedAppCode();
    const verify = (body: Record<string, unknown>) => expectOneLiveGrant(service, body, refreshOfApp);
    return { path: "/token", init: exchangeOfApp(code), status: 200, verify, spends: code };
  },
  "a stable refresh on another day": async (service) => {
    const { refresh_token } = await linkAlexa(startService());
    service.clock.advance(25 * HOUR);
    return {
      path: "/token",
      init: refresh(refresh_token),
      status: 200,
      verify: async (body) => {
        expect(body.refresh_token).toBe(refresh_token);
        await ok(service.request("/token", refresh(refresh_token)));
      },
    };
  },
  "a rotating refresh": async (service) => {
    let { refresh_token: token } = await linkApp(service);
    for (let i = 0; i < 4; i++)
      token = (await json(await service.request("/token", refreshOfApp(token)))).refresh_token;
    return {
      path: "/token",
      init: refreshOfApp(token),
      status: 200,
      verify: async (body) => {
        const successor = String(body.refresh_token);
        expect((await json(await service.request("/token", refreshOfApp(token)))).refresh_token).toBe(successor);
        await ok(service.request("/token", refreshOfApp(successor)));
      },
    };
  },
  "a retired token of a public client": async (service) => {
    const first = await linkApp(service);
    const second = await json(await service.request("/token", refreshOfApp(first.refresh_token)));
    await service.request("/token", refreshOfApp(second.refresh_token));
    service.clock.advance(2 * MINUTE);
    return {
      path: "/token",
      init: refreshOfApp(first.refresh_token),
      status: 400,
      verify: async () => {
        const grant = grantIdOf(first.refresh_token);
        expect(await countOf("grants", `id = '${grant}' AND revoked_at IS NOT NULL`)).toBe(1);
        expect(await countOf("audit", `grant_id = '${grant}' AND alert = 1`)).toBeGreaterThanOrEqual(1);
      },
    };
  },
  "a replayed code": async (service) => {
    const code = await seedCodeInKv(service);
    const { refresh_token } = await json(await startService().request("/token", exchange(code)));
    service.clock.advance(MINUTE);
    return {
      path: "/token",
      init: exchange(code),
      status: 400,
      verify: async () => {
        expect(await countOf("grants", `id = '${grantIdOf(refresh_token)}' AND revoked_at IS NOT NULL`)).toBe(1);
      },
    };
  },
  "a client credentials request": async () => ({
    path: "/token",
    init: asService({ grant_type: "client_credentials" }),
    status: 200,
    verify: async (body) => expect(body.token_type).toBe("Bearer"),
  }),
  "a revocation": async (service) => {
    const { refresh_token } = await linkAlexa(startService());
    return {
      path: "/revoke",
      init: asAlexa({ token: refresh_token }),
      status: 200,
      verify: async () => {
        expect(await countOf("audit", `kind = 'grant_revoked' AND grant_id = '${grantIdOf(refresh_token)}'`)).toBe(1);
        expect((await service.request("/token", refresh(refresh_token))).status).toBe(400);
      },
    };
  },
  "an introspection": async () => {
    const { access_token } = await linkAlexa(startService());
    return {
      path: "/introspect",
      init: asAlexa({ token: access_token }),
      status: 200,
      verify: async (body) => expect(body.active).toBe(true),
    };
  },
  "a userinfo request": async () => {
    const { access_token } = await linkAlexa(startService());
    return {
      path: "/userinfo",
      init: { headers: { authorization: `Bearer ${access_token}` } },
      status: 200,
      verify: async (body) => expect(body.sub).toBe("0useraaaaaaaaaaaaaaaaaaaaa"),
    };
  },
};

/** The code was spent, and its grant is live. */
async function expectSpentOnce(code: string): Promise<void> {
  const row = await env.DB.prepare(
    "SELECT g.revoked_at FROM codes c JOIN grants g ON g.id = c.grant_id WHERE c.code_hash = ? AND c.spent_at IS NOT NULL",
  )
    .bind(await sha256(code))
    .first();
  expect(row).toEqual({ revoked_at: null });
}

/** Loads client and keys into the caches, as in an isolate that has served requests. */
async function warm(service: Service): Promise<void> {
  await linkAlexa(service);
  await service.request("/token", asService({ grant_type: "client_credentials" }));
  service.meter.clear();
}

describe("T8, F5: a fault at each storage call", () => {
  const lost = "Network connection lost.";
  const overloaded = "D1_ERROR: D1 DB is overloaded. Requests queued for too long.";
  const faults: (readonly ["before" | "after", string, number | undefined])[] = [
    ["before", lost, 1],
    ["after", lost, 1],
    ["before", overloaded, 1],
    ["after", overloaded, 1],
    ["before", overloaded, undefined],
    ["after", overloaded, undefined],
  ];
  for (const [name, prepare] of Object.entries(attempts)) {
    for (const temperature of ["warm", "cold"] as const) {
      it(`${name} is 503 or the right response, and then succeeds (${temperature})`, { timeout: 60_000 }, async () => {
        const fresh = async () => {
          const service = startService();
          if (temperature === "warm") await warm(service);
          const attempt = await prepare(service);
          // Preparing the request may have filled the caches, so a cold isolate starts here.
          const isolate = temperature === "warm" ? service : anotherIsolate(service);
          isolate.meter.clear();
          return { isolate, attempt };
        };
        const clean = await fresh();
        const response = await clean.isolate.request(clean.attempt.path, clean.attempt.init);
        expect(response.status).toBe(clean.attempt.status);
        const roundTrips = clean.isolate.meter.roundTrips.length;
        await clean.attempt.verify(await bodyOf(response));

        for (let at = 0; at < roundTrips; at++) {
          for (const [throws, message, times] of faults) {
            const what = `round trip ${at}, ${throws}, ${message}, ${times ?? "always"}`;
            const { isolate, attempt } = await fresh();
            // Only the first cold request makes the signing key; later ones take fewer round trips.
            const fault = failing((_trip, index) => index >= at, throws, message, times);
            isolate.meter.faults.push({ ...fault, mayMiss: temperature === "cold" });
            const first = await isolate.request(attempt.path, attempt.init);
            expect([attempt.status, 503], what).toContain(first.status);
            const body = await bodyOf(first);
            isolate.meter.clear();
            if (first.status !== 503) {
              await attempt.verify(body);
              continue;
            }
            expect(body, what).toEqual({ error: "temporarily_unavailable" });
            expect(first.headers.get("retry-after"), what).not.toBeNull();
            isolate.clock.advance(3 * SECOND);
            const second = await isolate.request(attempt.path, attempt.init);
            if (throws === "after" && attempt.spends !== undefined && second.status === 400) {
              await expectSpentOnce(attempt.spends);
              continue;
            }
            expect(second.status, what).toBe(attempt.status);
            await attempt.verify(await bodyOf(second));
          }
        }
      });
    }
  }

  for (const message of [
    "Network connection lost.",
    "Internal error in D1 DB storage caused object to be reset.",
    "D1 DB reset because its code was updated.",
    "Cannot resolve D1 DB due to transient issue on remote node.",
  ]) {
    it(`F5: "${message}" after the code was spent still returns 200, with one grant and one step recorded`, async () => {
      const service = startService();
      const code = await seedCode();
      service.meter.faults.push(failing(({ sql }) => sql.includes("UPDATE codes"), "after", message, 1));
      const response = await service.request("/token", exchange(code));
      expect(response.status).toBe(200);
      await expectOneLiveGrant(service, await bodyOf(response), refresh);
      const steps = String(await env.DB.prepare("SELECT steps FROM attempts").first("steps"));
      expect(steps.match(/code_redeemed/g)).toHaveLength(1);
    });
  }

  it("F5: a connection that stays lost is tried three times, then the response is 503, and a repeat is refused", async () => {
    const service = startService();
    await warm(service);
    const code = await seedCode();
    service.meter.faults.push(failing(({ sql }) => sql.includes("UPDATE codes"), "after", lost));
    expect((await service.request("/token", exchange(code))).status).toBe(503);
    expect(service.meter.roundTrips.filter(({ sql }) => sql.includes("UPDATE codes"))).toHaveLength(3);
    service.meter.clear();
    await expectInvalidGrant(await service.request("/token", exchange(code)));
    await expectSpentOnce(code);
  });

  it("T8: stale keys are read before the code is spent, so that a failed read leaves the code unspent", async () => {
    const service = startService();
    await linkAlexa(service);
    service.clock.advance(50 * SECOND);
    await linkApp(service);
    service.clock.advance(15 * SECOND);
    const code = await seedAppCode();
    await putInKv(service, code);
    service.meter.clear();
    service.meter.faults.push(failing(({ sql }) => sql.includes("FROM signing_keys"), "before", overloaded));
    expect((await service.request("/token", exchangeOfApp(code))).status).toBe(503);
    expect(await countOf("codes", "spent_at IS NULL")).toBe(1);
    service.meter.clear();
    await ok(service.request("/token", exchangeOfApp(code)));
  });

  it("F5: an error other than a lost connection is not retried", async () => {
    const service = startService();
    await warm(service);
    const code = await seedCode();
    service.meter.faults.push(failing(({ sql }) => sql.includes("UPDATE codes"), "before", "D1_ERROR: overloaded"));
    expect((await service.request("/token", exchange(code))).status).toBe(503);
    expect(service.meter.roundTrips.filter(({ sql }) => sql.includes("UPDATE codes"))).toHaveLength(1);
  });

  const SPENDING = (roundTrip: { sql: string }) => roundTrip.sql.includes("UPDATE codes");

  it("W2: a write slower than the deadline is 503 in time, and a retry that overtakes it succeeds", {
    timeout: 20_000,
  }, async () => {
    const service = startService();
    await warm(service);
    const code = await seedCodeInKv(service);
    service.meter.faults.push({ when: SPENDING, delayMs: 4500, times: 1 });
    expect((await service.requestOnly("/token", exchange(code))).status).toBe(503);
    // The late write has not reached D1 yet.
    expect(await countOf("codes", "spent_at IS NULL")).toBe(1);
    const response = await service.requestOnly("/token", exchange(code));
    expect(response.status).toBe(200);
    await service.settled();
    await expectOneLiveGrant(service, await bodyOf(response), refresh);
  });

  it("C7: a write that is committed after its 503 counts: the retry is refused and the grant is live", {
    timeout: 20_000,
  }, async () => {
    const service = startService();
    await warm(service);
    const code = await seedCodeInKv(service);
    service.meter.faults.push({ when: SPENDING, delayMs: 4200, times: 1 });
    expect((await service.request("/token", exchange(code))).status).toBe(503);
    for (const isolate of [service, anotherIsolate(service)]) {
      await expectInvalidGrant(await isolate.request("/token", exchange(code)));
    }
    await expectSpentOnce(code);
    service.clock.advance(MINUTE);
    await expectInvalidGrant(await service.request("/token", exchange(code)));
    expect(await countOf("grants", "revoked_reason = 'code_replayed'")).toBe(1);
  });

  it("W2: a deadline that passes before the write leaves the code unspent", { timeout: 20_000 }, async () => {
    const service = startService();
    const code = await seedCodeInKv(service);
    service.meter.faults.push({ when: ({ sql }) => sql.includes("FROM clients"), delayMs: 4200, times: 1 });
    expect((await service.request("/token", exchange(code))).status).toBe(503);
    expect(await countOf("codes", "spent_at IS NOT NULL")).toBe(0);
    await ok(service.request("/token", exchange(code)));
  });

  it("F6: an unexpected exception is a well-formed 500 without a stack trace", async () => {
    const service = startService();
    await env.DB.prepare("UPDATE clients SET redirect_uris = 'not json' WHERE id = ?").bind(ALEXA_CLIENT).run();
    const response = await service.request("/token", exchange(await seedCode()));
    expect(response.status).toBe(500);
    expect(response.headers.get("content-type")).toBe("application/json;charset=UTF-8");
    expect(await response.json()).toEqual({ error: "server_error" });
  });

  it("U3: userinfo and introspection are 503 while D1 is down, and never accept the token", async () => {
    const service = startService();
    const { access_token } = await linkAlexa(service);
    service.meter.faults.push(failing(({ store }) => store === "DB", "before", "D1_ERROR: down"));
    expect((await userinfo(service, access_token)).status).toBe(503);
    expect(await introspection(service, access_token)).toEqual({ error: "temporarily_unavailable" });
  });
});
