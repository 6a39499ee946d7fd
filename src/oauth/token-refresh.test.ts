// Stable refresh tokens: years of use, idle expiry, and what a refresh returns.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import {
  ALEXA_SECRET,
  exchange,
  json,
  refresh,
  seedCode,
  seedEveryone,
  type TokenResponse,
} from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import {
  countOf,
  DAY,
  grantIdOf,
  HOUR,
  introspection,
  linkAlexa,
  linkApp,
  MINUTE,
  refreshOfApp,
} from "../../test/support/tokens.ts";

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

describe("stable refresh tokens", () => {
  it("T1: the old token still works when the response was lost, and every refresh returns the same token", async () => {
    const service = startService();
    const { refresh_token } = await linkAlexa(service);
    await service.request("/token", refresh(refresh_token));
    expect((await refreshed(service, refresh(refresh_token))).refresh_token).toBe(refresh_token);
  });

  it("T1: a link used every other day for a year and then once a month always refreshes", {
    timeout: 60_000,
  }, async () => {
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

  it("T1: the use of a token is written at most once a day", async () => {
    const service = startService();
    const { refresh_token } = await linkAlexa(service);
    service.meter.clear();
    for (let hour = 0; hour < 49; hour++) {
      service.clock.advance(HOUR);
      await service.request("/token", refresh(refresh_token));
    }
    expect(service.meter.calls().filter((call) => call === "DB.run").length).toBeLessThanOrEqual(2);
  });

  it("U2: a link ends after 400 days without use, and each use starts the period again", async () => {
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

  it("T5, T6: every token response is complete, and its access token is new and has the full lifetime", async () => {
    const service = startService({ ACCESS_TOKEN_TTL_SECONDS: "1800" });
    const links = [await linkAlexa(service)];
    for (let i = 0; i < 2; i++) {
      service.clock.advance(10 * MINUTE);
      links.push(await refreshed(service, refresh(links[0]?.refresh_token ?? "")));
    }
    for (const tokens of links) {
      expect(tokens).toEqual({
        access_token: expect.stringMatching(/^ey[\w-]+\.[\w-]+\.[\w-]+$/),
        token_type: "Bearer",
        expires_in: 1800,
        refresh_token: links[0]?.refresh_token,
        scope: "profile",
      });
      expect((await introspection(service, tokens.access_token)).active).toBe(true);
    }
    expect(new Set(links.map((tokens) => tokens.access_token)).size).toBe(3);
    service.clock.advance(11 * MINUTE);
    const active = await Promise.all(
      links.map(async ({ access_token }) => (await introspection(service, access_token)).active),
    );
    expect(active).toEqual([false, true, true]);
    expect(() => startService({ ACCESS_TOKEN_TTL_SECONDS: "359" })).toThrow(/ACCESS_TOKEN_TTL_SECONDS/);
  });

  it("T7: the link outlives the browser session, and needs no special scope", async () => {
    const service = startService();
    const { refresh_token } = await linkAlexa(service, { scope: "profile" });
    await env.DB.prepare("UPDATE users SET session_epoch = session_epoch + 1").run();
    expect(await statusOf(service, refresh(refresh_token))).toBe(200);
  });

  it("T9: a client cannot use the refresh token of another, and the token stays valid", async () => {
    const service = startService();
    const mine = await linkAlexa(service);
    const apps = await linkApp(service);
    expect(await statusOf(service, refreshOfApp(mine.refresh_token))).toBe(400);
    expect(await statusOf(service, refresh(apps.refresh_token))).toBe(400);
    expect(await statusOf(service, refresh(mine.refresh_token))).toBe(200);
    expect(await statusOf(service, refreshOfApp(apps.refresh_token))).toBe(200);
  });

  it("T9: no code, token or client secret can be read in the database", async () => {
    const service = startService();
    const code = await seedCode();
    const secrets = [code, ALEXA_SECRET];
    for (const tokens of [await json(await service.request("/token", exchange(code))), await linkApp(service)]) {
      secrets.push(tokens.refresh_token, tokens.refresh_token.slice(-43), tokens.access_token);
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

  it("RFC6749-6: a refresh may ask for less scope but not for more, and the grant keeps its scope", async () => {
    const service = startService();
    const { refresh_token } = await linkAlexa(service, { scope: "profile devices:control" });
    const smaller = await refreshed(service, refresh(refresh_token, { scope: "profile" }));
    expect(smaller.scope).toBe("profile");
    const larger = await service.request("/token", refresh(refresh_token, { scope: "profile links" }));
    expect([larger.status, await larger.json()]).toEqual([400, { error: "invalid_scope" }]);
    expect((await refreshed(service, refresh(refresh_token))).scope).toBe("profile devices:control");
  });

  it("T8: forged and malformed refresh tokens are invalid_grant, without an alert", async () => {
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
