// `npm run skill -- …`: registers skills at a running server and prints what to enter at Amazon.
import { rmSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { isAddOn, linkingCommand, printAddOnSheet } from "./add-on-sheet.ts";
import {
  CommandError,
  call,
  type LinkingRequest,
  type Service,
  type SkillView,
  serviceFrom,
  skillPath,
} from "./admin-api.ts";
import { consoleSheet } from "./console-sheet.ts";
import { bodyFrom, OPTIONS, scopesOf, USAGE, type Values } from "./skill-options.ts";

/** A command's input. `print` takes one line or block at a time. */
interface Invocation {
  readonly service: Service;
  readonly values: Values;
  readonly environment: NodeJS.ProcessEnv;
  readonly print: (text: string) => void;
}

const COMMANDS: Readonly<Record<string, (invocation: Invocation) => Promise<void>>> = {
  add,
  set,
  list,
  "rotate-secret": rotateSecret,
  "account-linking-request": printLinkingRequest,
};

/** The text without control characters, which a terminal obeys. Names and addresses come from the server. */
function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, "\u{fffd}");
}

/** Runs one command line and returns the exit code: 0 done, 1 failed, 2 usage error. */
export async function run(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  write: (text: string) => void,
  writeError: (text: string) => void,
): Promise<number> {
  const print = (text: string) => write(printable(text));
  const complain = (text: string) => writeError(printable(text));
  let values: Values;
  let positionals: string[];
  try {
    ({ values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true }));
  } catch (error) {
    complain(`${error instanceof Error ? error.message : error}\nFor commands and options: npm run skill -- --help`);
    return 2;
  }
  const [name, ...others] = positionals;
  if (values.help || name === undefined) {
    print(USAGE);
    return values.help ? 0 : 2;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command || others.length > 0) {
    complain(`${command ? `Unexpected argument: ${others.join(" ")}` : `Unknown command: ${name}`}\n\n${USAGE}`);
    return 2;
  }
  try {
    const url = values.url ?? `http://localhost:${environment.PORT ?? 8787}`;
    await command({ service: serviceFrom(url, environment), values, environment, print });
    return 0;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    complain(error.message);
    return 1;
  }
}

const ID_REQUIRED = "--id is required: the skill's id, amzn1.ask.skill.…";

function skillIdOf(values: Values): string {
  if (values.id === undefined) throw new CommandError(ID_REQUIRED);
  return values.id;
}

function linkingRequestOf(service: Service, skillId: string): Promise<LinkingRequest> {
  return call<LinkingRequest>(service, "GET", `${skillPath(skillId)}/account-linking-request`);
}

function withSecret(request: LinkingRequest, secret: string | undefined): LinkingRequest {
  if (secret === undefined) return request;
  return { accountLinkingRequest: { ...request.accountLinkingRequest, clientSecret: secret } };
}

/** Replaces the file, so that it is readable by its owner only, whatever the mode of an existing one was. */
function writePrivately(file: string, content: object): void {
  rmSync(file, { force: true });
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: "wx" });
}

function askLine(skillId: string, file: string): string {
  const line = `ask smapi update-account-linking-info -s ${skillId} -g development --account-linking-request "file:${file}"`;
  return [
    "Or send all of it at once with Amazon's ask-cli:",
    "",
    `  ${line}`,
    "",
    "  Amazon accepts changes to the development stage only; certification copies them to the live stage.",
  ].join("\n");
}

async function add({ service, values, environment, print }: Invocation): Promise<void> {
  const body = bodyFrom(values, environment);
  const id = values.id ?? body.id;
  if (id === undefined) throw new CommandError(ID_REQUIRED);
  if (body.type === "add_on" && body.resource === undefined) {
    throw new CommandError("--resource is required for an add-on: its MCP server, such as https://mcp.example.com/mcp");
  }
  if (values["no-service-client"]) throw new CommandError("--no-service-client is for set.");
  const skill = await call<SkillView>(service, "POST", "/skills", { scopes: [], returnUrls: [], ...body, id });
  await printSecretSheet({ service, values, environment, print }, skill, "Registered");
}

/**
 * Prints what to enter at Amazon, with the secret that was just made, and writes the same to a file for ask-cli. There
 * is no such file for an add-on.
 */
