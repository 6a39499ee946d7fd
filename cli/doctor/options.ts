// The doctor's options: what the person gave, checked before anything is sent.
import { type Command, InvalidArgumentError } from "commander";
import { AREAS } from "../../doctor/areas.ts";
import { amazonRedirectUri, REDIRECT_HOSTS, type RedirectHost } from "../../simulator/library/authorization-request.ts";
import { collect } from "../options.ts";
import { UsageError } from "../terminal.ts";

export interface DoctorOptions {
  readonly authorizeUrl?: string;
  readonly tokenUrl?: string;
  readonly clientId?: string;
  readonly vendorId?: string;
  readonly redirectUri?: readonly string[];
  readonly scope?: string;
  readonly user?: string;
  readonly userField?: string;
  readonly passwordField?: string;
  readonly allowButton?: { readonly name: string; readonly value: string };
  readonly browser: boolean;
  readonly domain?: readonly string[];
  readonly mcp?: string;
  readonly admin?: true;
  readonly only?: readonly string[];
  readonly timeout: number;
  readonly json?: true;
  readonly junit?: string;
  readonly html?: string;
  readonly list?: true;
}

/** Adds the options to the command. */
export function withDoctorOptions(command: Command): Command {
  return command
    .argument("[URL]", "the server's origin, where its metadata is (RFC 8414)", webAddress)
    .option("--authorize-url <URL>", "the authorization endpoint, if there is no metadata", webAddress)
    .option("--token-url <URL>", "the token endpoint, if there is no metadata", webAddress)
    .option("--client-id <ID>", "Alexa's client id there; its secret from CLIENT_SECRET or a prompt")
    .option("--vendor-id <ID>", "your vendor id at Amazon, which makes Alexa's four redirect URIs", vendorId)
    .option("--redirect-uri <URI>", "a redirect URI of Alexa; may be repeated", collect)
    .option("--scope <SCOPES>", "the scopes that Alexa asks for, separated by spaces")
    .option("--user <NAME>", "sign in as this customer; the password from PASSWORD or a prompt")
    .option("--user-field <NAME>", "name of the sign-in page's field for the user, if it is not recognized")
    .option("--password-field <NAME>", "name of the field for the password, if it is not recognized")
    .option("--allow-button <NAME=VALUE>", "the button that gives consent, if it is not recognized", button)
    .option("--no-browser", "do not open a browser window for the sign-in; paste addresses instead")
    .option("--domain <HOST>", "a host in the skill's domain list; may be repeated", collect)
    .option("--mcp <URL>", "the MCP server of an Alexa+ add-on", webAddress)
    .option("--admin", "check a server of this project from the inside too, with ADMIN_TOKEN")
    .option("--only <IDS>", "the ids of the wanted checks, separated by commas", knownIds)
    .option("--timeout <SECONDS>", "how long one request may take", seconds, 10)
    .option("--json", "print the results as JSON")
    .option("--junit <FILE>", "write the results as JUnit XML")
    .option("--html <FILE>", "write a report for a browser, in one file")
    .option("--list", "list all checks and end");
}

function webAddress(text: string): string {
  if (!URL.canParse(text))
    throw new InvalidArgumentError("It must be an absolute URL such as https://link.example.com.");
  const url = new URL(text);
  if (!/^https?:$/.test(url.protocol)) throw new InvalidArgumentError("It must begin with https://.");
  return text;
}

function vendorId(text: string): string {
  if (!/^[A-Za-z0-9]{1,64}$/.test(text))
    throw new InvalidArgumentError("It is letters and digits, such as M2EXAMPLEVENDOR.");
  return text;
}

function button(text: string): { name: string; value: string } {
  const split = text.indexOf("=");
  if (split < 1) throw new InvalidArgumentError("It must be a name and a value, such as decision=allow.");
  return { name: text.slice(0, split), value: text.slice(split + 1) };
}

function seconds(text: string): number {
  const value = /^\d{1,3}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (value <= 0 || value > 600) throw new InvalidArgumentError("It must be a number of seconds up to 600.");
  return value;
}

/** The ids of all checks, in the order in which they run. */
function allIds(): string[] {
  return AREAS.flatMap(({ checks }) => checks.map(({ id }) => id));
}

function knownIds(text: string): string[] {
  const all = allIds();
  const ids = text.split(",").map((id) => id.trim());
  for (const id of ids) {
    if (all.includes(id)) continue;
    const distance = (other: string) => editDistance(id.slice(0, 80), other);
    const near = all
      .filter((other) => isNear(id, other))
      .sort((a, b) => distance(a) - distance(b))
      .slice(0, 5);
    const hint = near.length > 0 ? `Did you mean ${near.join(", ")}?` : "--list lists all checks.";
    throw new InvalidArgumentError(`There is no check ${JSON.stringify(id)}. ${hint}`);
  }
  return ids;
}

/** Whether a person who typed `id` may have meant `other`. */
function isNear(id: string, other: string): boolean {
  if (id.length >= 3 && other.includes(id)) return true;
  return editDistance(id.slice(0, 80), other) <= Math.max(2, Math.floor(other.length / 4));
}

/** How many characters must be inserted, deleted or replaced to make `b` of `a`. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Alexa's redirect URIs: those that were given, and those of the vendor id. */
export function redirectUrisOf({ vendorId, redirectUri = [] }: DoctorOptions): string[] {
  for (const uri of redirectUri) {
    if (!URL.canParse(uri)) throw new UsageError(`--redirect-uri must be an absolute URI: ${uri}`);
  }
  const hosts = Object.keys(REDIRECT_HOSTS) as RedirectHost[];
  const expanded = vendorId === undefined ? [] : hosts.map((host) => amazonRedirectUri(host, vendorId));
  return [...new Set([...expanded, ...redirectUri])];
}
