// Completing an attempt: by whom, with what, how often. The same rules for the JSON API and the callback.
import type { AmazonCode } from "../amazon/lwa.ts";
import { sha256 } from "../crypto/hash.ts";
import { randomId } from "../crypto/random.ts";
import type { ApiUser } from "../oauth/bearer.ts";
import type { Runtime } from "../runtime.ts";
import { ATTEMPT_ENDED_BY } from "../storage/attempts/outcomes.ts";
import { readAttemptByState, readExpiredAttempts, type StartedAttempt, startRun } from "../storage/attempts/started.ts";
import type { Sql } from "../storage/sql.ts";
import { deliverSoon } from "../webhooks/webhooks.ts";
import { reasonOfAmazonError } from "./reasons.ts";
import { endAttempt, RUN_LIMIT_MS, type RunOutcome, runAttempt, type TransientFailure } from "./run.ts";
import { hashOfState, type LinkingState } from "./state.ts";

export type Completion =
  | { readonly outcome: "linked" }
  /** For good. `reason` is the tag of the row. */
  | { readonly outcome: "ended"; readonly as: "cancelled" | "failed"; readonly reason: string }
  /** May be repeated with the same code until the attempt expires. */
  | TransientFailure
  | { readonly outcome: "in_progress" }
  | { readonly outcome: "state_used" }
  | { readonly outcome: "expired" }
  /** The session or the bearer's grant has ended since the request was authenticated. */
  | { readonly outcome: "actor_gone" };

/** Where an attempt stands for the user who started it; undefined: open, a run may start. */
function standing(attempt: StartedAttempt, now: number, amazonCodeHash: string | null): Completion | undefined {
  const { amazonCodeHash: seen } = attempt;
  if (seen !== null && amazonCodeHash !== null && seen !== amazonCodeHash) return { outcome: "state_used" };
  switch (attempt.outcome) {
    case "linked":
      return { outcome: "linked" };
    case "abandoned":
      return { outcome: "expired" };
    case "cancelled":
    case "failed": {
      const reason = attempt.reason ?? "amazon_denied";
      return reason === "wrong_user" ? { outcome: "state_used" } : { outcome: "ended", as: attempt.outcome, reason };
    }
    case "pending":
      if (attempt.runningUntil !== null && attempt.runningUntil > now) return { outcome: "in_progress" };
      return attempt.expiresAt <= now ? { outcome: "expired" } : undefined;
  }
}

export interface Presentation {
  readonly attempt: StartedAttempt;
  readonly state: LinkingState;
  /** In SQL: the session that started the attempt, or the bearer, may still act. */
  readonly actorHolds: Sql;
  /** A browser goes back to its return URL in any case: transient failures end the attempt too. */
  readonly failuresEndIt: boolean;
}

/**
 * Presents Amazon's code. The caller has checked that the attempt's own user does so. A run is started before anything
 * is asked of Amazon, and it goes on when the caller's connection is closed. Throws `StorageFault` for transient
 * failures of storage.
 */
export async function presentCode(rt: Runtime, presentation: Presentation, code: AmazonCode): Promise<Completion> {
  const { attempt, state, actorHolds, failuresEndIt } = presentation;
  const amazonCodeHash = await sha256(`amazon code ${code}`);
  const stands = standing(attempt, rt.now(), amazonCodeHash);
  if (stands) return stands;
  const runId = randomId();
  const { id: attemptId, userId, skillId } = attempt;
  const runningUntil = rt.now() + RUN_LIMIT_MS;
  const run = { attemptId, runId, userId, skillId, amazonCodeHash, runningUntil, actorHolds };
  const claimed = await startRun(rt.db, run, rt.now());
  if (!claimed.attempt || !claimed.skill) return { outcome: "expired" };
  if (claimed.attempt.runId !== runId) {
    return standing(claimed.attempt, rt.now(), amazonCodeHash) ?? { outcome: "actor_gone" };
  }
  const work = runAttempt(rt, { runId, attempt: claimed.attempt, skill: claimed.skill, state, code, failuresEndIt });
  rt.background(work.catch(() => {}));
  return completionOf(rt, presentation, amazonCodeHash, await work);
}

async function completionOf(
  rt: Runtime,
  { attempt, state }: Presentation,
  amazonCodeHash: string,
  run: RunOutcome,
): Promise<Completion> {
  // Grants of this attempt's other codes may have been revoked as well.
  deliverSoon(rt);
  switch (run.outcome) {
    case "linked":
      rt.metrics.count("linking_linked", attempt.skillId);
      return run;
    case "failed":
      rt.metrics.count("linking_failed", attempt.skillId);
      rt.metrics.count(`linking_failed_${run.reason}`, attempt.skillId);
      return { outcome: "ended", as: "failed", reason: run.reason };
    case "transient":
      return run;
    case "lost": {
      const now = await readAttemptByState(rt.db, await hashOfState(state));
      return (now && standing(now, rt.now(), amazonCodeHash)) ?? { outcome: "in_progress" };
    }
  }
}

/** Presents the error that Amazon's callback carried: `access_denied` cancels, anything else fails the attempt. */
export async function presentError(rt: Runtime, presentation: Presentation, error: string): Promise<Completion> {
  const { attempt, state, actorHolds } = presentation;
  const stands = standing(attempt, rt.now(), null);
  if (stands) return stands;
  const reason = reasonOfAmazonError(error);
  // Amazon's text is for the operator's log; pages and URLs get ours.
  rt.log.warn("amazon_error", { traceId: attempt.id, error: error.slice(0, 200) });
  const as = reason === "amazon_denied" ? "cancelled" : "failed";
  const by = ATTEMPT_ENDED_BY.user(attempt.userId, actorHolds, rt.now());
  if (!(await endAttempt(rt, attempt.id, { outcome: as, reason, by }))) {
    const now = await readAttemptByState(rt.db, await hashOfState(state));
    return (now && standing(now, rt.now(), null)) ?? { outcome: "actor_gone" };
  }
  rt.metrics.count(`linking_${as}`, attempt.skillId);
  if (as === "failed") rt.metrics.count(`linking_failed_${reason}`, attempt.skillId);
  return { outcome: "ended", as, reason };
}

/** Fails a pending attempt, with an alert: another user than its own presented what Amazon sent. */
export async function refuseWrongUser(
  rt: Runtime,
  attempt: StartedAttempt,
  { userId, actorHolds }: Pick<ApiUser, "userId" | "actorHolds">,
): Promise<void> {
  if (attempt.outcome !== "pending") return;
  await endAttempt(rt, attempt.id, {
    outcome: "failed",
    reason: "wrong_user",
    by: ATTEMPT_ENDED_BY.anotherUser(userId, actorHolds),
    audit: { kind: "linking_wrong_user", alert: true, userId, details: "started by another user" },
  });
  rt.log.alert("linking_wrong_user", { traceId: attempt.id });
}

/** For the scheduled work: abandons expired attempts that got Amazon's tokens, and their grants. Returns how many. */
export async function abandonExpiredAttempts(rt: Runtime, limit: number): Promise<number> {
  const expired = await readExpiredAttempts(rt.db, rt.now(), limit);
  for (const attemptId of expired) {
    const by = ATTEMPT_ENDED_BY.expiry(rt.now());
    await endAttempt(rt, attemptId, { outcome: "abandoned", reason: "not_completed", by });
  }
  return expired.length;
}
