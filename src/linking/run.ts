// One run of a claimed attempt: Amazon's code → Amazon's tokens → enablement with our code → exactly one grant, or none.

import { failureRule } from "../amazon/enablement-failures.ts";
import { type AmazonCode, exchangeAmazonCode } from "../amazon/lwa.ts";
import type { Runtime } from "../runtime.ts";
import { type AmazonTokens, openTokens, sealTokens } from "../storage/amazon/amazon-tokens.ts";
import { pendingUnlinkStatement } from "../storage/amazon/unlinks.ts";
import {
  type CandidateGrant,
  clearAfterLostRun,
  endAsFailed,
  endAsLinked,
  readCandidateGrants,
} from "../storage/attempts/outcomes.ts";
import { advanceRun, releaseRun, type StartedAttempt } from "../storage/attempts/started.ts";
import type { Condition } from "../storage/d1.ts";
import { lwaCredentials, type Skill } from "../storage/skills/skills.ts";
import { ATTEMPT_LEASE_MS, type EnableOutcome, enableAnywhere } from "./enable.ts";
import type { FailureReason } from "./reasons.ts";
import { codeVerifierOf, type LinkingState } from "./state.ts";

/** Covers Login with Amazon, endpoint discovery and the storage around them; each enablement call moves it on. */
export const FIRST_LEASE_MS = 20_000;
/** For everything that is asked of Amazon in one run. */
const RUN_BUDGET_MS = 30_000;

export type ClaimedAttempt = StartedAttempt & { readonly run_id: string };

export type RunOutcome =
  | { readonly outcome: "linked" }
  | { readonly outcome: "failed"; readonly reason: FailureReason }
  /** The linking is as it was before, plus Amazon's tokens when they came. */
  | Passing
  | { readonly outcome: "lost" };

export interface Passing {
  readonly outcome: "passing";
  readonly code: "amazon_unavailable" | "enablement_unavailable";
  /** Seconds, when Amazon named a time. */
  readonly retryAfter: number | undefined;
}

export interface Run {
  readonly attempt: ClaimedAttempt;
  readonly skill: Skill;
  readonly state: LinkingState;
  readonly code: AmazonCode;
  /** A browser goes back to its return URL in any case: faults that pass end the linking too. */
  readonly faultsEndIt: boolean;
}

/** Runs to the end. Throws `StorageFault` when storage failed; the linking has been let go of then, if storage allowed it. */
export async function runAttempt(rt: Runtime, run: Run): Promise<RunOutcome> {
  const held: { tokens: AmazonTokens | null } = { tokens: null };
  try {
    return await go(rt, run, held);
  } catch (error) {
    // A lease that cannot be given back runs out by itself.
    await release(rt, run, "storage_fault", held.tokens, undefined).catch(() => {});
    throw error;
  }
}

async function go(rt: Runtime, run: Run, held: { tokens: AmazonTokens | null }): Promise<RunOutcome> {
  const { attempt, skill } = run;
  const deadline = rt.now() + RUN_BUDGET_MS;
  const credentials = await lwaCredentials(rt, skill);
  if (!credentials) return fail(rt, run, "lwa_credentials_missing", null, []);

  held.tokens = attempt.amazon_tokens
    ? await openTokens(rt.keyring, { attemptId: attempt.id }, attempt.amazon_tokens)
    : null;
  if (!held.tokens) {
    const answer = await exchangeAmazonCode(rt, credentials, {
      code: run.code,
      redirectUri: attempt.redirect_uri,
      codeVerifier: await codeVerifierOf(rt, attempt.id, run.state),
    });
    if (answer.outcome === "rejected") return fail(rt, run, `amazon_code_rejected_${answer.error}`, null, []);
    if (answer.outcome === "unavailable") return passOrFail(rt, run, "amazon_unavailable", null, [], answer.retryAfter);
    held.tokens = answer.tokens;
    const sealed = await sealTokens(rt.keyring, { attemptId: attempt.id }, answer.tokens);
    const holds = await advanceRun(
      rt.db,
      { attemptId: attempt.id, runId: attempt.run_id },
      "amazon_tokens_received",
      rt.now() + ATTEMPT_LEASE_MS,
      rt.now(),
      { sealedTokens: sealed },
    );
    if (!holds) return stop(rt, run, answer.tokens, []);
  }
  const scope = skill.scopes.map(({ name }) => name).join(" ");
  const enabled = await enableAnywhere(rt, attempt, scope, held.tokens.accessToken, deadline);
  if (enabled.outcome === "lost") return stop(rt, run, held.tokens, enabled.inDoubt);
  if (enabled.outcome === "linked") return succeed(rt, run, held.tokens, enabled);
  return failureRule(enabled.reason).code === "enablement_unavailable"
    ? passOrFail(rt, run, enabled.reason, held.tokens, enabled.inDoubt, enabled.retryAfter)
    : fail(rt, run, enabled.reason, held.tokens, enabled.inDoubt);
}

