// Compares Amazon's metrics with ours: which metric is which, and how they differ.
import type { MetricQuery, Series } from "../amazon/metric-series.ts";

const ENABLEMENTS = "Alexa.SkillEnablementEvents";
const ACTIVATION = "Alexa.AccountActivationEvents";

type Group = "initiated" | "completed";
type Kind = "count" | "mean" | "rate";

/** A metric that both sides have. */
interface Figure {
  readonly namespace: string;
  /** Amazon's name. */
  readonly name: string;
  /** The part of Amazon's metric; undefined: all of it. */
  readonly group?: Group;
  readonly label: string;
  /** Path in our metrics report. */
  readonly field: string;
  readonly kind: Kind;
}

function ofPlace(prefix: string, place: string, words: string): Figure[] {
  const figure = (name: string, label: string, field: string, kind: Kind, group?: Group): Figure => ({
    namespace: ACTIVATION,
    name,
    label: `${label}${words}`,
    field: `linking.${place}.${field}`,
    kind,
    ...(group ? { group } : {}),
  });
  return [
    figure(`${prefix}USERS`, "Users who started linking", "initiatingUsers", "count", "initiated"),
    figure(`${prefix}USERS`, "Users who completed linking", "completingUsers", "count", "completed"),
    figure(`${prefix}EVENTS`, "Initiations", "initiations", "count", "initiated"),
    figure(`${prefix}EVENTS`, "Completions", "completions", "count", "completed"),
    ...(prefix === "ALEXA_APP_"
      ? []
      : [figure(`${prefix || "TOTAL_"}COMPLETION_RATE`, "Completion rate", "completionRate", "rate")]),
    ...(prefix === ""
      ? []
      : [figure(`${prefix}INITIATIONS_PER_USER`, "Initiations per user", "initiationsPerUser", "mean")]),
  ];
}

/** Every metric that both Amazon's metrics API and our report have. docs/alexa.md has the same list. */
export function figures(): Figure[] {
  return [
    {
      namespace: ENABLEMENTS,
      name: "USERS",
      label: "Users who enabled the skill",
      field: "enablements.users",
      kind: "count",
    },
    ...ofPlace("", "total", ""),
    ...ofPlace("ALEXA_APP_", "alexaApp", ", Alexa app"),
    ...ofPlace("APP_TO_APP_", "appToApp", ", app-to-app"),
  ];
}

const idOf = ({ namespace, name }: Pick<Figure, "namespace" | "name">) =>
  namespace === ENABLEMENTS ? `enabled_${name}` : name;
/** The id of the query for events by day. */
const BY_DAY = "EVENTS_by_day";

/** The queries to Amazon: each metric once over the whole range, and events by day. */
export function metricQueries(): MetricQuery[] {
  const asked = new Map(
    figures().map(({ namespace, name }): [string, MetricQuery] => {
      const id = idOf({ namespace, name });
      return [id, { id, name, metricNamespace: namespace, aggregationPeriod: "SINGLE" }];
    }),
  );
  return [...asked.values(), { id: BY_DAY, name: "EVENTS", metricNamespace: ACTIVATION, aggregationPeriod: "BY_DAY" }];
}

/** One line of the comparison. Rates are shares, 0 to 1. null: that side has no value. */
export interface Compared {
  readonly label: string;
  /** Amazon's name. */
  readonly name: string;
  readonly kind: Kind;
  readonly amazon: number | null;
  readonly ours: number | null;
}

type Responses = ReadonlyMap<string, readonly Series[]>;
/** A part of our metrics report. */
export type Ours = object;

function numberAt(ours: Ours, path: string): number | null {
  let value: unknown = ours;
  for (const name of path.split(".")) value = (value as Readonly<Record<string, unknown>> | undefined)?.[name];
  return typeof value === "number" ? value : null;
}

const GROUPS: Readonly<Record<Group, RegExp>> = { initiated: /initiat|start/i, completed: /complet|success/i };

