// CPU of a start: what a fresh workerd uses until it listens, and how much of it is for parsing the bundle.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { optionsIn, runCommand, whole } from "./command-line.ts";
import { type Spread, spread } from "./statistics.ts";
import { startWorkerd, type WorkerdSource } from "./workerd.ts";

const BUNDLE = "dist/index.js";
const DEFAULT_ROUNDS = 20;
const VARIABLES = { ISSUER: "https://link.example.com", MASTER_KEY: "A".repeat(43) };
const EMPTY: WorkerdSource = {
  modules: [{ name: "empty.js", code: "export default { fetch: () => new Response() };" }],
};

/** The Worker that all others are compared with. */
export const EMPTY_WORKER = "empty Worker";

export interface StartUp {
  readonly worker: string;
  /** CPU time of the whole process in milliseconds. */
  readonly cpu: Spread;
  /** The same less that of the empty Worker in the same round. */
  readonly beyondEmpty: Spread;
}

export interface StartUpOptions {
  readonly rounds?: number;
  /** By name. Without it: the bundle in dist/, evaluated and only parsed. */
  readonly workers?: ReadonlyMap<string, WorkerdSource>;
  readonly onProgress?: (line: string) => void;
}

/** Whether the system shows the CPU time of a process. */
export function canMeasureStartUp(): boolean {
  return existsSync("/proc/self/schedstat");
}

/** The bundle in dist/ as it would be uploaded. */
export function builtBundle(): WorkerdSource {
  return { modules: [{ name: "index.js", code: readFileSync(BUNDLE, "utf8") }], variables: VARIABLES };
}

/** The same modules beside an empty Worker that does not import them: V8 parses them and evaluates nothing. */
export function onlyParsed({ modules }: WorkerdSource): WorkerdSource {
  return { modules: [...EMPTY.modules, ...modules] };
}

/** Starts each Worker, and an empty one, in each round, one after another. Linux only. */
export async function measureStartUp(options: StartUpOptions = {}): Promise<StartUp[]> {
  const { rounds = DEFAULT_ROUNDS, onProgress } = options;
  const workers = options.workers ?? ownWorkers();
  const measured = [[EMPTY_WORKER, EMPTY] as const, ...workers].map(([worker, source]) => ({
    worker,
    source,
    times: [] as number[],
  }));
  for (let round = 0; round < rounds; round++) {
    onProgress?.(`start-up CPU: round ${round + 1} of ${rounds}`);
    for (const { source, times } of measured) times.push(await cpuOfStart(source));
  }
  const empty = measured[0]!.times;
  return measured.map(({ worker, times }) => ({
    worker,
    cpu: spread(times),
    beyondEmpty: spread(times.map((time, round) => time - empty[round]!)),
  }));
}

function ownWorkers(): ReadonlyMap<string, WorkerdSource> {
  const bundle = builtBundle();
  return new Map([
    ["alexa-link", bundle],
    ["alexa-link, only parsed", onlyParsed(bundle)],
  ]);
}

async function cpuOfStart(source: WorkerdSource): Promise<number> {
  const workerd = await startWorkerd(source);
  try {
    return workerd.cpuMicroseconds() / 1000;
  } finally {
    await workerd.close();
  }
}

const USAGE = `node bench/start-up.ts [options]

Builds the bundle and measures the CPU time until a fresh workerd listens, beside an empty Worker. Linux only.

  --rounds N  starts of each Worker, 1 to 1000 (default ${DEFAULT_ROUNDS})
  --json      print one JSON document
  --help      print this text

Progress is printed on stderr. Exit code: 0 measured, 1 failed, 2 wrong options.`;

/** Runs one command line and returns the exit code. */
export function run(
  args: readonly string[],
  print: (text: string) => void,
  complain: (text: string) => void,
): Promise<number> {
  const command = async () => {
    const options = optionsIn(args, {
      rounds: { type: "string", default: String(DEFAULT_ROUNDS) },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    });
    const rounds = whole(options.rounds, "--rounds", 1, 1000);
    if (options.help) {
      print(USAGE);
      return 0;
    }
    if (!canMeasureStartUp()) throw new Error("CPU of a start cannot be measured: this system has no /proc.");
    build();
    const rows = await measureStartUp({ rounds, onProgress: complain });
    if (options.json) print(JSON.stringify(rows, null, 2));
    else for (const row of rows) print(line(row));
    return 0;
  };
  return runCommand(command, "node bench/start-up.ts --help", complain);
}

/** Builds the bundle in dist/. Throws with the output of a build that failed. */
function build(): void {
  const { status, stdout, stderr, error } = spawnSync("wrangler", ["deploy", "--dry-run", "--outdir", "dist"], {
    encoding: "utf8",
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_LOG: "error", NO_COLOR: "1" },
  });
  if (status !== 0) throw new Error(`The bundle does not build.\n${stdout}${stderr}${error ?? ""}`);
}

function line({ worker, beyondEmpty, cpu }: StartUp): string {
  const text = ({ median, min, max }: Spread) => `${median.toFixed(1)} ms (${min.toFixed(1)}–${max.toFixed(1)})`;
  return `${worker.padEnd(25)}${text(beyondEmpty).padEnd(26)}whole process ${text(cpu)}`;
}

if (process.argv[1] === import.meta.filename) {
  process.exitCode = await run(process.argv.slice(2), console.log, console.error);
}
