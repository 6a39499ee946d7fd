// Claims whose request ended in 503: nobody got their tokens, so the client's honest retry may take the code over.
// D1 decides (the claim's id must still be the one that was never answered); this only tells which id that is.
import type { Runtime } from "../runtime.ts";

const REMEMBERED_IN_ISOLATE = 1000;
const inIsolate = new Map<string, string>();

function keyOf(codeHash: string): string {
  return `unanswered:${codeHash}`;
}

/** Notes, in this isolate and in KV, that the claim was not answered. Never throws: it runs while storage is failing. */
export async function rememberUnanswered(rt: Runtime, codeHash: string, claimId: string): Promise<void> {
  if (inIsolate.size >= REMEMBERED_IN_ISOLATE) inIsolate.delete(inIsolate.keys().next().value as string);
  inIsolate.set(codeHash, claimId);
  try {
    await rt.codes.put(keyOf(codeHash), claimId, { expirationTtl: rt.config.codeTtlSeconds });
  } catch (error) {
    rt.log.warn("unanswered_claim_not_noted", { message: String(error).slice(0, 200) });
  }
}

/** The claim on this code that is known never to have been answered, or null. Asked only when a code turns out to be spent. */
export async function unansweredClaimOf(rt: Runtime, codeHash: string): Promise<string | null> {
  const remembered = inIsolate.get(codeHash);
  if (remembered !== undefined) return remembered;
  try {
    return await rt.codes.get(keyOf(codeHash));
  } catch {
    return null;
  }
}
