// The page about one customer: who, links, and one time line of everything.
import { env } from "cloudflare:workers";
import { beforeEach, expect, it } from "vitest";
import { DEMO, seedAccount } from "../../../test/support/accounts.ts";
import { admin } from "../../../test/support/admin.ts";
import { decideOnTheWay, latestAttempt } from "../../../test/support/attempts.ts";
import { query } from "../../../test/support/authorize.ts";
import { operator, textOf } from "../../../test/support/operator.ts";
import { plansOf } from "../../../test/support/query-plan.ts";
import { insert } from "../../../test/support/rows.ts";
import { ALEXA_REDIRECT_URIS, exchange, json, refresh, seedSkill, seedUser } from "../../../test/support/seeds.ts";
import { type Service, START, startService } from "../../../test/support/service.ts";
import { DAY, MINUTE, ok } from "../../../test/support/tokens.ts";
import { Visitor } from "../../../test/support/visitor.ts";
import { readCustomer } from "../../storage/maintenance/customer.ts";

let service: Service;
let userId: string;

beforeEach(async () => {
  service = startService();
  await seedSkill();
  userId = await seedAccount(service, DEMO);
});

async function show(
  id = userId,
  parameters = "",
): Promise<{ status: number; html: string; text: string; line: string[] }> {
  const { status, html } = await (await operator(service)).get(`/admin/customers/${id}${parameters}`);
  const line = [...html.matchAll(/<li class="done"><p>([\s\S]*?)<\/p>/g)].map(([, text = ""]) => textOf(text));
  return { status, html, text: textOf(html), line };
}

const redeem = async (code: string) =>
  json(await service.request("/token", exchange(code, { redirect_uri: ALEXA_REDIRECT_URIS[0] })));

it("O4: shows who it is, the link, and everything that happened, newest first", async () => {
  service.clock.advance(MINUTE);
  const code = await decideOnTheWay(service);
  service.clock.advance(MINUTE);
  const tokens = await redeem(code);
  const attemptId = await latestAttempt();
  await env.DB.batch([
    env.DB.prepare("UPDATE grants SET alexa_user_id = 'amzn1.ask.account.ADA', level_shown = 1"),
    insert("skillEvents", {
      requestId: "r1",
      type: "SkillEnabled",
      skillId: "amzn1.ask.skill.x",
      alexaUserId: "amzn1.ask.account.ADA",
      receivedAt: service.clock.now + 1000,
    }),
  ]);
  service.clock.advance(2 * DAY);
  await ok(service.request("/token", refresh(tokens.refresh_token)));
  await service.settled();
  service.clock.advance(MINUTE);
  const grantId = String(await env.DB.prepare("SELECT id FROM grants").first("id"));
  const live = await show();
  expect(live.text).toContain("Timeline (UTC)");
  expect(live.text).toContain("one recognised speaker");
  expect(live.html).toContain('<span class="badge linked">live</span>');
  await admin(service, "DELETE", `users/${userId}/links/${grantId}`);
  const shown = await show();
  expect(shown.status).toBe(200);
  for (const text of [DEMO.email, "password", "ended by operator", "amzn1.ask.account.ADA"]) {
    expect(shown.text).toContain(text);
  }
  const order = [
    "link with Acme Home ended: ended by operator, by ADMIN_TOKEN",
    "last refresh by Acme Home",
    "Alexa sent SkillEnabled",
    "linked with Acme Home",
    "attempt: linked",
    "account created",
  ];
  const places = order.map((words) => shown.line.findIndex((text) => text.includes(words)));
  expect(places).not.toContain(-1);
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(shown.line.filter((text) => text.includes("grant revoked"))).toEqual([]);
  expect(shown.html).toContain(`href="/admin/attempts/${attemptId}"`);
  for (const secret of [code, tokens.access_token, tokens.refresh_token]) expect(shown.html).not.toContain(secret);
  const hashes = await env.DB.prepare(
    "SELECT s.browser_hash, i.password_hash, g.refresh_hash FROM sessions s, identities i, grants g",
  ).first<Record<string, string>>();
  for (const hash of Object.values(hashes ?? {})) expect(shown.html).not.toContain(hash);
});

it("O4: a long time line goes on with older, and shows every event once", async () => {
  const rows = Array.from({ length: 120 }, (_, i) =>
    insert("attempts", {
      id: `a${String(i).padStart(3, "0")}`,
      userId,
      outcome: "failed",
      reason: `reason_${i}`,
      // Three of each moment.
      createdAt: START - Math.floor(i / 3) * MINUTE,
    }),
  );
  await env.DB.batch(rows);
  const seen: string[] = [];
  let address: string | undefined = "";
  let pages = 0;
  while (address !== undefined && pages < 10) {
    const { html, line } = await show(userId, address);
    seen.push(...line.filter((text) => text.startsWith("attempt")));
    address = /href="[^"]*(\?before=\d+)"/.exec(html)?.[1];
    pages++;
  }
  expect(pages).toBe(3);
  expect(seen).toHaveLength(120);
  expect(new Set(seen).size).toBe(120);
  expect((await show(userId, "?before=1")).text).not.toContain("Never reached us");
  for (const wrong of ["?before=x", "?before=-1", "?before=1&before=2", `?before=${"9".repeat(400)}`]) {
    expect((await show(userId, wrong)).status).toBe(200);
  }
});

