// What operators see: attempts, refusals and audit.
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { queryPlan } from "../../test/support/query-plan.ts";
import { recordRefusals } from "../../test/support/refusals.ts";
import { START, startService } from "../../test/support/service.ts";
import { attemptListQuery, reasonCountsQuery } from "../storage/attempts/list.ts";
import { auditListStatement } from "../storage/maintenance/audit-list.ts";
import { visible } from "./insight-api.ts";

async function seedAttempts(count: number): Promise<void> {
  const outcomes = ["linked", "failed", "cancelled"];
  const rows = Array.from({ length: count }, (_, i) => ({
    id: `attempt-${String(i).padStart(4, "0")}`,
    skill: `skill-${i % 2}`,
    outcome: outcomes[i % 3],
    // Pairs have the same time, so that the id decides the order.
    at: START + Math.floor(i / 2) * 1000,
  }));
  await env.DB.prepare(
    `INSERT INTO attempts (id, flow, platform, skill_id, stage, client_id, user_id, outcome, reason, steps, created_at, expires_at)
     SELECT value ->> 'id', 'alexa_app', NULL, value ->> 'skill', 'development', 'alexa', 'user-1', value ->> 'outcome',
       CASE WHEN value ->> 'outcome' = 'failed' THEN 'code_expired' END,
       json_array(json_object('name', 'consent_shown', 'at', value ->> 'at')), value ->> 'at', value ->> 'at' FROM json_each(?)`,
  )
    .bind(JSON.stringify(rows))
    .run();
}

