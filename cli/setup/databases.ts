// The account's D1 databases, and the one that must not get a new key.
import { UsageError } from "../terminal.ts";
import type { Run } from "./run.ts";
import { lookUp, lookUpIfLoggedIn, shown } from "./wrangler.ts";
import { deploymentOf } from "./wrangler-file.ts";

interface Database {
  readonly uuid: string;
  readonly name: string;
}

/** The name of this deployment's database. */
export function databaseName({ toml, settings, worker }: Run): string {
  const found = deploymentOf(toml, settings.environment);
  return (found?.databaseId && found.databaseName) || worker;
}

/** All databases of the account; undefined in a dry run without a login. */
export async function databases(run: Run): Promise<readonly Database[] | undefined> {
  return await lookUpIfLoggedIn<Database[]>(run, ["d1", "list", "--json"]);
}

/**
 * Refuses to make a new MASTER_KEY for a database that has tables: what another key sealed in it opens with that key
 * only. The Worker was deleted then, and its database was not.
 */
export async function refuseLostKey(run: Run): Promise<void> {
  const name = databaseName(run);
  if (!(await databases(run))?.some((one) => one.name === name)) return;
  const { num_tables: count } = await lookUp<{ num_tables?: number }>(run, ["d1", "info", name, "--json"]);
  if (count === 0) return;
  throw new UsageError(
    [
      `The database ${name} has tables already, and the Worker ${run.worker} has no MASTER_KEY. What the earlier key`,
      "sealed in it (passwords, signing keys, Amazon's tokens) opens with that key only. Set the environment variable",
      "MASTER_KEY to it. Or start again: choose another name with --name, or delete the database with",
      `${shown(["d1", "delete", name])}.`,
    ].join("\n"),
  );
}
