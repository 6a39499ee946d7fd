// The console's page /admin/amazon: Amazon's metrics compared with ours, and the developer's token.
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { admin, SKILL_BODY } from "../test/support/admin.ts";
import { jsonResponse } from "../test/support/amazon.ts";
import {
  asked,
  DEVELOPER,
  drive,
  faults,
  figure,
  lines,
  link,
  operator,
  respondWith,
  rowsOf,
  SKILL_ID,
  service,
  startBeside,
  storeToken,
  textOf,
} from "../test/support/console-beside.ts";
import { START } from "../test/support/service.ts";
import type { Page } from "../test/support/visitor.ts";

startBeside();

const SIMULATOR = "http://127.0.0.1:8788";

async function amazonPage(query = ""): Promise<Page> {
  return operator.get(`/admin/amazon${query}`);
}

describe("Amazon's metrics", () => {
  it("stand beside ours, each exact, in Amazon's names and days", async () => {
    await storeToken();
    await link({ scenario: "authorize" });
    await link({ scenario: "authorize", account: "emil" });
    await link({ scenario: "app-to-app", via: "lwa" });
    const page = await amazonPage();
    expect(page.status).toBe(200);
    expect(figure(page, "Initiations EVENTS")).toEqual(["3", "3", "the same"]);
    expect(figure(page, "Completions EVENTS")).toEqual(["3", "3", "the same"]);
    expect(figure(page, "Initiations, Alexa app ALEXA_APP_EVENTS")).toEqual(["2", "2", "the same"]);
    expect(figure(page, "Completions, app-to-app APP_TO_APP_EVENTS")).toEqual(["1", "1", "the same"]);
    expect(figure(page, "Completion rate TOTAL_COMPLETION_RATE")).toEqual(["100.0%", "100.0%", "the same"]);
    expect(figure(page, "Users who enabled")?.[0]).toBe("2");
    // Two Amazon accounts are linked with one customer of ours.
    expect(figure(page, "Users who started linking USERS")).toEqual(["2", "1", "+1: Amazon has more"]);
    expect(figure(page, "Users who completed linking USERS")).toEqual(["2", "1", "+1: Amazon has more"]);
    expect(figure(page, "Initiations per user, Alexa app")).toEqual(["1.00", "2.00", "−1.00: Amazon has fewer"]);
    expect(figure(page, "Initiations per user, app-to-app")).toEqual(["1.00", "1.00", "the same"]);
    expect(textOf(page.html)).toContain("Alexa app and app-to-app: 3 of 11 differ");
    const today = new Date(START).toISOString().slice(0, 10);
    expect(figure(page, today)).toEqual(["3", "3", "3", "3", "the same"]);
    expect(rowsOf(page).filter(([first]) => /^\d{4}-/.test(first ?? ""))).toHaveLength(7);
    // What happened elsewhere is the news.
    await drive("POST", "/simulator/reset", {});
    const later = await amazonPage("?again=1");
    expect(figure(later, "Completions EVENTS")).toEqual(["0", "3", "−3: Amazon has fewer"]);
  });

  it("of users are the same on both sides where each Amazon account is one customer", async () => {
    await storeToken();
    const emil = { email: "emil@example.com", password: "emil-password-1" };
    await admin(service, "POST", "users", { ...emil, name: "Emil" });
    await link({ scenario: "authorize" });
    await link({ scenario: "authorize" });
    await link({ scenario: "authorize", account: "emil", signIn: emil });
    const page = await amazonPage();
    expect(figure(page, "Users who started linking USERS")).toEqual(["2", "2", "the same"]);
    expect(figure(page, "Users who completed linking USERS")).toEqual(["2", "2", "the same"]);
    expect(figure(page, "Users who started linking, Alexa app")).toEqual(["2", "2", "the same"]);
    expect(figure(page, "Initiations per user, Alexa app")).toEqual(["1.50", "1.50", "the same"]);
    expect(textOf(page.html)).toContain("Alexa app and app-to-app: no difference");
    expect(textOf(page.html)).toContain("Completions by day: no difference");
  });

  it("are asked of the skill's stage, in days of UTC whatever zone is chosen, with five questions a request", async () => {
    await storeToken();
    await amazonPage("?zone=Asia/Tokyo&range=30d");
    const bodies = (await Promise.all(asked.map((request) => request.json()))) as {
      startTime: number;
      metricQueries: { name: string; dimensions: unknown }[];
    }[];
    expect(bodies.map(({ metricQueries }) => metricQueries.length)).toEqual([5, 5, 2]);
    for (const { startTime, metricQueries } of bodies) {
      expect(startTime % 86_400_000).toBe(0);
      expect(metricQueries[0]?.dimensions).toEqual([{ name: "Alexa.Stage", value: "development" }]);
    }
    expect(asked.every((request) => request.url.startsWith(`${SIMULATOR}/v2/skills/`))).toBe(true);
  });

  it.each([
    ["429", { metrics: 429 }, "throttling requests (429)"],
    ["403", { metrics: 403 }, "does not allow this (403)"],
    ["404", { metrics: 404 }, "does not know this skill (404)"],
    ["401", { metrics: 401 }, "rejected the access token (401)"],
    [
      "400 with Amazon's words",
      { metrics: { status: 400, body: { message: "<b>no</b>" } } },
      "Amazon says: &lt;b&gt;no",
    ],
    ["500", { metrics: 500 }, "did not respond, or responded with a server error"],
    ["a redirect", { metrics: "redirect" }, "redirected"],
    ["a web page", { metrics: { mode: "html", status: 200 } }, "does not have the expected format"],
    ["another form", { metricsMalformed: true }, "does not have the expected format"],
  ])("are not shown after %s, and the page says why", async (_, fault, said) => {
    await storeToken();
    await faults(fault);
    const page = await amazonPage();
    expect([page.status, page.html]).toEqual([200, expect.stringContaining(said)]);
    expect(figure(page, "Completions EVENTS")).toBeUndefined();
  });

  it("are not asked for without a token, and a refused one is not presented again by a reload", async () => {
    expect((await amazonPage()).html).toContain("No developer token is stored");
    await storeToken({ clientSecret: "another" });
    const page = await amazonPage();
    expect(textOf(page.html)).toContain("refused the developer token");
    const before = await drive("GET", "/simulator/exchanges");
    await amazonPage();
    expect(await drive("GET", "/simulator/exchanges")).toEqual(before);
    await storeToken();
    await faults({}, { lwaResponse: { error: "invalid_grant", times: 1 } });
    await amazonPage();
    expect(textOf((await amazonPage()).html)).toContain("(invalid_grant). It stays stored");
    expect(figure(await amazonPage("?again=1"), "Completions EVENTS")).toEqual(["0", "0", "the same"]);
  });

  it("missing numbers are no zeros", async () => {
    await storeToken();
    respondWith(() => jsonResponse({ results: [] }));
    const page = await amazonPage();
    expect(page.html).toContain("Amazon returned no metrics for this range.");
    expect(figure(page, "Completions EVENTS")).toEqual(["no value", "0", "Amazon has no value"]);
  });

  it("one figure for initiations and completions is compared with both of ours", async () => {
    await storeToken();
    await link({ scenario: "authorize" });
    const data = [{ values: [2] }];
    respondWith(() =>
      jsonResponse({
        results: [
          { id: "EVENTS", data },
          { id: "TOTAL_COMPLETION_RATE", data: [{ values: [50] }] },
        ],
      }),
    );
    const page = await amazonPage();
    expect(figure(page, "Initiations, together with those completed (one value) EVENTS")).toEqual([
      "2",
      "2",
      "the same",
    ]);
    expect(figure(page, "Completion rate TOTAL")).toEqual(["50.0%", "100.0%", "−50.0 points: Amazon has fewer"]);
  });

  it.each([
    ["numbers of other types", { results: [{ id: "EVENTS", data: [{ values: ["<b>9</b>", null, -1, {}] }] }] }],
    [
      "groups with markup",
      { results: [{ id: "EVENTS", data: [{ values: [9], groupedBy: { groupedByValue: "<i>x</i>" } }] }] },
    ],
    [
      "data that is no list",
      {
        results: [
          { id: "EVENTS", data: { values: [9] } },
          { id: "USERS", data: [] },
        ],
      },
    ],
    ["ids of other types", { results: [{ id: { a: 1 }, data: [{ values: [9] }] }] }],
    ["null", null],
    ["a list", [1, 2]],
    ["two values for the whole range", { results: [{ id: "EVENTS", data: [{ values: [4, 5] }] }] }],
  ])("hostile responses are not shown: %s", async (_, body) => {
    await storeToken();
    respondWith(() => jsonResponse(body));
    const page = await amazonPage();
    expect(page.status).toBe(200);
    expect(page.html).not.toMatch(/<b>9|<i>x/);
    expect(rowsOf(page).some((cells) => cells[1] === "9")).toBe(false);
  });

  it("a response that is too large is none", async () => {
    await storeToken();
    respondWith(() => new Response(`{"results":[${"1,".repeat(300_000)}1]}`));
    expect((await amazonPage()).html).toContain("too large");
  });

  it("with several skills one has to be chosen", async () => {
    await storeToken();
    await admin(service, "POST", "skills", { ...SKILL_BODY, name: "<b>Other</b>" });
    const page = await amazonPage();
    expect(page.html).toContain("Choose one");
    expect(page.html).toContain("&lt;b&gt;Other");
    expect(asked).toEqual([]);
    expect((await amazonPage(`?skill=${SKILL_ID}`)).html).toContain("Acme Home compared with ours");
  });
});

