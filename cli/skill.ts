// `npm run skill -- …`: registers skills at a running server and prints what to enter at Amazon.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
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

const USAGE = `npm run skill -- <command> [options]

Commands
  add                      register a skill and print what to enter at Amazon
  set                      change a registered skill; what you leave out stays as it is
  list                     list the registered skills
  rotate-secret            make a new client secret; the old one keeps working for a while
  account-linking-request  print the JSON for SMAPI and ask-cli

Server
  --url URL                address of the running server
                           (default: http://localhost and the port in PORT, else 8787)
  ADMIN_TOKEN              its admin token, from the environment; for localhost also from .dev.vars

Skill (add, set)
  --id ID                  skill id: amzn1.ask.skill.…
  --name NAME              the name that customers see
  --stage STAGE            development (default) or live: the stage that linking from your app or website enables
  --type TYPE              smart_home, video, meetings, education, custom, music, baby_activity or add_on
  --vendor-id ID           your developer account's vendor id: the letters and digits at the end of the console's
                           "Alexa Redirect URLs". All four of Amazon's redirect URIs are derived from it
  --scope NAME[=TEXT]      a scope; TEXT tells customers what it allows; repeat for more
  --return-url URL         an address of your app or website to return to after linking; repeat for more
  --extra-redirect-uri URL a redirect URI besides Amazon's; repeat for more
  --client-id ID           add only: a client id that you have entered at Amazon already (default: a new one).
                           Its secret comes from CLIENT_SECRET; without it a new secret is made
  --require-pkce           refuse authorization requests without PKCE
  --lwa-client-id ID       "Alexa Client Id" of the console's Account Linking page, for app-to-app linking.
                           Its secret comes from LWA_CLIENT_SECRET
  --event-client-id ID     client id of the console's "Send Alexa Events", if it is a different one.
                           Its secret comes from EVENT_CLIENT_SECRET
  --file FILE              read the skill from a JSON file with the fields of POST /api/admin/skills;
                           options override the file

Client secret (rotate-secret)
  --id ID                  skill id
  --overlap-seconds N      how long the old secret keeps working (default: 604800, seven days)

Output
  --out FILE               file for the ask-cli JSON (add, rotate-secret: default accountLinking.json;
                           account-linking-request: default is the terminal)
  --json                   print the server's response as JSON (add, set, list, rotate-secret)

Secrets are read from the environment only, because shells keep command lines in their history.

Examples
  npm run skill -- add --id amzn1.ask.skill.1234 --name "Acme Home" --type smart_home \\
    --vendor-id M2EXAMPLE --scope "devices:control=Control your devices" --return-url https://app.example.com/alexa
  LWA_CLIENT_SECRET=… npm run skill -- set --id amzn1.ask.skill.1234 --lwa-client-id amzn1.application-oa2-client.…
  ADMIN_TOKEN=… npm run skill -- list --url https://link.example.com
  npm run skill -- rotate-secret --id amzn1.ask.skill.1234 --overlap-seconds 86400
  CLIENT_SECRET=… npm run skill -- account-linking-request --id amzn1.ask.skill.1234 --out accountLinking.json`;

