// The metrics API of the Skill Management API, version 2, over what the simulated Alexa has counted itself.
import * as z from "zod";
import { type Activity, tally } from "../state/activity.ts";
import { recordIncoming, type SimulatorContext } from "../state/context.ts";
import { applyResponseFault, useSmapiFault } from "../state/faults.ts";
import { parse, refuse, refuseStranger } from "./smapi.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 1440 * MINUTE_MS;
/** Length of each period in milliseconds. `SINGLE` is the whole range. Days are those of UTC. */
const PERIODS = {
  SINGLE: undefined,
  BY_15: 15 * MINUTE_MS,
  BY_HOUR: 60 * MINUTE_MS,
  BY_DAY: DAY_MS,
  BY_WEEK: 7 * DAY_MS,
} as const;
const MOST_PERIODS = 1000;

/** A number for each group; `""` is the only group of a metric that is not split. No number: there is no data. */
type Measure = (activities: readonly Activity[]) => Readonly<Record<string, number | undefined>>;

const of = (activities: readonly Activity[], what: Activity["what"]) =>
  tally(activities.filter((activity) => activity.what === what));

const users: Measure = (all) => ({ INITIATED: of(all, "initiated").users, COMPLETED: of(all, "completed").users });
const events: Measure = (all) => ({ INITIATED: of(all, "initiated").events, COMPLETED: of(all, "completed").events });
const share = (part: number, whole: number) => (whole === 0 ? undefined : part / whole);
const completionRate: Measure = (all) => ({ "": share(of(all, "completed").events, of(all, "initiated").events) });
const initiationsPerUser: Measure = (all) => {
  const { events: started, users: persons } = of(all, "initiated");
  return { "": share(started, persons) };
};
const from =
  (place: Activity["from"], measure: Measure): Measure =>
  (all) =>
    measure(all.filter((activity) => activity.from === place));

const METRICS: Readonly<Record<string, Readonly<Record<string, Measure>>>> = {
  "Alexa.SkillEnablementEvents": { USERS: (all) => ({ "": of(all, "enabled").users }) },
  "Alexa.AccountActivationEvents": {
    USERS: users,
    EVENTS: events,
    ALEXA_APP_USERS: from("alexa_app", users),
    ALEXA_APP_EVENTS: from("alexa_app", events),
    ALEXA_APP_INITIATIONS_PER_USER: from("alexa_app", initiationsPerUser),
    APP_TO_APP_USERS: from("app_to_app", users),
    APP_TO_APP_EVENTS: from("app_to_app", events),
    APP_TO_APP_COMPLETION_RATE: from("app_to_app", completionRate),
    APP_TO_APP_INITIATIONS_PER_USER: from("app_to_app", initiationsPerUser),
    TOTAL_COMPLETION_RATE: completionRate,
  },
};

const querySchema = z
  .strictObject({
    id: z.string().min(1),
    label: z.string().optional(),
    name: z.string(),
    metricNamespace: z.string(),
    stat: z.enum(["count", "avg", "p50", "p90", "p99"]).optional(),
    aggregationPeriod: z.enum(["SINGLE", "BY_15", "BY_HOUR", "BY_DAY", "BY_WEEK"]),
    dimensions: z
      .array(z.strictObject({ name: z.enum(["Alexa.Stage", "Alexa.Locale"]), value: z.string().min(1) }))
      .optional(),
  })
  .refine(({ metricNamespace, name }) => METRICS[metricNamespace]?.[name] !== undefined, {
    path: ["name"],
    error: "is no metric of this namespace that the simulator has",
  });

const bodySchema = z
  .strictObject({
    startTime: z.int(),
    endTime: z.int(),
    metricQueries: z.array(querySchema).min(1).max(5),
  })
  .refine(({ startTime, endTime }) => startTime < endTime, { path: ["endTime"], error: "must be after startTime" });
type Query = z.infer<typeof querySchema>;

