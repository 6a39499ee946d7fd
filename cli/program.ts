// The command-line program: its commands, and how it ends.
import { Command, CommanderError } from "commander";
import { doctorCommand } from "./commands/doctor.ts";
import { CommandError, type Terminal, UsageError } from "./terminal.ts";

/** Every command, in the order of `--help`. */
const COMMANDS: readonly ((terminal: Terminal) => Command)[] = [doctorCommand];

/** What a command sets `process.exitCode` to is not used: it throws, or it returns its exit code here. */
export class ExitCode extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`exit code ${code}`);
    this.code = code;
  }
}

/**
 * Runs one command line and returns the exit code: 0 done, 1 failed, 2 usage error or could not run. `args` is without
 * the program's name.
 */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = new Command("alexa-link").description("Account linking for Alexa: run it, set it up, check it.");
  for (const command of COMMANDS) program.addCommand(command(terminal));
  prepare(program, terminal);
  try {
    await program.parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof ExitCode) return error.code;
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof CommandError)) throw error;
    terminal.note(error.message);
    return error instanceof UsageError ? 2 : 1;
  }
}

function prepare(command: Command, terminal: Terminal): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => terminal.print(text.trimEnd()),
    writeErr: (text) => terminal.note(text.trimEnd()),
  });
  for (const child of command.commands) prepare(child, terminal);
}
