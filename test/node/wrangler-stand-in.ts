// A stand-in for wrangler: Cloudflare's side is a JSON file, and it prints what wrangler 4.155 prints.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { text as readText } from "node:stream/consumers";

interface Account {
  readonly id: string;
  readonly name: string;
}

export interface StandInWorker {
  readonly secrets: Record<string, string>;
  /** The text of wrangler.toml that was deployed. */
  deployed?: string;
}

export interface Call {
  readonly args: string[];
  readonly input: string;
  readonly account: string | undefined;
}

/** A call to fail: its first words, and how. Once is enough for a second run to go on. */
export interface Fault {
  readonly words: string;
  readonly errors: string;
  /** The call does its work, and its response is lost. */
  readonly late?: boolean;
}

export interface State {
  loggedIn: boolean;
  readonly accounts: Account[];
  /** The zones of the account. */
  readonly zones: string[];
  readonly databases: { account: string; uuid: string; name: string; tables: number }[];
  readonly namespaces: { account: string; id: string; title: string }[];
  readonly workers: Record<string, StandInWorker>;
  readonly calls: Call[];
  fault?: Fault | undefined;
}

export const ACCOUNT: Account = { id: "a".repeat(32), name: "Acme" };

/** A login with one account, in which nothing is made yet. */
export function emptyState(): State {
  const account = { loggedIn: true, accounts: [ACCOUNT], zones: ["example.com"] };
  return { ...account, databases: [], namespaces: [], workers: {}, calls: [] };
}

/** What wrangler prints for an error, with the colours that it prints without NO_COLOR. */
export function errorText(title: string, ...more: readonly string[]): string {
  const log = '🪵  Logs were written to "/home/demo/.config/.wrangler/logs/wrangler-2026-11-29_10-25-50_166.log"';
  const head = `\u001b[31m✘ \u001b[41;31m[\u001b[41;97mERROR\u001b[41;31m]\u001b[0m \u001b[1m${title}\u001b[0m`;
  return `${head}\n\n${more.map((line) => `  ${line}\n`).join("")}\n\n${log}\n`;
}

export const NETWORK_DOWN = `▲ [WARNING] A fetch request failed, likely due to a connectivity issue.\n\n${errorText("fetch failed")}`;
const NOT_LOGGED_IN = errorText(
  "In a non-interactive environment, it's necessary to set a CLOUDFLARE_API_TOKEN environment variable for wrangler to work. Please go to https://developers.cloudflare.com/fundamentals/api/get-started/create-token/ for instructions on how to create an api token, and assign its value to CLOUDFLARE_API_TOKEN.",
);

