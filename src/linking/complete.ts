// Completing an attempt: who may, with what, how often. The same rules serve the JSON API and the callback in a browser.
import type { AmazonCode } from "../amazon/lwa.ts";
import { sha256 } from "../crypto/hash.ts";
import { randomId } from "../crypto/random.ts";
import type { Runtime } from "../runtime.ts";
import { openTokens } from "../storage/amazon/amazon-tokens.ts";
import { endAsFailed, type FailedEnd } from "../storage/attempts/outcomes.ts";
import {
  claimAttempt,
  hostsInDoubt,
  readAttemptByState,
  readExpiredAttempts,
  type StartedAttempt,
} from "../storage/attempts/started.ts";
import type { Condition } from "../storage/d1.ts";
import { deliverSoon } from "../webhooks/webhooks.ts";
import { reasonOfAmazonError } from "./reasons.ts";
import { FIRST_LEASE_MS, type Passing, type RunOutcome, runAttempt, unlinksOf } from "./run.ts";
import { hashOfState, type LinkingState } from "./state.ts";

export type Completion =
  | { readonly outcome: "linked" }
  /** For good. `reason` is the tag of the row. */
  | { readonly outcome: "ended"; readonly as: "cancelled" | "failed"; readonly reason: string }
  /** May be repeated with the same code while the linking lives. */
  | Passing
  | { readonly outcome: "in_progress" }
  | { readonly outcome: "state_used" }
  | { readonly outcome: "expired" }
  /** The browser's session has ended between the drawing of the page and the act. */
  | { readonly outcome: "session_ended" };

/** Where a linking stands for the user who started it; undefined: open, it may be claimed. */
export function standing(attempt: StartedAttempt, now: number, amazonCodeHash: string | null): Completion | undefined {
  const other = attempt.amazon_code_hash !== null && amazonCodeHash !== null;
  if (other && attempt.amazon_code_hash !== amazonCodeHash) return { outcome: "state_used" };
  switch (attempt.outcome) {
    case "linked":
      return { outcome: "linked" };
    case "abandoned":
      return { outcome: "expired" };
    case "cancelled":
    case "failed": {
      const reason = attempt.reason ?? "amazon_denied";
      return reason === "wrong_user"
        ? { outcome: "state_used" }
        : { outcome: "ended", as: attempt.outcome, reason: reason };
    }
    case "pending":
      if (attempt.running_until !== null && attempt.running_until > now) return { outcome: "in_progress" };
      return attempt.expires_at <= now ? { outcome: "expired" } : undefined;
  }
}

export interface Presentation {
  readonly attempt: StartedAttempt;
  readonly state: LinkingState;
  /** What must hold beside the user: a browser's session. */
  readonly condition?: Condition;
  /** A browser goes back to its return URL in any case: faults that pass end the linking too. */
  readonly faultsEndIt: boolean;
}

/**
 * Presents Amazon's code. The caller has made sure that the linking's own user does so. The linking is claimed before anything is
 * asked of Amazon; the work runs on when the caller's connection goes. Throws `StorageFault` for passing faults of ours.
 */
export async function presentCode(rt: Runtime, presentation: Presentation, code: AmazonCode): Promise<Completion> {
  const { attempt, state } = presentation;
  const amazonCodeHash = await sha256(`amazon code ${code}`);
  const stands = standing(attempt, rt.now(), amazonCodeHash);
  if (stands) return stands;
  const runId = randomId();
  const claimed = await claimAttempt(
    rt.db,
    attempt,
    {
      attemptId: attempt.id,
      userId: attempt.user_id,
      amazonCodeHash,
      runId,
      runningUntil: rt.now() + FIRST_LEASE_MS,
    },
    rt.now(),
    presentation.condition,
  );
  if (!claimed.attempt || !claimed.skill) return { outcome: "expired" };
  if (claimed.attempt.run_id !== runId) {
    return standing(claimed.attempt, rt.now(), amazonCodeHash) ?? { outcome: "session_ended" };
  }
  const work = runAttempt(rt, {
    attempt: { ...claimed.attempt, run_id: runId },
    skill: claimed.skill,
    state,
    code,
    faultsEndIt: presentation.faultsEndIt,
  });
  rt.background(work.catch(() => {}));
  const run = await work;
  // Of what the codes of this run have made, more may have ended than one.
  deliverSoon(rt);
  if (run.outcome === "linked") rt.metrics.count("linking_linked", attempt.skill_id);
  if (run.outcome === "failed") rt.metrics.count("linking_failed", attempt.skill_id);
  if (run.outcome !== "lost") return completionOf(run);
  const now = await readAttemptByState(rt.db, await hashOfState(state));
  return (now && standing(now, rt.now(), amazonCodeHash)) ?? { outcome: "in_progress" };
}

