// `alexa-link move-in`: imports people and links of another account-linking server from CSV or JSON lines.
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { serviceFrom } from "../admin-api.ts";
import { ENVIRONMENT } from "../admin-command.ts";
import { ExitCode } from "../exit-code.ts";
import type { Caller } from "../move/import-call.ts";
import { type Counts, Importer } from "../move/importer.ts";
import { columnsFrom, FIELDS, isKnownColumn, itemOf, type Kind } from "../move/items.ts";
import { formatOf, readLines } from "../move/lines.ts";
import { fingerprint, Report } from "../move/report.ts";
import { collect, withExamples } from "../options.ts";
import { Cancelled, CommandError, jsonText, printable, type Terminal, UsageError } from "../terminal.ts";

interface Options {
  readonly url?: string;
  readonly json?: boolean;
  readonly users?: string;
  readonly links?: string;
  readonly format?: string;
  readonly map?: readonly string[];
  readonly skillId?: string;
  readonly report?: string;
  readonly dryRun?: boolean;
}

interface Input {
  readonly file: string;
  readonly kind: Kind;
}

const PROGRESS_LINES = 10_000;
const SHOWN_PROBLEMS = 20;

const FIELDS_HELP = `
Columns, or members of each JSON object (others: --map):
${Object.entries(FIELDS)
  .map(([name, meaning]) => `  ${name.padEnd(20)} ${meaning}`)
  .join("\n")}

A line with a token is a link, any other a person. With passwordHash, name, id or amazonSubject beside the token it is
both. People come before their links. Run it again as often as you like: lines that are done are not sent again.
${ENVIRONMENT}`;

/** The command. */
export function moveInCommand(terminal: Terminal): Command {
  const command = new Command("move-in")
    .description("import people and links from another server, so that customers need not link again")
    .argument("[file]", "CSV or JSON lines with people, links or both; - is standard input")
    .option("--users <FILE>", "a file with people only, which is read first")
    .option("--links <FILE>", "a file with links only, which is read last")
    .option("--format <FORMAT>", "csv or jsonl (default: as the file's name says)")
    .option("--map <COLUMN=FIELD>", "what a column has; COLUMN= ignores it; repeat for more", collect)
    .option("--skill-id <ID>", "the skill of links that name none")
    .option("--report <FILE>", "one JSON line for each line (default: the input's name and .report.jsonl)")
    .option("--dry-run", "check every line and send nothing")
    .option("--url <URL>", "address of the running server (default: http://localhost and the port in PORT, else 8787)")
    .option("--json", "print JSON, for programs")
    .addHelpText("after", FIELDS_HELP);
  return withExamples(command, terminal, [
    "move-in links.csv --skill-id amzn1.ask.skill.1234 --dry-run",
    "ADMIN_TOKEN=… move-in --users users.csv --links links.csv --url https://link.example.com",
    "move-in old.csv --map user_email=email --map token=refreshToken --map legacy=",
  ]).action((file: string | undefined, options: Options) => moveIn(terminal, file, options));
}

function inputsOf(file: string | undefined, { users, links }: Options): readonly Input[] {
  const inputs: readonly (readonly [string | undefined, Kind])[] = [
    [users, "users"],
    [file, "both"],
    [links, "links"],
  ];
  const given = inputs.flatMap(([name, kind]) => (name === undefined ? [] : [{ file: name, kind }]));
  if (given.length === 0) throw new UsageError("Name a file: move-in FILE, or --users FILE and --links FILE.");
  if (new Set(given.map((one) => one.file)).size < given.length) throw new UsageError("The same file is named twice.");
  return given;
}

type Columns = ReturnType<typeof columnsFrom>;

/** Each line of a file: what is to be imported, or why it cannot be. */
async function* itemsIn({ file, kind }: Input, columns: Columns, { format, skillId }: Options) {
  const isKnown = (column: string) => isKnownColumn(columns, column);
  for await (const { line, values, problem } of readLines(file, formatOf(file, format), isKnown)) {
    yield { line, item: values ? itemOf(values, kind, { columns, skillId }) : { problem: problem ?? "" } };
  }
}

