// GET /api/admin/metrics: parameters, periods, CSV, and how the rows are found.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { directive, SERVICE_BASIC, seedGatewayCredentials, startLwa } from "../../test/support/gateway.ts";
import { link, startAndApprove, startLinkingWorld } from "../../test/support/linking.ts";
import { linkingOf, metricsOf } from "../../test/support/metrics.ts";
import { plansOf } from "../../test/support/query-plan.ts";
import { SKILL_ID, seedEveryone } from "../../test/support/seeds.ts";
import { ADMIN_TOKEN, type Service, startService } from "../../test/support/service.ts";
import { linkAlexa } from "../../test/support/tokens.ts";
import { readActivation } from "../storage/maintenance/activation.ts";

const NONE = [0, 0, 0, 0];

afterEach(() => vi.restoreAllMocks());

it.each([
  "period=week",
  "groupBy=user",
  "groupBy=skill&groupBy=skill",
  "format=xml",
  "stage=production",
  "locale=' OR 1=1 --",
  "platform=windows",
  "flow=oauth",
  "from=yesterday",
  "from=2026-13-45",
  "from=2026-01-10&to=2026-01-09",
  "period=hour&from=2025-01-01&to=2026-01-01",
  "from=1900-01-01",
  `skillId=${"x".repeat(256)}`,
  "limit=5",
])("%s is 400", async (query) => {
  const response = await admin(startService(), "GET", `metrics?${query}`);
  expect([response.status, response.body.code]).toEqual([400, "invalid_query"]);
});

it("an unknown skill is 404", async () => {
  const response = await admin(startService(), "GET", "metrics?skillId=' OR 1=1 --");
  expect([response.status, response.body.code]).toEqual([404, "skill_not_found"]);
});

it("periods without data are included, and the range is the one that was asked for", async () => {
  const range = "period=hour&from=2026-01-15T10:30:00Z&to=2026-01-15T13:15:00Z";
  const { from, to, items } = await metricsOf(startService(), range);
  expect([from, to]).toEqual(["2026-01-15T10:30:00.000Z", "2026-01-15T13:15:00.000Z"]);
  expect(items.map((item) => [item.from.slice(11, 16), item.to.slice(11, 16)])).toEqual([
    ["10:30", "11:00"],
    ["11:00", "12:00"],
    ["12:00", "13:00"],
    ["13:00", "13:15"],
  ]);
  expect(items.map(linkingOf)).toEqual(items.map(() => [NONE, NONE, NONE]));
});

describe("attempts that start in the company's app", () => {
  it("count as app-to-app when Alexa redeemed the code and they ended as linked; a failed one is none", async () => {
    const { service, amazon, ada, bob } = await startLinkingWorld();
    await link(amazon, ada);
    const { state } = await startAndApprove(amazon, bob);
    await (await bob.complete({ state, error: "access_denied" })).text();
    const { totals, items } = await metricsOf(service, "groupBy=flow");
    expect(linkingOf(totals)[1]).toEqual([2, 1, 2, 1]);
    expect(totals.enablements.users).toBe(1);
    expect(items.at(-1)).toMatchObject({ flow: "app_to_app", enablements: { users: null } });
    expect(linkingOf((await metricsOf(service, "platform=web")).totals)[1]).toEqual(NONE);
    expect(linkingOf((await metricsOf(service, "platform=ios&stage=development&locale=en")).totals)[1]).toEqual([
      2, 1, 2, 1,
    ]);
  });
});

describe("AcceptGrant", () => {
  let service: Service;
  beforeEach(async () => {
    service = startService();
    await seedEveryone();
    await seedGatewayCredentials(service);
  });

  it("refused for good takes the completion back, and a later success restores it", async () => {
    const lwa = startLwa();
    const { access_token: token } = await linkAlexa(service);
    const accept = async (code: string) => {
      const headers = { authorization: SERVICE_BASIC, "content-type": "application/json" };
      const body = JSON.stringify(directive(code, token));
      await (await service.request("/alexa/accept-grant", { method: "POST", headers, body })).text();
    };
    const completions = async () => (await metricsOf(service)).totals.linking.alexaApp.completions;
    expect(await completions()).toBe(1);
    lwa.respond = () => new Response(null, { status: 503 });
    await accept(lwa.code());
    expect(await completions()).toBe(1);
    lwa.respond = undefined;
    await accept("ANunknown-code");
    expect(await completions()).toBe(0);
    await accept(lwa.code());
    expect(await completions()).toBe(1);
    await accept("ANanother-unknown-code");
    expect(await completions()).toBe(1);
  });

  it("CSV has the figures of JSON, one line for each item", async () => {
    await linkAlexa(service);
    const range = "groupBy=skill&from=2026-01-14&to=2026-01-16";
    const { items } = await metricsOf(service, range);
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const response = await service.request(`/api/admin/metrics?format=csv&${range}`, { headers });
    expect(response.headers.get("content-type")).toBe("text/csv; charset=UTF-8");
    const [header = "", ...lines] = (await response.text()).trimEnd().split("\r\n");
    expect(header).toMatch(
      /^from,to,skillId,enablements\.users,linking\.alexaApp\.initiations,.*,oauth\.exchange\.requests,/,
    );
    const columns = header.split(",");
    const valueAt = (item: object, path: string) =>
      path.split(".").reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], item);
    const expected = items.map((item) => columns.map((path) => String(valueAt(item, path) ?? "")).join(","));
    expect(lines).toEqual(expected);
    expect(lines.some((line) => line.includes(SKILL_ID))).toBe(true);
  });
});

it("F4: a report finds its rows by their time", async () => {
  const stretches = [{ first: 0, from: 0, to: 10, length: 10 }];
  const query = { stretches, only: { skill: "s" }, groupBy: "skill" } as const;
  const [, ...plans] = await plansOf((db) => readActivation(db, [query]));
  expect(plans[0]).toContain("SEARCH i USING PRIMARY KEY (hour_at>? AND hour_at<?)");
  expect(plans[1]).toContain("SEARCH a USING INDEX attempts_by_time (created_at>? AND created_at<?)");
  expect(plans[2]).toContain("SEARCH e USING INDEX skill_events_by_time (received_at>? AND received_at<?)");
  expect(plans[2]).toContain("SEARCH g USING INDEX grants_by_alexa_user");
  expect(plans[3]).toContain("SEARCH m USING PRIMARY KEY (hour_at>? AND hour_at<?)");
});
