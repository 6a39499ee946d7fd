// Alerts: raised once, cleared once, with one webhook message each.
import { env } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { recordRefusals } from "../../test/support/refusals.ts";
import { runtimeOf } from "../../test/support/runtime.ts";
import { ALEXA_CLIENT, SKILL_ID, seedSkill } from "../../test/support/seeds.ts";
import { type Service, START, startService } from "../../test/support/service.ts";
import { addCounts } from "../storage/maintenance/metrics.ts";
import { write } from "../storage/sql.ts";
import { alertRules } from "./alert-rules.ts";
import { evaluateAlerts } from "./alerts.ts";

const HOUR = 3_600_000;
const HOOK = "https://hooks.example.com/alexa-link";
const SECRET = `whsec_${btoa("obviously-fake-webhook-key-00000")}`;
const OTHER_SKILL = "amzn1.ask.skill.other";

interface Message {
  readonly type: string;
  readonly timestamp: string;
  readonly data: Record<string, unknown>;
}

let service: Service;
let sent: { message: Message; body: string; headers: Record<string, string> }[];

beforeEach(async () => {
  await seedSkill();
  service = startService({ WEBHOOK_URL: HOOK, WEBHOOK_SECRET: SECRET });
  sent = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const body = await request.text();
    sent.push({ message: JSON.parse(body) as Message, body, headers: Object.fromEntries(request.headers) });
    return new Response(null, { status: 204 });
  });
});
afterEach(() => vi.restoreAllMocks());

/** Adds to a counter in the present hour. */
async function count(name: string, times: number, skillId = SKILL_ID): Promise<void> {
  const [, endpoint, reason] = /^refused_(authorize|token|wrong_address)_(.+)$/.exec(name) ?? [];
  if (endpoint !== undefined && reason !== undefined) {
    const clientId = reason === "client_unknown" ? "nobody" : endpoint === "wrong_address" ? "" : ALEXA_CLIENT;
    const at = service.clock.now - (service.clock.now % 60_000);
    const refusal = { endpoint: endpoint as "token", clientId, reason, detail: "", count: times };
    await recordRefusals(env.DB, [{ ...refusal, lastSeenAt: service.clock.now, recent: [[at, times, "id"]] }]);
    return;
  }
  await write(env.DB, addCounts([{ name, skillId, at: service.clock.now, count: times }]), false);
}
async function maintain(): Promise<void> {
  const { body } = await admin(service, "POST", "maintenance");
  expect(body.failed).toEqual([]);
}
async function open(): Promise<string[]> {
  const { body } = await admin(service, "GET", "alerts?open=true");
  return (body.items as { name: string }[]).map(({ name }) => name).sort();
}
function messages(): string[] {
  return sent.map(({ message }) => `${message.type} ${message.data.name} ${message.data.subject}`.trim());
}
async function auditKinds(): Promise<string[]> {
  const { results } = await env.DB.prepare("SELECT kind, alert FROM audit WHERE kind LIKE 'alert_%' ORDER BY id").all<{
    kind: string;
    alert: number;
  }>();
  return results.map(({ kind, alert }) => `${kind} ${alert}`);
}

