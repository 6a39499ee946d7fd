// The lists of links and of the audit: who stopped refreshing, what ends soon, what ended and why, who did it.
import { env } from "cloudflare:workers";
import { parse } from "node-html-parser";
import { expect, it } from "vitest";
import { admin } from "../../../test/support/admin.ts";
import { ALEXA_CLIENT, SKILL_ID, USER_ID } from "../../../test/support/constants.ts";
import { operator } from "../../../test/support/operator.ts";
import { plansOf, queryPlan } from "../../../test/support/query-plan.ts";
import { insert } from "../../../test/support/rows.ts";
import { seedSkill, seedUser } from "../../../test/support/seeds.ts";
import { START, startService } from "../../../test/support/service.ts";
import { LINK_STATES, listLinks } from "../../storage/grants/link-lists.ts";
import { auditListStatement } from "../../storage/maintenance/audit-list.ts";

const DAY = 86_400_000;
type Grant = NonNullable<Parameters<typeof insert<"grants">>[1]>;

/** A grant that was last used `unusedDays` ago. */
function grant(id: string, unusedDays: number, more: Grant = {}): D1PreparedStatement {
  const lastUsedAt = START - unusedDays * DAY;
  const fixed = { id, skillId: SKILL_ID, clientId: ALEXA_CLIENT, userId: USER_ID, createdAt: lastUsedAt - DAY };
  return insert("grants", { ...fixed, lastUsedAt, idleExpiresAt: lastUsedAt + 400 * DAY, ...more });
}

async function seed(...rows: readonly D1PreparedStatement[]): Promise<void> {
  await seedSkill();
  await seedUser();
  if (rows.length > 0) await env.DB.batch([...rows]);
}

function idsOf(html: string, list = "links"): string[] {
  return parse(html)
    .querySelectorAll(`#${list} > li`)
    .map(({ id }) => id.slice(id.indexOf("-") + 1));
}

it("shows who stopped refreshing and since when, and what is about to end, with the customer", async () => {
  await seed(
    grant("fresh", 0),
    grant("quiet", 5),
    grant("test-link", 80),
    grant("idle", 380),
    grant("gone", 401),
    grant("revoked", 10, { revokedAt: START - DAY, revokedReason: "unlinked" }),
    grant("login", 5, { skillId: null, expiresAt: START + 3 * DAY }),
    grant("long-login", 0, { skillId: null, expiresAt: START + 30 * DAY }),
  );
  const browser = await operator(startService());
  const list = async (query: string) => idsOf((await browser.get(`/admin/links?${query}`)).html);
  expect(await list("")).toEqual(["quiet", "test-link", "idle"]);
  expect(await list("days=30")).toEqual(["test-link", "idle"]);
  expect(await list("state=development")).toEqual(["idle", "test-link"]);
  expect(await list("state=idle")).toEqual(["idle"]);
  expect(await list("state=logins")).toEqual(["login"]);
  expect(await list("state=ended")).toEqual(["revoked"]);
  await env.DB.prepare("UPDATE skills SET stage = 'live'").run();
  expect(await list("state=development")).toEqual([]);
  const { html } = await browser.get("/admin/links");
  const row = parse(html).querySelector("#link-quiet");
  expect(row?.structuredText).toContain("no refresh for 5 days");
  expect(row?.querySelector("a")?.text.trim()).toBe("ada@example.com");
  expect(row?.querySelector("a")?.getAttribute("href")).toBe(`/admin/customers/${USER_ID}`);
  expect(row?.querySelectorAll("time").at(-1)?.getAttribute("datetime")).toBe(new Date(START - 5 * DAY).toISOString());
  const counts = parse(html)
    .querySelectorAll(".tile strong")
    .map(({ text }) => text);
  expect(counts).toEqual(["3", "0", "1", "1", "1"]);
  expect(await list("skill=another")).toEqual([]);
});

