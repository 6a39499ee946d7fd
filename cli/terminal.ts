// What a command may do with the person at the terminal: print, complain, show progress, ask.
import { text as readText } from "node:stream/consumers";
import { Questions } from "./questions.ts";

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

/**
 * The text without what a terminal obeys: control characters, and those that change the direction of the text around
 * them, so that it reads as another. Names and addresses come from servers.
 */
export function printable(text: string): string {
  return text.replace(COMMANDING, "\u{fffd}");
}

const COMMANDING = /[^\P{Cc}\n]|[\u{202a}-\u{202e}\u{2066}-\u{2069}]/gu;

/** The value as JSON that is `printable` and complete: characters that a terminal obeys are escaped. */
export function jsonText(value: unknown): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value, null, 2).replace(COMMANDING, escaped);
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const interactive = Boolean(process.stdin.isTTY && process.stderr.isTTY);
  const questions = new Questions(process.stdin, process.stderr);
  const answerTo = async (question: string, hidden: boolean) => {
    if (!interactive) throw new UsageError(`${question} cannot be asked, because there is no terminal.`);
    const answer = await questions.ask(`${printable(question)}: `, hidden);
    if (answer === undefined) throw new Cancelled("\nCancelled.");
    return answer.trim();
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
    ask: (question) => answerTo(question, false),
    askSecret: (question) => answerTo(question, true),
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
  const question = what.charAt(0).toUpperCase() + what.slice(1);
  const typed = await terminal.askSecret(`${question} (${name})`);
  if (typed === "") throw new UsageError(`${question} is missing.`);
  return typed;
}

/**
 * Asks before something is ended or deleted. `yes` is the option `--yes`, which skips the question. Where nobody can
 * be asked it is a usage error not to give it.
 */
export async function confirm(terminal: Terminal, question: string, yes: boolean | undefined): Promise<void> {
  if (yes) return;
  if (!terminal.interactive) throw new UsageError(`${question} There is no terminal to ask in: add --yes to confirm.`);
  const answer = await terminal.ask(`${question} (y/N)`);
  if (!/^y(es)?$/i.test(answer)) throw new CommandError("Nothing was changed.");
}
