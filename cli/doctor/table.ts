// The results for a terminal.
import { AREAS } from "../../doctor/areas.ts";
import type { Outcome } from "../../doctor/report.ts";
import { printable, type Terminal } from "../terminal.ts";
import type { DoctorDocument } from "./document.ts";

const WORDS: Readonly<Record<Outcome, string>> = { pass: "ok", warn: "WARNING", fail: "FAILED", skipped: "skipped" };
const COLOURS: Readonly<Record<Outcome, number>> = { pass: 32, warn: 33, fail: 31, skipped: 90 };
const WIDEST_WORD = Math.max(...Object.values(WORDS).map(({ length }) => length));

/** All checks by area. */
export function catalogue(): string {
  return AREAS.map(({ name, checks }) => [name, ...checks.map(({ id, title }) => `  ${id}: ${title}`)].join("\n")).join(
    "\n\n",
  );
}

/** The checks of a document by area, in the order of the catalogue. */
export function byArea(checks: DoctorDocument["checks"]): (readonly [name: string, DoctorDocument["checks"]])[] {
  const areas = new Map<string, DoctorDocument["checks"][number][]>();
  for (const check of checks) {
    const name = AREAS.find((area) => area.checks.some(({ id }) => id === check.id))?.name ?? "others";
    areas.set(name, [...(areas.get(name) ?? []), check]);
  }
  return [...areas].map(([name, within]) => [name.charAt(0).toUpperCase() + name.slice(1), within]);
}

/** One line with the numbers. */
export function summaryLine({ summary: { pass, warn, fail, skipped } }: DoctorDocument): string {
  return `${pass} passed, ${warn} ${warn === 1 ? "warning" : "warnings"}, ${fail} failed, ${skipped} skipped`;
}

/** Prints the results: by area, with what to do about failures and warnings. */
export function printTable(terminal: Terminal, document: DoctorDocument): void {
  const { screen } = terminal;
  const width = Math.min(screen?.width ?? 100, 120);
  const colour = (outcome: Outcome, text: string) =>
    screen?.colours ? `\u001b[${COLOURS[outcome]}m${text}\u001b[0m` : text;
  const bold = (text: string) => (screen?.colours ? `\u001b[1m${text}\u001b[0m` : text);
  const lines = byArea(document.checks).flatMap(([name, checks]) => [
    bold(printable(name)),
    ...(allSkipped(checks) ?? checks).flatMap(({ id, outcome, detail, effect, remedy, source }) => {
      const word = colour(outcome, WORDS[outcome].padEnd(WIDEST_WORD));
      const indent = 4 + WIDEST_WORD;
      const advice = outcome === "fail" || outcome === "warn" ? { Effect: effect, Remedy: remedy, Source: source } : {};
      return [
        ...hanging(`  ${word}  `, `${id}: ${detail}`, indent, width),
        ...Object.entries(advice).flatMap(([label, text]) =>
          hanging(`${" ".repeat(indent)}${label}: `, text, indent + label.length + 2, width),
        ),
      ];
    }),
    "",
  ]);
  const text = [...lines, bold(summaryLine(document))].join("\n");
  if (screen) screen.paint(text);
  else terminal.print(text);
}

/** One line for an area whose checks were all skipped for the same reason; undefined for any other. */
export function allSkipped(checks: DoctorDocument["checks"]): DoctorDocument["checks"] | undefined {
  const [first] = checks;
  const same = checks.every(({ outcome, detail }) => outcome === "skipped" && detail === first?.detail);
  return first && checks.length > 1 && same ? [{ ...first, id: `${checks.length} checks` }] : undefined;
}

/** A paragraph whose first line begins with `start`, which is `indent` characters wide, and whose others are indented. */
function hanging(start: string, text: string, indent: number, width: number): string[] {
  const room = Math.max(width - indent, 20);
  const lines: string[] = [];
  let line = "";
  for (const word of printable(text).split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((each, index) => (index === 0 ? start : " ".repeat(indent)) + each);
}
