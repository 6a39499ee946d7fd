// How time, rows, plans and bytes grow with the number of links. `npm run bench -- --growth`, or alone:
// `node bench/growth.ts --links 1000,100000`.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { readD1Migrations } from "@cloudflare/vitest-plugin";
import { transformSync } from "esbuild";
import { convertV4MiniflareOptions, Miniflare, Response as MiniflareResponse } from "miniflare";
import type { Page, Sender } from "../test/support/visitor.ts";
import { optionsIn, runCommand, whole } from "./command-line.ts";
import { type FilledSize, fill, sizesOf } from "./growth-fill.ts";
import {
  ADMIN_TOKEN,
  customerRequests,
  type Group,
  ISSUER,
  type Measure,
  maintenanceRequests,
  operatorRequests,
  register,
  signInOperator,
} from "./growth-requests.ts";
import { compatibilityDate, cpuMicroseconds } from "./workerd.ts";

/** Rows count as flat up to this ratio between the largest and the smallest number. */
export const FLAT = 1.15;
const DEFAULT_LINKS = [1_000, 100_000, 1_000_000];
const DEFAULT_ROUNDS = 15;
/** Rounds in which statements are recorded. */
const RECORDED_ROUNDS = 4;

/** Tables whose size does not depend on the number of links: a scan of them is none that grows. */
const SMALL_TABLES = ["skills", "s", "clients", "c", "k", "o", "signing_keys", "refusals", "r", "webhook_outbox"];

export interface GrowthOptions {
  /** Numbers of links, each in a database of its own. */
  readonly links: readonly number[];
  /** How often each request is timed. 0: rows only. */
  readonly rounds: number;
}

/** One request at one size. */
export interface Figures {
  readonly statements: number;
  readonly rowsRead: number;
  readonly rowsWritten: number;
  /** Bytes of the response's body. */
  readonly bytes: number;
  /** Median of the rounds, in milliseconds; null when not timed. */
  readonly wallMs: number | null;
  /** Median CPU time of workerd in milliseconds, D1 included; null when not timed or not on Linux. */
  readonly cpuMs: number | null;
}

export interface GrownRequest {
  readonly group: Group;
  readonly name: string;
  /** One per size, in the order of the sizes. */
  readonly figures: readonly Figures[];
  /** The most rows at any size, divided by those at the first. */
  readonly readRatio: number;
  readonly writtenRatio: number;
  readonly timeRatio: number | null;
  /** Both ratios of rows are at most `FLAT`. */
  readonly flat: boolean;
  readonly plans: readonly Plan[];
  /** Steps of the plans that scan a table which grows with the number of links. */
  readonly scans: readonly string[];
}

export interface Plan {
  readonly sql: string;
  readonly steps: readonly string[];
  /** The most rows that the statement read, one number per size. */
  readonly rowsRead: readonly number[];
}

export interface GrowthReport {
  readonly sizes: readonly (FilledSize & { readonly links: number; readonly bytesPerLink: number })[];
  readonly requests: readonly GrownRequest[];
}

interface Sample {
  readonly group: Group;
  readonly name: string;
  readonly recorded: Omit<Figures, "wallMs" | "cpuMs">[];
  readonly wallMs: number[];
  readonly cpuMs: number[];
  readonly statements: Map<string, { readonly steps: readonly string[]; readonly rowsRead: number }>;
}

function emptySample(group: Group, name: string): Sample {
  return { group, name, recorded: [], wallMs: [], cpuMs: [], statements: new Map() };
}

interface RecordedStatement {
  readonly sql: string;
  readonly rowsRead: number;
  readonly rowsWritten: number;
  readonly plan: readonly string[];
}

/** Fills a database for each size and measures every request in it. */
export async function runGrowth(
  { links, rounds }: GrowthOptions,
  onProgress: (text: string) => void,
): Promise<GrowthReport> {
  onProgress("Building the bundle");
  build();
  const sizes: GrowthReport["sizes"][number][] = [];
  const samples: Map<string, Sample>[] = [];
  for (const count of links) {
    const one = await measureSize(count, rounds, (text) => onProgress(`${count.toLocaleString("en")} links: ${text}`));
    sizes.push({ links: count, bytesPerLink: bytesOfLinks(one.size) / count, ...one.size });
    samples.push(one.samples);
  }
  return { sizes, requests: [...(samples[0]?.values() ?? [])].map(({ name }) => grown(name, samples)) };
}

/** Counters and refusals do not depend on the number of links. */
function bytesOfLinks({ tables }: FilledSize): number {
  const counted = tables.filter(({ name }) => name !== "oauth_metrics" && name !== "refusals");
  return counted.reduce((sum, { bytes }) => sum + bytes, 0);
}

