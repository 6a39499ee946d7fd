// The other commands of this program that setup runs: exactly what a person would type.
import { ExitCode } from "../exit-code.ts";
import { CommandError, type Terminal } from "../terminal.ts";
import { type Cloudflare, show, words } from "./wrangler.ts";

/** `skill …`. A dry run only shows it. */
export async function skill(run: Cloudflare, terminal: Terminal, args: readonly string[]): Promise<void> {
  if (run.dryRun) return show(run, `npm run skill -- ${words(args)}`);
  await run.world.start(terminal, ["skill", ...args]);
}

/** `doctor …`. Returns whether it ran and nothing failed. A dry run only shows it. */
export async function examine(run: Cloudflare, terminal: Terminal, args: readonly string[]): Promise<boolean> {
  if (run.dryRun) {
    show(run, `npm run doctor -- ${words(args)}`);
    return true;
  }
  try {
    await run.world.start(terminal, ["doctor", ...args]);
    return true;
  } catch (error) {
    if (error instanceof CommandError) terminal.note(error.message);
    else if (!(error instanceof ExitCode)) throw error;
    return false;
  }
}
