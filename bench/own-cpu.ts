// Own CPU per request with storage replayed: the bundle against a floor with the same storage calls and cryptography.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";
import { readD1Migrations } from "@cloudflare/vitest-plugin";
import { build } from "esbuild";
import { convertV4MiniflareOptions, Response as MfResponse, Miniflare } from "miniflare";
import { Visitor } from "../test/support/visitor.ts";
import type { ContestantName } from "./contestants.ts";
import type { Memory } from "./process-figures.ts";
import { ratio, type Spread, spread } from "./statistics.ts";
import { compatibilityDate, type StartedWorkerd, startWorkerd, type WorkerdSource } from "./workerd.ts";
import type { Workload } from "./workloads.ts";

const BUNDLE = "dist/index.js";
const ISSUER = "https://link.example.com";
const VARIABLES = { ISSUER, MASTER_KEY: "A".repeat(43) };
const ADMIN_TOKEN = "obviously-fake-admin-token-of-the-benchmark";
const ROUNDS = 9;
const REQUESTS_PER_ROUND = 300;
const WARM_UP_REQUESTS = 2000;

const OWN_CPU_WORKLOADS = [
  "exchange",
  "refresh",
  "rotating-refresh",
  "introspection",
  "consent",
] as const satisfies readonly Workload[];
type OwnCpuWorkload = (typeof OWN_CPU_WORKLOADS)[number];
type OwnCpuContestant = Extract<ContestantName, "alexa-link" | "floor" | "floor-with-crypto">;

export interface OwnCpuRow {
  readonly workload: OwnCpuWorkload;
  readonly contestant: OwnCpuContestant;
  /** CPU time per request in microseconds. */
  readonly cpu: Spread;
  /** Median of the rounds' ratios to the floor with the cryptography. */
  readonly ratio: number;
}

interface Recorded {
  readonly workload: OwnCpuWorkload;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly response: { status: number; headers: [string, string][]; body: string };
  /** JSON: what storage returned and was asked. */
  readonly recording: string;
}

const SKILL = {
  id: "amzn1.ask.skill.benchmark",
  name: "Acme Home",
  type: "smart_home",
  stage: "development",
  vendorId: "M0BENCHVENDOR0",
  scopes: ["profile", "devices:control"].map((name) => ({ name, descriptions: { en: `Use ${name}` } })),
  returnUrls: ["https://app.example.com/alexa/done"],
};
const ALEXA = { id: "alexa-benchmark", secret: "obviously-fake-secret-of-the-benchmark" };
const APP = { id: "app-benchmark", kind: "app", name: "Acme app", redirectUris: ["https://app.example.com/callback"] };
const BACKEND = { id: "service-benchmark", kind: "service", name: "Acme backend", secret: ALEXA.secret };
const USER = { email: "ada@example.com", password: "obviously-fake-password-1", name: "Ada" };
const VERIFIER = "verifier-of-the-benchmark-0123456789-abcdefghijk";
const CHALLENGE = createHash("sha256").update(VERIFIER).digest("base64url");
const ALEXA_REDIRECT_URI = `https://layla.amazon.com/api/skill/link/${SKILL.vendorId}`;
const STATE = "eyJpbml0VmVjdG9yIjoi".repeat(40);

async function workerCode(name: "replay" | "floor"): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [`bench/workers/${name}.ts`],
    bundle: true,
    format: "esm",
    target: "es2024",
    external: ["./index.js"],
    write: false,
  });
  return outputFiles[0]!.text;
}

function basic({ id, secret }: { readonly id: string; readonly secret: string }): string {
  return `Basic ${btoa(`${id}:${secret}`)}`;
}

const FORM = { "content-type": "application/x-www-form-urlencoded;charset=UTF-8" };

function form(fields: Readonly<Record<string, string>>): string {
  return new URLSearchParams(fields).toString();
}

/** The service in Miniflare with real storage: one isolate to set up links, and a fresh one for each workload. */
class Recorder {
  readonly #miniflare: Miniflare;

