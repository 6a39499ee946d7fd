// The scheduled work and the operators' lists find attempts by the index made for it, never among all.
import { expect, it } from "vitest";
import { plansOf, queryPlan } from "../../../test/support/query-plan.ts";
import { START, startService } from "../../../test/support/service.ts";
import { readSealedRows, SEALED_COLUMNS } from "../maintenance/reseal.ts";
import { SWEEPS, sweep } from "../maintenance/sweeps.ts";
import { attemptListQuery } from "./list.ts";
import { readExpiredAttempts } from "./started.ts";

it("F4: attempts that have expired, and the codes of each", async () => {
  const abandoned = SWEEPS.find(({ name }) => name === "abandonedAttempts");
  if (!abandoned) throw new Error("no such sweep");
  const [plan] = await plansOf((db) => sweep(db, [abandoned], START, 10));
  expect(plan).toContain("SEARCH a USING INDEX attempts_pending");
  expect(plan).toContain("SEARCH c USING INDEX codes_by_user");
  expect(plan).not.toContain("TEMP B-TREE");
});

it("F4: attempts with Amazon's tokens", async () => {
  const service = startService();
  const column = SEALED_COLUMNS.find(({ table }) => table === "attempts");
  if (!column) throw new Error("no such column");
  await readExpiredAttempts(service.env.DB, START, 10);
  await readSealedRows(service.env.DB, column, "key-id", 10);
  expect(service.meter.roundTrips).toHaveLength(2);
  for (const { sql: text } of service.meter.roundTrips) {
    const values = Array.from({ length: text.match(/\?/g)?.length ?? 0 }, () => null);
    expect(await queryPlan({ text, values })).toMatch(/^SEARCH attempts USING INDEX attempts_pending/);
  }
});

it("F4: attempts of nobody, by their age", async () => {
  const ofNobody = SWEEPS.filter(({ name }) => name === "attemptsWithoutPerson");
  const [plan] = await plansOf((db) => sweep(db, ofNobody, START, 10));
  expect(plan).toContain("USING INDEX attempts_without_person (created_at<?)");
});

it.each([
  {},
  { outcome: "failed" },
  { outcome: "linked" },
  { outcome: "pending" },
  { skillId: "skill" },
  { skillId: "skill", outcome: "failed" },
] as const)("F4: one person's attempts are found by the person, whatever else is asked for: %j", async (more) => {
  const plan = await queryPlan(attemptListQuery({ userId: "user", ...more }, undefined, 10));
  expect(plan).toMatch(/^SEARCH attempts USING INDEX attempts_by_user \(user_id=\?\)/);
});
