// The files that the doctor writes.
import { closeSync, openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { UsageError } from "../terminal.ts";
import type { DoctorDocument } from "./document.ts";
import { htmlReport } from "./html.ts";
import { junitReport } from "./junit.ts";
import type { DoctorOptions } from "./options.ts";

type Files = Pick<DoctorOptions, "junit" | "html">;

/** Makes sure before the run that the files can be written, and leaves what is in them. */
export function checkWritable({ junit, html }: Files): void {
  if (junit !== undefined && junit === html) throw new UsageError("--junit and --html name the same file.");
  for (const file of [junit, html]) {
    if (file === undefined) continue;
    const existed = statSync(file, { throwIfNoEntry: false }) !== undefined;
    try {
      closeSync(openSync(file, "a"));
    } catch (error) {
      throw new UsageError(`${file} cannot be written: ${(error as NodeJS.ErrnoException).code}.`);
    }
    if (!existed) rmSync(file);
  }
}

/** Writes the files that the options name. */
export function writeReports(document: DoctorDocument, { junit, html }: Files): void {
  if (junit !== undefined) writeFileSync(junit, junitReport(document));
  if (html !== undefined) writeFileSync(html, htmlReport(document));
}
