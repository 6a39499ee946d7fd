// The simulated metrics API, and the developer's tokens that open it.
import { describe, expect, it } from "vitest";
import { LWA, SERVICE, SKILL_ID, startSimulator } from "../testing/test-simulator.ts";

const DEVELOPER = {
  client_id: "amzn1.application-oa2-client.simulated-developer",
  client_secret: "simulated-developer-secret",
  refresh_token: "Atzr|simulated-developer",
};
const TOKEN = "Atza|simulated-developer";
const PATH = `/v2/skills/${SKILL_ID}/metrics`;
const DAY = 86_400_000;
const NAMESPACE = "Alexa.AccountActivationEvents";

type Simulator = Awaited<ReturnType<typeof startSimulator>>;

async function refresh(simulator: Simulator, changes: Record<string, string> = {}) {
  const response = await simulator.post("/auth/o2/token", { grant_type: "refresh_token", ...DEVELOPER, ...changes });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

const query = (name: string, changes: Record<string, unknown> = {}) => ({
  id: name,
  name,
  metricNamespace: NAMESPACE,
  stat: "count",
  aggregationPeriod: "SINGLE",
  ...changes,
});

interface Result {
  readonly id: string;
  readonly data: readonly { timestamps: number[]; values: number[]; groupedBy?: { groupedByValue: string } }[];
}

async function metrics(simulator: Simulator, body: unknown, token = TOKEN) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const response = await simulator.call(PATH, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as { results: Result[] } };
}

/** The start of this day in UTC. */
const today = () => Date.parse(new Date().toISOString().slice(0, 10));
const range = () => ({ startTime: today() - DAY, endTime: today() + 2 * DAY });

async function figures(simulator: Simulator, queries: unknown[]): Promise<Record<string, unknown>> {
  const { body } = await metrics(simulator, { ...range(), metricQueries: queries });
  const shown = body.results.map(({ id, data }) => {
    const groups = data.map(({ values, groupedBy }) => [groupedBy?.groupedByValue ?? "all", values[0] ?? null]);
    return [id, Object.fromEntries(groups)];
  });
  return Object.fromEntries(shown);
}

describe("what Alexa has counted", () => {
  it("counts initiations and completions, and the accounts behind them", async () => {
    const simulator = await startSimulator();
    await simulator.linkFromAlexa({ account: "nora" });
    await simulator.linkFromAlexa({ account: "nora" });
    await simulator.linkFromAlexa({ account: "emil", decision: "deny" });
    const names = ["USERS", "EVENTS", "ALEXA_APP_EVENTS", "APP_TO_APP_EVENTS", "TOTAL_COMPLETION_RATE"];
    expect(
      await figures(
        simulator,
        names.map((name) => query(name)),
      ),
    ).toEqual({
      USERS: { INITIATED: 2, COMPLETED: 1 },
      EVENTS: { INITIATED: 3, COMPLETED: 2 },
      ALEXA_APP_EVENTS: { INITIATED: 3, COMPLETED: 2 },
      APP_TO_APP_EVENTS: { INITIATED: 0, COMPLETED: 0 },
      TOTAL_COMPLETION_RATE: { all: 2 / 3 },
    });
    const enabled = query("USERS", { metricNamespace: "Alexa.SkillEnablementEvents" });
    const others = ["ALEXA_APP_INITIATIONS_PER_USER", "APP_TO_APP_COMPLETION_RATE"].map((name) => query(name));
    expect(await figures(simulator, [enabled, ...others])).toEqual({
      USERS: { all: 1 },
      ALEXA_APP_INITIATIONS_PER_USER: { all: 1.5 },
      APP_TO_APP_COMPLETION_RATE: { all: null },
    });
  });

  it("splits by days of UTC and by stage, and forgets at a reset", async () => {
    const simulator = await startSimulator();
    await simulator.linkFromAlexa();
    const byDay = {
      startTime: today() - DAY,
      endTime: today() + DAY,
      metricQueries: [query("EVENTS", { aggregationPeriod: "BY_DAY" })],
    };
    const [first] = (await metrics(simulator, byDay)).body.results;
    expect(first?.data[0]).toEqual({
      timestamps: [today() - DAY, today()],
      values: [0, 1],
      groupedBy: { groupedByField: "eventType", groupedByValue: "INITIATED" },
    });
    const live = query("EVENTS", { dimensions: [{ name: "Alexa.Stage", value: "live" }] });
    expect(await figures(simulator, [live])).toEqual({ EVENTS: { INITIATED: 0, COMPLETED: 0 } });
    await simulator.json("POST", "/simulator/reset", {}).catch(() => {});
    expect(await figures(simulator, [query("EVENTS")])).toEqual({ EVENTS: { INITIATED: 0, COMPLETED: 0 } });
  });

  it("is listed, and shown on a page", async () => {
    const simulator = await startSimulator();
    await simulator.linkFromAlexa();
    const headers = { authorization: `Bearer ${TOKEN}` };
    const listed = await simulator.call(`/v2/skills/metrics?metricNamespace=${NAMESPACE}`, { headers });
    const { metrics: names } = (await listed.json()) as { metrics: { name: string }[] };
    expect([names.length, names.map(({ name }) => name)]).toEqual([
      10,
      expect.arrayContaining(["TOTAL_COMPLETION_RATE"]),
    ]);
    expect((await simulator.call("/v2/skills/metrics?metricNamespace=Alexa.None", { headers })).status).toBe(400);
    const page = await (await simulator.call("/developer")).text();
    expect(page).toMatch(/completed linking, Alexa app.*1 time, 1 account/s);
    expect(page).toContain(DEVELOPER.refresh_token);
  });

  it.each([
    ["no query", []],
    ["six queries", Array.from({ length: 6 }, () => query("EVENTS"))],
    ["an unknown metric", [query("CUSTOMERS")]],
    ["an unknown period", [query("EVENTS", { aggregationPeriod: "BY_MONTH" })]],
    ["an unknown dimension", [query("EVENTS", { dimensions: [{ name: "Alexa.Country", value: "DE" }] })]],
    ["an unknown member", [query("EVENTS", { groupBy: "eventType" })]],
  ])("refuses %s", async (_, metricQueries) => {
    const simulator = await startSimulator();
    expect((await metrics(simulator, { ...range(), metricQueries })).status).toBe(400);
  });

  it("refuses a range that ends before it starts, and more than 1,000 periods", async () => {
    const simulator = await startSimulator();
    const metricQueries = [query("EVENTS", { aggregationPeriod: "BY_15" })];
    expect((await metrics(simulator, { startTime: 2, endTime: 1, metricQueries })).status).toBe(400);
    expect((await metrics(simulator, { startTime: 0, endTime: today(), metricQueries })).status).toBe(400);
  });

  it("fails as it is told to", async () => {
    const simulator = await startSimulator();
    const ask = () => metrics(simulator, { ...range(), metricQueries: [query("EVENTS")] });
    await simulator.faults({ smapi: { metrics: { status: 429, times: 1 } } });
    expect((await ask()).status).toBe(429);
    await simulator.faults({ smapi: { metricsMalformed: true } });
    expect((await ask()).body).toEqual({ metrics: { data: "<b>none</b>" } });
  });
});

