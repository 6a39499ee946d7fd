// What a command may do with the person at the terminal: print, complain, show progress, ask.
import { createInterface } from "node:readline/promises";
import { text as readText } from "node:stream/consumers";
import * as prompts from "@clack/prompts";

/** A message for the person at the terminal; no stack trace. The exit code is 1. */
export class CommandError extends Error {
  override readonly name: string = "CommandError";
}

/** A command line that cannot be understood, or a task that could not be started. The exit code is 2. */
export class UsageError extends CommandError {
  override readonly name = "UsageError";
}

/** The person pressed Ctrl-C or Ctrl-D at a question. The exit code is 130. */
export class Cancelled extends CommandError {
  override readonly name = "Cancelled";
}

export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A person is there to be asked: standard input and standard error are terminals. */
  readonly interactive: boolean;
  /** Standard output as a screen; undefined if it is a file or a pipe. */
  readonly screen?: Screen;
  /** Writes to standard output: what the command was asked for. */
  print(text: string): void;
  /** Writes to standard error: progress, warnings, errors. */
  note(text: string): void;
  /** Asks for one line, and shows what is typed. Throws `UsageError` if nobody is there. */
  ask(question: string): Promise<string>;
  /** Asks for a secret, and hides what is typed. Throws `UsageError` if nobody is there. */
  askSecret(question: string): Promise<string>;
  /** All of standard input. */
  input(): Promise<string>;
}

export interface Screen {
  /** In characters. */
  readonly width: number;
  /** Whether colours are wanted: not with NO_COLOR, not on a dumb terminal. */
  readonly colours: boolean;
  /** Writes text that may have escape sequences. Whatever came from a server must be made `printable` before. */
  paint(text: string): void;
}

/** The text without control characters, which a terminal obeys. Names and addresses come from servers. */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, "\u{fffd}");
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const interactive = Boolean(process.stdin.isTTY && process.stderr.isTTY);
  const needPerson = (question: string) => {
    if (!interactive) throw new UsageError(`${question} cannot be asked: this is no terminal.`);
  };
  const { NO_COLOR, TERM } = process.env;
  const screen = process.stdout.isTTY && {
    width: process.stdout.columns || 80,
    colours: !NO_COLOR && TERM !== "dumb",
    paint: (text: string) => void process.stdout.write(`${text}\n`),
  };
  return {
    environment: process.env,
    interactive,
    ...(screen && { screen }),
    print: (text) => void process.stdout.write(`${printable(text)}\n`),
    note: (text) => void process.stderr.write(`${printable(text)}\n`),
    async ask(question) {
      needPerson(question);
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      const closed = new Promise<never>((_, reject) => lines.on("close", () => reject(new Cancelled("\nCancelled."))));
      try {
        return (await Promise.race([lines.question(`${printable(question)}: `), closed])).trim();
      } finally {
        lines.close();
        closed.catch(() => undefined);
      }
    },
    async askSecret(question) {
      needPerson(question);
      const answer = await prompts.password({ message: printable(question), output: process.stderr });
      if (prompts.isCancel(answer)) throw new Cancelled("Cancelled.");
      return answer.trim();
    },
    input: () => readText(process.stdin),
  };
}

/**
 * A secret: from the environment variable `name`, else from a prompt. Secrets are never options, because shells keep
 * command lines in their history and other users of the machine can read them.
 */
export async function secretFrom(terminal: Terminal, name: string, what: string): Promise<string> {
  const given = terminal.environment[name]?.trim();
  if (given) return given;
  if (!terminal.interactive) throw new UsageError(`Set the environment variable ${name} to ${what}.`);
  const typed = await terminal.askSecret(`${what} (${name})`);
  if (typed === "") throw new UsageError(`${what} is missing.`);
  return typed;
}

/**
 * Asks before something is ended or deleted. `yes` is the option `--yes`, which answers the question. Where nobody can
 * be asked it is a usage error not to give it.
 */
export async function confirm(terminal: Terminal, question: string, yes: boolean | undefined): Promise<void> {
  if (yes) return;
  if (!terminal.interactive) throw new UsageError(`${question} Give --yes to answer this: nobody can be asked here.`);
  const answer = await terminal.ask(`${question} (y/N)`);
  if (!/^y(es)?$/i.test(answer)) throw new CommandError("Nothing was changed.");
}