/** A counter that adds to each rule, and one that it is compared with. */
const COUNTERS: Readonly<Record<string, readonly [bad: string, good?: string]>> = {
  invalid_client_burst: ["refused_token_invalid_client"],
  redirect_uri_refused: ["refused_authorize_redirect_uri_unregistered"],
  client_id_unknown: ["refused_authorize_client_unknown"],
  authorize_requests_refused: ["refused_authorize_invalid_scope"],
  token_requests_misplaced: ["refused_wrong_address_token_path_unknown"],
  code_exchanges_refused: ["token_error_redirect_uri_mismatch", "token_exchange_success_50"],
  refresh_failures_rose: ["token_refresh_invalid_grant_50", "token_refresh_success_100"],
  token_latency_high: ["token_exchange_success_2000", "token_exchange_success_1000"],
  skill_event_certificate_trouble: ["skill_event_refused_certificate_expired", "skill_event_accepted"],
  skill_events_refused: ["skill_event_refused_timestamp_outside_window", "skill_event_accepted"],
  lwa_pair_refused: ["lwa_refused_unauthorized_client", "lwa_accepted"],
  amazon_unavailable: ["lwa_unavailable_server_error", "lwa_accepted"],
  amazon_refuses_linking: ["linking_failed_amazon_error_invalid_scope", "linking_linked"],
  enablement_refused: ["linking_failed_enablement_not_found", "linking_linked"],
  accept_grant_refused: ["accept_grant_refused_code_rejected", "accept_grant_ok"],
  provider_misconfigured: ["provider_issuer_differs"],
  provider_unreachable: ["provider_unreachable"],
};
const rules = alertRules().filter(({ name }) => name !== "signing_key_trouble");

it("each rule over counters has its counters here", () => {
  expect(rules.map(({ name }) => name).sort()).toEqual(Object.keys(COUNTERS).sort());
});

describe.each(rules)("$name", ({ name, least, share, good, per }) => {
  const [bad = "", success = ""] = COUNTERS[name] ?? [];
  const subject = { server: "", skill: SKILL_ID, client: ALEXA_CLIENT }[per];

  it("is raised once, stays open without a word, and is cleared once", async () => {
    await count(bad, 20);
    for (let run = 0; run < 3; run++) await maintain();
    expect(await open()).toEqual([name]);
    expect(messages()).toEqual([`alert.raised ${name} ${subject}`.trim()]);
    service.clock.advance(2 * HOUR);
    for (let run = 0; run < 3; run++) await maintain();
    expect(await open()).toEqual([]);
    expect(messages().slice(1)).toEqual([`alert.cleared ${name} ${subject}`.trim()]);
    expect(await auditKinds()).toEqual(["alert_raised 1", "alert_cleared 1"]);
  });

  it("is not raised below its number", async () => {
    if (least > 1) await count(bad, least - 1);
    await maintain();
    expect(await open()).toEqual([]);
    await count(bad, 1);
    await maintain();
    expect(await open()).toEqual([name]);
  });

  if (!good) return;
  it("is not raised by a smaller share, and is held until half of it", async () => {
    const many = 1000;
    const enough = Math.ceil((many * share) / (1 - share));
    await count(success, many);
    await count(bad, enough - 1);
    await maintain();
    expect(await open()).toEqual([]);
    await count(bad, 1);
    await maintain();
    expect(await open()).toEqual([name]);
    await count(success, Math.floor(enough / (share / 2)) - many - enough);
    await maintain();
    expect(await open()).toEqual([name]);
    await count(success, Math.ceil(enough / share));
    await maintain();
    expect(await open()).toEqual([]);
  });
});

