// The results as tables, and the goals that they reach or miss.
import type { ContestantName } from "./contestants.ts";
import type { Latency } from "./latency.ts";
import type { OwnCpuRow } from "./own-cpu.ts";
import type { Memory } from "./process-figures.ts";
import type { StartUp } from "./start-up.ts";
import { ratio, type Spread, spread } from "./statistics.ts";
import type { Workload } from "./workloads.ts";

export interface Results {
  readonly latencies: readonly Latency[];
  readonly coldStarts: readonly {
    readonly contestant: ContestantName;
    readonly delay: number;
    readonly time: Spread;
  }[];
  readonly startUpCpu: readonly StartUp[];
  readonly ownCpu: readonly OwnCpuRow[];
  readonly bundles: readonly { readonly contestant: ContestantName; readonly gzipBytes: number }[];
  readonly memory: readonly Memory[];
}

export interface Goal {
  readonly what: string;
  readonly wanted: string;
  readonly figure: string;
  readonly reached: boolean;
}

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const OURS = "alexa-link";
const FLOOR = "floor-with-crypto";

function find(latencies: readonly Latency[], workload: Workload, delay: number, contestant: ContestantName) {
  return latencies.find((each) => each.workload === workload && each.delay === delay && each.contestant === contestant);
}

const oneDigit = (value: number) => value.toFixed(1);
const twoDigits = (value: number) => value.toFixed(2);

function withSpread({ median, min, max }: Spread, format: (value: number) => string): string {
  return min === max ? format(median) : `${format(median)} (${format(min)}–${format(max)})`;
}

/** Milliseconds with their spread; `–` for what a contestant does not offer. */
function cell(latency: Latency | undefined): string {
  return latency ? withSpread(spread(latency.rounds), twoDigits) : "–";
}

function names(latencies: readonly { readonly contestant: ContestantName }[]): readonly ContestantName[] {
  return [...new Set(latencies.map(({ contestant }) => contestant))];
}

function latencyTables(latencies: readonly Latency[]): Table[] {
  const contestants = names(latencies);
  const workloads = [...new Set(latencies.map(({ workload }) => workload))];
  const delays = [...new Set(latencies.map(({ delay }) => delay))];
  return delays.flatMap((delay) => {
    const others = contestants.filter((name) => name !== OURS);
    const times: Table = {
      title: `Milliseconds with ${delay} ms in front of each storage call: median of the rounds (lowest–highest)`,
      head: ["workload", ...contestants],
      rows: workloads.map((workload) => [
        workload,
        ...contestants.map((name) => cell(find(latencies, workload, delay, name))),
      ]),
    };
    const ratios: Table = {
      title: `Times as long as ${OURS}, with ${delay} ms`,
      head: ["workload", ...others],
      rows: workloads.map((workload) => [
        workload,
        ...others.map((name) => {
          const [theirs, ours] = [name, OURS as ContestantName].map((each) => find(latencies, workload, delay, each));
          return theirs && ours ? withSpread(ratio(theirs.rounds, ours.rounds), twoDigits) : "–";
        }),
      ]),
    };
    return contestants.includes(OURS) && others.length > 0 ? [times, ratios] : [times];
  });
}

