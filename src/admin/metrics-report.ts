// The metrics report: account activation in Amazon's terms and token requests, for a range and for each of its periods.
import type { Runtime } from "../runtime.ts";
import {
  type ActivationRows,
  type Counts,
  type Dimension,
  type Enablements,
  type EventCounts,
  readActivation,
  type Stretch,
} from "../storage/maintenance/activation.ts";
import { type OAuthFigures, type OAuthReport, oauthFigures } from "./oauth-figures.ts";

export interface Linking {
  readonly initiations: number;
  readonly completions: number;
  readonly initiatingUsers: number;
  readonly completingUsers: number;
  /** Completions ÷ initiations. Over 1 if attempts of an earlier period completed. null without initiations. */
  readonly completionRate: number | null;
  readonly initiationsPerUser: number | null;
}

/** As in `OAuthFigures`; null if token requests are not counted by the requested dimension. */
type MaybeOAuth = { readonly [Name in keyof OAuthFigures]: OAuthFigures[Name] | null };

export interface Totals {
  /** null if enablements are not counted by the requested dimension. */
  readonly enablements: { readonly users: number | null };
  readonly linking: { readonly alexaApp: Linking; readonly appToApp: Linking; readonly total: Linking };
  readonly oauth: { readonly [Grant in keyof OAuthReport]: MaybeOAuth };
  /** All counters by name. */
  readonly counts: Readonly<Record<string, number>>;
}

export interface ReportItem extends Totals {
  /** Milliseconds since 1970: inclusive. */
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  /** The value of `groupBy`; null if it is unknown. */
  readonly group: string | null;
}

export interface MetricsQuery {
  /** Milliseconds since 1970: start of the range, and of its first period. */
  readonly from: number;
  /** End of the range and of its last period, exclusive. */
  readonly to: number;
  /** The starts of all periods, ascending. The first is `from`. */
  readonly starts: readonly number[];
  readonly only?: Readonly<Partial<Record<Dimension, string>>>;
  readonly groupBy?: Dimension | undefined;
}

export interface MetricsReport {
  readonly totals: Totals;
  /** By period, then by group. */
  readonly items: readonly ReportItem[];
  /** Of all registered skills. */
  readonly skillIds: readonly string[];
}

/** Joins consecutive periods of the same length. A year of days has several stretches, because the clocks change. */
function stretchesOf({ starts, to }: MetricsQuery): Stretch[] {
  const stretches: Stretch[] = [];
  for (const [first, from] of starts.entries()) {
    const end = starts[first + 1] ?? to;
    const last = stretches.at(-1);
    if (last?.length === end - from) stretches[stretches.length - 1] = { ...last, to: end };
    else stretches.push({ first, from, to: end, length: end - from });
  }
  return stretches;
}

const ratio = (part: number, whole: number) => (whole === 0 ? null : part / whole);

function linking(initiations: number, completions: number, initiatingUsers: number, completingUsers: number): Linking {
  return {
    initiations,
    completions,
    initiatingUsers,
    completingUsers,
    completionRate: ratio(completions, initiations),
    initiationsPerUser: ratio(initiations, initiatingUsers),
  };
}

const UNKNOWN: MaybeOAuth = {
  requests: null,
  succeeded: null,
  successRate: null,
  p50: null,
  p90: null,
  p99: null,
  over1s: null,
  over4500ms: null,
};

interface Part {
  initiations?: EventCounts;
  completions?: EventCounts;
  enablements?: Enablements;
  counts?: Counts;
}

function totalsOf({ initiations: i, completions: c, enablements, counts }: Part, knowsOnlySkills: boolean): Totals {
  const alexaApp = [i?.alexaApp ?? 0, c?.alexaApp ?? 0] as const;
  const counted = counts === undefined ? {} : (JSON.parse(counts.counts) as Record<string, number>);
  const appToApp = [i?.appToApp ?? 0, c?.appToApp ?? 0] as const;
  return {
    enablements: { users: knowsOnlySkills ? (enablements?.users ?? 0) : null },
    linking: {
      alexaApp: linking(...alexaApp, i?.alexaAppUsers ?? 0, c?.alexaAppUsers ?? 0),
      appToApp: linking(...appToApp, i?.appToAppUsers ?? 0, c?.appToAppUsers ?? 0),
      total: linking(alexaApp[0] + appToApp[0], alexaApp[1] + appToApp[1], i?.users ?? 0, c?.users ?? 0),
    },
    oauth: knowsOnlySkills
      ? oauthFigures(counted)
      : { exchange: UNKNOWN, refresh: UNKNOWN, clientCredentials: UNKNOWN },
    counts: counted,
  };
}

const keyOf = (period: number, group: string | null) => JSON.stringify([period, group]);

function partsOf(rows: ActivationRows): Map<string, Part> {
  const parts = new Map<string, Part>();
  for (const name of ["initiations", "completions", "enablements", "counts"] as const) {
    for (const row of rows[name]) {
      const key = keyOf(row.period, row.group);
      parts.set(key, { ...parts.get(key), [name]: row });
    }
  }
  return parts;
}

/** The groups of a report: for `skill` all registered skills, otherwise the groups that have values. */
function groupsOf(query: MetricsQuery, parts: ReadonlyMap<string, Part>, skillIds: readonly string[]) {
  if (query.groupBy === undefined) return [null];
  const found = [...parts.keys()].map((key) => (JSON.parse(key) as [number, string | null])[1]);
  const { skill } = query.only ?? {};
  const registered = query.groupBy !== "skill" ? [] : skill === undefined ? skillIds : [skill];
  return [...new Set([...registered, ...found])].sort((a, b) => (a === null ? 1 : b === null ? -1 : a < b ? -1 : 1));
}

/** Reads the report in one round trip. What other isolates counted in the last two seconds may be missing. */
export async function metricsReport(rt: Runtime, query: MetricsQuery): Promise<MetricsReport> {
  await rt.metrics.flush();
  const { from, to, starts, only = {}, groupBy } = query;
  const whole = [{ first: 0, from, to, length: to - from }];
  const { skillIds, figures } = await readActivation(rt.db, [
    { stretches: whole, only, groupBy: undefined },
    { stretches: stretchesOf(query), only, groupBy },
  ]);
  const [total, single] = figures.map(partsOf);
  const parts = single ?? new Map<string, Part>();
  const ofRange = Object.keys(only).every((dimension) => dimension === "skill");
  const ofItems = ofRange && (groupBy === undefined || groupBy === "skill");
  const groups = groupsOf(query, parts, skillIds);
  return {
    totals: totalsOf(total?.get(keyOf(0, null)) ?? {}, ofRange),
    items: starts.flatMap((start, period) =>
      groups.map((group) => ({
        from: start,
        to: starts[period + 1] ?? to,
        group,
        ...totalsOf(parts.get(keyOf(period, group)) ?? {}, ofItems),
      })),
    ),
    skillIds,
  };
}
