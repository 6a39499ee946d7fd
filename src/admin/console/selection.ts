// The selection of the console's pages: a skill, a time range and a time zone, kept in the address of every page.
import type { AppContext } from "../../runtime.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The ranges to choose from: how many days, today included, and the length of the periods in charts. */
export const RANGES = {
  "1d": { days: 1, period: "hour", label: "today" },
  "7d": { days: 7, period: "day", label: "7 days" },
  "30d": { days: 30, period: "day", label: "30 days" },
  "90d": { days: 90, period: "day", label: "90 days" },
} as const;
export type RangeName = keyof typeof RANGES;

export interface Selection {
  /** undefined: all skills. */
  readonly skillId: string | undefined;
  readonly range: RangeName;
  /** A name that `Intl` knows, such as `Europe/Berlin`. */
  readonly zone: string;
  /** Milliseconds since 1970: the start of the first day in the zone. */
  readonly from: number;
  /** Milliseconds since 1970, exclusive: now. */
  readonly to: number;
}

/** The offset of `zone` from UTC at the time `at`, in milliseconds; positive east of UTC. */
export function zoneOffset(zone: string, at: number): number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) - (at - (at % 1000));
}

/** The start of the day in `zone`, `daysBefore` days before the day of `at`. */
export function startOfDay(zone: string, at: number, daysBefore = 0): number {
  const local = at + zoneOffset(zone, at);
  const midnight = local - (((local % DAY_MS) + DAY_MS) % DAY_MS) - daysBefore * DAY_MS;
  // The offset of that day: the clocks may have changed since.
  const guess = midnight - zoneOffset(zone, midnight - zoneOffset(zone, at));
  return midnight - zoneOffset(zone, guess);
}

/** Whether `Intl` knows the time zone. */
export function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: zone });
    return zone.length <= 64;
  } catch {
    return false;
  }
}

/** The selection in the page's address. Missing or unknown values get their defaults: all skills, 7 days, UTC. */
export function selectionOf(c: AppContext): Selection {
  const given = c.req.query("range") ?? "";
  const range = Object.hasOwn(RANGES, given) ? (given as RangeName) : "7d";
  const asked = c.req.query("zone") ?? "UTC";
  const zone = isZone(asked) ? asked : "UTC";
  const to = c.var.runtime.now() + 1;
  const from = startOfDay(zone, to - 1, RANGES[range].days - 1);
  return { skillId: c.req.query("skill") || undefined, range, zone, from, to };
}

/**
 * The starts of the selection's periods, oldest first: the days of its zone, 23 or 25 hours long when its clocks change,
 * or for one day its hours.
 */
export function startsOf({ range, zone, from, to }: Selection): number[] {
  const { days, period } = RANGES[range];
  if (period === "day") return Array.from({ length: days }, (_, i) => startOfDay(zone, to - 1, days - 1 - i));
  return Array.from({ length: Math.ceil((to - from) / HOUR_MS) }, (_, i) => from + i * HOUR_MS);
}

/** The same length of time before the selection, up to the same time of its last day. */
export function before(selection: Selection): Selection {
  const { days } = RANGES[selection.range];
  const { zone, from, to } = selection;
  return {
    ...selection,
    from: startOfDay(zone, from, days),
    to: Math.min(from, startOfDay(zone, to - 1, days) + (to - startOfDay(zone, to - 1))),
  };
}

/** The address of a console page with the selection, and parameters of its own. Undefined ones are left out. */
export function hrefOf(
  selection: Selection,
  path: string,
  parameters: Readonly<Record<string, string | undefined>> = {},
): string {
  const all = {
    skill: selection.skillId,
    range: selection.range === "7d" ? undefined : selection.range,
    zone: selection.zone === "UTC" ? undefined : selection.zone,
    ...parameters,
  };
  const query = new URLSearchParams(
    Object.entries(all).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]])),
  ).toString();
  return query === "" ? path : `${path}?${query}`;
}

/** The address of a customer's page. */
export function customerHref(selection: Selection, userId: string, parameters: Record<string, string> = {}): string {
  return hrefOf(selection, `/admin/customers/${encodeURIComponent(userId)}`, parameters);
}

/** The address of an attempt's page. */
export function attemptHref(selection: Selection, attemptId: string): string {
  return hrefOf(selection, `/admin/attempts/${encodeURIComponent(attemptId)}`);
}
