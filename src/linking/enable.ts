// Enablement over Alexa's regions: one fresh code of ours per call, GET where the answer leaves it open (L1, L2, L3).
import { enablementHosts, readEnablement, regionOf, requestEnablement } from "../alexa/enablement.ts";
import { type EnablementFailureReason, failureRule, mostSpecific } from "../alexa/enablement-failures.ts";
import { mintEnablementCode } from "../authorization/codes.ts";
import { randomId } from "../crypto/random.ts";
import type { Runtime } from "../runtime.ts";
import { type AppLinking, advanceRun, runHolds } from "../storage/app-linkings.ts";

/** Longer than one call, the look after it and the storage around them. */
export const ATTEMPT_LEASE_MS = 25_000;

/** A call after which Alexa may or may not hold a link: neither it nor GET gave an answer. */
export interface UndecidedCall {
  readonly host: string;
  readonly grantId: string;
}

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
      readonly undecided: readonly UndecidedCall[];
    }
  /** Somebody else has ended the linking. */
  | { readonly outcome: "lost"; readonly undecided: readonly UndecidedCall[] };

/** Tries the customer's regions until one links. Nothing is held in storage meanwhile: Alexa redeems our code inside the call. */
export async function enableAnywhere(
  rt: Runtime,
  linking: AppLinking & { readonly run_id: string },
  scope: string,
  accessToken: string,
): Promise<EnableOutcome> {
  const hosts = await enablementHosts(rt, accessToken, linking.remembered_host);
  const failures: EnablementFailureReason[] = [];
  const undecided: UndecidedCall[] = [];
  const run = { linkingId: linking.id, runId: linking.run_id };
  for (const host of hosts) {
    const grantId = randomId();
    const step = `enablement_${regionOf(rt, host).toLowerCase()}`;
    const [holds, code] = await Promise.all([
      advanceRun(rt.db, run, step, rt.now() + ATTEMPT_LEASE_MS, rt.now()),
      mintEnablementCode(
        rt,
        {
          linkingId: linking.id,
          grantId,
          clientId: linking.client_id,
          userId: linking.user_id,
          redirectUri: linking.redirect_uri,
          scope,
        },
        runHolds(linking.id, linking.run_id),
      ),
    ]);
    if (!holds) return { outcome: "lost", undecided };
    const answer = await requestEnablement(rt, host, {
      accessToken,
      skillId: linking.skill_id,
      stage: linking.skill_stage,
      redirectUri: linking.redirect_uri,
      code,
    });
    if (answer.linked) {
      return { outcome: "linked", host, grantId, alexaUserId: answer.alexaUserId, byLook: false };
    }
    const rule = failureRule(answer.reason);
    if (rule.undecided) {
      const look = await readEnablement(rt, host, { accessToken, skillId: linking.skill_id });
      if (look.state === "linked") {
        return { outcome: "linked", host, grantId, alexaUserId: look.alexaUserId, byLook: true };
      }
      if (look.state === "unknown") undecided.push({ host, grantId });
    }
    failures.push(answer.reason);
    if (rule.stop) break;
  }
  return { outcome: "failed", reason: mostSpecific(failures) ?? "enablement_unreachable", undecided };
}
