// Maintenance: what it deletes, what it keeps, and that it can run at any time.
import { createExecutionContext, createScheduledController, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { plansOf } from "../../test/support/query-plan.ts";
import { seedSkill, seedUser } from "../../test/support/seeds.ts";
import { ADMIN_TOKEN, START, startService } from "../../test/support/service.ts";
import { createService } from "../app.ts";
import { parseConfig } from "../env.ts";
import worker from "../index.ts";
import { KEPT_MS, SWEEPS, sweep } from "../storage/maintenance/sweeps.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const GONE = START - 900 * DAY;

interface Report {
  readonly swept: Record<string, number>;
  readonly more: boolean;
  readonly failed: string[];
}

async function count(table: string): Promise<number> {
  return (await env.DB.prepare(`SELECT COUNT(*) AS n FROM ${table}`).first<{ n: number }>())?.n ?? -1;
}

function attempt(id: string, values: Partial<Record<string, string | number>>): D1PreparedStatement {
  const row = {
    id,
    flow: "alexa_app",
    outcome: "pending",
    steps: "[]",
    created_at: START - 2 * HOUR,
    expires_at: START - HOUR,
    ...values,
  };
  const columns = Object.keys(row);
  return env.DB.prepare(
    `INSERT INTO attempts (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
  ).bind(...Object.values(row));
}

function code(hash: string, attemptId: string, expiresAt: number): D1PreparedStatement {
  return env.DB.prepare(
    `INSERT INTO codes (code_hash, attempt_id, grant_id, origin, client_id, user_id, redirect_uri, scope, created_at, expires_at)
     VALUES (?, ?, ?, 'authorize', 'alexa-test', 'u', 'https://x.example.com', 'profile', 0, ?)`,
  ).bind(hash, attemptId, hash, expiresAt);
}

function grant(id: string, values: Partial<Record<string, number | null>>): D1PreparedStatement {
  const row = {
    idle_expires_at: START + DAY,
    expires_at: null,
    revoked_at: null,
    ...values,
  };
  return env.DB.prepare(
    `INSERT INTO grants (id, user_id, client_id, scope, flow, created_at, last_used_at, idle_expires_at, expires_at, revoked_at)
     VALUES (?, 'user-1', 'alexa-test', 'profile', 'alexa_app', 0, 0, ?, ?, ?)`,
  ).bind(id, row.idle_expires_at, row.expires_at, row.revoked_at);
}

async function run(service = startService()): Promise<Report> {
  const response = await admin(service, "POST", "maintenance");
  expect(response.status).toBe(200);
  return response.body as unknown as Report;
}

describe("attempts that were not finished", () => {
  it("O4: become abandoned with a reason for where they stopped, and lose their Amazon tokens", async () => {
    await env.DB.batch([
      attempt("before-sign-in", {}),
      attempt("before-consent", { user_id: "u" }),
      attempt("unredeemed", { user_id: "u", decision: "allow" }),
      attempt("at-amazon", { user_id: "u", state_hash: "s", amazon_tokens: "sealed" }),
      attempt("failed-before", { outcome: "failed", reason: "code_expired" }),
      attempt("still-open", { expires_at: START + 1 }),
      attempt("running", { running_until: START + 1 }),
      attempt("redeemable", { user_id: "u", decision: "allow" }),
      code("c", "redeemable", START + 1),
    ]);
    const report = await run();
    expect(report.swept.abandonedAttempts).toBe(4);
    const { results } = await env.DB.prepare(
      "SELECT id, outcome, reason, finished_at, amazon_tokens FROM attempts ORDER BY id",
    ).all<{ id: string; outcome: string; reason: string | null }>();
    expect(Object.fromEntries(results.map((row) => [row.id, `${row.outcome} ${row.reason}`]))).toEqual({
      "before-sign-in": "abandoned left_before_sign_in",
      "before-consent": "abandoned left_before_consent",
      unredeemed: "abandoned code_not_redeemed",
      "at-amazon": "abandoned not_completed",
      "failed-before": "failed code_expired",
      "still-open": "pending null",
      running: "pending null",
      redeemable: "pending null",
    });
    expect(results.find((row) => row.id === "at-amazon")).toMatchObject({ finished_at: START, amazon_tokens: null });
    expect((await run()).swept.abandonedAttempts).toBe(0);
  });
});

describe("expired rows", () => {
  it("are deleted, and no others", async () => {
    await seedUser();
    await seedSkill();
    await env.DB.batch([
      env.DB.prepare("INSERT INTO users (id, created_at, updated_at) VALUES ('user-1', 0, 0) ON CONFLICT DO NOTHING"),
      code("old", "l", START - KEPT_MS.codes),
      code("fresh", "l", START - KEPT_MS.codes + 1),
      grant("revoked-long-ago", { revoked_at: START - KEPT_MS.endedGrants }),
      grant("revoked-lately", { revoked_at: START - 1 }),
      grant("idle-long-ago", { idle_expires_at: START - KEPT_MS.endedGrants }),
      grant("idle-lately", { idle_expires_at: START - 1 }),
      grant("ended-long-ago", { expires_at: START - KEPT_MS.endedGrants }),
      grant("ended-lately", { expires_at: START - 1 }),
      grant("alive", {}),
      env.DB.prepare(
        "INSERT INTO sessions (id, user_id, browser_hash, created_at) VALUES ('a', 'user-1', 'b', ?), ('b', 'user-1', 'b', ?)",
      ).bind(START - KEPT_MS.sessions, START),
      env.DB.prepare("INSERT INTO sign_in_attempts VALUES ('a', 'a', 0, ?), ('b', 'b', 0, ?)").bind(START, START + 1),
      env.DB.prepare("INSERT INTO throttles VALUES ('a', 1, ?), ('b', 1, ?)").bind(START - DAY, START),
      env.DB.prepare("INSERT INTO audit (at, kind) VALUES (?, 'old'), (?, 'new')").bind(START - 400 * DAY, START),
      env.DB.prepare("INSERT INTO oauth_metrics VALUES (?, '', 'old', 1), (?, '', 'new', 1)").bind(GONE, START),
      env.DB.prepare(
        "INSERT INTO refusals VALUES ('token', 'a', 'r', '', 1, ?, '[]'), ('token', 'b', 'r', '', 1, ?, '[]')",
      ).bind(GONE, START),
      env.DB.prepare("INSERT INTO skill_events (request_id, received_at) VALUES ('a', ?), ('b', ?)").bind(GONE, START),
      attempt("ancient", { outcome: "linked", created_at: GONE }),
      attempt("recent", { outcome: "linked" }),
    ]);
    const report = await run();
    expect(report).toMatchObject({
      more: false,
      failed: [],
      swept: {
        attempts: 1,
        codes: 1,
        revokedGrants: 1,
        idleGrants: 1,
        expiredGrants: 1,
        sessions: 1,
        signInAttempts: 1,
        throttles: 1,
        audit: 1,
        metrics: 1,
        refusals: 1,
        skillEvents: 1,
      },
    });
    const { results } = await env.DB.prepare("SELECT id FROM grants ORDER BY id").all<{ id: string }>();
    expect(results.map((row) => row.id)).toEqual(["alive", "ended-lately", "idle-lately", "revoked-lately"]);
    for (const table of [
      "codes",
      "sessions",
      "sign_in_attempts",
      "throttles",
      "audit WHERE actor IS NULL",
      "oauth_metrics",
      "refusals",
      "skill_events",
    ]) {
      expect([table, await count(table)]).toEqual([table, 1]);
    }
    expect(await count("attempts")).toBe(1);
    expect(await count("users")).toBeGreaterThan(0);
    const again = await run();
    expect(Object.values(again.swept).reduce((sum, n) => sum + n, 0)).toBe(0);
  });

  it("F7: 50,000 expired rows are deleted in several bounded runs, and no others", async () => {
    await env.DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50010)
       INSERT INTO skill_events (request_id, received_at)
       SELECT 's' || i, CASE WHEN i <= 50000 THEN ?1 ELSE ?1 + 1 END FROM n`,
    )
      .bind(START - KEPT_MS.skillEvents)
      .run();
    const service = startService();
    let runs = 0;
    let report: Report;
    do {
      service.meter.clear();
      report = await run(service);
      runs++;
      expect(report.swept.skillEvents).toBeLessThanOrEqual(5000);
      expect(service.meter.roundTrips.length).toBeLessThan(20);
    } while (report.more);
    expect(runs).toBe(11);
    expect(await count("skill_events")).toBe(10);
  });

  it("S11: whatever strangers can write is deleted in one run, in bounded batches", async () => {
    const expired = START - Math.max(KEPT_MS.throttles, KEPT_MS.attemptsWithoutPerson);
    const numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)";
    for (const insert of [
      "INSERT INTO sign_in_attempts SELECT 's' || i, 's' || i, 0, ?1 FROM n",
      "INSERT INTO throttles SELECT 'k' || i, 1, ?1 FROM n",
      `INSERT INTO attempts (id, flow, outcome, steps, created_at, expires_at)
       SELECT 'a' || i, 'alexa_app', 'pending', '[]', ?1, ?1 FROM n`,
    ]) {
      await env.DB.prepare(`${numbers} ${insert}`).bind(expired).run();
    }
    const service = startService();
    const report = await run(service);
    expect(report.more).toBe(false);
    for (const table of ["sign_in_attempts", "throttles", "attempts"])
      expect([table, await count(table)]).toEqual([table, 0]);
    expect(service.meter.roundTrips.length).toBeLessThan(40);
  });

  it("S11: attempts without a person go after a day, to the second; others stay", async () => {
    await seedUser("user-1");
    const dayAgo = START - DAY;
    await env.DB.batch([
      attempt("nobody", { outcome: "abandoned", created_at: dayAgo }),
      attempt("nobody-lately", { outcome: "abandoned", created_at: dayAgo + 1 }),
      attempt("somebody", { outcome: "abandoned", created_at: dayAgo, user_id: "user-1" }),
      attempt("erased", { outcome: "cancelled", created_at: dayAgo, decision: "deny" }),
    ]);
    expect((await run()).swept.attemptsWithoutPerson).toBe(1);
    const { results } = await env.DB.prepare("SELECT id FROM attempts ORDER BY id").all<{ id: string }>();
    expect(results.map(({ id }) => id)).toEqual(["erased", "nobody-lately", "somebody"]);
  });

  it("three runs at once delete each row once", async () => {
    await env.DB.prepare(
      "INSERT INTO sign_in_attempts VALUES ('a', 'a', 0, 0), ('b', 'b', 0, 0), ('c', 'c', 0, 0)",
    ).run();
    const reports = await Promise.all([run(), run(), run()]);
    expect(reports.map((report) => report.swept.signInAttempts ?? 0).reduce((sum, n) => sum + n, 0)).toBe(3);
  });

  it("every sweep uses an index, without a scan", async () => {
    for (const one of SWEEPS) {
      for (const plan of await plansOf((db) => sweep(db, [one], START, 10))) {
        expect([one.name, plan]).toEqual([one.name, expect.not.stringContaining("SCAN")]);
        expect([one.name, plan]).toEqual([one.name, expect.stringMatching(/INDEX|PRIMARY KEY/)]);
      }
    }
  });

  it("U2: a link that was idle for too long is revoked once, with an audit row", async () => {
    await seedSkill();
    await seedUser("user-1");
    await grant("idle", { idle_expires_at: START - 1 }).run();
    await env.DB.prepare("UPDATE grants SET skill_id = (SELECT id FROM skills)").run();
    expect((await run()).swept.endedIdleLinks).toBe(1);
    expect((await run()).swept.endedIdleLinks ?? 0).toBe(0);
    const { results } = await env.DB.prepare("SELECT kind, details FROM audit WHERE actor IS NULL").all();
    expect(results).toEqual([{ kind: "grant_revoked", details: "idle" }]);
    expect(await env.DB.prepare("SELECT revoked_reason FROM grants").first("revoked_reason")).toBe("idle");
  });
});