describe("the list of attempts", () => {
  it("O4: shows trace id, outcome, reason and steps, newest first", async () => {
    await seedAttempts(3);
    const response = await admin(startService(), "GET", "linkings");
    expect(response.status).toBe(200);
    const items = response.body.items as Record<string, unknown>[];
    expect(items.map((item) => item.id)).toEqual(["attempt-0002", "attempt-0001", "attempt-0000"]);
    expect(items[1]).toEqual({
      id: "attempt-0001",
      traceId: "attempt-0001",
      flow: "alexa_app",
      platform: null,
      skillId: "skill-1",
      stage: "development",
      clientId: "alexa",
      userId: "user-1",
      outcome: "failed",
      reason: "code_expired",
      remedy: expect.stringContaining("CODE_TTL_SECONDS"),
      steps: [{ name: "consent_shown", at: new Date(START).toISOString() }],
      createdAt: new Date(START).toISOString(),
    });
    expect(response.body).not.toHaveProperty("nextCursor");
  });

  it("F4: paging lists each of 150 attempts once, with any filter, in one round trip per page", async () => {
    await seedAttempts(150);
    const service = startService();
    for (const [filter, expected] of [
      ["", 150],
      ["&skillId=skill-0", 75],
      ["&outcome=failed", 50],
      ["&skillId=skill-1&outcome=linked", 25],
      ["&userId=user-1", 150],
      ["&userId=nobody", 0],
    ] as const) {
      const seen: string[] = [];
      let cursor: unknown;
      do {
        service.meter.clear();
        const page = await admin(service, "GET", `linkings?limit=40${filter}${cursor ? `&cursor=${cursor}` : ""}`);
        expect(service.meter.roundTrips.length).toBeLessThanOrEqual(1);
        seen.push(...(page.body.items as { id: string }[]).map((item) => item.id));
        cursor = page.body.nextCursor;
      } while (cursor !== undefined);
      expect([filter, seen.length, new Set(seen).size]).toEqual([filter, expected, expected]);
      expect(seen).toEqual([...seen].sort().reverse());
    }
  });

  it("every filter uses an index, without a scan or a sort", async () => {
    const after = { createdAt: START, id: "x" };
    for (const [filter, index] of [
      [{}, "attempts_by_time"],
      [{ skillId: "s" }, "attempts_by_time"],
      [{ outcome: "failed" }, "attempts_by_outcome"],
      [{ skillId: "s", outcome: "failed" }, "attempts_by_skill_and_outcome"],
      [{ skillId: "s", outcome: "cancelled" }, "attempts_by_skill_and_outcome"],
      [{ outcome: "abandoned" }, "attempts_by_outcome"],
      [{ outcome: "pending" }, "attempts_pending"],
      [{ skillId: "s", outcome: "pending" }, "attempts_pending"],
      [{ outcome: "linked" }, "attempts_by_time"],
      [{ skillId: "s", outcome: "linked" }, "attempts_by_time"],
    ] as const) {
      const { text, values } = attemptListQuery(filter, after, 51);
      const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${text}`)
        .bind(...values)
        .all<{ detail: string }>();
      const plan = results.map((row) => row.detail).join("; ");
      expect([filter, plan]).toEqual([filter, expect.stringContaining(`SEARCH attempts USING INDEX ${index} (`)]);
      expect(plan).not.toContain("TEMP B-TREE");
      const firstPage = await queryPlan(attemptListQuery(filter, undefined, 51));
      expect([filter, firstPage]).toEqual([filter, expect.stringMatching(new RegExp(`USING INDEX ${index}( \\(|$)`))]);
      expect(firstPage).not.toContain("TEMP B-TREE");
    }
  });

  it("filters by reason, flow, platform and time, in the order of the same indexes", async () => {
    await seedAttempts(12);
    const service = startService();
    const ids = async (query: string) =>
      ((await admin(service, "GET", `linkings?${query}`)).body.items as { id: string }[]).map(({ id }) => id);
    expect(await ids("reason=code_expired")).toEqual(["attempt-0010", "attempt-0007", "attempt-0004", "attempt-0001"]);
    expect(await ids("reason=pkce_missing")).toEqual([]);
    expect((await ids("flow=alexa_app")).length).toBe(12);
    expect(await ids("flow=website")).toEqual([]);
    expect(await ids("platform=ios")).toEqual([]);
    const at = (seconds: number) => new Date(START + seconds * 1000).toISOString();
    expect(await ids(`from=${at(1)}&to=${at(2)}`)).toEqual(["attempt-0003", "attempt-0002"]);
    const more = { reason: "r", flow: "website", platform: "ios", from: START, to: START + 1 } as const;
    for (const after of [undefined, { createdAt: START, id: "x" }]) {
      for (const [filter, plan] of [
        [{}, /USING INDEX attempts_by_time \(created_at>\? AND |USING INDEX attempts_by_time \(.*created_at/],
        [{ ended: true }, /USING INDEX attempts_by_time \(/],
        [{ outcome: "failed" }, /USING INDEX attempts_by_outcome \(outcome=\? AND created_at>\?/],
        [{ outcome: "pending" }, /USING INDEX attempts_pending \(outcome=\? AND created_at>\?/],
      ] as const) {
        const found = await queryPlan(attemptListQuery({ ...filter, ...more }, after, 51));
        expect([filter, found]).toEqual([filter, expect.stringMatching(plan)]);
        expect(found).not.toContain("TEMP B-TREE");
      }
    }
    const counted = await queryPlan(reasonCountsQuery({ from: START, to: START + 1 }, 10));
    expect(counted).toContain("USING INDEX attempts_by_outcome (outcome=? AND created_at>? AND created_at<?)");
    const ofSkill = await queryPlan(reasonCountsQuery({ skillId: "s", from: START, to: START + 1 }, 10));
    expect(ofSkill).toContain("USING INDEX attempts_by_skill_and_outcome (skill_id=? AND outcome=? AND created_at>?");
  });

  it("wrong filters and cursors are 400", async () => {
    const service = startService();
    for (const query of [
      "outcome=happy",
      `reason=${"x".repeat(256)}`,
      "reason=a&reason=b",
      "flow=phone",
      "platform=windows",
      "from=yesterday",
      "from=2026-10-02&to=2026-10-01",
      "from=2026-10-01&to=2026-10-01",
      `skillId=${"x".repeat(256)}`,
      "limit=1000",
      "cursor=!!",
      "cursor=e30",
      `cursor=${btoa('{"createdAt":"1","id":1}')}`,
      "sort=asc",
    ]) {
      const response = await admin(service, "GET", `linkings?${query}`);
      expect([query, response.status, response.body.code]).toEqual([query, 400, "invalid_query"]);
    }
    expect((await admin(service, "GET", "linkings?skillId=' OR 1=1 --")).body).toEqual({ items: [] });
    expect((await admin(service, "GET", "linkings?skillId=&outcome=&limit=&cursor=")).status).toBe(200);
  });
});

describe("refusals", () => {
  it("R4: shows the exact redirect URI with every character visible", async () => {
    await recordRefusals(env.DB, [
      {
        clientId: "alexa",
        reason: "redirect_uri_unregistered",
        detail: "https://pit\tangui.amazon.com/é\\x",
        count: 3,
        lastSeenAt: START,
      },
    ]);
    const response = await admin(startService(), "GET", "refusals");
    expect(response.body.items).toMatchObject([
      {
        clientId: "alexa",
        reason: "redirect_uri_unregistered",
        redirectUri: "https://pit\\u{9}angui.amazon.com/\\u{e9}\\u{5c}x",
        count: 3,
        lastSeenAt: new Date(START).toISOString(),
      },
    ]);
  });

  it("different strings are shown differently", () => {
    expect(visible("a\tb")).not.toBe(visible("a\\u{9}b"));
    expect(visible("https://example.com/?a=1&b=%20")).toBe("https://example.com/?a=1&b=%20");
  });

  it("paging lists each refusal once, latest first", async () => {
    const entries = Array.from({ length: 9 }, (_, i) => ({
      clientId: `client-${i}`,
      reason: "client_unknown",
      detail: "",
      count: 1,
      lastSeenAt: START + (i % 3) * 1000,
    }));
    await recordRefusals(env.DB, entries);
    const service = startService();
    const first = await admin(service, "GET", "refusals?limit=5");
    const second = await admin(service, "GET", `refusals?limit=5&cursor=${first.body.nextCursor}`);
    const seen = [first, second].flatMap((page) => page.body.items as { clientId: string; lastSeenAt: string }[]);
    expect(new Set(seen.map((item) => item.clientId)).size).toBe(9);
    expect(seen.map((item) => item.lastSeenAt)).toEqual(
      seen
        .map((item) => item.lastSeenAt)
        .sort()
        .reverse(),
    );
  });
});

describe("the audit", () => {
  async function seedAudit(count: number): Promise<void> {
    await env.DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
       INSERT INTO audit (at, kind, alert, user_id) SELECT ?1 + i, 'code_replayed', i % 3 = 0, 'user-' || (i % 2) FROM n`,
    )
      .bind(START, count)
      .run();
  }

  it("T9: paging lists each record once, newest first, with any filter", async () => {
    await seedAudit(30);
    const service = startService();
    for (const [filter, expected] of [
      ["", 30],
      ["&alert=true", 10],
      ["&userId=user-1", 15],
      ["&alert=true&userId=user-0", 5],
      ["&grantId=none", 0],
    ] as const) {
      const seen: { at: string; alert: boolean }[] = [];
      let cursor: unknown;
      do {
        const page = await admin(service, "GET", `audit?limit=7${filter}${cursor ? `&cursor=${cursor}` : ""}`);
        expect(page.status).toBe(200);
        seen.push(...(page.body.items as { at: string; alert: boolean }[]));
        cursor = page.body.nextCursor;
      } while (cursor !== undefined);
      expect([filter, seen.length]).toEqual([filter, expected]);
      expect(seen.map((record) => record.at)).toEqual(
        seen
          .map((record) => record.at)
          .sort()
          .reverse(),
      );
    }
    expect((await admin(service, "GET", "audit?alert=yes")).status).toBe(400);
  });

  it("every filter uses an index, without a sort", async () => {
    for (const [filter, index] of [
      [{ alertsOnly: true }, "audit_alerts"],
      [{ userId: "u" }, "audit_by_user"],
      [{ grantId: "g" }, "audit_by_grant"],
    ] as const) {
      const plan = await queryPlan(auditListStatement(filter, 5, 10));
      expect(plan).toContain(index);
      expect(plan).not.toContain("TEMP B-TREE");
    }
  });
});
