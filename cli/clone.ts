// What runs outside this process: scripts of the clone, and the simulator that `npm run build` bundles.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { ExitCode } from "./exit-code.ts";
import { IN_CLONE } from "./options.ts";
import { CommandError } from "./terminal.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/**
 * Runs a script of the clone with this Node and its own output, and throws `ExitCode` if it fails. Ctrl-C is the
 * script's: this process waits until it has ended.
 */
export async function runScript(script: string, environment: Readonly<Record<string, string>> = {}): Promise<void> {
  const child = spawn(process.execPath, [script], {
    cwd: ROOT,
    stdio: ["inherit", "inherit", "inherit"],
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", ...environment },
  });
  const passOn = (signal: NodeJS.Signals) => void child.kill(signal);
  const wait = () => undefined;
  process.on("SIGINT", wait);
  process.on("SIGTERM", passOn);
  try {
    const [code] = (await once(child, "exit")) as [number | null];
    if (code !== 0) throw new ExitCode(code ?? 1);
  } finally {
    process.off("SIGINT", wait);
    process.off("SIGTERM", passOn);
  }
}

interface SimulatorModule {
  serveSimulator(hostname: string, port: number): Promise<{ readonly port: number; close(): void }>;
}

/** The simulator for Node. A clone bundles it first, because Node cannot load its JSX. */
export async function loadSimulator(): Promise<SimulatorModule> {
  if (IN_CLONE) await runScript("scripts/build.ts");
  const module: unknown = await import(new URL("../build/simulator.js", import.meta.url).href);
  if (typeof module === "object" && module !== null && "serveSimulator" in module) return module as SimulatorModule;
  throw new CommandError("build/simulator.js is not the simulator. Install alexa-link again.");
}
