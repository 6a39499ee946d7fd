// A code whose claim was written and whose answer never left: the client's retry takes it over, once.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { ALEXA_CLIENT, exchange, json, refresh, seedCode, seedEveryone } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import {
  anotherIsolate,
  bodyOf,
  countOf,
  expectOneLivingGrant,
  failing,
  introspection,
  linkAlexa,
  MINUTE,
  ok,
  seedCodeWithCopy,
  userinfo,
} from "../../test/support/tokens.ts";
import { revokeGrant } from "../storage/grants/grants.ts";

beforeEach(seedEveryone);

describe("a claim whose request ended without an answer", () => {
  const CLAIM = (trip: { sql: string }) => trip.sql.includes("UPDATE codes");

  async function unansweredClaim(service: Service): Promise<string> {
    const code = await seedCodeWithCopy(service);
    service.meter.faults.push(failing(CLAIM, "after", "D1_ERROR: timeout", 1));
    expect((await service.request("/token", exchange(code))).status).toBe(503);
    expect(await countOf("grants")).toBe(1);
    service.meter.clear();
    return code;
  }

  it("T8: is taken over by the client's retry, also in another isolate", async () => {
    const service = startService();
    const code = await unansweredClaim(service);
    const there = anotherIsolate(service);
    const response = await there.request("/token", exchange(code));
    expect(response.status).toBe(200);
    await expectOneLivingGrant(there, await bodyOf(response), refresh);
  });

  it("C7: is taken over once: what was answered stays answered", async () => {
    const service = startService();
    const code = await unansweredClaim(service);
    const answer = await json(await service.request("/token", exchange(code)));
    for (const isolate of [service, anotherIsolate(service)]) {
      const again = await isolate.request("/token", exchange(code));
      expect(await again.json()).toEqual({ error: "invalid_grant" });
    }
    await ok(service.request("/token", refresh(answer.refresh_token)));
    service.clock.advance(MINUTE);
    expect((await service.request("/token", exchange(code))).status).toBe(400);
    expect((await service.request("/token", refresh(answer.refresh_token))).status).toBe(400);
  });

  it("C4: of 20 retries at once one takes it over, and its tokens are the ones that live", async () => {
    const service = startService();
    const code = await unansweredClaim(service);
    const isolates = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? service : anotherIsolate(service)));
    const responses = await Promise.all(isolates.map((isolate) => isolate.requestOnly("/token", exchange(code))));
    const winners = responses.filter((response) => response.status === 200);
    expect(winners).toHaveLength(1);
    expect(responses.filter((response) => response.status === 400)).toHaveLength(19);
    await expectOneLivingGrant(service, await bodyOf(winners[0] as Response), refresh);
  });

  it("C4: an answered claim is never taken over, whatever KV says of other claims", async () => {
    const service = startService();
    const code = await seedCodeWithCopy(service);
    const answer = await json(await service.request("/token", exchange(code)));
    const { claim_id: answered } =
      (await env.DB.prepare("SELECT claim_id FROM codes").first<{ claim_id: string }>()) ?? {};
    // A retry of the same code fails on its own and is noted: that names its claim, not the one that was answered.
    service.meter.faults.push(failing(CLAIM, "before", "D1_ERROR: timeout", 1));
    expect((await service.request("/token", exchange(code))).status).toBe(503);
    service.meter.clear();
    expect(await env.CODES.get(`unanswered:${answered}`)).toBeNull();
    expect((await service.request("/token", exchange(code))).status).toBe(400);
    await ok(service.request("/token", refresh(answer.refresh_token)));
  });

  it("U3: is not taken over once its grant has been revoked", async () => {
    const service = startService();
    const code = await unansweredClaim(service);
    const grantId = String(await env.DB.prepare("SELECT id FROM grants").first("id"));
    await revokeGrant(env.DB, grantId, "unlinked", service.clock.now);
    expect((await service.request("/token", exchange(code))).status).toBe(400);
    expect(await countOf("grants", "revoked_at IS NULL")).toBe(0);
  });

  it("V4: is not taken over after the code has expired", async () => {
    const service = startService();
    const code = await unansweredClaim(service);
    service.clock.advance(5 * MINUTE);
    expect((await service.request("/token", exchange(code))).status).toBe(400);
  });

  it("C6: is not taken over by a request that the code is not bound to", async () => {
    const service = startService();
    const code = await unansweredClaim(service);
    for (const fields of [{ redirect_uri: "https://evil.test/" }, { code_verifier: "x".repeat(43) }]) {
      expect((await service.request("/token", exchange(code, fields))).status).toBe(400);
    }
    // Those were no honest repeats: the grant has ended, and the code with it.
    expect((await service.request("/token", exchange(code))).status).toBe(400);
    expect(await countOf("grants", "revoked_at IS NULL")).toBe(0);
  });

  it("W2: a claim slower than the deadline answers 503 in time, and the retry that overtakes it wins", {
    timeout: 20_000,
  }, async () => {
    const service = startService();
    await linkAlexa(service);
    const code = await seedCodeWithCopy(service);
    service.meter.clear();
    service.meter.faults.push({ when: CLAIM, delayMs: 4500, times: 1 });
    const late = await service.requestOnly("/token", exchange(code));
    expect(late.status).toBe(503);
    // The late claim is still on its way to D1.
    expect(await countOf("codes", "spent_at IS NOT NULL")).toBe(1);
    const response = await service.requestOnly("/token", exchange(code));
    expect(response.status).toBe(200);
    await service.settled();
    await expectOneLivingGrant(service, await bodyOf(response), refresh);
  });

  it("W2: a claim that lands after its 503 is taken over by the retry that follows", { timeout: 20_000 }, async () => {
    const service = startService();
    await linkAlexa(service);
    const code = await seedCodeWithCopy(service);
    service.meter.clear();
    service.meter.faults.push({ when: CLAIM, delayMs: 4200, times: 1 });
    expect((await service.request("/token", exchange(code))).status).toBe(503);
    expect(await countOf("codes", "spent_at IS NOT NULL")).toBe(2);
    const response = await anotherIsolate(service).request("/token", exchange(code));
    expect(response.status).toBe(200);
    await expectOneLivingGrant(service, await bodyOf(response), refresh);
  });

  it("W2: a deadline that passes before the claim leaves the code unspent", { timeout: 20_000 }, async () => {
    const service = startService();
    const code = await seedCodeWithCopy(service);
    service.meter.faults.push({ when: (trip) => trip.sql.includes("FROM clients"), delayMs: 4200, times: 1 });
    expect((await service.request("/token", exchange(code))).status).toBe(503);
    expect(await countOf("codes", "spent_at IS NOT NULL")).toBe(0);
    await ok(service.request("/token", exchange(code)));
  });

  it("F6: an exception nobody foresaw is a well-formed 500 without a trace of the code", async () => {
    const service = startService();
    await env.DB.prepare("UPDATE clients SET redirect_uris = 'not json' WHERE id = ?").bind(ALEXA_CLIENT).run();
    const response = await service.request("/token", exchange(await seedCode()));
    expect(response.status).toBe(500);
    expect(response.headers.get("content-type")).toBe("application/json;charset=UTF-8");
    expect(await response.json()).toEqual({ error: "server_error" });
  });

  it("U3: a userinfo or introspection that cannot ask D1 says 503, not that the token is good", async () => {
    const service = startService();
    const { access_token } = await linkAlexa(service);
    service.meter.faults.push(failing((trip) => trip.store === "DB", "before", "D1_ERROR: down"));
    expect((await userinfo(service, access_token)).status).toBe(503);
    expect(await introspection(service, access_token)).toEqual({ error: "temporarily_unavailable" });
  });
});
