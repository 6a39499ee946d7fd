// `npm run skill -- …`: registers skills at a running service and says what Amazon must know about it.
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

  add                      register a skill, and get what to enter at Amazon
  set                      change what is given of a registered skill
  list                     show the registered skills
  rotate-secret            make a new client secret; the old one works on for a while
  account-linking-request  print the JSON for SMAPI and ask-cli

Where
  --url URL                the running service (default http://localhost:8787, or PORT)
  ADMIN_TOKEN              its admin token, from the environment; on this machine also from .dev.vars

Which skill
  --id ID                  amzn1.ask.skill.…

What (add, set)
  --name NAME              what customers call it
  --stage STAGE            development (default) or live: the stage that linking from your app or website enables
  --type TYPE              smart_home, video, meetings, education, custom, music, baby_activity, add_on
  --vendor-id ID           the developer account's vendor id: letters and digits at the end of the
                           console's "Alexa Redirect URLs". All three addresses follow from it
  --scope NAME[=TEXT]      a scope, with what it allows in words for customers; repeat for more
  --return-url URL         where your app or site takes the customer back; repeat for more
  --extra-redirect-uri URL a further redirect URI; repeat for more
  --client-id ID           a client id that Amazon knows already (add), its secret in CLIENT_SECRET
  --require-pkce           refuse authorize requests without PKCE
  --lwa-client-id ID       the console's "Alexa Client Id" for app-to-app linking; secret in LWA_CLIENT_SECRET
  --event-client-id ID     the pair of "Send Alexa Events", when it is another; secret in EVENT_CLIENT_SECRET
  --file FILE              all of it as JSON, as POST /api/admin/skills takes it; options win over the file

Output
  --out FILE               where to write the JSON for ask-cli (add: accountLinking.json)
  --overlap-seconds N      how long the old secret works (rotate-secret; default seven days)
  --json                   print answers as JSON

Secrets are read from the environment only: command lines are kept in histories.`;

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

/** What a command works with; `print` gets one line or block at a time. */
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

/** Runs one command line. The exit code: 0 done, 1 refused or failed, 2 not understood. */
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
    complain(`${error instanceof Error ? error.message : error}\nnpm run skill -- --help lists what there is.`);
    return 2;
  }
  const [name, ...others] = positionals;
  if (values.help || name === undefined) {
    print(USAGE);
    return values.help ? 0 : 2;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command || others.length > 0) {
    complain(`${command ? `Not understood: ${others.join(" ")}` : `No such command: ${name}`}\n\n${USAGE}`);
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

function skillIdOf(values: Values): string {
  if (values.id === undefined) throw new CommandError("--id is required: the skill's id, amzn1.ask.skill.…");
  return values.id;
}

function scopeOf(text: string): string | { name: string; descriptions: { en: string } } {
  const equals = text.indexOf("=");
  return equals < 0 ? text : { name: text.slice(0, equals), descriptions: { en: text.slice(equals + 1) } };
}

function pairOf(clientId: string | undefined, secretName: string, environment: NodeJS.ProcessEnv) {
  if (clientId === undefined) return undefined;
  const clientSecret = environment[secretName];
  if (!clientSecret) throw new CommandError(`Set ${secretName} in the environment to the secret of ${clientId}.`);
  return { clientId, clientSecret };
}

function readBody(file: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch (error) {
    throw new CommandError(`${file} cannot be read as JSON: ${error instanceof Error ? error.message : error}`);
  }
  throw new CommandError(`${file} must hold one JSON object`);
}

/** The body that options and `--file` describe; only what was given. */
function bodyFrom(values: Values, environment: NodeJS.ProcessEnv): Record<string, unknown> {
  const body: Record<string, unknown> = values.file === undefined ? {} : readBody(values.file);
  const give = (field: string, value: unknown) => {
    if (value !== undefined) body[field] = value;
  };
  give("name", values.name);
  give("stage", values.stage);
  give("type", values.type);
  give("vendorId", values["vendor-id"]);
  give("scopes", values.scope?.map(scopeOf));
  give("returnUrls", values["return-url"]);
  give("extraRedirectUris", values["extra-redirect-uri"]);
  give("lwa", pairOf(values["lwa-client-id"], "LWA_CLIENT_SECRET", environment));
  give("eventGateway", pairOf(values["event-client-id"], "EVENT_CLIENT_SECRET", environment));
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

/** Written anew, so that nobody else can read what an older file's mode would have let them. */
function writePrivately(file: string, content: object): void {
  rmSync(file, { force: true });
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: "wx" });
}

function askLine(skillId: string, file: string): string {
  const line = `ask smapi update-account-linking-info -s ${skillId} -g development --account-linking-request "file:${file}"`;
  return [
    "Or enter all of it at once, with Amazon's ask-cli:",
    "",
    `  ${line}`,
    "",
    "  Amazon accepts changes of the development stage only; certification copies them to the live stage.",
  ].join("\n");
}

async function add({ service, values, environment, print }: Invocation): Promise<void> {
  const body = bodyFrom(values, environment);
  const id = values.id ?? body.id;
  if (id === undefined) throw new CommandError("--id is required: the skill's id, amzn1.ask.skill.…");
  const skill = await call<SkillView>(service, "POST", "/skills", { scopes: [], returnUrls: [], ...body, id });
  await printSecretSheet({ service, values, environment, print }, skill, "Registered");
}

/** Shows what to enter at Amazon with the secret that was just made, and keeps it in a file for ask-cli. */
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
      ...(skill.previousSecretExpiresAt ? [`The secret of before works until ${skill.previousSecretExpiresAt}.`] : []),
      "",
      consoleSheet(skill, request, secret),
      "",
      askLine(skill.id, file),
      "",
      `${file} holds the secret, which is not shown again. Only you can read it; delete it when it is entered.`,
    ].join("\n"),
  );
}

async function set({ service, values, environment, print }: Invocation): Promise<void> {
  if (values["client-id"] !== undefined) throw new CommandError("--client-id cannot be changed; add takes it.");
  const { id: fileId, ...body } = bodyFrom(values, environment);
  const id = values.id ?? fileId;
  if (typeof id !== "string") throw new CommandError("--id is required.");
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
  if (skills.length === 0) return print("No skill is registered yet: npm run skill -- add --help");
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
    throw new CommandError("--overlap-seconds must be a whole number");
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
    : "\nPut the client secret in, or set CLIENT_SECRET and run this again.";
  print(`Wrote ${values.out}.${missing}\n\n${askLine(id, values.out)}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.exit(await run(process.argv.slice(2), process.env, console.log, console.error));
}
