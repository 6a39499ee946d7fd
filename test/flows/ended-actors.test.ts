// Every act of a session or a bearer, while the session or the bearer's grant ends between authentication and write.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DEMO } from "../support/accounts.ts";
import { type AppUser, appUser, RETURN_URL, rows } from "../support/app-user.ts";
import { query } from "../support/authorize.ts";
import { approve, decide, type PageWorld, signIn, startPageWorld, WITH_RETURN } from "../support/link-page.ts";
import { startAndApprove } from "../support/linking.ts";
import { json, SKILL_ID, seedCode } from "../support/seeds.ts";
import { grantIdOf, linkAlexa, linkApp, seedAppCode } from "../support/tokens.ts";
import { formsOf, type Visitor } from "../support/visitor.ts";

interface World extends PageWorld {
  readonly app: AppUser;
  readonly stranger: AppUser;
}

interface Act {
  readonly name: string;
  /** What ends: the browser's session, or the grant of a bearer. */
  readonly ends: "session" | "app" | "stranger";
  readonly responds: readonly [status: number, text: string];
  /** Everything up to the request under test. */
  prepare(world: World): Promise<() => Promise<{ readonly status: number; readonly shown: string }>>;
}

const AUTHORIZE = `/authorize?${query()}`;

/** The status, and the location or the page. */
async function shown(page: ReturnType<Visitor["get"]>) {
  const { status, location, html } = await page;
  return { status, shown: location ?? html };
}

async function called(response: Promise<Response>) {
  const { status } = await response;
  return { status, shown: await (await response).text() };
}

/** Unlinks on the account page what `link` made. */
async function unlinkOnPage({ browser }: World, grantId: string) {
  await signIn(browser);
  const path = `/account/links/${grantId}`;
  const asked = await browser.get(path);
  return () => shown(browser.post(path, asked.hidden(path)));
}

const SESSION_ACTS: readonly Act[] = [
  {
    name: "a password change",
    ends: "session",
    responds: [200, 'action="/sign-in"'],
    async prepare({ browser }) {
      await signIn(browser);
      const form = (await browser.get("/account/password")).hidden("/account/password");
      const fields = { ...form, current: DEMO.password, password: "another-password" };
      return () => shown(browser.post("/account/password", fields));
    },
  },
  {
    name: "unlinking Alexa on the account page",
    ends: "session",
    responds: [200, 'action="/sign-in"'],
    prepare: async (world) =>
      unlinkOnPage(world, grantIdOf((await linkAlexa(world.service, { userId: world.userId })).refresh_token)),
  },
  {
    name: "removing an app on the account page",
    ends: "session",
    responds: [200, 'action="/sign-in"'],
    prepare: async (world) =>
      unlinkOnPage(world, grantIdOf((await linkApp(world.service, { userId: world.userId })).refresh_token)),
  },
  ...(["allow", "deny"] as const).map(
    (decision): Act => ({
      name: `${decision} on the consent page`,
      ends: "session",
      responds: [303, "link_attempt="],
      async prepare({ browser }) {
        await signIn(browser);
        const [form] = formsOf((await browser.get(AUTHORIZE)).html);
        return () => shown(browser.post(form?.action ?? "", { ...form?.hidden, decision }));
      },
    }),
  ),
  ...(["allow", "deny"] as const).map(
    (decision): Act => ({
      name: `${decision} on the link page`,
      ends: "session",
      responds: [303, "link_attempt="],
      async prepare({ browser }) {
        await signIn(browser);
        const page = await browser.get(WITH_RETURN);
        return () => shown(decide(browser, page, decision));
      },
    }),
  ),
  {
    name: "Amazon's callback with a code",
    ends: "session",
    responds: [403, "another browser"],
    async prepare({ amazon, browser }) {
      const callback = await approve(amazon, browser);
      return () => shown(browser.get(callback));
    },
  },
  {
    name: "Amazon's callback with an error",
    ends: "session",
    responds: [403, "another browser"],
    async prepare({ amazon, browser }) {
      const callback = new URL(await approve(amazon, browser), "https://link.example.com");
      const state = encodeURIComponent(callback.searchParams.get("state") ?? "");
      return () => shown(browser.get(`${callback.pathname}?state=${state}&error=access_denied`));
    },
  },
  {
    name: "signing out everywhere",
    ends: "session",
    responds: [303, "/sign-in?done=signed-out"],
    async prepare({ browser }) {
      await signIn(browser);
      const form = (await browser.get("/account")).hidden("/sign-out/everywhere");
      return () => shown(browser.post("/sign-out/everywhere", form));
    },
  },
];

const START = { skillId: SKILL_ID, returnTo: RETURN_URL, platform: "ios" };

