// A code lies in KV and in D1: KV shows it, D1 decides, and a code that comes again harms nobody.
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
  BOTH_SOURCES,
  countOf,
  exchangeOfApp,
  expectInvalidGrant,
  isAlive,
  linkAlexa,
  MINUTE,
  OTHER_VERIFIER,
  SECOND,
  seedAppCode,
  seedCodeWithCopy,
  seedFrom,
  VERIFIER,
} from "../../test/support/tokens.ts";

beforeEach(seedEveryone);

describe("KV shows, D1 decides", () => {
  const unhelpful: Record<string, (real: KVNamespace) => Partial<KVNamespace>> = {
    "finds nothing": () => ({ get: (async () => null) as unknown as KVNamespace["get"] }),
    throws: () => ({
      get: (async () => {
        throw new Error("KV GET failed: 500");
      }) as unknown as KVNamespace["get"],
    }),
    "gives broken JSON": () => ({ get: (async () => "{not json") as unknown as KVNamespace["get"] }),
    "gives another code's entry": (real) => ({
      get: (async () => await real.get((await real.list()).keys[0]?.name ?? "")) as unknown as KVNamespace["get"],
    }),
    "never answers": () => ({ get: (() => new Promise(() => undefined)) as unknown as KVNamespace["get"] }),
  };

  for (const [name, double] of Object.entries(unhelpful)) {
    it(`C2: a KV that ${name} does not stop the exchange`, async () => {
      const copied = startService();
      await seedCodeWithCopy(copied);
      const code = await seedCodeWithCopy(copied);
      const kv = { put: env.CODES.put.bind(env.CODES), ...double(env.CODES) } as KVNamespace;
      const service = startService({}, { CODES: kv });
      expect((await service.request("/token", exchange(code))).status).toBe(200);
    });
  }

  it("T8: with the copy in KV but D1 down the answer is 503, and the code is good afterwards", async () => {
    const service = startService();
    await linkAlexa(service);
    const code = await seedCodeWithCopy(service);
    service.meter.faults.push({
      when: (trip) => trip.store === "DB",
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

  it("C3: a code spent long ago is refused although KV still shows it", async () => {
    const service = startService({ CODE_TTL_SECONDS: "600" });
    const code = await seedCodeWithCopy(service);
    expect((await service.request("/token", exchange(code))).status).toBe(200);
    expect((await env.CODES.list({ prefix: "code:" })).keys).toHaveLength(1);
    await expectInvalidGrant(await service.request("/token", exchange(code)));
    expect(await countOf("grants")).toBe(1);
  });

  it("C3: a copy whose row is gone from D1 opens nothing", async () => {
    const service = startService();
    const code = await seedCodeWithCopy(service);
    await env.DB.prepare("DELETE FROM codes").run();
    await expectInvalidGrant(await service.request("/token", exchange(code)));
  });

  it("C3: where the copy is outdated, the row decides: for the request that fits it, against the one that does not", async () => {
    const service = startService();
    await linkAlexa(service);
    const code = await seedCodeWithCopy(service);
    await env.DB.prepare("UPDATE codes SET redirect_uri = ?, grant_id = ? WHERE spent_at IS NULL")
      .bind(ALEXA_REDIRECT_URIS[2], "0grantnewerrrrrrrrrrrrrrrr")
      .run();
    await expectInvalidGrant(await service.request("/token", exchange(code)));
    expect(await countOf("codes", "spent_at IS NULL")).toBe(1);
    const fitting = await service.request("/token", exchange(code, { redirect_uri: ALEXA_REDIRECT_URIS[2] }));
    expect(await isAlive(service, await json(fitting))).toBe(true);
  });

  it("T4: refresh, revocation and introspection ask KV for nothing", async () => {
    const refuses = (async () => {
      throw new Error("KV must not be asked");
    }) as never;
    const service = startService(
      {},
      { CODES: { get: refuses, put: refuses, delete: refuses, list: refuses } as never },
    );
    const answer = await linkAlexa(service);
    service.meter.clear();
    expect(await isAlive(service, answer)).toBe(true);
    const revocation = form({ token: answer.refresh_token }, { authorization: basic(ALEXA_CLIENT, ALEXA_SECRET) });
    expect((await service.request("/revoke", revocation)).status).toBe(200);
    expect((await service.request("/token", refresh(answer.refresh_token))).status).toBe(400);
    expect(service.meter.calls().filter((call) => call.startsWith("CODES"))).toEqual([]);
  });
});

describe("a code that comes again", () => {
  it("C7: soon after, from the same client with the same parameters, is refused and harms nothing", async () => {
    const service = startService();
    const code = await seedCodeWithCopy(service);
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
      it(`C7: ${name}, it ends the grant it gave, with an alert (from ${source})`, async () => {
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

  it("C7: without the client's secret it is no weapon against the grant", async () => {
    const service = startService();
    const code = await seedCodeWithCopy(service);
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

  it("C7: for a public client only the right verifier ends the grant", async () => {
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
