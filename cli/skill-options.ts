// The options of `npm run skill`, and the skill that they describe.
import { readFileSync } from "node:fs";
import type { parseArgs } from "node:util";
import { CommandError } from "./admin-api.ts";

/** The text of --help. */
export const USAGE = `npm run skill -- <command> [options]

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
  --resource URI           add_on, required: the URI of the MCP server, exactly as in the add-on's manifest
  --service-scope NAME     add_on: a scope of service tokens, which have no user; repeat for more
                           (default: mcp:service). --scope names the scopes of customers' tokens
  --service-client         add_on: make a second client, then the only one that gets service tokens
  --service-client-id ID   the same, with this client id (default: a new one). Its secret is always made here
  --no-service-client      set only: remove the second client
  --file FILE              read the skill from a JSON file with the fields of POST /api/admin/skills;
                           options override the file

Client secret (rotate-secret)
  --id ID                  skill id
  --client service         make it for an add-on's second client (default: for the skill's client)
  --overlap-seconds N      how long the old secret keeps working (default: 604800, seven days)

Output
  --out FILE               file for the ask-cli JSON (add, rotate-secret: default accountLinking.json;
                           account-linking-request: default is the terminal). Add-ons have none: Amazon configures
                           them with alexa-ai, not through SMAPI
  --json                   print the server's response as JSON (add, set, list, rotate-secret)

Secrets are read from the environment only, because shells keep command lines in their history.

Examples
  npm run skill -- add --id amzn1.ask.skill.1234 --name "Acme Home" --type smart_home \\
    --vendor-id M2EXAMPLE --scope "devices:control=Control your devices" --return-url https://app.example.com/alexa
  LWA_CLIENT_SECRET=… npm run skill -- set --id amzn1.ask.skill.1234 --lwa-client-id amzn1.application-oa2-client.…
  npm run skill -- add --type add_on --id amzn1.ask.skill.5678 --name "Acme Notes" --vendor-id M2EXAMPLE \\
    --resource https://mcp.example.com/mcp --scope "mcp:tools=Use your notes"
  ADMIN_TOKEN=… npm run skill -- list --url https://link.example.com
  npm run skill -- rotate-secret --id amzn1.ask.skill.1234 --overlap-seconds 86400
  CLIENT_SECRET=… npm run skill -- account-linking-request --id amzn1.ask.skill.1234 --out accountLinking.json`;

export const OPTIONS = {
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
  resource: { type: "string" },
  "service-scope": { type: "string", multiple: true },
  "service-client": { type: "boolean" },
  "service-client-id": { type: "string" },
  "no-service-client": { type: "boolean" },
  client: { type: "string" },
  file: { type: "string" },
  out: { type: "string" },
  "overlap-seconds": { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

export type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>["values"];

function scopeOf(text: string): string | { name: string; descriptions: { en: string } } {
  const equals = text.indexOf("=");
  return equals < 0 ? text : { name: text.slice(0, equals), descriptions: { en: text.slice(equals + 1) } };
}

/** The scopes of both tiers that the options name. */
export function scopesOf({ scope = [], "service-scope": serviceScope = [] }: Values): (string | object)[] {
  return [...serviceScope.map((name) => ({ name, tier: "service" })), ...scope.map(scopeOf)];
}

/** The second client that the options ask for; null: none any more; undefined: they say nothing. */
function serviceClientOf(values: Values): { id?: string } | null | undefined {
  const id = values["service-client-id"];
  const wanted = values["service-client"] || id !== undefined;
  if (!values["no-service-client"]) return wanted ? (id === undefined ? {} : { id }) : undefined;
  if (wanted) throw new CommandError("--service-client and --no-service-client exclude each other.");
  return null;
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
export function bodyFrom(values: Values, environment: NodeJS.ProcessEnv): Record<string, unknown> {
  const body: Record<string, unknown> = values.file === undefined ? {} : readBody(values.file);
  const setField = (field: string, value: unknown) => {
    if (value !== undefined) body[field] = value;
  };
  setField("name", values.name);
  setField("stage", values.stage);
  setField("type", values.type);
  setField("vendorId", values["vendor-id"]);
  setField("resource", values.resource);
  if (values.scope ?? values["service-scope"]) body.scopes = scopesOf(values);
  setField("serviceClient", serviceClientOf(values));
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
