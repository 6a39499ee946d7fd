// Starts workerd itself on a bundle, without Miniflare in front, and reads what the process has used.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** The path of the executable. The package has no types. */
const { default: WORKERD } = createRequire(import.meta.url)("workerd") as { default: string };

/** One Worker as it would be uploaded. The first module is the entry. */
export interface WorkerdSource {
  readonly modules: readonly { readonly name: string; readonly code: string }[];
  /** Plain text bindings, by name. */
  readonly variables?: Readonly<Record<string, string>>;
}

export interface StartedWorkerd {
  /** Origin, without trailing slash. */
  readonly origin: string;
  readonly pid: number;
  /** CPU time that all threads of the process have used since its start, in microseconds. Linux only. */
  cpuMicroseconds(): number;
  /** Resident memory in bytes. Linux only. */
  residentBytes(): number;
  close(): Promise<void>;
}

/** The compatibility date in wrangler.toml. */
export function compatibilityDate(): string {
  return /^compatibility_date = "([\d-]+)"$/m.exec(readFileSync("wrangler.toml", "utf8"))?.[1] ?? "";
}

/**
 * Starts workerd on a free loopback port and resolves when it listens; module scope has run then. Throws with workerd's
 * output when it does not start.
 */
export async function startWorkerd({ modules, variables = {} }: WorkerdSource): Promise<StartedWorkerd> {
  const folder = mkdtempSync(join(tmpdir(), "workerd-"));
  modules.forEach(({ code }, index) => {
    writeFileSync(join(folder, `module-${index}.js`), code);
  });
  writeFileSync(
    join(folder, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [${modules.map(({ name }, i) => `(name = ${JSON.stringify(name)}, esModule = embed "module-${i}.js")`)}],
    bindings = [${Object.entries(variables).map(([name, value]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(value)})`)}],
    compatibilityDate = "${compatibilityDate()}",
    compatibilityFlags = ["nodejs_compat"],
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (forwardedProtoHeader = "x-forwarded-proto"), service = "main")],
);
`,
  );
  const child = spawn(WORKERD, ["serve", "--control-fd=3", join(folder, "config.capnp")], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  // A process that ends by a signal does not come to `close`.
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve())).finally(() =>
    process.off("exit", end),
  );
  const output = text(child.stderr!);
  child.stdout!.resume();
  const port = await new Promise<number | undefined>((resolve) => {
    let control = "";
    child.stdio[3]!.on("data", (chunk: Buffer) => {
      control += chunk;
      const listening = /"socket":"http","port":(\d+)/.exec(control);
      if (listening) resolve(Number(listening[1]));
    });
    exited.then(() => resolve(undefined));
  });
  rmSync(folder, { recursive: true });
  if (port === undefined) throw new Error(`workerd did not start:\n${await output}`);
  const pid = child.pid!;
  return {
    origin: `http://127.0.0.1:${port}`,
    pid,
    cpuMicroseconds: () => cpuMicroseconds(pid),
    residentBytes: () => residentBytes(pid),
    async close() {
      end();
      await exited;
    },
  };
}

/** CPU time of a process in microseconds, all threads, ended ones not counted. From /proc, so on Linux only. */
export function cpuMicroseconds(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks)
    .map((task) => Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[0]) / 1000)
    .reduce((sum, time) => sum + time, 0);
}

/** Resident memory of a process in bytes. From /proc, so on Linux only. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}
