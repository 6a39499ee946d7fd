// The options of `npm run bench`.
import { optionsIn, UsageError, whole } from "./command-line.ts";
import { CONTESTANTS, type ContestantName } from "./contestants.ts";
import { WORKLOADS, type Workload } from "./workloads.ts";

/** What is measured beside the workloads. */
export const EXTRAS = ["cold-start", "start-up-cpu", "own-cpu", "bundle", "memory"] as const;
export type Extra = (typeof EXTRAS)[number];

export interface Options {
  readonly workloads: readonly Workload[];
  readonly extras: readonly Extra[];
  readonly contestants: readonly ContestantName[];
  readonly rounds: number;
  /** Milliseconds in front of each storage call; each is one setting. */
  readonly delays: readonly number[];
  readonly quick: boolean;
  /** Stdout holds one JSON document instead of tables. */
  readonly json: boolean;
  readonly svg: string;
}

const DEFAULT_ROUNDS = 3;
const DEFAULT_DELAYS = [0, 10, 40];

export const USAGE = `npm run bench -- [options]

Compares alexa-link with other OAuth servers on this machine. It needs no network and takes about seven minutes.

  --only NAMES         comma-separated: ${WORKLOADS.join(", ")},
                       ${EXTRAS.join(", ")}
  --contestants NAMES  comma-separated: ${CONTESTANTS.join(", ")}
  --rounds N           rounds of each measurement, 1 to 100 (default ${DEFAULT_ROUNDS})
  --delays LIST        milliseconds in front of each storage call, 0 to 1000 (default ${DEFAULT_DELAYS.join(",")})
  --quick              one short round, to see that everything works; the figures mean nothing
  --growth             instead: how time and rows grow with the number of links; --growth --help for its options
  --json               print one JSON document on stdout instead of tables
  --svg FILE           where the chart is written (default bench/result.svg)
  --help               print this text

Progress is printed on stderr. Exit code: 0 measured, 1 failed, 2 wrong options.`;

const OPTIONS = {
  only: { type: "string" },
  contestants: { type: "string" },
  rounds: { type: "string" },
  delays: { type: "string" },
  quick: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  svg: { type: "string" },
  help: { type: "boolean", default: false },
} as const;

/** The options of a command line, or "help". Throws `UsageError`. */
export function parseOptions(args: readonly string[]): Options | "help" {
  const values = optionsIn(args, OPTIONS);
  if (values.help) return "help";
  const names = listed(values.only, "--only", [...WORKLOADS, ...EXTRAS]);
  return {
    workloads: WORKLOADS.filter((name) => names?.includes(name) ?? true),
    extras: EXTRAS.filter((name) => names?.includes(name) ?? true),
    contestants: CONTESTANTS.filter((name) => contestantsIn(values.contestants)?.includes(name) ?? true),
    rounds:
      values.rounds === undefined ? (values.quick ? 1 : DEFAULT_ROUNDS) : whole(values.rounds, "--rounds", 1, 100),
    delays: delaysIn(values.delays),
    quick: values.quick,
    json: values.json,
    svg: fileIn(values.svg),
  };
}

/** The names of a comma-separated list, each checked. */
function listed<Name extends string>(
  text: string | undefined,
  option: string,
  known: readonly Name[],
): readonly Name[] | undefined {
  if (text === undefined) return undefined;
  return text.split(",").map((given) => {
    const name = known.find((candidate) => candidate === given.trim());
    if (!name) throw new UsageError(`${option}: ${JSON.stringify(given)} is none of ${known.join(", ")}.`);
    return name;
  });
}

function contestantsIn(text: string | undefined): readonly ContestantName[] | undefined {
  return listed(text, "--contestants", CONTESTANTS);
}

function delaysIn(text: string | undefined): readonly number[] {
  if (text === undefined) return DEFAULT_DELAYS;
  return [...new Set(text.split(",").map((part) => whole(part.trim(), "--delays", 0, 1000)))];
}

function fileIn(text = "bench/result.svg"): string {
  if (text.endsWith(".svg")) return text;
  throw new UsageError(`--svg: ${JSON.stringify(text)} does not end with .svg.`);
}
