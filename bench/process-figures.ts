// What is measured of whole processes: the first token request of a fresh one, CPU of its start, and its memory.
import type { Builds, Modules } from "./builds.ts";
import type { ContestantName } from "./contestants.ts";
import { type RunningContestant, startContestant, temporaryFolder } from "./processes.ts";
import { residentBytes, startWorkerd } from "./workerd.ts";

/** What a contestant's process runs; undefined: `oidc-provider` is no Worker. */
export function modulesOf(builds: Builds, name: ContestantName): Modules | undefined {
  if (name === "oidc-provider") return undefined;
  return builds.modules[name === "floor-with-crypto" ? "floor" : name];
}

/** One figure a round, by contestant. */
export type Rounds = ReadonlyMap<ContestantName, readonly number[]>;

/**
 * Milliseconds of the first token request of a fresh process: a refresh of a link that is in storage already. Only
 * contestants with storage can have one.
 */
export async function measureColdStart(
  builds: Builds,
  names: readonly ContestantName[],
  { rounds, delay }: { readonly rounds: number; readonly delay: number },
  progress: (line: string) => void,
): Promise<Rounds> {
  const figures = new Map<ContestantName, number[]>();
  const prepared = [];
  for (const name of names.filter((each) => each !== "oidc-provider")) {
    progress(`cold start: ${name} is set up`);
    const folder = temporaryFolder();
    const contestant = await startContestant(name, modulesOf(builds, name), folder);
    await contestant.requests.setUp();
    const exercise = await contestant.requests.workloads.refresh!(0);
    await contestant.close();
    prepared.push({ contestant, exercise, folder });
    figures.set(name, []);
  }
  for (let round = 0; round < rounds; round++) {
    progress(`cold start: round ${round + 1} of ${rounds}, ${delay} ms in front of each storage call`);
    for (const { contestant, exercise, folder } of prepared) {
      const fresh = await startContestant(contestant.name, modulesOf(builds, contestant.name), folder);
      try {
        contestant.connection.moveTo(fresh.port);
        // The connection is open then, and the Worker behind the delay has not run.
        await contestant.delay(delay);
        const start = performance.now();
        const answer = await exercise.send();
        figures.get(contestant.name)!.push(performance.now() - start);
        exercise.check(answer);
      } finally {
        contestant.connection.close();
        await fresh.close();
      }
    }
  }
  return figures;
}

const EMPTY: Modules = [{ name: "empty.js", code: "export default { fetch: () => new Response() };" }];

/** Milliseconds of CPU that a fresh workerd uses until it listens, beyond those with an empty Worker. Linux only. */
export async function measureStartUpCpu(
  sources: ReadonlyMap<ContestantName, { readonly modules: Modules; readonly variables: Record<string, string> }>,
  rounds: number,
  progress: (line: string) => void,
): Promise<Rounds> {
  const figures = new Map<ContestantName, number[]>([...sources.keys()].map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    progress(`start-up CPU: round ${round + 1} of ${rounds}`);
    const empty = await cpuOfStart(EMPTY, {});
    for (const [name, { modules, variables }] of sources) {
      figures.get(name)!.push((await cpuOfStart(modules, variables)) - empty);
    }
  }
  return figures;
}

async function cpuOfStart(modules: Modules, variables: Record<string, string>): Promise<number> {
  const workerd = await startWorkerd({ modules, variables });
  try {
    return workerd.cpuMicroseconds() / 1000;
  } finally {
    await workerd.close();
  }
}

/** Resident memory in MB after so many refreshes. */
export interface Memory {
  readonly contestant: ContestantName;
  readonly requests: number;
  readonly megabytes: number;
  /** Requests a second meanwhile, with eight at a time. */
  readonly perSecond: number;
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
    const [before, start] = [sent, performance.now()];
    const worker = async (lane: number) => {
      while (sent < count) {
        sent++;
        const exercise = await refresh(lane);
        exercise.check(await exercise.send());
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, (_, lane) => worker(lane)));
    const perSecond = ((sent - before) / (performance.now() - start)) * 1000;
    found.push({ contestant: name, requests: count, megabytes: residentBytes(pid) / 2 ** 20, perSecond });
  }
  return found;
}