async function printSecretSheet(
  { service, values, print }: Invocation,
  skill: SkillView,
  done: "Registered" | "Made a new secret for",
): Promise<void> {
  const { secret } = skill.client;
  const heading = [
    `${done} ${skill.name} (${skill.id}) at ${service.origin}.`,
    ...(skill.previousSecretExpiresAt ? [`The previous secret works until ${skill.previousSecretExpiresAt}.`] : []),
  ].join("\n");
  if (isAddOn(skill)) {
    return values.json ? print(JSON.stringify(skill, null, 2)) : printAddOnSheet(service, skill, heading, print);
  }
  const request = await linkingRequestOf(service, skill.id);
  const file = values.out ?? "accountLinking.json";
  writePrivately(file, withSecret(request, secret));
  if (values.json) {
    print(JSON.stringify(skill, null, 2));
    return;
  }
  print(
    [
      heading,
      "",
      consoleSheet(skill, request, secret),
      "",
      askLine(skill.id, file),
      "",
      `${file} contains the secret, which is not shown again. Only you can read the file. Delete it once Amazon has it.`,
    ].join("\n"),
  );
}

async function set({ service, values, environment, print }: Invocation): Promise<void> {
  if (values["client-id"] !== undefined)
    throw new CommandError("A client id cannot be changed. Use --client-id with add.");
  const { id: fileId, ...body } = bodyFrom(values, environment);
  const id = values.id ?? fileId;
  if (typeof id !== "string") throw new CommandError(ID_REQUIRED);
  if (!values.scope !== !values["service-scope"]) body.scopes = await withOtherTier(service, id, values);
  const skill = await call<SkillView>(service, "PATCH", skillPath(id), body);
  if (values.json) return print(JSON.stringify(skill, null, 2));
  const heading = `Changed ${skill.name} (${skill.id}).`;
  if (isAddOn(skill)) return printAddOnSheet(service, skill, heading, print);
  print(`${heading}\n\n${consoleSheet(skill, await linkingRequestOf(service, skill.id), undefined)}`);
}

/** The scopes that the options name, and those that the skill has in the tier that they leave out. */
async function withOtherTier(service: Service, id: string, values: Values): Promise<unknown[]> {
  const kept = values.scope ? "service" : "user";
  const { scopes } = await call<SkillView>(service, "GET", skillPath(id));
  const tierOf = (scope: (typeof scopes)[number]) => (typeof scope === "string" ? undefined : scope.tier) ?? "user";
  return [...scopesOf(values), ...scopes.filter((scope) => tierOf(scope) === kept)];
}

async function list({ service, values, print }: Invocation): Promise<void> {
  const skills: SkillView[] = [];
  let cursor: string | undefined;
  do {
    const query = cursor === undefined ? "?limit=200" : `?limit=200&cursor=${cursor}`;
    const page = await call<{ items: SkillView[]; nextCursor?: string }>(service, "GET", `/skills${query}`);
    skills.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  if (values.json) return print(JSON.stringify(skills, null, 2));
  if (skills.length === 0) return print("No skill is registered yet. See: npm run skill -- --help");
  const rows = [
    ["SKILL", "STAGE", "TYPE", "NAME", "CLIENT ID", "APP-TO-APP", "RESOURCE"],
    ...skills.map((skill) => [
      skill.id,
      skill.stage,
      skill.type,
      skill.name,
      skill.client.id,
      skill.lwa ? "ready" : "no Alexa client id",
      skill.resource ?? "",
    ]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  print(
    rows
      .map((row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join("  ")
          .trimEnd(),
      )
      .join("\n"),
  );
}

async function rotateSecret(invocation: Invocation): Promise<void> {
  const { service, values } = invocation;
  const id = skillIdOf(values);
  if (values.client !== undefined && values.client !== "service") {
    throw new CommandError("--client must be service; without it the secret of the skill's client is changed.");
  }
  const query = values.client === undefined ? "" : "?client=service";
  const overlap = values["overlap-seconds"];
  if (overlap !== undefined && !/^\d{1,8}$/.test(overlap)) {
    throw new CommandError("--overlap-seconds must be a whole number.");
  }
  const body = overlap === undefined ? {} : { overlapSeconds: Number(overlap) };
  const skill = await call<SkillView>(service, "POST", `${skillPath(id)}/rotate-secret${query}`, body);
  await printSecretSheet(invocation, skill, "Made a new secret for");
}

async function printLinkingRequest({ service, values, environment, print }: Invocation): Promise<void> {
  const id = skillIdOf(values);
  const skill = await call<SkillView>(service, "GET", skillPath(id));
  if (isAddOn(skill)) {
    throw new CommandError(`${id} is an add-on, which SMAPI does not configure. Run: ${linkingCommand(skill)}`);
  }
  const request = withSecret(await linkingRequestOf(service, id), environment.CLIENT_SECRET || undefined);
  if (values.out === undefined) return print(JSON.stringify(request, null, 2));
  writePrivately(values.out, request);
  const missing = environment.CLIENT_SECRET
    ? ""
    : "\nIt has a placeholder for the client secret: put the secret in, or set CLIENT_SECRET and run this again.";
  print(`Wrote ${values.out}.${missing}\n\n${askLine(id, values.out)}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.exit(await run(process.argv.slice(2), process.env, console.log, console.error));
}
