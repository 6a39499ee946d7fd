// Metrics as a table.
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

/** Every value with its path: `alexaApp.initiations`. */
function flat(figures: Figures, path = ""): [string, number | string | null][] {
  return Object.entries(figures).flatMap(([name, value]) =>
    typeof value === "object" && value !== null ? flat(value, `${path}${name}.`) : [[`${path}${name}`, value]],
  );
}

const COLUMNS = [
  ["ENABLED", "enablements.users"],
  ["ALEXA APP", "linking.alexaApp.initiations"],
  ["COMPLETED", "linking.alexaApp.completions"],
  ["RATE", "linking.alexaApp.completionRate"],
  ["APP-TO-APP", "linking.appToApp.initiations"],
  ["COMPLETED", "linking.appToApp.completions"],
  ["RATE", "linking.appToApp.completionRate"],
  ["USERS", "linking.total.completingUsers"],
] as const;

function share(value: number | string | null | undefined): string {
  return typeof value === "number" ? `${(value * 100).toFixed(1)}%` : "–";
}

/** The activation figures: initiations and completions for each way to link; `group` heads the column of `groupBy`. */
export function metricsTable({ from, to, totals, items }: MetricsReport, group = "skillId"): string {
  const row = (figures: Figures, start: string) => {
    const values = new Map(flat(figures));
    const cells = COLUMNS.map(([, path]) => (path.endsWith("Rate") ? share(values.get(path)) : values.get(path)));
    return [start, String(figures[group] ?? ""), ...cells];
  };
  const rows = items.map((item) => row(item, String(item.from)));
  return table(
    ["FROM", group === "skillId" ? "SKILL" : group.toUpperCase(), ...COLUMNS.map(([heading]) => heading)],
    [...rows, row(totals, `${from} to ${to}`)],
  );
}