describe("an alert", () => {
  it("looks at the present hour and the one before: counts of a while ago raise nothing", async () => {
    await count("provider_issuer_differs", 20);
    service.clock.advance(2 * HOUR);
    await maintain();
    expect(await open()).toEqual([]);
  });

  it("is one for each skill, and each is cleared on its own", async () => {
    await count("token_refresh_invalid_grant_50", 20);
    await count("token_refresh_invalid_grant_50", 20, OTHER_SKILL);
    await maintain();
    expect(messages().sort()).toEqual(
      [`alert.raised refresh_failures_rose ${SKILL_ID}`, `alert.raised refresh_failures_rose ${OTHER_SKILL}`].sort(),
    );
    await count("token_refresh_success_50", 1000, OTHER_SKILL);
    await maintain();
    const { body } = await admin(service, "GET", "alerts?open=true");
    expect(body.items).toMatchObject([{ skillId: SKILL_ID }]);
  });

  it("shows the latest numbers while it is open", async () => {
    await count("token_refresh_invalid_grant_50", 20);
    await maintain();
    await count("token_refresh_temporarily_unavailable_50", 30);
    await maintain();
    const { body } = await admin(service, "GET", "alerts");
    expect(body.items).toMatchObject([
      {
        message: `Skill ${SKILL_ID}: 50 of 50 refreshes failed since ${hourBefore(START)} UTC (temporarily_unavailable 30, invalid_grant 20).`,
        numbers: { bad: 50, all: 50, reasons: { temporarily_unavailable: 30, invalid_grant: 20 } },
        remedy: expect.stringContaining("Alexa drops a link"),
        clearedAt: null,
      },
    ]);
    expect(sent).toHaveLength(1);
  });

  it("is raised again when it comes back, with a message of its own", async () => {
    for (let time = 0; time < 2; time++) {
      await count("provider_unreachable", 20);
      await maintain();
      service.clock.advance(3 * HOUR);
      await maintain();
    }
    expect(messages().map((message) => message.split(" ")[0])).toEqual([
      "alert.raised",
      "alert.cleared",
      "alert.raised",
      "alert.cleared",
    ]);
  });

  it("names the cause alone where one failure leads to another", async () => {
    await count("lwa_refused_invalid_client", 20);
    await count("accept_grant_refused_code_rejected", 20);
    await count("linking_failed_amazon_code_rejected_invalid_client", 20);
    await maintain();
    expect(await open()).toEqual(["lwa_pair_refused"]);
    await count("accept_grant_refused_code_rejected", 20, OTHER_SKILL);
    await maintain();
    expect(await open()).toEqual(["accept_grant_refused", "lwa_pair_refused"]);
  });

  it("about no skill explains none of a skill: the sign-in with Amazon has a client pair of its own", async () => {
    await count("lwa_refused_invalid_client", 20, "");
    await count("accept_grant_refused_code_rejected", 20);
    await maintain();
    expect(await open()).toEqual(["accept_grant_refused", "lwa_pair_refused"]);
  });

  it("of parallel runs in several isolates one raises it, and one clears it", async () => {
    // The first signing key.
    await maintain();
    await count("provider_unreachable", 20);
    const isolates = await Promise.all(Array.from({ length: 5 }, () => runtimeOf(service)));
    const together = async () => {
      const changes = await Promise.all(
        isolates.map((rt) => evaluateAlerts(rt, { rotationFailed: false, atOnce: true })),
      );
      return changes.map(({ raised, cleared }) => raised + cleared).reduce((sum, n) => sum + n, 0);
    };
    expect(await together()).toBe(1);
    service.clock.advance(3 * HOUR);
    expect(await together()).toBe(1);
    await maintain();
    expect(messages()).toEqual(["alert.raised provider_unreachable", "alert.cleared provider_unreachable"]);
    expect(await auditKinds()).toEqual(["alert_raised 1", "alert_cleared 1"]);
  });

  it("is raised and cleared once although the response to the write is lost", async () => {
    const lost = {
      when: ({ sql }: { sql: string }) => / alerts/.test(sql) && !sql.startsWith("SELECT"),
      throws: "after",
    } as const;
    await count("provider_unreachable", 20);
    for (const wait of [0, 3 * HOUR]) {
      service.clock.advance(wait);
      service.meter.faults.push({ ...lost });
      await admin(service, "POST", "maintenance");
      service.meter.faults.length = 0;
      await maintain();
    }
    expect(messages()).toEqual(["alert.raised provider_unreachable", "alert.cleared provider_unreachable"]);
    expect(await auditKinds()).toEqual(["alert_raised 1", "alert_cleared 1"]);
  });
});

/** As messages name the beginning of what they count. */
function hourBefore(at: number): string {
  return new Date(at - (at % HOUR) - HOUR).toISOString().slice(0, 16).replace("T", " ");
}