describe("the developer's token", () => {
  it("is stored and deleted on the page, in the operator's name, and never shown", async () => {
    const page = await amazonPage();
    const stored = await operator.post("/admin/amazon/token", { ...page.hidden("/admin/amazon/token"), ...DEVELOPER });
    expect([stored.status, stored.location]).toEqual([303, "/admin/amazon"]);
    const shown = await amazonPage();
    expect(textOf(shown.html)).toContain("Login with Amazon accepted it");
    for (const text of [shown.html, ...lines]) {
      expect(text).not.toContain(DEVELOPER.clientSecret);
      expect(text).not.toContain(DEVELOPER.refreshToken);
      expect(text).not.toContain("Atza|");
    }
    const path = "/admin/amazon/token/delete";
    const question = await operator.post(path, shown.hidden(path));
    expect(question.html).toContain("Delete the developer token?");
    expect((await operator.post(path, question.hidden(path))).status).toBe(303);
    expect((await amazonPage()).html).toContain("No developer token is stored");
    const { results } = await env.DB.prepare(
      "SELECT kind, actor FROM audit WHERE kind LIKE 'developer%' ORDER BY id",
    ).all();
    expect(results).toEqual([
      { kind: "developer_token_stored", actor: "ADMIN_TOKEN" },
      { kind: "developer_token_deleted", actor: "ADMIN_TOKEN" },
    ]);
  });

  it("is refused with what is wrong, and without the values", async () => {
    const page = await amazonPage();
    const path = "/admin/amazon/token";
    const refused = await operator.post(path, {
      ...page.hidden(path),
      ...DEVELOPER,
      refreshToken: "Atza|an-access-token",
    });
    expect([refused.status, textOf(refused.html)]).toEqual([400, expect.stringContaining("not an access token")]);
    expect(refused.html).not.toContain(DEVELOPER.clientSecret);
    expect((await operator.post(path, DEVELOPER)).status).toBe(403);
  });
});
