// A code is in KV and in D1: its binding is read from either, it is spent in D1, and a replay is refused.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  ALEXA_SECRET,
  basic,
  exchange,
  form,
  json,
  refresh,
  seedEveryone,
} from "../../test/support/seeds.ts";
import { startService } from "../../test/support/service.ts";
import {
  anotherIsolate,
  BOTH_SOURCES,
  countOf,
  exchangeOfApp,
  expectInvalidGrant,
  failing,
  isAlive,
  linkAlexa,
  MINUTE,
  OTHER_VERIFIER,
  SECOND,
  seedAppCode,
  seedCodeInKv,
  seedFrom,
  VERIFIER,
} from "../../test/support/tokens.ts";

beforeEach(seedEveryone);

describe("reading and spending a code", () => {
  const unhelpful: Record<string, (real: KVNamespace) => Partial<KVNamespace>> = {
    "finds nothing": () => ({ get: (async () => null) as unknown as KVNamespace["get"] }),
    throws: () => ({
      get: (async () => {
        throw new Error("KV GET failed: 500");
      }) as unknown as KVNamespace["get"],
    }),
    "returns broken JSON": () => ({ get: (async () => "{not json") as unknown as KVNamespace["get"] }),
    "returns the entry of another code": (real) => ({
      get: (async () => await real.get((await real.list()).keys[0]?.name ?? "")) as unknown as KVNamespace["get"],
    }),
    "never responds": () => ({ get: (() => new Promise(() => undefined)) as unknown as KVNamespace["get"] }),
  };

  for (const [name, double] of Object.entries(unhelpful)) {
    it(`C2: a KV that ${name} does not stop the exchange`, async () => {
      const whole = startService();
      await seedCodeInKv(whole);
      const code = await seedCodeInKv(whole);
      const kv = { put: env.CODES.put.bind(env.CODES), ...double(env.CODES) } as KVNamespace;
      const service = startService({}, { CODES: kv });
      expect((await service.request("/token", exchange(code))).status).toBe(200);
    });
  }

  it("T8: while D1 is down, a code that KV has gets 503, and works afterwards", async () => {
    const service = startService();
    await linkAlexa(service);
    const code = await seedCodeInKv(service);
    service.meter.faults.push({
      when: ({ store }) => store === "DB",
      throws: "before",
      message: "D1_ERROR: internal error",
    });
    const down = await service.request("/token", exchange(code));
    expect(down.status).toBe(503);
    expect(down.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(await down.json()).toEqual({ error: "temporarily_unavailable" });
    service.meter.clear();
    expect((await service.request("/token", exchange(code))).status).toBe(200);
  });

  it("C3: a spent code is refused although KV still has it", async () => {
    const service = startService({ CODE_TTL_SECONDS: "600" });
    const code = await seedCodeInKv(service);
    expect((await service.request("/token", exchange(code))).status).toBe(200);
    expect((await env.CODES.list({ prefix: "code:" })).keys).toHaveLength(1);
    await expectInvalidGrant(await service.request("/token", exchange(code)));
    expect(await countOf("grants")).toBe(1);
  });

  it("C3: a code in KV whose row is gone from D1 is refused", async () => {
    const service = startService();
    const code = await seedCodeInKv(service);
    await env.DB.prepare("DELETE FROM codes").run();
    await expectInvalidGrant(await service.request("/token", exchange(code)));
  });

  it("C3: a code's binding is read once, either from KV or from D1", async () => {
    const service = startService();
    await linkAlexa(service);
    const readsOfBinding = () =>
      service.meter.roundTrips.filter(({ store, sql }) => store === "CODES" || /SELECT origin.* FROM codes/s.test(sql));
    const inKv = await seedCodeInKv(service);
    service.meter.clear();
    expect((await service.request("/token", exchange(inKv))).status).toBe(200);
    expect(readsOfBinding().map(({ store }) => store)).toEqual(["CODES"]);
    // A cold isolate reads the client from D1, and the code with it.
    const cold = anotherIsolate(service);
    expect((await cold.request("/token", exchange(await seedCodeInKv(cold)))).status).toBe(200);
    expect(cold.meter.calls().filter((call) => call.startsWith("CODES.get"))).toEqual([]);
  });

  it("KV holds nothing but codes, even after a failed and a refused exchange", async () => {
    const service = startService();
    const code = await seedCodeInKv(service);
    service.meter.faults.push(failing(({ sql }) => sql.includes("UPDATE codes"), "after", "D1_ERROR: timeout", 1));
    expect((await service.request("/token", exchange(code))).status).toBe(503);
    await service.request("/token", exchange(code));
    const { keys } = await env.CODES.list();
    expect(keys.map(({ name }) => name.slice(0, 5))).toEqual(["code:"]);
  });

  it("T4: refresh, revocation and introspection work while KV is down, and do not call it", async () => {
    const refuses = (async () => {
      throw new Error("KV must not be called");
    }) as never;
    const service = startService(
      {},
      { CODES: { get: refuses, put: refuses, delete: refuses, list: refuses } as never },
    );
    const tokens = await linkAlexa(service);
    service.meter.clear();
    expect(await isAlive(service, tokens)).toBe(true);
    const revocation = form({ token: tokens.refresh_token }, { authorization: basic(ALEXA_CLIENT, ALEXA_SECRET) });
    expect((await service.request("/revoke", revocation)).status).toBe(200);
    expect((await service.request("/token", refresh(tokens.refresh_token))).status).toBe(400);
    expect(service.meter.calls().filter((call) => call.startsWith("CODES"))).toEqual([]);
  });
});

describe("a replayed code", () => {
  it("C7: a repeat within the window is refused, and the grant stays", async () => {
    const service = startService();
    const code = await seedCodeInKv(service);
    const first = await json(await service.request("/token", exchange(code)));
    service.clock.advance(2 * SECOND);
    await expectInvalidGrant(await service.request("/token", exchange(code)));
    expect(await isAlive(service, first)).toBe(true);
  });

  const suspicious: Record<string, { wait: number; fields: Record<string, string> }> = {
    "after the window": { wait: 31 * SECOND, fields: {} },
    "with another redirect URI": { wait: SECOND, fields: { redirect_uri: ALEXA_REDIRECT_URIS[1] ?? "" } },
    "with a verifier it did not need": { wait: SECOND, fields: { code_verifier: VERIFIER } },
  };
  for (const source of BOTH_SOURCES) {
    for (const [name, { wait, fields }] of Object.entries(suspicious)) {
      it(`C7: ${name}, it revokes the grant and raises an alert (from ${source})`, async () => {
        const service = startService();
        const code = await seedFrom(source, service)();
        const first = await json(await service.request("/token", exchange(code)));
        service.clock.advance(wait);
        await expectInvalidGrant(await service.request("/token", exchange(code, fields)));
        expect(await isAlive(service, first)).toBe(false);
        expect(await countOf("audit", "kind = 'code_replayed' AND alert = 1")).toBe(1);
      });
    }
  }

  it("C7: a replay without the client's secret does not revoke the grant", async () => {
    const service = startService();
    const code = await seedCodeInKv(service);
    const first = await json(await service.request("/token", exchange(code)));
    service.clock.advance(MINUTE);
    for (const authorization of [undefined, basic(ALEXA_CLIENT, "a-guess")]) {
      const attempt = form(
        { grant_type: "authorization_code", code, redirect_uri: ALEXA_REDIRECT_URIS[0], client_id: ALEXA_CLIENT },
        authorization ? { authorization } : {},
      );
      expect((await service.request("/token", attempt)).status).toBe(401);
    }
    expect(await isAlive(service, first)).toBe(true);
  });

  it("C7: a replay for a public client revokes the grant only with the right verifier", async () => {
    const service = startService();
    const code = await seedAppCode();
    await service.request("/token", exchangeOfApp(code));
    service.clock.advance(MINUTE);
    for (const verifier of [undefined, OTHER_VERIFIER]) {
      await expectInvalidGrant(await service.request("/token", exchangeOfApp(code, { code_verifier: verifier })));
      expect(await countOf("grants", "revoked_at IS NULL")).toBe(1);
    }
    await expectInvalidGrant(await service.request("/token", exchangeOfApp(code)));
    expect(await countOf("grants", "revoked_at IS NULL")).toBe(0);
  });
});
