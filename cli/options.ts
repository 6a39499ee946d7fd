// What every command's options and help have in common.
import type { Command, Option } from "commander";
import type { Terminal } from "./terminal.ts";

/** Parser of an option that may be repeated: `.option("--scope <NAME>", "…", collect)`. */
export function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

/** Parser of an option whose value may be empty, because the command or the server says what is wrong with it. */
export function asGiven(value: string): string {
  return value;
}

/** Whether this runs from a clone. The published package is one JavaScript file. */
export const IN_CLONE = import.meta.url.endsWith(".ts");

/** The npm scripts of a clone that start one command each; `alexa-link` starts any. */
const SCRIPTS = ["dev", "setup", "skill", "doctor", "move-in"];

/**
 * How a person starts a command, in the way in which this program was started: `npm run skill -- list` or
 * `alexa-link skill list`. `line` is a command line without the program's name.
 */
export function commandLine(terminal: Pick<Terminal, "environment">, line: string): string {
  const script = terminal.environment.npm_lifecycle_event ?? "";
  if (!IN_CLONE || ![...SCRIPTS, "alexa-link"].includes(script)) return `alexa-link ${line}`.trim();
  const [first = "", ...rest] = line.split(" ");
  if (!SCRIPTS.includes(first)) return `npm run alexa-link -- ${line}`.trim();
  return rest.length === 0 ? `npm run ${first}` : `npm run ${first} -- ${rest.join(" ")}`;
}

/**
 * Adds examples below the command's help. Each is a command line without the program's name, and may begin with
 * environment variables: `CLIENT_SECRET=… doctor https://link.example.com`.
 */
export function withExamples(command: Command, terminal: Terminal, examples: readonly string[]): Command {
  const lines = examples.map((example) => {
    const [, variables = "", line = ""] = /^((?:[A-Z_]+=\S* )*)([\s\S]*)$/.exec(example) ?? [];
    return `  ${variables}${commandLine(terminal, line)}`;
  });
  return command.addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
}

/** The command's name with the names of the commands around it, without the program's. */
export function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}`.trim() : "";
}

/** The help text's form of an option: `--id ID`. */
function optionTerm(option: Option): string {
  return option.flags.replace(/<([^>]+)>/g, "$1");
}

/**
 * Makes the command and all commands within it write to the terminal, throw instead of ending the process, and refuse
 * what commander alone would take: an option with a value that is repeated or empty.
 */
export function prepare(command: Command, terminal: Terminal): void {
  command
    .exitOverride()
    .helpOption("-h, --help", "print this help")
    .configureHelp({
      optionTerm,
      commandUsage: (one) => commandLine(terminal, `${pathOf(one)} ${one.usage()}`.trim()),
    })
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.note(text.trimEnd()),
      outputError: (text, write) => write(text.replace(/^error: (.)/, (_, first: string) => first.toUpperCase())),
    })
    .showHelpAfterError(`For commands and options: ${commandLine(terminal, `${pathOf(command)} --help`.trim())}`);
  for (const option of command.options) if (option.required) refuseTwice(command, option);
  if (command.parent && command.commands.length > 0) command.addHelpText("after", () => optionsWithin(command));
  for (const child of command.commands) prepare(child, terminal);
}

function refuseTwice(command: Command, option: Option): void {
  const long = option.long ?? option.flags;
  const repeatable = (option.parseArg as unknown) === collect;
  let given = 0;
  command.on(`option:${option.name()}`, (value: string) => {
    given++;
    if (given > 1 && !repeatable) command.error(`${long} is given more than once.`);
    if (value === "" && (option.parseArg as unknown) !== asGiven) command.error(`${long} needs a value.`);
    if (value.startsWith("--")) command.error(`${long} needs a value, and ${value} is an option.`);
  });
}

/** The options of the commands within a group, each once, so that the group's help shows everything. */
function optionsWithin(group: Command): string {
  const options = new Map<string, string>();
  for (const command of group.commands) {
    for (const option of command.options.filter(({ hidden }) => !hidden)) {
      const term = optionTerm(option);
      if (!options.has(term)) options.set(term, option.description);
    }
  }
  if (options.size === 0) return "";
  const help = group.createHelp();
  help.prepareContext({ helpWidth: group.configureOutput().getOutHelpWidth?.() ?? 80 });
  const width = Math.max(...[...options.keys()].map(({ length }) => length));
  const lines = [...options].map(([term, description]) => help.formatItem(term, width, description, help));
  return `\nOptions of these commands:\n${lines.join("\n")}`;
}
