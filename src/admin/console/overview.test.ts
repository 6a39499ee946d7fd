// The page at /admin: figures, charts and their tables, the comparison with the time before, first steps, addresses.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { SKILL_ID, START } from "../../../test/support/constants.ts";
import { operator, textOf } from "../../../test/support/operator.ts";
import { insert, type Tables } from "../../../test/support/rows.ts";
import { seedSkill } from "../../../test/support/seeds.ts";
import { startService } from "../../../test/support/service.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let made = 0;
const attempt = (createdAt: number, row: Partial<Tables["attempts"]>) =>
  insert("attempts", { id: `attempt-${made++}`, skillId: SKILL_ID, createdAt, expiresAt: createdAt + HOUR_MS, ...row });
const linked = (at: number, userId: string, row: Partial<Tables["attempts"]> = {}) =>
  attempt(at, { userId, outcome: "linked", decision: "allow", redeemedAt: at, ...row });
const initiation = (at: number, userId: string | null, row: Partial<Tables["initiations"]> = {}) =>
  insert("initiations", {
    key: `key-${made++}`,
    hourAt: at - (at % HOUR_MS),
    at,
    skillId: SKILL_ID,
    userId,
    browserHash: `browser-${made}`,
    ...row,
  });
const counted = (at: number, name: string, count: number) =>
  insert("oauthMetrics", { hourAt: at - (at % HOUR_MS), skillId: SKILL_ID, name, count });

/** The rows of the table with this caption, as texts. */
function table(html: string, caption: string): string[][] {
  const start = html.indexOf(`<caption class="unseen">${caption}`);
  expect(start, caption).toBeGreaterThan(0);
  const body = html.slice(start, html.indexOf("</table>", start)).split("<tbody>")[1] ?? "";
  return [...body.matchAll(/<tr>(.*?)<\/tr>/gs)].map(([, row = ""]) =>
    [...row.matchAll(/<td[^>]*>(.*?)<\/td>/gs)].map(([, cell = ""]) => textOf(cell)),
  );
}

/** The text of the tile with this label. */
function tile(html: string, label: string): string {
  const [, found = ""] = new RegExp(`<div class="tile"><small>${label}</small>(.*?)</div>`, "s").exec(html) ?? [];
  return textOf(found);
}

async function open(path = "/admin"): Promise<string> {
  const visitor = await operator(startService());
  const { status, html } = await visitor.get(path);
  expect(status).toBe(200);
  return html;
}

