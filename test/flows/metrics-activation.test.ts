// Metrics of account activation: linkings played over HTTP, and every figure exact.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Account, DEMO, seedAccount } from "../support/accounts.ts";
import { admin } from "../support/admin.ts";
import { type Amazon, startAmazon } from "../support/amazon.ts";
import { appBearer } from "../support/app-bearer.ts";
import { seedLwa } from "../support/app-user.ts";
import { query, signedIn } from "../support/authorize.ts";
import { asBackend, directive, seedGatewayCredentials, startLwa } from "../support/gateway.ts";
import { decide } from "../support/link-page.ts";
import { authorizePage, consent, linkingOf, metricsOf, numbers, redeem } from "../support/metrics.ts";
import {
  APP_CLIENT,
  APP_REDIRECT_URI,
  challengeOf,
  json,
  SKILL_ID,
  seedAppAndService,
  seedSkill,
} from "../support/seeds.ts";
import { type Service, startService } from "../support/service.ts";
import { anotherIsolate, HOUR, MINUTE } from "../support/tokens.ts";
import { type Visitor, visit } from "../support/visitor.ts";

const EVE: Account = { email: "eve@example.com", password: "eves-password-1" };
const OTHER_SKILL = "amzn1.ask.skill.0000-other";
const OTHER_CLIENT = "alexa-other";
const NONE = [0, 0, 0, 0];

let service: Service;

beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedSkill({ skillId: OTHER_SKILL, id: OTHER_CLIENT });
  await seedAppAndService();
  await seedAccount(service, DEMO);
  await seedAccount(service, EVE);
});
afterEach(() => vi.restoreAllMocks());

/** A whole linking from the Alexa app. */
async function link(visitor: Visitor, state: string, clientId?: string): Promise<void> {
  const page = await visitor.open(authorizePage(state, clientId === undefined ? {} : { client_id: clientId }));
  await (await redeem(service, await consent(visitor, page), clientId)).text();
}

async function totals(parameters = ""): Promise<number[][]> {
  return linkingOf((await metricsOf(service, parameters)).totals);
}

