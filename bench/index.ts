// `npm run bench`: compares this service with other OAuth servers on this machine. See docs/benchmark.md.
import { cpus } from "node:os";
import { pathToFileURL } from "node:url";
import { chartOf } from "./chart.ts";
import { runCommand } from "./command-line.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import { endEverything } from "./processes.ts";
import { goalsOf, goalsTable, tablesOf, tableText } from "./report.ts";
import { runBenchmark, writeChart } from "./run.ts";

/** Runs one command line and returns the exit code: 0 measured, 1 failed, 2 usage error. */
export async function run(
  args: readonly string[],
  print: (text: string) => void,
  complain: (text: string) => void,
): Promise<number> {
  if (args.includes("--growth")) {
    const growth = await import("./growth.ts");
    const others = args.filter((option) => option !== "--growth");
    return growth.run(others, print, complain);
  }
  return runCommand(
    async () => {
      const options = parseOptions(args);
      if (options === "help") print(USAGE);
      else await measure(options, print, complain);
      return 0;
    },
    "npm run bench -- --help",
    complain,
  );
}

async function measure(options: Options, print: (text: string) => void, complain: (text: string) => void) {
  const start = Date.now();
  const progress = (line: string) =>
    complain(`${String(Math.round((Date.now() - start) / 1000)).padStart(4)} s  ${line}`);
  const results = await runBenchmark(options, progress);
  const goals = goalsOf(results);
  const machine = { cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, node: process.version };
  const seconds = Math.round((Date.now() - start) / 1000);
  if (options.json) {
    print(
      JSON.stringify({ ...machine, startedAt: new Date(start).toISOString(), seconds, ...results, goals }, null, 2),
    );
  } else {
    for (const table of tablesOf(results)) print(`${tableText(table)}\n`);
    if (goals.length > 0) print(`${tableText(goalsTable(goals))}\n`);
    print(`${machine.cores} × ${machine.cpu}, Node ${machine.node}, ${options.rounds} rounds, ${seconds} s`);
  }
  const chart = chartOf(results.latencies);
  if (chart === undefined) return;
  writeChart(options.svg, chart);
  progress(`the chart is in ${options.svg}`);
}

function endBySignal(): void {
  endEverything();
  process.exit(130);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.once("SIGINT", endBySignal);
  process.once("SIGTERM", endBySignal);
  process.exitCode = await run(process.argv.slice(2), console.log, console.error);
}
