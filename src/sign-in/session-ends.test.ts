// Where a session ends on the server: by signing out, and by itself after 30 days.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { DEMO, seedAccount } from "../../test/support/accounts.ts";
import { admin } from "../../test/support/admin.ts";
import { rows, seedLwa } from "../../test/support/app-user.ts";
import { query, rowCounts } from "../../test/support/authorize.ts";
import { decide, PAGE } from "../../test/support/link-page.ts";
import { seedAppAndService, seedSkill } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { grantIdOf, linkAlexa } from "../../test/support/tokens.ts";
import { formsOf, type Visitor, visit } from "../../test/support/visitor.ts";

const DAY_MS = 24 * 3_600_000;
const MONTH_MS = 30 * DAY_MS;
const AUTHORIZE = `/authorize?${query()}`;

let service: Service;
let ada: Visitor;
let grantId: string;
beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAppAndService();
  await seedLwa(service);
  const userId = await seedAccount(service, DEMO);
  grantId = grantIdOf((await linkAlexa(service, { userId })).refresh_token);
  ada = visit(service);
  await ada.signIn(DEMO.email, DEMO.password);
});

const pages = () => ["/account", "/account/data", "/account/password", `/account/links/${grantId}`, PAGE];
/** Whether the page is the sign-in page, and nothing of the person. */
const asksToSignIn = ({ html }: { html: string }) => html.includes('action="/sign-in"') && !html.includes(DEMO.email);

/** Every form of the person's pages, as it was rendered while the session acted. */
async function postsOf(visitor: Visitor) {
  const [consent] = formsOf((await visitor.get(AUTHORIZE)).html);
  const link = await visitor.get(PAGE);
  const account = await visitor.get("/account");
  const unlink = `/account/links/${grantId}`;
  const unlinkForm = (await visitor.get(unlink)).hidden(unlink);
  const password = (await visitor.get("/account/password")).hidden("/account/password");
  const changed = { ...password, current: DEMO.password, password: "another-password" };
  return {
    consent: () => visitor.post(consent?.action ?? "", { ...consent?.hidden, decision: "allow" }),
    link: () => decide(visitor, link, "allow"),
    everywhere: () => visitor.post("/sign-out/everywhere", account.hidden("/sign-out/everywhere")),
    unlink: () => visitor.post(unlink, unlinkForm),
    password: () => visitor.post("/account/password", changed),
  };
}
const POSTS = ["consent", "link", "everywhere", "unlink", "password"] as const;

async function state() {
  const people = await rows("SELECT session_epoch, updated_at FROM users");
  const live = await rows("SELECT id FROM grants WHERE revoked_at IS NULL");
  return { people, live, hashes: await rows("SELECT password_hash FROM identities"), counts: await rowCounts() };
}

describe("after somebody else has signed in in the same browser", () => {
  const OTHER = { email: "grace@example.com", password: "password-of-grace" };
  beforeEach(async () => {
    await seedAccount(service, OTHER);
  });

  it("S17: a copy of the first person's cookies shows and changes nothing", async () => {
    const thief = visit(service);
    for (const [name, value] of ada.cookies) thief.cookies.set(name, value);
    const posts = await postsOf(thief);
    expect((await ada.signIn(OTHER.email, OTHER.password)).status).toBe(303);
    const before = await state();
    for (const page of pages()) expect([page, asksToSignIn(await thief.get(page))]).toEqual([page, true]);
    for (const name of POSTS) await posts[name]();
    expect(await state()).toEqual(before);
  });

  it("S17: other browsers of both people stay signed in, and the browser stays known to both", async () => {
    const [elsewhere, grace] = [visit(service), visit(service)];
    await elsewhere.signIn(DEMO.email, DEMO.password);
    await grace.signIn(OTHER.email, OTHER.password);
    await ada.signIn(OTHER.email, OTHER.password);
    await ada.signIn(OTHER.email, "wrong-password");
    for (const [visitor, { email }] of [
      [elsewhere, DEMO],
      [grace, OTHER],
      [ada, OTHER],
    ] as const) {
      expect((await visitor.get("/account")).html).toContain(email);
    }
    const known = await rows<{ n: number }>("SELECT COUNT(DISTINCT user_id) AS n FROM sessions GROUP BY browser_hash");
    expect(known.map(({ n }) => n).sort()).toEqual([1, 1, 2]);
  });

  it("S17: a wrong password in the same browser ends nothing", async () => {
    expect((await ada.signIn(OTHER.email, "wrong-password")).status).toBe(401);
    expect((await ada.get("/account")).html).toContain(DEMO.email);
  });
});

