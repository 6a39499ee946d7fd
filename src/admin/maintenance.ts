// Scheduled maintenance in bounded steps: expired and old rows, pending unlinks, key rotation, resealing, webhooks.

import { abandonExpiredAttempts } from "../linking/complete.ts";
import { finishPendingUnlinks } from "../linking/unlink.ts";
import { rotateKeysWhenDue } from "../oauth/keys.ts";
import type { Runtime } from "../runtime.ts";
import { SWEEPS, type Sweep, sweep } from "../storage/maintenance/sweeps.ts";
import { deliverOrClear } from "../webhooks/webhooks.ts";
import { evaluateAlerts } from "./alerts.ts";
import { resealChunk } from "./reseal.ts";

export interface MaintenanceLimits {
  /** Maximum number of rows per sweep and round. */
  readonly chunk: number;
  readonly rounds: number;
  /** The same for kinds of rows that strangers can write: enough that none is left. */
  readonly roundsOfStrangers: number;
  readonly unlinks: number;
  /** Retries pending unlinks before their next retry is due, and finds every alert. Set when an operator runs it. */
  readonly unlinksAtOnce?: boolean;
  readonly reseals: number;
  /** Rounds of ten messages. */
  readonly webhookRounds: number;
}

/** Within the time and query limits of one Cloudflare invocation. The next run, in five minutes, continues. */
export const LIMITS: MaintenanceLimits = {
  chunk: 1000,
  rounds: 5,
  roundsOfStrangers: 500,
  unlinks: 5,
  reseals: 200,
  webhookRounds: 10,
};

export interface MaintenanceReport {
  /** Number of rows changed or deleted, by sweep. */
  readonly swept: Readonly<Record<string, number>>;
  readonly finishedUnlinks: number;
  readonly deliveredWebhooks: number;
  readonly resealed: number;
  readonly keyRotated: boolean;
  readonly raisedAlerts: number;
  readonly clearedAlerts: number;
  /** Whether work is left for the next run. */
  readonly more: boolean;
  /** Names of the parts that failed. The other parts ran. */
  readonly failed: readonly string[];
}

/** Runs all parts once; safe to repeat and to run concurrently. A part that fails is logged and reported. */
export async function runMaintenance(rt: Runtime, limits: MaintenanceLimits = LIMITS): Promise<MaintenanceReport> {
  const failed: string[] = [];
  const part = async <T>(name: string, fallback: T, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      failed.push(name);
      rt.log.alert("maintenance_failed", { part: name, message: String(error).slice(0, 300) });
      return fallback;
    }
  };
  await part("metrics", undefined, () => rt.metrics.flush());
  const abandoned = await part("attempts", 0, () => abandonExpiredAttempts(rt, limits.unlinks));
  const failedSweep: SweepReport = { counts: {}, more: true };
  const ours = SWEEPS.filter(({ ofStrangers }) => !ofStrangers);
  const swept = await part("sweep", failedSweep, () => sweepAll(rt, ours, limits.chunk, limits.rounds));
  const resealed = await part("reseal", 0, () => resealChunk(rt, limits.reseals));
  const keyRotated = await part("keys", false, () => rotateKeysWhenDue(rt));
  const none = { raised: 0, cleared: 0 };
  // Before the webhooks, which report them.
  const alerts = await part("alerts", none, () =>
    evaluateAlerts(rt, { rotationFailed: failed.includes("keys"), atOnce: limits.unlinksAtOnce === true }),
  );
  const deliveredWebhooks = await part("webhooks", 0, () => deliverOrClear(rt, limits.webhookRounds));
  // Late: Amazon may be slow, and few other parts should wait for it.
  const dueAt = limits.unlinksAtOnce ? Number.MAX_SAFE_INTEGER : rt.now();
  const finishedUnlinks = await part("unlinks", 0, () => finishPendingUnlinks(rt, limits.unlinks, dueAt));
  // Last: strangers decide how long it takes.
  const theirs = SWEEPS.filter(({ ofStrangers }) => ofStrangers);
  const sweptLast = await part("sweep", failedSweep, () =>
    sweepAll(rt, theirs, limits.chunk, limits.roundsOfStrangers),
  );
  const counts = { ...swept.counts, ...sweptLast.counts };
  const report: MaintenanceReport = {
    swept: { ...counts, abandonedAttempts: (counts.abandonedAttempts ?? 0) + abandoned },
    finishedUnlinks,
    deliveredWebhooks,
    resealed,
    keyRotated,
    raisedAlerts: alerts.raised,
    clearedAlerts: alerts.cleared,
    more: swept.more || sweptLast.more || resealed >= limits.reseals || abandoned >= limits.unlinks,
    failed,
  };
  const total = Object.values(report.swept).reduce((sum, count) => sum + count, 0);
  rt.log.info("maintenance", { swept: total, finishedUnlinks, resealed, keyRotated, more: report.more });
  return report;
}

interface SweepReport {
  readonly counts: Readonly<Record<string, number>>;
  readonly more: boolean;
}

/** Sweeps in rounds until nothing is left, or `rounds` are over. */
async function sweepAll(rt: Runtime, sweeps: readonly Sweep[], chunk: number, rounds: number): Promise<SweepReport> {
  const counts: Record<string, number> = Object.fromEntries(sweeps.map(({ name }) => [name, 0]));
  let due = sweeps;
  for (let round = 0; due.length > 0 && round < rounds; round++) {
    const swept = await sweep(rt.db, due, rt.now(), chunk);
    for (const [{ name }, count] of swept) counts[name] = (counts[name] ?? 0) + count;
    due = due.filter((one) => (swept.get(one) ?? 0) >= chunk);
  }
  return { counts, more: due.length > 0 };
}