function completionOf(run: Exclude<RunOutcome, { outcome: "lost" }>): Completion {
  return run.outcome === "failed" ? { outcome: "ended", as: "failed", reason: run.reason } : run;
}

/** Presents the error that Amazon's callback carried: `access_denied` cancels, anything else fails the attempt. */
export async function presentError(rt: Runtime, presentation: Presentation, error: string): Promise<Completion> {
  const { attempt } = presentation;
  const stands = standing(attempt, rt.now(), null);
  if (stands) return stands;
  const reason = reasonOfAmazonError(error);
  // Amazon's own words are for the operator; pages and URLs get ours (L5).
  rt.log.warn("amazon_error", { attemptId: attempt.id, traceId: attempt.trace_id, error: error.slice(0, 200) });
  const as = reason === "amazon_denied" ? "cancelled" : "failed";
  const also = presentation.condition ?? { sql: "TRUE", params: [] };
  const ended = await endOpenAttempt(rt, attempt, {
    outcome: as,
    reason,
    condition: {
      sql: `user_id = ? AND expires_at > ? AND (running_until IS NULL OR running_until <= ?) AND ${also.sql}`,
      params: [attempt.user_id, rt.now(), rt.now(), ...also.params],
    },
  });
  if (!ended) return { outcome: "session_ended" };
  rt.metrics.count(`linking_${as}`, attempt.skill_id);
  return { outcome: "ended", as, reason };
}

/**
 * Somebody who did not start the linking presented what Amazon answered (S1): while it is pending it ends as failed, with an alert. A
 * linking that has ended stays as it is.
 */
export async function refuseWrongUser(rt: Runtime, attempt: StartedAttempt, userId: string): Promise<void> {
  if (attempt.outcome !== "pending") return;
  await endOpenAttempt(rt, attempt, {
    outcome: "failed",
    reason: "wrong_user",
    condition: { sql: "user_id <> ?", params: [userId] },
    audit: { kind: "linking_wrong_user", alert: true, userId, details: "started by another user" },
  });
  rt.log.alert("linking_wrong_user", { attemptId: attempt.id, traceId: attempt.trace_id });
}

async function endOpenAttempt(
  rt: Runtime,
  attempt: StartedAttempt,
  end: Omit<FailedEnd, "attemptId" | "alongside">,
): Promise<boolean> {
  const alongside = await unlinksInDoubt(rt, attempt);
  return endAsFailed(rt.db, { ...end, attemptId: attempt.id, alongside }, rt.now());
}

/** Hosts that may have linked in a run that was let go or died: the skill is disabled there when the linking ends without success. */
async function unlinksInDoubt(rt: Runtime, attempt: StartedAttempt): Promise<D1PreparedStatement[]> {
  const hosts = hostsInDoubt(attempt);
  if (!attempt.amazon_tokens || hosts.length === 0) return [];
  const tokens = await openTokens(rt.keyring, { attemptId: attempt.id }, attempt.amazon_tokens);
  return unlinksOf(rt, attempt, tokens ?? null, hosts);
}

/**
 * Ends attempts that got as far as Amazon's tokens and were not completed in time: grants and codes born from them go, and what Alexa may
 * have enabled is disabled. For the scheduled work. The number ended.
 */
export async function abandonExpiredAttempts(rt: Runtime, limit: number): Promise<number> {
  const expired = await readExpiredAttempts(rt.db, rt.now(), limit);
  for (const attempt of expired) {
    await endOpenAttempt(rt, attempt, {
      outcome: "abandoned",
      reason: "not_completed",
      condition: { sql: "(running_until IS NULL OR running_until <= ?)", params: [rt.now()] },
    });
  }
  return expired.length;
}
