// `alexa-link dev` and `alexa-link simulator`: what runs on this machine.
import { Command } from "commander";
import { portNumber } from "../admin-command.ts";
import { loadSimulator, runScript } from "../clone.ts";
import { IN_CLONE, withExamples } from "../options.ts";
import { CommandError, type Terminal, UsageError } from "../terminal.ts";

interface PortOptions {
  readonly port?: number;
  readonly simulatorPort?: number;
  readonly host?: string;
  readonly json?: boolean;
}

/** The command `dev`. */
export function devCommand(terminal: Terminal): Command {
  const command = new Command("dev")
    .description("run the service and the simulator on this machine, with a demo; needs a clone of the repository")
    .option("--port <PORT>", "port of the service (default: PORT, else 8787)", portNumber)
    .option("--simulator-port <PORT>", "port of the simulator (default: SIMULATOR_PORT, else 8788)", portNumber);
  return withExamples(command, terminal, ["dev", "dev --port 9000 --simulator-port 9001"]).action(
    async ({ port, simulatorPort }: PortOptions) => {
      if (!IN_CLONE) {
        throw new UsageError(
          "`dev` runs the service from its sources: clone the repository of alexa-link, and run `npm ci && npm run dev` there.",
        );
      }
      await runScript("scripts/dev.ts", {
        ...(port === undefined ? {} : { PORT: String(port) }),
        ...(simulatorPort === undefined ? {} : { SIMULATOR_PORT: String(simulatorPort) }),
      });
    },
  );
}

const LOOPBACK = ["127.0.0.1", "localhost", "::1"];

/** The command `simulator`. */
export function simulatorCommand(terminal: Terminal): Command {
  const command = new Command("simulator")
    .description("run the simulated Alexa alone, to link with any server that can be reached from here")
    .option("--port <PORT>", "port (default: SIMULATOR_PORT, else 8788)", portNumber)
    .option("--host <ADDRESS>", "address to listen on (default: 127.0.0.1, this machine only)")
    .option("--json", "print the address as JSON, for programs");
  return withExamples(command, terminal, ["simulator", "simulator --port 9001"]).action((options: PortOptions) =>
    simulate(options, terminal),
  );
}

function portOf({ port }: PortOptions, { SIMULATOR_PORT }: Terminal["environment"]): number {
  if (port !== undefined) return port;
  try {
    return portNumber(SIMULATOR_PORT || "8788");
  } catch {
    throw new UsageError("SIMULATOR_PORT must be a port number, 1 to 65535.");
  }
}

/** Serves until the process is told to stop. */
async function simulate(options: PortOptions, terminal: Terminal): Promise<void> {
  const { host = "127.0.0.1", json } = options;
  const port = portOf(options, terminal.environment);
  const { serveSimulator } = await loadSimulator();
  const server = await serveSimulator(host, port).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EADDRINUSE") {
      throw new CommandError(`Port ${port} is in use. Stop the program that uses it, or choose another with --port.`);
    }
    throw new CommandError(`Cannot listen on ${host}, port ${port}: ${error.message}`);
  });
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${server.port}`;
  if (!LOOPBACK.includes(host)) terminal.note("Everyone who reaches this address can use the simulator.");
  terminal.print(json ? JSON.stringify({ url }) : `The simulator listens at ${url}\nCtrl-C stops it.`);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, resolve);
  });
  server.close();
}
