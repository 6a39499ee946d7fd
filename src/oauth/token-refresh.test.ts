// Refresh tokens over their lives: stable ones for years, rotating ones with lost responses, idle and absolute ends.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { runtimeOf } from "../../test/support/runtime.ts";
import {
  ALEXA_SECRET,
  APP_CLIENT,
  exchange,
  form,
  json,
  refresh,
  SKILL_ID,
  seedCode,
  seedEveryone,
  type TokenAnswer,
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

async function refreshed(service: Service, init: RequestInit): Promise<TokenAnswer> {
  const response = await service.request("/token", init);
  expect(response.status).toBe(200);
  return json(response);
}

describe("stable refresh tokens", () => {
  it("T1: the old token still works when the response was lost, and is always the one that comes back", async () => {
    const service = startService();
    const { refresh_token } = await linkAlexa(service);
    await service.request("/token", refresh(refresh_token));
    expect((await refreshed(service, refresh(refresh_token))).refresh_token).toBe(refresh_token);
  });

  it("T1: a year of refreshes always succeeds, and then another year of one a month", { timeout: 60_000 }, async () => {
    const service = startService();
    const { refresh_token } = await linkAlexa(service);
    for (let day = 0; day < 365; day += 2) {
      service.clock.advance(2 * DAY);
      expect(await statusOf(service, refresh(refresh_token))).toBe(200);
    }
    for (let month = 0; month < 12; month++) {
      service.clock.advance(30 * DAY);
      expect(await statusOf(service, refresh(refresh_token))).toBe(200);
    }
    expect(await countOf("grants")).toBe(1);
  });

  it("T1: at most one write a day notes the use", async () => {
    const service = startService();
    const { refresh_token } = await linkAlexa(service);
    service.meter.clear();
    for (let hour = 0; hour < 49; hour++) {
      service.clock.advance(HOUR);
      await service.request("/token", refresh(refresh_token));
    }
    expect(service.meter.calls().filter((call) => call === "DB.run")).toHaveLength(2);
  });

  it("U2: an unused link ends after 400 days, and a use a day before starts the time again", async () => {
    const service = startService();
    const [used, unused] = [await linkAlexa(service), await linkAlexa(service)];
    service.clock.advance(399 * DAY);
    expect(await statusOf(service, refresh(used.refresh_token))).toBe(200);
    service.clock.advance(2 * DAY);
    expect(await statusOf(service, refresh(unused.refresh_token))).toBe(400);
    expect(await introspection(service, unused.refresh_token)).toEqual({ active: false });
    service.clock.advance(397 * DAY);
    expect(await statusOf(service, refresh(used.refresh_token))).toBe(200);
  });

  it("T5, T6: the response of exchange and refresh is complete, and every access token is new and lives its full life", async () => {
    const service = startService({ ACCESS_TOKEN_TTL_SECONDS: "1800" });
    const answers = [await linkAlexa(service)];
    for (let i = 0; i < 2; i++) {
      service.clock.advance(10 * MINUTE);
      answers.push(await refreshed(service, refresh(answers[0]?.refresh_token ?? "")));
    }
    for (const answer of answers) {
      expect(answer).toEqual({
        access_token: expect.stringMatching(/^ey[\w-]+\.[\w-]+\.[\w-]+$/),
        token_type: "Bearer",
        expires_in: 1800,
        refresh_token: answers[0]?.refresh_token,
        scope: "profile",
      });
      expect((await introspection(service, answer.access_token)).active).toBe(true);
    }
    expect(new Set(answers.map((answer) => answer.access_token)).size).toBe(3);
    service.clock.advance(11 * MINUTE);
    const active = await Promise.all(
      answers.map(async ({ access_token }) => (await introspection(service, access_token)).active),
    );
    expect(active).toEqual([false, true, true]);
    expect(() => startService({ ACCESS_TOKEN_TTL_SECONDS: "359" })).toThrow(/ACCESS_TOKEN_TTL_SECONDS/);
  });

  it("T7: the link outlives the browser's login, and needs no special scope", async () => {
    const service = startService();
    const { refresh_token } = await linkAlexa(service, { scope: "profile" });
    await env.DB.prepare("UPDATE users SET session_epoch = session_epoch + 1").run();
    expect(await statusOf(service, refresh(refresh_token))).toBe(200);
  });

  it("T9: another client cannot use the token, and its owner goes on", async () => {
    const service = startService();
    const mine = await linkAlexa(service);
    const apps = await linkApp(service);
    expect(await statusOf(service, refreshOfApp(mine.refresh_token))).toBe(400);
    expect(await statusOf(service, refresh(apps.refresh_token))).toBe(400);
    expect(await statusOf(service, refresh(mine.refresh_token))).toBe(200);
    expect(await statusOf(service, refreshOfApp(apps.refresh_token))).toBe(200);
  });

  it("T9: nothing that opens something is readable in the database", async () => {
    const service = startService();
    const code = await seedCode();
    const secrets = [code, ALEXA_SECRET];
    for (const answer of [await json(await service.request("/token", exchange(code))), await linkApp(service)]) {
      secrets.push(answer.refresh_token, answer.refresh_token.slice(-43), answer.access_token);
    }
    const tables = await env.DB.prepare(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%\\_cf\\_%' ESCAPE '\\'",
    ).all<{ name: string }>();
    let dump = "";
    for (const { name } of tables.results)
      dump += JSON.stringify((await env.DB.prepare(`SELECT * FROM "${name}"`).all()).results);
    expect(dump).toContain("alexa-test");
    for (const secret of secrets) expect(dump).not.toContain(secret);
  });

  it("RFC6749-6: a smaller scope may be asked for, a larger one not, and the grant keeps its own", async () => {
    const service = startService();
    const { refresh_token } = await linkAlexa(service, { scope: "profile devices:control" });
    const smaller = await refreshed(service, refresh(refresh_token, { scope: "profile" }));
    expect(smaller.scope).toBe("profile");
    const larger = await service.request("/token", refresh(refresh_token, { scope: "profile links" }));
    expect([larger.status, await larger.json()]).toEqual([400, { error: "invalid_scope" }]);
    expect((await refreshed(service, refresh(refresh_token))).scope).toBe("profile devices:control");
  });

  it("T8: what is no token of ours is exactly invalid_grant", async () => {
    const service = startService();
    const { refresh_token } = await linkAlexa(service);
    const rotating = (await linkApp(service)).refresh_token;
    const forged = [
      "garbage",
      `${refresh_token}x`,
      refresh_token.slice(0, -1),
      `rt_${grantIdOf(refresh_token)}_${"A".repeat(43)}`,
      `rt_${grantIdOf(rotating)}_${refresh_token.slice(30)}`,
      `rt_${grantIdOf(refresh_token)}_${rotating.slice(30)}`,
      `rt_${"0".repeat(26)}_${refresh_token.slice(30)}`,
      `${rotating.slice(0, -1)}${rotating.endsWith("A") ? "B" : "A"}`,
      ...["0", "2", "01", "-1", "+1", "1.0", "999999999", "9999999999", "1e1", "0x1"].map((generation) =>
        rotating.replace(/_1_/, `_${generation}_`),
      ),
    ];
    for (const token of forged) expect(await statusOf(service, refresh(token)), token).toBe(400);
    for (const token of forged) expect(await statusOf(service, refreshOfApp(token)), token).toBe(400);
    expect(await countOf("audit", "alert = 1")).toBe(0);
    expect(await statusOf(service, refresh(refresh_token))).toBe(200);
    expect(await statusOf(service, refreshOfApp(rotating))).toBe(200);
  });
});

describe("rotating refresh tokens", () => {
  it("T3: a token gives the same successor until that has been used, however late", async () => {
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

  it("T3: a token that is never repeated is used for 40 generations, each with a lost response", async () => {
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

  it("T3: tokens go on while the note of their use is lost, and the next note makes up for it", async () => {
    const service = startService();
    const tokens = [(await linkApp(service)).refresh_token];
    service.meter.faults.push(
      failing((trip) => trip.sql.startsWith("UPDATE grants SET generation"), "before", "D1_ERROR: down"),
    );
    for (let i = 0; i < 5; i++)
      tokens.push((await refreshed(service, refreshOfApp(tokens.at(-1) ?? ""))).refresh_token);
    service.meter.clear();
    await refreshed(service, refreshOfApp(tokens[5] ?? ""));
    expect(await statusOf(service, refreshOfApp(tokens[4] ?? ""))).toBe(400);
    expect(await countOf("grants", "revoked_at IS NOT NULL")).toBe(0);
  });

  it("T2: 20 refreshes at once succeed and return one token, also after the database was put back to an earlier time", async () => {
    const service = startService();
    let token = (await linkApp(service)).refresh_token;
    for (let i = 0; i < 3; i++) token = (await refreshed(service, refreshOfApp(token))).refresh_token;
    await env.DB.prepare("UPDATE grants SET generation = 1").run();
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => service.requestOnly("/token", refreshOfApp(token))),
    );
    const answers = await Promise.all(responses.map((response) => json(response)));
    await service.settled();
    expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(new Set(answers.map((answer) => answer.refresh_token)).size).toBe(1);
    expect(await statusOf(service, refreshOfApp(answers[0]?.refresh_token ?? ""))).toBe(200);
  });

  it("T9: a forged token never moves the grant on, whatever its generation", async () => {
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

  it("T9: the database and the key each are not enough to make a token: it takes both", async () => {
    const service = startService();
    const token = (await linkApp(service)).refresh_token;
    await env.DB.prepare("UPDATE grants SET salt = 'another-salt' WHERE id = ?").bind(grantIdOf(token)).run();
    expect(await statusOf(service, refreshOfApp(token))).toBe(400);
  });

  /** Five tokens of one grant, of which only the last two are good. */
  async function retiredTokens(service: Service): Promise<string[]> {
    const tokens = [(await linkApp(service)).refresh_token];
    for (let i = 0; i < 4; i++) {
      service.clock.advance(10 * MINUTE);
      tokens.push((await refreshed(service, refreshOfApp(tokens.at(-1) ?? ""))).refresh_token);
    }
    return tokens;
  }

  for (const age of [0, 1, 2]) {
    it(`T9: a token retired ${3 - age} uses ago revokes the grant when it comes late, with an alert`, async () => {
      const service = startService();
      const tokens = await retiredTokens(service);
      service.clock.advance(61 * SECOND);
      expect(await statusOf(service, refreshOfApp(tokens[age] ?? ""))).toBe(400);
      expect(await statusOf(service, refreshOfApp(tokens[4] ?? ""))).toBe(400);
      expect(await countOf("audit", "alert = 1")).toBeGreaterThanOrEqual(1);
      expect(await countOf("grants", "revoked_reason = 'retired_token_reused'")).toBe(1);
    });
  }

  it("T3: a token that comes within a minute of its retirement is refused with an alert, and the grant stays", async () => {
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

  it("T9: another client's retired token does not end the grant", async () => {
    const service = startService();
    const tokens = await retiredTokens(service);
    service.clock.advance(HOUR);
    expect(await statusOf(service, refresh(tokens[0] ?? ""))).toBe(400);
    expect(await countOf("audit", "alert = 1")).toBe(0);
    expect(await statusOf(service, refreshOfApp(tokens[4] ?? ""))).toBe(200);
  });

  it("T9: introspection shows the newest two tokens as active, and revocation takes any of them", async () => {
    const service = startService();
    const tokens = await retiredTokens(service);
    // Introspection is not for public clients: the backend may look when the app's grant names its skill.
    await env.DB.prepare("UPDATE grants SET skill_id = ?").bind(SKILL_ID).run();
    const active = await Promise.all(
      tokens.map(async (token) => (await introspection(service, token, asService)).active),
    );
    expect(active).toEqual([false, false, false, true, true]);
    const revocation = await service.request("/revoke", form({ token: tokens[0] ?? "", client_id: APP_CLIENT }));
    expect(revocation.status).toBe(200);
    expect(await statusOf(service, refreshOfApp(tokens[4] ?? ""))).toBe(400);
  });

  it("T3: tokens outlive a change of MASTER_KEY while MASTER_KEY_PREVIOUS is set; those never refreshed end with it", async () => {
    const service = startService();
    const [used, unused] = [(await linkApp(service)).refresh_token, (await linkApp(service)).refresh_token];
    const newKey = "B".repeat(43);
    const both = anotherIsolate(service, { MASTER_KEY: newKey, MASTER_KEY_PREVIOUS: "A".repeat(43) });
    const next = (await refreshed(both, refreshOfApp(used))).refresh_token;
    expect((await refreshed(both, refreshOfApp(used))).refresh_token).toBe(next);
    // An isolate that has the previous configuration still gets on with tokens of its own key.
    expect(await statusOf(service, refreshOfApp(used))).toBe(200);
    await resealChunk(await runtimeOf(both, { MASTER_KEY: newKey, MASTER_KEY_PREVIOUS: "A".repeat(43) }), 100);
    const alone = anotherIsolate(service, { MASTER_KEY: newKey });
    expect(await statusOf(alone, refreshOfApp(next))).toBe(200);
    expect(await statusOf(alone, refreshOfApp(unused))).toBe(400);
    expect(await statusOf(both, refreshOfApp(unused))).toBe(200);
  });

  it("RFC9700-4.14: a public client's grant ends 180 days after it began, however much it is used; Alexa's does not", async () => {
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

  it("U2: an unused public client's grant ends after 400 days, and each use starts the time again", async () => {
    const service = startService({ REFRESH_PUBLIC_MAX_DAYS: "3650" });
    let token = (await linkApp(service)).refresh_token;
    for (let i = 0; i < 3; i++) {
      service.clock.advance(399 * DAY);
      token = (await refreshed(service, refreshOfApp(token))).refresh_token;
    }
    service.clock.advance(400 * DAY);
    expect(await statusOf(service, refreshOfApp(token))).toBe(400);
  });

  it("T3: under a wrong master key the response is 5xx and never invalid_grant, and the token is good once the key is back", async () => {
    const service = startService();
    const token = (await linkApp(service)).refresh_token;
    const wrong = anotherIsolate(service, { MASTER_KEY: "C".repeat(43) });
    expect((await wrong.request("/token", refreshOfApp(token))).status).toBeGreaterThanOrEqual(500);
    expect(await statusOf(service, refreshOfApp(token))).toBe(200);
  });
});
