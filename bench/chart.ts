// A bar chart of the token requests, readable in light and dark.
import type { ContestantName } from "./contestants.ts";
import type { Latency } from "./latency.ts";
import { spread } from "./statistics.ts";
import type { Workload } from "./workloads.ts";

const SHOWN: readonly Workload[] = ["exchange", "refresh"];
const COLOURS: Readonly<Record<ContestantName, string>> = {
  "alexa-link": "#0a7d5a",
  cloudflare: "#d9730d",
  openauth: "#8a63d2",
  "oidc-provider": "#3b78c4",
  floor: "#9a9a9a",
  "floor-with-crypto": "#777777",
};
const [WIDTH, LEFT, RIGHT, BAR, GAP] = [760, 150, 90, 18, 6];

function group(title: string, shown: readonly Latency[], top: number): { svg: string; height: number } {
  const medians = shown.map(({ rounds }) => spread(rounds).median);
  const scale = (WIDTH - LEFT - RIGHT) / Math.max(...medians, 1e-9);
  const bars = shown.map(({ contestant }, index) => {
    const y = top + 26 + index * (BAR + GAP);
    const width = Math.max(1, medians[index]! * scale);
    const weight = contestant === "alexa-link" ? ' font-weight="600"' : "";
    return `<text x="${LEFT - 10}" y="${y + 13}" text-anchor="end"${weight}>${contestant}</text>
<rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2" fill="${COLOURS[contestant]}"/>
<text x="${(LEFT + width + 8).toFixed(1)}" y="${y + 13}"${weight}>${medians[index]!.toFixed(1)} ms</text>`;
  });
  return {
    svg: `<text x="${LEFT}" y="${top + 14}" font-weight="600">${title}</text>\n${bars.join("\n")}`,
    height: 26 + shown.length * (BAR + GAP) + 18,
  };
}

/** The chart as an SVG document; undefined when neither exchange nor refresh was measured. */
export function chartOf(latencies: readonly Latency[]): string | undefined {
  const delays = [...new Set(latencies.map(({ delay }) => delay))];
  const ends = [...new Set([Math.min(...delays), Math.max(...delays)])];
  let top = 12;
  const parts: string[] = [];
  for (const workload of SHOWN) {
    for (const delay of ends) {
      const shown = latencies.filter((each) => each.workload === workload && each.delay === delay);
      if (shown.length === 0) continue;
      const title = `${workload}, ${delay} ms in front of each storage call`;
      const { svg, height } = group(title, shown, top);
      parts.push(svg);
      top += height;
    }
  }
  if (parts.length === 0) return undefined;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" role="img" aria-labelledby="title">
<title id="title">Milliseconds of token requests, shorter is better</title>
<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } }
</style>
${parts.join("\n")}
</svg>
`;
}