  constructor(replayCode: string, bundle: string) {
    const workers = ["set-up", ...OWN_CPU_WORKLOADS].map((name) => ({
      name,
      modules: [
        { type: "ESModule" as const, path: "replay.js", contents: replayCode },
        { type: "ESModule" as const, path: "index.js", contents: readFileSync(bundle, "utf8") },
      ],
      compatibilityDate: compatibilityDate(),
      compatibilityFlags: ["nodejs_compat"],
      d1Databases: { DB: "benchmark" },
      kvNamespaces: { CODES: "benchmark" },
      serviceBindings: {
        ASSETS: (asked: { url: string }) => new MfResponse(readFileSync(`assets${new URL(asked.url).pathname}`)),
      },
      bindings: { ...VARIABLES, ADMIN_TOKEN, PASSWORD_ITERATIONS: "1000" },
    }));
    this.#miniflare = new Miniflare(convertV4MiniflareOptions({ workers }));
  }

  async send(path: string, init: RequestInit = {}, worker = "set-up"): Promise<Response> {
    const { fetch } = await this.#miniflare.getWorker(worker);
    const response = await fetch(`${ISSUER}${path}`, { redirect: "manual", ...init } as never);
    return response as unknown as Response;
  }

  async #admin(path: string, body: object): Promise<void> {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
    const response = await this.send(`/api/admin${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    if (response.status !== 201) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  }

  async register(): Promise<void> {
    const database = await this.#miniflare.getD1Database("DB", "set-up");
    for (const { queries } of await readD1Migrations("migrations")) {
      await database.batch(queries.map((query) => database.prepare(query)));
    }
    await this.#admin("/skills", { ...SKILL, client: ALEXA });
    await this.#admin("/clients", { ...APP, scopes: ["links"], skillIds: [] });
    await this.#admin("/clients", { ...BACKEND, redirectUris: [], scopes: [], skillIds: [SKILL.id] });
    await this.#admin("/users", USER);
  }

  async visitor(): Promise<Visitor> {
    const visitor = new Visitor({ request: (path, init) => this.send(path, init) }, ISSUER);
    await visitor.submit(await visitor.open("/sign-in"), { email: USER.email, password: USER.password });
    return visitor;
  }

  /** Sends the requests of a workload to its fresh isolate. The last one, which finds warm caches, is recorded. */
  async record(
    workload: OwnCpuWorkload,
    path: string,
    headers: Readonly<Record<string, string>>,
    bodies: readonly string[],
  ): Promise<Recorded> {
    let response: Recorded["response"] = { status: 0, headers: [], body: "" };
    for (const body of bodies) {
      const received = await this.send(path, { method: "POST", headers, body }, workload);
      response = { status: received.status, headers: [...received.headers], body: await received.text() };
    }
    check(workload, response);
    const recording = await (await this.send("/recording", {}, workload)).text();
    return { workload, path, headers, body: bodies.at(-1)!, response, recording };
  }

  async close(): Promise<void> {
    await this.#miniflare.dispose();
  }
}

/** Throws when this is not the workload's successful response. */
function check(workload: OwnCpuWorkload, { status, headers, body }: Recorded["response"]): void {
  const hasTokens = () =>
    /^\{"access_token":"ey[\w-]+\.[\w-]+\.[\w-]{86}".*"refresh_token":"rt_\w{26}_[\w-]{43,}"/.test(body);
  const goesToAlexa = () => new Map(headers).get("location")?.startsWith(`${ALEXA_REDIRECT_URI}?code=c0`);
  const good = {
    exchange: () => status === 200 && hasTokens(),
    refresh: () => status === 200 && hasTokens(),
    "rotating-refresh": () => status === 200 && hasTokens(),
    introspection: () => status === 200 && body.startsWith('{"active":true,"token_type":"Bearer"'),
    consent: () => status === 303 && goesToAlexa(),
  }[workload]();
  if (!good) throw new Error(`${workload}: ${status} ${JSON.stringify(headers)} ${body.slice(0, 300)}`);
}

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** One request of each workload, with what storage returned for it. */
async function recordAll(replayCode: string, bundle: string): Promise<Recorded[]> {
  const recorder = new Recorder(replayCode, bundle);
  try {
    await recorder.register();
    const visitor = await recorder.visitor();
    const consentOf = async (client: string, redirectUri: string, scope: string) => {
      const query = form({
        client_id: client,
        response_type: "code",
        redirect_uri: redirectUri,
        scope,
        state: STATE,
        code_challenge: CHALLENGE,
        code_challenge_method: "S256",
      });
      return visitor.open(`/authorize?${query}`);
    };
    const codeOf = async (client: string, redirectUri: string, scope: string) => {
      const page = await visitor.submit(await consentOf(client, redirectUri, scope), { decision: "allow" });
      return new URL(page.location ?? ISSUER).searchParams.get("code") ?? "";
    };
    const toAlexa = ["alexa-benchmark", ALEXA_REDIRECT_URI, "profile devices:control"] as const;
    const toApp = [APP.id, APP.redirectUris[0]!, "links"] as const;
    const exchangeOf = (code: string, [client_id, redirect_uri]: readonly [string, string, string]) =>
      form({ grant_type: "authorization_code", code, redirect_uri, client_id, code_verifier: VERIFIER });
    const alexaHeaders = { ...FORM, authorization: basic(ALEXA) };
    const post = async (body: string, headers: Readonly<Record<string, string>>) =>
      (await (await recorder.send("/token", { method: "POST", headers, body })).json()) as Tokens;

    const codes = [await codeOf(...toAlexa), await codeOf(...toAlexa)];
    const exchange = await recorder.record(
      "exchange",
      "/token",
      alexaHeaders,
      codes.map((code) => exchangeOf(code, toAlexa)),
    );
    const tokens = JSON.parse(exchange.response.body) as Tokens;
    const refresh = form({ grant_type: "refresh_token", refresh_token: tokens.refresh_token, client_id: ALEXA.id });
    const refreshOfApp = ({ refresh_token }: Tokens) =>
      form({ grant_type: "refresh_token", refresh_token, client_id: APP.id });
    const first = await post(exchangeOf(await codeOf(...toApp), toApp), FORM);
    const second = await post(refreshOfApp(first), FORM);
    const introspection = form({ token: tokens.access_token });
    const backendHeaders = { ...FORM, authorization: basic(BACKEND) };
    const consents = [await consentOf(...toAlexa), await consentOf(...toAlexa)].map((page) =>
      form({ ...page.hidden("/authorize/decision"), decision: "allow" }),
    );
    const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    return [
      exchange,
      await recorder.record("refresh", "/token", alexaHeaders, [refresh, refresh]),
      await recorder.record("rotating-refresh", "/token", FORM, [refreshOfApp(first), refreshOfApp(second)]),
      await recorder.record("introspection", "/introspect", backendHeaders, [introspection, introspection]),
      await recorder.record("consent", "/authorize/decision", { ...FORM, cookie }, consents),
    ];
  } finally {
    await recorder.close();
  }
}

/** One contestant in a workerd of its own. */
class Runner {
  readonly #workerd: StartedWorkerd;
  readonly #recorded: Recorded;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(workerd: StartedWorkerd, recorded: Recorded) {
    this.#workerd = workerd;
    this.#recorded = recorded;
  }

  async #send(): Promise<void> {
    const { workload, path, headers, body } = this.#recorded;
    const { host } = new URL(ISSUER);
    const response = await new Promise<Recorded["response"]>((resolve, reject) => {
      const sent = request(
        `${this.#workerd.origin}${path}`,
        {
          method: "POST",
          agent: this.#agent,
          headers: { ...headers, host, "x-forwarded-proto": "https", "content-length": Buffer.byteLength(body) },
        },
        (received) => {
          text(received).then(
            (content) =>
              resolve({
                status: received.statusCode ?? 0,
                headers: Object.entries(received.headers).map(([name, value]) => [name, String(value)]),
                body: content,
              }),
            reject,
          );
        },
      );
      sent.on("error", reject);
      sent.end(body);
    });
    check(workload, response);
  }

  /** CPU time per request in microseconds. */
  async measure(requests: number): Promise<number> {
    const before = this.#workerd.cpuMicroseconds();
    for (let i = 0; i < requests; i++) await this.#send();
    return (this.#workerd.cpuMicroseconds() - before) / requests;
  }

  /** Resident memory in megabytes. */
  memory(): number {
    return this.#workerd.residentBytes() / 2 ** 20;
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    await this.#workerd.close();
  }
}