interface Answer {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

const done = (output: string): Answer => ({ code: 0, output, errors: "" });
const failed = (errors: string): Answer => ({ code: 1, output: "", errors });

/** Responds to one command line in `folder`, and changes the state. */
export function respond(
  state: State,
  folder: string,
  args: readonly string[],
  input: string,
  chosen: string | undefined,
): Answer {
  state.calls.push({ args: [...args], input, account: chosen });
  const { fault } = state;
  if (fault && args.join(" ").startsWith(fault.words)) {
    state.fault = undefined;
    if (fault.late) act(state, folder, args, input, chosen);
    return failed(fault.errors);
  }
  return act(state, folder, args, input, chosen);
}

function act(state: State, folder: string, args: readonly string[], input: string, chosen: string | undefined): Answer {
  const [first = "", second = ""] = args;
  if (first === "whoami") {
    if (!state.loggedIn) return { ...failed(""), output: '{"loggedIn":false}\n' };
    const identity = { loggedIn: true, authType: "OAuth Token", email: "ops@example.com", accounts: state.accounts };
    return done(`${JSON.stringify(identity, null, 4)}\n`);
  }
  if (first === "login") {
    state.loggedIn = true;
    return done("Successfully logged in.\n");
  }
  if (!state.loggedIn) return failed(NOT_LOGGED_IN);
  if (chosen === undefined && state.accounts.length > 1) {
    return failed(errorText("More than one account available but unable to select one in non-interactive mode."));
  }
  const account = chosen ?? state.accounts[0]!.id;
  if (first === "d1") return d1(state, account, second, args);
  if (first === "kv") return kv(state, account, args);
  if (first === "secret") return secret(state, second, args, input);
  if (first === "deploy") return deploy(state, folder, args);
  return failed(errorText(`Unknown argument: ${first}`));
}

function d1(state: State, account: string, verb: string, args: readonly string[]): Answer {
  const all = state.databases.filter((one) => one.account === account);
  const found = all.find((one) => one.name === args[2]);
  switch (verb) {
    case "list":
      return done(
        `${JSON.stringify(
          all.map(({ uuid, name }) => ({ uuid, name, version: "production" })),
          null,
          2,
        )}\n`,
      );
    case "info":
      if (!found) return failed(errorText(`Couldn't find a D1 DB named '${args[2]}' in the API.`));
      return done(`${JSON.stringify({ uuid: found.uuid, name: found.name, num_tables: found.tables }, null, 2)}\n`);
    case "create": {
      if (found) return failed(errorText("A database with that name already exists"));
      const name = args[2] ?? "";
      const uuid = `00000000-0000-4000-8000-${String(state.databases.length + 1).padStart(12, "0")}`;
      state.databases.push({ account, uuid, name, tables: 0 });
      return done(
        `✅ Successfully created DB '${name}' in region WEUR\nCreated your new D1 database.\n\n[[d1_databases]]\nbinding = "${name.replaceAll("-", "_")}"\ndatabase_name = "${name}"\ndatabase_id = "${uuid}"\n`,
      );
    }
    default: {
      const database = all.at(args.includes("--env") ? -1 : 0);
      if (!database) return failed(errorText("Couldn't find a D1 DB named 'alexa-link' (bound as 'DB') in the API."));
      if (database.tables > 0) return done("Resource location: remote\n\n✅ No migrations to apply!\n");
      database.tables = 19;
      return done(
        "Resource location: remote\n\nMigrations to be applied:\n│ 0001_initial.sql │\n🚣 Executed 80 commands\n",
      );
    }
  }
}

function kv(state: State, account: string, args: readonly string[]): Answer {
  const all = state.namespaces.filter((one) => one.account === account);
  if (args[2] === "list") {
    return done(
      `${JSON.stringify(
        all.map(({ id, title }) => ({ id, title, supports_url_encoding: true })),
        null,
        2,
      )}\n`,
    );
  }
  const title = args[3] ?? "";
  const heading = `Resource location: remote \n\n🌀 Creating namespace with title "${title}"\n`;
  if (all.some((one) => one.title === title)) {
    return { ...failed(errorText(`A KV namespace with the title "${title}" already exists.`)), output: heading };
  }
  const id = String(state.namespaces.length + 1).padStart(32, "0");
  state.namespaces.push({ account, id, title });
  return done(`${heading}✨ Success!\n[[kv_namespaces]]\nbinding = "${title.replaceAll("-", "_")}"\nid = "${id}"\n`);
}

function workerOf(state: State, name: string): StandInWorker {
  state.workers[name] ??= { secrets: {} };
  return state.workers[name];
}

function secret(state: State, verb: string, args: readonly string[], input: string): Answer {
  const name = args[args.indexOf("--name") + 1] ?? "";
  const worker = state.workers[name];
  if (verb === "list") {
    if (!worker) {
      return failed(errorText(`Worker "${name}" not found.`, "If this is a new Worker, run `wrangler deploy` first."));
    }
    const names = Object.keys(worker.secrets).map((key) => ({ name: key, type: "secret_text" }));
    return done(`${JSON.stringify(names, null, 2)}\n`);
  }
  workerOf(state, name).secrets[args[2] ?? ""] = input;
  return done(`🌀 Creating the secret for the Worker "${name}"\n✨ Success! Uploaded secret ${args[2]}\n`);
}

function deploy(state: State, folder: string, args: readonly string[]): Answer {
  const toml = readFileSync(`${folder}/wrangler.toml`, "utf8");
  const environment = args.includes("--env") ? args[args.indexOf("--env") + 1] : undefined;
  const section = environment === undefined ? toml : toml.slice(toml.indexOf(`\n[env.${environment}]\n`));
  const domain = /^routes = .*?pattern = "([^"]+)"/m.exec(section)?.[1] ?? "";
  const name = /^name = "([^"]+)"/m.exec(section)?.[1] ?? "";
  if (!state.zones.some((zone) => domain === zone || domain.endsWith(`.${zone}`))) {
    const path = `/accounts/${ACCOUNT.id}/workers/scripts/${name}/domains/records`;
    return failed(
      errorText(
        `A request to the Cloudflare API (${path}) failed.`,
        `workers.api.error.zone_not_found for "${domain}" [code: 10083]`,
        "",
        "If you think this is a bug, please open an issue at: https://github.com/cloudflare/workers-sdk/issues/new/choose",
      ),
    );
  }
  workerOf(state, name).deployed = section;
  return done(`Total Upload: 500.00 KiB / gzip: 140.00 KiB\nDeployed ${name} triggers\n  ${domain} (custom domain)\n`);
}

/** As a program: the state is in the file that STAND_IN_STATE names. */
export async function main(args: readonly string[]): Promise<void> {
  const file = process.env.STAND_IN_STATE ?? "";
  const state = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as State) : emptyState();
  const input = process.stdin.isTTY ? "" : await readText(process.stdin);
  const { code, output, errors } = respond(state, process.cwd(), args, input, process.env.CLOUDFLARE_ACCOUNT_ID);
  writeFileSync(file, JSON.stringify(state));
  process.stdout.write(output);
  process.stderr.write(errors);
  process.exitCode = code;
}
