// The lines of CSV and JSON lines files, one after the other, with little memory.
import { createReadStream } from "node:fs";
import { CsvError, parse } from "csv-parse";
import { CommandError, UsageError } from "../terminal.ts";

/** A record of a file: its values by column, or why it has none. */
export interface Line {
  /** Number of its last line in the file, from 1. */
  readonly line: number;
  readonly values?: Readonly<Record<string, unknown>>;
  readonly problem?: string;
}

export type Format = "csv" | "jsonl";

const LONGEST = 64 * 1024;
const NOT_UTF8 = "is not UTF-8";

/** The format that a file's name says, or the one that is given. */
export function formatOf(file: string, given: string | undefined): Format {
  if (given === "csv" || given === "jsonl") return given;
  if (given !== undefined) throw new UsageError(`--format must be csv or jsonl, not ${given}.`);
  if (/\.csv$/i.test(file)) return "csv";
  if (/\.(jsonl|ndjson|json)$/i.test(file)) return "jsonl";
  throw new UsageError(`${file}: give --format csv or --format jsonl, because the name does not say which it is.`);
}

/**
 * The lines of a file, or of standard input if it is `-`. A problem of one line does not end the reading. `isKnown`
 * says which names of columns have a meaning.
 */
export function readLines(file: string, format: Format, isKnown: (name: string) => boolean): AsyncGenerator<Line> {
  return format === "csv" ? readCsv(file, isKnown) : readJsonLines(file);
}

function open(file: string) {
  return file === "-" ? createReadStream("", { fd: 0, autoClose: false }) : createReadStream(file);
}

function explain(file: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof CsvError) {
    const tooLong = error.code === "CSV_MAX_RECORD_SIZE" ? `a line has more than ${LONGEST} characters` : message;
    return new CommandError(`${file}: ${tooLong}. Nothing after line ${Number(error.lines ?? 0)} was read.`);
  }
  if (code === "ENOENT") return new UsageError(`There is no file ${file}.`);
  if (code === "EISDIR" || code === "EACCES") return new UsageError(`${file} cannot be read: ${message}.`);
  return error as Error;
}

interface CsvRecord {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

async function* readCsv(file: string, isKnown: (name: string) => boolean): AsyncGenerator<Line> {
  const source = open(file);
  const parser = source.pipe(
    parse({ bom: true, info: true, relax_column_count: true, skip_empty_lines: true, max_record_size: LONGEST }),
  );
  source.on("error", (error) => parser.destroy(error));
  let names: readonly string[] | undefined;
  try {
    for await (const { record, info } of parser as AsyncIterable<CsvRecord>) {
      if (!names) {
        names = headerOf(file, record, isKnown);
        continue;
      }
      if (record.length !== names.length) {
        yield { line: info.lines, problem: `has ${record.length} fields, and the header ${names.length}` };
      } else if (record.some((value) => value.includes("\u{fffd}"))) {
        yield { line: info.lines, problem: NOT_UTF8 };
      } else {
        const entries = names.map((name, index) => [name, record[index]] as const);
        yield { line: info.lines, values: Object.fromEntries(entries.filter(([, value]) => value !== "")) };
      }
    }
  } catch (error) {
    throw explain(file, error);
  } finally {
    source.destroy();
  }
}

function headerOf(file: string, record: readonly string[], isKnown: (name: string) => boolean): readonly string[] {
  const names = record.map((name) => name.trim());
  if (!names.some(isKnown)) {
    // It is not quoted: in a file without a header it holds somebody's token.
    throw new UsageError(`${file}: the first line must name the columns, and has no name that is known. Use --map.`);
  }
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new UsageError(`${file}: the column ${JSON.stringify(repeated)} is given twice.`);
  return names;
}

async function* readJsonLines(file: string): AsyncGenerator<Line> {
  let line = 0;
  let parts: Buffer[] = [];
  let length = 0;
  const take = (end: Buffer): Line | undefined => {
    line++;
    const text = length + end.length > LONGEST ? undefined : Buffer.concat([...parts, end]).toString("utf8");
    parts = [];
    length = 0;
    if (text === undefined) return { line, problem: `has more than ${LONGEST} bytes` };
    const clean = (line === 1 ? text.replace(/^\u{feff}/u, "") : text).trim();
    return clean === "" ? undefined : { line, ...parsed(clean) };
  };
  const source = open(file);
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
        const found = take(chunk.subarray(start, end));
        start = end + 1;
        if (found) yield found;
      }
      // Of a line that is too long only the length is kept.
      length += chunk.length - start;
      if (length <= LONGEST) parts.push(chunk.subarray(start));
      else parts = [];
    }
    const last = length > 0 ? take(Buffer.alloc(0)) : undefined;
    if (last) yield last;
  } catch (error) {
    throw explain(file, error);
  } finally {
    source.destroy();
  }
}

function parsed(text: string): Pick<Line, "values" | "problem"> {
  if (text.includes("\u{fffd}")) return { problem: NOT_UTF8 };
  try {
    const value: unknown = JSON.parse(text);
    if (value === null || typeof value !== "object" || Array.isArray(value)) return { problem: "is no JSON object" };
    return { values: value as Record<string, unknown> };
  } catch {
    return { problem: "is not JSON" };
  }
}
