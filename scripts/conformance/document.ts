// docs/conformance.md: nothing in it depends on date, machine or speed.
import type { Matched, MatchedSource } from "./match.ts";
import type { DeclaredTest, Result } from "./tests.ts";

const HEAD = `# Conformance

<!-- Made by \`npm run conformance\`. Do not edit. -->

What the standards, Amazon and the faults of other servers ask of this one, each with the tests that hold it, and how they ended in
the last full run. \`npm run conformance\` runs all tests and writes this page; \`npm run check\` compares it with the tests' sources.
A test stands under a requirement when its name begins with the id, or when \`scripts/conformance/\` names it. Placeholders such as
\`%s\` stand for the rows of a table. "Left out" means that the machine of the last run lacked what the test needs.
`;

/** What a requirement's tests say together. */
function verdict({ requirement, tests, borrowed }: Matched, resultOf: (test: DeclaredTest) => Result): string {
  if (requirement.untested) return requirement.untested.why;
  const results = [...tests, ...borrowed.flatMap((one) => one.tests)].map(resultOf);
  for (const bad of ["FAILED", "not run"] as const) if (results.includes(bad)) return bad;
  if (results.every((result) => result === "left out")) return "left out";
  return requirement.missing === undefined ? "passed" : "passed in part";
}

/** A name in a list: nothing in it may be read as markup. */
function plain(name: string): string {
  return name.replaceAll(/[\\`*_[\]<>|]/g, "\\$&");
}

function requirementLines(matched: Matched, resultOf: (test: DeclaredTest) => Result): string[] {
  const { requirement, tests, borrowed } = matched;
  const lines = ["", `### ${requirement.id}`, "", `${requirement.text} **${verdict(matched, resultOf)}**`, ""];
  if (requirement.untested) lines.push(`- ${requirement.untested.reason}`);
  if (requirement.missing !== undefined) lines.push(`- Open: ${requirement.missing}`);
  if (borrowed.length > 0) {
    const others = borrowed.map(({ id, tests: theirs }) => `[${id}](#${id.toLowerCase()}) (${theirs.length})`);
    lines.push(`- The tests of ${others.join(", ")}`);
  }
  for (const test of tests) lines.push(testLine(test, resultOf(test)));
  return lines;
}

function testLine({ file, name }: DeclaredTest, result: Result): string {
  return `- [${file.split("/").at(-1)}](../${file}): ${plain(name)} (${result})`;
}

/** The whole document. */
export function renderDocument(sources: readonly MatchedSource[], resultOf: (test: DeclaredTest) => Result): string {
  const columns = [
    "passed",
    "passed in part",
    "left out",
    "documented only",
    "not yet",
    "does not apply",
    "FAILED",
    "not run",
  ];
  const rows = sources.map(({ source, matched }) => {
    const verdicts = matched.map((one) => verdict(one, resultOf));
    const counts = columns.map((column) => verdicts.filter((one) => one === column).length || "");
    return `| ${source.title} | ${matched.length} | ${counts.join(" | ")} |`;
  });
  const overview = [
    `| source | requirements | ${columns.join(" | ")} |`,
    `|---|---|${columns.map(() => "---|").join("")}`,
    ...rows,
  ];
  const chapters = sources.map(({ source, matched }) =>
    [`## ${source.title}`, "", source.about, ...matched.flatMap((one) => requirementLines(one, resultOf))].join("\n"),
  );
  return `${HEAD}\n${overview.join("\n")}\n\n${chapters.join("\n\n")}\n`;
}

/** The results that a document holds, by its own lines: to compare it with the sources without a run. */
export function resultsIn(document: string): (test: DeclaredTest) => Result {
  const lines = new Set(document.split("\n"));
  const possible: readonly Result[] = ["passed", "FAILED", "left out"];
  return (test) => possible.find((result) => lines.has(testLine(test, result))) ?? "not run";
}
