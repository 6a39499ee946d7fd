// The list of attempts: filters in the address, open ones apart, "load older", and what the page's script gets.
import { env } from "cloudflare:workers";
import { parse } from "node-html-parser";
import { expect, it } from "vitest";
import { operator } from "../../../test/support/operator.ts";
import { insert } from "../../../test/support/rows.ts";
import { seedSkill } from "../../../test/support/seeds.ts";
import { START, startService } from "../../../test/support/service.ts";

type Row = NonNullable<Parameters<typeof insert<"attempts">>[1]>;

async function seed(...rows: readonly Row[]): Promise<void> {
  await env.DB.batch(rows.map((row) => insert("attempts", row)));
}

/** The ids of a list's rows, in order. */
function idsOf(html: string, list = "attempts"): string[] {
  return parse(html)
    .querySelectorAll(`#${list} > li`)
    .map(({ id }) => id.slice("attempt-".length));
}

it("shows outcome, skill, flow, platform, reason in words, advice, and the time in the zone, newest first", async () => {
  await seedSkill();
  await seed(
    { id: "older", outcome: "linked", skillId: "amzn1.ask.skill.test", createdAt: START - 60_000 },
    { id: "newer", outcome: "failed", reason: "code_expired", flow: "website", platform: "web", createdAt: START },
  );
  const browser = await operator(startService());
  const { html, status } = await browser.get("/admin/attempts?zone=Asia/Tokyo");
  expect([status, idsOf(html)]).toEqual([200, ["newer", "older"]]);
  const text = parse(html).querySelector("#attempt-newer")?.structuredText ?? "";
  for (const part of ["failed", "from your website", "web", "code expired", "CODE_TTL_SECONDS"]) {
    expect(text).toContain(part);
  }
  const time = parse(html).querySelector("#attempt-newer time");
  expect(time?.getAttribute("datetime")).toBe(new Date(START).toISOString());
  expect(time?.text).toBe(new Date(START + 9 * 3_600_000).toISOString().slice(0, 19).replace("T", " "));
  expect(parse(html).querySelector("#attempt-newer a")?.getAttribute("href")).toBe(
    "/admin/attempts/newer?zone=Asia%2FTokyo",
  );
});

it("filters by reason, outcome, flow, platform, skill and range, combined, and keeps them in its links", async () => {
  const failed = { outcome: "failed", reason: "code_expired", createdAt: START } as const;
  await seed(
    { ...failed, id: "all", flow: "app_to_app", platform: "ios", skillId: "skill-a" },
    { ...failed, id: "skill", flow: "app_to_app", platform: "ios", skillId: "skill-b" },
    { ...failed, id: "flow", flow: "website", platform: "ios", skillId: "skill-a" },
    { ...failed, id: "platform", flow: "app_to_app", platform: "android", skillId: "skill-a" },
    { ...failed, id: "reason", flow: "app_to_app", platform: "ios", skillId: "skill-a", reason: "pkce_missing" },
    { ...failed, id: "outcome", flow: "app_to_app", platform: "ios", skillId: "skill-a", outcome: "cancelled" },
    {
      ...failed,
      id: "old",
      flow: "app_to_app",
      platform: "ios",
      skillId: "skill-a",
      createdAt: START - 8 * 86_400_000,
    },
  );
  const browser = await operator(startService());
  const filters = { outcome: "failed", reason: "code_expired", flow: "app_to_app", platform: "ios", skill: "skill-a" };
  const { html } = await browser.get(`/admin/attempts?${new URLSearchParams(filters)}`);
  expect(idsOf(html)).toEqual(["all"]);
  for (const name of Object.keys(filters)) {
    const others = Object.entries(filters).filter(([one]) => one !== name);
    const without = await browser.get(`/admin/attempts?${new URLSearchParams(others)}`);
    expect([name, idsOf(without.html).sort()]).toEqual([name, ["all", name].sort()]);
  }
  const wider = await browser.get(`/admin/attempts?${new URLSearchParams({ ...filters, range: "30d" })}`);
  expect(idsOf(wider.html)).toEqual(["all", "old"]);
  // The choice of skill, range and zone keeps the filters; a filter keeps the choice.
  const hidden = parse(html)
    .querySelectorAll("form.chooser input[type=hidden]")
    .map((input) => `${input.getAttribute("name")}=${input.getAttribute("value")}`);
  for (const field of ["outcome=failed", "reason=code_expired", "flow=app_to_app", "platform=ios", "skill=skill-a"]) {
    expect(hidden).toContain(field);
  }
  expect(parse(html).querySelector("a[href*='outcome=linked']")?.getAttribute("href")).toBe(
    "/admin/attempts?skill=skill-a&outcome=linked&reason=code_expired&flow=app_to_app&platform=ios",
  );
});

