// The charts of the overview, or a sentence instead of an empty chart.
import type { Child, FC } from "hono/jsx";
import type { Reached, UnlinkedCount } from "../../storage/attempts/overview.ts";
import type { ReportItem } from "../metrics-report.ts";
import { Patterns, ticksTo } from "./charts/figure.tsx";
import { Funnel, share } from "./charts/funnel.tsx";
import { Lines } from "./charts/lines.tsx";
import { StackedBars } from "./charts/stacked-bars.tsx";
import { Empty } from "./parts.tsx";
import { RANGES, type Selection } from "./selection.ts";

/** Names of periods: days as `Nov 23`, hours as `14:00`, in the zone of the selection. */
function periodLabels({ zone, range }: Selection, starts: readonly number[]): string[] {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    ...(RANGES[range].period === "day"
      ? { month: "short", day: "numeric" }
      : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
  });
  return starts.map((start) => format.format(start));
}

/** Shown instead of a chart without data. */
const Nothing: FC<{ title: string; children?: Child }> = ({ title, children }) => (
  <>
    <h2>{title}</h2>
    <Empty>{children}</Empty>
  </>
);

const ChartPanel: FC<{ title: string; wide?: boolean; children?: Child }> = ({ title, wide, children }) => (
  <section class={wide ? "panel wide" : "panel"} aria-label={title}>
    {children}
  </section>
);

interface PeriodText {
  /** The head of the table's first column: `Day`. */
  readonly period: string;
  readonly labels: readonly string[];
}

const ENDINGS = [
  ["accept_grant_refused", "AcceptGrant refused", "grid"],
  ["failed", "failed", "stripes"],
  ["cancelled", "cancelled", "dots"],
  ["abandoned", "abandoned", "hollow"],
] as const;

const Completions: FC<PeriodText & { items: readonly ReportItem[]; unlinked: readonly UnlinkedCount[] }> = ({
  items,
  unlinked,
  ...periods
}) => {
  const completed = items.map(({ linking }) => linking.total.completions);
  const endings = ENDINGS.map(([outcome, name, filling]) => {
    const counts = items.map(() => 0);
    for (const one of unlinked) if (one.outcome === outcome) counts[one.period] = one.count;
    return { name, filling, counts };
  });
  const series = [{ name: "completed", filling: "solid", counts: completed } as const, ...endings];
  const title = `Completions per ${periods.period.toLowerCase()}, and attempts that did not link`;
  if (series.every(({ counts }) => counts.every((count) => count === 0))) {
    return <Nothing title={title}>No attempts ended in this range.</Nothing>;
  }
  const sums = series.map(({ name, counts }) => `${counts.reduce((sum, count) => sum + count, 0)} ${name}`);
  return (
    <StackedBars
      id="completions"
      title={title}
      description={`Stacked bars, completions at the bottom. In total: ${sums.join(", ")}.`}
      series={series}
      {...periods}
    />
  );
};

const Steps: FC<{ reached: Reached }> = ({ reached: { shown, signedIn, consented, redeemed, accepted, refused } }) => {
  const title = "How far attempts got";
  if (shown === 0 && consented === 0) {
    return <Nothing title={title}>No attempts started in this range.</Nothing>;
  }
  const steps = [
    { name: "Shown or started", count: shown },
    { name: "Signed in", count: signedIn },
    { name: "Consented", count: consented },
    { name: "Code redeemed", count: redeemed },
    ...(accepted + refused === 0 ? [] : [{ name: "AcceptGrant accepted", count: accepted }]),
  ];
  return (
    <>
      <Funnel
        id="steps"
        title={title}
        description={steps.map(({ name, count }) => `${name}: ${count}, ${share(count, shown)}`).join(". ")}
        steps={steps}
      />
      <p class="hint">
        {accepted + refused === 0
          ? "No AcceptGrant arrived in this range. Alexa sends it only for skills with Send Alexa Events on."
          : `AcceptGrant refused: ${refused}. Alexa sends it only for skills with Send Alexa Events on.`}
      </p>
    </>
  );
};

const whole = (value: number) => `${Math.round(value)} ms`;

/** The axis of a rate: from 0, or from a higher value if all values are high. */
function rateTicks(values: readonly (number | null)[]): readonly number[] {
  const least = Math.min(...values.map((value) => value ?? 1));
  if (least >= 0.9) return [0.9, 0.92, 0.94, 0.96, 0.98, 1];
  return least >= 0.5 ? [0.5, 0.6, 0.7, 0.8, 0.9, 1] : [0, 0.25, 0.5, 0.75, 1];
}

const Refreshes: FC<PeriodText & { items: readonly ReportItem[] }> = ({ items, ...periods }) => {
  const title = "Refresh success rate";
  const values = items.map(({ oauth }) => oauth.refresh.successRate);
  if (values.every((value) => value === null)) {
    return <Nothing title={title}>No refreshes in this range.</Nothing>;
  }
  return (
    <Lines
      id="refreshes"
      title={title}
      description={`Line chart of the share of refreshes that succeeded. The lowest is ${percentOf(Math.min(...values.map((value) => value ?? 1)))}.`}
      series={[{ name: "Success rate", values }]}
      ticks={rateTicks(values)}
      format={percentOf}
      {...periods}
    />
  );
};

const percentOf = (value: number) => `${Number((value * 100).toFixed(2))}%`;

const Latency: FC<PeriodText & { items: readonly ReportItem[]; grant: "refresh" | "exchange" }> = ({
  items,
  grant,
  ...periods
}) => {
  const title = `${grant === "refresh" ? "Refresh" : "Code exchange"} latency`;
  const series = (["p50", "p90", "p99"] as const).map((name) => ({
    name,
    values: items.map(({ oauth }) => oauth[grant][name]),
  }));
  const known = series.flatMap(({ values }) => values.filter((value) => value !== null));
  if (known.length === 0) {
    return <Nothing title={title}>No {grant === "refresh" ? "refreshes" : "code exchanges"} in this range.</Nothing>;
  }
  return (
    <Lines
      id={`${grant}-latency`}
      title={title}
      description={`Line chart of the 50th, 90th and 99th percentile. The highest is ${whole(Math.max(...known))}.`}
      series={series}
      ticks={ticksTo(Math.max(...known))}
      format={whole}
      {...periods}
    />
  );
};

/** All charts of the overview. */
export const Charts: FC<{
  selection: Selection;
  items: readonly ReportItem[];
  unlinked: readonly UnlinkedCount[];
  reached: Reached;
}> = ({ selection, items, unlinked, reached }) => {
  const periods = {
    period: RANGES[selection.range].period === "day" ? "Day" : "Hour",
    labels: periodLabels(
      selection,
      items.map(({ from }) => from),
    ),
  };
  return (
    <div class="charts">
      <Patterns />
      <ChartPanel title="Completions" wide>
        <Completions items={items} unlinked={unlinked} {...periods} />
      </ChartPanel>
      <ChartPanel title="Steps">
        <Steps reached={reached} />
      </ChartPanel>
      <ChartPanel title="Refreshes">
        <Refreshes items={items} {...periods} />
      </ChartPanel>
      {(["refresh", "exchange"] as const).map((grant) => (
        <ChartPanel title={`${grant} latency`}>
          <Latency items={items} grant={grant} {...periods} />
        </ChartPanel>
      ))}
    </div>
  );
};
