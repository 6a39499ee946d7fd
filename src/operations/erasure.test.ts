// Erasing a person, and what keeps an older copy of the database from bringing back what has ended.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { type Amazon, startAmazon } from "../../test/support/amazon.ts";
import { type AppUser, appUser, rows, seedLwa } from "../../test/support/app-user.ts";
import {
  ALEXA_CLIENT,
  exchange,
  json,
  refresh,
  SKILL_ID,
  seedAppAndService,
  seedCode,
  seedSkill,
} from "../../test/support/seeds.ts";
import { type Service, START, startService } from "../../test/support/service.ts";
import { DAY, HOUR, MINUTE } from "../../test/support/tokens.ts";
import { visit } from "../../test/support/visitor.ts";

const PERSON = { email: "grace.erased@example.com", password: "an-obviously-fake-password", name: "Grace Erasedname" };
let service: Service;
let amazon: Amazon;
let userId: string;

beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAppAndService();
  await seedLwa(service);
  userId = String((await admin(service, "POST", "users", PERSON)).body.id);
  amazon = startAmazon(service);
});
afterEach(() => vi.restoreAllMocks());

async function tables(): Promise<string[]> {
  const found = await rows<{ name: string }>(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
  );
  return found.map((table) => table.name);
}

/** The tables of which some column holds one of these texts, in any case. */
async function holding(...texts: string[]): Promise<string[]> {
  const found: string[] = [];
  for (const table of await tables()) {
    const dump = JSON.stringify(await rows(`SELECT * FROM ${table}`)).toLowerCase();
    if (texts.some((text) => dump.includes(text.toLowerCase()))) found.push(table);
  }
  return found.sort();
}

/** Our codes come with the linkings of other people in the fixtures. */
async function linkFromAlexa(): Promise<string> {
  const code = await seedCode({ userId });
  return (await json(await service.request("/token", exchange(code)))).refresh_token;
}

async function linkFromApp(app: AppUser, account = "amazon-account-1"): Promise<void> {
  const started = await app.start();
  const callback = await amazon.approve(started.loginWithAmazonUrl, account);
  const done = await app.complete({ state: started.state, code: callback.searchParams.get("code") });
  expect(done.status).toBe(200);
}

/** Leaves a trace of the person wherever this server keeps some. */
async function live(): Promise<void> {
  const browser = visit(service);
  await browser.signIn(PERSON.email, "a-wrong-password");
  expect((await browser.signIn(PERSON.email, PERSON.password)).status).toBeLessThan(400);
  await admin(service, "PATCH", `users/${userId}`, { name: PERSON.name });
  await linkFromAlexa();
  const app = await appUser(service, userId);
  await linkFromApp(app, "amazon-account-2");
  await linkFromApp(app);
  const [last] = await rows<{ id: string }>("SELECT id FROM grants WHERE alexa_user_id LIKE '%amazon-account-1'");
  amazon.faults.push((seen) => (seen.what === "disable" ? new Response(null, { status: 503 }) : undefined));
  expect((await app.call("DELETE", `/api/links/${SKILL_ID}/grants/${last?.id}`)).status).toBe(202);
  amazon.faults.length = 0;
  await app.start();
  await seedCode({ userId });
  await env.DB.prepare(
    "INSERT INTO skill_events (request_id, received_at, skill_id, alexa_user_id) SELECT 'event-1', ?, ?, alexa_user_id FROM grants WHERE alexa_user_id IS NOT NULL AND revoked_at IS NULL LIMIT 1",
  )
    .bind(START, SKILL_ID)
    .run();
}

