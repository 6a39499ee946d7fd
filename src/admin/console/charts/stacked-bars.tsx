// Bars of stacked counts, one for each period.
import { stack } from "d3-shape";
import type { FC } from "hono/jsx";
import { type ChartText, Figure, type Filling, filled, PeriodAxis, percent, ticksTo, ValueAxis } from "./figure.tsx";

export interface StackedSeries {
  readonly name: string;
  readonly filling: Filling;
  /** One for each period. */
  readonly counts: readonly number[];
}

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

/** Stacked bars, the first series at the bottom. The legend has the sum of each series. */
export const StackedBars: FC<
  ChartText & { period: string; labels: readonly string[]; series: readonly StackedSeries[] }
> = ({ labels, series, period, ...text }) => {
  const periods = labels.map((_, i) => series.map(({ counts }) => counts[i] ?? 0));
  const ticks = ticksTo(Math.max(...periods.map(sum)));
  const top = ticks.at(-1) ?? 1;
  const layers = stack<unknown, readonly number[], number>()
    .keys(series.map((_, i) => i))
    .value((counts, key) => counts[key] ?? 0)(periods);
  const band = 100 / labels.length;
  return (
    <Figure
      {...text}
      kind="bars"
      legend={
        <ul class="legend">
          {series.map(({ name, filling, counts }) => (
            <li>
              <svg aria-hidden="true">
                <rect {...filled(filling)} width="100%" height="100%" />
              </svg>
              {name} <b>{sum(counts)}</b>
            </li>
          ))}
        </ul>
      }
      head={[period, ...series.map(({ name }) => name)]}
      rows={labels.map((label, i) => [label, ...(periods[i] ?? []).map(String)])}
    >
      <ValueAxis ticks={ticks} format={String} />
      {labels.map((label, i) => (
        <g>
          <title>
            {label}: {series.map(({ name, counts }) => `${name} ${counts[i] ?? 0}`).join(", ")}
          </title>
          <rect class="hit" x={percent(i * band)} width={percent(band)} height="100%" />
          {layers.map((layer, key) => {
            const [from = 0, to = 0] = layer[i] ?? [];
            const filling = series[key]?.filling;
            return from === to || filling === undefined ? null : (
              <rect
                {...filled(filling)}
                x={percent((i + 0.12) * band)}
                width={percent(0.76 * band)}
                y={percent(100 - (to / top) * 100)}
                height={percent(((to - from) / top) * 100)}
              />
            );
          })}
        </g>
      ))}
      <PeriodAxis labels={labels} />
    </Figure>
  );
};
