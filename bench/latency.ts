// The time that each workload takes: one request after another, rounds interleaved over the contestants.
import type { ContestantName } from "./contestants.ts";
import type { Exercise } from "./exercise.ts";
import type { RunningContestant } from "./processes.ts";
import { median } from "./statistics.ts";
import type { Workload } from "./workloads.ts";

export interface Plan {
  readonly workloads: readonly Workload[];
  /** Milliseconds. */
  readonly delays: readonly number[];
  readonly rounds: number;
  /** One short round, whose figures mean nothing. */
  readonly quick: boolean;
}

/** One figure a round: the median of its samples, in milliseconds. */
export interface Latency {
  readonly workload: Workload;
  readonly delay: number;
  readonly contestant: ContestantName;
  readonly rounds: readonly number[];
  readonly samples: number;
}

/** Samples in a block, by the delay: a delay takes long, and drowns the noise. */
function samplesWith(delay: number, quick: boolean): number {
  if (quick) return 2;
  if (delay === 0) return 40;
  return delay < 20 ? 5 : 3;
}

const WARM_UP = 60;

async function timed({ send, check }: Exercise): Promise<number> {
  const start = performance.now();
  const response = await send();
  const elapsed = performance.now() - start;
  check(response);
  return elapsed;
}

/** The samples of one block, in milliseconds. Exercises are prepared before, without the delay. */
async function block(
  contestant: RunningContestant,
  workload: Workload,
  delay: number,
  samples: number,
): Promise<number[]> {
  const prepare = contestant.requests.workloads[workload]!;
  const exercises: Exercise[] = [];
  for (let index = 0; index < samples; index++) exercises.push(await prepare(index));
  if (delay > 0) await contestant.delay(delay);
  const times: number[] = [];
  for (const exercise of exercises) {
    try {
      times.push(await timed(exercise));
    } catch (error) {
      throw new Error(`${contestant.name}, ${workload}: ${error instanceof Error ? error.message : error}`);
    }
  }
  if (delay > 0) await contestant.delay(0);
  return times;
}

/** Measures all workloads. `progress` gets a line before each step. */
export async function measureLatency(
  contestants: readonly RunningContestant[],
  plan: Plan,
  progress: (line: string) => void,
): Promise<readonly Latency[]> {
  const found = new Map<string, { readonly latency: Omit<Latency, "rounds">; readonly rounds: number[] }>();
  for (const workload of plan.workloads) {
    progress(`warm-up: ${workload}`);
    for (const contestant of offering(contestants, workload)) {
      await block(contestant, workload, 0, plan.quick ? 2 : WARM_UP);
    }
  }
  for (let round = 0; round < plan.rounds; round++) {
    for (const delay of plan.delays) {
      for (const workload of plan.workloads) {
        progress(`round ${round + 1} of ${plan.rounds}: ${workload}, ${delay} ms in front of each storage call`);
        const taking = offering(contestants, workload);
        for (let turn = 0; turn < taking.length; turn++) {
          const contestant = taking[(turn + round) % taking.length]!;
          const samples = samplesWith(delay, plan.quick);
          const times = await block(contestant, workload, delay, samples);
          const key = `${workload} ${delay} ${contestant.name}`;
          const latency = { workload, delay, contestant: contestant.name, samples: samples * plan.rounds };
          const entry = found.get(key) ?? { latency, rounds: [] };
          entry.rounds.push(median(times));
          found.set(key, entry);
        }
      }
    }
  }
  return [...found.values()].map(({ latency, rounds }) => ({ ...latency, rounds }));
}

function offering(contestants: readonly RunningContestant[], workload: Workload): readonly RunningContestant[] {
  return contestants.filter(({ requests }) => requests.workloads[workload]);
}
