// The rows that requests write, as D1 counts and bills them: each entry of an index is one more row.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { clearOutbox } from "../../src/storage/maintenance/webhooks.ts";
import { DEMO, seedAccount } from "../support/accounts.ts";
import { startAmazon } from "../support/amazon.ts";
import { appBearer } from "../support/app-bearer.ts";
import { type AppUser, appUser, seedLwa } from "../support/app-user.ts";
import { query, signedIn } from "../support/authorize.ts";
import { link } from "../support/linking.ts";
import type { Written } from "../support/meter.ts";
import { runtimeOf } from "../support/runtime.ts";
import { exchange, json, refresh, SKILL_ID, seedEveryone, USER_ID } from "../support/seeds.ts";
import { type Service, startService } from "../support/service.ts";
import { HOUR, linkAlexa, linkApp, ok, refreshOfApp } from "../support/tokens.ts";
import { type Page, type Visitor, visit } from "../support/visitor.ts";

const MOST_OF_A_LINK = 16;
const AUTHORIZE = `/authorize?${query()}`;
/** What signing in writes apart from the link attempt. */
const OF_A_SIGN_IN = /^\s*(WITH visitor|UPDATE throttles|UPDATE identities|INSERT INTO sessions)/;

let service: Service;

beforeEach(async () => {
  service = startService();
  await seedEveryone();
  await seedAccount(service, DEMO);
  // The first signing key.
  await ok(service.request("/.well-known/jwks.json"));
});
afterEach(() => vi.restoreAllMocks());

/** What `run` writes, the work after the responses included. The counters are apart: many requests share their rows. */
async function writesOf(run: () => Promise<unknown>): Promise<readonly Written[]> {
  service.meter.clear();
  await run();
  await service.settled();
  return service.meter.writes;
}

function expectAtMost(writes: readonly Written[], most: number): void {
  const list = writes.map(({ sql, rows }) => `${rows} ${sql.trim().slice(0, 60)}`).join("\n");
  expect(
    writes.reduce((sum, { rows }) => sum + rows, 0),
    list,
  ).toBeLessThanOrEqual(most);
}

/** Alexa redeems the code of the redirect. */
async function redeem(location: string): Promise<void> {
  const code = new URL(location).searchParams.get("code") ?? "";
  const redirectUri = new URLSearchParams(query()).get("redirect_uri") ?? "";
  await ok(service.request("/token", exchange(code, { redirect_uri: redirectUri })));
}

async function consent(visitor: Visitor, page: Page): Promise<void> {
  const { status, headers } = await visitor.submit(page, { decision: "allow" });
  expect(status).toBe(303);
  await redeem(headers.get("location") ?? "");
}

describe("F9: a link writes at most 16 rows", () => {
  it("of a customer who is signed in", async () => {
    const visitor = await signedIn(service);
    const writes = await writesOf(async () => consent(visitor, await visitor.open(AUTHORIZE)));
    expect(writes.some(({ sql }) => sql.includes("INSERT INTO grants"))).toBe(true);
    expectAtMost(writes, MOST_OF_A_LINK - 2);
  });

  it("of a customer who signs in for it", async () => {
    const visitor = visit(service);
    const writes = await writesOf(async () => {
      const signIn = await visitor.open(AUTHORIZE);
      await consent(visitor, await visitor.submit(signIn, { email: DEMO.email, password: DEMO.password }));
    });
    const ofTheLink = writes.filter(({ sql }) => !OF_A_SIGN_IN.test(sql));
    expectAtMost(ofTheLink, MOST_OF_A_LINK - 1);
    const ofTheSignIn = writes.filter(({ sql }) => OF_A_SIGN_IN.test(sql));
    expect(ofTheSignIn).toHaveLength(4);
    expectAtMost(ofTheSignIn, 14);
  });

  it("of a customer who decides in the company's app", async () => {
    const bearer = await appBearer(service, DEMO);
    const post = async (body: unknown) =>
      json<Record<string, string>>(
        await service.request("/api/authorizations", {
          method: "POST",
          headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
          body: JSON.stringify(body),
        }),
      );
    const writes = await writesOf(async () => {
      const { ticket } = await post({ query: query() });
      await redeem((await post({ query: query(), ticket, decision: "allow" })).redirectTo ?? "");
    });
    expectAtMost(writes, MOST_OF_A_LINK - 2);
  });

  it("the delivery of its webhook message included", async () => {
    service = startService({ WEBHOOK_URL: "https://hooks.example.com", WEBHOOK_SECRET: `whsec_${"A".repeat(32)}` });
    const sent = vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(null, { status: 204 }));
    const visitor = await signedIn(service);
    expectAtMost(await writesOf(async () => consent(visitor, await visitor.open(AUTHORIZE))), MOST_OF_A_LINK);
    expect(sent).toHaveBeenCalledOnce();
  });

  it("without a webhook, one more row later: the deletion of the message", async () => {
    await linkAlexa(service);
    const rt = await runtimeOf(service);
    const writes = await writesOf(() => clearOutbox(rt.db));
    expect(writes).toHaveLength(1);
    expectAtMost(writes, 1);
  });

  it("the counters of all links of two seconds take three rows for each skill", async () => {
    const rt = await runtimeOf(service);
    for (let links = 0; links < 3; links++) {
      for (const name of ["authorize_shown", "code_issued", "code_redeemed_authorize"] as const) {
        rt.metrics.count(name, SKILL_ID);
      }
    }
    const writes = await writesOf(() => rt.metrics.flush());
    expect(writes).toHaveLength(1);
    expectAtMost(writes, 3);
  });
});

describe("F9: a link that starts in the company's app", () => {
  let ada: AppUser;

  beforeEach(async () => {
    await seedLwa(service);
    ada = await appUser(service, USER_ID);
  });

  it("writes at most 24 rows, with the enablement at Amazon and its tokens", async () => {
    const amazon = startAmazon(service);
    const writes = await writesOf(() => link(amazon, ada));
    expect(writes.some(({ sql }) => sql.includes("INSERT INTO amazon_tokens"))).toBe(true);
    expectAtMost(writes, 24);
  });

  it("and its unlinking, disabled at Amazon, at most 14", async () => {
    await link(startAmazon(service), ada);
    const writes = await writesOf(() => ada.call("DELETE", `/api/links/${SKILL_ID}`));
    expect(writes.some(({ sql }) => sql.includes("DELETE FROM pending_unlinks"))).toBe(true);
    expectAtMost(writes, 14);
  });
});

describe("F9: a refresh", () => {
  it("writes nothing on the day of the last one", async () => {
    const { refresh_token } = await linkAlexa(service);
    expect(await writesOf(() => ok(service.request("/token", refresh(refresh_token))))).toEqual([]);
  });

  it("writes at most two rows on another day", async () => {
    const { refresh_token } = await linkAlexa(service);
    service.clock.advance(25 * HOUR);
    // New signing keys and the like.
    await linkAlexa(service);
    const writes = await writesOf(() => ok(service.request("/token", refresh(refresh_token))));
    expect(writes).toHaveLength(1);
    expectAtMost(writes, 2);
  });

  it("writes at most two rows where tokens rotate", async () => {
    const { refresh_token } = await linkApp(service);
    const writes = await writesOf(() => ok(service.request("/token", refreshOfApp(refresh_token))));
    expect(writes).toHaveLength(1);
    expectAtMost(writes, 2);
  });
});
