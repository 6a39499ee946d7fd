// The console's search: each thing that a customer or a log can quote leads to its page.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { DEMO, seedAccount } from "../../../test/support/accounts.ts";
import { decideOnTheWay, latestAttempt } from "../../../test/support/attempts.ts";
import { query } from "../../../test/support/authorize.ts";
import { operator, textOf } from "../../../test/support/operator.ts";
import { plansOf } from "../../../test/support/query-plan.ts";
import { insert } from "../../../test/support/rows.ts";
import {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  APP_CLIENT,
  exchange,
  SKILL_ID,
  seedAppAndService,
  seedSkill,
  seedUser,
} from "../../../test/support/seeds.ts";
import { type Service, START, startService } from "../../../test/support/service.ts";
import type { Visitor } from "../../../test/support/visitor.ts";
import { search } from "../../storage/maintenance/search.ts";
import { minuteOf } from "./refused-then.tsx";

let service: Service;
let visitor: Visitor;
let userId: string;

beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAppAndService();
  userId = await seedAccount(service, DEMO);
  visitor = await operator(service);
});

const find = (q: string, more: Record<string, string> = {}) =>
  visitor.get(`/admin/search?${new URLSearchParams({ q, ...more })}`);

/** Where a search leads; the text of its page if it leads nowhere. */
async function found(q: string, more?: Record<string, string>): Promise<string> {
  const { location, html } = await find(q, more);
  return location ?? textOf(html);
}

async function linked(): Promise<{ attemptId: string; grantId: string }> {
  const code = await decideOnTheWay(service);
  const tokens = await service.request("/token", exchange(code, { redirect_uri: ALEXA_REDIRECT_URIS[0] }));
  expect(tokens.status).toBe(200);
  const attemptId = await latestAttempt();
  const grantId = String(
    await env.DB.prepare("SELECT grant_id FROM attempts WHERE id = ?").bind(attemptId).first("grant_id"),
  );
  await env.DB.prepare("UPDATE grants SET alexa_user_id = 'amzn1.ask.account.ADA'").run();
  return { attemptId, grantId };
}

it("O4: what a customer or a log can quote leads to its page, with the skill, range and zone of the address", async () => {
  const { attemptId, grantId } = await linked();
  const customer = `/admin/customers/${userId}`;
  for (const [q, page] of [
    [DEMO.email, customer],
    [` ${DEMO.email.toUpperCase()}\n`, customer],
    [DEMO.email.slice(0, 5), customer],
    [userId, customer],
    [grantId, customer],
    ["amzn1.ask.account.ADA", customer],
    [attemptId, `/admin/attempts/${attemptId}`],
    [SKILL_ID, `/admin/skills/${SKILL_ID}`],
    ["acme h", `/admin/skills/${SKILL_ID}`],
    [ALEXA_CLIENT, `/admin/skills/${SKILL_ID}`],
    [APP_CLIENT, `/admin/clients/${APP_CLIENT}`],
  ] as const) {
    expect([q, await found(q)]).toEqual([q, page]);
  }
  for (const [id, page] of [
    [attemptId, `/admin/attempts/${attemptId}`],
    [grantId, customer],
    [userId, customer],
    ["amzn1.ask.account.ADA", customer],
    [SKILL_ID, `/admin/skills/${SKILL_ID}`],
    [DEMO.email, customer],
  ] as const) {
    for (const typed of [
      id.toUpperCase(),
      id.toLowerCase(),
      `\t ${id} `,
      `"${id}"`,
      `"${id}",`,
      `<${id}>`,
      `(${id})`,
    ]) {
      expect([typed, await found(typed)]).toEqual([typed, page]);
    }
  }
  const line = JSON.stringify({ level: "warn", event: "x", requestId: "AbCdEf12", traceId: attemptId, grantId });
  for (const [q, page] of [
    [`"traceId":"${attemptId}"`, `/admin/attempts/${attemptId}`],
    [`"traceId": "${attemptId}",`, `/admin/attempts/${attemptId}`],
    [`traceId=${attemptId}`, `/admin/attempts/${attemptId}`],
    [`traceId: '${attemptId.toUpperCase()}'`, `/admin/attempts/${attemptId}`],
    [`"userId":"${userId}"`, customer],
    [`"grantId":"${grantId}"`, customer],
    [`"alexaUserId":"amzn1.ask.account.ADA"`, customer],
    [`"skillId":"${SKILL_ID}"`, `/admin/skills/${SKILL_ID}`],
    [`"clientId":"${APP_CLIENT}"`, `/admin/clients/${APP_CLIENT}`],
    [line, `/admin/attempts/${attemptId}`],
    [line.padEnd(2000, " x"), `/admin/attempts/${attemptId}`],
  ] as const) {
    expect([q, await found(q)]).toEqual([q, page]);
  }
  expect(await found(userId, { zone: "Europe/Berlin", range: "30d" })).toBe(
    `${customer}?range=30d&zone=Europe%2FBerlin`,
  );
  // All links of an Alexa user may be one customer's.
  await insert("grants", { id: "second", userId, alexaUserId: "amzn1.ask.account.ADA" }).run();
  expect(await found("amzn1.ask.account.ADA")).toBe(customer);
});

