// A terminal that records what a command prints, and answers its questions.
import { printable, type Terminal, UsageError } from "../../cli/terminal.ts";

export interface TestTerminal extends Terminal {
  /** What was written to standard output. */
  out(): string;
  /** What was written to standard error. */
  errors(): string;
  /** The questions that were asked. */
  readonly questions: readonly string[];
}

interface Options {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Answers to the questions, in order. With them the terminal is interactive. */
  readonly answers?: readonly string[];
  readonly input?: string;
}

/** A terminal for one run. Without `answers` nobody can be asked. */
export function testTerminal({ environment = {}, answers, input = "" }: Options = {}): TestTerminal {
  const out: string[] = [];
  const errors: string[] = [];
  const questions: string[] = [];
  const answer = async (question: string) => {
    if (!answers) throw new UsageError(`${question} cannot be asked, because there is no terminal.`);
    questions.push(question);
    const given = answers[questions.length - 1];
    if (given === undefined) throw new Error(`The test has no answer to: ${question}`);
    return given;
  };
  return {
    environment,
    interactive: answers !== undefined,
    print: (text) => void out.push(printable(text)),
    note: (text) => void errors.push(printable(text)),
    ask: answer,
    askSecret: answer,
    input: async () => input,
    questions,
    out: () => out.join("\n"),
    errors: () => errors.join("\n"),
  };
}
