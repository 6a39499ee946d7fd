// The charts draw the numbers that they are given, name them in words, and carry no style of their own.
import { expect, it } from "vitest";
import { ticksTo } from "./figure.tsx";
import { Funnel } from "./funnel.tsx";
import { Lines } from "./lines.tsx";
import { StackedBars } from "./stacked-bars.tsx";

const TEXT = { id: "it", title: "A <title>", description: 'A "description" & more' };
const WEEK = ["Nov 1", "Nov 2", "Nov 3", "Nov 4", "Nov 5", "Nov 6", "Nov 7"];

const rowsOf = (html: string) =>
  [...html.slice(html.indexOf("<tbody>")).matchAll(/<tr>(.*?)<\/tr>/g)].map(([, row = ""]) =>
    [...row.matchAll(/<td[^>]*>(.*?)<\/td>/g)].map(([, cell]) => cell),
  );
const all = (html: string, pattern: RegExp) => [...html.matchAll(pattern)].map(([, found]) => found);

const bars = (counts: number[][]) =>
  String(
    StackedBars({
      ...TEXT,
      period: "Day",
      labels: WEEK.slice(0, counts[0]?.length),
      series: [
        { name: "completed", filling: "solid", counts: counts[0] ?? [] },
        { name: "failed", filling: "stripes", counts: counts[1] ?? [] },
      ],
    }),
  );

it("O14: stacked bars have the height of their counts, the later series on top", () => {
  const html = bars([
    [6, 0],
    [2, 1],
  ]);
  const rects = [...html.matchAll(/<rect class="filled (\w+)"[^>]*y="([\d.]+%)" height="([\d.]+%)"/g)].map((match) =>
    match.slice(1),
  );
  // The axis ends at 8.
  expect(rects).toEqual([
    ["solid", "25%", "75%"],
    ["stripes", "0%", "25%"],
    ["stripes", "87.5%", "12.5%"],
  ]);
  expect(html).toContain('fill="url(#fill-stripes)"');
  expect(rowsOf(html)).toEqual([
    ["Nov 1", "6", "2"],
    ["Nov 2", "0", "1"],
  ]);
  expect(all(html, /<\/svg>(\w+ <b>\d+)<\/b>/g)).toEqual(["completed <b>6", "failed <b>3"]);
  expect(html).toContain("<title>Nov 1: completed 6, failed 2</title>");
});

it("O14: a chart has a name and a description for screen readers, escaped, and no style attribute", () => {
  for (const html of [
    bars([[1], [0]]),
    String(Funnel({ ...TEXT, steps: [{ name: "<b>", count: 1 }] })),
    String(
      Lines({
        ...TEXT,
        period: "Day",
        labels: ["<b>"],
        series: [{ name: "<b>", values: [1] }],
        ticks: [0, 1],
        format: String,
      }),
    ),
  ]) {
    expect(html).toContain('role="img" aria-labelledby="it-title it-description"');
    expect(html).toContain('<title id="it-title">A &lt;title&gt;</title>');
    expect(html).toContain('<desc id="it-description">A &quot;description&quot; &amp; more</desc>');
    expect(html).not.toMatch(/ style=|<b>[^\d]|<script/);
  }
});

it("O14: a line has gaps where nothing was measured, and its name at its end", () => {
  const html = String(
    Lines({
      ...TEXT,
      period: "Day",
      labels: WEEK.slice(0, 4),
      series: [
        { name: "p50", values: [0, 50, null, 100] },
        { name: "p99", values: [null, null, null, 100] },
      ],
      ticks: [0, 50, 100],
      format: (value) => `${value} ms`,
    }),
  );
  expect(all(html, /<path class="line line\d" d="([^"]*)"/g)).toEqual(["M12.5,100L37.5,50M87.5,0Z", "M87.5,0Z"]);
  expect(all(html, /<circle class="dot line0" cx="([\d.]+%)"/g)).toEqual(["12.5%", "37.5%", "87.5%"]);
  expect(rowsOf(html)).toEqual([
    ["Nov 1", "0 ms", "none"],
    ["Nov 2", "50 ms", "none"],
    ["Nov 3", "none", "none"],
    ["Nov 4", "100 ms", "100 ms"],
  ]);
  // Both lines end at the top: the names do not cover each other.
  const heights = all(html, /class="name" x="100%" y="(-?[\d.]+)%"/g).map(Number);
  expect(Math.abs((heights[0] ?? 0) - (heights[1] ?? 0))).toBeGreaterThanOrEqual(9);
});

it("O14: a funnel has the share of each step, also of none", () => {
  const html = String(
    Funnel({
      ...TEXT,
      steps: [
        { name: "shown", count: 8 },
        { name: "consented", count: 2 },
      ],
    }),
  );
  expect(rowsOf(html)).toEqual([
    ["shown", "8", "100%"],
    ["consented", "2", "25%"],
  ]);
  expect(all(html, /filled solid"[^>]* width="([\d.]+%)"/g)).toEqual(["100%", "25%"]);
  expect(rowsOf(String(Funnel({ ...TEXT, steps: [{ name: "shown", count: 0 }] })))).toEqual([["shown", "0", "none"]]);
});

it("O14: narrow charts hide two of three labels, never the last one", () => {
  const labels = Array.from({ length: 90 }, (_, i) => `day ${i + 1}`);
  const series = [{ name: "completed", filling: "solid", counts: labels.map(() => 1) }] as const;
  const html = String(StackedBars({ ...TEXT, period: "Day", labels, series }));
  const shown = all(html, /<text x="[^"]+" y="100%"[^>]*>(day \d+)</g);
  const hidden = all(html, /<text class="more" x="[^"]+" y="100%"[^>]*>(day \d+)</g);
  expect(shown.at(-1)).toBe("day 90");
  expect([shown.length, hidden.length]).toEqual([3, 5]);
});

it.each([
  [0, [0, 1]],
  [1, [0, 1]],
  [4, [0, 1, 2, 3, 4]],
  [5, [0, 2, 4, 6]],
  [37, [0, 10, 20, 30, 40]],
  [1001, [0, 500, 1000, 1500]],
])("O14: the axis for at most %i", (most, ticks) => {
  expect(ticksTo(most)).toEqual(ticks);
});