describe("with attempts", () => {
  // START is January 15, 12:00 UTC.
  beforeEach(async () => {
    await seedSkill();
    await env.DB.batch([
      initiation(START, "ada"),
      initiation(START - HOUR_MS, "ada"),
      initiation(START - DAY_MS, "bob"),
      initiation(START - DAY_MS, null, { flow: "website" }),
      initiation(START - 8 * DAY_MS, "cleo"),
      linked(START, "ada", { acceptGrant: "accepted" }),
      linked(START - DAY_MS, "bob"),
      linked(START - 8 * DAY_MS, "cleo"),
      linked(START - HOUR_MS, "ada", { acceptGrant: "refused" }),
      attempt(START - DAY_MS, { outcome: "failed", reason: "enablement_not_linked", flow: "website" }),
      attempt(START - 2 * DAY_MS, { outcome: "cancelled", reason: "denied_by_user", decision: "deny" }),
      counted(START, "token_refresh_success_50", 3),
      counted(START, "token_refresh_invalid_grant_100", 1),
      counted(START - DAY_MS, "token_refresh_success_50", 2),
      counted(START - DAY_MS, "token_exchange_success_2000", 4),
      counted(START, "token_error_client_secret_wrong", 6),
    ]);
  });

  it("O14: the tiles have each metric, its parts, and the difference from the previous range", async () => {
    const html = await open();
    expect(tile(html, "Initiations")).toBe("4 +3 (before: 1) Alexa app 3 +2 App-to-app 1 +1");
    expect(tile(html, "Completions")).toBe("2 +1 (before: 1) Alexa app 2 +1 App-to-app 0 no change");
    expect(tile(html, "Completion rate")).toBe(
      "50.0% −50.0 points (before: 100.0%) Alexa app 66.7% −33.3 points App-to-app 0.0%",
    );
    expect(tile(html, "Users who started")).toBe("3 +2 (before: 1) Alexa app 2 +1 App-to-app 1 +1");
    expect(tile(html, "Users who completed")).toBe("2 +1 (before: 1) Alexa app 2 +1 App-to-app 0 no change");
    expect(tile(html, "Initiations per user")).toBe("1.33 +0.33 (before: 1.00) Alexa app 1.50 +0.50 App-to-app 1.00");
    expect(tile(html, "Users who enabled the skill")).toBe("0 no change (before: 0)");
    expect(textOf(html)).toContain("Compared with 2026-01-02 00:00:00 to 2026-01-08 12:00:00 (UTC).");
  });

  it("O14: the charts and their tables have the same numbers", async () => {
    const html = await open();
    const days = table(html, "Completions per day");
    expect(days).toHaveLength(7);
    expect(days.slice(-3)).toEqual([
      ["Jan 13", "0", "0", "0", "1", "0"],
      ["Jan 14", "1", "0", "1", "0", "0"],
      ["Jan 15", "1", "1", "0", "0", "0"],
    ]);
    expect(textOf(html)).toContain("In total: 2 completed, 1 AcceptGrant refused, 1 failed, 1 cancelled, 0 abandoned.");
    expect(table(html, "How far attempts got")).toEqual([
      ["Shown or started", "4", "100%"],
      ["Signed in", "3", "75%"],
      ["Consented", "3", "75%"],
      ["Code redeemed", "3", "75%"],
      ["AcceptGrant accepted", "1", "25%"],
    ]);
    expect(table(html, "Refresh success rate").slice(-2)).toEqual([
      ["Jan 14", "100%"],
      ["Jan 15", "75%"],
    ]);
    expect(table(html, "Refresh latency").at(-1)?.[1]).toMatch(/^\d+ ms$/);
    expect(table(html, "Code exchange latency").slice(-2)).toEqual([
      ["Jan 14", "1500 ms", "1900 ms", "1990 ms"],
      ["Jan 15", "none", "none", "none"],
    ]);
    expect(table(html, "Refused calls")).toEqual([[expect.stringMatching(/^client secret wrong token request/), "6"]]);
  });

  it("O14: the reasons have their advice, their number and a link to the attempts", async () => {
    const html = await open();
    const reasons = table(html, "Reasons of attempts that did not link");
    expect(reasons.map((row) => [row[0]?.slice(0, 21), ...row.slice(1)])).toEqual([
      ["enablement not linked", "1", "2026-01-14 12:00:00"],
      ["denied by user", "1", "2026-01-13 12:00:00"],
    ]);
    expect(reasons[0]?.[0]).toContain("Alexa took the call but reports no link");
    expect(html).toContain('href="/admin/attempts?reason=enablement_not_linked"');
  });

  it("O14: skill, range and zone are in every link of the page", async () => {
    const query = `skill=${encodeURIComponent(SKILL_ID)}&range=1d&zone=Asia%2FKolkata`;
    const html = await open(`/admin?${query}`);
    const links = [...html.matchAll(/href="(\/admin[^"]*)"/g)].map(([, href = ""]) => href.replaceAll("&amp;", "&"));
    expect(links.length).toBeGreaterThan(7);
    for (const href of links) expect(href).toContain(query);
    // In Kolkata it is 17:30, so the day has 18 hours so far.
    const hours = table(html, "Completions per hour");
    expect(hours).toHaveLength(18);
    expect(hours.slice(-2)).toEqual([
      ["16:00", "0", "1", "0", "0", "0"],
      ["17:00", "1", "0", "0", "0", "0"],
    ]);
    expect(tile(html, "Completions")).toMatch(/^1 no change \(before: 1\)/);
  });

  it("O14: the figures are those of the chosen skill", async () => {
    const html = await open("/admin?skill=another");
    expect(tile(html, "Initiations")).toMatch(/^0 no change/);
    expect(tile(html, "Completion rate")).toMatch(/^none no earlier value/);
    for (const words of [
      "No attempts ended in this range",
      "No attempts started in this range",
      "No refreshes in this range",
    ]) {
      expect(html).toContain(words);
    }
    expect(html).not.toContain('role="img"');
  });

  it.each([
    ["names of properties", "skill=%00&range=constructor&zone=__proto__"],
    ["markup", "skill=%22%3E%3Cscript%3E&range=%22%3E%3Cscript%3E&zone=%22%3E%3Cscript%3E"],
    ["long", `skill=${"x".repeat(2000)}&range=${"9".repeat(2000)}d&zone=${"A".repeat(2000)}`],
    ["repeated", "range=7d&range=1d&zone=UTC&zone=Europe/Berlin&skill=a&skill=b"],
  ])("O14: choices that are %s are shown as text, or get their default", async (_, query) => {
    const html = await open(`/admin?${query}`);
    expect(html).not.toMatch(/<script| style=/);
    expect(html).toContain('<option value="7d" selected="">');
    expect(html).toContain('name="zone" value="UTC"');
    expect(tile(html, "Initiations")).toMatch(/^0 no change/);
  });

  it("O14: empty choices are all skills, 7 days, UTC", async () => {
    expect(tile(await open("/admin?range=&zone=&skill="), "Initiations")).toMatch(/^4 /);
  });

  it("O14: there is no script and no style attribute, and every id is there once", async () => {
    const html = await open();
    expect(html).not.toMatch(/<script| style=| on\w+=/);
    const ids = [...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
  });
});

it("O14: names and ids that others chose are escaped", async () => {
  await seedSkill();
  const evil = '<img src=x onerror="alert(1)">';
  await env.DB.batch([
    env.DB.prepare("UPDATE skills SET name = ?").bind(evil),
    attempt(START, { id: evil, outcome: "failed", reason: evil }),
  ]);
  const html = await open();
  expect(html).not.toContain("<img");
  expect(html).toContain("&lt;img src=x");
  expect(html).toContain(`href="/admin/attempts/${encodeURIComponent(evil)}"`);
});

it("O14: alerts that are open stand first, of the chosen skill, with numbers, remedy and what they counted", async () => {
  await seedSkill();
  await env.DB.batch([
    insert("alerts"),
    insert("alerts", { subject: "another", skillId: "another", message: "Of another skill." }),
    insert("alerts", { name: "token_latency_high", raisedAt: START - DAY_MS, clearedAt: START }),
  ]);
  const ofSkill = `skill=${encodeURIComponent(SKILL_ID)}`;
  const html = await open(`/admin?${ofSkill}`);
  const panels = [...html.matchAll(/<section class="panel[^>]* aria-label="([^"]*)"/g)].map(([, label]) => label);
  expect(panels[0]).toBe("Open alerts");
  const [, list = ""] = /<ul class="alerts">(.*?)<\/ul>/s.exec(html) ?? [];
  const text = textOf(list);
  expect(text).toMatch(/^open refresh failures rose 12 of 40 refreshes failed\. Alexa drops a link/);
  expect(text).toContain("Since 2026-01-15 12:00:00");
  expect(list).toMatch(new RegExp(`href="/admin/[a-z]+\\?${ofSkill}["&]`));
  expect(text).not.toMatch(/another skill|token latency/);
  expect(textOf(await open())).toContain("Of another skill.");
  await env.DB.prepare("UPDATE alerts SET cleared_at = raised_at + 1").run();
  expect(await open()).not.toContain("Open alerts");
});

describe("first steps", () => {
  it("O14: without a skill there is a checklist with the command, and no chart", async () => {
    const html = await open();
    expect(textOf(html)).toContain(
      "A skill is registered open Register it under Skills , or with npm run skill -- add",
    );
    expect(html).not.toMatch(/role="img"|class="tile"/);
  });

  it("O14: what is done is marked, the list is folded after the first link, and gone when all is done", async () => {
    await seedSkill();
    const before = await open();
    expect(textOf(before)).toContain("A skill is registered done");
    expect(before).toContain("<h2>Setup</h2>");
    await linked(START, "ada").run();
    const after = await open();
    expect(textOf(after)).toContain("Setup: 3 of 5 steps left");
    expect(after).not.toContain("<h2>Setup</h2>");
    await env.DB.batch([
      env.DB.prepare("UPDATE skills SET lwa_client_id = 'id', event_client_id = 'id'"),
      env.DB.prepare("UPDATE attempts SET accept_grant = 'accepted'"),
      insert("skillEvents"),
    ]);
    expect(await open()).not.toContain("Setup");
  });
});

it.each([
  ["email=ada%40example.com", "/admin/search?q=ada%40example.com"],
  ["userId=0user%2Fa&zone=Europe%2FBerlin", "/admin/customers/0user%2Fa?zone=Europe%2FBerlin"],
  ["outcome=failed", "/admin/attempts?outcome=failed"],
  ["skillId=amzn1.ask", "/admin/attempts?skill=amzn1.ask"],
  ["outcome=failed&skillId=a%26b", "/admin/attempts?skill=a%26b&outcome=failed"],
  ["email=%0d%0aset-cookie:x", "/admin/search?q=set-cookie%3Ax"],
])("O14: an address of the previous page leads to the page that has the content: %s", async (query, target) => {
  const visitor = await operator(startService());
  const { status, location } = await visitor.get(`/admin?${query}`);
  expect([status, location]).toEqual([303, target]);
});
