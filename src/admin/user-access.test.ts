// Operators list and end what has access to an account.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { htmlResponse } from "../../test/support/amazon.ts";
import { appUser, rows } from "../../test/support/app-user.ts";
import { link, liveGrants, startLinkingWorld } from "../../test/support/linking.ts";
import { refresh, seedAppAndService, seedCode, seedSkill, USER_ID } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { exchangeOfApp, grantIdOf, linkAlexa, linkApp, refreshOfApp, seedAppCode } from "../../test/support/tokens.ts";
import { addUser, EMAIL, PASSWORD } from "../../test/support/users.ts";
import { visit } from "../../test/support/visitor.ts";

const DAY_MS = 24 * 3_600_000;

let service: Service;
let userId: string;
let eveId: string;
beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAppAndService();
  userId = await addUser(service);
  eveId = await addUser(service, "eve@example.com");
});
afterEach(() => vi.restoreAllMocks());

type Item = { id: string; skillId: string | null; createdAt: string; endedAt: string | null };
const itemsOf = async (path: string) => (await admin(service, "GET", path)).body.items as Item[];
const codeOf = async (method: string, path: string) => {
  const { status, body } = await admin(service, method, path);
  return [status, body.code];
};
const works = async (init: RequestInit) => (await service.request("/token", init)).status === 200;
const browser = async (email = EMAIL) => {
  const visitor = visit(service);
  await visitor.signIn(email, PASSWORD);
  return visitor;
};

