// Rotating refresh tokens: lost responses, reuse of a retired token, and how long a grant lives.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { runtimeOf } from "../../test/support/runtime.ts";
import {
  APP_CLIENT,
  form,
  json,
  refresh,
  SKILL_ID,
  seedEveryone,
  type TokenResponse,
} from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import {
  anotherIsolate,
  asService,
  countOf,
  DAY,
  failing,
  grantIdOf,
  HOUR,
  introspection,
  linkAlexa,
  linkApp,
  MINUTE,
  refreshOfApp,
  SECOND,
} from "../../test/support/tokens.ts";
import { resealChunk } from "../admin/reseal.ts";

beforeEach(seedEveryone);

async function statusOf(service: Service, init: RequestInit): Promise<number> {
  const response = await service.request("/token", init);
  const body = await response.json();
  if (response.status === 400) expect(body).toEqual({ error: "invalid_grant" });
  return response.status;
}

async function refreshed(service: Service, init: RequestInit): Promise<TokenResponse> {
  const response = await service.request("/token", init);
  expect(response.status).toBe(200);
  return json(response);
}

describe("rotating refresh tokens", () => {
  it("T3: a token returns the same successor until the successor is used, even 30 days later", async () => {
    const service = startService();
    const first = (await linkApp(service)).refresh_token;
    const second = (await refreshed(service, refreshOfApp(first))).refresh_token;
    expect(second).not.toBe(first);
    service.clock.advance(DAY);
    expect((await refreshed(service, refreshOfApp(first))).refresh_token).toBe(second);
    service.clock.advance(30 * DAY);
    expect((await refreshed(service, refreshOfApp(first))).refresh_token).toBe(second);
    await refreshed(service, refreshOfApp(second));
    service.clock.advance(59 * SECOND);
    expect(await statusOf(service, refreshOfApp(first))).toBe(400);
    expect(await statusOf(service, refreshOfApp(second))).toBe(200);
  });

  it("T3: a link survives 40 refreshes whose responses are each lost once", async () => {
    const service = startService();
    let token = (await linkApp(service)).refresh_token;
    const seen = new Set([token]);
    for (let generation = 1; generation <= 40; generation++) {
      service.clock.advance(HOUR);
      const isolate = generation % 3 === 0 ? anotherIsolate(service) : service;
      const successor = (await refreshed(isolate, refreshOfApp(token))).refresh_token;
      expect((await refreshed(service, refreshOfApp(token))).refresh_token).toBe(successor);
      token = successor;
      seen.add(token);
    }
    expect(seen.size).toBe(41);
    expect(await countOf("grants", "revoked_at IS NOT NULL")).toBe(0);
    expect(await countOf("audit", "alert = 1")).toBe(0);
  });

  it("T3: refreshes work while their use cannot be recorded, and the next recorded use catches up", async () => {
    const service = startService();
    const tokens = [(await linkApp(service)).refresh_token];
    service.meter.faults.push(
      failing(({ sql }) => sql.startsWith("UPDATE grants SET generation"), "before", "D1_ERROR: down"),
    );
    for (let i = 0; i < 5; i++)
      tokens.push((await refreshed(service, refreshOfApp(tokens.at(-1) ?? ""))).refresh_token);
    service.meter.clear();
    await refreshed(service, refreshOfApp(tokens[5] ?? ""));
    expect(await statusOf(service, refreshOfApp(tokens[4] ?? ""))).toBe(400);
    expect(await countOf("grants", "revoked_at IS NOT NULL")).toBe(0);
  });

  it("T2: 20 refreshes at once return one token, even after the database was restored to an earlier time", async () => {
    const service = startService();
    let token = (await linkApp(service)).refresh_token;
    for (let i = 0; i < 3; i++) token = (await refreshed(service, refreshOfApp(token))).refresh_token;
    await env.DB.prepare("UPDATE grants SET generation = 1").run();
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => service.requestOnly("/token", refreshOfApp(token))),
    );
    const tokens = await Promise.all(responses.map((response) => json(response)));
    await service.settled();
    expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(new Set(tokens.map((one) => one.refresh_token)).size).toBe(1);
    expect(await statusOf(service, refreshOfApp(tokens[0]?.refresh_token ?? ""))).toBe(200);
  });

  it("T9: a forged token of any generation does not change the grant", async () => {
    const service = startService();
    const token = (await linkApp(service)).refresh_token;
    const other = (await linkApp(service)).refresh_token;
    const generationOf = () =>
      env.DB.prepare("SELECT generation FROM grants WHERE id = ?").bind(grantIdOf(token)).first("generation");
    for (const generation of [1, 2, 3, 999_999_999]) {
      for (const secret of ["A".repeat(43), token.slice(-43), other.slice(-43)]) {
        const forged = `rt_${grantIdOf(token)}_${generation}_${secret}`;
        if (forged !== token) expect(await statusOf(service, refreshOfApp(forged)), forged).toBe(400);
      }
    }
    expect(await generationOf()).toBe(0);
    await refreshed(service, refreshOfApp(token));
    expect(await generationOf()).toBe(1);
  });

  it("T9: a token is refused when the salt of its grant has changed", async () => {
    const service = startService();
    const token = (await linkApp(service)).refresh_token;
    await env.DB.prepare("UPDATE grants SET salt = 'another-salt' WHERE id = ?").bind(grantIdOf(token)).run();
    expect(await statusOf(service, refreshOfApp(token))).toBe(400);
  });

  /** Five tokens of one grant. Only the last two are valid. */
  async function retiredTokens(service: Service): Promise<string[]> {
    const tokens = [(await linkApp(service)).refresh_token];
    for (let i = 0; i < 4; i++) {
      service.clock.advance(10 * MINUTE);
      tokens.push((await refreshed(service, refreshOfApp(tokens.at(-1) ?? ""))).refresh_token);
    }
    return tokens;
  }

  for (const age of [0, 1, 2]) {
    it(`T9: reusing a token retired ${3 - age} uses ago revokes the grant and raises an alert`, async () => {
      const service = startService();
      const tokens = await retiredTokens(service);
      service.clock.advance(61 * SECOND);
      expect(await statusOf(service, refreshOfApp(tokens[age] ?? ""))).toBe(400);
      expect(await statusOf(service, refreshOfApp(tokens[4] ?? ""))).toBe(400);
      expect(await countOf("audit", "alert = 1")).toBeGreaterThanOrEqual(1);
      expect(await countOf("grants", "revoked_reason = 'retired_token_reused'")).toBe(1);
    });
  }

  it("T3: a use that is recorded late does not bring back the token that was retired meanwhile", async () => {
    const service = startService();
    const first = (await linkApp(service)).refresh_token;
    const second = (await refreshed(service, refreshOfApp(first))).refresh_token;
    service.meter.faults.push({
      when: ({ sql }) => sql.startsWith("UPDATE grants SET generation"),
      delayMs: 200,
      times: 1,
    });
    const use = async (token: string) => json(await service.requestOnly("/token", refreshOfApp(token)));
    const third = (await use(second)).refresh_token;
    const fourth = (await use(third)).refresh_token;
    await service.settled();
    expect(await statusOf(service, refreshOfApp(second))).toBe(400);
    expect((await refreshed(service, refreshOfApp(third))).refresh_token).toBe(fourth);
  });

  it("T3: a token reused within a minute of its retirement is refused with an alert, and the grant stays", async () => {
    const service = startService();
    const first = (await linkApp(service)).refresh_token;
    const second = (await refreshed(service, refreshOfApp(first))).refresh_token;
    service.clock.advance(DAY);
    const third = (await refreshed(service, refreshOfApp(second))).refresh_token;
    service.clock.advance(60 * SECOND);
    expect(await statusOf(service, refreshOfApp(first))).toBe(400);
    expect(await countOf("audit", "kind = 'retired_token_reused' AND alert = 1")).toBe(1);
    expect(await statusOf(service, refreshOfApp(third))).toBe(200);
  });

  it("T9: a retired token presented by another client does not revoke the grant", async () => {
    const service = startService();
    const tokens = await retiredTokens(service);
    service.clock.advance(HOUR);
    expect(await statusOf(service, refresh(tokens[0] ?? ""))).toBe(400);
    expect(await countOf("audit", "alert = 1")).toBe(0);
    expect(await statusOf(service, refreshOfApp(tokens[4] ?? ""))).toBe(200);
  });

  it("T9: only the newest two tokens are active at introspection, and any of them can be revoked", async () => {
    const service = startService();
    const tokens = await retiredTokens(service);
    // Public clients may not introspect. The skill's backend may if the grant names its skill.
    await env.DB.prepare("UPDATE grants SET skill_id = ?").bind(SKILL_ID).run();
    const active = await Promise.all(
      tokens.map(async (token) => (await introspection(service, token, asService)).active),
    );
    expect(active).toEqual([false, false, false, true, true]);
    const revocation = await service.request("/revoke", form({ token: tokens[0] ?? "", client_id: APP_CLIENT }));
    expect(revocation.status).toBe(200);
    expect(await statusOf(service, refreshOfApp(tokens[4] ?? ""))).toBe(400);
  });

  it("T3: tokens work after a change of MASTER_KEY; without MASTER_KEY_PREVIOUS only refreshed ones do", async () => {
    const service = startService();
    const [used, unused] = [(await linkApp(service)).refresh_token, (await linkApp(service)).refresh_token];
    const newKey = "B".repeat(43);
    const both = anotherIsolate(service, { MASTER_KEY: newKey, MASTER_KEY_PREVIOUS: "A".repeat(43) });
    const next = (await refreshed(both, refreshOfApp(used))).refresh_token;
    expect((await refreshed(both, refreshOfApp(used))).refresh_token).toBe(next);
    // An isolate with the previous configuration still accepts tokens of its own key.
    expect(await statusOf(service, refreshOfApp(used))).toBe(200);
    await resealChunk(await runtimeOf(both, { MASTER_KEY: newKey, MASTER_KEY_PREVIOUS: "A".repeat(43) }), 100);
    const alone = anotherIsolate(service, { MASTER_KEY: newKey });
    expect(await statusOf(alone, refreshOfApp(next))).toBe(200);
    expect(await statusOf(alone, refreshOfApp(unused))).toBe(400);
    expect(await statusOf(both, refreshOfApp(unused))).toBe(200);
  });

  it("RFC9700-4.14: a public client's grant ends after 180 days even if it is used; Alexa's does not", async () => {
    const service = startService();
    const alexa = (await linkAlexa(service)).refresh_token;
    let token = (await linkApp(service)).refresh_token;
    for (let week = 0; week < 25; week++) {
      service.clock.advance(7 * DAY);
      token = (await refreshed(service, refreshOfApp(token))).refresh_token;
    }
    service.clock.advance(5 * DAY);
    expect(await statusOf(service, refreshOfApp(token))).toBe(400);
    expect(await statusOf(service, refresh(alexa))).toBe(200);
    expect(await countOf("audit", "alert = 1")).toBe(0);
  });

  it("U2: a public client's grant ends after 400 days without use, and each use starts the period again", async () => {
    const service = startService({ REFRESH_PUBLIC_MAX_DAYS: "3650" });
    let token = (await linkApp(service)).refresh_token;
    for (let i = 0; i < 3; i++) {
      service.clock.advance(399 * DAY);
      token = (await refreshed(service, refreshOfApp(token))).refresh_token;
    }
    service.clock.advance(400 * DAY);
    expect(await statusOf(service, refreshOfApp(token))).toBe(400);
  });

  it("T3: under a wrong master key a refresh is 503, not invalid_grant, and works once the key is back", async () => {
    const service = startService();
    const token = (await linkApp(service)).refresh_token;
    const wrong = anotherIsolate(service, { MASTER_KEY: "C".repeat(43) });
    expect((await wrong.request("/token", refreshOfApp(token))).status).toBe(503);
    expect(await statusOf(service, refreshOfApp(token))).toBe(200);
  });
});