/** What each contestant of a workload runs. */
function contestantsOf(recorded: Recorded, replayCode: string, floorCode: string, bundle: string) {
  const { workload, recording: RECORDING, response } = recorded;
  const floor = (CRYPTOGRAPHY: "yes" | "no"): WorkerdSource => ({
    modules: [{ name: "floor.js", code: floorCode }],
    variables: { RECORDING, RESPONSE: JSON.stringify(response), WORKLOAD: workload, CRYPTOGRAPHY },
  });
  const ours: WorkerdSource = {
    modules: [
      { name: "replay.js", code: replayCode },
      { name: "index.js", code: readFileSync(bundle, "utf8") },
    ],
    variables: { ...VARIABLES, RECORDING },
  };
  return [
    ["alexa-link", ours],
    ["floor", floor("no")],
    ["floor-with-crypto", floor("yes")],
  ] as const satisfies readonly (readonly [OwnCpuContestant, WorkerdSource])[];
}

async function measureWorkload(sources: ReturnType<typeof contestantsOf>, recorded: Recorded): Promise<OwnCpuRow[]> {
  const { workload } = recorded;
  const runners: { contestant: OwnCpuContestant; runner: Runner; rounds: number[] }[] = [];
  try {
    for (const [contestant, source] of sources) {
      runners.push({ contestant, runner: new Runner(await startWorkerd(source), recorded), rounds: [] });
    }
    for (const { runner } of runners) await runner.measure(WARM_UP_REQUESTS);
    for (let round = 0; round < ROUNDS; round++) {
      for (const { runner, rounds } of runners) rounds.push(await runner.measure(REQUESTS_PER_ROUND));
    }
    const floor = runners.find(({ contestant }) => contestant === "floor-with-crypto")!.rounds;
    return runners.map(({ contestant, rounds }) => ({
      workload,
      contestant,
      cpu: spread(rounds),
      ratio: ratio(rounds, floor).median,
    }));
  } finally {
    await Promise.all(runners.map(({ runner }) => runner.close()));
  }
}

