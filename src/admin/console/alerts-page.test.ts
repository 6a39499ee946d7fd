// The page of alerts: open and cleared ones, single events, what each leads to, in the chosen zone.
import { env } from "cloudflare:workers";
import { type HTMLElement, parse } from "node-html-parser";
import { describe, expect, it } from "vitest";
import { operator } from "../../../test/support/operator.ts";
import { insert } from "../../../test/support/rows.ts";
import { ALEXA_CLIENT, SKILL_ID, seedSkill } from "../../../test/support/seeds.ts";
import { START, startService } from "../../../test/support/service.ts";
import { REMEDIES } from "../../linking/remedy-texts.ts";
import { alertRules } from "../alert-rules.ts";

const HOUR = 3_600_000;
const EMPTY = "No open alerts. Alerts are raised and cleared by the scheduled maintenance, every five minutes.";

async function alertsPage(query = ""): Promise<HTMLElement> {
  const service = startService();
  service.clock.advance(HOUR);
  const { status, html } = await (await operator(service)).get(`/admin/alerts${query}`);
  expect(status).toBe(200);
  return parse(html);
}

const textOf = (element: HTMLElement | null) => element?.structuredText.replace(/\s+/g, " ").trim();
const hrefs = (page: HTMLElement, part: string) =>
  page.querySelectorAll(`${part} a`).map((link) => link.getAttribute("href")?.replaceAll("&amp;", "&"));

describe("the page of alerts", () => {
  it("says that there is nothing", async () => {
    const page = await alertsPage();
    expect(textOf(page.querySelector("#open"))).toContain(EMPTY);
    expect(textOf(page.querySelector("#cleared"))).toContain("None.");
    expect(textOf(page.querySelector("#events"))).toContain("None.");
    expect(page.querySelectorAll("script")).toEqual([]);
  });

  it("shows an open one with its numbers, since when in the zone, its remedy, and the list that shows it", async () => {
    await seedSkill();
    await insert("alerts", { raisedAt: START }).run();
    const page = await alertsPage("?zone=Asia/Tokyo");
    const open = textOf(page.querySelector("#open"));
    const inTokyo = new Date(START + 9 * HOUR).toISOString().slice(0, 19).replace("T", " ");
    for (const words of [
      "refresh failures rose",
      "12 of 40 refreshes failed.",
      `Since ${inTokyo}`,
      "Alexa drops a link",
    ]) {
      expect(open).toContain(words);
    }
    expect(hrefs(page, "#open")).toEqual([
      `/admin/refused?${new URLSearchParams({ skill: SKILL_ID, zone: "Asia/Tokyo", endpoint: "token" })}`,
    ]);
    expect(open).not.toContain(EMPTY);
  });

  it("moves it to the cleared ones of the range", async () => {
    await env.DB.batch([
      insert("alerts", { raisedAt: START - HOUR, clearedAt: START }),
      insert("alerts", { raisedAt: START - 72 * HOUR, clearedAt: START - 71 * HOUR, message: "Of long ago." }),
    ]);
    const today = await alertsPage("?range=1d");
    expect(textOf(today.querySelector("#open"))).toContain(EMPTY);
    expect(textOf(today.querySelector("#cleared"))).toContain("12 of 40 refreshes failed.");
    expect(textOf(today.querySelector("#cleared"))).not.toContain("Of long ago.");
    expect(textOf((await alertsPage()).querySelector("#cleared"))).toContain("Of long ago.");
  });

  it("shows those of the chosen skill and of the server, and leads to the requests of the client", async () => {
    await seedSkill();
    const ofClient = { name: "invalid_client_burst", subject: ALEXA_CLIENT, clientId: ALEXA_CLIENT };
    await env.DB.batch([
      insert("alerts", { ...ofClient, message: "Of the client." }),
      insert("alerts", { name: "token_latency_high", subject: "", skillId: null, message: "Of the server." }),
      insert("alerts", { name: "completion_rate_fell", subject: "other", skillId: "other", message: "Of another." }),
    ]);
    const page = await alertsPage(`?skill=${SKILL_ID}`);
    const open = textOf(page.querySelector("#open"));
    expect([open?.includes("Of the client."), open?.includes("Of the server.")]).toEqual([true, true]);
    expect(open).not.toContain("Of another.");
    expect(hrefs(page, "#open")).toContain(
      `/admin/refused?${new URLSearchParams({ skill: SKILL_ID, endpoint: "token", client: ALEXA_CLIENT })}`,
    );
    expect(hrefs(await alertsPage(), "#open")).toContain("/admin?skill=other");
  });

  it("shows single events with their remedy, and what they concern", async () => {
    await env.DB.batch(
      [
        ["code_replayed", "ada", "a/1", "<i>twice</i>"],
        ["alert_raised", null, null, "An alert's own row."],
      ].map((values) =>
        env.DB.prepare(
          `INSERT INTO audit (at, kind, alert, user_id, attempt_id, details) VALUES (${START}, ?, 1, ?, ?, ?)`,
        ).bind(...values),
      ),
    );
    const page = await alertsPage();
    const events = textOf(page.querySelector("#events"));
    for (const words of ["code replayed", "presented a code again", "<i>twice</i>"]) expect(events).toContain(words);
    expect(page.querySelectorAll("#events i")).toEqual([]);
    expect(events).not.toContain("An alert's own row.");
    expect(hrefs(page, "#events")).toEqual(["/admin/attempts/a%2F1", "/admin/customers/ada"]);
  });

  it("shows a skill id and a message with markup as text", async () => {
    const hostile = '"><script>alert(1)</script>';
    await insert("alerts", { subject: hostile, skillId: hostile, message: `Skill ${hostile}: 12 of 40.` }).run();
    const page = await alertsPage();
    expect(page.querySelectorAll("script")).toEqual([]);
    expect(page.querySelector("#open")?.innerHTML).toContain("&lt;script&gt;alert(1)&lt;/script&gt;: 12 of 40.");
    expect(hrefs(page, "#open")[0]).toBe(
      `/admin/refused?${new URLSearchParams({ skill: hostile, endpoint: "token" })}`,
    );
  });
});

it("each alert has a remedy of its own", () => {
  const names = [...alertRules().map(({ name }) => name), "completion_rate_fell"];
  expect(names.filter((name) => !REMEDIES[name])).toEqual([]);
});
