// GET /metrics: read by a parser that accepts nothing but Prometheus's text format 0.0.4.
import { beforeEach, describe, expect, it } from "vitest";
import { DEMO, seedAccount } from "../../test/support/accounts.ts";
import { admin } from "../../test/support/admin.ts";
import { appBearer } from "../../test/support/app-bearer.ts";
import { decideOnTheWay } from "../../test/support/attempts.ts";
import { query, signedIn } from "../../test/support/authorize.ts";
import {
  authorizePage,
  consent,
  linkingOf,
  type MetricsFigures,
  metricsOf,
  redeem,
} from "../../test/support/metrics.ts";
import {
  ALEXA_CLIENT,
  basic,
  exchange,
  form,
  json,
  refresh,
  SKILL_ID,
  seedAppAndService,
  seedEveryone,
  seedSkill,
} from "../../test/support/seeds.ts";
import { ADMIN_TOKEN, type Service, startService } from "../../test/support/service.ts";
import { asService, DAY, failing, linkAlexa } from "../../test/support/tokens.ts";

let service: Service;
beforeEach(() => {
  service = startService();
});

interface Family {
  help: string;
  type: string;
  readonly samples: Map<string, number>;
}

const LABEL = String.raw`[a-z_]+="(?:[^"\\\n]|\\["\\n])*"`;
const SAMPLE = new RegExp(String.raw`^([a-z_]+)\{(${LABEL}(?:,${LABEL})*)\} (\d+(?:\.\d+)?)$`);

/** The families by name, each series by its name and labels as JSON, with its value. */
function parse(text: string): Map<string, Family> {
  expect(text.endsWith("\n")).toBe(true);
  const families = new Map<string, Family>();
  let current = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const [, keyword, name = "", rest = ""] = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line) ?? [];
    if (keyword === "HELP") {
      expect(families.has(name)).toBe(false);
      families.set(name, { help: rest, type: "", samples: new Map() });
      current = name;
      continue;
    }
    const family = families.get(current)!;
    if (keyword === "TYPE") {
      expect([name, family.type, family.samples.size]).toEqual([current, "", 0]);
      family.type = rest;
      continue;
    }
    const [, sample = "", labels = "", value = ""] = SAMPLE.exec(line) ?? expect.fail(`not a sample: ${line}`);
    const suffixes = family.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    expect(suffixes.map((suffix) => current + suffix)).toContain(sample);
    const pairs = [...labels.matchAll(new RegExp(LABEL, "g"))].map(([pair]) => {
      const [label = "", quoted = ""] = pair.split(/=(.*)/s);
      return [label, quoted.slice(1, -1).replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c))];
    });
    const key = JSON.stringify([sample, Object.fromEntries(pairs)]);
    expect(family.samples.has(key), key).toBe(false);
    family.samples.set(key, Number(value));
  }
  return families;
}

