// `alexa-link move-out`: writes every account and every link to files, for another server.
import { closeSync, existsSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import type { Command } from "commander";
import { read, type Service } from "../admin-api.ts";
import { type AdminOptions, type AdminRun, adminAction, adminCommand } from "../admin-command.ts";
import { FROM_CUSTOMERS } from "../move/items.ts";
import { type Format, formatOf } from "../move/lines.ts";
import { withExamples } from "../options.ts";
import { CommandError, type Terminal, UsageError } from "../terminal.ts";

interface Options extends AdminOptions {
  readonly users?: string;
  readonly links?: string;
  readonly format?: string;
  readonly withPasswordHashes?: boolean;
  readonly force?: boolean;
}

const USER_COLUMNS = ["id", "email", "name", "createdAt", "oidcIssuer", "oidcSubject", "amazonSubject", "passwordHash"];
const LINK_COLUMNS = [
  ...["skillId", "clientId", "userId", "scope", "createdAt", "lastUsedAt", "alexaUserId"],
  ...["refreshTokenSha256", "grantId", "refreshSecretSha256"],
];
const PROGRESS_ITEMS = 10_000;

/** The command. */
export function moveOutCommand(terminal: Terminal): Command {
  const command = adminCommand("move-out", "write all people and links to files, which move-in reads")
    .option("--users <FILE>", "where to write the people: .csv or .jsonl")
    .option("--links <FILE>", "where to write the links with Alexa: .csv or .jsonl")
    .option("--format <FORMAT>", "csv or jsonl (default: as the file's name says)")
    .option("--with-password-hashes", "write the hashes of passwords too; the server's audit log will say so")
    .option("--force", "replace files that exist");
  return withExamples(command, terminal, [
    "ADMIN_TOKEN=… move-out --users users.csv --links links.csv --url https://link.example.com",
    "move-out --users users.jsonl --with-password-hashes",
  ]).action(adminAction<Options>(terminal, moveOut));
}

async function moveOut({ service, options, terminal, show }: AdminRun<Options>): Promise<void> {
  const { users, links, withPasswordHashes, force } = options;
  if (users === undefined && links === undefined) throw new UsageError("Give --users FILE, --links FILE, or both.");
  if (users === links) throw new UsageError("--users and --links name the same file.");
  if (withPasswordHashes && users === undefined) throw new UsageError("--with-password-hashes needs --users.");
  for (const file of [users, links]) {
    if (file === undefined) continue;
    formatOf(file, options.format);
    if (existsSync(file) && !force)
      throw new UsageError(`${file} exists. Give another name, or --force to replace it.`);
  }
  const counts = { users: 0, links: 0 };
  if (users !== undefined) {
    const columns = withPasswordHashes ? USER_COLUMNS : USER_COLUMNS.filter((name) => name !== "passwordHash");
    const query = withPasswordHashes ? { passwordHashes: "true" } : {};
    counts.users = await write(
      service,
      terminal,
      "/exports/users",
      query,
      users,
      columns,
      formatOf(users, options.format),
    );
  }
  if (links !== undefined) {
    counts.links = await write(
      service,
      terminal,
      "/exports/links",
      {},
      links,
      LINK_COLUMNS,
      formatOf(links, options.format),
    );
  }
  show(counts, () =>
    [
      ...(users === undefined ? [] : [`People written to ${users}: ${counts.users}`]),
      ...(links === undefined ? [] : [`Links written to ${links}: ${counts.links}`]),
      "Only you can read the files. Delete them when the other server has them.",
    ].join("\n"),
  );
}

type Row = Readonly<Record<string, string>>;

/** Writes all pages to a file beside, which gets the file's name when it is complete. Returns the number of items. */
async function write(
  service: Service,
  terminal: Terminal,
  path: string,
  query: Readonly<Record<string, string>>,
  file: string,
  columns: readonly string[],
  format: Format,
): Promise<number> {
  const part = `${file}.part`;
  rmSync(part, { force: true });
  const out = openSync(part, "wx", 0o600);
  let count = 0;
  try {
    if (format === "csv") writeSync(out, `${columns.join(",")}\n`);
    let cursor: string | undefined;
    do {
      const page: { readonly items: readonly Row[]; readonly nextCursor?: string } = await read(service, path, {
        ...query,
        limit: "200",
        cursor,
      });
      for (const item of page.items)
        writeSync(out, format === "csv" ? csvLine(item, columns) : `${JSON.stringify(item)}\n`);
      if (Math.floor((count + page.items.length) / PROGRESS_ITEMS) > Math.floor(count / PROGRESS_ITEMS)) {
        terminal.note(`${count + page.items.length} written to ${file} …`);
      }
      count += page.items.length;
      if (page.nextCursor !== undefined && page.nextCursor === cursor) {
        throw new CommandError(`${service.origin} returned the same page of ${path} twice.`);
      }
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  } finally {
    closeSync(out);
  }
  renameSync(part, file);
  return count;
}

function csvLine(item: Row, columns: readonly string[]): string {
  const cells = columns.map((name) => {
    const value = item[name] ?? "";
    const text = FROM_CUSTOMERS.includes(name) && /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${cells.join(",")}\n`;
}
