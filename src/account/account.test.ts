// The account page, and the accounts behind it.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { LANGUAGES } from "../../test/support/languages.ts";
import {
  exchange,
  json,
  refresh,
  seedAppAndService,
  seedCode,
  seedSkill,
  type TokenResponse,
} from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { addUser, EMAIL, PASSWORD, runtimeOf } from "../../test/support/users.ts";
import { type Visitor, visit } from "../../test/support/visitor.ts";
import { sha256 } from "../crypto/hash.ts";
import { sealForm } from "../http/form-token.ts";
import { type AccountChange, changeUser, createPasswordUser, findUsersByEmail } from "../sign-in/accounts.ts";
import { eraseUser } from "../storage/users/erasure.ts";
import { readUser } from "../storage/users/users.ts";

const edit = async (id: string, change: AccountChange) =>
  changeUser(await runtimeOf(service), id, change, "ADMIN_TOKEN");
let service: Service;
let userId: string;
beforeEach(async () => {
  service = startService();
  userId = await addUser(service);
});

/** A link of the user with the test skill; returns its tokens. */
async function link(): Promise<TokenResponse> {
  return json(await service.request("/token", exchange(await seedCode({ userId }))));
}

async function links(): Promise<string[]> {
  const { results } = await env.DB.prepare("SELECT id FROM grants WHERE revoked_at IS NULL").all<{ id: string }>();
  return results.map((row) => row.id);
}