it("shows which links ended, by whom and why, imported ones too, by reason, each once", async () => {
  const ended = Array.from({ length: 60 }, (_, i) =>
    grant(`ended-${String(i).padStart(2, "0")}`, 1, {
      revokedAt: START - Math.floor(i / 2) * 1000,
      revokedReason: i === 7 ? "ended_by_operator" : "skill_disabled",
      ...(i % 3 === 0 ? { importedAt: START - 9 * DAY, refreshHash: `hash-${i}` } : {}),
    }),
  );
  await seed(...ended, grant("before", 1, { revokedAt: START - 8 * DAY, revokedReason: "idle" }));
  const browser = await operator(startService());
  const first = (await browser.get("/admin/links?state=ended")).html;
  const next = parse(first).querySelector("a[data-older]")?.getAttribute("href")?.replaceAll("&amp;", "&") ?? "";
  const second = (await browser.get(next)).html;
  const seen = [...idsOf(first), ...idsOf(second)];
  expect([idsOf(first).length, idsOf(second).length, new Set(seen).size]).toEqual([50, 10, 60]);
  const one = (await browser.get("/admin/links?state=ended&reason=ended_by_operator")).html;
  expect(idsOf(one)).toEqual(["ended-07"]);
  expect(parse(one).querySelector("#link-ended-07")?.structuredText).toContain("By an operator");
  expect(parse(first).querySelector("#link-ended-00")?.structuredText).toContain("skill disabled");
});

it("wrong and hostile values of the address choose nothing", async () => {
  await seed(grant("quiet", 5));
  const browser = await operator(startService());
  for (const query of ["state=all", "days=-1", "days=1e9", "state=__proto__", "cursor=e30", "reason=<script>"]) {
    const { html, status } = await browser.get(`/admin/links?${query}`);
    expect([query, status, idsOf(html)]).toEqual([query, 200, ["quiet"]]);
  }
  const { html } = await browser.get("/admin/links?state=ended&reason=%3Cscript%3Ealert(1)");
  expect(html).not.toContain("<script>alert");
});

it("F4: each list of links is a range of an index, in its order", async () => {
  const query = { now: START, idleDays: 400, days: 3, from: START - DAY, to: START, skillId: "s", reason: "idle" };
  for (const state of LINK_STATES) {
    for (const after of [undefined, { at: START, id: "x" }]) {
      const [plan] = await plansOf((db) => listLinks(db, state, query, after, 51));
      expect([state, plan]).toEqual([state, expect.stringMatching(/SEARCH grants USING INDEX (grants_by_|ended_)/)]);
      expect([state, plan]).toEqual([state, expect.not.stringMatching(/TEMP B-TREE|SCAN grants/)]);
    }
  }
});

it("the audit is filtered by kind, alert, user, client, actor and range, and says who did it", async () => {
  const service = startService();
  await seed();
  const rows: readonly (readonly [string, number, number, string | null, string | null])[] = [
    ["code_replayed", START, 1, "user-1", "client-1"],
    ["grant_revoked", START, 0, "user-2", "client-1"],
    ["code_replayed", START - 20 * DAY, 1, "user-1", "client-1"],
  ];
  await env.DB.batch(
    rows
      .toSorted((a, b) => a[1] - b[1])
      .map((row) =>
        env.DB.prepare("INSERT INTO audit (at, kind, alert, user_id, client_id) VALUES (?, ?, ?, ?, ?)").bind(
          row[1],
          row[0],
          ...row.slice(2),
        ),
      ),
  );
  await admin(service, "POST", "keys/rotate");
  const browser = await operator(service);
  const texts = async (query: string) => {
    const { html } = await browser.get(`/admin/audit?${query}`);
    return parse(html)
      .querySelectorAll("#audit > li strong")
      .map(({ text }) => text);
  };
  expect(await texts("kind=code_replayed")).toEqual(["code replayed"]);
  expect(await texts("alert=true&client=client-1")).toEqual(["code replayed"]);
  expect(await texts("user=user-2")).toEqual(["grant revoked"]);
  expect(await texts("client=client-1")).toEqual(["grant revoked", "code replayed"]);
  expect(await texts("user=nobody")).toEqual([]);
  const byActor = await browser.get("/admin/audit?actor=ADMIN_TOKEN");
  expect(byActor.html).toContain("by <a");
  expect(await texts(`kind=${"x".repeat(300)}&client=client-1`)).toHaveLength(2);
});

it("F4: the audit's filters read no further back than the range", async () => {
  for (const filter of [{}, { kind: "k" }, { clientId: "c" }, { actor: "a" }, { userId: "u" }, { alertsOnly: true }]) {
    const plan = await queryPlan(auditListStatement({ ...filter, from: START }, 5, 51));
    expect([filter, plan]).toEqual([filter, expect.stringMatching(/SEARCH audit USING .*(rowid|id)>\?/)]);
    expect(plan).toContain("SEARCH audit USING COVERING INDEX audit_by_time (at>?)");
    expect(plan).not.toContain("TEMP B-TREE");
  }
});
