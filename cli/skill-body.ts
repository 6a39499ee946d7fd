// The skill that the options of `skill add` and `skill set` describe.
import { readFileSync } from "node:fs";
import type { AdminOptions } from "./admin-command.ts";
import { type RelayOptions, relayFrom } from "./skill-relay.ts";
import { CommandError, secretFrom, type Terminal, UsageError } from "./terminal.ts";

export const ID_REQUIRED = "--id is required: the skill's id, amzn1.ask.skill.…";

/** The id of the skill that a command is about: its argument or its option `--id`. */
export function skillIdOf({ id: option }: { readonly id?: string }, argument: string | undefined): string {
  if (argument !== undefined && option !== undefined) throw new UsageError("Give the skill's id once.");
  const id = argument ?? option;
  if (id === undefined) throw new UsageError(ID_REQUIRED);
  return id;
}

/** The options of the skill commands. */
export interface SkillOptions extends AdminOptions, RelayOptions {
  readonly id?: string;
  readonly stage?: string;
  readonly name?: string;
  readonly type?: string;
  readonly vendorId?: string;
  readonly scope?: readonly string[];
  readonly returnUrl?: readonly string[];
  readonly extraRedirectUri?: readonly string[];
  readonly clientId?: string;
  readonly requirePkce?: boolean;
  readonly lwaClientId?: string;
  readonly eventClientId?: string;
  readonly resource?: string;
  readonly serviceScope?: readonly string[];
  readonly serviceClient?: boolean;
  readonly serviceClientId?: string;
  readonly noServiceClient?: boolean;
  readonly client?: string;
  readonly file?: string;
  readonly out?: string;
  readonly overlapSeconds?: string;
  readonly yes?: boolean;
}

function scopeOf(text: string): string | { name: string; descriptions: { en: string } } {
  const equals = text.indexOf("=");
  return equals < 0 ? text : { name: text.slice(0, equals), descriptions: { en: text.slice(equals + 1) } };
}

/** The scopes of both tiers that the options name. */
export function scopesOf({ scope = [], serviceScope = [] }: SkillOptions): (string | object)[] {
  return [...serviceScope.map((name) => ({ name, tier: "service" })), ...scope.map(scopeOf)];
}

/** The second client that the options ask for; null: none any more; undefined: they say nothing. */
function serviceClientOf(values: SkillOptions): { id?: string } | null | undefined {
  const id = values.serviceClientId;
  const wanted = values.serviceClient || id !== undefined;
  if (!values.noServiceClient) return wanted ? (id === undefined ? {} : { id }) : undefined;
  if (wanted) throw new UsageError("--service-client and --no-service-client exclude each other.");
  return null;
}

/** A client id and its secret, which comes from the environment or from a person. */
async function pairOf(clientId: string | undefined, secretName: string, terminal: Terminal) {
  if (clientId === undefined) return undefined;
  if (!terminal.environment[secretName] && !terminal.interactive) {
    throw new UsageError(`Set the environment variable ${secretName} to the secret of ${clientId}.`);
  }
  return { clientId, clientSecret: await secretFrom(terminal, secretName, `the secret of ${clientId}`) };
}

function readBody(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code}.`);
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // The error quotes the file, which may hold a secret.
    throw new CommandError(`Cannot read ${file} as JSON.`);
  }
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw new CommandError(`${file} must contain one JSON object`);
  }
  return content as Record<string, unknown>;
}

/** The request body from `--file` and the options. Fields that neither of them sets are left out. */
export async function bodyFrom(values: SkillOptions, terminal: Terminal): Promise<Record<string, unknown>> {
  const body: Record<string, unknown> = values.file === undefined ? {} : readBody(values.file);
  const setField = (field: string, value: unknown) => {
    if (value !== undefined) body[field] = value;
  };
  setField("name", values.name);
  setField("stage", values.stage);
  setField("type", values.type);
  setField("vendorId", values.vendorId);
  setField("resource", values.resource);
  if (values.scope ?? values.serviceScope) body.scopes = scopesOf(values);
  setField("serviceClient", serviceClientOf(values));
  setField("returnUrls", values.returnUrl);
  setField("extraRedirectUris", values.extraRedirectUri);
  setField("lwa", await pairOf(values.lwaClientId, "LWA_CLIENT_SECRET", terminal));
  setField("eventGateway", await pairOf(values.eventClientId, "EVENT_CLIENT_SECRET", terminal));
  setField("relay", await relayFrom(values, (clientId, secretName) => pairOf(clientId, secretName, terminal)));
  const secret = terminal.environment.CLIENT_SECRET;
  const client = {
    ...(body.client as object | undefined),
    ...(values.clientId === undefined ? {} : { id: values.clientId }),
    ...(values.clientId !== undefined && secret ? { secret } : {}),
    ...(values.requirePkce ? { requirePkce: true } : {}),
  };
  if (Object.keys(client).length > 0) body.client = client;
  return body;
}