/** All tables that have rows. */
export function tablesOf({ latencies, coldStarts, startUpCpu, ownCpu, bundles, memory }: Results): readonly Table[] {
  return [
    ...latencyTables(latencies),
    {
      title: "First token request of a fresh process, milliseconds",
      head: ["contestant", "storage delay", "median (lowest–highest)"],
      rows: coldStarts.map(({ contestant, delay, time }) => [contestant, `${delay} ms`, withSpread(time, oneDigit)]),
    },
    {
      title: "CPU of a start, milliseconds: median (lowest–highest)",
      head: ["Worker", "beyond an empty Worker", "whole process"],
      rows: startUpCpu.map(({ worker, cpu, beyondEmpty }) => [
        worker,
        withSpread(beyondEmpty, oneDigit),
        withSpread(cpu, oneDigit),
      ]),
    },
    {
      title: "Own CPU of a request with storage replayed, microseconds",
      head: ["workload", "contestant", "median (lowest–highest)", `times ${FLOOR}`],
      rows: ownCpu.map(({ workload, contestant, cpu, ratio: times }) => [
        workload,
        contestant,
        withSpread(cpu, (value) => value.toFixed(0)),
        twoDigits(times),
      ]),
    },
    {
      title: "Bundle, KB gzip",
      head: ["contestant", "size"],
      rows: bundles.map(({ contestant, gzipBytes }) => [contestant, oneDigit(gzipBytes / 1024)]),
    },
    {
      title: "Memory and CPU of the process after refreshes; unless replayed, with those of the simulated storage",
      head: ["contestant", "refreshes", "MB", "CPU a refresh, µs"],
      rows: memory.map(({ contestant, requests, megabytes, cpuMicroseconds }) => [
        contestant,
        String(requests),
        megabytes.toFixed(0),
        cpuMicroseconds.toFixed(0),
      ]),
    },
  ].filter(({ rows }) => rows.length > 0);
}

/** The goals whose figures were measured. */
export function goalsOf({ latencies, ownCpu, startUpCpu, bundles }: Results): readonly Goal[] {
  const goals: Goal[] = [];
  const against = (workload: Workload, delay: number, other: ContestantName, least: number) => {
    const ours = find(latencies, workload, delay, OURS);
    const theirs = find(latencies, workload, delay, other);
    if (!ours || !theirs) return;
    const times = ratio(theirs.rounds, ours.rounds).median;
    goals.push({
      what: `${workload}, ${delay} ms: ${other} takes`,
      wanted: `at least ${least} times as long`,
      figure: twoDigits(times),
      reached: times >= least,
    });
  };
  const nearFloor = (workload: Workload) => {
    const ours = find(latencies, workload, 40, OURS);
    const floor = find(latencies, workload, 40, FLOOR);
    if (!ours || !floor) return;
    const times = ratio(ours.rounds, floor.rounds).median;
    goals.push({
      what: `${workload}, 40 ms: ${OURS} takes`,
      wanted: `at most 1.10 times ${FLOOR}`,
      figure: twoDigits(times),
      reached: times <= 1.1,
    });
  };
  against("exchange", 40, "cloudflare", 1.8);
  against("refresh", 40, "cloudflare", 3.2);
  nearFloor("exchange");
  nearFloor("refresh");
  against("refresh", 0, "cloudflare", 2.8);
  against("refresh", 0, "oidc-provider", 1);
  for (const { workload, contestant, ratio: times } of ownCpu) {
    const most = { exchange: 1.3, refresh: 1.3, introspection: 1.2, consent: 1.2 }[workload as string];
    if (contestant !== OURS || most === undefined) continue;
    const wanted = `at most ${twoDigits(most)} times ${FLOOR}`;
    goals.push({ what: `${workload}: own CPU`, wanted, figure: twoDigits(times), reached: times <= most });
  }
  const start = startUpCpu.find(({ worker }) => worker === OURS)?.beyondEmpty.median;
  if (start !== undefined) {
    const figure = `${oneDigit(start)} ms`;
    goals.push({ what: "CPU of a start", wanted: "at most 25 ms", figure, reached: start <= 25 });
  }
  const bytes = bundles.find(({ contestant }) => contestant === OURS)?.gzipBytes;
  if (bytes !== undefined) {
    const figure = `${oneDigit(bytes / 1024)} KB`;
    goals.push({ what: "bundle", wanted: "at most 153 KB gzip", figure, reached: bytes <= 153 * 1024 });
  }
  return goals;
}

/** A table for a terminal: Markdown, with aligned columns. */
export function tableText({ title, head, rows }: Table): string {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((text, i) => text.padEnd(widths[i]!)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [title, "", line(head), rule, ...rows.map(line)].join("\n");
}

export function goalsTable(goals: readonly Goal[]): Table {
  return {
    title: "Goals",
    head: ["goal", "wanted", "measured", ""],
    rows: goals.map(({ what, wanted, figure, reached }) => [what, wanted, figure, reached ? "reached" : "missed"]),
  };
}
