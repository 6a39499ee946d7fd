// What is measured of whole processes: the first token request of a fresh one, and its memory.
import type { Builds, Modules } from "./builds.ts";
import type { ContestantName } from "./contestants.ts";
import { type RunningContestant, startContestant, temporaryFolder } from "./processes.ts";
import { cpuMicroseconds, residentBytes } from "./workerd.ts";

/** What a contestant's process runs; undefined: `oidc-provider` is no Worker. */
export function modulesOf(builds: Builds, name: ContestantName): Modules | undefined {
  if (name === "oidc-provider") return undefined;
  return builds.modules[name === "floor-with-crypto" ? "floor" : name];
}

export interface ColdStart {
  readonly contestant: ContestantName;
  readonly delay: number;
  /** Milliseconds, one a round. */
  readonly times: number[];
}

/** Contestants with storage that outlives a process. */
const RESTARTED: readonly ContestantName[] = ["alexa-link", "cloudflare", "openauth", "floor-with-crypto"];

/**
 * Milliseconds of the first token request of a fresh process: a refresh of a link that is in storage already. Only
 * contestants with storage can have one.
 */
export async function measureColdStart(
  builds: Builds,
  names: readonly ContestantName[],
  { rounds, delays }: { readonly rounds: number; readonly delays: readonly number[] },
  progress: (line: string) => void,
): Promise<readonly ColdStart[]> {
  const figures: ColdStart[] = [];
  const prepared = [];
  for (const name of names.filter((each) => RESTARTED.includes(each))) {
    progress(`cold start: ${name} is set up`);
    const folder = temporaryFolder();
    const contestant = await startContestant(name, modulesOf(builds, name), folder);
    await contestant.requests.setUp();
    const exercise = await contestant.requests.workloads.refresh!(0);
    await contestant.close();
    prepared.push({ contestant, exercise, folder });
    figures.push(...delays.map((delay) => ({ contestant: name, delay, times: [] })));
  }
  for (let round = 0; round < rounds * delays.length; round++) {
    const delay = delays[round % delays.length]!;
    progress(`cold start: round ${round + 1} of ${rounds * delays.length}, ${delay} ms in front of each storage call`);
    for (const { contestant, exercise, folder } of prepared) {
      const fresh = await startContestant(contestant.name, modulesOf(builds, contestant.name), folder);
      contestant.connection.moveTo(fresh.port);
      // The connection is open then, and the Worker behind the delay has not run.
      await contestant.delay(delay);
      const start = performance.now();
      const response = await exercise.send();
      const elapsed = performance.now() - start;
      exercise.check(response);
      figures.find((each) => each.contestant === contestant.name && each.delay === delay)!.times.push(elapsed);
      contestant.connection.close();
      await fresh.close();
    }
  }
  return figures;
}

/** What a process has used after so many refreshes. */
export interface Memory {
  readonly contestant: ContestantName | "alexa-link, storage replayed";
  readonly requests: number;
  /** Resident. */
  readonly megabytes: number;
  /** CPU time of the process per refresh since the last reading, in microseconds. */
  readonly cpuMicroseconds: number;
}

const AT_A_TIME = 8;

/** Sends refreshes to a fresh process and reads its memory after each of these numbers. Linux only. */
export async function measureMemory(
  contestant: RunningContestant,
  counts: readonly number[],
  progress: (line: string) => void,
): Promise<readonly Memory[]> {
  const { name, pid, requests } = contestant;
  const refresh = requests.workloads.refresh!;
  const found: Memory[] = [];
  for (let lane = 0; lane < AT_A_TIME; lane++) await refresh(lane);
  let sent = 0;
  for (const count of counts) {
    progress(`memory: ${name} until ${count} refreshes`);
    const [before, start] = [sent, cpuMicroseconds(pid)];
    const worker = async (lane: number) => {
      while (sent < count) {
        sent++;
        const exercise = await refresh(lane);
        exercise.check(await exercise.send());
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, (_, lane) => worker(lane)));
    const each = (cpuMicroseconds(pid) - start) / (sent - before);
    found.push({ contestant: name, requests: count, megabytes: residentBytes(pid) / 2 ** 20, cpuMicroseconds: each });
  }
  return found;
}
