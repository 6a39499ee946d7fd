// One run of the benchmark: builds, starts the contestants, measures what the options ask for.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Builds, buildAll, gzipBytes } from "./builds.ts";
import type { ContestantName } from "./contestants.ts";
import { ISSUER } from "./http.ts";
import { measureLatency } from "./latency.ts";
import type { Extra, Options } from "./options.ts";
import { measureOwnCpu, measureReplayedMemory } from "./own-cpu.ts";
import { measureColdStart, measureMemory, modulesOf } from "./process-figures.ts";
import { endEverything, type RunningContestant, startContestant, temporaryFolder } from "./processes.ts";
import type { Results } from "./report.ts";
import { REDIRECT_URI } from "./seeds.ts";
import { measureStartUp, onlyParsed } from "./start-up.ts";
import { spread } from "./statistics.ts";
import type { WorkerdSource } from "./workerd.ts";

type Progress = (line: string) => void;

const COLD_START_DELAYS = [0, 40];
const START_ROUNDS = { full: 20, quick: 1 };
const COLD_ROUNDS = { full: 3, quick: 1 };
/** Refreshes after which memory is read; the longer run is only for this service, with storage replayed. */
const MEMORY = { simulated: [10_000], replayed: [10_000, 100_000], quick: [100] };
const VARIABLES = { ISSUER, REDIRECT_URI, MASTER_KEY: "A".repeat(43) };

/** Workers with module scope of their own. */
const UPLOADED = ["alexa-link", "cloudflare", "openauth"] as const satisfies readonly ContestantName[];

/** The bundle that a contestant uploads. */
function uploadOf(builds: Builds, name: (typeof UPLOADED)[number]) {
  return name === "alexa-link" ? builds.uploaded : builds.modules[name];
}

/** Measures; all processes and temporary folders are gone when this settles. */
export async function runBenchmark(options: Options, progress: Progress): Promise<Results> {
  const { extras, quick, contestants } = options;
  const wants = (extra: Extra) => extras.includes(extra);
  const uploads = UPLOADED.filter((name) => contestants.includes(name));
  const length = quick ? "quick" : "full";
  try {
    progress("building the Workers");
    const builds = await buildAll(temporaryFolder());
    const latencies = options.workloads.length > 0 ? await latenciesOf(options, builds, progress) : [];
    return {
      latencies,
      coldStarts: wants("cold-start") ? await coldStartsOf(options, builds, COLD_ROUNDS[length], progress) : [],
      startUpCpu: wants("start-up-cpu") ? await startUpOf(uploads, builds, START_ROUNDS[length], progress) : [],
      ownCpu: wants("own-cpu") && contestants.includes("alexa-link") ? await measureOwnCpu(progress, builds.file) : [],
      bundles: wants("bundle")
        ? uploads.map((contestant) => ({ contestant, gzipBytes: gzipBytes(uploadOf(builds, contestant)) }))
        : [],
      memory: wants("memory") ? await memoryOf(options, builds, progress) : [],
    };
  } finally {
    endEverything();
  }
}

async function latenciesOf(options: Options, builds: Builds, progress: Progress) {
  const running: RunningContestant[] = [];
  for (const name of options.contestants) {
    progress(`starting ${name}`);
    const contestant = await startContestant(name, modulesOf(builds, name), temporaryFolder());
    await contestant.requests.setUp();
    running.push(contestant);
  }
  const latencies = await measureLatency(running, options, progress);
  await Promise.all(running.map((contestant) => contestant.close()));
  return latencies;
}

async function coldStartsOf({ contestants }: Options, builds: Builds, rounds: number, progress: Progress) {
  const found = await measureColdStart(builds, contestants, { rounds, delays: COLD_START_DELAYS }, progress);
  return found.map(({ contestant, delay, times }) => ({ contestant, delay, time: spread(times) }));
}

async function startUpOf(
  names: readonly (typeof UPLOADED)[number][],
  builds: Builds,
  rounds: number,
  onProgress: Progress,
) {
  const workers = new Map<string, WorkerdSource>();
  for (const name of names) {
    const bundle = { modules: uploadOf(builds, name), variables: VARIABLES };
    workers.set(name, bundle);
    if (name === "alexa-link") workers.set(`${name}, only parsed`, onlyParsed(bundle));
  }
  return measureStartUp({ workers, rounds, onProgress });
}

/** All contestants at the same time: their memory does not depend on how fast they are. */
async function memoryOf({ contestants, quick }: Options, builds: Builds, progress: Progress) {
  const running: RunningContestant[] = [];
  for (const name of contestants.filter((each) => !each.startsWith("floor"))) {
    const contestant = await startContestant(name, modulesOf(builds, name), temporaryFolder());
    await contestant.requests.setUp();
    running.push(contestant);
  }
  const counts = quick ? MEMORY.quick : MEMORY.simulated;
  const found = await Promise.all(running.map((contestant) => measureMemory(contestant, counts, progress)));
  await Promise.all(running.map((contestant) => contestant.close()));
  if (!contestants.includes("alexa-link")) return found.flat();
  const replayed = await measureReplayedMemory(quick ? MEMORY.quick : MEMORY.replayed, progress, builds.file);
  return [...found.flat(), ...replayed];
}

/** Writes a file and the folders above it. */
export function writeChart(file: string, chart: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, chart);
}
