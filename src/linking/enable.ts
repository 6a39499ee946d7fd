// The enablement call over Alexa's regions: a fresh code for each call, and GET where the outcome is open.
import { enablementHosts, readEnablement, regionOf, requestEnablement } from "../amazon/enablement.ts";
import { type EnablementFailureReason, failureRule, mostSpecific } from "../amazon/enablement-failures.ts";
import { randomId } from "../crypto/random.ts";
import { mintEnablementCode } from "../oauth/codes.ts";
import type { Runtime } from "../runtime.ts";
import { noteRunStep, type RunKey, runHolds, type StartedAttempt } from "../storage/attempts/started.ts";
import type { Step } from "../storage/steps.ts";

/** Kept for the GET after a call. */
const LOOK_MS = 2000;
/** With less time than this no call is made. */
const SHORTEST_CALL_MS = LOOK_MS + 1000;
/** A longer pause is for the app to make. */
const LONGEST_PAUSE_MS = 5000;

export interface Enabled {
  readonly outcome: "linked";
  readonly host: string;
  /** Of the code that went with the winning call. */
  readonly grantId: string;
  readonly alexaUserId: string | null;
  /** Reported by GET, not by the call itself. */
  readonly byLook: boolean;
}

export type EnableOutcome =
  | Enabled
  | {
      readonly outcome: "failed";
      readonly reason: EnablementFailureReason;
      /** Seconds, when Alexa named a time. */
      readonly retryAfter: number | undefined;
    }
  /** Another request has ended the attempt. */
  | { readonly outcome: "lost" };

/**
 * Tries the customer's regions until one links, all of them before `deadline` (milliseconds): the hosts not yet asked
 * share the time that is left. A host that names a short `Retry-After` is asked once more at the end. No lock is held
 * meanwhile: Alexa redeems our code inside the call. `responses` are what Amazon responded and is not stored yet: the
 * next step is stored with them, and what Alexa responds is added.
 */
export async function enableAnywhere(
  rt: Runtime,
  attempt: StartedAttempt,
  run: RunKey,
  granted: { readonly scope: string; readonly resource: string | null },
  accessToken: string,
  deadline: number,
  responses: Step[],
): Promise<EnableOutcome> {
  const { id: attemptId, clientId, userId, skillId, stage, redirectUri } = attempt;
  const hosts = await enablementHosts(rt, accessToken, attempt.rememberedHost);
  const queue = hosts.map((host) => ({ host, notBefore: 0 }));
  const failures: EnablementFailureReason[] = [];
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
      noteRunStep(rt.db, run, step, rt.now(), { responses }),
      mintEnablementCode(rt, { attemptId, grantId, clientId, userId, redirectUri, ...granted }, runHolds(run)),
    ]);
    if (!holds) return { outcome: "lost" };
    responses.length = 0;
    const request = { accessToken, skillId, stage, redirectUri, code };
    const response = await requestEnablement(rt, host, request, until - rt.now() - LOOK_MS);
    responses.push({ name: `${step}_response:${response.response}`, at: rt.now() });
    if (response.linked) return { outcome: "linked", host, grantId, alexaUserId: response.alexaUserId, byLook: false };
    const rule = failureRule(response.reason);
    if (rule.undecided) {
      const look = await readEnablement(rt, host, { accessToken, skillId }, until - rt.now());
      responses.push({ name: `${step}_look:${look.state}`, at: rt.now() });
      if (look.state === "linked") {
        return { outcome: "linked", host, grantId, alexaUserId: look.alexaUserId, byLook: true };
      }
    }
    failures.push(response.reason);
    if (rule.stop) break;
    if (response.retryAfter !== undefined && rule.code === "enablement_unavailable") {
      retryAfter = Math.max(retryAfter ?? 0, response.retryAfter);
      const pauseMs = response.retryAfter * 1000;
      if (index < hosts.length && pauseMs <= LONGEST_PAUSE_MS) queue.push({ host, notBefore: rt.now() + pauseMs });
    }
  }
  return { outcome: "failed", reason: mostSpecific(failures) ?? "enablement_unreachable", retryAfter };
}