describe("erasing a person", () => {
  it("no column of any table holds the person's id, e-mail address or name afterwards; it says what was done", async () => {
    await live();
    expect(await holding(userId, PERSON.email, PERSON.name)).toEqual(
      expect.arrayContaining([
        "audit",
        "codes",
        "grants",
        "identities",
        "known_browsers",
        "linkings",
        "pending_unlinks",
        "users",
      ]),
    );
    const alexaUser = (await rows<{ id: string }>("SELECT alexa_user_id AS id FROM skill_events"))[0]?.id ?? "";
    expect(alexaUser).toContain("amazon-account-2");
    const grants = (await rows<{ id: string }>("SELECT id FROM grants")).map((grant) => grant.id);
    const attempts = await rows("SELECT id FROM linkings");

    const erased = await admin(service, "POST", `users/${userId}/erase`);
    expect([erased.status, erased.body]).toEqual([
      200,
      {
        removed: { identities: 1, knownBrowsers: 1, links: 4, codes: expect.any(Number), amazonTokens: 1 },
        blinded: { linkings: attempts.length, auditRecords: expect.any(Number), skillEvents: 1 },
        pendingAtAmazon: 2,
      },
    ]);
    expect(await tables()).toContain("linkings");
    expect(await holding(userId, PERSON.email, PERSON.name, alexaUser)).toEqual([]);
    // The queue still knows which links to end at Amazon, and nothing else does.
    expect(await holding(...grants)).toEqual(["pending_unlinks"]);
    // Statistics stay.
    expect(await rows("SELECT id FROM linkings")).toEqual(attempts);
    expect(await rows("SELECT id FROM linkings WHERE outcome = 'linked'")).not.toEqual([]);
  });

  it("the skill is disabled at Amazon by the scheduled work, and then Amazon's tokens are gone too", async () => {
    await live();
    await admin(service, "DELETE", `users/${userId}`);
    expect(await rows("SELECT id FROM pending_unlinks")).toHaveLength(2);
    service.clock.advance(2 * HOUR);
    amazon.seen.length = 0;
    await admin(service, "POST", "maintenance");
    expect(amazon.calls("disable")).toHaveLength(2);
    expect(await rows("SELECT id FROM pending_unlinks")).toEqual([]);
    expect(await rows("SELECT id FROM linkings WHERE amazon_tokens IS NOT NULL")).toEqual([]);
  });

  it("every token is refused, and signing in fails", async () => {
    const token = await linkFromAlexa();
    const app = await appUser(service, userId);
    expect((await admin(service, "DELETE", `users/${userId}`)).status).toBe(204);
    expect((await service.request("/token", refresh(token))).status).toBe(400);
    expect((await app.call("GET", "/api/links")).status).toBe(401);
    expect((await visit(service).signIn(PERSON.email, PERSON.password)).status).toBe(401);
  });

  it("other people stay as they are", async () => {
    const other = String(
      (await admin(service, "POST", "users", { ...PERSON, email: "bob@example.com", name: "Bob" })).body.id,
    );
    const code = await seedCode({ userId: other });
    const { refresh_token: token } = await json(await service.request("/token", exchange(code)));
    await live();
    await env.DB.prepare("UPDATE grants SET alexa_user_id = (SELECT alexa_user_id FROM skill_events) WHERE user_id = ?")
      .bind(other)
      .run();
    const erased = await admin(service, "POST", `users/${userId}/erase`);
    // They share an Amazon account: the event is about both.
    expect(erased.body.blinded).toMatchObject({ skillEvents: 0 });
    expect((await service.request("/token", refresh(token))).status).toBe(200);
    expect((await admin(service, "GET", `users/${other}`)).body).toMatchObject({ name: "Bob" });
  });

  it("F5: when the connection to the database is lost after the work, the report is the same", async () => {
    await live();
    service.meter.faults.push({
      when: (trip) => trip.sql.includes("DELETE FROM users"),
      throws: "after",
      message: "D1_ERROR: Network connection lost.",
      times: 1,
    });
    const erased = await admin(service, "POST", `users/${userId}/erase`);
    expect(erased.status).toBe(200);
    expect(erased.body.removed).toMatchObject({ identities: 1, links: 4 });
    expect(await rows("SELECT id FROM audit WHERE kind = 'user_deleted'")).toHaveLength(1);
  });

  it("works while KV is away: the list of endings goes with the next scheduled run", async () => {
    await live();
    service.meter.faults.push({ when: (trip) => trip.call === "put", throws: "before" });
    expect((await admin(service, "DELETE", `users/${userId}`)).status).toBe(204);
    expect(await holding(userId)).toEqual(["endings"]);
    service.meter.faults.length = 0;
    expect((await admin(service, "POST", "maintenance")).body).toMatchObject({ failed: [] });
    expect(await holding(userId)).toEqual([]);
  });

  it("an unknown person is 404; a body with fields is 400; a second time there is nothing", async () => {
    expect((await admin(service, "POST", "users/nobody/erase")).status).toBe(404);
    expect((await admin(service, "POST", `users/${userId}/erase`, { force: true })).status).toBe(400);
    expect((await admin(service, "GET", `users/${userId}/erase`)).status).toBe(405);
    expect((await admin(service, "POST", `users/${userId}/erase`, {})).status).toBe(200);
    expect((await admin(service, "POST", `users/${userId}/erase`)).status).toBe(404);
    expect((await admin(service, "DELETE", `users/${userId}`)).status).toBe(404);
  });
});