describe("the account page", () => {
  beforeEach(() => seedSkill());

  it("U2: shows each link with its dates of linking and last use, in at most one storage round trip", async () => {
    await link();
    const used = await link();
    service.clock.advance(3 * 24 * 3_600_000);
    expect((await service.request("/token", refresh(used.refresh_token))).status).toBe(200);
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    service.meter.clear();
    const page = await ada.get("/account");
    expect(service.meter.calls().length).toBeLessThanOrEqual(1);
    expect(page.html.match(/<strong>Acme Home<\/strong>/g)?.length).toBe(2);
    const dates = [...page.html.matchAll(/<dd>([A-Z][a-z]+ \d+, 2026)<\/dd>/g)].map(([, date]) => date);
    expect(dates.toSorted()).toEqual(["Jan 15, 2026", "Jan 15, 2026", "Jan 15, 2026", "Jan 18, 2026"]);
    expect(page.html).toContain("the Alexa app");
  });

  it("U3: shows that a skill still has to be disabled at Amazon", async () => {
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    expect((await ada.get("/account")).html).not.toContain("turned off there");
    await env.DB.prepare(
      "INSERT INTO pending_unlinks (id, user_id, skill_id, host, tokens, sealed_for, next_attempt_at, created_at) VALUES ('u', ?, 's', 'h', 't', 'enablement g', 1, 1)",
    )
      .bind(userId)
      .run();
    expect((await ada.get("/account")).html).toContain("turned off there");
  });

  it("shows the level of a link in the visitor's language, and nothing when it is unknown", async () => {
    await link();
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    for (const [language, { accountLevel, accountLevels }] of LANGUAGES) {
      ada.headers["accept-language"] = language;
      const page = async (shown: number | null) => {
        await env.DB.prepare("UPDATE grants SET level_shown = ?").bind(shown).run();
        return (await ada.get("/account")).html;
      };
      expect(await page(null)).not.toContain(accountLevel);
      expect(await page(3)).toContain(`<dt>${accountLevel}</dt><dd>${accountLevels.person}</dd>`);
      expect(await page(2)).toContain(`<dt>${accountLevel}</dt><dd>${accountLevels.account}</dd>`);
    }
    expect(LANGUAGES.size).toBe(7);
    expect(JSON.parse((await ada.get("/account/data")).html).links).toMatchObject([{ level: "account" }]);
  });

  it("offers a signed-in user a copy of their data, without secrets", async () => {
    const tokens = await link();
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    expect((await ada.get("/account")).html).toContain('href="/account/data"');
    service.meter.clear();
    const page = await ada.get("/account/data");
    expect(service.meter.calls().length).toBeLessThanOrEqual(1);
    expect(page.headers.get("content-disposition")).toContain("attachment");
    expect(page.headers.get("cache-control")).toBe("no-store");
    const data = JSON.parse(page.html) as { user: { email: string }; links: object[]; identities: object[] };
    expect(data.user.email).toBe(EMAIL);
    expect(data.links).toMatchObject([{ client_id: "alexa-test", created_at: "2026-01-15T12:00:00.000Z" }]);
    expect(data.identities).toMatchObject([{ method: "password", subject: EMAIL }]);
    expect(page.html).not.toMatch(/hash|password_|sealed|rotation/);
    expect(page.html).not.toContain(tokens.refresh_token.slice(-43));
    await env.DB.prepare("UPDATE users SET session_epoch = session_epoch + 1").run();
    expect((await ada.get("/account/data")).html).toContain('name="password"');
    expect((await visit(service).get("/account/data")).html).toContain('name="password"');
  });

  it("U3: unlinks exactly one link, after a confirmation", async () => {
    const [first, second] = [await link(), await link()];
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    const [grantId = ""] = await links();
    const asked = await ada.get(`/account/links/${grantId}`);
    expect(await links()).toHaveLength(2);
    const response = await ada.post(`/account/links/${grantId}`, asked.hidden(`/account/links/${grantId}`));
    expect(response.status).toBe(303);
    expect(await links()).toHaveLength(1);
    const statuses = [];
    for (const tokens of [first, second]) {
      statuses.push((await service.request("/token", refresh(tokens.refresh_token))).status);
    }
    expect(statuses.sort()).toEqual([200, 400]);
    const again = await ada.post(`/account/links/${grantId}`, asked.hidden(`/account/links/${grantId}`));
    expect(again.headers.get("location")).toBe("/account?done=gone");
  });

  it("does not show or unlink the links of other users", async () => {
    await link();
    const [grantId = ""] = await links();
    await addUser(service, "eve@example.com");
    const eve = visit(service);
    await eve.signIn("eve@example.com", PASSWORD);
    expect((await eve.get("/account")).html).not.toContain("Acme Home</strong>");
    const asked = await eve.get(`/account/links/${grantId}`);
    expect(asked.status).toBe(303);
    expect((await eve.post(`/account/links/${grantId}`, {})).status).toBe(403);
    // Even with a form that opens in Eve's browser: the grant is not hers.
    const browserHash = await sha256(eve.cookies.get("__Host-browser") ?? "");
    const form = await sealForm(await runtimeOf(service), "unlink", browserHash, { grantId });
    const posted = await eve.post(`/account/links/${grantId}`, { form });
    expect([posted.status, posted.location]).toEqual([303, "/account?done=gone"]);
    expect(await links()).toHaveLength(1);
  });

  it("S3: a form for one link does not unlink another", async () => {
    await link();
    await link();
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    const [one = "", two = ""] = await links();
    const form = (await ada.get(`/account/links/${one}`)).hidden(`/account/links/${one}`);
    expect((await ada.post(`/account/links/${two}`, form)).status).toBe(403);
    expect(await links()).toHaveLength(2);
  });

  it("asks to sign in again when the session has ended meanwhile", async () => {
    await link();
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    const [grantId = ""] = await links();
    const form = (await ada.get(`/account/links/${grantId}`)).hidden(`/account/links/${grantId}`);
    await env.DB.prepare("UPDATE users SET session_epoch = session_epoch + 1").run();
    const response = await ada.post(`/account/links/${grantId}`, form);
    expect(response.html).toContain('action="/sign-in"');
    expect(await links()).toHaveLength(1);
  });

  it("lists the company's apps separately, and can revoke their access", async () => {
    await seedAppAndService();
    await env.DB.prepare(
      `INSERT INTO grants (id, user_id, client_id, scope, flow, created_at, last_used_at, idle_expires_at)
       VALUES ('0appgrant', ?, 'test-app', 'links', 'oauth', ?2, ?2, ?3)`,
    )
      .bind(userId, service.clock.now, service.clock.now + 1000)
      .run();
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    expect((await ada.get("/account")).html).toContain("Apps that can use your account");
    const form = (await ada.get("/account/links/0appgrant")).hidden("/account/links/0appgrant");
    await ada.post("/account/links/0appgrant", form);
    expect(await links()).toEqual([]);
  });

  it.each(["x", "%00", "..%2f..%2fadmin", "'%20OR%201=1", "x".repeat(3000)])(
    "a link with the id %s is not found",
    async (id) => {
      const ada = visit(service);
      await ada.signIn(EMAIL, PASSWORD);
      const page = await ada.get(`/account/links/${id}`);
      expect(page.status).toBe(303);
      expect(page.headers.get("location")).toBe("/account?done=gone");
    },
  );
});

