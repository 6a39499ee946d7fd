// The metrics report: counters with Amazon's split into "Alexa app" and "app-to-app", and its completion rate.
import type { MetricCount } from "../storage/maintenance/metrics.ts";
import { rfc3339 } from "./paging.ts";

/** In Amazon's terms: an initiation is an attempt that started; a completion is one whose code Alexa redeemed. */
export interface Activation {
  readonly initiations: number;
  readonly completions: number;
  /** Completions ÷ initiations, or null without initiations. Over 1 if attempts of the previous period completed. */
  readonly completionRate: number | null;
}

export interface SplitActivation {
  readonly alexaApp: Activation;
  readonly appToApp: Activation;
  readonly total: Activation;
}

function activation(initiations: number, completions: number): Activation {
  return {
    initiations,
    completions,
    completionRate: initiations === 0 ? null : Math.round((completions / initiations) * 10_000) / 10_000,
  };
}

/** Amazon's split, computed from counters by name. */
export function splitActivation(counts: Readonly<Record<string, number>>): SplitActivation {
  const of = (...names: string[]) => names.reduce((sum, name) => sum + (counts[name] ?? 0), 0);
  const alexaApp = activation(of("authorize_shown"), of("code_redeemed_authorize"));
  const appToApp = activation(
    of("app_authorize_shown", "linking_started"),
    of("code_redeemed_app", "code_redeemed_enablement"),
  );
  return {
    alexaApp,
    appToApp,
    total: activation(alexaApp.initiations + appToApp.initiations, alexaApp.completions + appToApp.completions),
  };
}

interface Group {
  readonly at: number;
  readonly skillId: string;
  readonly counts: Record<string, number>;
}

/** One item per period and skill, oldest first, and the totals of all. */
export function metricsReport(rows: readonly MetricCount[], periodMs: number): object {
  const groups = new Map<string, Group>();
  const totals: Record<string, number> = {};
  for (const row of rows) {
    const key = `${row.at} ${row.skillId}`;
    const group = groups.get(key) ?? { at: row.at, skillId: row.skillId, counts: {} };
    group.counts[row.name] = row.count;
    groups.set(key, group);
    totals[row.name] = (totals[row.name] ?? 0) + row.count;
  }
  return {
    totals: { counts: totals, ...splitActivation(totals) },
    items: [...groups.values()].map((group) => ({
      from: rfc3339(group.at),
      to: rfc3339(group.at + periodMs),
      skillId: group.skillId === "" ? null : group.skillId,
      counts: group.counts,
      ...splitActivation(group.counts),
    })),
  };
}
