// Claims whose request ended without an answer (503): nobody got their tokens, so the client's honest retry may take the code over.
// D1 decides: the claim on the code must still be that one, and its grant untouched. This only tells which claims they are.
import type { Runtime } from "../runtime.ts";
import { withinLimit } from "./codes.ts";

function keyOf(claimId: string): string {
  return `unanswered:${claimId}`;
}

/** Notes, in this isolate at once and then in KV, that a claim was not answered. Never throws: it runs while storage is failing. */
export function rememberUnanswered(rt: Runtime, claimId: string): void {
  rt.caches.rememberUnansweredClaim(claimId);
  const noted = rt.codes
    .put(keyOf(claimId), "1", { expirationTtl: rt.config.codeTtlSeconds })
    .catch((error: unknown) => rt.log.warn("unanswered_claim_not_noted", { message: String(error).slice(0, 200) }));
  rt.background(noted);
}

/** Whether a claim is known never to have been answered. Asked only when a code turns out to be spent. */
export async function isUnanswered(rt: Runtime, claimId: string): Promise<boolean> {
  if (rt.caches.isUnansweredClaim(claimId)) return true;
  try {
    return (await withinLimit(rt.codes.get(keyOf(claimId)))) !== null;
  } catch {
    return false;
  }
}