describe("an initiation through the Alexa app", () => {
  it("counts once, however often the page is loaded: also without cookies, in another isolate, in a later hour", async () => {
    const page = authorizePage("state-1");
    const visitor = visit(service);
    for (let loads = 0; loads < 3; loads++) await visitor.get(page);
    await visit(service).get(page);
    await metricsOf(service);
    expect(await totals()).toEqual([[1, 0, 1, 0], NONE, [1, 0, 1, 0]]);
    const other = anotherIsolate(service);
    await (await other.request(page)).text();
    await metricsOf(other);
    for (const hours of [1, 1, 45]) {
      service.clock.advance(hours * HOUR);
      await visitor.get(page);
      await visit(service).get(page);
      expect(await totals()).toEqual([[1, 0, 1, 0], NONE, [1, 0, 1, 0]]);
    }
  });

  it("is one for each state and client; without a state for each browser", async () => {
    for (const state of ["state-1", "state-2", "state%2D1"]) await visit(service).get(authorizePage(state));
    await visit(service).get(authorizePage("state-1", { client_id: OTHER_CLIENT }));
    expect(await totals()).toEqual([[4, 0, 4, 0], NONE, [4, 0, 4, 0]]);
    const stateless = `/authorize?${query({ state: undefined })}`;
    const browser = visit(service);
    for (let loads = 0; loads < 2; loads++) await browser.get(stateless);
    await visit(service).get(stateless);
    expect(await totals()).toEqual([[6, 0, 6, 0], NONE, [6, 0, 6, 0]]);
  });

  it("is none for HEAD requests, prefetches, refused requests and the app's own sign-in", async () => {
    const visitor = visit(service);
    await visitor.send(authorizePage("state-1"), { method: "HEAD" });
    const headers: Record<string, string>[] = [
      { "sec-purpose": "prefetch" },
      { "sec-purpose": "prefetch;prerender" },
      { purpose: "prefetch" },
      { "x-moz": "prefetch" },
    ];
    for (const header of headers) await visitor.send(authorizePage("state-2"), { headers: header });
    await visitor.get(authorizePage("state-3", { redirect_uri: "https%3A%2F%2Fevil.example%2F" }));
    await visitor.get(authorizePage("state-4", { scope: "unknown" }));
    const challenge = await challengeOf("v".repeat(43));
    const page = await visitor.get(
      `/authorize?client_id=${APP_CLIENT}&response_type=code&scope=links&state=app&code_challenge=${challenge}` +
        `&code_challenge_method=S256&redirect_uri=${encodeURIComponent(APP_REDIRECT_URI)}`,
    );
    expect(page.status).toBe(200);
    expect(await totals()).toEqual([NONE, NONE, NONE]);
  });

  it("S11: PAGE_LIMIT bounds those of a network, USER_LIMIT those of each person who has signed in", async () => {
    const limiter = (most: number) => {
      const counts = new Map<string, number>();
      return {
        limit: async ({ key }: { key: string }) => {
          counts.set(key, (counts.get(key) ?? 0) + 1);
          return { success: (counts.get(key) ?? 0) <= most };
        },
      };
    };
    const [demo, eve] = [await signedIn(service), await signedIn(service, EVE)];
    Object.assign(service.env, { PAGE_LIMIT: limiter(3), USER_LIMIT: limiter(2) });
    for (let state = 0; state < 5; state++) await visit(service).get(authorizePage(`stranger-${state}`));
    expect(await totals()).toEqual([[3, 0, 3, 0], NONE, [3, 0, 3, 0]]);
    for (let state = 0; state < 5; state++) await demo.get(authorizePage(`demo-${state}`));
    await eve.get(authorizePage("eve"));
    expect(await totals()).toEqual([[6, 0, 5, 0], NONE, [6, 0, 5, 0]]);
  });

  it("adds no storage call before the response, and writes one row", async () => {
    await visit(service).get(authorizePage("state-1"));
    await metricsOf(service);
    const visitor = await signedIn(service);
    service.meter.clear();
    await visitor.get(authorizePage("state-2"));
    expect(service.meter.roundTrips).toEqual([]);
    await metricsOf(service);
    const written = service.meter.writes.filter(({ sql }) => sql.includes("INTO initiations"));
    expect(written.map(({ rows }) => rows)).toEqual([1]);
    service.meter.clear();
    await visitor.get(authorizePage("state-2"));
    await metricsOf(service);
    expect(
      service.meter.writes
        .filter(({ sql }) => sql.includes("INTO initiations"))
        .reduce((sum, { rows }) => sum + rows, 0),
    ).toBe(0);
  });
});

