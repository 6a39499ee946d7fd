// A taken account can be taken back: what ends browsers' sessions ends the logins in the company's apps as well.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { rows } from "../../test/support/app-user.ts";
import { exchange, json, refresh, seedAppAndService, seedCode, seedSkill } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import {
  exchangeOfApp,
  grantIdOf,
  introspection,
  linkAlexa,
  linkApp,
  refreshOfApp,
  seedAppCode,
  userinfo,
} from "../../test/support/tokens.ts";
import { addUser, EMAIL, PASSWORD } from "../../test/support/users.ts";
import { type Visitor, visit } from "../../test/support/visitor.ts";

let service: Service;
let userId: string;
let owner: Visitor;
beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAppAndService();
  userId = await addUser(service);
  owner = visit(service, "192.0.2.7");
  await owner.signIn(EMAIL, PASSWORD);
});

const api = (token: string) => service.request("/api/links", { headers: { authorization: `Bearer ${token}` } });
const isSignedIn = async (visitor: Visitor) => (await visitor.get("/account")).html.includes(EMAIL);

const WAYS: readonly [string, () => Promise<void>][] = [
  [
    "an operator's reset",
    async () => {
      const reset = await admin(service, "PATCH", `users/${userId}`, { password: "password-of-operators" });
      expect(reset.status).toBe(200);
    },
  ],
  [
    "the owner's new password",
    async () => {
      const form = (await owner.get("/account/password")).hidden("/account/password");
      const fields = { ...form, current: PASSWORD, password: "another-password" };
      expect((await owner.post("/account/password", fields)).location).toBe("/account?done=password-changed");
    },
  ],
  [
    "sign out everywhere",
    async () => {
      const form = (await owner.get("/account")).hidden("/sign-out/everywhere");
      expect((await owner.post("/sign-out/everywhere", form)).location).toBe("/sign-in?done=signed-out");
    },
  ],
];

describe.each(WAYS)("%s", (_, takeBack) => {
  it("S14: ends the intruder's browser and app at once, and leaves the links of assistants", async () => {
    const intruder = visit(service);
    await intruder.signIn(EMAIL, PASSWORD);
    const [first, second] = [await linkApp(service, { userId }), await linkApp(service, { userId })];
    const alexa = await linkAlexa(service, { userId });
    expect([(await api(first.access_token)).status, (await api(second.access_token)).status]).toEqual([200, 200]);
    await takeBack();
    expect(await isSignedIn(intruder)).toBe(false);
    for (const app of [first, second]) {
      expect((await api(app.access_token)).status).toBe(401);
      expect((await userinfo(service, app.access_token)).status).toBe(401);
      expect(await introspection(service, app.access_token)).toEqual({ active: false });
      const refused = await service.request("/token", refreshOfApp(app.refresh_token));
      expect([refused.status, (await json<{ error: string }>(refused)).error]).toEqual([400, "invalid_grant"]);
    }
    expect((await service.request("/token", refresh(alexa.refresh_token))).status).toBe(200);
    const ended = await rows<{ grant_id: string; details: string }>(
      "SELECT grant_id, details FROM audit WHERE kind = 'grant_revoked' AND user_id = ? ORDER BY grant_id",
      userId,
    );
    const expected = [first, second].map(({ refresh_token }) => grantIdOf(refresh_token)).sort();
    expect(ended).toEqual(expected.map((grant_id) => ({ grant_id, details: "logins_ended" })));
  });

  it("S14: voids the app's unspent codes, and not those of Alexa", async () => {
    const ofApp = await seedAppCode({ userId, expiresAt: service.clock.now + 60_000 });
    const ofAlexa = await seedCode({ userId, expiresAt: service.clock.now + 60_000 });
    await takeBack();
    const refused = await service.request("/token", exchangeOfApp(ofApp));
    expect([refused.status, (await json<{ error: string }>(refused)).error]).toEqual([400, "invalid_grant"]);
    expect((await service.request("/token", exchange(ofAlexa))).status).toBe(200);
  });

  it("S14: leaves other people's logins, codes and sessions", async () => {
    const other = await addUser(service, "grace@example.com");
    const grace = visit(service);
    await grace.signIn("grace@example.com", PASSWORD);
    const app = await linkApp(service, { userId: other });
    const code = await seedAppCode({ userId: other, expiresAt: service.clock.now + 60_000 });
    await takeBack();
    expect((await grace.get("/account")).html).toContain("grace@example.com");
    expect((await api(app.access_token)).status).toBe(200);
    expect((await service.request("/token", exchangeOfApp(code))).status).toBe(200);
  });
});

it("S14: a session that has ended ends nobody's app by signing out everywhere", async () => {
  const app = await linkApp(service, { userId });
  const form = (await owner.get("/account")).hidden("/sign-out/everywhere");
  await env.DB.prepare("UPDATE sessions SET ended_at = 1").run();
  await owner.post("/sign-out/everywhere", form);
  expect((await api(app.access_token)).status).toBe(200);
});

it("S14: an operator's change of name and address ends no login", async () => {
  const app = await linkApp(service, { userId });
  const change = { name: "Ada Lovelace", email: "lovelace@example.com" };
  expect((await admin(service, "PATCH", `users/${userId}`, change)).body).toMatchObject(change);
  expect((await owner.get("/account")).html).toContain("lovelace@example.com");
  expect((await api(app.access_token)).status).toBe(200);
  expect((await visit(service).signIn("lovelace@example.com", PASSWORD)).status).toBe(303);
});

it("S14: an operator's new address and password in one request open the account, and nothing else does", async () => {
  const change = { email: "lovelace@example.com", password: "password-of-operators" };
  expect((await admin(service, "PATCH", `users/${userId}`, change)).status).toBe(200);
  const statusOf = async (email: string, password: string) => (await visit(service).signIn(email, password)).status;
  expect(await statusOf(change.email, change.password)).toBe(303);
  expect(await statusOf(EMAIL, change.password)).toBe(401);
  expect(await statusOf(change.email, PASSWORD)).toBe(401);
  expect(await isSignedIn(owner)).toBe(false);
});