it("open attempts are in a folded group of their own, with their number", async () => {
  await seed({ id: "open", outcome: "pending" }, { id: "ended", outcome: "linked" });
  const browser = await operator(startService());
  const { html } = await browser.get("/admin/attempts");
  expect([idsOf(html, "open"), idsOf(html)]).toEqual([["open"], ["ended"]]);
  expect(parse(html).querySelector("details.folded[open]")).toBeNull();
  expect(parse(html).querySelector("#open-count")?.text).toBe("1");
  const pending = await browser.get("/admin/attempts?outcome=pending");
  expect(idsOf(pending.html)).toEqual(["open"]);
  expect(parse(pending.html).querySelector("#open")).toBeNull();
});

it("a link loads older attempts, each once, with the filters", async () => {
  const rows = Array.from({ length: 120 }, (_, i) => ({
    id: `attempt-${String(i).padStart(3, "0")}`,
    outcome: "failed" as const,
    // Pairs have the same time, so that the id decides the order.
    createdAt: START - Math.floor(i / 2) * 1000,
  }));
  await seed(...rows);
  const browser = await operator(startService());
  const seen: string[][] = [];
  let path: string | undefined = "/admin/attempts?outcome=failed&range=30d";
  while (path !== undefined) {
    const { html } = await browser.get(path);
    seen.push(idsOf(html));
    path = parse(html).querySelector("a[data-older=attempts]")?.getAttribute("href")?.replaceAll("&amp;", "&");
    if (path !== undefined) expect(path).toMatch(/^\/admin\/attempts\?range=30d&outcome=failed&cursor=/);
  }
  expect(seen.map(({ length }) => length)).toEqual([50, 50, 20]);
  expect(new Set(seen.flat()).size).toBe(120);
});

it("wrong, repeated and oversized values filter nothing, and hostile ones are escaped", async () => {
  await seed({ id: "one", outcome: "failed", reason: "code_expired" });
  const browser = await operator(startService());
  for (const query of [
    "outcome=happy",
    "flow=<script>",
    "platform=%00",
    "cursor=!!",
    "cursor=e30",
    `cursor=${"x".repeat(9000)}`,
    `reason=${"x".repeat(256)}`,
    "reason=",
    "outcome=failed&outcome=linked",
  ]) {
    const { html, status } = await browser.get(`/admin/attempts?${query}`);
    expect([query, status, idsOf(html)]).toEqual([query, 200, ["one"]]);
  }
  const hostile = await browser.get(`/admin/attempts?reason=${encodeURIComponent('"><script>alert(1)</script>')}`);
  expect(idsOf(hostile.html)).toEqual([]);
  expect(hostile.html).toContain("No attempts match these filters.");
  expect(hostile.html).not.toContain("<script>alert");
});

it("the script may call this server only, gets the lists alone, and a sign-in page without the session", async () => {
  await seed({ id: "one", outcome: "failed" });
  const service = startService();
  const browser = await operator(service);
  const page = await browser.get("/admin/attempts");
  const policy = page.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'; ");
  expect(policy).toContain("script-src 'self'; connect-src 'self';");
  expect(parse(page.html).querySelectorAll("script").map(String)).toEqual([
    '<script type="module" src="/admin/live.js"></script>',
  ]);
  const fragment = await browser.send("/admin/attempts", { headers: { "x-fragment": "lists" } });
  expect(fragment.headers.get("x-fragment")).toBe("lists");
  expect(fragment.headers.get("cache-control")).toContain("no-store");
  expect(fragment.html).not.toMatch(/<html|<script|<form/);
  expect(idsOf(fragment.html)).toEqual(["one"]);
  const stranger = await service.request("/admin/attempts", { headers: { "x-fragment": "lists" } });
  expect(stranger.headers.get("x-fragment")).toBeNull();
  expect(await stranger.text()).toContain('name="token"');
  const script = await service.request("/admin/live.js");
  expect([script.status, script.headers.get("content-type")]).toEqual([200, "text/javascript; charset=UTF-8"]);
  expect(script.headers.get("x-content-type-options")).toBe("nosniff");
});

it("the overview has no script, and its policy allows none", async () => {
  const { html, headers } = await (await operator(startService())).get("/admin");
  expect(html).not.toContain("<script");
  expect(headers.get("content-security-policy")).not.toMatch(/script-src|connect-src/);
});

it("a fragment costs three reads beside the check of the session", async () => {
  const service = startService();
  const browser = await operator(service);
  service.meter.clear();
  await browser.send("/admin/attempts", { headers: { "x-fragment": "lists" } });
  expect(service.meter.roundTrips.length).toBeLessThanOrEqual(4);
});
