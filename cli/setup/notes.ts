// What a run of setup must leave for the next one: .setup.json, which git ignores and only its owner can read.
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CommandError } from "../terminal.ts";

/**
 * Keys that were made here are written down before anybody uses them, so that no crash can lose them. The person copies
 * them to a secret store and deletes the file.
 */
export interface Notes {
  readonly MASTER_KEY?: string;
  readonly ADMIN_TOKEN?: string;
  /** The id and secret of Alexa's client, which the server shows only once. */
  readonly CLIENT_ID?: string;
  readonly CLIENT_SECRET?: string;
  /** Answers that wrangler.toml has no place for. None is a secret. */
  readonly answers?: Readonly<Record<string, string>>;
}

/** The file's name: each deployment has its own. */
export function notesFile(environment: string | undefined): string {
  return environment === undefined ? ".setup.json" : `.setup.${environment}.json`;
}

/** The notes of the last run; none if there is no file. */
export function readNotes(folder: string, environment: string | undefined): Notes {
  const name = notesFile(environment);
  const path = join(folder, name);
  if (!existsSync(path)) return {};
  try {
    const content: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof content === "object" && content !== null && !Array.isArray(content)) return content as Notes;
  } catch {
    // The message below is for this case too. It must not quote the file.
  }
  throw new CommandError(
    `${name} is not what setup wrote. It may hold your MASTER_KEY: look at it, put the key in your secret store, and delete the file.`,
  );
}

/** Replaces the file in one step. */
export function writeNotes(folder: string, environment: string | undefined, notes: Notes): void {
  const path = join(folder, notesFile(environment));
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  writeFileSync(draft, `${JSON.stringify(notes, null, 2)}\n`, { mode: 0o600, flag: "wx" });
  renameSync(draft, path);
}