/** `POST /v2/skills/{skillId}/metrics`. */
export function serveMetrics(c: SimulatorContext): Promise<Response> {
  return serve(c, "reads the skill’s metrics", (body, exchange) => {
    const skillId = c.req.param("skillId") ?? "";
    const known = [...c.var.store.skills.values()].some((skill) => skill.skillId === skillId);
    if (!known) return refuse(exchange, 404, "The requested skill was not found", `There is no ${skillId}.`);
    const parsed = parse(bodySchema, body, exchange);
    if (parsed instanceof Response) return parsed;
    const { startTime, endTime, metricQueries } = parsed;
    if (metricQueries.some(({ aggregationPeriod: name }) => periodsOf(name, startTime, endTime).length > MOST_PERIODS))
      return refuse(exchange, 400, "Too many data points", `A query has at most ${MOST_PERIODS} periods here.`);
    exchange.note = "Amazon’s documents do not show this response. Its form is the one that public code reads.";
    if (c.var.store.faults.smapi?.metricsMalformed) return Response.json({ metrics: { data: "<b>none</b>" } });
    const own = c.var.store.activities.filter((activity) => activity.skillId === skillId);
    return Response.json({ results: metricQueries.map((query) => resultOf(query, own, startTime, endTime)) });
  });
}

/** `GET /v2/skills/metrics?metricNamespace=…`: the metrics of a namespace, or of all. */
export function serveMetricsList(c: SimulatorContext): Promise<Response> {
  return serve(c, "lists the metrics that Amazon has", (_, exchange) => {
    const asked = c.req.query("metricNamespace");
    if (asked !== undefined && !METRICS[asked]) return refuse(exchange, 400, "Unknown metricNamespace", asked);
    const metrics = Object.entries(METRICS).flatMap(([metricNamespace, named]) =>
      asked === undefined || asked === metricNamespace
        ? Object.keys(named).map((name) => ({ metricNamespace, name }))
        : [],
    );
    return Response.json({ metrics });
  });
}

type Respond = (body: string, exchange: Parameters<typeof refuse>[0]) => Response;

function serve(c: SimulatorContext, does: string, respond: Respond): Promise<Response> {
  const about = {
    from: "company",
    to: "alexa",
    title: `The developer’s token ${does}`,
    why: "Amazon shows the same figures in the developer console.",
  } as const;
  return recordIncoming(c, about, async (body, exchange) => {
    const bad = await applyResponseFault(useSmapiFault(c.var.store.faults, "metrics", c.req.method));
    return bad ?? refuseStranger(c, exchange) ?? respond(body, exchange);
  });
}

/** The starts of the periods from `start` to `end`. */
function periodsOf(name: Query["aggregationPeriod"], start: number, end: number): number[] {
  const length = PERIODS[name];
  if (length === undefined) return [start];
  const first = start - (start % length);
  return Array.from(
    { length: Math.min(Math.ceil((end - first) / length), MOST_PERIODS + 1) },
    (_, i) => first + i * length,
  );
}

function resultOf(query: Query, activities: readonly Activity[], start: number, end: number): object {
  const { id, label = query.name, name, metricNamespace, stat = "count", aggregationPeriod, dimensions = [] } = query;
  const stage = dimensions.find((dimension) => dimension.name === "Alexa.Stage")?.value;
  const measure: Measure = METRICS[metricNamespace]?.[name] ?? (() => ({}));
  const length = PERIODS[aggregationPeriod] ?? end - start;
  const series = new Map<string, { timestamps: number[]; values: number[] }>();
  for (const period of periodsOf(aggregationPeriod, start, end)) {
    const within = activities.filter(
      ({ at, stage: of }) =>
        at >= Math.max(period, start) && at < Math.min(period + length, end) && (stage === undefined || of === stage),
    );
    for (const [group, value] of Object.entries(measure(within))) {
      const { timestamps, values } = series.get(group) ?? { timestamps: [], values: [] };
      series.set(group, { timestamps, values });
      if (value === undefined) continue;
      timestamps.push(period);
      values.push(value);
    }
  }
  const data = [...series].map(([group, { timestamps, values }]) => ({
    timestamps,
    values,
    ...(group === "" ? {} : { groupedBy: { groupedByField: "eventType", groupedByValue: group } }),
  }));
  return { id, label, name, metricNamespace, stat, data };
}
