// A funnel: how many attempts reached each step.
import type { FC } from "hono/jsx";
import { type ChartText, Figure, percent } from "./figure.tsx";

export interface FunnelStep {
  readonly name: string;
  readonly count: number;
}

/** `count` of `whole` as a percentage without decimals. */
export function share(count: number, whole: number): string {
  return whole === 0 ? "none" : `${Math.round((count / whole) * 100)}%`;
}

/** Steps from the first to the last, each with its share of the first one. */
export const Funnel: FC<ChartText & { steps: readonly FunnelStep[] }> = ({ steps, ...text }) => {
  const whole = steps[0]?.count ?? 0;
  const most = Math.max(1, ...steps.map(({ count }) => count));
  const height = 100 / steps.length;
  return (
    <Figure
      {...text}
      kind="funnel"
      head={["Step", "Attempts", "Share"]}
      rows={steps.map(({ name, count }) => [name, String(count), share(count, whole)])}
    >
      {steps.map(({ name, count }, i) => (
        <>
          <text class="name" x="0" y={percent(i * height)} dy="1em">
            {name}
          </text>
          <text class="name" x="100%" y={percent(i * height)} dy="1em" text-anchor="end">
            {count} · {share(count, whole)}
          </text>
          <rect class="track" y={percent((i + 0.44) * height)} width="100%" height={percent(height * 0.36)} />
          <rect
            class="filled solid"
            y={percent((i + 0.44) * height)}
            width={percent((count / most) * 100)}
            height={percent(height * 0.36)}
          />
        </>
      ))}
    </Figure>
  );
};
