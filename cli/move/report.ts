// The report of a run, one JSON line for each line of the input, by which a later run goes on where this one ended.
import { createHash, randomUUID } from "node:crypto";
import { appendFileSync, createReadStream, existsSync, statSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { UsageError } from "../terminal.ts";

/** One line of the report. It has no token and no hash of one. */
export interface Result {
  readonly file: string;
  readonly line: number;
  readonly kind: "user" | "link" | "line";
  readonly status: "imported" | "exists" | "ended" | "refused";
  /** Of the account or the link. */
  readonly id?: string;
  /** The account's id in the file, if it has another here. */
  readonly givenId?: string;
  readonly code?: string;
  readonly detail?: string;
}

interface Header {
  readonly server: string;
  readonly inputs: Readonly<Record<string, string>>;
}

/** SHA-256 of a whole file, which says whether it is the one of before. Standard input never is. */
export async function fingerprint(file: string): Promise<string> {
  if (file === "-") return randomUUID();
  const hash = createHash("sha256");
  try {
    // A pipe cannot be read a second time.
    if (!statSync(file).isFile()) throw new Error("it is no regular file; use - for standard input");
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}.`);
  }
  return hash.digest("hex");
}

export class Report {
  readonly #file: string | undefined;
  /** A bit for each line that is done, by kind and file. */
  readonly #done = new Map<string, Uint8Array>();
  /** Ids here of the accounts whose id in the file is another. */
  readonly otherIds = new Map<string, string>();

  private constructor(file: string | undefined) {
    this.#file = file;
  }

  /** Goes on with a report of the same inputs and server, else begins a new one. `note` says so. */
  static async open(file: string | undefined, header: Header, note: (text: string) => void): Promise<Report> {
    const report = new Report(file);
    if (file === undefined) return report;
    if (existsSync(file)) {
      const isSame = await report.#load(file, JSON.stringify(header));
      if (isSame) return report;
      note(`${file} is of another input or server. Everything is sent again, which changes nothing twice.`);
    }
    writeFileSync(file, `${JSON.stringify(header)}\n`, { mode: 0o600 });
    return report;
  }

  async #load(file: string, header: string): Promise<boolean> {
    let first = true;
    for await (const text of createInterface({ input: createReadStream(file) })) {
      if (first && !text.startsWith('{"server":')) {
        throw new UsageError(`${file} exists and is no report of move-in. Give another file with --report.`);
      }
      if (first && text !== header) return false;
      if (!first) this.#take(text);
      first = false;
    }
    // The end may be half a line, of a run that was killed.
    appendFileSync(file, "\n");
    return !first;
  }

  #take(text: string): void {
    let result: Result;
    try {
      result = JSON.parse(text) as Result;
    } catch {
      return;
    }
    if (result.status !== "refused") this.#note(result);
  }

  #note({ file, line, kind, id, givenId }: Result): void {
    const key = `${kind} ${file}`;
    let bits = this.#done.get(key);
    if (!bits || bits.length <= line >> 3) {
      const longer = new Uint8Array(Math.max(1024, (line >> 3) * 2));
      if (bits) longer.set(bits);
      bits = longer;
      this.#done.set(key, bits);
    }
    bits[line >> 3]! |= 1 << (line & 7);
    if (givenId !== undefined && id !== undefined) this.otherIds.set(givenId, id);
  }

  /** Whether a line was imported, by this run or an earlier one. */
  isDone(kind: Result["kind"], file: string, line: number): boolean {
    return (((this.#done.get(`${kind} ${file}`)?.[line >> 3] ?? 0) >> (line & 7)) & 1) === 1;
  }

  /** Writes the results at once, so that a run that is killed loses none. */
  add(results: readonly Result[]): void {
    for (const result of results) if (result.status !== "refused") this.#note(result);
    if (this.#file === undefined || results.length === 0) return;
    appendFileSync(this.#file, results.map((result) => `${JSON.stringify(result)}\n`).join(""));
  }
}
