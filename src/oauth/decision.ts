// From a decision to the redirect that goes back: shared by our consent page and by the company's app.
import { sha256 } from "../crypto/hash.ts";
import type { Runtime } from "../runtime.ts";
import type { AttemptStart } from "../storage/attempts/attempts.ts";
import { type Decision, decideAttempt } from "../storage/attempts/consent.ts";
import type { CodeBinding, CodeOrigin } from "../storage/grants/codes.ts";
import type { Sql } from "../storage/sql.ts";
import { errorUri, successUri, type ValidatedAuthorizationRequest } from "./authorization-request.ts";
import { codeOfConsent, putBinding } from "./codes.ts";

export interface DecisionOrder {
  readonly request: ValidatedAuthorizationRequest;
  readonly start: AttemptStart;
  readonly grantId: string;
  /** The master key that sealed the transaction: the same one derives the same code. */
  readonly keyId: string;
  readonly decision: Decision;
  readonly userId: string;
  readonly browserHash: string | null;
  /** In SQL: the session of the browser, or the user behind a bearer token, may still act. */
  readonly actorHolds: Sql;
  readonly origin: Extract<CodeOrigin, "authorize" | "app">;
}

/**
 * Decides and gives the redirect. The KV copy and the D1 rows are both finished before this resolves; a repeat gives
 * the byte-identical redirect of the first decision. Throws `StorageFault` when D1 did not take the decision.
 */
export async function decide(
  rt: Runtime,
  order: DecisionOrder,
): Promise<{ readonly redirectTo: string } | "actor_gone" | "decided_by_another"> {
  const { request, start, userId } = order;
  const code = await codeOfConsent(rt, start.attemptId, userId, order.keyId);
  const at = rt.now();
  const codeExpiresAt = at + rt.config.codeTtlSeconds * 1000;
  const binding: CodeBinding = {
    origin: order.origin,
    attemptId: start.attemptId,
    grantId: order.grantId,
    clientId: request.client.id,
    userId,
    redirectUri: request.redirectUri,
    scope: request.scopes.join(" "),
    codeChallenge: request.codeChallenge,
    resource: request.client.resource,
  };
  const codeHash = await sha256(code);
  const [result] = await Promise.all([
    decideAttempt(rt.db, {
      start,
      decision: order.decision,
      userId,
      browserHash: order.browserHash,
      actorHolds: order.actorHolds,
      codeHash,
      binding,
      at,
      codeExpiresAt,
    }),
    order.decision === "allow" ? putBinding(rt, code, codeHash, binding) : undefined,
  ]);
  if (result.outcome !== "decided") return result.outcome;
  rt.log.info("consent_decided", {
    traceId: start.attemptId,
    clientId: request.client.id,
    decision: result.decision,
    stateLength: request.rawState?.length ?? 0,
  });
  rt.metrics.count(result.decision === "allow" ? "code_issued" : "consent_denied", request.client.skillId);
  const extras = { fromApp: order.origin === "app" };
  return {
    redirectTo:
      result.decision === "allow"
        ? successUri(request, code, extras)
        : errorUri(request, "access_denied", undefined, extras),
  };
}
