// Erasing a person: no table names them afterwards, and none of their tokens works.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { type Amazon, jsonResponse, startAmazon } from "../../test/support/amazon.ts";
import { type AppUser, appUser, RETURN_URL, rows, seedLwa } from "../../test/support/app-user.ts";
import { insert } from "../../test/support/rows.ts";
import {
  ALEXA_CLIENT,
  basic,
  exchange,
  form,
  json,
  refresh,
  SERVICE_CLIENT,
  SERVICE_SECRET,
  SKILL_ID,
  seedAppAndService,
  seedCode,
  seedSkill,
} from "../../test/support/seeds.ts";
import { ADMIN_TOKEN, type Service, START, startService } from "../../test/support/service.ts";
import { HOUR, introspection, linkAlexa, linkApp, refreshOfApp } from "../../test/support/tokens.ts";
import { visit } from "../../test/support/visitor.ts";

const ADMIN = { authorization: `Bearer ${ADMIN_TOKEN}` };
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

/** The tables with a column that contains one of these texts, in any case. */
async function holding(...texts: string[]): Promise<string[]> {
  const found: string[] = [];
  for (const table of await tables()) {
    const dump = JSON.stringify(await rows(`SELECT * FROM ${table}`)).toLowerCase();
    if (texts.some((text) => dump.includes(text.toLowerCase()))) found.push(table);
  }
  return found.sort();
}

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

const SUBJECT = "subject-of-grace-at-the-provider";
const SPEAKER = "amzn1.ask.account.of-a-spoken-link";

/** Tables without personal data, and tables whose rows are unreadable without a key. A new table goes into one list. */
const IMPERSONAL = [
  ...["alerts", "clients", "developer_token", "oauth_metrics", "shown_errors", "signing_keys", "skills"],
  "d1_migrations",
];
const OPAQUE = [
  "sign_in_attempts", // hashes of random values, for an hour
  "throttles", // keyed hashes, a day
];

/** Leaves a trace of the person in every table that can hold one. */
async function live(): Promise<void> {
  const browser = visit(service);
  await browser.signIn(PERSON.email, "a-wrong-password");
  expect((await browser.signIn(PERSON.email, PERSON.password)).status).toBe(303);
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
  const one = (sql: string, ...values: unknown[]) => env.DB.prepare(sql).bind(...values);
  await env.DB.batch([
    insert("initiations", { userId, browserHash: "browser" }),
    insert("refusals", { endpoint: "token", detail: last?.id ?? "" }),
    one(
      "INSERT INTO skill_events (request_id, received_at, skill_id, alexa_user_id) SELECT 'event-1', ?, ?, alexa_user_id FROM grants WHERE alexa_user_id IS NOT NULL AND revoked_at IS NULL LIMIT 1",
      START,
      SKILL_ID,
    ),
    one(
      "INSERT INTO identities (method, issuer, subject, user_id, created_at) VALUES ('oidc', 'https://id.example.com', ?, ?, 0)",
      SUBJECT,
      userId,
    ),
    one(
      "INSERT INTO audit (at, kind, grant_id) SELECT 0, 'gateway_tokens_dropped', id FROM grants WHERE user_id = ? AND skill_id IS NOT NULL",
      userId,
    ),
    one(
      `INSERT INTO amazon_tokens (grant_id, purpose, host, tokens, access_expires_at, updated_at)
       SELECT id, 'event_gateway', 'https://api.amazonalexa.com', 'sealed', 0, 0 FROM grants WHERE user_id = ? AND skill_id IS NOT NULL`,
      userId,
    ),
  ]);
}

