// Metrics as a table and as CSV (RFC 4180).
import { table } from "./table.ts";

/** Numbers by name, as the server returns them; some are objects of numbers. */
interface Figures {
  readonly [name: string]: number | string | null | Figures;
}

export interface MetricsReport {
  readonly from: string;
  readonly to: string;
  readonly totals: Figures;
  readonly items: readonly Figures[];
}

/** Every figure with its path: `alexaApp.initiations`. */
function flat(figures: Figures, path = ""): [string, number | string | null][] {
  return Object.entries(figures).flatMap(([name, value]) =>
    typeof value === "object" && value !== null ? flat(value, `${path}${name}.`) : [[`${path}${name}`, value]],
  );
}

function csvCell(value: number | string | null | undefined): string {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One line for each period and skill, with a column for every figure. */
export function metricsCsv({ items }: MetricsReport): string {
  const rows = items.map((item) => new Map(flat(item)));
  const first = ["from", "to", "skillId"];
  const others = new Set([...rows.flatMap((row) => [...row.keys()])].filter((name) => !first.includes(name)));
  const columns = [...first, ...others];
  return [columns, ...rows.map((row) => columns.map((name) => row.get(name)))]
    .map((row) => row.map(csvCell).join(","))
    .join("\n");
}

const COLUMNS = [
  ["ALEXA APP", "alexaApp.initiations"],
  ["COMPLETED", "alexaApp.completions"],
  ["RATE", "alexaApp.completionRate"],
  ["APP-TO-APP", "appToApp.initiations"],
  ["COMPLETED", "appToApp.completions"],
  ["RATE", "appToApp.completionRate"],
] as const;

function share(value: number | string | null | undefined): string {
  return typeof value === "number" ? `${(value * 100).toFixed(1)} %` : "–";
}

/** The activation figures: initiations and completions for each way to link. */
export function metricsTable({ from, to, totals, items }: MetricsReport): string {
  const row = (figures: Figures, start: string) => {
    const values = new Map(flat(figures));
    const cells = COLUMNS.map(([, path]) => (path.endsWith("Rate") ? share(values.get(path)) : values.get(path)));
    return [start, String(figures.skillId ?? ""), ...cells];
  };
  const rows = items.map((item) => row(item, String(item.from)));
  return table(["FROM", "SKILL", ...COLUMNS.map(([heading]) => heading)], [...rows, row(totals, `${from} to ${to}`)]);
}