describe("after the database was put back to an earlier time", () => {
  type Copy = Map<string, Record<string, unknown>[]>;
  const KEPT = ["skills", "clients", "users", "identities", "grants", "linkings", "codes"];

  async function backup(): Promise<Copy> {
    const copy: Copy = new Map();
    for (const table of KEPT) copy.set(table, await rows(`SELECT * FROM ${table}`));
    return copy;
  }

  /** What `wrangler d1 time-travel restore` does, as far as these tables go. KV stays as it is. */
  async function restore(copy: Copy): Promise<void> {
    await env.DB.batch([
      ...[...KEPT].reverse().map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
      ...KEPT.flatMap((table) =>
        (copy.get(table) ?? []).map((row) =>
          env.DB.prepare(
            `INSERT INTO ${table} (${Object.keys(row).join(", ")}) VALUES (${Object.keys(row)
              .map(() => "?")
              .join(", ")})`,
          ).bind(...Object.values(row)),
        ),
      ),
      env.DB.prepare("DELETE FROM endings"),
    ]);
  }

  const restored = (at: number, more: object = {}) =>
    admin(service, "POST", "restored", { backupTakenAt: new Date(at).toISOString(), ...more });

  const status = async (token: string) => (await service.request("/token", refresh(token))).status;

  it("links, people and logins that ended since stay ended, whatever ended them; the others live on", async () => {
    const erasedUser = userId;
    const ofErased = await linkFromAlexa();
    userId = String((await admin(service, "POST", "users", { ...PERSON, email: "bob@example.com" })).body.id);
    const [kept, unlinked, revoked] = [await linkFromAlexa(), await linkFromAlexa(), await linkFromAlexa()];
    const bob = await appUser(service, userId);
    const copy = await backup();
    const takenAt = service.clock.now;

    service.clock.advance(30 * MINUTE);
    const grantOf = (token: string) => token.slice(3, 29);
    expect((await bob.call("DELETE", `/api/links/${SKILL_ID}/grants/${grantOf(unlinked)}`)).status).toBe(204);
    const basic = refresh(revoked);
    await service.request("/revoke", {
      ...basic,
      body: new URLSearchParams({ token: revoked, client_id: ALEXA_CLIENT }).toString(),
    });
    await admin(service, "DELETE", `users/${erasedUser}`);
    await admin(service, "PATCH", `users/${userId}`, { password: "another-fake-password" });
    const report = (await admin(service, "POST", "maintenance")).body;
    // Erasing has taken along what waited; the ended logins came after it.
    expect(report.exportedEndings).toBe(1);
    expect(await rows("SELECT id FROM endings")).toEqual([]);

    service.clock.advance(HOUR);
    await restore(copy);
    // What the safeguard is for: all of them are back.
    for (const token of [ofErased, kept, unlinked, revoked]) expect(await status(token)).toBe(200);

    const answer = await restored(takenAt);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ revokedLinks: 3, erasedUsers: 1, endedLogins: 1 });
    expect(answer.body).not.toHaveProperty("next");
    expect(await status(kept)).toBe(200);
    for (const token of [ofErased, unlinked, revoked]) expect(await status(token)).toBe(400);
    expect((await admin(service, "GET", `users/${erasedUser}`)).status).toBe(404);
    const [user] = await rows<{ session_epoch: number }>("SELECT session_epoch FROM users WHERE id = ?", userId);
    expect(user?.session_epoch).toBeGreaterThan(100);
    expect(await rows("SELECT id FROM endings WHERE kind <> 'grant'")).toEqual([]);

    const again = await restored(takenAt);
    expect(again.body).toMatchObject({ revokedLinks: 0, erasedUsers: 0 });
    expect(await status(kept)).toBe(200);
  });

  it("a skill that was removed since comes back without its links", async () => {
    const token = await linkFromAlexa();
    const copy = await backup();
    await admin(service, "DELETE", `skills/${SKILL_ID}/development`);
    await admin(service, "POST", "maintenance");
    await restore(copy);
    expect(await status(token)).toBe(200);
    await restored(START);
    expect(await status(token)).toBe(400);
  });

  it("goes through a long list in bounded steps, and begins where the backup was taken", async () => {
    const token = await linkFromAlexa();
    const before = await env.DB.prepare("SELECT id FROM grants").first<{ id: string }>();
    for (let i = 0; i < 230; i++) {
      const key = `ended:${START + i * MINUTE}:test${String(i).padStart(4, "0")}`;
      await env.CODES.put(key, JSON.stringify([["grant", i === 0 || i === 229 ? before?.id : `0gone${i}`]]));
    }
    service.clock.advance(DAY);
    // The first entry lies well before: it is not applied.
    const later = await restored(START + HOUR);
    expect(later.body).toMatchObject({ entries: 100, revokedLinks: 0 });
    const second = await restored(START + HOUR, { after: later.body.next });
    expect(second.body).toMatchObject({ entries: 85, revokedLinks: 1 });
    expect(second.body).not.toHaveProperty("next");
    expect(await status(token)).toBe(400);
  });

  it("an entry is kept for as long as an unused link lives, and is written in one trip each", async () => {
    await linkFromAlexa();
    const app = await appUser(service, userId);
    await app.call("DELETE", `/api/links/${SKILL_ID}`);
    const put = vi.spyOn(env.CODES, "put");
    await admin(service, "POST", "maintenance");
    expect(put.mock.calls.map(([key]) => key.slice(0, 6))).toEqual(["ended:"]);
    expect(put.mock.calls[0]?.[2]).toEqual({ expirationTtl: 400 * 24 * 3600 });
    await admin(service, "POST", "maintenance");
    expect(put).toHaveBeenCalledTimes(1);
  });

  it("refuses what is no time, lies in the future, or is no position of ours", async () => {
    for (const body of [
      {},
      { backupTakenAt: "yesterday" },
      { backupTakenAt: 1790000000000 },
      { backupTakenAt: "2026-01-15" },
      { backupTakenAt: new Date(START + HOUR).toISOString() },
      { backupTakenAt: new Date(START).toISOString(), after: "../code:x" },
      { backupTakenAt: new Date(START).toISOString(), dryRun: true },
    ]) {
      const answer = await admin(service, "POST", "restored", body);
      expect([answer.status, answer.body.code], JSON.stringify(body)).toEqual([400, "invalid_body"]);
    }
    expect((await admin(service, "POST", "restored", {}, { token: null })).status).toBe(401);
  });
});