describe("the signing key", () => {
  it("raises an alert when its stored value does not open, which is cleared when it does", async () => {
    await maintain();
    expect(await open()).toEqual([]);
    const { private_jwk: sealed } = (await env.DB.prepare("SELECT private_jwk FROM signing_keys").first<{
      private_jwk: string;
    }>())!;
    const store = (value: string) => env.DB.prepare("UPDATE signing_keys SET private_jwk = ?").bind(value).run();
    await store(`${sealed.slice(0, -4)}AAAA`);
    for (let run = 0; run < 2; run++) await maintain();
    expect(await open()).toEqual(["signing_key_trouble"]);
    await store(sealed);
    await maintain();
    expect(messages()).toEqual(["alert.raised signing_key_trouble", "alert.cleared signing_key_trouble"]);
  });

  it("raises an alert when its rotation fails", async () => {
    await maintain();
    service.meter.faults.push({ when: ({ sql }) => sql.includes("DELETE FROM signing_keys"), throws: "before" });
    const { body } = await admin(service, "POST", "maintenance");
    expect(body).toMatchObject({ failed: ["keys"], raisedAlerts: 1 });
    expect(sent[0]?.message.data.numbers).toEqual({ bad: 1, reasons: { rotation_failed: 1 } });
    service.meter.faults.length = 0;
    await maintain();
    expect(await open()).toEqual([]);
  });
});

describe("the webhook message", () => {
  it("has the numbers and nobody's data, and the Standard Webhooks library accepts it", async () => {
    await count("token_refresh_invalid_grant_50", 20);
    await maintain();
    const [{ message, body, headers } = { message: undefined, body: "", headers: {} }] = sent;
    expect(message).toEqual({
      type: "alert.raised",
      timestamp: new Date(START).toISOString(),
      data: {
        name: "refresh_failures_rose",
        subject: SKILL_ID,
        skillId: SKILL_ID,
        clientId: null,
        since: new Date(START).toISOString(),
        message: `Skill ${SKILL_ID}: 20 of 20 refreshes failed since ${hourBefore(START)} UTC (invalid_grant 20).`,
        numbers: { bad: 20, all: 20, reasons: { invalid_grant: 20 } },
      },
    });
    vi.useFakeTimers({ toFake: ["Date"], now: service.clock.now });
    try {
      expect(new Webhook(SECRET).verify(body, headers)).toEqual(message);
    } finally {
      vi.useRealTimers();
    }
  });

  it("waits while the receiver is down, and each is then delivered once", async () => {
    let down = true;
    vi.mocked(globalThis.fetch).mockImplementation(async (input, init) => {
      if (down) return new Response(null, { status: 503 });
      sent.push({ message: await new Request(input, init).json(), body: "", headers: {} });
      return new Response(null, { status: 204 });
    });
    await count("provider_unreachable", 20);
    await maintain();
    service.clock.advance(3 * HOUR);
    await maintain();
    down = false;
    for (let run = 0; run < 3; run++) {
      service.clock.advance(3 * HOUR);
      await maintain();
    }
    expect(messages().sort()).toEqual(["alert.cleared provider_unreachable", "alert.raised provider_unreachable"]);
  });

  it("of the all-clear names the time at which the alert was raised", async () => {
    await count("provider_unreachable", 20);
    await maintain();
    service.clock.advance(3 * HOUR);
    await maintain();
    expect(sent[1]?.message).toMatchObject({
      type: "alert.cleared",
      timestamp: new Date(START + 3 * HOUR).toISOString(),
      data: { since: new Date(START).toISOString() },
    });
  });

  it("is deleted where no webhook is configured, and the alert is in the list all the same", async () => {
    service = startService();
    await count("provider_unreachable", 20);
    await maintain();
    expect(sent).toEqual([]);
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM webhook_outbox").first("n")).toBe(0);
    expect(await open()).toEqual(["provider_unreachable"]);
  });
});
