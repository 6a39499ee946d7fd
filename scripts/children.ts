// Child processes of the dev command, each in its own process group.
import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";

/** Lines of wrangler that are useless here. */
const NOISE = [
  /Request\.cf/,
  /cf\.json/,
  /Unable to fetch the/,
  /^\s*$/,
  /telemetry/i,
  /workers\.cloudflare\.com/,
  /^\s+at .*node:/,
  /⎔/,
  /─{5,}/,
];

export interface Child {
  readonly name: string;
  readonly process: ChildProcess;
  /** Its output so far, for error messages. */
  output(): string;
  /** Resolves with the exit code. */
  readonly ended: Promise<number>;
}

/** Starts a command in its own process group. Its output is printed, with a prefix, while `verbose` returns true. */
export function start(name: string, command: string, args: string[], verbose: () => boolean): Child {
  const child = spawn(command, args, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", FORCE_COLOR: "0", NO_COLOR: "1" },
  });
  let collected = "";
  const take = (chunk: Buffer) => {
    collected = (collected + chunk.toString()).slice(-20_000);
    if (!verbose()) return;
    for (const line of chunk.toString().split("\n")) {
      if (!NOISE.some((noise) => noise.test(line))) console.log(`[${name}] ${line}`);
    }
  };
  child.stdout?.on("data", take);
  child.stderr?.on("data", take);
  const ended = new Promise<number>((resolve) => {
    child.on("error", (error) => {
      collected += `\n${error.message}`;
      resolve(1);
    });
    child.on("exit", (code) => resolve(code ?? 1));
  });
  return { name, process: child, output: () => collected, ended };
}

/** Stops a child's process group: SIGTERM first, SIGKILL after five seconds. */
export async function stop(child: Child): Promise<void> {
  const { pid, exitCode, signalCode } = child.process;
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  const kill = (signal: NodeJS.Signals) => {
    try {
      process.kill(-pid, signal);
    } catch {
      // The process has already ended.
    }
  };
  kill("SIGTERM");
  const forced = setTimeout(() => kill("SIGKILL"), 5000);
  await child.ended;
  clearTimeout(forced);
}

/** Whether a program listens on this local port. */
export async function portIsTaken(port: number): Promise<boolean> {
  const taken = await Promise.all(
    ["127.0.0.1", "::1"].map(
      (host) =>
        new Promise<boolean>((resolve) => {
          const socket = connect({ host, port, timeout: 1000 });
          const done = (connected: boolean) => {
            socket.destroy();
            resolve(connected);
          };
          socket.on("connect", () => done(true));
          socket.on("error", () => done(false));
          socket.on("timeout", () => done(false));
        }),
    ),
  );
  return taken.includes(true);
}

/**
 * Waits until a URL returns 200. Throws with the child's output if it ends first or `limitMs` pass, and with the reason
 * when the service says that it is not set up.
 */
export async function untilReady(child: Child, url: string, limitMs = 60_000): Promise<void> {
  const end = Date.now() + limitMs;
  let exited: number | undefined;
  void child.ended.then((code) => {
    exited = code;
  });
  while (Date.now() < end) {
    if (exited !== undefined) throw new Error(`${child.name} stopped with exit code ${exited}:\n${child.output()}`);
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
    if (response?.ok) return;
    const body = await response?.json().catch(() => undefined);
    if (isNotSetUp(body)) throw new Error(body.detail);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  throw new Error(`${child.name} did not respond at ${url} within ${limitMs / 1000} s:\n${child.output()}`);
}

function isNotSetUp(body: unknown): body is { readonly detail: string } {
  return (
    typeof body === "object" && body !== null && "code" in body && body.code === "not_configured" && "detail" in body
  );
}
