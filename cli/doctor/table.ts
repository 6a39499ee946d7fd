// The results for a terminal.
import { AREAS } from "../../doctor/areas.ts";
import type { DoctorDocument } from "./document.ts";

/** All checks by area. */
export function catalogue(): string {
  return AREAS.map(({ name, checks }) => [name, ...checks.map(({ id, title }) => `  ${id}: ${title}`)].join("\n")).join(
    "\n\n",
  );
}

/** The results. */
export function table({ checks, summary }: DoctorDocument): string {
  const { pass, warn, fail, skipped } = summary;
  const lines = checks.map(({ id, outcome, detail }) => `${outcome.padEnd(7)} ${id}  ${detail}`);
  return [...lines, "", `${pass} passed, ${warn} warnings, ${fail} failed, ${skipped} skipped`].join("\n");
}