function build(): void {
  const result = spawnSync("wrangler", ["deploy", "--dry-run", "--outdir", "dist"], {
    encoding: "utf8",
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_LOG: "error", NO_COLOR: "1" },
  });
  if (result.status !== 0) throw new Error(`the bundle was not built:\n${result.stdout}${result.stderr}`);
}

async function measureSize(
  links: number,
  rounds: number,
  onProgress: (text: string) => void,
): Promise<{ size: FilledSize; samples: Map<string, Sample> }> {
  const folder = mkdtempSync(join(tmpdir(), "growth-"));
  try {
    const keyId = await prepare(folder);
    fill(databaseFile(folder), links, keyId, onProgress);
    const size = sizesOf(databaseFile(folder));
    return { size, samples: await measureFilled(folder, rounds, onProgress) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A migrated database with skills and clients. Resolves with the id of the master key. */
async function prepare(folder: string): Promise<string> {
  const miniflare = start(folder);
  try {
    const database = await miniflare.getD1Database("DB");
    for (const { queries } of await readD1Migrations("migrations")) {
      await database.batch(queries.map((query) => database.prepare(query)));
    }
    await register(senderTo(miniflare));
    const key = await database.prepare("SELECT substr(private_jwk, 1, 6) AS id FROM signing_keys").first<string>("id");
    if (!key) throw new Error("there is no signing key");
    return key;
  } finally {
    await miniflare.dispose();
  }
}

function start(folder: string): Miniflare {
  const recorder = transformSync(readFileSync("bench/workers/recorder.ts", "utf8"), { loader: "ts", format: "esm" });
  return new Miniflare({
    ...convertV4MiniflareOptions({
      workers: [
        {
          name: "alexa-link",
          modules: [
            { type: "ESModule", path: "recorder.js", contents: recorder.code },
            { type: "ESModule", path: "index.js", contents: readFileSync("dist/index.js", "utf8") },
          ],
          compatibilityDate: compatibilityDate(),
          compatibilityFlags: ["nodejs_compat"],
          d1Databases: ["DB"],
          kvNamespaces: ["CODES"],
          serviceBindings: {
            ASSETS: (request) => new MiniflareResponse(readFileSync(`assets${new URL(request.url).pathname}`)),
          },
          outboundService: () => new MiniflareResponse(null, { status: 503 }),
          bindings: { ISSUER, ADMIN_TOKEN, MASTER_KEY: "A".repeat(43), PASSWORD_ITERATIONS: "1000" },
        },
      ],
    }),
    resourcePersistencePath: folder,
  });
}

function senderTo(miniflare: Miniflare, headers: Readonly<Record<string, string>> = {}): Sender {
  return {
    async request(path, init = {}) {
      const response = await miniflare.dispatchFetch(new URL(path, ISSUER).href, {
        ...init,
        headers: { ...(init.headers as Record<string, string>), ...headers },
        redirect: "manual",
      } as Parameters<Miniflare["dispatchFetch"]>[1]);
      return response as unknown as Response;
    },
  };
}

function databaseFile(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const found = files.filter((name) => /\bd1\b.*\.sqlite$/.test(name) && !name.endsWith("metadata.sqlite"));
  if (found.length !== 1) throw new Error(`one database was expected: ${files}`);
  return join(folder, found[0] ?? "");
}

async function measureFilled(
  folder: string,
  rounds: number,
  onProgress: (text: string) => void,
): Promise<Map<string, Sample>> {
  const miniflare = start(folder);
  try {
    const database = await miniflare.getD1Database("DB");
    await miniflare.ready;
    const pid = workerdPid();
    const samples = new Map<string, Sample>();
    const sampleOf = (group: Group, name: string) => {
      const sample = samples.get(name) ?? emptySample(group, name);
      samples.set(name, sample);
      return sample;
    };
    const plain = senderTo(miniflare);
    const operator = await signInOperator(plain);
    const record: Measure = async (group, name, status, send) => {
      const page = expectPage(name, await send(), status);
      const response = await plain.request("/__recorded");
      const statements = (await response.json()) as RecordedStatement[];
      const sample = sampleOf(group, name);
      sample.recorded.push({
        statements: statements.length,
        rowsRead: sum(statements, ({ rowsRead }) => rowsRead),
        rowsWritten: sum(statements, ({ rowsWritten }) => rowsWritten),
        bytes: Buffer.byteLength(page.html),
      });
      for (const { sql, plan, rowsRead } of statements) {
        const before = sample.statements.get(sql)?.rowsRead ?? 0;
        sample.statements.set(sql, { steps: plan, rowsRead: Math.max(before, rowsRead) });
      }
      return page;
    };
    const time: Measure = async (group, name, status, send) => {
      const cpuBefore = pid === undefined ? 0 : cpuMicroseconds(pid);
      const before = performance.now();
      const page = expectPage(name, await send(), status);
      const sample = sampleOf(group, name);
      sample.wallMs.push(performance.now() - before);
      if (pid !== undefined) sample.cpuMs.push((cpuMicroseconds(pid) - cpuBefore) / 1000);
      return page;
    };
    const measureAll = async (sender: Sender, measure: Measure, number: number) => {
      const measured = { sender, database, measure };
      await customerRequests(measured, number);
      await operatorRequests(measured, operator);
      await maintenanceRequests(measured, number);
    };
    // One round without measuring: caches are filled, and what was due from the beginning is swept.
    await measureAll(plain, async (_, name, status, send) => expectPage(name, await send(), status), 0);
    // Until its counters are written.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    for (let round = 1; round <= RECORDED_ROUNDS; round++) {
      onProgress(`counting rows, ${round} of ${RECORDED_ROUNDS}`);
      const recording = senderTo(miniflare, { "x-record": "1" });
      operator.headers["x-record"] = "1";
      await measureAll(recording, record, round);
      delete operator.headers["x-record"];
    }
    for (let round = 1; round <= rounds; round++) {
      onProgress(`timing, ${round} of ${rounds}`);
      await measureAll(plain, time, RECORDED_ROUNDS + round);
    }
    return samples;
  } finally {
    await miniflare.dispose();
  }
}

function expectPage(name: string, page: Page, status: number): Page {
  if (page.status !== status)
    throw new Error(`${name}: ${page.status} instead of ${status}: ${page.html.slice(0, 300)}`);
  return page;
}

/** The newest workerd that this process has started; undefined where there is no /proc. */
function workerdPid(): number | undefined {
  try {
    const tasks = readdirSync("/proc/self/task");
    const children = tasks.flatMap((task) =>
      readFileSync(`/proc/self/task/${task}/children`, "utf8").trim().split(" "),
    );
    const found = children.filter(
      (pid) => pid !== "" && readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("workerd"),
    );
    return found.length === 0 ? undefined : Math.max(...found.map(Number));
  } catch {
    return undefined;
  }
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return null;
  return Number.isInteger(middle)
    ? ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
    : (sorted[Math.floor(middle)] ?? 0);
}

/** The most at any size divided by what the first size has. One row more than none is a ratio of one. */
function growth(values: readonly number[]): number {
  return Math.max(...values) / Math.max(1, values[0] ?? 0);
}

function grown(name: string, sizes: readonly Map<string, Sample>[]): GrownRequest {
  const samples = sizes.map((size) => size.get(name)!);
  const figures = samples.map(({ recorded, wallMs, cpuMs }): Figures => {
    const usual = (of: (figures: (typeof recorded)[number]) => number) => median(recorded.map(of)) ?? 0;
    return {
      statements: usual(({ statements }) => statements),
      rowsRead: usual(({ rowsRead }) => rowsRead),
      rowsWritten: usual(({ rowsWritten }) => rowsWritten),
      bytes: usual(({ bytes }) => bytes),
      wallMs: median(wallMs),
      cpuMs: median(cpuMs),
    };
  });
  const readRatio = growth(figures.map(({ rowsRead }) => rowsRead));
  const writtenRatio = growth(figures.map(({ rowsWritten }) => rowsWritten));
  const times = figures.map(({ cpuMs, wallMs }) => cpuMs ?? wallMs ?? 0);
  const statements = new Map(samples.flatMap((sample) => [...sample.statements]));
  const [first, last] = [times[0] ?? 0, times.at(-1) ?? 0];
  return {
    group: samples[0]!.group,
    name,
    figures,
    readRatio,
    writtenRatio,
    timeRatio: first === 0 ? null : last / first,
    flat: readRatio <= FLAT && writtenRatio <= FLAT,
    plans: [...statements].map(([sql, { steps }]) => ({
      sql,
      steps,
      rowsRead: samples.map((sample) => sample.statements.get(sql)?.rowsRead ?? 0),
    })),
    scans: [...new Set([...statements.values()].flatMap(({ steps }) => steps).filter(scansWhatGrows))],
  };
}

/** `SCAN grants` and `SCAN audit USING INDEX …`, but not `SCAN CONSTANT ROW` or a scan of a small table. */
function scansWhatGrows(step: string): boolean {
  const [, table] = /^SCAN ([a-z]\w*)(?! VIRTUAL TABLE)\b/.exec(step) ?? [];
  return table !== undefined && !SMALL_TABLES.includes(table) && !/^SCAN \w+ VIRTUAL TABLE/.test(step);
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
const number = (value: number) => value.toLocaleString("en");
const milliseconds = (value: number | null) => (value === null ? "" : value.toFixed(1));
const times = (value: number | null) => (value === null ? "" : `× ${value.toFixed(2)}`);

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** The report as Markdown tables. */
export function growthTables({ sizes, requests }: GrowthReport): string {
  const perSize = (what: string) => sizes.map(({ links }) => `${what}, ${number(links)} links`);
  const each = (request: GrownRequest, of: (figures: Figures) => string) => request.figures.map(of);
  const parts = [
    table(
      [
        "request",
        "statements",
        ...perSize("rows read"),
        ...perSize("rows written"),
        ...perSize("CPU ms"),
        "CPU",
        "response bytes",
        "rows",
      ],
      requests.map((request) => [
        request.name,
        number(request.figures.at(-1)?.statements ?? 0),
        ...each(request, ({ rowsRead }) => number(rowsRead)),
        ...each(request, ({ rowsWritten }) => number(rowsWritten)),
        ...each(request, ({ cpuMs, wallMs }) => milliseconds(cpuMs ?? wallMs)),
        times(request.timeRatio),
        number(request.figures.at(-1)?.bytes ?? 0),
        request.flat
          ? "flat"
          : `NOT FLAT: read × ${request.readRatio.toFixed(2)}, written × ${request.writtenRatio.toFixed(2)}`,
      ]),
    ),
    table(
      ["table", ...perSize("rows"), ...perSize("size"), "bytes a row", "of it indexes"],
      (sizes.at(-1)?.tables ?? []).map((last) => [
        last.name,
        ...sizes.map(({ tables }) => number(tables.find(({ name }) => name === last.name)?.rows ?? 0)),
        ...sizes.map(({ tables }) => megabytes(tables.find(({ name }) => name === last.name)?.bytes ?? 0)),
        last.rows === 0 ? "" : number(Math.round(last.bytes / last.rows)),
        last.bytes === 0 ? "" : `${Math.round((last.indexBytes / last.bytes) * 100)} %`,
      ]),
    ),
    table(
      ["links", "database", "bytes per link"],
      sizes.map(({ links, bytes, bytesPerLink }) => [
        number(links),
        megabytes(bytes),
        number(Math.round(bytesPerLink)),
      ]),
    ),
    scanList(requests),
  ];
  return parts.join("\n\n");
}

function scanList(requests: readonly GrownRequest[]): string {
  const scans = Map.groupBy(
    requests.flatMap(({ name, scans: steps }) => steps.map((step) => ({ name, step }))),
    ({ step }) => step,
  );
  if (scans.size === 0) return "No statement scans a table that grows.";
  const lines = [...scans].map(([step, uses]) => `- \`${step}\`: ${uses.map(({ name }) => name).join("; ")}`);
  return `Scans of tables that grow, in the order of an index up to a LIMIT where the rows are flat:\n\n${lines.join("\n")}`;
}

const USAGE = `node bench/growth.ts [options]

Fills one local database for each number of links and measures every request in it. Takes about six minutes.

  --links LIST  comma-separated numbers of links, 100 to 5000000 (default ${DEFAULT_LINKS.join(",")})
  --rounds N    how often each request is timed, 0 to 1000 (default ${DEFAULT_ROUNDS}); 0 counts rows only
  --json        print one JSON document, with the plans of all statements
  --help        print this text

Progress is printed on stderr. Exit code: 0 all rows are flat, 1 some are not, 2 wrong options.`;

/** The options of a command line. Throws `UsageError`. */
function optionsOf(args: readonly string[]): GrowthOptions & { readonly json: boolean; readonly help: boolean } {
  const values = optionsIn(args, {
    links: { type: "string", default: DEFAULT_LINKS.join(",") },
    rounds: { type: "string", default: String(DEFAULT_ROUNDS) },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  });
  const links = values.links.split(",").map((text) => whole(text.trim(), "--links", 100, 5_000_000));
  return { links, rounds: whole(values.rounds, "--rounds", 0, 1000), json: values.json, help: values.help };
}

/** Runs one command line and returns the exit code. */
export function run(
  args: readonly string[],
  print: (text: string) => void,
  complain: (text: string) => void,
): Promise<number> {
  const command = async () => {
    const options = optionsOf(args);
    if (options.help) {
      print(USAGE);
      return 0;
    }
    const report = await runGrowth(options, complain);
    print(options.json ? JSON.stringify(report, null, 2) : growthTables(report));
    return report.requests.every(({ flat }) => flat) ? 0 : 1;
  };
  return runCommand(command, "npm run bench -- --growth --help", complain);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = await run(process.argv.slice(2), console.log, console.error);
}
