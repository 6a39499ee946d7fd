// What the overview reads of attempts: counts by period, how far they came, reasons, and the first set-up.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { SKILL_ID, START } from "../../../test/support/constants.ts";
import { plansOf } from "../../../test/support/query-plan.ts";
import { insert, type Tables } from "../../../test/support/rows.ts";
import { readOverview } from "./overview.ts";

const HOUR_MS = 3_600_000;
const STARTS = [START, START + HOUR_MS, START + 2 * HOUR_MS];
const TO = START + 3 * HOUR_MS;

type Attempt = Partial<Tables["attempts"]>;
let made = 0;
const attempt = (row: Attempt) => insert("attempts", { id: `attempt-${made++}`, skillId: SKILL_ID, ...row });
const read = (skillId?: string) => readOverview(env.DB, { starts: STARTS, to: TO, skillId });

describe("attempts of a range", () => {
  beforeEach(async () => {
    await env.DB.batch([
      attempt({ outcome: "failed", reason: "code_expired", createdAt: START }),
      attempt({ outcome: "failed", reason: "code_expired", createdAt: START + HOUR_MS - 1, decision: "allow" }),
      attempt({ outcome: "cancelled", reason: "denied_by_user", createdAt: START + HOUR_MS, decision: "deny" }),
      attempt({ outcome: "abandoned", reason: "expired", createdAt: TO - 1, skillId: "another" }),
      attempt({ outcome: "linked", createdAt: START, decision: "allow", redeemedAt: START, acceptGrant: "accepted" }),
      attempt({ outcome: "linked", createdAt: START, decision: "allow", redeemedAt: START, acceptGrant: "refused" }),
      attempt({ outcome: "pending", createdAt: START, decision: "allow" }),
      // Neither in the range, nor linking with Alexa.
      attempt({ outcome: "failed", reason: "code_expired", createdAt: START - 1 }),
      attempt({ outcome: "failed", reason: "code_expired", createdAt: TO }),
      attempt({ outcome: "failed", reason: "code_expired", createdAt: START, flow: "oauth", decision: "allow" }),
      ...(["ada", null, null] as const).map((userId, i) =>
        insert("initiations", { key: `key-${i}`, skillId: SKILL_ID, userId, at: START + i }),
      ),
      insert("initiations", { key: "before", hourAt: START - HOUR_MS, at: START - 1 }),
    ]);
  });

  it("O14: are counted in the period in which they started, refused AcceptGrants by themselves", async () => {
    const { unlinked } = await read();
    expect(unlinked.toSorted((a, b) => a.period - b.period || a.outcome.localeCompare(b.outcome))).toEqual([
      { period: 0, outcome: "accept_grant_refused", count: 1 },
      { period: 0, outcome: "failed", count: 2 },
      { period: 1, outcome: "cancelled", count: 1 },
      { period: 2, outcome: "abandoned", count: 1 },
    ]);
  });

  it("O14: are counted by how far they came", async () => {
    expect((await read()).reached).toEqual({
      shown: 3,
      signedIn: 1,
      consented: 4,
      redeemed: 2,
      accepted: 1,
      refused: 1,
    });
  });

  it("O14: have reasons, the most frequent first, with the latest time", async () => {
    expect((await read()).reasons).toEqual([
      { reason: "code_expired", count: 2, lastAt: START + HOUR_MS - 1 },
      { reason: "expired", count: 1, lastAt: TO - 1 },
      { reason: "denied_by_user", count: 1, lastAt: START + HOUR_MS },
    ]);
  });

  it("O14: are those of one skill", async () => {
    const { unlinked, reached, reasons } = await read("another");
    expect(unlinked).toEqual([{ period: 2, outcome: "abandoned", count: 1 }]);
    expect(reached).toMatchObject({ shown: 0, consented: 0, redeemed: 0 });
    expect(reasons.map(({ reason }) => reason)).toEqual(["expired"]);
  });
});

it("O14: each step of a first set-up is found once it is there", async () => {
  const nothing = { skill: 0, amazonPair: 0, eventGateway: 0, attempt: 0, link: 0, acceptGrant: 0, skillEvent: 0 };
  const steps = [
    [insert("skills"), { skill: 1 }],
    [env.DB.prepare("UPDATE skills SET lwa_client_id = 'id'"), { amazonPair: 1 }],
    [env.DB.prepare("UPDATE skills SET event_client_id = 'id'"), { eventGateway: 1 }],
    [insert("attempts", { id: "app", flow: "oauth", outcome: "linked" }), {}],
    [insert("initiations"), { attempt: 1 }],
    [insert("attempts", { id: "alexa", outcome: "linked", acceptGrant: "refused" }), { link: 1 }],
    [env.DB.prepare("UPDATE attempts SET accept_grant = 'accepted' WHERE id = 'alexa'"), { acceptGrant: 1 }],
    [insert("skillEvents"), { skillEvent: 1 }],
  ] as const;
  let expected: object = nothing;
  expect((await read()).setUp).toEqual(expected);
  for (const [statement, change] of steps) {
    await statement.run();
    expected = { ...expected, ...change };
    expect((await read()).setUp).toEqual(expected);
  }
});

it("O14: an attempt without a row of its initiation, and a link that was imported, count as well", async () => {
  await insert("attempts").run();
  expect((await read()).setUp).toMatchObject({ attempt: 1, link: 0 });
  await env.DB.batch([insert("users"), insert("clients"), insert("grants", { skillId: SKILL_ID, importedAt: START })]);
  expect((await read()).setUp).toMatchObject({ link: 1 });
});

it.each([undefined, SKILL_ID])(
  "O14: every statement finds its range by an index, for the skill %s",
  async (skillId) => {
    const plans = await plansOf((db) => readOverview(db, { starts: STARTS, to: TO, skillId }));
    expect(plans[0]).toContain("SEARCH a USING INDEX attempts_by_time (created_at>? AND created_at<?)");
    expect(plans[1]).toContain("SEARCH initiations USING PRIMARY KEY (hour_at>? AND hour_at<?)");
    expect(plans[1]).toContain("SEARCH attempts USING INDEX attempts_by_time (created_at>? AND created_at<?)");
    expect(plans[2]).toMatch(
      /SEARCH attempts USING INDEX attempts_by_(skill_and_)?outcome \(.*created_at>\? AND created_at<\?\)/,
    );
    // The set-up reads the first rows of tables, and the latest attempts.
    expect(plans[3]).toContain("SCAN attempts USING INDEX attempts_by_time");
  },
);