describe("the run as a whole", () => {
  it("a part that fails is named, and the other parts run", async () => {
    await env.DB.prepare("INSERT INTO sign_in_attempts VALUES ('a', 'a', 0, 0)").run();
    const service = startService();
    service.meter.faults.push({ when: ({ sql }) => sql.includes("pending_unlinks"), throws: "before" });
    const report = await run(service);
    expect(report.failed).toEqual(["unlinks"]);
    expect(await count("sign_in_attempts")).toBe(0);
  });

  it("S11: rows of strangers, which may outlast a run, are deleted after all other parts", async () => {
    const service = startService({
      WEBHOOK_URL: "https://hooks.example.com",
      WEBHOOK_SECRET: `whsec_${"A".repeat(32)}`,
    });
    await run(service);
    const asked = service.meter.roundTrips.map(({ sql }) => sql);
    const first = asked.findIndex((sql) => sql.includes("sign_in_attempts"));
    expect(first).toBeGreaterThan(0);
    for (const other of ["skill_events", "signing_keys", "webhook_outbox", "UPDATE pending_unlinks"]) {
      const last = asked.findLastIndex((sql) => sql.includes(other));
      expect([other, last]).toEqual([other, expect.toSatisfy((index: number) => index >= 0 && index < first)]);
    }
  });

  it("the cron trigger runs it too, even before any request has shown the origin", async () => {
    await env.DB.prepare("INSERT INTO sign_in_attempts VALUES ('a', 'a', 0, 0)").run();
    const context = createExecutionContext();
    const controller = createScheduledController({ cron: "*/5 * * * *", scheduledTime: 0 });
    await worker.scheduled(controller, env, context);
    await waitOnExecutionContext(context);
    expect(await count("sign_in_attempts")).toBe(0);
  });

  it("values sealed with the previous master key are sealed again", async () => {
    const old = startService({ MASTER_KEY: "B".repeat(43) });
    await admin(old, "GET", "/.well-known/jwks.json");
    const sealed = async () =>
      (await env.DB.prepare("SELECT private_jwk AS v FROM signing_keys").first<{ v: string }>())?.v;
    const before = await sealed();
    const config = parseConfig({ MASTER_KEY: "A".repeat(43), MASTER_KEY_PREVIOUS: "B".repeat(43), ADMIN_TOKEN });
    const report = await createService(config, () => START).scheduled(env, () => undefined);
    expect(report.resealed).toBe(1);
    expect(await sealed()).not.toBe(before);
  });
});