const OPTIONS = {
  url: { type: "string" },
  id: { type: "string" },
  stage: { type: "string" },
  name: { type: "string" },
  type: { type: "string" },
  "vendor-id": { type: "string" },
  scope: { type: "string", multiple: true },
  "return-url": { type: "string", multiple: true },
  "extra-redirect-uri": { type: "string", multiple: true },
  "client-id": { type: "string" },
  "require-pkce": { type: "boolean" },
  "lwa-client-id": { type: "string" },
  "event-client-id": { type: "string" },
  file: { type: "string" },
  out: { type: "string" },
  "overlap-seconds": { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>["values"];

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

/** Runs one command line and returns the exit code: 0 done, 1 failed, 2 usage error. */
export async function run(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  print: (text: string) => void,
  complain: (text: string) => void,
): Promise<number> {
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

function scopeOf(text: string): string | { name: string; descriptions: { en: string } } {
  const equals = text.indexOf("=");
  return equals < 0 ? text : { name: text.slice(0, equals), descriptions: { en: text.slice(equals + 1) } };
}

function pairOf(clientId: string | undefined, secretName: string, environment: NodeJS.ProcessEnv) {
  if (clientId === undefined) return undefined;
  const clientSecret = environment[secretName];
  if (!clientSecret) throw new CommandError(`Set the environment variable ${secretName} to the secret of ${clientId}.`);
  return { clientId, clientSecret };
}

function readBody(file: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch (error) {
    throw new CommandError(`Cannot read ${file} as JSON: ${error instanceof Error ? error.message : error}`);
  }
  throw new CommandError(`${file} must contain one JSON object`);
}

/** The request body from `--file` and the options. Fields that neither of them sets are left out. */
function bodyFrom(values: Values, environment: NodeJS.ProcessEnv): Record<string, unknown> {
  const body: Record<string, unknown> = values.file === undefined ? {} : readBody(values.file);
  const setField = (field: string, value: unknown) => {
    if (value !== undefined) body[field] = value;
  };
  setField("name", values.name);
  setField("stage", values.stage);
  setField("type", values.type);
  setField("vendorId", values["vendor-id"]);
  setField("scopes", values.scope?.map(scopeOf));
  setField("returnUrls", values["return-url"]);
  setField("extraRedirectUris", values["extra-redirect-uri"]);
  setField("lwa", pairOf(values["lwa-client-id"], "LWA_CLIENT_SECRET", environment));
  setField("eventGateway", pairOf(values["event-client-id"], "EVENT_CLIENT_SECRET", environment));
  const client = {
    ...(body.client as object | undefined),
    ...(values["client-id"] === undefined ? {} : { id: values["client-id"] }),
    ...(values["client-id"] !== undefined && environment.CLIENT_SECRET ? { secret: environment.CLIENT_SECRET } : {}),
    ...(values["require-pkce"] ? { requirePkce: true } : {}),
  };
  if (Object.keys(client).length > 0) body.client = client;
  return body;
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
  const skill = await call<SkillView>(service, "POST", "/skills", { scopes: [], returnUrls: [], ...body, id });
  await printSecretSheet({ service, values, environment, print }, skill, "Registered");
}

/** Prints what to enter at Amazon, with the secret that was just made, and writes the same to a file for ask-cli. */
async function printSecretSheet(
  { service, values, print }: Invocation,
  skill: SkillView,
  done: "Registered" | "Made a new secret for",
): Promise<void> {
  const { secret } = skill.client;
  const request = await linkingRequestOf(service, skill.id);
  const file = values.out ?? "accountLinking.json";
  writePrivately(file, withSecret(request, secret));
  if (values.json) {
    print(JSON.stringify(skill, null, 2));
    return;
  }
  print(
    [
      `${done} ${skill.name} (${skill.id}) at ${service.origin}.`,
      ...(skill.previousSecretExpiresAt ? [`The previous secret works until ${skill.previousSecretExpiresAt}.`] : []),
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
  const skill = await call<SkillView>(service, "PATCH", skillPath(id), body);
  if (values.json) return print(JSON.stringify(skill, null, 2));
  print(
    `Changed ${skill.name} (${skill.id}).\n\n${consoleSheet(skill, await linkingRequestOf(service, skill.id), undefined)}`,
  );
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
    ["SKILL", "STAGE", "TYPE", "NAME", "CLIENT ID", "APP-TO-APP"],
    ...skills.map((skill) => [
      skill.id,
      skill.stage,
      skill.type,
      skill.name,
      skill.client.id,
      skill.lwa ? "ready" : "no Alexa client id",
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
  const overlap = values["overlap-seconds"];
  if (overlap !== undefined && !/^\d{1,8}$/.test(overlap)) {
    throw new CommandError("--overlap-seconds must be a whole number.");
  }
  const body = overlap === undefined ? {} : { overlapSeconds: Number(overlap) };
  const skill = await call<SkillView>(service, "POST", `${skillPath(id)}/rotate-secret`, body);
  await printSecretSheet(invocation, skill, "Made a new secret for");
}

async function printLinkingRequest({ service, values, environment, print }: Invocation): Promise<void> {
  const id = skillIdOf(values);
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
