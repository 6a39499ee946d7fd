// The service is killed at each round trip of each step of a link's life; a fresh one finds nothing lost, nothing
// invented,
// nothing revived.
import { afterEach, expect, it, vi } from "vitest";
import { DEMO, seedAccount } from "../support/accounts.ts";
import { type AppUser, appUser, RETURN_URL, rows } from "../support/app-user.ts";
import {
  killEverywhere,
  linkedByAlexa,
  liveLinks,
  tokenRequest,
  type World,
  type WritePath,
} from "../support/deaths.ts";
import { approve, locationOf, returned, signIn, WITH_RETURN } from "../support/link-page.ts";
import {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  exchange,
  json,
  refresh,
  SKILL_ID,
  seedCode,
  type TokenResponse,
} from "../support/seeds.ts";
import { linkApp, refreshOfApp } from "../support/tokens.ts";
import { Visitor, visit } from "../support/visitor.ts";

const QUERY = `client_id=${ALEXA_CLIENT}&response_type=code&state=s%3D&redirect_uri=${encodeURIComponent(ALEXA_REDIRECT_URIS[0] ?? "")}`;

afterEach(() => vi.restoreAllMocks());

const codeIn = (address: string | null | undefined) => /[?&]code=([^&]+)/.exec(address ?? "")?.[1] ?? "";

/** Alexa redeems the code, and its link works. */
async function redeemed(world: World, code: string): Promise<void> {
  const { status, body } = await tokenRequest(world, exchange(code));
  expect([status, body.error]).toEqual([200, undefined]);
  expect((await tokenRequest(world, refresh(body.refresh_token))).status).toBe(200);
}

const consent: WritePath = {
  name: "a customer's consent",
  async begin(world) {
    await seedAccount(world.service, DEMO);
    const browser = new Visitor(world.sender);
    const page = await browser.submit(await browser.open(`/authorize?${QUERY}`), { ...DEMO });
    const press = async () => codeIn((await browser.submit(page, { decision: "allow" })).location);
    return {
      step: press,
      async next(code) {
        const again = await press();
        expect(again).toMatch(/^c0/);
        if (code !== undefined) expect(again).toBe(code);
        await redeemed(world, again);
      },
    };
  },
};

const decisionOfApp: WritePath = {
  name: "a decision in the company's app",
  async begin(world) {
    const app = await appUser(world.sender, world.userId);
    const asked = await json<{ ticket: string }>(await app.call("POST", "/api/authorizations", { query: QUERY }));
    const decide = async () => {
      const body = { query: QUERY, ticket: asked.ticket, decision: "allow" };
      return codeIn(
        (await json<{ redirectTo: string }>(await app.callOnly("POST", "/api/authorizations", body))).redirectTo,
      );
    };
    return {
      step: decide,
      async next(code) {
        const again = await decide();
        if (code !== undefined) expect(again).toBe(code);
        await redeemed(world, again);
      },
    };
  },
};

const codeExchange: WritePath = {
  name: "Alexa's code exchange",
  async begin(world) {
    const code = await seedCode({ userId: world.userId });
    return {
      step: async () => json(await world.service.requestOnly("/token", exchange(code))),
      async next(answered) {
        const first = answered as TokenResponse | undefined;
        if (first) {
          expect((await tokenRequest(world, refresh(first.refresh_token))).status).toBe(200);
          return;
        }
        const spent = await rows("SELECT 1 FROM codes WHERE spent_at IS NOT NULL");
        const { status, body } = await tokenRequest(world, exchange(code));
        // Claimed by a killed service: refused, and the customer links again.
        expect([status, body.error]).toEqual(spent.length > 0 ? [400, "invalid_grant"] : [200, undefined]);
        await redeemed(world, await seedCode({ userId: world.userId, expiresAt: world.service.clock.now + 300_000 }));
      },
    };
  },
};

function refreshing(name: string, link: (world: World) => Promise<TokenResponse>, again: typeof refresh): WritePath {
  return {
    name,
    async begin(world) {
      const held = await link(world);
      world.service.clock.advance(2 * 24 * 3_600_000);
      return {
        step: async () => json(await world.service.requestOnly("/token", again(held.refresh_token))),
        async next(answered) {
          const last = (answered as TokenResponse | undefined)?.refresh_token ?? held.refresh_token;
          const { status, body } = await tokenRequest(world, again(last));
          expect(status).toBe(200);
          expect((await tokenRequest(world, again(body.refresh_token))).status).toBe(200);
          // The invariants are checked with Alexa's client, which cannot refresh the app's tokens.
          if (again !== refresh) world.tokens.clear();
        },
      };
    },
  };
}

