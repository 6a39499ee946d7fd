// What setup needs of the machine, so that tests can replace it: the folder, wrangler, time, the DNS.
import { spawn } from "node:child_process";
import { Resolver } from "node:dns/promises";
import { delimiter, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Terminal } from "../terminal.ts";

/** What a run of wrangler left: its exit code, and both of its outputs. */
export interface Ended {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

export interface WranglerCall {
  readonly args: readonly string[];
  /** Standard input: where wrangler reads a secret. */
  readonly input?: string | undefined;
  /** Variables besides the environment's. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Wrangler asks the person itself. Its output is not read then. */
  readonly attached?: boolean;
}

export interface World {
  readonly terminal: Terminal;
  /** The clone: where wrangler.toml is. */
  readonly folder: string;
  wrangler(call: WranglerCall): Promise<Ended>;
  /** Runs another command of this program: `skill` or `doctor`, with its arguments. */
  start(terminal: Terminal, args: readonly string[]): Promise<void>;
  pause(milliseconds: number): Promise<void>;
  /** Whether the DNS has records for a host name. Undefined if its name servers could not be asked. */
  hasRecords(host: string): Promise<boolean | undefined>;
}

/** This machine, and the wrangler that is first in PATH, else the one that the clone installed. */
export function thisMachine(terminal: Terminal, start: World["start"]): World {
  const folder = process.cwd();
  return { terminal, folder, wrangler: (call) => runWrangler(folder, call), start, pause, hasRecords };
}

function runWrangler(folder: string, call: WranglerCall): Promise<Ended> {
  const { PATH = "" } = process.env;
  const env = {
    ...process.env,
    WRANGLER_SEND_METRICS: "false",
    ...(call.attached ? {} : { NO_COLOR: "1", WRANGLER_HIDE_BANNER: "true" }),
    ...call.environment,
    PATH: [PATH, join(folder, "node_modules", ".bin")].join(delimiter),
  };
  return new Promise((resolve, reject) => {
    // Standard output is the command's own; what wrangler tells the person goes to standard error.
    const child = spawn("wrangler", [...call.args], { cwd: folder, env, stdio: call.attached ? [0, 2, 2] : "pipe" });
    let output = "";
    let errors = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
    // A wrangler that ends before it reads its input is judged by its exit code.
    child.stdin?.on("error", () => undefined).end(call.input ?? "");
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, output, errors }));
  });
}

/**
 * Asks the zone's own name servers. A recursive resolver would remember for half an hour that a name does not exist,
 * and the health check after the deployment would not find it.
 */
async function hasRecords(host: string): Promise<boolean | undefined> {
  const authority = new Resolver({ timeout: 3000, tries: 1 });
  const labels = host.split(".");
  try {
    authority.setServers(await nameServersOf(labels.slice(1).join(".")));
  } catch {
    return undefined;
  }
  let unanswered = false;
  for (const type of ["A", "AAAA", "CNAME"] as const) {
    try {
      if ((await authority.resolve(host, type)).length > 0) return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENODATA" && code !== "ENOTFOUND") unanswered = true;
    }
  }
  return unanswered ? undefined : false;
}

/** The addresses of the name servers of the zone that a name is in. */
async function nameServersOf(name: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: 3000, tries: 1 });
  try {
    const [first = ""] = await resolver.resolveNs(name);
    return await resolver.resolve4(first);
  } catch (error) {
    const parent = name.slice(name.indexOf(".") + 1);
    if (parent === name || !parent.includes(".")) throw error;
    return nameServersOf(parent);
  }
}
