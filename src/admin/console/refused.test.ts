// The list of refused requests: where, whose, why, how often, when, and what to do.
import { env } from "cloudflare:workers";
import { parse } from "node-html-parser";
import { expect, it } from "vitest";
import { ALEXA_CLIENT, USER_ID } from "../../../test/support/constants.ts";
import { operator } from "../../../test/support/operator.ts";
import { insert } from "../../../test/support/rows.ts";
import { seedSkill, seedUser } from "../../../test/support/seeds.ts";
import { START, startService } from "../../../test/support/service.ts";

const DAY = 86_400_000;

async function seed(): Promise<void> {
  await seedSkill();
  await seedUser();
  const uri = "https://pitangui.amazon.com/api/skill/link/M0OTHER\u200b";
  const refused = { clientId: ALEXA_CLIENT, lastSeenAt: START, count: 3 };
  await env.DB.batch([
    insert("grants", { id: "grant-1" }),
    insert("refusals", { ...refused, endpoint: "authorize", reason: "redirect_uri_unregistered", detail: uri }),
    insert("refusals", {
      ...refused,
      endpoint: "token",
      reason: "grant_idle",
      detail: "grant-1",
      lastSeenAt: START + 1,
    }),
    insert("refusals", { ...refused, endpoint: "token", reason: "invalid_client", clientId: "<b>", detail: "" }),
    insert("refusals", { ...refused, endpoint: "events", reason: "skill_unknown", lastSeenAt: START - 9 * DAY }),
  ]);
}

function rowsOf(html: string): string[] {
  return parse(html)
    .querySelectorAll("#refusals > li")
    .map(({ structuredText }) => structuredText.replace(/\s+/g, " "));
}

it("shows the exact redirect URI, the remedy, the count, and the customer of a refused refresh", async () => {
  await seed();
  const service = startService();
  service.clock.advance(60_000);
  const browser = await operator(service);
  const { html, status } = await browser.get("/admin/refused");
  expect([status, rowsOf(html).length]).toEqual([200, 3]);
  expect(html).toContain("https://pitangui.amazon.com/api/skill/link/M0OTHER\\u{200b}");
  expect(html).not.toContain("<b>&lt;b&gt;</b>");
  const today = rowsOf((await browser.get("/admin/refused?endpoint=token&range=1d")).html);
  expect(today).toHaveLength(2);
  expect(today[0]).toContain("grant idle");
  expect(today[0]).toContain("3 times");
  expect(html).toContain(`href="/admin/customers/${USER_ID}"`);
  expect(rowsOf((await browser.get("/admin/refused?reason=skill_unknown&range=30d")).html)).toHaveLength(1);
  expect(rowsOf((await browser.get("/admin/refused?client=%3Cb%3E")).html)).toHaveLength(1);
  await insert("refusals", { endpoint: "accept_grant", reason: "code_rejected", detail: "grant-1" }).run();
  const ofAcceptGrant = await browser.get("/admin/refused?endpoint=accept_grant&range=30d");
  expect(ofAcceptGrant.html).toContain(`href="/admin/customers/${USER_ID}?range=30d"`);
});

it("leads from a refused token request to probably from this attempt", async () => {
  await seed();
  const attempt = { clientId: ALEXA_CLIENT, decision: "allow", createdAt: START, decidedAt: START } as const;
  await env.DB.batch([
    insert("attempts", { id: "attempt-1", ...attempt }),
    insert("refusals", { endpoint: "token", clientId: ALEXA_CLIENT, reason: "invalid_client", lastSeenAt: START + 1 }),
  ]);
  const service = startService();
  service.clock.advance(60_000);
  const browser = await operator(service);
  const links = async (query: string) =>
    (await browser.get(`/admin/refused${query}`)).html.match(/href="\/admin\/attempts\/[^"]+"/g) ?? [];
  expect(await links(`?endpoint=token&client=${ALEXA_CLIENT}`)).toEqual([expect.stringContaining("attempt-1")]);
  // A refresh names its grant, an unknown client has no attempts, and other endpoints redeem no code.
  expect(await links("?reason=grant_idle")).toEqual([]);
  expect(await links("?client=%3Cb%3E")).toEqual([]);
  expect(await links("?endpoint=authorize")).toEqual([]);
});

it("wrong values of the address choose nothing", async () => {
  await seed();
  const service = startService();
  service.clock.advance(60_000);
  const browser = await operator(service);
  for (const query of ["endpoint=nowhere", "cursor=e30", `reason=${"x".repeat(300)}`, "client=", "skill="]) {
    const { html, status } = await browser.get(`/admin/refused?${query}`);
    expect([query, status, rowsOf(html).length]).toEqual([query, 200, 3]);
  }
});
