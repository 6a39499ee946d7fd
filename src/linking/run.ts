// One run of an attempt: Amazon's code → Amazon's tokens → enablement call with our code → one grant or none.
import { failureRule } from "../amazon/enablement-failures.ts";
import { type AmazonCode, exchangeAmazonCode } from "../amazon/lwa.ts";
import type { Runtime } from "../runtime.ts";
import {
  type AmazonTokens,
  attemptTokensContext,
  grantTokensContext,
  openTokens,
  sealTokens,
} from "../storage/amazon/amazon-tokens.ts";
import {
  ATTEMPT_ENDED_BY,
  type CandidateGrant,
  endAsFailed,
  endAsLinked,
  type FailedEnd,
  readCandidateGrants,
} from "../storage/attempts/outcomes.ts";
import { endRun, noteRunStep, type RunKey, type StartedAttempt } from "../storage/attempts/started.ts";
import { lwaCredentials, type Skill, scopesOf } from "../storage/skills/skills.ts";
import type { Step } from "../storage/steps.ts";
import { type Enabled, enableAnywhere } from "./enable.ts";
import type { FailureReason } from "./reasons.ts";
import { codeVerifierOf, type LinkingState } from "./state.ts";

/** For all calls to Amazon of one run. */
const RUN_BUDGET_MS = 30_000;
/** Longer than a whole run. If an isolate dies, the attempt stays `in_progress` until this is over. */
export const RUN_LIMIT_MS = 45_000;

export interface TransientFailure {
  readonly outcome: "transient";
  readonly code: "amazon_unavailable" | "enablement_unavailable";
  /** Seconds, when Amazon named a time. */
  readonly retryAfter: number | undefined;
}

export type RunOutcome =
  | { readonly outcome: "linked" }
  | { readonly outcome: "failed"; readonly reason: FailureReason }
  /** The attempt is as it was before, with Amazon's tokens if they came. */
  | TransientFailure
  /** Another request has ended the attempt. */
  | { readonly outcome: "lost" };

export interface Run {
  readonly runId: string;
  readonly attempt: StartedAttempt;
  readonly skill: Skill;
  readonly state: LinkingState;
  readonly code: AmazonCode;
  /** A browser goes back to its return URL in any case: transient failures end the attempt too. */
  readonly failuresEndIt: boolean;
}

/** What the run got of Amazon. */
interface Held {
  /** As soon as there are some: they are stored again when a later storage call fails. */
  tokens: AmazonTokens | null;
  /** What Amazon responded and is not stored yet: the next write takes it along, so that it costs none of its own. */
  readonly responses: Step[];
}

/** Runs to the end. After a `StorageFault`, which is thrown, the run is ended at once if possible, else by time. */
export async function runAttempt(rt: Runtime, run: Run): Promise<RunOutcome> {
  const held: Held = { tokens: null, responses: [] };
  try {
    return await link(rt, run, held);
  } catch (error) {
    await endTransiently(rt, run, "storage_fault", held).catch(() => {});
    throw error;
  }
}

function keyOf({ runId, attempt }: Run): RunKey {
  return { attemptId: attempt.id, runId };
}

async function link(rt: Runtime, run: Run, held: Held): Promise<RunOutcome> {
  const { attempt, skill } = run;
  const deadline = rt.now() + RUN_BUDGET_MS;
  const credentials = await lwaCredentials(rt, skill);
  if (!credentials) return fail(rt, run, "lwa_credentials_missing", held);

  const context = attemptTokensContext(attempt.id);
  if (attempt.amazonTokens !== null) held.tokens = await openTokens(rt, context, attempt.amazonTokens);
  if (!held.tokens) {
    const response = await exchangeAmazonCode(rt, credentials, {
      code: run.code,
      redirectUri: attempt.redirectUri,
      codeVerifier: await codeVerifierOf(rt, attempt.id, run.state),
    });
    held.responses.push({ name: `lwa_response:${response.response}`, at: rt.now() });
    if (response.outcome === "rejected") return fail(rt, run, `amazon_code_rejected_${response.error}`, held);
    if (response.outcome === "unavailable")
      return failTransiently(rt, run, "amazon_unavailable", held, response.retryAfter);
    held.tokens = response.tokens;
    const also = { responses: held.responses, sealedTokens: await sealTokens(rt.keyring, context, response.tokens) };
    if (!(await noteRunStep(rt.db, keyOf(run), "amazon_tokens_received", rt.now(), also))) return stop(rt, run, held);
    held.responses.length = 0;
  }
  const scope = scopesOf(skill, "user")
    .map(({ name }) => name)
    .join(" ");
  const granted = { scope, resource: skill.resource };
  const { tokens, responses } = held;
  const enabled = await enableAnywhere(rt, attempt, keyOf(run), granted, tokens.accessToken, deadline, responses);
  if (enabled.outcome === "lost") return stop(rt, run, held);
  if (enabled.outcome === "linked") return succeed(rt, run, { tokens, responses }, enabled);
  return failureRule(enabled.reason).code === "enablement_unavailable"
    ? failTransiently(rt, run, enabled.reason, held, enabled.retryAfter)
    : fail(rt, run, enabled.reason, held);
}

