// The tests of this repository as their sources declare them, and what a run of them gave.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

export interface DeclaredTest {
  /** Path from the root of the repository, with forward slashes. */
  readonly file: string;
  /** Suites and title joined by ` > `, placeholders such as `%s` as they stand in the source. */
  readonly name: string;
}

export type Result = "passed" | "FAILED" | "left out" | "not run";

interface RunTest {
  readonly file: string;
  readonly name: string;
  readonly status: string;
}

const ENVIRONMENT = {
  ...process.env,
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_LOG: process.env.WRANGLER_LOG ?? "error",
  NO_COLOR: "1",
};

function fromRoot(path: string): string {
  return relative(process.cwd(), path).replaceAll("\\", "/");
}

/** Runs vitest with a file for its JSON, and reads that. Throws with vitest's words when there is none. */
function vitest(args: (output: string) => string[], stdio: "pipe" | "inherit"): unknown {
  const folder = mkdtempSync(join(tmpdir(), "conformance-"));
  const output = join(folder, "output.json");
  try {
    const result = spawnSync("vitest", args(output), { encoding: "utf8", stdio, env: ENVIRONMENT });
    try {
      return JSON.parse(readFileSync(output, "utf8"));
    } catch {
      throw new Error(`vitest left no result:\n${result.stdout ?? ""}${result.stderr ?? ""}${result.error ?? ""}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every test, read from the sources without running them; sorted. */
export function declaredTests(): DeclaredTest[] {
  const listed = vitest((output) => ["list", `--json=${output}`], "pipe") as { name: string; file: string }[];
  return (
    listed
      // Names come as they are written between the quotes.
      .map(({ name, file }) => ({ name: name.replaceAll(/\\([\\'"`])/g, "$1"), file: fromRoot(file) }))
      .sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  );
}

/** Runs everything, or only `files`, or reads `resultFile`, a JSON report of vitest. */
export function runTests(from: {
  readonly resultFile: string | undefined;
  readonly files: readonly string[] | undefined;
}): RunTest[] {
  const { resultFile, files = [] } = from;
  const report = (
    resultFile === undefined
      ? vitest(
          (output) => ["run", ...files, "--reporter=default", "--reporter=json", `--outputFile.json=${output}`],
          "inherit",
        )
      : JSON.parse(readFileSync(resultFile, "utf8"))
  ) as {
    testResults: {
      name: string;
      assertionResults: { ancestorTitles: string[]; title: string; status: string }[];
    }[];
  };
  return report.testResults.flatMap(({ name: file, assertionResults }) =>
    assertionResults.map(({ ancestorTitles, title, status }) => ({
      file: fromRoot(file),
      name: [...ancestorTitles, title].filter((part) => part !== "").join(" > "),
      status,
    })),
  );
}

const PLACEHOLDER = /\$\{[^}]*\}|%[sdifjoOp#$]|\$[A-Za-z_][\w.]*/;

function patternOf(name: string): RegExp {
  const parts = name.split(PLACEHOLDER).map((text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s");
}

/** What a run gave for a declared test; one with placeholders passed when all of its rows did. */
export function resultOf(test: DeclaredTest, run: readonly RunTest[]): Result {
  const pattern = patternOf(test.name);
  const rows = run.filter(({ file, name }) => file === test.file && pattern.test(name));
  if (rows.length === 0) return "not run";
  if (rows.some(({ status }) => status === "failed")) return "FAILED";
  return rows.every(({ status }) => status === "passed") ? "passed" : "left out";
}