describe("accounts", () => {
  it("U3, S5: a new password ends every session and leaves the links", async () => {
    await seedSkill();
    const tokens = await link();
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    expect(await edit(userId, { password: "another-password" })).toMatchObject({
      user: { id: userId },
    });
    expect((await ada.get("/account")).html).not.toContain(EMAIL);
    expect((await ada.signIn(EMAIL, PASSWORD)).status).toBe(401);
    expect((await ada.signIn(EMAIL, "another-password")).status).toBe(303);
    expect((await service.request("/token", refresh(tokens.refresh_token))).status).toBe(200);
  });

  it("an address belongs to one password account only", async () => {
    const rt = await runtimeOf(service);
    const again = await createPasswordUser(rt, { email: " ADA@example.com", password: "another-password", name: null });
    expect(again).toEqual({ refused: "email_taken" });
    const grace = await addUser(service, "grace@example.com");
    expect(await edit(grace, { email: EMAIL })).toEqual({ refused: "email_taken" });
    expect((await visit(service).signIn("grace@example.com", PASSWORD)).status).toBe(303);
  });

  it("20 requests at once with the same email address create one account", async () => {
    const rt = await runtimeOf(service);
    const given = { email: "grace@example.com", password: "graces-password", name: null };
    const made = await Promise.all(Array.from({ length: 20 }, () => createPasswordUser(rt, given)));
    expect(made.filter((result) => "user" in result).length).toBe(1);
    expect((await findUsersByEmail(rt, "grace@example.com")).length).toBe(1);
  });

  it("after a change of email address only the new one can sign in", async () => {
    const rt = await runtimeOf(service);
    const changed = await edit(userId, { email: "Lovelace@Example.com", name: "Ada L." });
    expect(changed).toMatchObject({ user: { email: "lovelace@example.com", name: "Ada L." } });
    expect((await visit(service).signIn(EMAIL, PASSWORD)).status).toBe(401);
    expect((await visit(service).signIn("lovelace@example.com", PASSWORD)).status).toBe(303);
    expect(await findUsersByEmail(rt, EMAIL)).toEqual([]);
  });

  it("removes a name and keeps the email address", async () => {
    expect(await edit(userId, { name: null })).toMatchObject({ user: { name: null, email: EMAIL } });
    expect(await readUser(env.DB, userId)).toMatchObject({ name: null, email: EMAIL });
  });

  it.each([
    ["email_invalid", { email: "nobody" }],
    ["name_invalid", { name: "" }],
  ])("refuses with %s", async (refused, change) => {
    expect(await edit(userId, change)).toEqual({ refused });
  });

  it("reports an unknown user", async () => {
    const rt = await runtimeOf(service);
    expect(await edit("nobody", { name: "X" })).toEqual({ refused: "not_found" });
    expect(await edit("nobody", { password: "another-password" })).toEqual({ refused: "not_found" });
    expect(await eraseUser(rt.db, "nobody", rt.now(), "ADMIN_TOKEN")).toBeUndefined();
    expect(await readUser(env.DB, "nobody")).toBeNull();
  });

  it("erases a user with all sessions, codes, grants and identities", async () => {
    await seedSkill();
    const tokens = await link();
    await seedCode({ userId });
    const rt = await runtimeOf(service);
    expect(await eraseUser(rt.db, userId, rt.now(), "ADMIN_TOKEN")).toMatchObject({ removed: { identities: 1 } });
    expect((await service.request("/token", refresh(tokens.refresh_token))).status).toBe(400);
    for (const table of ["users", "identities", "grants", "codes", "sessions"]) {
      const row = await env.DB.prepare(`SELECT COUNT(*) AS n FROM ${table}`).first<{ n: number }>();
      expect([table, row?.n]).toEqual([table, 0]);
    }
    const rows = await env.DB.prepare("SELECT user_id, substr(browser_hash, 1, 7) AS browser FROM attempts").all();
    for (const row of rows.results) expect(row).toEqual({ user_id: null, browser: "erased-" });
    expect((await visit(service).signIn(EMAIL, PASSWORD)).status).toBe(401);
  });
});

