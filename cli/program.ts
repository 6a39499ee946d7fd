// The command-line program: its commands, and how it ends.
import { Command, CommanderError } from "commander";
import { clientCommand } from "./commands/client.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { alertsCommand, attemptsCommand, auditCommand, metricsCommand, refusalsCommand } from "./commands/insight.ts";
import { keysCommand, maintenanceCommand } from "./commands/keys.ts";
import { linksCommand } from "./commands/links.ts";
import { moveInCommand } from "./commands/move-in.ts";
import { moveOutCommand } from "./commands/move-out.ts";
import { devCommand, simulatorCommand } from "./commands/on-this-machine.ts";
import { setupCommand } from "./commands/setup.ts";
import { skillCommand } from "./commands/skill.ts";
import { userCommand } from "./commands/user.ts";
import { webhooksCommand } from "./commands/webhooks.ts";
import { ExitCode } from "./exit-code.ts";
import { prepare, withExamples } from "./options.ts";
import { Cancelled, CommandError, type Terminal, UsageError } from "./terminal.ts";
import { version } from "./version.ts";

type MakeCommand = (terminal: Terminal) => Command;

/** Every command, in the groups and the order of `--help`. */
const COMMANDS: readonly (readonly [heading: string, commands: readonly MakeCommand[]])[] = [
  ["On this machine:", [devCommand, simulatorCommand]],
  ["A server, yours or any other:", [doctorCommand]],
  [
    "A server of this project:",
    [
      ...[setupCommand, skillCommand, clientCommand, userCommand, linksCommand, moveInCommand, moveOutCommand],
      ...[keysCommand, webhooksCommand, maintenanceCommand],
    ],
  ],
  ["What happened there:", [attemptsCommand, refusalsCommand, alertsCommand, auditCommand, metricsCommand]],
];

/** The whole program; `run` runs one command line of it. */
export function programFor(terminal: Terminal): Command {
  const program = new Command("alexa-link")
    .description("Account linking for Alexa: run it, set it up, check it, operate it.")
    .version(version(), "--version", "print the version");
  for (const [heading, commands] of COMMANDS) {
    for (const command of commands) program.addCommand(command(terminal).helpGroup(heading));
  }
  withExamples(program, terminal, ["doctor --help", "doctor https://link.example.com", "skill list --json"]);
  prepare(program, terminal);
  return program;
}

/**
 * Runs one command line and returns the exit code: 0 done, 1 failed, 2 usage error or could not run, 130 cancelled by
 * the person. `args` is without the program's name.
 */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await programFor(terminal).parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof ExitCode) return error.code;
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof CommandError) {
      terminal.note(error.message);
      return error instanceof Cancelled ? 130 : error instanceof UsageError ? 2 : 1;
    }
    const message = error instanceof Error ? error.message : String(error);
    if (terminal.environment.DEBUG) terminal.note(error instanceof Error ? (error.stack ?? message) : message);
    else terminal.note(`Unexpected error: ${message.replace(/\.$/, "")}. Run again with DEBUG=1 for the details.`);
    return 1;
  }
}
