// GET /metrics: the metrics of the current UTC day in Prometheus text format.
import type { Hono } from "hono/tiny";
import {
  BUCKETS_MS,
  type CountedGrant,
  GRANT_TYPES,
  tokenMilliseconds,
  tokenRequests,
} from "../observability/token-counters.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { DAY_MS } from "../storage/maintenance/metrics.ts";
import { metricsReport, type ReportItem } from "./metrics-report.ts";

/** Mounts `/metrics`. The admin guard must run before it. */
export function prometheusRoute(app: Hono<AppEnv>): void {
  app.get("/metrics", metrics);
}

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [name: string, labels: Labels, value: number];

const SINCE = "since 00:00 UTC";

async function metrics(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const now = rt.now();
  const from = now - (now % DAY_MS);
  const query = { from, to: now + 1, starts: [from], groupBy: "skill" } as const;
  const { totals, items } = await metricsReport(rt, query);
  const linking = (figure: "initiations" | "completions") => linkingSamples(items, figure);
  const text = [
    family("alexa_link_linking_initiations_total", "counter", `Initiations ${SINCE}.`, linking("initiations")),
    family("alexa_link_linking_completions_total", "counter", `Completions ${SINCE}.`, linking("completions")),
    family("alexa_link_token_requests_total", "counter", `Requests to /token ${SINCE}.`, requestSamples(items)),
    family(
      "alexa_link_token_duration_seconds",
      "histogram",
      `Duration of requests to /token ${SINCE}.`,
      durationSamples(totals.counts),
    ),
  ].join("");
  c.header("cache-control", "no-store");
  return c.body(text, 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
}

function linkingSamples(items: readonly ReportItem[], figure: "initiations" | "completions"): Sample[] {
  const name = `alexa_link_linking_${figure}_total`;
  return items
    .filter(({ group }) => group !== null)
    .flatMap(({ group, linking }) => [
      [name, { flow: "alexa_app", skill_id: group ?? "" }, linking.alexaApp[figure]] as const,
      [name, { flow: "app_to_app", skill_id: group ?? "" }, linking.appToApp[figure]] as const,
    ]);
}

const GRANTS = Object.keys(GRANT_TYPES) as CountedGrant[];

/** One series per grant type, outcome and skill, with the latency buckets added up. */
function requestSamples(items: readonly ReportItem[]): Sample[] {
  return items.flatMap(({ group, counts }) =>
    GRANTS.flatMap((grant) =>
      [...tokenRequests(counts, grant).outcomes].map(([outcome, count]): Sample => {
        const labels = { grant_type: GRANT_TYPES[grant], outcome, skill_id: group ?? "" };
        return ["alexa_link_token_requests_total", labels, count];
      }),
    ),
  );
}

function durationSamples(counts: Readonly<Record<string, number>>): Sample[] {
  const name = "alexa_link_token_duration_seconds";
  return GRANTS.flatMap((grant) => {
    const grantType = { grant_type: GRANT_TYPES[grant] };
    let all = 0;
    const buckets = tokenRequests(counts, grant).buckets.map((count, i): Sample => {
      all += count;
      const bound = BUCKETS_MS[i];
      return [`${name}_bucket`, { ...grantType, le: bound === undefined ? "+Inf" : String(bound / 1000) }, all];
    });
    return [
      ...buckets,
      [`${name}_sum`, grantType, (counts[tokenMilliseconds(grant)] ?? 0) / 1000],
      [`${name}_count`, grantType, all],
    ];
  });
}

function family(name: string, type: "counter" | "histogram", help: string, samples: readonly Sample[]): string {
  const lines = samples.map(([sample, labels, value]) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    return `${sample}{${pairs.join(",")}} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
