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
const USAGE = `npm run conformance [-- --results FILE | --missing | --check]
  Runs all tests and writes ${DOCUMENT}: requirement, tests, result.
  --results FILE  takes the results of a run that was made with vitest's JSON reporter
  --missing       runs only the files whose tests the page does not know or holds as failed; the other results stay
  --check         compares the page with the tests' sources, without running them; exit 1 when it is behind`;

function fail(faults: readonly string[]): never {
  console.error(faults.join("\n"));
  process.exit(1);
}

const { values } = parseArgs({
  options: {
    results: { type: "string" },
    missing: { type: "boolean" },
    check: { type: "boolean" },
    help: { type: "boolean" },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const tests = declaredTests();
const { sources, faults } = matchAll([...STANDARDS, AMAZON, LESSONS], tests);
if (faults.length > 0) fail([...faults, "See scripts/conformance/."]);
const committed = existsSync(DOCUMENT) ? readFileSync(DOCUMENT, "utf8") : "";
const committedResult = resultsIn(committed);

/** The tests that stand on the page; the others prove no requirement. */
const listed = new Set(
  sources.flatMap(({ matched }) =>
    matched.flatMap((one) => [...one.tests, ...one.borrowed.flatMap((others) => others.tests)]),
  ),
);

function isGood(result: Result): boolean {
  return result === "passed" || result === "left out";
}

function check(): void {
  if (renderDocument(sources, committedResult) !== committed)
    fail([`${DOCUMENT} is behind the tests: npm run conformance`]);
  const bad = [...listed].filter((test) => !isGood(committedResult(test)));
  if (bad.length > 0) fail([`${DOCUMENT} holds tests that failed or did not run: npm run conformance`]);
}

function write(): void {
  const missing = tests.filter((test) => listed.has(test) && !isGood(committedResult(test)));
  const files = values.missing ? [...new Set(missing.map(({ file }) => file))] : undefined;
  const run = files?.length === 0 ? [] : runTests({ resultFile: values.results, files });
  const known = new Map<DeclaredTest, Result>(
    tests.map((test) => [test, files && !files.includes(test.file) ? committedResult(test) : resultOf(test, run)]),
  );
  writeFileSync(
    DOCUMENT,
    renderDocument(sources, (test) => known.get(test) ?? "not run"),
  );
  console.log(`${DOCUMENT}: ${listed.size} of ${tests.length} declared tests stand on it, ${run.length} were run`);
  const bad = tests.filter((test) => {
    const result = known.get(test) ?? "not run";
    return result === "FAILED" || (listed.has(test) && !isGood(result));
  });
  if (bad.length > 0) fail(bad.map((test) => `${known.get(test)}: ${test.file}: ${test.name}`));
}

if (values.check) check();
else write();
