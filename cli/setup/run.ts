// The state of one run of setup, and how a step is shown.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CommandError } from "../terminal.ts";
import type { Notes } from "./notes.ts";
import { notesFile, writeNotes } from "./notes.ts";
import type { Answers } from "./questions.ts";
import { type Cloudflare, show } from "./wrangler.ts";
import { type Changes, changed } from "./wrangler-file.ts";

/** What the command line says besides the answers. */
export interface Settings {
  /** The environment of wrangler.toml, for a second deployment. */
  readonly environment: string | undefined;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly skipSkill: boolean;
  readonly newAdminToken: boolean;
  readonly takeOverDomain: boolean;
  readonly doctor: boolean;
  readonly location: string | undefined;
  /** How long to wait for the service to respond, in seconds. */
  readonly wait: number;
}

export interface Run extends Cloudflare {
  readonly settings: Settings;
  /** The Worker's name; database and namespace are named after it. */
  readonly worker: string;
  answers: Answers;
  notes: Notes;
  /** The text of wrangler.toml. */
  toml: string;
  /** The names of the secrets that the Worker has. */
  readonly secretsAtWorker: Set<string>;
  /** The values that are known in this run. */
  readonly secrets: Record<string, string>;
  /** The doctor found something. */
  isUnwell: boolean;
}

/** The file that the deployment is described in. */
export function readToml(folder: string): string {
  return readFileSync(join(folder, "wrangler.toml"), "utf8");
}

/** `--env NAME` for wrangler's commands that read the deployment from the file. */
export function environmentArguments({ settings: { environment } }: Pick<Run, "settings">): string[] {
  return environment === undefined ? [] : ["--env", environment];
}

/** Writes changes to wrangler.toml; a dry run shows the lines. Returns whether there was anything to change. */
export function editToml(run: Run, changes: Changes): boolean {
  const before = run.toml;
  run.toml = changed(before, run.settings.environment, changes);
  if (run.toml === before) return false;
  if (!run.dryRun) {
    writeFileSync(join(run.world.folder, "wrangler.toml"), run.toml);
    return true;
  }
  show(run, ["write in wrangler.toml:", ...newLines(before, run.toml).map((line) => `    ${line}`)].join("\n"));
  return true;
}

/** The lines that were added or replaced. */
function newLines(before: string, after: string): string[] {
  const old = before.split("\n");
  const keyOf = (line = "") => /^[A-Za-z_]+ =/.exec(line)?.[0];
  let at = 0;
  return after.split("\n").filter((line) => {
    if (line === old[at]) {
      at++;
      return false;
    }
    if (keyOf(line) !== undefined && keyOf(line) === keyOf(old[at])) at++;
    return line !== "";
  });
}

/** Keeps something for the next run. */
export function keep(run: Run, more: Notes): void {
  run.notes = { ...run.notes, ...more };
  if (run.dryRun) return;
  writeNotes(run.world.folder, run.settings.environment, run.notes);
}

/** One step: its title, why it is needed, and what it does. It returns what was done or found. */
export type Step = readonly [title: string, why: string, act: (run: Run) => Promise<string>];

/** Runs the steps in order. A step that fails says how to go on. */
export async function take(run: Run, steps: readonly Step[]): Promise<void> {
  const { terminal } = run.world;
  for (const [index, [title, why, act]] of steps.entries()) {
    const heading = `${index + 1}/${steps.length} ${title}. ${why}`;
    if (run.dryRun) terminal.print(heading);
    else terminal.note(heading);
    const before = run.shown;
    try {
      const done = await act(run);
      if (!run.dryRun) terminal.note(`  ✓ ${done}`);
      else if (run.shown === before) terminal.print(`    nothing to do: ${done}`);
    } catch (error) {
      if (error instanceof CommandError) {
        terminal.note(`  ✗ ${title} failed. Setup can be run again: it goes on from here.`);
      }
      throw error;
    }
  }
}

/** The name of the file with what the person must keep, for messages. */
export function fileOfNotes(run: Run): string {
  return notesFile(run.settings.environment);
}
