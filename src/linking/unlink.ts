// Unlinking: ours ends at once, in one batch; then the skill is disabled at Amazon, now or by the scheduled work.
import { disableEnablement, findEnablement } from "../amazon/enablement.ts";
import { EXPIRY_MARGIN_MS, freshAmazonTokens } from "../amazon/lwa.ts";
import type { Runtime } from "../runtime.ts";
import { openTokens } from "../storage/amazon/amazon-tokens.ts";
import {
  claimPendingUnlink,
  duePendingUnlinks,
  forgetPendingUnlink,
  giveUpPendingUnlink,
  hasSuccessor,
  type PendingUnlink,
  replacePendingTokens,
  revokeLinks,
} from "../storage/amazon/unlinks.ts";
import { StorageFault } from "../storage/d1.ts";
import { lwaCredentials, readSkill, type Skill, UnreadableSecret } from "../storage/skills/skills.ts";
import { deliverSoon } from "../webhooks/webhooks.ts";
import { withAmazonDeadline } from "./amazon-deadline.ts";

export type UnlinkOutcome =
  | { readonly outcome: "unlinked"; readonly amazon: "done" | "pending" }
  | { readonly outcome: "skill_not_found" | "grant_not_found" };

/**
 * Ends all of a user's links with a skill; with none there it is done already. `ask` false: Amazon is left to the scheduled work.
 */
export async function unlinkSkill(
  rt: Runtime,
  target: { readonly userId: string; readonly skillId: string },
  ask = true,
): Promise<UnlinkOutcome> {
  const rows = await revokeLinks(rt.db, target, rt.now());
  if (!rows.skill) return { outcome: "skill_not_found" };
  deliverSoon(rt);
  return { outcome: "unlinked", amazon: await disableNow(rt, rows.pending, rows.skill, ask) };
}

/** Ends one link of a user, whichever way it was made; ended before, it is done already. With `skillId`: only if it is of that skill. */
export async function unlinkGrant(
  rt: Runtime,
  target: { readonly userId: string; readonly grantId: string; readonly skillId?: string | undefined },
  ask = true,
): Promise<UnlinkOutcome> {
  const rows = await revokeLinks(rt.db, target, rt.now());
  if (!rows.found) return { outcome: "grant_not_found" };
  deliverSoon(rt);
  const [first] = rows.pending;
  const skill = first ? await readSkill(rt.db, first.skill_id) : undefined;
  return { outcome: "unlinked", amazon: await disableNow(rt, rows.pending, skill, ask) };
}

/** What failed stays in its row. A fault of ours here is no fault of the unlinking, which has been committed. */
async function disableNow(
  rt: Runtime,
  pending: readonly PendingUnlink[],
  skill: Skill | undefined,
  ask: boolean,
): Promise<"done" | "pending"> {
  if (!ask) return pending.length === 0 ? "done" : "pending";
  const ended = await Promise.all(
    pending.map((row) => withAmazonDeadline(rt, disable(rt, row, skill, row.created_at < rt.now()), false)),
  );
  return ended.every((one) => one) ? "done" : "pending";
}

async function disable(rt: Runtime, row: PendingUnlink, skill: Skill | undefined, late: boolean): Promise<boolean> {
  try {
    return await disableAtAmazon(rt, row, skill, late);
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error;
    rt.log.warn("unlink_not_noted", { message: error.message.slice(0, 200) });
    return false;
  }
}

async function disableAtAmazon(
  rt: Runtime,
  row: PendingUnlink,
  skill: Skill | undefined,
  late: boolean,
): Promise<boolean> {
  const tokens = await openTokens(rt.keyring, { grantId: row.id, purpose: "enablement" }, row.tokens);
  const credentials = skill && (await lwaCredentialsIfReadable(rt, skill));
  // Without credentials an access token that is still good will do.
  const usable = tokens && (credentials || tokens.accessExpiresAt - EXPIRY_MARGIN_MS > rt.now());
  if (!usable) {
    await giveUpPendingUnlink(rt.db, row, tokens ? "lwa_credentials_missing" : "tokens_unreadable", rt.now());
    return true;
  }
  const fresh = await freshAmazonTokens(rt, credentials, tokens);
  if (fresh.outcome === "unavailable") return false;
  let held = row.tokens;
  if (fresh.outcome === "fresh") {
    if (fresh.refreshed) held = await replacePendingTokens(rt.db, rt.keyring, row, fresh.tokens);
    const key = { accessToken: fresh.tokens.accessToken, skillId: row.skill_id };
    const done = (late && (await isLinkedAnew(rt, row, key))) || (await disableEnablement(rt, row.host, key));
    if (!done) return false;
  }
  await forgetPendingUnlink(rt.db, row.id, held);
  return true;
}

/** Time has passed: disabling must not end a link that somebody has made with the same Amazon account since. */
async function isLinkedAnew(
  rt: Runtime,
  row: PendingUnlink,
  key: { readonly accessToken: string; readonly skillId: string },
): Promise<boolean> {
  const found = await findEnablement(rt, row.host, key);
  if (!(await hasSuccessor(rt.db, row, found.state === "linked" ? found.alexaUserId : null))) return false;
  rt.log.info("unlink_superseded", { grantId: row.id });
  return true;
}

async function lwaCredentialsIfReadable(rt: Runtime, skill: Skill) {
  try {
    return await lwaCredentials(rt, skill);
  } catch (error) {
    if (error instanceof UnreadableSecret) return undefined;
    throw error;
  }
}

const MINUTE_MS = 60_000;
const LONGEST_WAIT_MS = 6 * 60 * MINUTE_MS;
const GIVE_UP_AFTER_MS = 30 * 24 * 60 * MINUTE_MS;

/**
 * Disables at Amazon what could not be disabled at once: at most `limit` rows that are due at `dueAt` (milliseconds), each twice as late as
 * the last time. The number done.
 */
export async function finishPendingUnlinks(rt: Runtime, limit: number, dueAt = rt.now()): Promise<number> {
  let done = 0;
  for (const row of await duePendingUnlinks(rt.db, dueAt, limit)) {
    const wait = Math.min(MINUTE_MS * 2 ** Math.min(row.attempts, 12), LONGEST_WAIT_MS);
    if (!(await claimPendingUnlink(rt.db, row, rt.now() + wait))) continue;
    const skill = await readSkill(rt.db, row.skill_id);
    if (await disable(rt, row, skill, true)) done++;
    else if (rt.now() - row.created_at > GIVE_UP_AFTER_MS) {
      await giveUpPendingUnlink(rt.db, row, "amazon_out_of_reach", rt.now());
    }
  }
  return done;
}