describe("after signing out", () => {
  it.each(["/sign-out", "/sign-out/everywhere"])(
    "S17: a copy of the cookies shows no page of the person (%s)",
    async (path) => {
      const copy = new Map(ada.cookies);
      for (const page of pages()) expect([page, asksToSignIn(await ada.get(page))]).toEqual([page, false]);
      const form = (await ada.get("/account")).hidden(path);
      expect((await ada.post(path, form)).status).toBe(303);
      const thief = visit(service);
      for (const [name, value] of copy) thief.cookies.set(name, value);
      for (const page of pages()) expect([page, asksToSignIn(await thief.get(page))]).toEqual([page, true]);
    },
  );

  it.each(["/sign-out", "/sign-out/everywhere"])(
    "S17: the cookie is removed, and for ten minutes the provider must ask who the visitor is (%s)",
    async (path) => {
      const form = (await ada.get("/account")).hidden(path);
      const { headers } = await ada.post(path, form);
      expect(headers.getSetCookie().sort()).toEqual([
        "__Host-session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax",
        "__Host-signed-out=1; Max-Age=600; Path=/; HttpOnly; Secure; SameSite=Lax",
      ]);
    },
  );

  it.each(POSTS)("S17: a copy of the cookies changes nothing (%s)", async (name) => {
    const copy = new Map(ada.cookies);
    const posts = await postsOf(ada);
    await ada.post("/sign-out", (await ada.get("/account")).hidden("/sign-out"));
    for (const [cookie, value] of copy) ada.cookies.set(cookie, value);
    const before = await state();
    await posts[name]();
    expect(await state()).toEqual(before);
  });

  it("S17: the consent page of a copy can decide nothing, and asks to sign in", async () => {
    const copy = new Map(ada.cookies);
    await ada.post("/sign-out", (await ada.get("/account")).hidden("/sign-out"));
    for (const [cookie, value] of copy) ada.cookies.set(cookie, value);
    const [form] = formsOf((await ada.get(AUTHORIZE)).html);
    const before = await state();
    const page = await ada.submit(
      await ada.get(AUTHORIZE),
      { decision: "allow" },
      formsOf((await ada.get(AUTHORIZE)).html).findIndex(({ action }) => action === form?.action),
    );
    expect(asksToSignIn(page)).toBe(true);
    expect(await state()).toEqual(before);
  });
});

describe("after 30 days", () => {
  it("S17: the same cookies work one second before, and not at 30 days or one second after", async () => {
    const copy = new Map(ada.cookies);
    const shows = async (path: string) => {
      for (const [name, value] of copy) ada.cookies.set(name, value);
      return !asksToSignIn(await ada.get(path));
    };
    const all = [...pages(), AUTHORIZE];
    for (const [wait, expected] of [
      [MONTH_MS - 1000, true],
      [999, true],
      [1, false],
      [1000, false],
      [335 * DAY_MS, false],
    ] as const) {
      service.clock.advance(wait);
      for (const path of all)
        expect([service.clock.now, path, await shows(path)]).toEqual([service.clock.now, path, expected]);
    }
  });

  it.each(POSTS)("S17: %s works one second before", async (name) => {
    service.clock.advance(MONTH_MS - 1000);
    const posts = await postsOf(ada);
    const before = await state();
    expect((await posts[name]()).status).toBe(303);
    expect(await state()).not.toEqual(before);
  });

  it.each(POSTS)("S17: %s changes nothing one second after", async (name) => {
    service.clock.advance(MONTH_MS - 1000);
    const posts = await postsOf(ada);
    service.clock.advance(2000);
    const before = await state();
    await posts[name]();
    expect(await state()).toEqual(before);
  });

  it("S17: the row is kept for a year, to know the browser, and then swept", async () => {
    service.clock.advance(365 * DAY_MS - 1000);
    expect((await admin(service, "POST", "maintenance")).status).toBe(200);
    expect(await rows("SELECT 1 FROM sessions")).toHaveLength(1);
    service.clock.advance(1000);
    await admin(service, "POST", "maintenance");
    expect(await rows("SELECT 1 FROM sessions")).toEqual([]);
  });
});

it("S17: of more than 20 sessions, one that has ended is deleted before any that acts", async () => {
  // With ada's: 20 rows, of which the newest has ended.
  await env.DB.prepare(
    `INSERT INTO sessions (id, user_id, browser_hash, created_at, ended_at)
     SELECT 'seeded-' || n.value, u.id, 'browser-' || n.value, ?1 + n.value, IIF(n.value = 19, ?1 + 19, NULL)
     FROM users u, json_each('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]') n`,
  )
    .bind(service.clock.now)
    .run();
  service.clock.advance(60_000);
  expect((await visit(service).signIn(DEMO.email, DEMO.password)).status).toBe(303);
  expect(await rows("SELECT id FROM sessions WHERE ended_at IS NOT NULL")).toEqual([]);
  expect(await rows("SELECT id FROM sessions")).toHaveLength(20);
  expect(asksToSignIn(await ada.get("/account"))).toBe(false);
});
