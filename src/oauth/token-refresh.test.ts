// Refresh tokens over their lives: stable ones for years, rotating chains with lost answers, idle and absolute ends.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import {
  ALEXA_SECRET,
  basic,
  exchange,
  form,
  json,
  refresh,
  seedCode,
  seedEveryone,
  seedSkill,
  type TokenAnswer,
} from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import {
  anotherIsolate,
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
import { LOOKAHEAD } from "./refresh-tokens.ts";

const ROTATING_CLIENT = "alexa-rotating";
const ROTATING_SECRET = "obviously-fake-secret-of-the-rotating-client";

beforeEach(async () => {
  await seedEveryone();
  await seedSkill({ id: ROTATING_CLIENT, secret: ROTATING_SECRET, skillId: "amzn1.ask.skill.rotating", rotate: true });
});

/** A confidential client that opted in to rotation, and the public app: both hold chains. */
const chains = {
  "a confidential client that opted in": {
    link: async (service: Service): Promise<TokenAnswer> => {
      const code = await seedCode({ clientId: ROTATING_CLIENT });
      const headers = { authorization: basic(ROTATING_CLIENT, ROTATING_SECRET) };
      const init = { ...exchange(code, { client_id: ROTATING_CLIENT }) };
      return json(await service.request("/token", { ...init, headers: { ...(init.headers as object), ...headers } }));
    },
    refresh: (token: string) =>
      form(
        { grant_type: "refresh_token", refresh_token: token },
        { authorization: basic(ROTATING_CLIENT, ROTATING_SECRET) },
      ),
  },
  "the public app": { link: linkApp, refresh: refreshOfApp },
};

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
  it("T1: the old token still works when the answer was lost, and is always the one that comes back", async () => {
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

  it("U2: a link that nobody used for 400 days ends, and a day before it starts anew", async () => {
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

  it("T5, T6: the answer of exchange and refresh is complete, and every access token is new and lives its full life", async () => {
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
    for (const name of Object.keys(chains) as (keyof typeof chains)[]) {
      const mine = await linkAlexa(service);
      const theirs = await chains[name].link(service);
      expect(await statusOf(service, chains[name].refresh(mine.refresh_token))).toBe(400);
      expect(await statusOf(service, refresh(theirs.refresh_token))).toBe(400);
      expect(await statusOf(service, refresh(mine.refresh_token))).toBe(200);
      expect(await statusOf(service, chains[name].refresh(theirs.refresh_token))).toBe(200);
    }
  });

  it("T9: nothing that opens something is readable in the database", async () => {
    const service = startService();
    const code = await seedCode();
    const secrets = [code, ALEXA_SECRET, ROTATING_SECRET];
    for (const answer of [await json(await service.request("/token", exchange(code))), await linkApp(service)]) {
      secrets.push(answer.refresh_token, answer.refresh_token.slice(30), answer.access_token);
    }
    const tables = await env.DB.prepare(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%\\_cf\\_%' ESCAPE '\\'",
    ).all<{ name: string }>();
    let dump = "";
    for (const { name } of tables.results)
      dump += JSON.stringify((await env.DB.prepare(`SELECT * FROM "${name}"`).all()).results);
    expect(dump).toContain("alexa-rotating");
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
    ];
    for (const token of forged) expect(await statusOf(service, refresh(token)), token).toBe(400);
    for (const token of forged) expect(await statusOf(service, refreshOfApp(token)), token).toBe(400);
    expect(await countOf("audit", "alert = 1")).toBe(0);
    expect(await statusOf(service, refresh(refresh_token))).toBe(200);
    expect(await statusOf(service, refreshOfApp(rotating))).toBe(200);
  });
});

describe("rotating refresh tokens", () => {
  for (const [name, { link, refresh: again }] of Object.entries(chains)) {
    it(`T3: of ${name}, the predecessor gives the same successor until that has been used, however late`, async () => {
      const service = startService();
      const first = (await link(service)).refresh_token;
      const second = (await refreshed(service, again(first))).refresh_token;
      expect(second).not.toBe(first);
      service.clock.advance(DAY);
      expect((await refreshed(service, again(first))).refresh_token).toBe(second);
      service.clock.advance(30 * DAY);
      expect((await refreshed(service, again(first))).refresh_token).toBe(second);
      expect(await countOf("audit", "kind = 'refresh_token_repeated_late'")).toBe(2);
      await refreshed(service, again(second));
      service.clock.advance(59 * SECOND);
      expect(await statusOf(service, again(first))).toBe(400);
      expect(await statusOf(service, again(second))).toBe(200);
    });

    it(`T3: of ${name}, chains go on for 40 generations while no refill succeeds`, { timeout: 30_000 }, async () => {
      const service = startService();
      let token = (await link(service)).refresh_token;
      const seen = new Set([token]);
      service.meter.faults.push(
        failing((trip) => trip.sql.startsWith("UPDATE grants SET next_hashes"), "before", "D1_ERROR: down"),
      );
      for (let generation = 1; generation <= 5 * LOOKAHEAD; generation++) {
        service.clock.advance(HOUR);
        const isolate = generation % 3 === 0 ? anotherIsolate(service) : service;
        if (isolate !== service) isolate.meter.faults.push(...service.meter.faults);
        const successor = (await refreshed(isolate, again(token))).refresh_token;
        // A lost answer at every step: the same token gives the same successor.
        expect((await refreshed(service, again(token))).refresh_token).toBe(successor);
        token = successor;
        seen.add(token);
      }
      expect(seen.size).toBe(5 * LOOKAHEAD + 1);
      expect(await countOf("grants", "revoked_at IS NOT NULL")).toBe(0);
      expect(await countOf("audit", "alert = 1")).toBe(0);
    });

    it(`T2: of ${name}, 20 refreshes at once succeed also where the row holds no hash of the token any more`, async () => {
      const service = startService();
      let token = (await link(service)).refresh_token;
      token = (await refreshed(service, again(token))).refresh_token;
      await env.DB.prepare("UPDATE grants SET next_hashes = ''").run();
      const responses = await Promise.all(
        Array.from({ length: 20 }, () => service.requestOnly("/token", again(token))),
      );
      const answers = await Promise.all(responses.map((response) => json(response)));
      await service.settled();
      expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
      expect(new Set(answers.map((answer) => answer.refresh_token)).size).toBe(1);
      expect(await statusOf(service, again(answers[0]?.refresh_token ?? ""))).toBe(200);
    });
  }

  /** A chain of five tokens, of which only the last two are good. */
  async function retiredTokens(service: Service, chain: (typeof chains)[keyof typeof chains]): Promise<string[]> {
    const tokens = [(await chain.link(service)).refresh_token];
    for (let i = 0; i < 4; i++) {
      service.clock.advance(10 * MINUTE);
      tokens.push((await refreshed(service, chain.refresh(tokens.at(-1) ?? ""))).refresh_token);
    }
    return tokens;
  }

  for (const age of [0, 1, 2]) {
    it(`T9: a public client's token retired ${3 - age} uses ago ends the grant when it comes late, with an alert`, async () => {
      const service = startService();
      const chain = chains["the public app"];
      const tokens = await retiredTokens(service, chain);
      service.clock.advance(61 * SECOND);
      expect(await statusOf(service, chain.refresh(tokens[age] ?? ""))).toBe(400);
      expect(await statusOf(service, chain.refresh(tokens[4] ?? ""))).toBe(400);
      expect(await countOf("audit", "alert = 1")).toBeGreaterThanOrEqual(1);
      expect(await countOf("grants", "revoked_reason = 'retired_token_reused'")).toBe(1);
    });

    it(`T9: a confidential client's token retired ${3 - age} uses ago is refused with an alert, and the grant lives on`, async () => {
      const service = startService();
      const chain = chains["a confidential client that opted in"];
      const tokens = await retiredTokens(service, chain);
      service.clock.advance(DAY);
      expect(await statusOf(service, chain.refresh(tokens[age] ?? ""))).toBe(400);
      expect(await countOf("audit", "kind = 'retired_token_reused' AND alert = 1")).toBe(1);
      expect(await statusOf(service, chain.refresh(tokens[3] ?? ""))).toBe(200);
      expect(await statusOf(service, chain.refresh(tokens[4] ?? ""))).toBe(200);
    });
  }

  it("T3: a public client's predecessor that comes within a minute of its retirement is refused and harms nothing", async () => {
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
    const tokens = await retiredTokens(service, chains["the public app"]);
    service.clock.advance(HOUR);
    expect(await statusOf(service, refresh(tokens[0] ?? ""))).toBe(400);
    expect(await statusOf(service, chains["a confidential client that opted in"].refresh(tokens[0] ?? ""))).toBe(400);
    expect(await statusOf(service, refreshOfApp(tokens[4] ?? ""))).toBe(200);
  });

  it("RFC9700-4.14: a public client's chain ends 180 days after it began, however much it is used; Alexa's does not", async () => {
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

  it("U2: a chain that nobody used for 400 days ends, and each use starts the time anew", async () => {
    const service = startService({ REFRESH_PUBLIC_MAX_DAYS: "3650" });
    let token = (await linkApp(service)).refresh_token;
    for (let i = 0; i < 3; i++) {
      service.clock.advance(399 * DAY);
      token = (await refreshed(service, refreshOfApp(token))).refresh_token;
    }
    service.clock.advance(400 * DAY);
    expect(await statusOf(service, refreshOfApp(token))).toBe(400);
  });

  it("T3: a lost master key is our fault and not the token's: 5xx, and the token is good once the key is back", async () => {
    const service = startService();
    const token = (await linkApp(service)).refresh_token;
    const wrong = anotherIsolate(service, { MASTER_KEY: "C".repeat(43) });
    expect((await wrong.request("/token", refreshOfApp(token))).status).toBeGreaterThanOrEqual(500);
    expect(await statusOf(service, refreshOfApp(token))).toBe(200);
  });
});