describe("an attempt that is decided in the company's app", () => {
  const asked = (state: string) => query({ state });
  const ask = async (token: string, body: object) => {
    const response = await service.request("/api/authorizations", {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return (await response.json()) as Record<string, string>;
  };

  it("counts as app-to-app once for each query; the app's own sign-in counts as nothing", async () => {
    const token = await appBearer(service, DEMO);
    expect(await totals()).toEqual([NONE, NONE, NONE]);
    await ask(token, { query: asked("state-1") });
    const { ticket } = await ask(token, { query: asked("state-1") });
    expect(await totals()).toEqual([NONE, [1, 0, 1, 0], [1, 0, 1, 0]]);
    const { redirectTo = "" } = await ask(token, { query: asked("state-1"), ticket, decision: "allow" });
    expect(await totals()).toEqual([NONE, [1, 0, 1, 0], [1, 0, 1, 0]]);
    await (await redeem(service, redirectTo)).text();
    expect(await totals()).toEqual([NONE, [1, 1, 1, 1], [1, 1, 1, 1]]);
    // Denied; refused, which is no initiation; the same person in the Alexa app.
    const denied = await ask(token, { query: asked("state-2") });
    await ask(token, { query: asked("state-2"), ticket: denied.ticket, decision: "deny" });
    const evil = query({ redirect_uri: "https%3A%2F%2Fevil.example%2F" });
    expect((await ask(token, { query: evil })).code).toBe("redirect_uri_unregistered");
    expect((await ask(token, { query: query({ scope: "unknown" }) })).redirectTo).toContain("error=invalid_scope");
    await link(await signedIn(service), "state-4");
    expect(await totals()).toEqual([
      [1, 1, 1, 1],
      [2, 1, 1, 1],
      [3, 2, 1, 1],
    ]);
    const { items } = await metricsOf(service, "groupBy=flow");
    const today = items.slice(-2).map((item) => [item.flow, ...numbers(item.linking.total)]);
    expect(today).toEqual([
      ["alexa_app", 1, 1, 1, 1],
      ["app_authorize", 2, 1, 1, 1],
    ]);
    expect((await metricsOf(service)).totals.enablements.users).toBe(0);
  });
});

describe("an attempt that begins at /link/{skillId}", () => {
  const PAGE = `/link/${SKILL_ID}`;
  const started = async () => (await totals())[1];
  let amazon: Amazon;
  beforeEach(async () => {
    await seedLwa(service);
    amazon = startAmazon(service);
  });
  const allow = async (visitor: Visitor, decision = "allow") => decide(visitor, await visitor.get(PAGE), decision);

  it("counts once until its decision, however often the page is loaded: also after the sign-in and hours later", async () => {
    const browser = visit(service);
    for (let loads = 0; loads < 3; loads++) await browser.get(PAGE);
    expect(await started()).toEqual([1, 0, 1, 0]);
    await browser.signIn(DEMO.email, DEMO.password);
    for (const hours of [1, 1, 40]) {
      service.clock.advance(hours * HOUR);
      await browser.get(`${PAGE}?via=lwa`);
    }
    expect(await started()).toEqual([1, 0, 1, 0]);
    const callback = await amazon.approve((await allow(browser)).location ?? "");
    await browser.get(callback.pathname + callback.search);
    expect(await started()).toEqual([1, 1, 1, 1]);
    expect((await metricsOf(service)).totals.enablements.users).toBe(1);
    // The next attempt: cancelled, and after that another one, in which Amazon does not link.
    await browser.get(PAGE);
    expect(await started()).toEqual([2, 1, 1, 1]);
    await allow(browser, "deny");
    expect(await started()).toEqual([2, 1, 1, 1]);
    amazon.faults.push(async (seen, usual) => {
      if (seen.what !== "enable") return usual();
      await usual();
      amazon.disable("amazon-account-1");
      return new Response("{}", { status: 403 });
    });
    const again = await amazon.approve((await allow(browser)).location ?? "");
    await browser.get(again.pathname + again.search);
    expect(await started()).toEqual([3, 1, 1, 1]);
    expect((await metricsOf(service)).totals.enablements.users).toBe(1);
    const codes = await env.DB.prepare("SELECT COUNT(redeemed_at) AS n FROM attempts").first("n");
    expect(codes, "the code of the last one was redeemed").toBe(2);
  });

  it("is one for each browser and skill; HEAD requests and prefetches are none, and a forged cookie is replaced", async () => {
    await seedLwa(service, OTHER_SKILL);
    const browser = visit(service);
    await browser.send(PAGE, { method: "HEAD" });
    await browser.send(PAGE, { headers: { "sec-purpose": "prefetch" } });
    expect(await started()).toEqual(NONE);
    await browser.get(PAGE);
    await browser.get(`/link/${OTHER_SKILL}`);
    await visit(service).get(PAGE);
    expect(await started()).toEqual([3, 0, 2, 0]);
    const cookie = [...browser.cookies.keys()].find((name) => name.endsWith("transaction")) ?? "";
    for (const value of ["", "x".repeat(65), "%00", "' OR 1=1"]) {
      browser.cookies.set(cookie, value);
      await browser.get(PAGE);
      expect(browser.cookies.get(cookie)).toMatch(/^[A-Za-z0-9_-]{20,64}$/);
    }
    expect(await started()).toEqual([7, 0, 2, 0]);
  });
});

describe("persons", () => {
  it("one who signs in during the attempt is one person, not a browser and a person", async () => {
    const visitor = visit(service);
    const signIn = await visitor.open(authorizePage("state-1"));
    await metricsOf(service);
    const page = await visitor.submit(signIn, { email: DEMO.email, password: DEMO.password });
    await (await redeem(service, await consent(visitor, page))).text();
    expect(await totals()).toEqual([[1, 1, 1, 1], NONE, [1, 1, 1, 1]]);
    await link(await signedIn(service), "state-2");
    expect(await totals()).toEqual([[2, 2, 1, 1], NONE, [2, 2, 1, 1]]);
  });

  it("who link twice and two skills are counted once in the range, and once in each skill", async () => {
    const demo = await signedIn(service);
    await link(demo, "state-1");
    await link(demo, "state-2");
    await link(demo, "state-3", OTHER_CLIENT);
    await link(await signedIn(service, EVE), "state-4", OTHER_CLIENT);
    await visit(service).get(authorizePage("state-5"));
    const { totals: all, items } = await metricsOf(service, "groupBy=skill");
    expect(linkingOf(all)).toEqual([[5, 4, 3, 2], NONE, [5, 4, 3, 2]]);
    expect(all.linking.total).toMatchObject({ completionRate: 4 / 5, initiationsPerUser: 5 / 3 });
    const today = items.slice(-2);
    expect(today.map(({ skillId }) => skillId)).toEqual([OTHER_SKILL, SKILL_ID]);
    expect(today.map((item) => linkingOf(item)[0])).toEqual([
      [2, 2, 2, 2],
      [3, 2, 2, 1],
    ]);
    expect(await totals(`skillId=${SKILL_ID}`)).toEqual([[3, 2, 2, 1], NONE, [3, 2, 2, 1]]);
    expect(await totals(`skillId=${OTHER_SKILL}`)).toEqual([[2, 2, 2, 2], NONE, [2, 2, 2, 2]]);
  });

  it("of an abandoned attempt count by browser", async () => {
    const browser = visit(service);
    await browser.get(authorizePage("state-1"));
    await browser.get(authorizePage("state-2"));
    await visit(service).get(authorizePage("state-3"));
    expect(await totals()).toEqual([[3, 0, 2, 0], NONE, [3, 0, 2, 0]]);
  });

  it("who were erased still count, as one person each, also across attempts and skills", async () => {
    const ids = new Map<string, string>();
    for (const { email } of [DEMO, EVE]) {
      const { body } = await admin(service, "GET", `users?email=${email}`);
      ids.set(email, (body.items as { id: string }[])[0]?.id ?? "");
    }
    const demo = await signedIn(service);
    await link(demo, "state-1");
    await link(demo, "state-2", OTHER_CLIENT);
    await link(await signedIn(service, EVE), "state-3");
    const before = await metricsOf(service);
    for (const id of ids.values()) expect((await admin(service, "DELETE", `users/${id}`)).status).toBe(204);
    const { totals: after, items } = await metricsOf(service);
    expect(after.linking).toEqual(before.totals.linking);
    expect(items.map(linkingOf)).toEqual(before.items.map(linkingOf));
    const kept = await env.DB.prepare(
      "SELECT json_group_array(user_id) || json_group_array(browser_hash) AS t FROM initiations",
    ).first<string>("t");
    for (const id of ids.values()) expect(kept).not.toContain(id);
  });
});

describe("periods", () => {
  it("a refused AcceptGrant takes the completion from the period of the redemption, whenever it comes", async () => {
    await seedGatewayCredentials(service);
    const lwa = startLwa();
    const visitor = await signedIn(service);
    service.clock.advance(HOUR - 10 * MINUTE);
    const page = await visitor.open(authorizePage("state-1"));
    const tokens = await json(await redeem(service, await consent(visitor, page)));
    const accept = async (code: string) => {
      const response = await service.request("/alexa/accept-grant", asBackend(directive(code, tokens.access_token)));
      await response.text();
    };
    const lastHours = async () =>
      (await metricsOf(service, "period=hour")).items.slice(-2).map(({ linking }) => linking.alexaApp.completions);
    service.clock.advance(HOUR / 2);
    expect(await lastHours()).toEqual([1, 0]);
    await accept("ANunknown-code");
    expect(await lastHours()).toEqual([0, 0]);
    await accept(lwa.code());
    expect(await lastHours()).toEqual([1, 0]);
  });

  it("a redemption counts in its own period, which may be later than its initiation's", async () => {
    const visitor = await signedIn(service);
    service.clock.advance(HOUR - 2 * MINUTE);
    const location = await consent(visitor, await visitor.open(authorizePage("state-1")));
    service.clock.advance(4 * MINUTE);
    await (await redeem(service, location)).text();
    const { totals: all, items } = await metricsOf(service, "period=hour");
    expect(linkingOf(all)[0]).toEqual([1, 1, 1, 1]);
    expect(items).toHaveLength(49);
    expect(items.slice(-2).map((item) => linkingOf(item)[0])).toEqual([
      [1, 0, 1, 0],
      [0, 1, 0, 1],
    ]);
    expect(items.at(-1)?.linking.alexaApp).toMatchObject({ completionRate: null, initiationsPerUser: null });
  });
});
