// What the commands that call the admin API have in common: their options, and how they print.
import { Command, InvalidArgumentError } from "commander";
import { type Service, serviceFrom } from "./admin-api.ts";
import { jsonText, type Terminal, UsageError } from "./terminal.ts";

export interface AdminOptions {
  readonly url?: string;
  readonly json?: boolean;
}

/** What the help of a command that calls the admin API says about the environment. */
export const ENVIRONMENT = `
Environment:
  ADMIN_TOKEN     the server's admin token; without it you are asked. For localhost it may be in .dev.vars
  ALEXA_LINK_URL  the server's address, if --url is not given`;

/** A command that calls the admin API of one server. */
export function adminCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option("--url <URL>", "address of the running server (default: http://localhost and the port in PORT, else 8787)")
    .option("--json", "print JSON, for programs")
    .addHelpText("after", ENVIRONMENT);
}

/** A command that holds other commands. */
export function groupCommand(name: string, description: string, commands: readonly Command[]): Command {
  const group = new Command(name).description(description).addHelpText("after", ENVIRONMENT);
  for (const command of commands) group.addCommand(command);
  return group;
}

/** What one run of an admin command works with. */
export interface AdminRun<Options extends AdminOptions> {
  readonly service: Service;
  readonly options: Options;
  readonly terminal: Terminal;
  /** Prints `value` as JSON with `--json`, else what `text` returns. */
  show(value: unknown, text: () => string): void;
}

/** Makes a commander action: `run` gets the arguments as an array. */
export function adminAction<Options extends AdminOptions = AdminOptions>(
  terminal: Terminal,
  run: (run: AdminRun<Options>, ...args: (string | undefined)[]) => Promise<void>,
): (...args: unknown[]) => Promise<void> {
  return async (...args) => {
    // Commander calls an action with the arguments, the options, and the command.
    const options = args.at(-2) as Options;
    const service = await serviceFrom(options, terminal);
    const show = (value: unknown, text: () => string) => terminal.print(options.json ? jsonText(value) : text());
    await run({ service, options, terminal, show }, ...(args.slice(0, -2) as (string | undefined)[]));
  };
}

/** Parser of an option or argument that is a whole number of at least `minimum`. */
export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,9}$/.test(text) || value < minimum) {
      throw new InvalidArgumentError(`It must be a whole number, ${minimum} or more.`);
    }
    return value;
  };
}

/** Parser of a port number. */
export function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) {
    throw new InvalidArgumentError("It must be a port number, 1 to 65535.");
  }
  return port;
}

/** A body without the members that are undefined. Throws if nothing is left of it. */
export function changesFrom<T extends object>(body: T, options: string): Partial<T> {
  const given = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)) as Partial<T>;
  if (Object.keys(given).length === 0) throw new UsageError(`Nothing to change: give ${options}.`);
  return given;
}