describe("erasing a person", () => {
  it("leaves nothing in any table or in KV that names the person, and the response reports what was done", async () => {
    await live();
    await env.DB.prepare(
      "UPDATE grants SET alexa_user_id = ? WHERE user_id = ? AND flow = 'alexa_app' AND skill_id IS NOT NULL",
    )
      .bind(SPEAKER, userId)
      .run();
    const column = async (sql: string) => (await rows<{ value: string }>(sql)).map(({ value }) => value);
    const grants = await column("SELECT id AS value FROM grants");
    const alexaUsers = await column("SELECT alexa_user_id AS value FROM grants WHERE alexa_user_id IS NOT NULL");
    const browsers = await column("SELECT browser_hash AS value FROM sessions");
    expect([alexaUsers.length, browsers.length]).toEqual([3, 1]);
    const person = [userId, PERSON.email, PERSON.name, SUBJECT, ...alexaUsers, ...browsers];
    const attempts = await rows("SELECT id FROM attempts");

    const everywhere = await holding(...person, ...grants);
    expect(everywhere.filter((table) => IMPERSONAL.includes(table) || OPAQUE.includes(table))).toEqual([]);
    expect([...new Set([...everywhere, ...IMPERSONAL, ...OPAQUE])].sort()).toEqual((await tables()).sort());

    const erased = await admin(service, "POST", `users/${userId}/erase`);
    expect([erased.status, erased.body]).toEqual([
      200,
      {
        removed: {
          identities: 2,
          sessions: 1,
          links: 4,
          codes: expect.any(Number),
          amazonTokens: 4,
        },
        anonymised: { attempts: attempts.length, auditRecords: expect.any(Number), skillEvents: 1 },
        pendingAtAmazon: 2,
      },
    ]);
    expect(await holding(...person)).toEqual([]);
    // Only the queue still has the links to end at Amazon.
    expect(await holding(...grants)).toEqual(["pending_unlinks"]);
    expect(await rows("SELECT grant_id FROM amazon_tokens")).toEqual([]);
    // Attempts stay, anonymised, for the statistics.
    expect(await rows("SELECT id FROM attempts")).toEqual(attempts);
    expect(await rows("SELECT id FROM attempts WHERE outcome = 'linked'")).not.toEqual([]);

    // KV holds only codes, sealed under a key derived from the code.
    const { keys } = await env.CODES.list();
    const stored = await Promise.all(keys.map(async ({ name }) => [name, await env.CODES.get(name)]));
    expect(stored.filter((entry) => person.some((text) => JSON.stringify(entry).includes(text)))).toEqual([]);
  });

  it("only a webhook message still has the user id, until it is delivered", async () => {
    // The receiver is unreachable.
    service = startService({ WEBHOOK_URL: "https://hooks.example.com/x", WEBHOOK_SECRET: `whsec_${"A".repeat(32)}` });
    amazon = startAmazon(service);
    await live();
    await admin(service, "DELETE", `users/${userId}`);
    expect(await holding(userId, PERSON.email, PERSON.name, SUBJECT)).toEqual(["webhook_outbox"]);
    expect(await holding(PERSON.email, PERSON.name, SUBJECT, "amzn1.ask.account")).toEqual([]);
    expect(await rows("SELECT id FROM webhook_outbox WHERE data LIKE '%user_deleted%'")).toHaveLength(2);
  });

  it.each(["before", "after"] as const)(
    "during an attempt, %s Alexa redeems our code, leaves no link here or at Amazon",
    async (when) => {
      const app = await appUser(service, userId);
      const started = await app.start();
      const callback = await amazon.approve(started.loginWithAmazonUrl);
      amazon.faults.push((seen, usual) => {
        if (seen.what !== "enable") return undefined;
        const erase = () => service.requestOnly(`/api/admin/users/${userId}`, { method: "DELETE", headers: ADMIN });
        return when === "before" ? erase().then(usual) : usual().then((response) => erase().then(() => response));
      });
      const done = await app.complete({ state: started.state, code: callback.searchParams.get("code") });
      expect([done.status, (await json<{ code: string }>(done)).code]).toEqual([422, "enablement_rejected"]);
      expect(amazon.linked.size).toBe(when === "before" ? 0 : 1);
      expect(await holding(userId, PERSON.email)).toEqual([]);
      service.clock.advance(HOUR);
      await admin(service, "POST", "maintenance");
      expect(amazon.linked.size).toBe(0);
      expect(await holding(userId, "amazon_tokens_received")).toEqual(["attempts"]);
      expect(await rows("SELECT id FROM pending_unlinks")).toEqual([]);
      expect(await rows("SELECT id FROM attempts WHERE amazon_tokens IS NOT NULL")).toEqual([]);
    },
  );

  it("while it is unknown whether Alexa linked, maintenance disables the skill there", async () => {
    const app = await appUser(service, userId);
    const started = await app.start();
    const callback = await amazon.approve(started.loginWithAmazonUrl);
    let silent = true;
    amazon.faults.push((seen, usual) => {
      if (!silent || !["enable", "look"].includes(seen.what)) return undefined;
      return seen.what === "look" ? jsonResponse({}, 503) : usual().then(() => jsonResponse({}, 503));
    });
    expect((await app.complete({ state: started.state, code: callback.searchParams.get("code") })).status).toBe(503);
    expect(amazon.linked.size).toBe(1);
    await admin(service, "DELETE", `users/${userId}`);
    expect(await holding(userId)).toEqual([]);
    silent = false;
    service.clock.advance(HOUR);
    for (let i = 0; i < 2; i++) await admin(service, "POST", "maintenance");
    expect(amazon.linked.size).toBe(0);
    expect(await rows("SELECT id FROM pending_unlinks")).toEqual([]);
    expect(await rows("SELECT id FROM attempts WHERE amazon_tokens IS NOT NULL")).toEqual([]);
  });

  it("maintenance disables the skill at Amazon, and then deletes Amazon's tokens", async () => {
    await live();
    await admin(service, "DELETE", `users/${userId}`);
    expect(await rows("SELECT id FROM pending_unlinks")).toHaveLength(2);
    service.clock.advance(2 * HOUR);
    amazon.seen.length = 0;
    await admin(service, "POST", "maintenance");
    expect(amazon.calls("disable")).toHaveLength(2);
    expect(await rows("SELECT id FROM pending_unlinks")).toEqual([]);
    expect(await rows("SELECT id FROM attempts WHERE amazon_tokens IS NOT NULL")).toEqual([]);
  });

  it("every token, code and session is refused afterwards, and signing in fails", async () => {
    const alexa = await linkAlexa(service, { userId });
    const app = await appUser(service, userId);
    const ofApp = await linkApp(service, { userId });
    const code = await seedCode({ userId });
    const started = await app.start();
    const browser = visit(service);
    await browser.signIn(PERSON.email, PERSON.password);
    const bearer = (path: string, token: string) => () =>
      service.request(path, { headers: { authorization: `Bearer ${token}` } });
    const event = (path: string, body: object) => () =>
      service.request(path, {
        method: "POST",
        headers: { authorization: basic(SERVICE_CLIENT, SERVICE_SECRET), "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    const grant = { type: "OAuth2.AuthorizationCode", code: "ANfake" };
    const header = { namespace: "Alexa.Authorization", name: "AcceptGrant", messageId: "1", payloadVersion: "3" };
    const grantee = { type: "BearerToken", token: alexa.access_token };
    const working: Record<string, () => Promise<Response>> = {
      "refresh by Alexa": () => service.request("/token", refresh(alexa.refresh_token)),
      "refresh by the app": () => service.request("/token", refreshOfApp(ofApp.refresh_token)),
      userinfo: bearer("/userinfo", alexa.access_token),
      "the app's API": bearer("/api/links", app.token),
      "starting to link": () =>
        app.call("POST", "/api/links", { skillId: SKILL_ID, returnTo: RETURN_URL, platform: "ios" }),
      introspection: async () => {
        const one = await introspection(service, alexa.access_token);
        const two = await introspection(service, alexa.refresh_token);
        return new Response(null, { status: one.active || two.active ? 200 : 404 });
      },
    };
    const unused: typeof working = {
      "a code": () => service.request("/token", exchange(code)),
      "completing an attempt": () => app.complete({ state: started.state, code: "ANfakeAmazonCode" }),
      "tokens for the event gateway": event("/api/event-gateway/token", { accessToken: alexa.access_token }),
      reciprocal: () =>
        service.request("/alexa/reciprocal", {
          ...form({ grant_type: "reciprocal_authorization_code", code: "ANfake", client_id: ALEXA_CLIENT }),
          headers: {
            authorization: `Bearer ${alexa.access_token}`,
            "content-type": "application/x-www-form-urlencoded",
          },
        }),
    };
    const accepted = async (which: typeof working) => {
      const results = await Promise.all(
        Object.entries(which).map(async ([name, send]) => ((await send()).ok ? [name] : [])),
      );
      return results.flat();
    };
    expect(await accepted(working)).toEqual(Object.keys(working));
    expect((await browser.get("/account")).html).toContain(PERSON.name);

    expect((await admin(service, "DELETE", `users/${userId}`)).status).toBe(204);
    expect(await accepted({ ...working, ...unused })).toEqual([]);
    const acceptGrant = await event("/alexa/accept-grant", { directive: { header, payload: { grant, grantee } } })();
    expect(JSON.stringify(await json(acceptGrant))).toContain("ACCEPT_GRANT_FAILED");
    const account = await browser.get("/account");
    expect([account.html.includes(PERSON.name), account.html.includes('name="password"')]).toEqual([false, true]);
    expect((await visit(service).signIn(PERSON.email, PERSON.password)).status).toBe(401);
    expect(amazon.seen).toEqual([]);
    expect(await holding(userId)).toEqual([]);
  });

  it("other people keep their accounts and links", async () => {
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
    // They share an Amazon account, so the event is about both.
    expect(erased.body.anonymised).toMatchObject({ skillEvents: 0 });
    expect((await service.request("/token", refresh(token))).status).toBe(200);
    expect((await admin(service, "GET", `users/${other}`)).body).toMatchObject({ name: "Bob" });
  });

  it("F5: when the connection to the database is lost after the write, everything is erased once", async () => {
    await live();
    service.meter.faults.push({
      when: ({ sql }) => sql.includes("DELETE FROM users"),
      throws: "after",
      message: "D1_ERROR: Network connection lost.",
      times: 1,
    });
    // The repeated batch finds no user.
    expect((await admin(service, "POST", `users/${userId}/erase`)).status).toBe(404);
    expect(await holding(userId, PERSON.email, PERSON.name)).toEqual(["webhook_outbox"]);
    expect(await rows("SELECT id FROM audit WHERE kind = 'user_deleted'")).toHaveLength(1);
  });

  it("an unknown or already erased person is 404, and a body with fields is 400", async () => {
    expect((await admin(service, "POST", "users/nobody/erase")).status).toBe(404);
    expect((await admin(service, "POST", `users/${userId}/erase`, { force: true })).status).toBe(400);
    expect((await admin(service, "GET", `users/${userId}/erase`)).status).toBe(405);
    expect((await admin(service, "POST", `users/${userId}/erase`, {})).status).toBe(200);
    expect((await admin(service, "POST", `users/${userId}/erase`)).status).toBe(404);
    expect((await admin(service, "DELETE", `users/${userId}`)).status).toBe(404);
  });
});