function inGroup(series: readonly Series[], group: Group | undefined): Series | undefined {
  return series.find((one) => (group === undefined || one.group === null ? false : GROUPS[group].test(one.group)));
}

/** The only series of a metric, where Amazon does not split it. */
function unsplit(series: readonly Series[]): Series | undefined {
  return series.length === 1 && series[0]?.group === null ? series[0] : undefined;
}

/** The value over the whole range; null if there is none, or more than one. */
function single(series: Series | undefined, kind: Kind): number | null {
  const [point, ...more] = series?.points ?? [];
  if (!point || more.length > 0) return null;
  // Whether Amazon gives 0.5 or 50 is not documented. Ours is never over 1 by much.
  return kind === "rate" && point.value > 1.5 ? point.value / 100 : point.value;
}

/**
 * Each of Amazon's metrics over the range with ours. Where Amazon returns one number for what we split, it is compared
 * with both of ours together: events are added, users are not, since a user who completes has also started.
 */
export function compareFigures(responses: Responses, ours: Ours): Compared[] {
  return figures().flatMap((figure): Compared[] => {
    const { name, label, kind, group, field } = figure;
    const series = responses.get(idOf(figure)) ?? [];
    const whole = unsplit(series);
    const line = { label, name, kind, ours: numberAt(ours, field) };
    if (group === undefined) return [{ ...line, amazon: single(whole, kind) }];
    if (!whole) return [{ ...line, amazon: single(inGroup(series, group), kind) }];
    if (group === "completed") return [];
    const both = name.endsWith("EVENTS")
      ? (numberAt(ours, field) ?? 0) + (numberAt(ours, field.replace("initiations", "completions")) ?? 0)
      : line.ours;
    return [
      {
        ...line,
        label: `${label}, together with those completed (one value)`,
        ours: both,
        amazon: single(whole, kind),
      },
    ];
  });
}

/** Initiations and completions of one day. */
export interface ComparedDay {
  /** Milliseconds since 1970: the day's start in UTC. */
  readonly at: number;
  readonly initiations: Pick<Compared, "amazon" | "ours">;
  readonly completions: Pick<Compared, "amazon" | "ours">;
}

/** Each day of ours with Amazon's, newest first; none if Amazon's values have no dates. */
export function compareDays(responses: Responses, days: readonly { readonly from: number }[]): ComparedDay[] {
  const series = responses.get(BY_DAY) ?? [];
  const amazonOn = (group: Group, at: number) =>
    inGroup(series, group)?.points.find((point) => point.at === at)?.value ?? null;
  const known = series.some(({ group, points }) => group !== null && points.some(({ at }) => at !== null));
  if (!known) return [];
  return days.toReversed().map((day) => ({
    at: day.from,
    initiations: { amazon: amazonOn("initiated", day.from), ours: numberAt(day, "linking.total.initiations") },
    completions: { amazon: amazonOn("completed", day.from), ours: numberAt(day, "linking.total.completions") },
  }));
}

/** Formats a value. */
export function shownFigure(value: number | null, kind: Kind): string {
  if (value === null) return "no value";
  if (kind === "rate") return `${(value * 100).toFixed(1)}%`;
  return kind === "mean" ? value.toFixed(2) : String(Math.round(value * 100) / 100);
}

/** The text for no difference. */
export const SAME = "the same";

/** The difference in words. */
export function difference({ amazon, ours, kind }: Pick<Compared, "amazon" | "ours" | "kind">): string {
  if (amazon === null && ours === null) return "neither has a value";
  if (amazon === null) return "Amazon has no value";
  if (ours === null) return "we have no value";
  const by = amazon - ours;
  const shown = kind === "rate" ? `${(Math.abs(by) * 100).toFixed(1)} points` : shownFigure(Math.abs(by), kind);
  if (Math.abs(by) < (kind === "count" ? 1e-9 : 0.0005)) return SAME;
  return `${by > 0 ? "+" : "−"}${shown}: Amazon has ${by > 0 ? "more" : "fewer"}`;
}
