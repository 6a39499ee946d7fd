// The decision on an attempt whose row says something else by then.
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { insert } from "../../../test/support/rows.ts";
import { ALEXA_CLIENT, SKILL_ID } from "../../../test/support/seeds.ts";
import { START } from "../../../test/support/service.ts";
import { sql } from "../sql.ts";
import { decideAttempt } from "./consent.ts";

function decide(decision: "allow" | "deny", actorHolds = sql`TRUE`) {
  const start = { attemptId: "attempt", skillId: SKILL_ID, clientId: ALEXA_CLIENT };
  const binding = {
    origin: "authorize",
    attemptId: "attempt",
    grantId: "grant",
    clientId: ALEXA_CLIENT,
    userId: "ada",
    redirectUri: "https://layla.amazon.com/r",
    scope: "profile",
    codeChallenge: null,
    resource: null,
  } as const;
  return decideAttempt(env.DB, {
    start: { ...start, flow: "alexa_app", locale: "en" },
    decision,
    userId: "ada",
    browserHash: null,
    actorHolds,
    codeHash: "code-hash",
    binding,
    at: START,
    codeExpiresAt: START + 60_000,
  });
}

const row = () =>
  env.DB.prepare(
    `SELECT user_id AS user, outcome, reason, decision, finished_at AS finished,
       (SELECT COUNT(*) FROM codes) AS codes FROM attempts`,
  ).first();

it("an attempt that was abandoned meanwhile is open again when its customer allows it", async () => {
  await insert("attempts", {
    userId: "ada",
    outcome: "abandoned",
    reason: "left_before_consent",
    finishedAt: START,
  }).run();
  expect(await decide("allow")).toEqual({ outcome: "decided", decision: "allow" });
  expect(await row()).toEqual({
    user: "ada",
    outcome: "pending",
    reason: null,
    decision: "allow",
    finished: null,
    codes: 1,
  });
});

it("an attempt that was abandoned meanwhile is cancelled when its customer denies it", async () => {
  await insert("attempts", {
    userId: "ada",
    outcome: "abandoned",
    reason: "left_before_consent",
    finishedAt: START,
  }).run();
  expect(await decide("deny")).toEqual({ outcome: "decided", decision: "deny" });
  expect(await row()).toMatchObject({ outcome: "cancelled", reason: "denied_by_user", codes: 0 });
});

it.each([null, "bob"])("an undecided attempt of %s becomes that of the customer who decides", async (userId) => {
  await insert("attempts", { userId }).run();
  expect(await decide("allow")).toEqual({ outcome: "decided", decision: "allow" });
  expect(await row()).toMatchObject({ user: "ada", outcome: "pending", codes: 1 });
});

it("another customer's decision stays, and so does its attempt", async () => {
  await insert("attempts", { userId: "bob", outcome: "linked", decision: "allow", decidedAt: START - 1 }).run();
  expect(await decide("allow")).toEqual({ outcome: "decided_by_another" });
  expect(await row()).toMatchObject({ user: "bob", outcome: "linked", decision: "allow", codes: 0 });
});

it("a customer who may not act any more changes nothing", async () => {
  await insert("attempts", { userId: "bob", outcome: "abandoned", reason: "left_before_consent" }).run();
  expect(await decide("allow", sql`FALSE`)).toEqual({ outcome: "actor_gone" });
  expect(await row()).toMatchObject({ user: "bob", outcome: "abandoned", reason: "left_before_consent", codes: 0 });
});
