// What all charts share: a title and a description for screen readers, axes, patterns, and a table of their numbers.
// Sizes are percentages and text has a fixed size, so that charts fit every screen and stay readable.
import type { Child, FC } from "hono/jsx";
import { DataTable } from "../parts.tsx";

export interface ChartText {
  /** Unique in the page. */
  readonly id: string;
  readonly title: string;
  /** What the chart shows, in a sentence or two, for screen readers. */
  readonly description: string;
}

/** A chart with its numbers. `head` and `rows`: the table, whose first column names the rows. */
export const Figure: FC<
  ChartText & {
    kind: "bars" | "lines" | "funnel";
    legend?: Child;
    head: readonly string[];
    rows: readonly (readonly string[])[];
    children?: Child;
  }
> = ({ id, title, description, kind, legend, head, rows, children }) => (
  <figure class="chart">
    <figcaption>{title}</figcaption>
    {legend}
    <svg class={`plot ${kind}`} role="img" aria-labelledby={`${id}-title ${id}-description`}>
      <title id={`${id}-title`}>{title}</title>
      <desc id={`${id}-description`}>{description}</desc>
      {children}
    </svg>
    <details>
      <summary>Data for “{title}”</summary>
      <DataTable caption={title} head={head} rows={rows} numeric={head.map((_, i) => i).slice(1)} />
    </details>
  </figure>
);

/** At most six values of an axis: multiples of 1, 2 or 5 times a power of ten, from 0 to at least `most`. */
export function ticksTo(most: number): number[] {
  const least = Math.max(most, 4) / 4;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = ([1, 2, 5].find((factor) => factor * power >= least) ?? 10) * power;
  return Array.from({ length: Math.ceil(Math.max(most, 1) / step) + 1 }, (_, i) => i * step);
}

/** A percentage as an SVG length, to a hundredth. */
export function percent(value: number): string {
  return `${Math.round(value * 100) / 100}%`;
}

/** Lines and labels of the vertical axis. */
export const ValueAxis: FC<{ ticks: readonly number[]; format: (value: number) => string }> = ({ ticks, format }) => {
  const [low = 0, high = 1] = [ticks[0], ticks.at(-1)];
  return (
    <>
      {ticks.map((tick) => {
        const y = percent(100 - ((tick - low) / (high - low)) * 100);
        return (
          <>
            <line class="grid" x1="0" x2="100%" y1={y} y2={y} />
            <text x="0" y={y} dx="-.5em" dy=".35em" text-anchor="end">
              {format(tick)}
            </text>
          </>
        );
      })}
    </>
  );
};

const MOST_LABELS = 8;

/** Labels below the periods, the last one always among them. Narrow charts show every third one. */
export const PeriodAxis: FC<{ labels: readonly string[] }> = ({ labels }) => {
  const step = Math.ceil(labels.length / MOST_LABELS);
  return (
    <>
      {labels.map((label, i) => {
        const fromLast = labels.length - 1 - i;
        if (fromLast % step !== 0) return null;
        return (
          <text
            class={fromLast % (3 * step) === 0 ? undefined : "more"}
            x={percent(((i + 0.5) / labels.length) * 100)}
            y="100%"
            dy="1.4em"
            text-anchor={fromLast === 0 && step > 1 ? "end" : "middle"}
            dx={fromLast === 0 && step > 1 ? ".6em" : undefined}
          >
            {label}
          </text>
        );
      })}
    </>
  );
};

/** Fillings that can be told apart without colour. Their colours are in the style sheet. */
export type Filling = "solid" | "grid" | "stripes" | "dots" | "hollow";

/** The patterns that the charts and legends of a page refer to, once per page. */
export const Patterns: FC = () => (
  <svg class="unseen patterns" aria-hidden="true">
    <defs>
      <pattern id="fill-grid" width="5" height="5" patternUnits="userSpaceOnUse">
        <rect width="5" height="5" />
        <path d="M0 0H5M0 0V5" />
      </pattern>
      <pattern id="fill-stripes" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <rect width="5" height="5" />
        <path class="thick" d="M0 0V5" />
      </pattern>
      <pattern id="fill-dots" width="4" height="4" patternUnits="userSpaceOnUse">
        <rect width="4" height="4" />
        <circle cx="2" cy="2" r="1" />
      </pattern>
    </defs>
  </svg>
);

/** The attributes of a shape with a filling. */
export function filled(filling: Filling): { readonly class: string; readonly fill?: string } {
  return filling === "solid" || filling === "hollow"
    ? { class: `filled ${filling}` }
    : { class: `filled ${filling}`, fill: `url(#fill-${filling})` };
}
