// The contestants' processes, and the temporary folders of a run. All of them end with it.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import type { Modules } from "./builds.ts";
import { type ContestantName, REQUESTS } from "./contestants.ts";
import { type Contestant, expectStatus } from "./exercise.ts";
import { Connection } from "./http.ts";

export interface RunningContestant {
  readonly name: ContestantName;
  readonly port: number;
  /** The process that serves, whose memory counts. */
  readonly pid: number;
  readonly connection: Connection;
  readonly requests: Contestant;
  /** Sets the milliseconds in front of each storage call. */
  delay(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}

const children = new Set<ChildProcess>();
const folders = new Set<string>();

/** A folder that is removed at the end of the run. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "alexa-link-bench-"));
  folders.add(folder);
  return folder;
}

/** Ends all processes and removes all folders, at once: for Ctrl-C, and for the end of a run that failed. */
export function endEverything(): void {
  for (const child of children) child.kill("SIGTERM");
  children.clear();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  folders.clear();
}

/**
 * Starts a contestant in its own process, with its storage in `folder`. Throws with the process's output when it does
 * not start.
 */
export async function startContestant(
  name: ContestantName,
  modules: Modules | undefined,
  folder: string,
): Promise<RunningContestant> {
  const file = join(folder, "modules.json");
  writeFileSync(file, JSON.stringify({ modules }));
  const child = spawn(process.execPath, ["bench/serve.ts", name, file, folder], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", NODE_NO_WARNINGS: "1", NO_COLOR: "1" },
  });
  children.add(child);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const errors = text(child.stderr!);
  const lines = createInterface({ input: child.stdout! });
  const started = await new Promise<{ port: number; pid: number } | undefined>((resolve) => {
    lines.on("line", (line) => {
      if (line.startsWith('{"port"')) resolve(JSON.parse(line));
    });
    exited.then(() => resolve(undefined));
  });
  if (!started) {
    children.delete(child);
    throw new Error(`${name} did not start:\n${(await errors).slice(-2000)}`);
  }
  const connection = new Connection(started.port);
  return {
    name,
    port: started.port,
    pid: started.pid,
    connection,
    requests: REQUESTS[name](connection),
    async delay(milliseconds) {
      expectStatus(await connection.send("/bench/delay", { method: "PUT", body: String(milliseconds) }), 204);
    },
    async close() {
      connection.close();
      child.stdin!.end();
      const forced = setTimeout(() => child.kill("SIGKILL"), 5000);
      await exited;
      clearTimeout(forced);
      children.delete(child);
    },
  };
}
