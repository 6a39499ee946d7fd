// Wrangler, called so that a dry run shows exactly the calls that a run makes.
import { stripVTControlCharacters } from "node:util";
import { CommandError, UsageError } from "../terminal.ts";
import type { Ended, World, WranglerCall } from "./world.ts";

export interface Cloudflare {
  readonly world: World;
  readonly dryRun: boolean;
  /** The account to work in; undefined while it is not chosen. */
  accountId: string | undefined;
  /** The calls that change something, made or only shown. */
  readonly changes: string[][];
  /** How many things a dry run has shown. */
  shown: number;
}

/** Shows what a run would do, in a dry run. */
export function show(cloudflare: Cloudflare, text: string): void {
  cloudflare.shown++;
  cloudflare.world.terminal.print(text.replace(/^/gm, "    "));
}

/** A call that only looks. A dry run makes it too. */
export async function look(cloudflare: Cloudflare, args: readonly string[]): Promise<Ended> {
  return await started(cloudflare, { args });
}

/** Like `look`, and the output is JSON. Throws if wrangler failed or printed something else. */
export async function lookUp<T>(cloudflare: Cloudflare, args: readonly string[]): Promise<T> {
  const ended = await look(cloudflare, args);
  if (ended.code !== 0) throw failure(args, ended);
  try {
    return JSON.parse(ended.output.slice(Math.max(0, ended.output.search(/^[[{]/m)))) as T;
  } catch {
    throw new CommandError(`${shown(args)} did not print JSON. Run npm ci, so that wrangler is the project's own.`);
  }
}

/** `lookUp`, but undefined in a dry run without a login, which cannot know. */
export async function lookUpIfLoggedIn<T>(cloudflare: Cloudflare, args: readonly string[]): Promise<T | undefined> {
  return cloudflare.dryRun && cloudflare.accountId === undefined ? undefined : await lookUp<T>(cloudflare, args);
}

/** A call that changes something. A dry run only shows it. Returns the output, which is empty then. */
export async function change(
  cloudflare: Cloudflare,
  args: readonly string[],
  more: { readonly input?: { readonly what: string; readonly value: string }; readonly attached?: boolean } = {},
): Promise<string> {
  cloudflare.changes.push([...args]);
  if (cloudflare.dryRun) {
    show(cloudflare, `${shown(args)}${more.input ? `    # standard input: ${more.input.what}` : ""}`);
    return "";
  }
  const ended = await started(cloudflare, { args, input: more.input?.value, attached: more.attached ?? false });
  if (ended.code !== 0) throw failure(args, ended);
  return ended.output;
}

/** The command line for people to read. */
export function shown(args: readonly string[]): string {
  return `npx wrangler ${words(args)}`;
}

/** Arguments as they are typed in a shell. */
export function words(args: readonly string[]): string {
  return args.map((one) => (/^[\w./:=@-]+$/.test(one) ? one : `'${one.replaceAll("'", "'\\''")}'`)).join(" ");
}

async function started({ world, accountId }: Cloudflare, call: WranglerCall): Promise<Ended> {
  try {
    return await world.wrangler({
      ...call,
      ...(accountId === undefined ? {} : { environment: { CLOUDFLARE_ACCOUNT_ID: accountId } }),
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new UsageError("wrangler is not installed. Run npm ci first.");
  }
}

/** What to do about wrangler's errors that people meet, by wrangler's own words. */
const REMEDIES: readonly [RegExp, string][] = [
  [
    /zone_not_found|Could not find zone/,
    "The domain is in no zone of this Cloudflare account. Add its zone to the account, choose another account with --account-id, or give another domain with --domain.",
  ],
  [/fetch failed|connectivity issue|ENOTFOUND|ECONNREFUSED|ETIMEDOUT/, "Check the network connection."],
  [
    /CLOUDFLARE_API_TOKEN environment variable|Not logged in|not authenticated|Authentication error|\[code: (?:10000|9109|10001)\]/,
    "Run npx wrangler login again, or give CLOUDFLARE_API_TOKEN a token that may edit Workers, D1, KV and the zone's routes.",
  ],
  [/More than one account/, "Name the account with --account-id."],
];

/** The failure of a call: wrangler's own error, and what to do about it. */
export function failure(args: readonly string[], { code, output, errors }: Ended): CommandError {
  const text = stripVTControlCharacters(`${errors}\n${output}`);
  const lines = text
    .slice(Math.max(0, text.indexOf("[ERROR]")))
    .split("\n")
    .map((line) => line.replace("[ERROR]", "").trim())
    .filter((line) => line !== "" && !/^(If you think this is a bug|https?:\/\/|🪵|.*Logs were written)/u.test(line));
  const [, remedy] = REMEDIES.find(([pattern]) => pattern.test(text)) ?? [];
  return new CommandError(
    [`${shown(args)} failed (exit code ${code}).`, ...lines.slice(0, 8).map((line) => `  ${line}`), remedy ?? ""]
      .join("\n")
      .trimEnd(),
  );
}
