// A clone in a temporary folder, a stand-in for wrangler and the service that it deploys, and runs of setup there.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { onTestFinished, vi } from "vitest";
import { setupCommand, startCommand } from "../../cli/commands/setup.ts";
import { ExitCode } from "../../cli/exit-code.ts";
import { prepare } from "../../cli/options.ts";
import type { WranglerCall } from "../../cli/setup/world.ts";
import { CommandError, UsageError } from "../../cli/terminal.ts";
import { type TestTerminal, testTerminal } from "./terminal.ts";
import { emptyState, respond, type State } from "./wrangler-stand-in.ts";

export const SKILL_ID = "amzn1.ask.skill.00000000-0000-0000-0000-000000000000";
export const ALEXA_CLIENT_ID = "amzn1.application-oa2-client.example";

/** The stand-in's service: what the admin API knows. */
interface Service {
  readonly skills: Record<string, Record<string, unknown>>;
}

export interface Clone {
  readonly folder: string;
  readonly state: State;
  readonly service: Service;
  /** Whether the domain has DNS records. */
  records: boolean | undefined;
  toml(): string;
  /** The content of the notes; undefined if there are none. */
  notes(environment?: string): Record<string, unknown> | undefined;
}

export function cloneOf(): Clone {
  const folder = mkdtempSync(join(tmpdir(), "setup-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync("wrangler.toml", join(folder, "wrangler.toml"));
  for (const name of ["migrations", "src"]) mkdirSync(join(folder, name));
  const state = emptyState();
  const service = { skills: {} };
  vi.stubGlobal("fetch", (input: string | URL, init: RequestInit = {}) => serve(state, service, input, init));
  onTestFinished(() => void vi.unstubAllGlobals());
  return {
    folder,
    state,
    service,
    records: false,
    toml: () => readFileSync(join(folder, "wrangler.toml"), "utf8"),
    notes: (environment) => {
      const file = join(folder, environment === undefined ? ".setup.json" : `.setup.${environment}.json`);
      return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
    },
  };
}

/** The deployed service: healthy once its Worker has a key and its database has tables. */
async function serve(state: State, service: Service, input: string | URL, init: RequestInit): Promise<Response> {
  const url = new URL(input);
  const worker = Object.values(state.workers).find(({ deployed }) => deployed?.includes(`\nISSUER = "${url.origin}"`));
  if (!worker)
    throw Object.assign(new TypeError("fetch failed"), { cause: new Error(`getaddrinfo ENOTFOUND ${url.host}`) });
  const problem = (status: number, detail: string) =>
    Response.json({ status, code: "problem", title: "Problem", detail }, { status });
  if (url.pathname === "/healthz") {
    const ready = worker.secrets.MASTER_KEY && state.databases.some(({ tables }) => tables > 0);
    return ready ? Response.json({ status: "ok" }) : problem(503, "Run: npx wrangler d1 migrations apply DB --remote.");
  }
  const { authorization } = init.headers as Record<string, string>;
  if (authorization !== `Bearer ${worker.secrets.ADMIN_TOKEN}`) return problem(401, "The admin token is wrong.");
  const [, id = "", rest] = /^\/api\/admin\/skills\/?([^/]*)(\/.*)?$/.exec(url.pathname) ?? [];
  const body = typeof init.body === "string" ? (JSON.parse(init.body) as Record<string, unknown>) : {};
  if (init.method === "POST") service.skills[String(body.id)] = body;
  if (id === "" && init.method === "GET") return Response.json({ items: Object.values(service.skills).map(viewOf) });
  const skill = service.skills[id || String(body.id)];
  if (!skill) return problem(404, "No such skill.");
  if (init.method === "PATCH") Object.assign(skill, body);
  return Response.json(rest === undefined ? viewOf(skill) : linkingRequestOf(url.origin, skill));
}

function viewOf(skill: Record<string, unknown>): object {
  const { lwa, client } = skill as { lwa?: { clientId: string }; client?: object };
  return {
    ...{ stage: "development", scopes: [], returnUrls: [], ...skill },
    lwa: lwa ? { clientId: lwa.clientId } : null,
    client: { redirectUris: ["https://pitangui.amazon.com/api/skill/link/M2EXAMPLE"], requirePkce: false, ...client },
  };
}

function linkingRequestOf(origin: string, { client, scopes }: Record<string, unknown>): object {
  const accountLinkingRequest = {
    authorizationUrl: `${origin}/authorize`,
    accessTokenUrl: `${origin}/token`,
    accessTokenScheme: "HTTP_BASIC",
    clientId: (client as { id?: string } | undefined)?.id ?? "alexa",
    clientSecret: "<secret>",
    scopes,
    domains: [],
    defaultTokenExpirationInSeconds: 3600,
    redirectUrls: [],
  };
  return { accountLinkingRequest };
}

export interface Ran {
  /** 0 done, 1 failed, 2 could not begin; "killed" if the machine stopped in the middle. */
  readonly end: 0 | 1 | 2 | "killed";
  readonly terminal: TestTerminal;
  readonly message: string;
}

export interface How {
  readonly answers?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** The number of the call of wrangler after which everything stops. */
  readonly killedAfter?: number;
  /** Runs the doctor at the end. */
  readonly doctor?: boolean;
}

/** Command lines in which an option of `more` takes the place of the same option in `args`. */
export function withOptions(args: readonly string[], more: readonly string[]): string[] {
  const kept = args.filter((one, index) => {
    const option = one.startsWith("--") ? one : args[index - 1];
    return !more.includes(option ?? "");
  });
  return [...kept, ...more];
}

/** Runs setup in the clone. */
export async function setup(clone: Clone, args: readonly string[], how: How = {}): Promise<Ran> {
  const { answers, environment = {}, killedAfter, doctor = false } = how;
  const terminal = testTerminal({ environment, ...(answers ? { answers } : {}) });
  let calls = 0;
  const world = {
    terminal,
    folder: clone.folder,
    async wrangler({ args: called, input = "", environment: more }: WranglerCall) {
      const account = more?.CLOUDFLARE_ACCOUNT_ID ?? environment.CLOUDFLARE_ACCOUNT_ID;
      const response = respond(clone.state, clone.folder, called, input, account);
      calls++;
      if (calls === killedAfter) throw new Error("killed");
      return response;
    },
    start: startCommand,
    pause: async () => undefined,
    hasRecords: async () => clone.records,
  };
  try {
    const program = new Command("alexa-link").addCommand(setupCommand(terminal, world));
    prepare(program, terminal);
    await program.parseAsync(["setup", ...(doctor ? [] : ["--no-doctor"]), ...args], { from: "user" });
    return { end: 0, terminal, message: "" };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof ExitCode) return { end: error.code as 1, terminal, message: "" };
    if (message === "killed") return { end: "killed", terminal, message };
    if (!(error instanceof CommandError) && !(error as { code?: string }).code?.startsWith("commander.")) throw error;
    return { end: error instanceof CommandError && !(error instanceof UsageError) ? 1 : 2, terminal, message };
  }
}

/** Wrangler's calls that changed something. */
export function changes(state: State): string[][] {
  const looks = /^(whoami|login|d1 list|d1 info|kv namespace list|secret list)/;
  return state.calls.map(({ args }) => args).filter((args) => !looks.test(args.join(" ")));
}

/** What Cloudflare and the clone hold at the end. */
export function outcome(clone: Clone): object {
  const { databases, namespaces, workers } = clone.state;
  return { databases, namespaces, workers, toml: clone.toml(), skills: clone.service.skills };
}
