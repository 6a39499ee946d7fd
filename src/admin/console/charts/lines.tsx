// Lines over periods. Periods without a value leave a gap.
import { line } from "d3-shape";
import type { FC } from "hono/jsx";
import { type ChartText, Figure, PeriodAxis, percent, ValueAxis } from "./figure.tsx";

export interface LineSeries {
  readonly name: string;
  /** One for each period; null: nothing was measured. */
  readonly values: readonly (number | null)[];
}

/** Labels at the right end are at least so far apart, in percent of the height. */
const LABEL_DISTANCE = 9;

/** The heights of labels, none below the next one. `wanted` and the result are percentages from the top. */
function apart(wanted: readonly number[]): number[] {
  const order = wanted.map((_, i) => i).toSorted((a, b) => (wanted[b] ?? 0) - (wanted[a] ?? 0));
  const placed = [...wanted];
  let lowest = 100 + LABEL_DISTANCE;
  for (const i of order) {
    lowest = Math.min(placed[i] ?? 0, lowest - LABEL_DISTANCE);
    placed[i] = lowest;
  }
  return placed;
}

/** Up to three lines. Several differ by dashes, and have their names at the right end. `ticks`: the axis, lowest first. */
export const Lines: FC<
  ChartText & {
    period: string;
    labels: readonly string[];
    series: readonly LineSeries[];
    ticks: readonly number[];
    format: (value: number) => string;
  }
> = ({ labels, series, ticks, format, period, ...text }) => {
  const [low = 0, high = 1] = [ticks[0], ticks.at(-1)];
  const x = (i: number) => ((i + 0.5) / labels.length) * 100;
  const y = (value: number) => 100 - ((value - low) / (high - low)) * 100;
  const path = line<number | null>()
    .defined((value) => value !== null)
    .x((_, i) => x(i))
    .y((value) => y(value ?? 0))
    .digits(2);
  const shown = (value: number | null | undefined) => (value == null ? "none" : format(value));
  const ends = apart(series.map(({ values }) => y(values.findLast((value) => value !== null) ?? low)));
  return (
    <Figure
      {...text}
      kind="lines"
      head={[period, ...series.map(({ name }) => name)]}
      rows={labels.map((label, i) => [label, ...series.map(({ values }) => shown(values[i]))])}
    >
      <ValueAxis ticks={ticks} format={format} />
      <svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%" aria-hidden="true">
        {series.map(({ values }, key) => (
          <path class={`line line${key}`} d={path([...values]) ?? ""} />
        ))}
      </svg>
      {series.map(({ name, values }, key) => (
        <>
          {values.map((value, i) =>
            value === null ? null : (
              <circle
                class={`dot line${key}`}
                cx={percent(x(i))}
                cy={percent(y(value))}
                r={labels.length > 31 ? 1.5 : 3}
              >
                <title>
                  {labels[i]}: {name} {format(value)}
                </title>
              </circle>
            ),
          )}
          {series.length === 1 ? null : (
            <text class="name" x="100%" y={percent(ends[key] ?? 0)} dx=".4em" dy=".35em">
              {name}
            </text>
          )}
        </>
      ))}
      <PeriodAxis labels={labels} />
    </Figure>
  );
};