async function moveIn(terminal: Terminal, file: string | undefined, options: Options): Promise<void> {
  const inputs = inputsOf(file, options);
  const columns = columnsFrom(options.map);
  for (const input of inputs) formatOf(input.file, options.format);
  const files = inputs.filter((input) => input.file !== "-").map((input) => input.file);
  const hashes = Object.fromEntries(
    await Promise.all(inputs.map(async ({ file: name }) => [name, await fingerprint(name)] as const)),
  );
  if (options.dryRun) return check(terminal, inputs, columns, options);
  const service = await serviceFrom(options, terminal);
  const reportFile = options.report ?? (files[0] === undefined ? undefined : `${files[0]}.report.jsonl`);
  if (reportFile !== undefined && files.includes(reportFile)) throw new UsageError("--report names an input.");
  const header = { server: service.origin, inputs: hashes };
  const report = await Report.open(reportFile, header, (text) => terminal.note(text));
  const cancel = new AbortController();
  const onInterrupt = () => cancel.abort();
  process.once("SIGINT", onInterrupt);
  const caller: Caller = {
    service,
    note: (text) => terminal.note(text),
    wait: (ms) => sleep(ms, undefined, { signal: cancel.signal }),
  };
  const importer = new Importer(caller, report);
  let skipped = 0;
  let read = 0;
  try {
    for (const input of inputs) {
      const name = input.file;
      for await (const { line, item } of itemsIn(input, columns, options)) {
        if (cancel.signal.aborted) throw new Cancelled("");
        if (++read % PROGRESS_LINES === 0) terminal.note(`${read} lines read …`);
        if (item.problem !== undefined) {
          importer.refuse(name, line, item.problem);
          if (importer.unreadable <= SHOWN_PROBLEMS) terminal.note(`${name}, line ${line}: ${printable(item.problem)}`);
          continue;
        }
        const isDone =
          (!item.person || report.isDone("user", name, line)) && (!item.link || report.isDone("link", name, line));
        if (isDone) skipped++;
        else await importer.add({ ...item, file: name, line });
      }
      // The people of one file may own the links of the next.
      await importer.finish();
    }
  } catch (error) {
    await importer.stop();
    if (!cancel.signal.aborted) throw error;
    throw new Cancelled("Cancelled. Run the same command again to go on from here.");
  } finally {
    process.removeListener("SIGINT", onInterrupt);
  }
  const summary = {
    users: importer.users,
    links: importer.links,
    skipped,
    unreadable: importer.unreadable,
    report: reportFile ?? null,
  };
  terminal.print(options.json ? jsonText(summary) : textOf(summary));
  if (importer.users.refused + importer.links.refused + importer.unreadable > 0) {
    if (reportFile !== undefined)
      terminal.note(`Refused lines are in ${reportFile}, with "status":"refused" and the reason.`);
    throw new ExitCode(1);
  }
}

function textOf(summary: { users: Counts; links: Counts; skipped: number; unreadable: number }): string {
  const counts = (name: string, { imported, exists, ended, refused }: Counts) =>
    `${name}: ${imported} imported, ${exists} there already, ${ended} ended since, ${refused} refused`;
  return [
    counts("People", summary.users),
    counts("Links", summary.links),
    ...(summary.unreadable > 0 ? [`Lines that cannot be used: ${summary.unreadable}`] : []),
    ...(summary.skipped > 0 ? [`Lines done by an earlier run: ${summary.skipped}`] : []),
  ].join("\n");
}

async function check(terminal: Terminal, inputs: readonly Input[], columns: Columns, options: Options): Promise<void> {
  const counts = { users: 0, links: 0, unreadable: 0 };
  for (const input of inputs) {
    for await (const { line, item } of itemsIn(input, columns, options)) {
      if (item.problem !== undefined) {
        counts.unreadable++;
        terminal.note(`${input.file}, line ${line}: ${printable(item.problem)}`);
      }
      if (item.person) counts.users++;
      if (item.link) counts.links++;
    }
  }
  const text = `People that can be sent: ${counts.users}\nLinks that can be sent: ${counts.links}\nLines that cannot be used: ${counts.unreadable}\nNothing was sent.`;
  terminal.print(options.json ? jsonText(counts) : text);
  if (counts.unreadable > 0) throw new CommandError("Correct the lines that cannot be used, or leave them out.");
}