describe("changing one's password", () => {
  const NEW = { current: PASSWORD, password: "another-password" };

  async function change(ada: Visitor, fields: Record<string, string>) {
    const page = await ada.get("/account/password");
    return ada.post("/account/password", { ...page.hidden("/account/password"), ...fields });
  }

  it("S5: ends all other sessions, keeps this one, and suggests a check of the links", async () => {
    const ada = visit(service);
    const elsewhere = visit(service, "192.0.2.9");
    await ada.signIn(EMAIL, PASSWORD);
    await elsewhere.signIn(EMAIL, PASSWORD);
    const before = ada.cookies.get("__Host-session");
    const response = await change(ada, NEW);
    expect([response.status, response.headers.get("location")]).toEqual([303, "/account?done=password-changed"]);
    expect(ada.cookies.get("__Host-session")).not.toBe(before);
    const account = await ada.get("/account?done=password-changed");
    expect(account.html).toContain("Unlink any that you don’t recognise");
    expect((await elsewhere.get("/account")).html).not.toContain(EMAIL);
    expect((await elsewhere.signIn(EMAIL, PASSWORD)).status).toBe(401);
    expect((await elsewhere.signIn(EMAIL, NEW.password)).status).toBe(303);
  });

  it.each([
    ["the current password is wrong", { ...NEW, current: "wrong-password" }, 401, "The current password is wrong."],
    ["the current password is missing", { password: NEW.password }, 401, "The current password is wrong."],
    ["the new one is short", { ...NEW, password: "short" }, 400, "at least 10 characters"],
    ["the new one is missing", { current: PASSWORD }, 400, "at least 10 characters"],
    ["the new one is huge", { ...NEW, password: "x".repeat(2000) }, 400, "The password is too long."],
  ])("nothing changes when %s", async (_, fields: Record<string, string>, status, message) => {
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    const response = await change(ada, fields);
    expect(response.status).toBe(status);
    expect(response.html).toContain(message);
    expect((await ada.get("/account")).html).toContain(EMAIL);
    expect((await ada.signIn(EMAIL, PASSWORD)).status).toBe(303);
  });

  it("F3: a session left open does not allow unlimited guesses", async () => {
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) statuses.push((await change(ada, { ...NEW, current: `wrong-${i}` })).status);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
  });

  it("S3: requires a form of this browser for this user, and a valid session", async () => {
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    expect((await ada.post("/account/password", NEW)).status).toBe(403);
    const page = await ada.get("/account/password");
    await addUser(service, "eve@example.com");
    await ada.signIn("eve@example.com", PASSWORD);
    const response = await ada.post("/account/password", { ...page.hidden("/account/password"), ...NEW });
    expect(response.html).toContain('action="/sign-in"');
    expect((await ada.signIn(EMAIL, PASSWORD)).status).toBe(303);
    const form = (await ada.get("/account/password")).hidden("/account/password");
    await env.DB.prepare("UPDATE users SET session_epoch = session_epoch + 1").run();
    expect((await ada.post("/account/password", { ...form, ...NEW })).html).toContain('action="/sign-in"');
    expect((await ada.signIn(EMAIL, PASSWORD)).status).toBe(303);
  });

  it("is not offered to users without a password", async () => {
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    expect((await ada.get("/account")).html).toContain('href="/account/password"');
    await env.DB.prepare("UPDATE identities SET method = 'oidc', issuer = 'https://id.example.com'").run();
    expect((await ada.get("/account")).html).not.toContain('href="/account/password"');
    expect((await ada.get("/account/password")).status).toBe(303);
  });
});
