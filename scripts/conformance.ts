// `npm run conformance`: runs all tests and writes docs/conformance.md. `--check` compares the page with the tests' sources instead.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { AMAZON } from "./conformance/amazon.ts";
import { renderDocument, resultsIn } from "./conformance/document.ts";
import { LESSONS } from "./conformance/lessons.ts";
import { matchAll } from "./conformance/match.ts";
import { STANDARDS } from "./conformance/standards.ts";
import { type DeclaredTest, declaredTests, type Result, resultOf, runTests } from "./conformance/tests.ts";

const DOCUMENT = "docs/conformance.md";
const USAGE = `npm run conformance [-- --results FILE | --check]
  Runs all tests and writes ${DOCUMENT}: requirement, tests, result.
  --results FILE  takes the results of a run that was made with vitest's JSON reporter
  --check         compares the page with the tests' sources, without running them; exit 1 when it is behind`;

function fail(faults: readonly string[]): never {
  console.error(faults.join("\n"));
  process.exit(1);
}

const { values } = parseArgs({
  options: { results: { type: "string" }, check: { type: "boolean" }, help: { type: "boolean" } },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const tests = declaredTests();
const { sources, faults } = matchAll([...STANDARDS, AMAZON, LESSONS], tests);
if (faults.length > 0) fail([...faults, "See scripts/conformance/."]);

if (values.check) {
  const committed = existsSync(DOCUMENT) ? readFileSync(DOCUMENT, "utf8") : "";
  if (renderDocument(sources, resultsIn(committed)) !== committed || committed.includes("(not run)")) {
    fail([`${DOCUMENT} is behind the tests: npm run conformance`]);
  }
  if (committed.includes("(FAILED)")) fail([`${DOCUMENT} holds failed tests`]);
} else {
  const run = runTests(values.results);
  const known = new Map<DeclaredTest, Result>(tests.map((test) => [test, resultOf(test, run)]));
  const document = renderDocument(sources, (test) => known.get(test) ?? "not run");
  writeFileSync(DOCUMENT, document);
  const bad = tests.filter((test) => known.get(test) === "FAILED" || known.get(test) === "not run");
  console.log(`${DOCUMENT}: ${tests.length} declared tests, ${run.length} run`);
  if (bad.length > 0) fail(bad.map((test) => `${known.get(test)}: ${test.file}: ${test.name}`));
}