async function succeed(
  rt: Runtime,
  run: Run,
  tokens: AmazonTokens,
  enabled: EnableOutcome & { outcome: "linked" },
): Promise<RunOutcome> {
  const { attempt } = run;
  const made = [enabled.host];
  const grants = await readCandidateGrants(rt.db, attempt);
  if (grants.some((grant) => grant.id === enabled.grantId && grant.revoked_at !== null)) {
    return stop(rt, run, tokens, made);
  }
  const living = grants.filter((grant) => grant.revoked_at === null);
  const grantId = winningGrant(living, attempt.id, enabled);
  if (!grantId) {
    const ids = { attemptId: attempt.id, runId: attempt.run_id };
    const holds = await advanceRun(rt.db, ids, "grant_missing", rt.now() + ATTEMPT_LEASE_MS, rt.now(), {});
    // Alexa's link is of another account of ours, or of none: it is not ours to end. Unless the person, and the grant with them, was erased.
    return holds ? fail(rt, run, "enablement_code_not_redeemed", null, []) : stop(rt, run, tokens, made);
  }
  const ended = await endAsLinked(
    rt.db,
    {
      attemptId: attempt.id,
      runId: attempt.run_id,
      userId: attempt.user_id,
      skillId: attempt.skill_id,
      grantId,
      host: enabled.host,
      alexaUserId: enabled.alexaUserId,
      sealedTokens: await sealTokens(rt.keyring, { grantId, purpose: "enablement" }, tokens),
      accessExpiresAt: tokens.accessExpiresAt,
    },
    rt.now(),
  );
  if (!ended) return stop(rt, run, tokens, made);
  rt.log.info("linking_linked", { attemptId: attempt.id, traceId: attempt.trace_id, grantId, byLook: enabled.byLook });
  return { outcome: "linked" };
}

/** The grant, the linking or the person has gone meanwhile: what Alexa has or may have linked at these hosts ends there too. */
async function stop(rt: Runtime, run: Run, tokens: AmazonTokens, hosts: readonly string[]): Promise<RunOutcome> {
  const failed = await fail(rt, run, "unlinked_meanwhile", tokens, hosts);
  return failed.outcome === "failed" ? failed : lost(rt, run, tokens, hosts);
}

/**
 * The grant that Alexa holds now: that of the winning call; else one of an earlier call of this attempt, answered late; else one that
 * is known to be of this Alexa user. When only GET says "linked", also one of the user that came through the Alexa app.
 */
function winningGrant(
  grants: readonly CandidateGrant[],
  attemptId: string,
  enabled: EnableOutcome & { outcome: "linked" },
): string | undefined {
  const winner =
    grants.find((grant) => grant.id === enabled.grantId) ??
    grants.find((grant) => grant.attempt_id === attemptId) ??
    grants.find((grant) => enabled.alexaUserId !== null && grant.alexa_user_id === enabled.alexaUserId) ??
    (enabled.byLook ? grants.find((grant) => grant.has_tokens === 0 && grant.alexa_user_id === null) : undefined);
  return winner?.id;
}

function holdsRun(run: Run): Condition {
  return { sql: "run_id = ?", params: [run.attempt.run_id] };
}

async function fail(
  rt: Runtime,
  run: Run,
  reason: FailureReason,
  tokens: AmazonTokens | null,
  inDoubt: readonly string[],
): Promise<RunOutcome> {
  const ended = await endAsFailed(
    rt.db,
    {
      attemptId: run.attempt.id,
      outcome: "failed",
      reason,
      condition: holdsRun(run),
      alongside: await unlinksOf(rt, run.attempt, tokens, inDoubt),
    },
    rt.now(),
  );
  rt.log.warn("linking_failed", { attemptId: run.attempt.id, traceId: run.attempt.trace_id, reason });
  return ended ? { outcome: "failed", reason } : { outcome: "lost" };
}

async function passOrFail(
  rt: Runtime,
  run: Run,
  reason: FailureReason,
  tokens: AmazonTokens | null,
  inDoubt: readonly string[],
  retryAfter: number | undefined,
): Promise<RunOutcome> {
  if (run.faultsEndIt || rt.now() >= run.attempt.expires_at) return fail(rt, run, reason, tokens, inDoubt);
  await release(rt, run, reason, tokens, inDoubt);
  return {
    outcome: "passing",
    code: reason === "amazon_unavailable" ? "amazon_unavailable" : "enablement_unavailable",
    retryAfter,
  };
}

async function release(
  rt: Runtime,
  run: Run,
  step: string,
  tokens: AmazonTokens | null,
  inDoubt: readonly string[] | undefined,
): Promise<void> {
  const { attempt } = run;
  await releaseRun(
    rt.db,
    { attemptId: attempt.id, runId: attempt.run_id },
    {
      step,
      sealedTokens: tokens && (await sealTokens(rt.keyring, { attemptId: attempt.id }, tokens)),
      inDoubt,
    },
    rt.now(),
  );
}

async function lost(rt: Runtime, run: Run, tokens: AmazonTokens, inDoubt: readonly string[]): Promise<RunOutcome> {
  await clearAfterLostRun(rt.db, run.attempt.id, await unlinksOf(rt, run.attempt, tokens, inDoubt), rt.now());
  return { outcome: "lost" };
}

/** Enablements that Alexa has or may have made, and that nobody wants any more: written so that they end in the background. */
export function unlinksOf(
  rt: Runtime,
  attempt: StartedAttempt,
  tokens: AmazonTokens | null,
  hosts: readonly string[],
): Promise<D1PreparedStatement[]> {
  if (!tokens) return Promise.resolve([]);
  const { id: attemptId, skill_id: skillId } = attempt;
  return Promise.all(
    hosts.map((host) => pendingUnlinkStatement(rt.db, rt.keyring, { attemptId, skillId, host, tokens }, rt.now())),
  );
}