/**
 * Measures the bundle in dist/ and both floors, for each workload: contestants in processes of their own, in
 * interleaved rounds, after a warm-up. Every response is checked. Linux only.
 */
export async function measureOwnCpu(onProgress: (line: string) => void, bundle = BUNDLE): Promise<OwnCpuRow[]> {
  const replayCode = await workerCode("replay");
  const floorCode = await workerCode("floor");
  onProgress("own CPU: recording storage");
  const rows: OwnCpuRow[] = [];
  for (const recorded of await recordAll(replayCode, bundle)) {
    onProgress(`own CPU: ${recorded.workload}`);
    rows.push(...(await measureWorkload(contestantsOf(recorded, replayCode, floorCode, bundle), recorded)));
  }
  return rows;
}

/**
 * Memory of the bundle's process after so many refreshes, with storage replayed: what the simulated storage keeps in
 * the same process does not count. Linux only.
 */
export async function measureReplayedMemory(
  counts: readonly number[],
  onProgress: (line: string) => void,
  bundle = BUNDLE,
): Promise<Memory[]> {
  const replayCode = await workerCode("replay");
  const recorded = (await recordAll(replayCode, bundle)).find(({ workload }) => workload === "refresh")!;
  const [[, ours]] = contestantsOf(recorded, replayCode, "", bundle);
  const runner = new Runner(await startWorkerd(ours), recorded);
  const found: Memory[] = [];
  try {
    let sent = 0;
    for (const requests of counts) {
      onProgress(`memory: alexa-link until ${requests} refreshes, storage replayed`);
      const each = await runner.measure(requests - sent);
      sent = requests;
      const megabytes = runner.memory();
      found.push({ contestant: "alexa-link, storage replayed", requests, megabytes, cpuMicroseconds: each });
    }
    return found;
  } finally {
    await runner.close();
  }
}

if (process.argv[1] === import.meta.filename) {
  const built = spawnSync("wrangler", ["deploy", "--dry-run", "--outdir", "dist"], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(built.stdout + built.stderr);
  for (const { workload, contestant, cpu, ratio: times } of await measureOwnCpu((line) => console.error(line))) {
    const range = `${cpu.min.toFixed(0)}–${cpu.max.toFixed(0)}`;
    console.log(
      `${workload.padEnd(18)}${contestant.padEnd(20)}${cpu.median.toFixed(0).padStart(5)} µs  ${range.padEnd(10)} ${times.toFixed(2)} ×`,
    );
  }
}
