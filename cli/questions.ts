// Asks questions at the terminal, with one reader for all of them: lines that are pasted at once answer the questions
// that follow.
import { createInterface, type Interface } from "node:readline";
import { Writable } from "node:stream";
import type { ReadStream, WriteStream } from "node:tty";

interface Waiting {
  readonly hidden: boolean;
  resolve(line: string): void;
  reject(): void;
}

export class Questions {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  #reader: Interface | undefined;
  #waiting: Waiting | undefined;
  /** Lines that came before their question. */
  #early: string[] = [];

  constructor(input: ReadStream, output: WriteStream) {
    this.#input = input;
    this.#output = output;
  }

  /** The next line; undefined if the person pressed Ctrl-C or Ctrl-D. `hidden`: what is typed is not shown. */
  async ask(prompt: string, hidden: boolean): Promise<string | undefined> {
    const early = this.#early.shift();
    if (early !== undefined) {
      this.#output.write(`${prompt}${hidden ? "" : early}\n`);
      return early;
    }
    if (this.#input.readableEnded) return undefined;
    return await new Promise((resolve) => {
      this.#waiting = { hidden, resolve, reject: () => resolve(undefined) };
      this.#reader ??= this.#open();
      this.#input.setRawMode(true);
      if (hidden) this.#output.write(prompt);
      this.#reader.setPrompt(hidden ? "" : prompt);
      // Part of a line may have come early, too.
      this.#reader.prompt(true);
    });
  }

  #open(): Interface {
    const shown = new Writable({
      decodeStrings: false,
      write: (text: string, _, done) => {
        // Nothing is shown between questions: the next one may be for a secret.
        if (this.#waiting?.hidden === false) this.#output.write(text);
        done();
      },
    });
    Object.defineProperty(shown, "columns", { get: () => this.#output.columns });
    // Without a history, the arrow keys show no earlier secret.
    const reader = createInterface({ input: this.#input, output: shown, terminal: true, historySize: 0 });
    reader.on("line", (line) => {
      const waiting = this.#waiting;
      if (!waiting) return void this.#early.push(line);
      this.#waiting = undefined;
      if (waiting.hidden) this.#output.write("\n");
      // Between questions Ctrl-C ends the process, and a child process may read the terminal.
      reader.pause();
      this.#input.setRawMode(false);
      waiting.resolve(line);
    });
    reader.on("close", () => {
      this.#reader = undefined;
      this.#early = [];
      this.#waiting?.reject();
      this.#waiting = undefined;
    });
    return reader;
  }
}