it("O4: several people are listed; an address that is somebody's is only theirs", async () => {
  await seedUser("0userbbbbbbbbbbbbbbbbbbbbb", "demo@example.com.au");
  await seedUser("0userccccccccccccccccccccc", "demo@example.com");
  const both = await find("demo@example.com");
  expect(both.status).toBe(200);
  expect(both.html).toContain(`href="/admin/customers/${userId}"`);
  expect(both.html).toContain('href="/admin/customers/0userccccccccccccccccccccc"');
  expect(both.html).not.toContain("com.au");
  expect(textOf((await find("demo@")).html)).toContain("com.au");
});

it("O4: the beginning of an address may have wildcards of SQL, quotation marks and capitals", async () => {
  await seedUser("0userwildaaaaaaaaaaaaaaaaa", "a_b%c'd@example.com");
  await seedUser("0userwildbbbbbbbbbbbbbbbbb", "axbyc'd@example.com");
  for (const typed of ["a_", "a_b%", "A_B%C", " a_b%c'd@ex", '"a_b%c\'d@example.com"']) {
    expect([typed, await found(typed)]).toEqual([typed, "/admin/customers/0userwildaaaaaaaaaaaaaaaaa"]);
  }
  for (const typed of ["a%", "_b", "a_b_", "%"]) expect(await found(typed)).toContain("Never reached us");
});

it.each(["AbCdEf12", "abcdef12", "ABCDEF12", " AbCdEf12 ", '"requestId":"AbCdEf12"', '"AbCdEf12"'])(
  "O4: an error id is found as customers say it and as the log has it: %s",
  async (typed) => {
    await env.DB.prepare(
      "INSERT INTO shown_errors (id, at, status, path, reason) VALUES ('AbCdEf12', ?, 500, '/authorize', 'TypeError')",
    )
      .bind(START)
      .run();
    expect(await found(typed)).toMatch(/Error AbCdEf12 .*500 .*authorize.*Refused around that minute/);
  },
);

it("O4: the error id of a refused token request, which no page showed, leads to the refusal", async () => {
  const refused = { endpoint: "token", reason: "invalid_client", lastSeenAt: START } as const;
  await insert("refusals", { ...refused, recent: [[START, 1, "Ref_used"]] }).run();
  for (const typed of ["Ref_used", "ref_used", '"requestId":"Ref_used"']) {
    expect(await found(typed)).toMatch(/Refused with error id .*invalid client token requests/);
  }
  for (const typed of ["Ref_us", "Ref_used'", "Xef_used"]) expect(await found(typed)).toContain("Never reached us");
});