describe("the developer's tokens", () => {
  it("LWA gives the developer an access token that opens SMAPI, and no customer's API", async () => {
    const simulator = await startSimulator();
    const { status, body } = await refresh(simulator);
    expect([status, body.refresh_token]).toEqual([200, DEVELOPER.refresh_token]);
    const token = body.access_token ?? "";
    expect((await metrics(simulator, { ...range(), metricQueries: [query("EVENTS")] }, token)).status).toBe(200);
    const headers = { authorization: `Bearer ${token}` };
    const enablement = `/na/v1/users/~current/skills/${SKILL_ID}/enablement`;
    expect((await simulator.call(enablement, { headers })).status).toBe(403);
    expect((await simulator.call("/user/profile", { headers })).status).toBe(403);
  });

  it("a customer's token does not open SMAPI", async () => {
    const simulator = await startSimulator();
    const parameters = new URLSearchParams({
      client_id: LWA.clientId,
      scope: "alexa::skills:account_linking",
      response_type: "code",
      redirect_uri: `${SERVICE}/link/callback`,
      state: "state",
    });
    const allowed = await simulator.post(`/ap/oa?${parameters}`, { decision: "allow", account: "nora" });
    const code = new URL(allowed.headers.get("location") ?? "").searchParams.get("code") ?? "";
    const redeemed = await simulator.post("/auth/o2/token", {
      grant_type: "authorization_code",
      code,
      client_id: LWA.clientId,
      client_secret: LWA.clientSecret,
      redirect_uri: `${SERVICE}/link/callback`,
    });
    const { access_token: token } = (await redeemed.json()) as { access_token: string };
    expect(token).toContain("Atza|");
    const stolen = await metrics(simulator, { ...range(), metricQueries: [query("EVENTS")] }, token);
    expect(stolen.status).toBe(401);
  });

  it.each([
    ["another secret", { client_secret: "wrong" }, 401, "invalid_client"],
    ["another refresh token", { refresh_token: "Atzr|other" }, 400, "invalid_grant"],
    [
      "another client",
      { client_id: "amzn1.application-oa2-client.example", client_secret: "example-lwa-secret" },
      400,
      "invalid_grant",
    ],
  ])("LWA refuses %s", async (_, changes, status, error) => {
    const simulator = await startSimulator();
    expect(await refresh(simulator, changes as Record<string, string>)).toMatchObject({ status, body: { error } });
  });
});