const linkedApp = (world: World) =>
  linkApp(world.service, { userId: world.userId, expiresAt: world.service.clock.now + 300_000 });

/** The customer has started in the app and approved at Amazon; two regions will be tried. */
async function approvedInApp(world: World): Promise<{ app: AppUser; complete: () => Promise<Response> }> {
  const app = await appUser(world.sender, world.userId);
  const started = await app.start();
  world.amazon.regionOf.set("amazon-account-1", "EU");
  world.amazon.faults.push((seen) =>
    seen.what === "discovery"
      ? Response.json({ endpoints: ["api.amazonalexa.com", "api.eu.amazonalexa.com"] })
      : undefined,
  );
  const code = (await world.amazon.approve(started.loginWithAmazonUrl)).searchParams.get("code");
  return { app, complete: () => app.callOnly("POST", "/api/links/complete", { state: started.state, code }) };
}

/** Our status equals what Alexa holds for the customer's Amazon account. */
async function agreed(world: World, app: AppUser): Promise<"linked" | "not_linked"> {
  const { status } = await json<{ status: "linked" | "not_linked" }>(await app.call("GET", `/api/links/${SKILL_ID}`));
  expect(status).toBe(world.amazon.linked.size > 0 ? "linked" : "not_linked");
  expect(await liveLinks(world)).toHaveLength(status === "linked" ? 1 : 0);
  return status;
}

const completeInApp: WritePath = {
  name: "completing in the app, over two regions",
  async begin(world) {
    const { app, complete } = await approvedInApp(world);
    return {
      step: async () => (await complete()).status,
      async next(answered) {
        const again = await complete();
        const tokensLost = world.amazon.calls("lwa").length > 1;
        expect([again.status, answered ?? 200]).toEqual([tokensLost ? 422 : 200, 200]);
        if (tokensLost) expect(await json(again)).toMatchObject({ code: "amazon_code_rejected" });
        expect(await agreed(world, app)).toBe(tokensLost ? "not_linked" : "linked");
        if (!tokensLost) return;
        const retry = await approvedInApp(world);
        expect((await retry.complete()).status).toBe(200);
      },
      async abandoned(answered) {
        // The app does not present the code again: Alexa must not keep a link that we revoke.
        if (answered !== undefined) expect(answered).toBe(200);
      },
    };
  },
};

const callbackInBrowser: WritePath = {
  name: "Amazon's callback in the browser that started on the website",
  async begin(world) {
    const id = await seedAccount(world.service, DEMO);
    const browser = visit(world.sender);
    const callback = await approve(world.amazon, browser, WITH_RETURN);
    return {
      step: async () => returned(await browser.get(callback)).get("status"),
      async next(answered) {
        const page = await browser.get(callback);
        const seen = returned(page).get("status");
        const tokensLost = world.amazon.calls("lwa").length > 1;
        expect([seen, answered ?? "linked"]).toEqual([tokensLost ? "failed" : "linked", "linked"]);
        expect(world.amazon.linked.size).toBe(tokensLost ? 0 : 1);
        const living = await rows("SELECT id FROM grants WHERE user_id = ? AND revoked_at IS NULL", id);
        expect(living).toHaveLength(tokensLost ? 0 : 1);
        if (!tokensLost) return;
        await signIn(browser);
        expect(locationOf(await browser.get(await approve(world.amazon, browser))).startsWith(RETURN_URL)).toBe(true);
      },
    };
  },
};

it.each([
  consent,
  decisionOfApp,
  codeExchange,
  refreshing("a refresh, the first in days", linkedByAlexa, refresh),
  refreshing("a refresh with rotation", linkedApp, refreshOfApp),
  completeInApp,
  callbackInBrowser,
])(
  "F5: killed anywhere in $name, nothing is lost, added or restored",
  async (path) => {
    const deaths = await killEverywhere(path);
    expect(deaths).toBeGreaterThan(2);
  },
  180_000,
);