it("O4: refused refreshes of a link are on its customer's time line, and on nobody else's", async () => {
  const tokens = await redeem(await decideOnTheWay(service));
  const grantId = String(await env.DB.prepare("SELECT id FROM grants").first("id"));
  await seedUser("0userbbbbbbbbbbbbbbbbbbbbb", "bob@example.com");
  await admin(service, "DELETE", `users/${userId}/links/${grantId}`);
  for (let i = 0; i < 2; i++) {
    service.clock.advance(MINUTE);
    expect((await service.request("/token", refresh(tokens.refresh_token))).status).toBe(400);
  }
  const { line } = await show();
  expect(line[0]).toMatch(new RegExp(`^refresh refused: grant revoked, 2 times in total grant ${grantId}$`));
  expect((await show("0userbbbbbbbbbbbbbbbbbbbbb")).text).not.toContain("refresh refused");
});

it("O4: browsers that are signed in each have a button; many are folded; ended and expired ones have none", async () => {
  const login = (id: string, createdAt: number, endedAt: number | null = null) =>
    insert("sessions", { id, userId, createdAt, endedAt });
  expect((await show()).text).toContain("No browser is signed in");
  await env.DB.batch([login("one", START), login("out", START, START), login("old", START - 31 * DAY)]);
  const one = await show();
  expect(one.html.match(/value="End this login"|>End this login</g)).toHaveLength(1);
  expect(one.html).toMatch(/<details open[^>]*><summary>One browser is signed in</);
  await env.DB.batch(Array.from({ length: 30 }, (_, i) => login(`more${i}`, START + i)));
  const many = await show();
  expect(many.html).toMatch(/<details><summary>31 browsers are signed in</);
  expect(many.html.match(/>End this login</g)).toHaveLength(31);
});

it("O4: an account that never reached us shows the refused requests of the minute that is given", async () => {
  await seedUser("0userbbbbbbbbbbbbbbbbbbbbb", "bob@example.com");
  await service.request(`/authorize?${query({ client_id: "alexa-wrong" })}`);
  await service.settled();
  const minute = encodeURIComponent(new Date(START).toISOString().slice(0, 16).replace("T", " "));
  const shown = await show("0userbbbbbbbbbbbbbbbbbbbbb", `?at=${minute}`);
  expect(shown.text).toContain("Never reached us");
  expect(shown.text).toContain("alexa-wrong");
  const other = await show("0userbbbbbbbbbbbbbbbbbbbbb", "?at=2020-01-01%2000:00");
  expect(other.text).not.toContain("alexa-wrong");
  await decideOnTheWay(service);
  expect((await show()).text).not.toContain("Never reached us");
});

it.each(["unknown", "%00", "%22%3E%3Cimg%20src=x%3E", "a".repeat(9000), "%", "..%2f"])(
  "O4: an unknown customer is a 404 page in the console's frame: %.20s",
  async (id) => {
    const { status, html, text } = await show(id);
    expect(status).toBe(404);
    expect(text).toContain("If it was erased");
    expect(html).not.toContain("<img");
    expect(html).toContain('aria-label="Console"');
  },
);

it("S1: names and what clients sent are text; nobody sees it without an operator's session; it writes nothing", async () => {
  const evil = `"><img src=x onerror=alert(1)>`;
  await env.DB.prepare("UPDATE users SET name = ?1, email = ?1").bind(evil).run();
  await insert("grants", { id: evil, userId, alexaUserId: evil, revokedAt: START, revokedReason: evil }).run();
  await env.DB.prepare("INSERT INTO audit (at, kind, user_id, details) VALUES (?1, ?2, ?3, ?2)")
    .bind(START, evil, userId)
    .run();
  const { status, html } = await show();
  expect(status).toBe(200);
  expect(html).not.toContain("<img src=x");
  const stranger = await new Visitor(service).get(`/admin/customers/${userId}`);
  expect(stranger.html).toContain('name="token"');
  const visitor = await operator(service);
  service.meter.clear();
  await visitor.get(`/admin/customers/${userId}`);
  await service.settled();
  expect(service.meter.writes).toEqual([]);
});

it("F4: everything of a customer is found by a key or an index", async () => {
  for (const plan of await plansOf((db) => readCustomer(db, "user", START, 50))) {
    expect(plan).not.toMatch(/SCAN (attempts|audit|skill_events|grants|users|identities|sessions)/);
  }
});
