// What keeps an older copy of the database from bringing back what has ended.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { appUser, rows } from "../../test/support/app-user.ts";
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

const PERSON = { email: "grace.erased@example.com", password: "an-obviously-fake-password", name: "Grace Erasedname" };
let service: Service;
let userId: string;

beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAppAndService();
  userId = String((await admin(service, "POST", "users", PERSON)).body.id);
});
afterEach(() => vi.restoreAllMocks());

/** Our codes come with the attempts of other people in the fixtures. */
async function linkFromAlexa(): Promise<string> {
  const code = await seedCode({ userId });
  return (await json(await service.request("/token", exchange(code)))).refresh_token;
}

describe("after the database was put back to an earlier time", () => {
  type Copy = Map<string, Record<string, unknown>[]>;
  const KEPT = ["skills", "clients", "users", "identities", "grants", "attempts", "codes"];

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

  it("T3: of clients that rotate, the token that Alexa holds works on, though the database knows only its predecessors", async () => {
    await env.DB.prepare("UPDATE clients SET rotate_refresh_tokens = 1 WHERE id = ?").bind(ALEXA_CLIENT).run();
    const chain = [await linkFromAlexa()];
    const next = async () => {
      const answer = await service.request("/token", refresh(chain.at(-1) ?? ""));
      chain.push((await json(answer)).refresh_token);
    };
    await next();
    const copy = await backup();
    for (let i = 0; i < 12; i++) await next();
    await restore(copy);
    await restored(START);
    await next();
    await next();
    expect(new Set(chain).size).toBe(16);
    expect(await status(chain.at(-1) ?? "")).toBe(200);
    service.clock.advance(2 * MINUTE);
    expect(await status(chain[3] ?? "")).toBe(400);
    expect(await status(chain.at(-1) ?? "")).toBe(200);
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