it("O4: at most twenty of a kind are listed, and the page says so", async () => {
  for (let i = 10; i < 40; i++) await seedUser(`many${i}`, `many${i}@example.com`);
  const { html } = await find("many");
  expect(html.match(/href="\/admin\/customers\//g)).toHaveLength(20);
  expect(html).toContain("Only the first 20 are shown");
});

it("O4: a link whose row is gone is found by its audit", async () => {
  await env.DB.prepare("INSERT INTO audit (at, kind, user_id, grant_id) VALUES (?, 'grant_revoked', ?, 'gone')")
    .bind(START, userId)
    .run();
  expect(await found("gone")).toBe(`/admin/customers/${userId}`);
});

describe("a time", () => {
  it("O4: shows the attempts and the refused requests of its minute, in the zone of the address", async () => {
    await decideOnTheWay(service);
    await service.request(`/authorize?${query({ redirect_uri: "https%3A%2F%2Flayla.amazon.com%2Fwrong" })}`);
    await service.settled();
    const [date, time] = new Date(START).toISOString().slice(0, 16).split("T");
    const shown = await found(`${date} ${time}`);
    expect(shown).toContain("Attempts in that minute");
    expect(shown).toContain("from the Alexa app");
    expect(shown).toContain("https://layla.amazon.com/wrong");
    expect(shown).not.toContain("Never reached us");
    const elsewhere = await found(`${date} ${time}`, { zone: "Asia/Tokyo" });
    expect(elsewhere).toContain("No attempts started in that minute");
    expect(elsewhere).not.toContain("https://layla.amazon.com/wrong");
  });

  it("O4: is read in its zone, also where the clocks change", () => {
    const at = Date.UTC(2026, 10, 29, 14, 3);
    expect(minuteOf("2026-11-29 14:03", "UTC")).toBe(at);
    expect(minuteOf("2026-11-29T14:03:59.123Z", "Asia/Tokyo")).toBe(at);
    expect(minuteOf("2026-11-29 15:03:00", "Europe/Berlin")).toBe(at);
    expect(minuteOf("2026-07-01 16:03", "Europe/Berlin")).toBe(Date.UTC(2026, 6, 1, 14, 3));
    for (const no of ["2026-02-30 14:03", "2026-11-29 24:61", "2026-11-29", "14:03", "29.11.2026 14:03", ""]) {
      expect(minuteOf(no, "UTC")).toBeUndefined();
    }
  });
});

describe("nothing is found", () => {
  it("O4: says that the customer never reached us, what that means, and what was refused then", async () => {
    await service.request(`/authorize?${query({ client_id: "alexa-wrong" })}`);
    await service.settled();
    const page = await find("bob@example.com");
    expect(page.status).toBe(200);
    const shown = textOf(page.html);
    for (const text of ["Never reached us", "Refused in the last hour", "alexa-wrong"]) expect(shown).toContain(text);
    expect(page.html).toMatch(/<input type="hidden" name="q" value="bob@example\.com"\s*\/>/);
    const then = await found("bob@example.com", { at: new Date(START).toISOString().slice(0, 16).replace("T", " ") });
    expect(then).toContain("alexa-wrong");
    const before = await found("bob@example.com", { at: "2020-01-01 00:00" });
    expect(before).toContain("Refused at 2020-01-01 00:00");
    expect(before).not.toContain("alexa-wrong");
  });

  it.each(["%", "_", "demo%", "de_o@example.com", "*", "' OR 1=1 --", "demo@example.com'", "\u{10ffff}"])(
    "S1: a wildcard of SQL is a letter like others: %s",
    async (q) => {
      expect(await found(q)).toContain("Never reached us");
    },
  );
});

it.each([
  ["/admin/search", "Enter an email address"],
  ["/admin/search?q=", "Enter an email address"],
  ["/admin/search?q=%20%00%0A", "Enter an email address"],
  ["/admin/search?q=nobody&q=demo", "Never reached us"],
  [`/admin/search?q=${"a".repeat(10_240)}`, "Never reached us"],
  ["/admin/search?q=a%00b%1b[31m", "Never reached us"],
  ["/admin/search?q=%ff%fe", "Never reached us"],
  ["/admin/search?q=nobody&at=never&zone=nowhere", "Never reached us"],
])("S1: any address is a page: %.60s", async (path, text) => {
  const { status, html } = await visitor.get(path);
  expect(status).toBe(200);
  expect(textOf(html)).toContain(text);
});

it("S1: what was typed is text, also where it is shown again", async () => {
  const { html } = await find(`"><script>alert(1)</script>`, { at: `"><b>` });
  expect(html).not.toMatch(/<script|"><b>/);
  expect(html).toContain("&lt;script&gt;");
});

it("F4: one read, in which everything is found by a key or an index", async () => {
  for (const plan of await plansOf((db) => search(db, "text", "text"))) expect(plan).not.toMatch(/SCAN (?!CONSTANT)/);
  await find("nobody");
  service.meter.clear();
  await find(userId);
  expect(service.meter.roundTrips.filter(({ sql }) => sql.includes("'customer' AS kind"))).toHaveLength(1);
  expect(service.meter.writes).toEqual([]);
});
