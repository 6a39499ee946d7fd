// The scheduled work: ends what expired, forgets what had its time, finishes unlinks, rotates keys, seals anew. In bounded steps.

import { abandonExpiredAttempts } from "../linking/complete.ts";
import { finishPendingUnlinks } from "../linking/unlink.ts";
import { rotateKeysWhenDue } from "../oauth/keys.ts";
import type { Runtime } from "../runtime.ts";
import { SWEEPS, sweep } from "../storage/maintenance/sweeps.ts";
import { deliverOrClear } from "../webhooks/webhooks.ts";
import { resealChunk } from "./reseal.ts";

export interface MaintenanceLimits {
  /** Rows that one sweep takes in one round. */
  readonly chunk: number;
  readonly rounds: number;
  readonly unlinks: number;
  /** By hand: an unlink that waits for its next try is tried at once. */
  readonly unlinksAtOnce?: boolean;
  readonly reseals: number;
  /** Ten messages each. */
  readonly webhookRounds: number;
}

/** Fits the time and the queries of one run, with room to spare; what is left waits for the next run, five minutes later. */
export const LIMITS: MaintenanceLimits = { chunk: 1000, rounds: 5, unlinks: 5, reseals: 200, webhookRounds: 10 };

export interface MaintenanceReport {
  /** Rows ended or deleted, by what they were. */
  readonly swept: Readonly<Record<string, number>>;
  readonly finishedUnlinks: number;
  readonly deliveredWebhooks: number;
  readonly resealed: number;
  readonly keyRotated: boolean;
  /** Work is left for the next run. */
  readonly more: boolean;
  /** Parts that failed; the others were done all the same. */
  readonly failed: readonly string[];
}

/** Runs all parts once. May run at any time, twice at once, and after a run that broke off. A failed part is logged and named. */
export async function runMaintenance(rt: Runtime, limits: MaintenanceLimits = LIMITS): Promise<MaintenanceReport> {
  const failed: string[] = [];
  const part = async <T>(name: string, otherwise: T, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      failed.push(name);
      rt.log.alert("maintenance_failed", { part: name, message: String(error).slice(0, 300) });
      return otherwise;
    }
  };
  await part("metrics", undefined, () => rt.metrics.flush());
  const abandoned = await part("attempts", 0, () => abandonExpiredAttempts(rt, limits.unlinks));
  const swept = await part("sweep", { counts: {}, more: true }, () => sweepAll(rt, limits));
  const resealed = await part("reseal", 0, () => resealChunk(rt, limits.reseals));
  const keyRotated = await part("keys", false, () => rotateKeysWhenDue(rt));
  const deliveredWebhooks = await part("webhooks", 0, () => deliverOrClear(rt, limits.webhookRounds));
  // Last: Amazon may be slow, and nothing else should wait for it.
  const dueAt = limits.unlinksAtOnce ? Number.MAX_SAFE_INTEGER : rt.now();
  const finishedUnlinks = await part("unlinks", 0, () => finishPendingUnlinks(rt, limits.unlinks, dueAt));
  const report: MaintenanceReport = {
    swept: { ...swept.counts, abandonedAttempts: (swept.counts.abandonedAttempts ?? 0) + abandoned },
    finishedUnlinks,
    deliveredWebhooks,
    resealed,
    keyRotated,
    more: swept.more || resealed >= limits.reseals || abandoned >= limits.unlinks,
    failed,
  };
  const total = Object.values(report.swept).reduce((sum, count) => sum + count, 0);
  rt.log.info("maintenance", { swept: total, finishedUnlinks, resealed, keyRotated, more: report.more });
  return report;
}

async function sweepAll(
  rt: Runtime,
  limits: MaintenanceLimits,
): Promise<{ counts: Record<string, number>; more: boolean }> {
  const counts: Record<string, number> = Object.fromEntries(SWEEPS.map(({ name }) => [name, 0]));
  let open = SWEEPS;
  for (let round = 0; round < limits.rounds && open.length > 0; round++) {
    const taken = await sweep(rt.db, open, rt.now(), limits.chunk);
    for (const [{ name }, count] of taken) counts[name] = (counts[name] ?? 0) + count;
    open = open.filter((one) => (taken.get(one) ?? 0) >= limits.chunk);
  }
  return { counts, more: open.length > 0 };
}
