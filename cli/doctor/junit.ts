// The results as JUnit XML, for continuous integration.
import type { DoctorDocument } from "./document.ts";

/** Text for XML 1.0: markup escaped, characters that XML forbids replaced. */
function xml(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, "\u{fffd}")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** One test case for each check. A warning passes, with its text as output. */
export function junitReport({ target, startedAt, checks, summary }: DoctorDocument): string {
  const counts = `tests="${checks.length}" failures="${summary.fail}" errors="0" skipped="${summary.skipped}"`;
  const cases = checks.map(({ id, title, outcome, detail, effect, remedy, source }) => {
    const advice = [detail, effect && `Effect: ${effect}`, remedy && `Remedy: ${remedy}`, `Source: ${source}`];
    const text = xml(advice.filter((line) => line !== "").join("\n")).replaceAll("&#10;", "\n");
    const inside = {
      pass: `<system-out>${text}</system-out>`,
      warn: `<system-out>Warning: ${text}</system-out>`,
      fail: `<failure type="${xml(id)}" message="${xml(detail)}">${text}</failure>`,
      skipped: `<skipped message="${xml(detail)}"/>`,
    }[outcome];
    return `    <testcase classname="doctor" name="${xml(id)}: ${xml(title)}">${inside}</testcase>`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="alexa-link doctor ${xml(target)}" timestamp="${startedAt}" hostname="localhost" time="0" ${counts}>`,
    ...cases,
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}