async function scrape(): Promise<Map<string, Family>> {
  const response = await service.request("/metrics", { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(response.headers.get("cache-control")).toBe("no-store");
  return parse(await response.text());
}

/** The values of a family's series that are not zero. */
function valuesOf(families: Map<string, Family>, name: string): Record<string, number> {
  const { samples } = families.get(name) ?? expect.fail(`no ${name}`);
  return Object.fromEntries([...samples].filter(([, value]) => value > 0));
}

const INITIATIONS = "alexa_link_linking_initiations_total";
const COMPLETIONS = "alexa_link_linking_completions_total";
const REQUESTS = "alexa_link_token_requests_total";
const DURATION = "alexa_link_token_duration_seconds";
const series = (name: string, labels: Readonly<Record<string, string>>) => JSON.stringify([name, labels]);
/** The next round trip takes `ms` by the service's clock. */
const slow = (ms: number) =>
  service.meter.faults.push({ when: () => true, meanwhile: async () => service.clock.advance(ms), times: 1 });
const wrongSecret = () => form({ grant_type: "refresh_token" }, { authorization: basic(ALEXA_CLIENT, "x") });

it("every family has help and a type; without requests every series of a registered skill is zero", async () => {
  await seedSkill();
  const families = await scrape();
  expect([...families].map(([name, { type }]) => [name, type])).toEqual([
    [INITIATIONS, "counter"],
    [COMPLETIONS, "counter"],
    [REQUESTS, "counter"],
    [DURATION, "histogram"],
  ]);
  for (const { help } of families.values()) expect(help).toContain("since 00:00 UTC");
  expect([...families.get(INITIATIONS)!.samples]).toEqual([
    [series(INITIATIONS, { flow: "alexa_app", skill_id: SKILL_ID }), 0],
    [series(INITIATIONS, { flow: "app_to_app", skill_id: SKILL_ID }), 0],
  ]);
  const histogram = [...families.get(DURATION)!.samples];
  expect(histogram).toHaveLength(3 * (8 + 2));
  expect(histogram.every(([, value]) => value === 0)).toBe(true);
});

it("a link counts once as begun and once as completed", async () => {
  await seedSkill();
  await seedAccount(service, DEMO);
  const code = await decideOnTheWay(service);
  const flow = { flow: "alexa_app", skill_id: SKILL_ID };
  expect(valuesOf(await scrape(), COMPLETIONS)).toEqual({});
  await redeem(service, `https://alexa.test/?code=${code}`);
  const families = await scrape();
  expect(valuesOf(families, INITIATIONS)).toEqual({ [series(INITIATIONS, flow)]: 1 });
  expect(valuesOf(families, COMPLETIONS)).toEqual({ [series(COMPLETIONS, flow)]: 1 });
});

it("token requests by grant type, outcome and skill, and their latency as a cumulative histogram", async () => {
  await seedEveryone();
  const { refresh_token } = await linkAlexa(service);
  slow(250);
  await service.request("/token", refresh(refresh_token));
  slow(4501);
  await service.request("/token", refresh(refresh_token));
  await service.request("/token", refresh("not-a-token"));
  await service.request("/token", wrongSecret());
  await service.request("/token", exchange("not-a-code"));
  await service.request("/token", asService({ grant_type: "client_credentials" }));
  const families = await scrape();
  const request = (grant_type: string, outcome: string, skill_id = SKILL_ID) =>
    series(REQUESTS, { grant_type, outcome, skill_id });
  expect(valuesOf(families, REQUESTS)).toEqual({
    [request("authorization_code", "success")]: 1,
    [request("authorization_code", "invalid_grant")]: 1,
    [request("refresh_token", "success")]: 2,
    [request("refresh_token", "invalid_grant")]: 1,
    [request("refresh_token", "invalid_client")]: 1,
    [request("client_credentials", "success", "")]: 1,
  });
  const histogram = families.get(DURATION)!.samples;
  const of = (name: string, labels: Readonly<Record<string, string>>) => histogram.get(series(DURATION + name, labels));
  const refreshes = ["0.05", "0.1", "0.25", "0.5", "1", "2", "4.5", "+Inf"].map((le) =>
    of("_bucket", { grant_type: "refresh_token", le }),
  );
  expect(refreshes).toEqual([2, 2, 3, 3, 3, 3, 3, 4]);
  expect(of("_sum", { grant_type: "refresh_token" })).toBe(4.751);
  expect(of("_count", { grant_type: "refresh_token" })).toBe(4);
  expect(of("_count", { grant_type: "authorization_code" })).toBe(2);
  expect(of("_sum", { grant_type: "authorization_code" })).toBe(0);
});

it("the same played numbers stand in JSON, by skill, in CSV and here", async () => {
  const other = { skillId: "amzn1.ask.skill.0000-other", id: "alexa-other" };
  await seedSkill();
  await seedSkill(other);
  await seedAppAndService();
  await seedAccount(service, DEMO);
  const authorization = { authorization: `Bearer ${await appBearer(service, DEMO)}` };
  const visitor = await signedIn(service);
  const link = async (state: string, clientId?: string) => {
    const page = await visitor.open(authorizePage(state, clientId === undefined ? {} : { client_id: clientId }));
    return json(await redeem(service, await consent(visitor, page), clientId));
  };
  const { refresh_token } = await link("state-1");
  await link("state-2", other.id);
  await visitor.get(authorizePage("state-3", { client_id: other.id }));
  // Decided in the company's app.
  const ask = async (more: object = {}) => {
    const body = JSON.stringify({ query: query({ state: "state-4" }), ...more });
    const headers = { ...authorization, "content-type": "application/json" };
    return json<Record<string, string>>(
      await service.request("/api/authorizations", { method: "POST", headers, body }),
    );
  };
  const { redirectTo = "" } = await ask({ ticket: (await ask()).ticket, decision: "allow" });
  await redeem(service, redirectTo);
  const replay = exchange(new URL(redirectTo).searchParams.get("code") ?? "");
  for (const request of [replay, refresh(refresh_token), refresh("not-a-token"), wrongSecret(), exchange("none")]) {
    await service.request("/token", request);
  }
  await service.request("/token", asService({ grant_type: "client_credentials" }));

  const range = "groupBy=skill&from=2026-01-15";
  const { totals, items } = await metricsOf(service, range);
  expect(items.map((item) => [item.skillId, ...linkingOf(item)])).toEqual([
    [other.skillId, [2, 1, 1, 1], [0, 0, 0, 0], [2, 1, 1, 1]],
    [SKILL_ID, [1, 1, 1, 1], [1, 1, 1, 1], [2, 2, 1, 1]],
  ]);
  // One person in all, who initiated four attempts at two skills.
  expect(linkingOf(totals)).toEqual([
    [3, 2, 1, 1],
    [1, 1, 1, 1],
    [4, 3, 1, 1],
  ]);
  expect(totals.linking.total).toMatchObject({ completionRate: 3 / 4, initiationsPerUser: 4 });
  const token = ({ oauth }: MetricsFigures) =>
    [oauth.exchange, oauth.refresh, oauth.clientCredentials].map((one) => [one?.requests, one?.succeeded]);
  // The app's own sign-in is an exchange, of no skill.
  expect(items.map(token)).toEqual([
    [
      [1, 1],
      [0, 0],
      [0, 0],
    ],
    [
      [4, 2],
      [3, 1],
      [0, 0],
    ],
  ]);
  expect(token(totals)).toEqual([
    [6, 4],
    [3, 1],
    [1, 1],
  ]);

  const csv = await service.request(`/api/admin/metrics?format=csv&${range}`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  const [header = "", ...lines] = (await csv.text()).trimEnd().split("\r\n");
  const column = (path: string) => lines.map((line) => line.split(",")[header.split(",").indexOf(path)]);
  expect(column("skillId")).toEqual([other.skillId, SKILL_ID]);
  expect(column("linking.total.initiations")).toEqual(["2", "2"]);
  expect(column("linking.appToApp.completions")).toEqual(["0", "1"]);
  expect(column("linking.alexaApp.completionRate")).toEqual(["0.5", "1"]);
  expect(column("oauth.exchange.requests")).toEqual(["1", "4"]);
  expect(column("oauth.refresh.succeeded")).toEqual(["0", "1"]);

  const families = await scrape();
  const flows = { alexa_app: "alexaApp", app_to_app: "appToApp" } as const;
  for (const item of items) {
    for (const [flow, name] of Object.entries(flows)) {
      const labels = { flow, skill_id: item.skillId ?? "" };
      const of = (family: string) => families.get(family)?.samples.get(series(family, labels));
      expect(of(INITIATIONS)).toBe(item.linking[name as "alexaApp"].initiations);
      expect(of(COMPLETIONS)).toBe(item.linking[name as "alexaApp"].completions);
    }
  }
  const sum = (grant: string, outcome = "") =>
    [...(families.get(REQUESTS)?.samples ?? [])]
      .filter(([key]) => key.includes(grant) && key.includes(`"outcome":"${outcome}`))
      .reduce((all, [, count]) => all + count, 0);
  const grants = ["authorization_code", "refresh_token", "client_credentials"];
  expect(grants.map((grant) => [sum(grant), sum(grant, "success")])).toEqual(token(totals));
  const histogram = families.get(DURATION)!.samples;
  expect(grants.map((grant_type) => histogram.get(series(`${DURATION}_count`, { grant_type })))).toEqual(
    token(totals).map(([requests]) => requests),
  );
});

it("counts begin again with the day of UTC", async () => {
  await seedEveryone();
  await linkAlexa(service);
  expect(Object.keys(valuesOf(await scrape(), REQUESTS))).toHaveLength(1);
  service.clock.advance(DAY);
  expect(valuesOf(await scrape(), REQUESTS)).toEqual({});
});

it("quotes, backslashes and line breaks in an id are escaped", async () => {
  const skillId = 'quote " backslash \\ both \\" line\nbreak \\n {x="y"} 1';
  await seedSkill({ skillId });
  await service.request("/token", wrongSecret());
  const labels = { grant_type: "refresh_token", outcome: "invalid_client", skill_id: skillId };
  expect(valuesOf(await scrape(), REQUESTS)).toEqual({ [series(REQUESTS, labels)]: 1 });
});

describe("who may read it", () => {
  it("no token and wrong tokens are 401, the eleventh wrong one 429, without ADMIN_TOKEN 503", async () => {
    const none = await admin(service, "GET", "/metrics", undefined, { token: null });
    expect([none.status, none.body.code]).toEqual([401, "unauthenticated"]);
    expect(none.headers.get("content-type")).toBe("application/problem+json");
    const guess = () => admin(service, "GET", "/metrics", undefined, { token: "wrong" });
    for (let i = 0; i < 10; i++) expect((await guess()).status).toBe(401);
    expect((await guess()).body.code).toBe("too_many_requests");
    const off = await admin(startService({ ADMIN_TOKEN: "" }), "GET", "/metrics");
    expect([off.status, off.body.code]).toEqual([503, "admin_disabled"]);
  });

  it("other methods are 405, other paths below it 404, and a storage fault is 503, all as problems", async () => {
    const post = await admin(service, "POST", "/metrics", {});
    expect([post.status, post.body.code, post.headers.get("allow")]).toEqual([405, "method_not_allowed", "GET, HEAD"]);
    const below = await admin(service, "GET", "/metrics/");
    expect([below.status, below.body.code]).toEqual([404, "not_found"]);
    service.meter.faults.push(failing(() => true, "before", "D1_ERROR: Network connection lost"));
    const fault = await admin(service, "GET", "/metrics");
    expect([fault.status, fault.body.code]).toEqual([503, "temporarily_unavailable"]);
  });
});
