// Enablement over Alexa's regions: one fresh code of ours per call, GET where the answer leaves it open (L1, L2, L3).
import { enablementHosts, readEnablement, regionOf, requestEnablement } from "../amazon/enablement.ts";
import { type EnablementFailureReason, failureRule, mostSpecific } from "../amazon/enablement-failures.ts";
import { randomId } from "../crypto/random.ts";
import { mintEnablementCode } from "../oauth/codes.ts";
import type { Runtime } from "../runtime.ts";
import { advanceRun, hostsInDoubt, runHolds, type StartedAttempt } from "../storage/attempts/started.ts";

/** Longer than one call, the look after it, a pause that Alexa asked for, and the storage around them. */
export const ATTEMPT_LEASE_MS = 25_000;
/** Kept for the look after a call. */
const LOOK_MS = 2000;
/** For less than this no call is begun. */
const SHORTEST_CALL_MS = LOOK_MS + 1000;
/** A longer pause is for the app to make. */
const LONGEST_PAUSE_MS = 5000;

export type EnableOutcome =
  | {
      readonly outcome: "linked";
      readonly host: string;
      /** Of the code that went with the winning call. */
      readonly grantId: string;
      readonly alexaUserId: string | null;
      /** Known from GET, not from the call itself. */
      readonly byLook: boolean;
    }
  | {
      readonly outcome: "failed";
      readonly reason: EnablementFailureReason;
      /** Seconds, when Alexa named a time. */
      readonly retryAfter: number | undefined;
      /** Hosts where Alexa may hold a link: neither the call nor GET gave an answer, or the run that made the call died. */
      readonly inDoubt: readonly string[];
    }
  /** Somebody else has ended the attempt. */
  | { readonly outcome: "lost"; readonly inDoubt: readonly string[] };

/**
 * Tries the customer's regions until one links, all of them within `deadline` (milliseconds): what is left of the time is shared by those not
 * yet asked. A host that names a short `Retry-After` is asked once more at the end. Nothing is held in storage meanwhile: Alexa redeems our
 * code inside the call.
 */
export async function enableAnywhere(
  rt: Runtime,
  attempt: StartedAttempt & { readonly run_id: string },
  scope: string,
  accessToken: string,
  deadline: number,
): Promise<EnableOutcome> {
  const hosts = await enablementHosts(rt, accessToken, attempt.remembered_host);
  const queue = hosts.map((host) => ({ host, notBefore: 0 }));
  const failures: EnablementFailureReason[] = [];
  const inDoubt = new Set(hostsInDoubt(attempt));
  const run = { attemptId: attempt.id, runId: attempt.run_id };
  let retryAfter: number | undefined;
  for (const [index, { host, notBefore }] of queue.entries()) {
    const pause = Math.max(0, notBefore - rt.now());
    const share = Math.floor((deadline - rt.now() - pause) / Math.max(1, hosts.length - index));
    if (index > 0 && share < SHORTEST_CALL_MS) continue;
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
    const until = rt.now() + share;
    const grantId = randomId();
    const step = `enablement_${regionOf(rt, host).toLowerCase()}`;
    const [holds, code] = await Promise.all([
      // Noted before the call: a run that dies in it leaves word of where Alexa may hold a link.
      advanceRun(rt.db, run, step, rt.now() + ATTEMPT_LEASE_MS, rt.now(), { inDoubt: new Set([...inDoubt, host]) }),
      mintEnablementCode(
        rt,
        {
          attemptId: attempt.id,
          grantId,
          clientId: attempt.client_id,
          userId: attempt.user_id,
          redirectUri: attempt.redirect_uri,
          scope,
        },
        runHolds(attempt.id, attempt.run_id),
      ),
    ]);
    if (!holds) return { outcome: "lost", inDoubt: [...inDoubt] };
    const answer = await requestEnablement(
      rt,
      host,
      {
        accessToken,
        skillId: attempt.skill_id,
        stage: attempt.stage,
        redirectUri: attempt.redirect_uri,
        code,
      },
      until - rt.now() - LOOK_MS,
    );
    if (answer.linked) {
      return { outcome: "linked", host, grantId, alexaUserId: answer.alexaUserId, byLook: false };
    }
    const rule = failureRule(answer.reason);
    if (rule.undecided) {
      const look = await readEnablement(rt, host, { accessToken, skillId: attempt.skill_id }, until - rt.now());
      if (look.state === "linked") {
        return { outcome: "linked", host, grantId, alexaUserId: look.alexaUserId, byLook: true };
      }
      if (look.state === "unknown") inDoubt.add(host);
      else inDoubt.delete(host);
    }
    failures.push(answer.reason);
    if (rule.stop) break;
    if (answer.retryAfter !== undefined && rule.code === "enablement_unavailable") {
      retryAfter = Math.max(retryAfter ?? 0, answer.retryAfter);
      const pauseMs = answer.retryAfter * 1000;
      if (index < hosts.length && pauseMs <= LONGEST_PAUSE_MS) queue.push({ host, notBefore: rt.now() + pauseMs });
    }
  }
  const reason = mostSpecific(failures) ?? "enablement_unreachable";
  return { outcome: "failed", reason, retryAfter, inDoubt: [...inDoubt] };
}
