// The tables of docs/doctor.md, from the catalogue and from what the tests expect.
import { AREAS } from "../../../doctor/areas.ts";
import { EXPECTATIONS, type Expectation } from "./expectations.ts";

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("<", "&lt;")).join(" | ")} |`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), `|${"---|".repeat(head.length)}`, ...rows.map(row)].join("\n");
}

/** All checks, one table for each area. */
export function catalogueTables(): string {
  return AREAS.map(({ name, checks }) => {
    const rows = checks.map(({ id, title, severity, effect }) => [`\`${id}\``, title, `\`${severity}\``, effect]);
    const heading = name.charAt(0).toUpperCase() + name.slice(1);
    return `### ${heading}\n\n${table(["check", "what must be true", "else", "why"], rows)}`;
  }).join("\n\n");
}

/** What is found at each server. */
export function resultsTable(): string {
  const ids = (list: readonly string[] = []) => list.map((id) => `\`${id}\``).join(", ") || "none";
  const rows = Object.values<Expectation>(EXPECTATIONS).map(({ server, fail, warn, sometimes }) => [
    server,
    ids(fail),
    ids(warn),
    ids(sometimes),
  ]);
  return table(["server", "`fail`", "`warn`", "in some runs"], rows);
}