async function succeed(
  rt: Runtime,
  run: Run,
  held: Held & { readonly tokens: AmazonTokens },
  enabled: Enabled,
): Promise<RunOutcome> {
  const { attempt, runId } = run;
  const { tokens, responses } = held;
  const grants = await readCandidateGrants(rt.db, attempt);
  if (grants.some((grant) => grant.id === enabled.grantId && grant.revokedAt !== null)) return stop(rt, run, held);
  const live = grants.filter((grant) => grant.revokedAt === null);
  const grantId = winningGrant(live, attempt.id, enabled);
  if (!grantId) {
    // This link is of another account of ours or of none: we must not end it, unless the person was erased.
    const holds = await noteRunStep(rt.db, keyOf(run), "grant_missing", rt.now(), { responses });
    responses.length = 0;
    return holds ? fail(rt, run, "enablement_code_not_redeemed", held) : stop(rt, run, held);
  }
  const ended = await endAsLinked(
    rt.db,
    {
      attemptId: attempt.id,
      runId,
      userId: attempt.userId,
      skillId: attempt.skillId,
      grantId,
      host: enabled.host,
      alexaUserId: enabled.alexaUserId,
      sealedTokens: await sealTokens(rt.keyring, grantTokensContext(grantId, "enablement"), tokens),
      accessExpiresAt: tokens.accessExpiresAt,
      responses,
    },
    rt.now(),
  );
  if (!ended) return stop(rt, run, held);
  rt.log.info("linking_linked", { traceId: attempt.id, grantId, byLook: enabled.byLook });
  return { outcome: "linked" };
}

/**
 * The grant that Alexa holds now: that of the winning call; else one of an earlier call of this attempt, whose response
 * came late; else one that is known to be of this Alexa user. When only GET reports the link, also one of the user that
 * came through the Alexa app.
 */
function winningGrant(grants: readonly CandidateGrant[], attemptId: string, enabled: Enabled): string | undefined {
  const winner =
    grants.find((grant) => grant.id === enabled.grantId) ??
    grants.find((grant) => grant.attemptId === attemptId) ??
    grants.find((grant) => enabled.alexaUserId !== null && grant.alexaUserId === enabled.alexaUserId) ??
    (enabled.byLook ? grants.find((grant) => grant.hasTokens === 0 && grant.alexaUserId === null) : undefined);
  return winner?.id;
}

/** The attempt, the grant or the person has gone meanwhile. */
function stop(rt: Runtime, run: Run, held: Held): Promise<RunOutcome> {
  return fail(rt, run, "unlinked_meanwhile", held);
}

async function fail(rt: Runtime, run: Run, reason: FailureReason, { responses }: Held): Promise<RunOutcome> {
  const { attempt, runId } = run;
  const by = ATTEMPT_ENDED_BY.run(runId);
  const ended = await endAttempt(rt, attempt.id, { outcome: "failed", reason, by, responses });
  rt.log.warn("linking_failed", { traceId: attempt.id, reason });
  return ended ? { outcome: "failed", reason } : { outcome: "lost" };
}

/** Ends an attempt without success. Disabling at Amazon starts at the first host, which leads to the right one. */
export function endAttempt(
  rt: Runtime,
  attemptId: string,
  end: Omit<FailedEnd, "attemptId" | "host">,
): Promise<boolean> {
  return endAsFailed(rt.db, { ...end, attemptId, host: rt.config.amazon.apiHosts[0] ?? "" }, rt.now());
}

async function failTransiently(
  rt: Runtime,
  run: Run,
  reason: FailureReason,
  held: Held,
  retryAfter: number | undefined,
): Promise<RunOutcome> {
  if (run.failuresEndIt || rt.now() >= run.attempt.expiresAt) return fail(rt, run, reason, held);
  await endTransiently(rt, run, reason, held);
  rt.metrics.count(`linking_failed_${reason}`, run.attempt.skillId);
  const code = reason === "amazon_unavailable" ? "amazon_unavailable" : "enablement_unavailable";
  return { outcome: "transient", code, retryAfter };
}

async function endTransiently(rt: Runtime, run: Run, step: string, { tokens, responses }: Held): Promise<void> {
  const sealedTokens = tokens && (await sealTokens(rt.keyring, attemptTokensContext(run.attempt.id), tokens));
  await endRun(rt.db, keyOf(run), step, { responses, sealedTokens }, rt.now());
}