describe("signing keys by hand", () => {
  it("a rotation publishes the next key ahead of use, and a second rotation is pending", async () => {
    const service = startService();
    const first = await admin(service, "POST", "keys/rotate");
    expect([first.status, first.body.result]).toEqual([200, "rotated"]);
    const items = first.body.items as { kid: string; status: string; signsFrom: string }[];
    expect(items.map((key) => key.status).sort()).toEqual(["current", "next"]);
    expect(Date.parse(items.find((key) => key.status === "next")!.signsFrom) - START).toBeGreaterThanOrEqual(600_000);
    expect((await admin(service, "POST", "keys/rotate", {})).body.result).toBe("pending");
    expect((await admin(service, "GET", "keys")).body).toEqual({ items: first.body.items });
    expect(JSON.stringify(first.body)).not.toMatch(/"d"|private/);
  });

  it("a compromised key leaves the key set at once, with an alert", async () => {
    const service = startService();
    await admin(service, "GET", "/.well-known/jwks.json");
    const [key] = (await admin(service, "GET", "keys")).body.items as { kid: string }[];
    const dropped = await admin(service, "POST", "keys/rotate", { compromised: key!.kid });
    expect(dropped.body.result).toBe("dropped");
    const set = (await admin(service, "GET", "/.well-known/jwks.json")).body.keys as { kid: string }[];
    expect(set.map((one) => one.kid)).not.toContain(key!.kid);
    expect(set).toHaveLength(1);
    const alert = await env.DB.prepare("SELECT alert FROM audit WHERE kind = 'signing_key_dropped'").first();
    expect(alert).toEqual({ alert: 1 });
  });

  it("wrong bodies are 400, and an unknown key is 404", async () => {
    const service = startService();
    for (const body of [{ compromised: 5 }, { compromised: "" }, { compromised: "a b" }, { kid: "x" }, []]) {
      expect((await admin(service, "POST", "keys/rotate", body)).status).toBe(400);
    }
    expect((await admin(service, "POST", "keys/rotate", { compromised: "unknown" })).status).toBe(404);
    expect((await admin(service, "POST", "maintenance", { force: true })).status).toBe(400);
  });
});
