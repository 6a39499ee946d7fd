// GET /api/admin/metrics: the metrics report as JSON or CSV.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { problem } from "../http/problem.ts";
import { queryOf } from "../http/read.ts";
import { json } from "../http/respond.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { DIMENSIONS, type Dimension } from "../storage/maintenance/activation.ts";
import { DAY_MS, HOUR_MS } from "../storage/maintenance/metrics.ts";
import { idFilter, time } from "./insight-api.ts";
import { metricsReport, type ReportItem, type Totals } from "./metrics-report.ts";
import { rfc3339 } from "./paging.ts";

/** Mounts the metrics. The admin guard must run before them. */
export function metricsApi(app: Hono<AppEnv>): void {
  app.get("/api/admin/metrics", metrics);
}

const MAX_RANGE_MS = { hour: 31 * DAY_MS, day: 800 * DAY_MS };
const DEFAULT_RANGE_MS = { hour: 2 * DAY_MS, day: 30 * DAY_MS };
const PERIOD_MS = { hour: HOUR_MS, day: DAY_MS };
const MAX_ITEMS = 20_000;

/** A value of a fixed list, which the error message names. */
function oneOf<const Values extends readonly string[]>(...values: Values) {
  return z.enum(values, `must be ${values.length === 1 ? values[0] : `one of ${values.join(", ")}`}`);
}

export const metricsQuery = () =>
  z.strictObject({
    skillId: idFilter(),
    from: z.optional(time()),
    to: z.optional(time()),
    period: z._default(oneOf("hour", "day"), "day"),
    groupBy: z.optional(oneOf("skill", "stage", "locale", "platform", "flow")),
    stage: z.optional(oneOf("development", "live")),
    locale: z.optional(z.string().check(z.regex(/^[a-z]{2}$/, "must be a language such as en"))),
    platform: z.optional(oneOf("ios", "android", "web")),
    flow: z.optional(oneOf("alexa_app", "app_to_app", "website", "app_authorize")),
    format: z._default(oneOf("json", "csv"), "json"),
  });

async function metrics(c: AppContext): Promise<Response> {
  const query = queryOf(c, metricsQuery);
  if (query instanceof Response) return query;
  const rt = c.var.runtime;
  const { period, groupBy, skillId = null } = query;
  const length = PERIOD_MS[period];
  const to = query.to ?? rt.now() + 1;
  const before = to - DEFAULT_RANGE_MS[period];
  const from = query.from ?? before - (before % length);
  if (from >= to) return problem("invalid_query", "from: must be before to");
  if (to - from > MAX_RANGE_MS[period] + length) {
    return problem("invalid_query", `from: must be at most ${MAX_RANGE_MS[period] / DAY_MS} days before to`);
  }
  // The first period begins with the range, the others on the hour or day.
  const starts = [from];
  for (let start = Math.floor(from / length) * length + length; start < to; start += length) starts.push(start);
  const given: Partial<Record<Dimension, string | undefined>> = { ...query, skill: query.skillId };
  const only = Object.fromEntries(
    (Object.keys(DIMENSIONS) as Dimension[]).flatMap((name) =>
      given[name] === undefined ? [] : [[name, given[name]]],
    ),
  );
  const { totals, items: found, skillIds } = await metricsReport(rt, { from, to, starts, only, groupBy });
  // Token requests that named no skill's client are only in the values for all skills.
  const items = groupBy === "skill" ? found.filter(({ group }) => group !== null) : found;
  if (skillId !== null && !skillIds.includes(skillId)) return problem("skill_not_found");
  if (items.length > MAX_ITEMS) {
    return problem("invalid_query", `from: the result has ${items.length} items, more than the limit of ${MAX_ITEMS}`);
  }
  if (query.format === "csv") return csv(c, items, skillId, groupBy);
  return json(c, {
    from: rfc3339(from),
    to: rfc3339(to),
    period,
    skillId,
    totals,
    items: items.map((item) => ({ ...placeOf(item, skillId, groupBy), ...figuresOf(item) })),
  });
}

/** The period of an item, its skill, and the value of another `groupBy`. */
function placeOf({ from, to, group }: ReportItem, skillId: string | null, groupBy: Dimension | undefined) {
  const isBySkill = groupBy === undefined || groupBy === "skill";
  return {
    from: rfc3339(from),
    to: rfc3339(to),
    skillId: groupBy === "skill" ? group : skillId,
    ...(isBySkill ? {} : { [groupBy]: group }),
  };
}

function figuresOf({ enablements, linking, oauth, counts }: Totals): Totals {
  return { enablements, linking, oauth, counts };
}

type Cell = string | number | null;
interface Figures {
  readonly [name: string]: Cell | Figures;
}

/** Every value with its path: `linking.alexaApp.initiations`. */
function flat(figures: Figures, path = ""): [string, Cell][] {
  return Object.entries(figures).flatMap(([name, value]) =>
    typeof value === "object" && value !== null ? flat(value, `${path}${name}.`) : [[`${path}${name}`, value]],
  );
}

/** RFC 4180. A text that a spreadsheet would run as a formula gets an apostrophe. */
function cell(value: Cell | undefined): string {
  const text = typeof value === "string" ? value.replace(/^(?=[=+\-@\t\r])/, "'") : String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One line for each item, with a column for every value except the counters, whose names vary. */
function csv(
  c: AppContext,
  items: readonly ReportItem[],
  skillId: string | null,
  groupBy: Dimension | undefined,
): Response {
  const rows = items.map((item) => {
    const { counts: _, ...figures } = figuresOf(item);
    return flat({ ...placeOf(item, skillId, groupBy), ...figures } as unknown as Figures);
  });
  const header = rows[0]?.map(([name]) => name) ?? ["from", "to", "skillId"];
  const lines = [header, ...rows.map((row) => row.map(([, value]) => value))];
  const text = lines.map((line) => `${line.map(cell).join(",")}\r\n`).join("");
  c.header("cache-control", "no-store");
  c.header("content-disposition", 'attachment; filename="metrics.csv"');
  return c.body(text, 200, { "content-type": "text/csv; charset=UTF-8" });
}
