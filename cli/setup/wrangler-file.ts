// wrangler.toml: what it says of a deployment, and changes to its text that keep comments and order.
import { isDeepStrictEqual } from "node:util";
import { parse, type TomlTable } from "smol-toml";
import { CommandError } from "../terminal.ts";

/** What wrangler.toml says of one deployment: the top level, or `[env.NAME]`. */
export interface Deployment {
  readonly worker: string | undefined;
  readonly accountId: string | undefined;
  readonly domain: string | undefined;
  readonly databaseName: string | undefined;
  readonly databaseId: string | undefined;
  readonly namespaceId: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** A place in the file: the table's path, with the binding's name where the table is one of several. */
interface Place {
  readonly table: string;
  readonly binding?: string;
  readonly key: string;
}

const DATABASE = "DB";
const NAMESPACE = "CODES";
const RATE_LIMITS = [
  ["PAGE_LIMIT", 600],
  ["ADMIN_LIMIT", 20],
  ["USER_LIMIT", 200],
] as const;

type Entry = Record<string, unknown>;
type Section = Record<string, unknown> & { env?: Record<string, Section> };

function parsed(text: string): Section {
  try {
    return parse(text) as Section;
  } catch (error) {
    throw new CommandError(
      `wrangler.toml cannot be read: ${error instanceof Error ? error.message.split("\n")[0] : error}`,
    );
  }
}

function bindingOf(section: Section, list: string, binding: string): Entry | undefined {
  const entries = section[list];
  return Array.isArray(entries) ? (entries as Entry[]).find((entry) => entry.binding === binding) : undefined;
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/** Reads one deployment. `environment` undefined is the top level. Undefined if there is no such section. */
export function deploymentOf(text: string, environment: string | undefined): Deployment | undefined {
  const top = parsed(text);
  const section = environment === undefined ? top : top.env?.[environment];
  if (section === undefined) return undefined;
  const [route] = Array.isArray(section.routes) ? (section.routes as unknown[]) : [section.route];
  const database = bindingOf(section, "d1_databases", DATABASE);
  return {
    worker: textOf(section.name) ?? (environment === undefined ? undefined : `${textOf(top.name)}-${environment}`),
    accountId: textOf(section.account_id) ?? textOf(top.account_id),
    domain: textOf(route) ?? textOf((route as Entry | undefined)?.pattern),
    databaseName: textOf(database?.database_name),
    databaseId: textOf(database?.database_id),
    namespaceId: textOf(bindingOf(section, "kv_namespaces", NAMESPACE)?.id),
    variables: (section.vars ?? {}) as Record<string, unknown>,
  };
}

/** What to write of a deployment. Undefined stays as it is. */
export interface Changes {
  readonly worker?: string | undefined;
  readonly accountId?: string | undefined;
  readonly domain?: string | undefined;
  readonly databaseName?: string | undefined;
  readonly databaseId?: string | undefined;
  readonly namespaceId?: string | undefined;
  readonly variables?: Readonly<Record<string, string>>;
}

/**
 * The text with the changes made. The environment's section is added if it is missing. Throws a `CommandError` that
 * names the line to write by hand where the file has another form than setup can change.
 */
export function changed(text: string, environment: string | undefined, changes: Changes): string {
  const prefix = environment === undefined ? "" : `env.${environment}.`;
  let result = text;
  if (environment !== undefined && parsed(text).env?.[environment] === undefined) {
    result = `${result.trimEnd()}\n\n${newSection(text, environment, changes)}`;
  }
  const own = prefix.slice(0, -1);
  const database = { table: `${prefix}d1_databases`, binding: DATABASE };
  const edits: [Place, unknown][] = [
    [{ table: own, key: "name" }, changes.worker],
    [{ table: own, key: "account_id" }, changes.accountId],
    [{ table: own, key: "routes" }, changes.domain && [{ pattern: changes.domain, custom_domain: true }]],
    [{ ...database, key: "database_name" }, changes.databaseName],
    [{ ...database, key: "database_id" }, changes.databaseId],
    [{ table: `${prefix}kv_namespaces`, binding: NAMESPACE, key: "id" }, changes.namespaceId],
    ...Object.entries(changes.variables ?? {}).map(([key, value]): [Place, unknown] => [
      { table: `${prefix}vars`, key },
      value,
    ]),
  ];
  for (const [place, value] of edits) if (value !== undefined && value !== "") result = set(result, place, value);
  return result;
}

/** A value in TOML. The rules of the answers allow no character whose escape differs from JSON's. */
function literal(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  const [route] = value as [{ pattern: string }];
  return `[{ pattern = ${JSON.stringify(route.pattern)}, custom_domain = true }]`;
}

function set(text: string, place: Place, value: unknown): string {
  const before = parsed(text);
  const wanted = structuredClone(before);
  const target = objectAt(wanted, place);
  const line = `${place.key} = ${literal(value)}`;
  const byHand = new CommandError(
    `wrangler.toml has a form that setup cannot change. Write this line under ${headerOf(place)} and run setup again:\n  ${line}`,
  );
  if (target === undefined) throw byHand;
  if (isDeepStrictEqual(target[place.key], value)) return text;
  target[place.key] = value;
  const result = withLine(text, place, line);
  let after: Section | undefined;
  try {
    after = parse(result) as Section;
  } catch {
    after = undefined;
  }
  // smol-toml's tables have no prototype; the comparison is of their content.
  if (after === undefined || JSON.stringify(after) !== JSON.stringify(reordered(wanted, after))) throw byHand;
  return result;
}

/** The same content with the keys in the order of `like`, so that JSON texts can be compared. */
function reordered(value: unknown, like: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map((entry, index) => reordered(entry, (like as unknown[])?.[index]));
  const order = Object.keys((like ?? {}) as object);
  const keys = Object.keys(value).sort((one, other) => order.indexOf(one) - order.indexOf(other));
  return Object.fromEntries(keys.map((key) => [key, reordered((value as Entry)[key], (like as Entry)?.[key])]));
}

function headerOf({ table, binding }: Place): string {
  if (table === "") return "the first lines";
  return binding === undefined ? `[${table}]` : `[[${table}]] (binding = "${binding}")`;
}

/** The table that a place is in; an absent [vars] is made. */
function objectAt(root: Section, { table, binding }: Place): Entry | undefined {
  let here: unknown = root;
  for (const part of table === "" ? [] : table.split(".")) {
    if (typeof here !== "object" || here === null) return undefined;
    if (part === "vars") (here as TomlTable).vars ??= {};
    here = (here as Entry)[part];
  }
  if (binding === undefined) return here as Entry | undefined;
  return Array.isArray(here) ? (here as Entry[]).find((entry) => entry.binding === binding) : undefined;
}

/** Replaces the line of the key in its table, or adds one. Lines of other forms are found out by the caller. */
function withLine(text: string, { table, binding, key }: Place, line: string): string {
  const lines = text.split("\n");
  const isHeader = (one: string) => /^\s*\[/.test(one);
  const header = binding === undefined ? `[${table}]` : `[[${table}]]`;
  const starts = lines.flatMap((one, index) => (one.trim().replace(/\s*#.*$/, "") === header ? [index + 1] : []));
  for (const start of table === "" ? [0] : starts) {
    const length = lines.slice(start).findIndex(isHeader);
    const end = length < 0 ? lines.length : start + length;
    const find = (name: string) =>
      lines.findIndex((one, index) => index >= start && index < end && new RegExp(`^\\s*${name}\\s*=`).test(one));
    if (binding !== undefined && !lines.slice(start, end).some((one) => isBinding(one, binding))) continue;
    const existing = find(key);
    if (existing >= 0) return lines.with(existing, line).join("\n");
    return lines.toSpliced(placeOf(key, find, lines.slice(0, end)), 0, line).join("\n");
  }
  return binding === undefined ? `${text.trimEnd()}\n\n${header}\n${line}\n` : text;
}

/** Where a new line goes. `find` gives the position of a key in its table; `lines` end with the table. */
function placeOf(key: string, find: (name: string) => number, lines: readonly string[]): number {
  // Routes stand before workers_dev, whose comment is about both; ids after what they belong to.
  if (key === "routes" && find("workers_dev") >= 0) return find("workers_dev");
  const neighbour = Math.max(find("database_name"), find("binding"), key === "account_id" ? find("name") : -1);
  return neighbour >= 0 ? neighbour + 1 : lines.findLastIndex((one) => one.trim() !== "" && !one.startsWith("#")) + 1;
}

function isBinding(line: string, binding: string): boolean {
  return new RegExp(`^\\s*binding\\s*=\\s*["']${binding}["']`).test(line);
}

/** A deployment of its own: nothing of the top level's bindings, variables and route is inherited. */
function newSection(text: string, environment: string, { worker, domain, databaseName }: Changes): string {
  const ids = [...text.matchAll(/^[^#\n]*namespace_id = "(\d+)"/gm)].map(([, id]) => Number(id));
  const first = (Math.floor(Math.max(1000, ...ids) / 1000) + 1) * 1000 + 1;
  const table = `env.${environment}`;
  return [
    `[${table}]`,
    `name = ${literal(worker)}`,
    `routes = ${literal([{ pattern: domain }])}`,
    "",
    `[${table}.vars]`,
    `ISSUER = ${literal(`https://${domain}`)}`,
    "",
    `[[${table}.d1_databases]]`,
    `binding = "${DATABASE}"`,
    `database_name = ${literal(databaseName)}`,
    'migrations_dir = "migrations"',
    "",
    `[[${table}.kv_namespaces]]`,
    `binding = "${NAMESPACE}"`,
    ...RATE_LIMITS.flatMap(([name, limit], index) => [
      "",
      `[[${table}.ratelimits]]`,
      `name = "${name}"`,
      `namespace_id = "${first + index}"`,
      `simple = { limit = ${limit}, period = 60 }`,
    ]),
    "",
  ].join("\n");
}