describe("links", () => {
  it("S14: are listed, shown and ended one by one, those of apps too", async () => {
    const [alexa, app] = [await linkAlexa(service, { userId }), await linkApp(service, { userId })];
    const listed = await itemsOf(`users/${userId}/links`);
    expect(listed.map(({ id }) => id).sort()).toEqual([alexa, app].map((t) => grantIdOf(t.refresh_token)).sort());
    for (const item of listed) {
      expect((await admin(service, "GET", `users/${userId}/links/${item.id}`)).body).toEqual(item);
    }
    const path = `users/${userId}/links/${grantIdOf(app.refresh_token)}`;
    expect((await admin(service, "DELETE", path)).status).toBe(204);
    expect(await codeOf("GET", path)).toEqual([404, "grant_not_found"]);
    expect((await admin(service, "DELETE", path)).status).toBe(204);
    expect([await works(refreshOfApp(app.refresh_token)), await works(refresh(alexa.refresh_token))]).toEqual([
      false,
      true,
    ]);
    const reasons = await rows("SELECT grant_id, details FROM audit WHERE kind = 'grant_revoked'");
    expect(reasons).toEqual([{ grant_id: grantIdOf(app.refresh_token), details: "ended_by_operator" }]);
  });

  it("S14: end all at once, with the codes that are not redeemed yet, and only this person's", async () => {
    const mine = [await linkAlexa(service, { userId }), await linkAlexa(service, { userId })];
    const app = await linkApp(service, { userId });
    const code = await seedAppCode({ userId, expiresAt: service.clock.now + 60_000 });
    await seedCode({ userId, expiresAt: service.clock.now + 60_000 });
    const hers = await linkAlexa(service, { userId: eveId });
    expect((await admin(service, "DELETE", `users/${userId}/links`)).status).toBe(204);
    expect(await itemsOf(`users/${userId}/links`)).toEqual([]);
    for (const { refresh_token } of mine) expect(await works(refresh(refresh_token))).toBe(false);
    expect(await works(refreshOfApp(app.refresh_token))).toBe(false);
    expect(await works(exchangeOfApp(code))).toBe(false);
    expect(await rows("SELECT 1 FROM codes WHERE spent_at IS NULL AND voided_at IS NULL")).toEqual([]);
    expect(await works(refresh(hers.refresh_token))).toBe(true);
    expect((await admin(service, "DELETE", `users/${userId}/links`)).status).toBe(204);
  });

  it.each(["links", "links/{id}"])(
    "S14: DELETE %s disables the skill at Amazon, or responds 202 while Amazon is out of reach",
    async (path) => {
      await env.DB.batch(["skills", "clients", "users"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
      const world = await startLinkingWorld();
      const remove = (grantId: string) =>
        admin(world.service, "DELETE", `users/${USER_ID}/${path.replace("{id}", grantId)}`);
      expect((await remove(await link(world.amazon, world.ada))).status).toBe(204);
      expect(world.amazon.calls("disable")).toHaveLength(1);
      const grantId = await link(world.amazon, await appUser(world.service, USER_ID));
      world.amazon.faults.push(({ what }) => (what === "disable" ? htmlResponse(503) : undefined));
      const pending = await remove(grantId);
      expect([pending.status, pending.body]).toEqual([202, { status: "unlinked", amazon: "pending" }]);
      expect(await liveGrants(USER_ID)).toEqual([]);
      expect(await rows("SELECT grant_id FROM pending_unlinks")).toEqual([{ grant_id: grantId }]);
    },
  );
});

describe("logins", () => {
  it("S14: are listed with their ends and without secrets, and ended one by one", async () => {
    const first = await browser();
    const [mine] = await rows<{ id: string }>("SELECT id FROM sessions");
    const second = await browser();
    const listed = await admin(service, "GET", `users/${userId}/logins`);
    const items = listed.body.items as Item[];
    expect(items.map((item) => Object.keys(item).sort())).toEqual(Array(2).fill(["createdAt", "endedAt", "id"]));
    expect(items.map(({ endedAt }) => endedAt)).toEqual([null, null]);
    const known = await rows<{ browser_hash: string }>("SELECT browser_hash FROM sessions");
    for (const { browser_hash } of known) expect(JSON.stringify(items)).not.toContain(browser_hash);
    const path = `users/${userId}/logins/${mine?.id}`;
    service.clock.advance(1000);
    expect((await admin(service, "DELETE", path)).status).toBe(204);
    expect((await admin(service, "DELETE", path)).status).toBe(204);
    expect(
      [(await first.get("/account")).html, (await second.get("/account")).html].map((h) => h.includes(EMAIL)),
    ).toEqual([false, true]);
    const ended = (await itemsOf(`users/${userId}/logins`)).find(({ id }) => id === mine?.id);
    expect(ended?.endedAt).toBe(new Date(service.clock.now).toISOString());
    // The browser is not known any more: an intruder's guesses are not treated as the owner's.
    expect(await rows("SELECT 1 FROM sessions WHERE id = ? AND browser_hash <> ''", mine?.id)).toEqual([]);
    expect(await rows("SELECT kind FROM audit WHERE kind = 'login_ended'")).toHaveLength(1);
  });

  it("S14: a login ends by itself after 30 days", async () => {
    await browser();
    const [{ createdAt = "" } = {}] = await itemsOf(`users/${userId}/logins`);
    service.clock.advance(30 * DAY_MS - 1);
    expect((await itemsOf(`users/${userId}/logins`))[0]?.endedAt).toBeNull();
    service.clock.advance(1);
    const end = new Date(Date.parse(createdAt) + 30 * DAY_MS).toISOString();
    expect((await itemsOf(`users/${userId}/logins`))[0]?.endedAt).toBe(end);
  });

  it("S14: sign-out ends every browser and app of this person, and no link", async () => {
    const [first, second, eve] = [await browser(), await browser(), await browser("eve@example.com")];
    const [alexa, app] = [await linkAlexa(service, { userId }), await linkApp(service, { userId })];
    const hers = await linkApp(service, { userId: eveId });
    const code = await seedAppCode({ userId, expiresAt: service.clock.now + 60_000 });
    expect((await admin(service, "POST", `users/${userId}/sign-out`)).status).toBe(204);
    for (const visitor of [first, second]) expect((await visitor.get("/account")).html).not.toContain(EMAIL);
    expect((await eve.get("/account")).html).toContain("eve@example.com");
    expect(await works(refreshOfApp(app.refresh_token))).toBe(false);
    expect(await works(exchangeOfApp(code))).toBe(false);
    expect([await works(refresh(alexa.refresh_token)), await works(refreshOfApp(hers.refresh_token))]).toEqual([
      true,
      true,
    ]);
    expect((await admin(service, "POST", `users/${userId}/sign-out`, {})).status).toBe(204);
    expect((await visit(service).signIn(EMAIL, PASSWORD)).status).toBe(303);
  });
});

describe("what is not there", () => {
  const IDS = ["nobody", "x".repeat(3000), "%00", "..%2f..%2fskills", "'%20OR%201=1%20--", "%F0%9F%98%80", "%E0%A4%A"];

  it.each(IDS)("S14: an unknown user %s is 404 not_found", async (id) => {
    for (const [method, path] of [
      ["GET", "links"],
      ["DELETE", "links"],
      ["GET", "links/0grant"],
      ["DELETE", "links/0grant"],
      ["GET", "logins"],
      ["DELETE", "logins/0login"],
      ["POST", "sign-out"],
    ] as const) {
      expect([method, path, ...(await codeOf(method, `users/${id}/${path}`))]).toEqual([
        method,
        path,
        404,
        "not_found",
      ]);
    }
  });

  it.each(IDS)("S14: an unknown link or login %s of a user is 404", async (id) => {
    const kept = await linkAlexa(service, { userId });
    const visitor = await browser();
    for (const method of ["GET", "DELETE"]) {
      expect(await codeOf(method, `users/${userId}/links/${id}`)).toEqual([404, "grant_not_found"]);
    }
    expect(await codeOf("DELETE", `users/${userId}/logins/${id}`)).toEqual([404, "not_found"]);
    expect(await works(refresh(kept.refresh_token))).toBe(true);
    expect((await visitor.get("/account")).html).toContain(EMAIL);
  });

  it("S14: another person's link or login is not found, and stays", async () => {
    const hers = await linkAlexa(service, { userId: eveId });
    const eve = await browser("eve@example.com");
    const [login] = await itemsOf(`users/${eveId}/logins`);
    const grantId = grantIdOf(hers.refresh_token);
    expect(await codeOf("GET", `users/${userId}/links/${grantId}`)).toEqual([404, "grant_not_found"]);
    expect(await codeOf("DELETE", `users/${userId}/links/${grantId}`)).toEqual([404, "grant_not_found"]);
    expect(await codeOf("DELETE", `users/${userId}/logins/${login?.id}`)).toEqual([404, "not_found"]);
    expect(await works(refresh(hers.refresh_token))).toBe(true);
    expect((await eve.get("/account")).html).toContain("eve@example.com");
  });

  it("S14: a body that is not empty is refused, and ends nothing", async () => {
    const visitor = await browser();
    for (const body of [{ all: true }, [], "x", null]) {
      expect((await admin(service, "POST", `users/${userId}/sign-out`, body)).status).toBe(400);
    }
    expect((await visitor.get("/account")).html).toContain(EMAIL);
  });

  it("S14: nothing is listed or ended without the admin token", async () => {
    await linkAlexa(service, { userId });
    for (const [method, path] of [
      ["GET", "links"],
      ["DELETE", "links"],
      ["GET", "logins"],
      ["POST", "sign-out"],
    ] as const) {
      const { status } = await admin(service, method, `users/${userId}/${path}`, undefined, { token: null });
      expect([method, path, status]).toEqual([method, path, 401]);
    }
    expect(await itemsOf(`users/${userId}/links`)).toHaveLength(1);
  });
});
