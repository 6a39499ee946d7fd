// What `npm run dev` says about a mistake in the settings: each has a sentence of its own.
import { existsSync, readFileSync } from "node:fs";
import { parse } from "smol-toml";
import { VARIABLE_NAMES } from "../src/env.ts";

/** How many letters have to be inserted, removed or replaced to get from one word to the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

/** Letters that may differ between a misspelt name and the one that was meant. */
const NEAR = 3;

/** One warning for each name that the service does not know, with the name that was probably meant. */
export function unknownVariables(names: Iterable<string>, where: string, alsoKnown: readonly string[] = []): string[] {
  const known: readonly string[] = [...VARIABLE_NAMES, ...alsoKnown];
  return [...names]
    .filter((name) => !known.includes(name))
    .map((name) => {
      const [nearest] = known
        .map((one) => ({ one, away: distance(name.toUpperCase(), one) }))
        .filter(({ away }) => away <= NEAR)
        .sort((a, b) => a.away - b.away);
      const meant = nearest ? ` Did you mean ${nearest.one}?` : "";
      return `${where} sets ${name}, which the service does not know: it has no effect.${meant}`;
    });
}

/** The names under [vars] of a wrangler.toml, those of its environments included. */
export function variablesOf(path: string): string[] {
  if (!existsSync(path)) return [];
  const { vars = {}, env = {} } = parse(readFileSync(path, "utf8")) as {
    readonly vars?: object;
    readonly env?: Readonly<Record<string, { readonly vars?: object }>>;
  };
  return [...new Set([vars, ...Object.values(env).map((one) => one.vars ?? {})].flatMap((one) => Object.keys(one)))];
}

/**
 * What a service that is not set up means for a developer. `detail` is its own sentence; `madeKey`: this run has just
 * made a MASTER_KEY, because .dev.vars had none.
 */
export function startProblem(detail: string, madeKey: boolean): string {
  if (!detail.includes("sealed with another MASTER_KEY")) return detail;
  const what = madeKey
    ? ".dev.vars had no MASTER_KEY, so a new one was made, but the local database was sealed with the old one."
    : "The local database was sealed with another MASTER_KEY than the one in .dev.vars.";
  return `${what} Put the old key back into .dev.vars, or delete the folder .wrangler/state (all local data) and start again.`;
}