const BEARER_ACTS: readonly Act[] = [
  {
    name: "starting a link",
    ends: "app",
    responds: [401, "unauthenticated"],
    prepare:
      async ({ app }) =>
      () =>
        called(app.call("POST", "/api/links", START)),
  },
  {
    name: "completing a link",
    ends: "app",
    responds: [401, "unauthenticated"],
    async prepare({ amazon, app }) {
      const { state, code } = await startAndApprove(amazon, app);
      return () => called(app.complete({ state, code }));
    },
  },
  {
    name: "completing a link with an error",
    ends: "app",
    responds: [401, "unauthenticated"],
    async prepare({ app }) {
      const { state } = await app.start();
      return () => called(app.complete({ state, error: "access_denied" }));
    },
  },
  {
    name: "presenting another user's code",
    ends: "stranger",
    responds: [403, "wrong_user"],
    async prepare({ amazon, app, stranger }) {
      const { state, code } = await startAndApprove(amazon, app);
      return () => called(stranger.complete({ state, code }));
    },
  },
  {
    name: "unlinking a skill",
    ends: "app",
    responds: [401, "unauthenticated"],
    async prepare({ service, userId, app }) {
      await linkAlexa(service, { userId });
      return () => called(app.call("DELETE", `/api/links/${SKILL_ID}`));
    },
  },
  {
    name: "unlinking one grant",
    ends: "app",
    responds: [401, "unauthenticated"],
    async prepare({ service, userId, app }) {
      const grantId = grantIdOf((await linkAlexa(service, { userId })).refresh_token);
      return () => called(app.call("DELETE", `/api/links/${SKILL_ID}/grants/${grantId}`));
    },
  },
  ...(["allow", "deny"] as const).map(
    (decision): Act => ({
      name: `${decision} in the app`,
      ends: "app",
      responds: [401, "unauthenticated"],
      async prepare({ app }) {
        const asked = await app.call("POST", "/api/authorizations", { query: query() });
        const { ticket } = await json<{ ticket: string }>(asked);
        return () => called(app.call("POST", "/api/authorizations", { query: query(), ticket, decision }));
      },
    }),
  ),
];

const TABLES = [
  "attempts",
  "codes",
  "grants",
  "identities",
  "users",
  "sessions",
  "amazon_tokens",
  "pending_unlinks",
  "audit",
];
const WRITES = new RegExp(`(INSERT INTO|UPDATE|DELETE FROM) (${TABLES.join("|")})\\b`);

async function snapshot(): Promise<Record<string, unknown[]>> {
  const read = await env.DB.batch(TABLES.map((table) => env.DB.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`)));
  return Object.fromEntries(TABLES.map((table, i) => [table, read[i]?.results ?? []]));
}

let world: World;
beforeEach(async () => {
  const page = await startPageWorld();
  const [eve] = await rows<{ user_id: string }>("SELECT user_id FROM identities WHERE subject = 'eve@example.com'");
  const app = await appUser(page.service, page.userId);
  // Unspent codes: with the skill, and of an app.
  await seedCode({ userId: page.userId });
  await seedAppCode({ userId: page.userId });
  world = { ...page, app, stranger: await appUser(page.service, eve?.user_id ?? "") };
});
afterEach(() => vi.restoreAllMocks());

const grantOf = ({ token }: AppUser) => JSON.parse(atob(token.split(".")[1] ?? "")).grant as string;

async function end(what: Act["ends"]): Promise<void> {
  const changed =
    what === "session"
      ? await env.DB.prepare("UPDATE sessions SET ended_at = 1 WHERE ended_at IS NULL").run()
      : await env.DB.prepare("UPDATE grants SET revoked_at = 1 WHERE id = ?").bind(grantOf(world[what])).run();
  expect(changed.meta.changes).toBe(1);
}

describe("what has ended since the request was authenticated changes nothing", () => {
  it.each([...SESSION_ACTS, ...BEARER_ACTS])("S13: $name", async ({ ends, responds, prepare }) => {
    const act = await prepare(world);
    let before: Record<string, unknown[]> | undefined;
    world.service.meter.clear();
    world.service.meter.faults.push({
      when: ({ sql }) => WRITES.test(sql),
      times: 1,
      meanwhile: async () => {
        await end(ends);
        before = await snapshot();
      },
    });
    const { status, shown: text } = await act();
    expect(await snapshot()).toEqual(before);
    expect(status).toBe(responds[0]);
    expect(text).toContain(responds[1]);
  });
});

describe("every act succeeds while nothing ends", () => {
  it.each([...SESSION_ACTS, ...BEARER_ACTS])("S13: $name", async ({ prepare }) => {
    const act = await prepare(world);
    const before = await snapshot();
    const { status } = await act();
    expect([200, 201, 204, 303, 403, 422]).toContain(status);
    expect(await snapshot()).not.toEqual(before);
  });
});
