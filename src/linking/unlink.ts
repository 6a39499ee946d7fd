// Unlinking: our grants end at once, in one batch; then the skill is disabled at Amazon, now or by the scheduled work.
import { disableEnablement, findEnablement } from "../amazon/enablement.ts";
import { EXPIRY_MARGIN_MS, freshAmazonTokens } from "../amazon/lwa.ts";
import type { Runtime } from "../runtime.ts";
import { openTokens, sealTokens } from "../storage/amazon/amazon-tokens.ts";
import {
  deletePendingUnlink,
  giveUpPendingUnlink,
  hasSuccessor,
  type PendingUnlink,
  replaceUnlinkTokens,
  revokeLinks,
  takeDueUnlinks,
  type Unlinker,
} from "../storage/amazon/unlinks.ts";
import { lwaCredentials, readSkill, type Skill } from "../storage/skills/skills.ts";
import { StorageFault } from "../storage/sql.ts";
import { deliverSoon } from "../webhooks/webhooks.ts";
import { withAmazonDeadline } from "./amazon-deadline.ts";

export type UnlinkOutcome =
  | { readonly outcome: "unlinked"; readonly amazon: "done" | "pending" }
  | { readonly outcome: "skill_not_found" | "grant_not_found" | "actor_gone" };

/** Revokes a user's grants for a skill; repeatable. Without `ask` the scheduled work disables it at Amazon. */
export async function unlinkSkill(
  rt: Runtime,
  target: { readonly userId: string; readonly skillId: string },
  by: Unlinker,
  ask = true,
): Promise<UnlinkOutcome> {
  const rows = await revokeLinks(rt.db, target, by, rt.now());
  if (!rows.actorHolds) return { outcome: "actor_gone" };
  if (!rows.skill) return { outcome: "skill_not_found" };
  deliverSoon(rt);
  return { outcome: "unlinked", amazon: await disableNow(rt, rows.pending, rows.skill, ask) };
}

/** The same for one grant of a user, whichever flow made it; with `skillId` only if it is of that skill. Repeatable. */
export async function unlinkGrant(
  rt: Runtime,
  target: { readonly userId: string; readonly grantId: string; readonly skillId?: string | undefined },
  by: Unlinker,
  ask = true,
): Promise<UnlinkOutcome> {
  const rows = await revokeLinks(rt.db, target, by, rt.now());
  if (!rows.actorHolds) return { outcome: "actor_gone" };
  if (!rows.found) return { outcome: "grant_not_found" };
  deliverSoon(rt);
  return { outcome: "unlinked", amazon: await disableNow(rt, rows.pending, undefined, ask) };
}

/** The same for all grants of a user, with skills and with the company's own apps. */
export async function unlinkEverything(rt: Runtime, userId: string, by: Unlinker): Promise<"done" | "pending"> {
  const { pending } = await revokeLinks(rt.db, { userId }, by, rt.now());
  deliverSoon(rt);
  return disableNow(rt, pending, undefined, true);
}

/** What fails stays in the queue. The grants are revoked already, so an error here does not fail the request. */
async function disableNow(
  rt: Runtime,
  pending: readonly PendingUnlink[],
  known: Skill | undefined,
  ask: boolean,
): Promise<"done" | "pending"> {
  if (!ask) return pending.length === 0 ? "done" : "pending";
  const done = await Promise.all(
    pending.map(async (row) => {
      const skill = row.skillId === known?.id ? known : await readSkill(rt.db, row.skillId);
      return withAmazonDeadline(rt, disable(rt, row, skill, row.createdAt < rt.now()), false);
    }),
  );
  return done.every(Boolean) ? "done" : "pending";
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

/** True when there is nothing left to do. `late`: time has passed since the grant ended. */
async function disableAtAmazon(
  rt: Runtime,
  row: PendingUnlink,
  skill: Skill | undefined,
  late: boolean,
): Promise<boolean> {
  const tokens = await openTokens(rt, row.sealedFor, row.tokens);
  const credentials = skill && (await lwaCredentials(rt, skill));
  // Without credentials an access token that is still good will do.
  const usable = credentials || tokens.accessExpiresAt - EXPIRY_MARGIN_MS > rt.now();
  if (!usable) {
    await giveUpPendingUnlink(rt.db, row, "lwa_credentials_missing", rt.now());
    return true;
  }
  const fresh = await freshAmazonTokens(rt, credentials, tokens);
  if (fresh.outcome === "unavailable") return false;
  let stored = row.tokens;
  // Tokens that have ended cannot disable anything.
  if (fresh.outcome === "fresh") {
    if (fresh.refreshed) {
      stored = await sealTokens(rt.keyring, row.sealedFor, fresh.tokens);
      await replaceUnlinkTokens(rt.db, row, stored);
    }
    const key = { accessToken: fresh.tokens.accessToken, skillId: row.skillId };
    const done = (late && (await needsNoDisabling(rt, row, key))) || (await disableEnablement(rt, row.host, key));
    if (!done) return false;
  }
  await deletePendingUnlink(rt.db, row.id, stored);
  return true;
}

/** Asks Alexa before a late disabling: the customer may have linked again, or a failed attempt left no link. */
async function needsNoDisabling(
  rt: Runtime,
  row: PendingUnlink,
  key: { readonly accessToken: string; readonly skillId: string },
): Promise<boolean> {
  const found = await findEnablement(rt, row.host, key);
  if (found.state === "not_linked") return true;
  if (!(await hasSuccessor(rt.db, row, found.state === "linked" ? found.alexaUserId : null))) return false;
  rt.log.info("unlink_superseded", { grantId: row.grantId });
  return true;
}

const GIVE_UP_AFTER_MS = 30 * 24 * 60 * 60_000;

/** Disables at Amazon at most `limit` pending enablements due at `dueAt` (milliseconds). Returns how many are done. */
export async function finishPendingUnlinks(rt: Runtime, limit: number, dueAt = rt.now()): Promise<number> {
  let done = 0;
  for (const row of await takeDueUnlinks(rt.db, dueAt, rt.now(), limit)) {
    const skill = await readSkill(rt.db, row.skillId);
    if (await disable(rt, row, skill, true)) done++;
    else if (rt.now() - row.createdAt > GIVE_UP_AFTER_MS) {
      await giveUpPendingUnlink(rt.db, row, "amazon_out_of_reach", rt.now());
    }
  }
  return done;
}
