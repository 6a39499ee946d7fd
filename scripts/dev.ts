// `npm run dev`: creates local secrets, applies migrations, starts the service and the simulator, and registers the
// demo. It needs no network.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import { type Child, portIsTaken, start, stop, untilReady } from "./children.ts";
import { DEMO_SKILL_ID, DEMO_USER, registerDemo, simulatedAmazon } from "./demo.ts";
import { startProblem, unknownVariables, variablesOf } from "./dev-problems.ts";
import { ensureDevVars, SECRETS } from "./dev-vars.ts";
import { fail, portFrom } from "./ports.ts";

const USAGE = `npm run dev
  Starts the service and the simulator, both on this machine only. Ctrl-C stops them.

  PORT            port of the service    (default 8787)
  SIMULATOR_PORT  port of the simulator  (default 8788)
  VERBOSE=1       show what wrangler prints while starting`;

const SCHEDULED_EVERY_MS = 5 * 60_000;
const SHARED_FLAGS = ["--inspector-port", "0", "--show-interactive-dev-session=false"];

function checkNode(): void {
  const [major = 0] = process.versions.node.split(".").map(Number);
  if (major < 22)
    fail(`Node ${process.versions.node} is too old for wrangler. Start it as \`npm run dev\`, which uses a newer one.`);
}

/** The parent's process id and, if the parent is npm's shell and /proc exists, the id of npm's process. */
function callers(): string {
  const parent = `/proc/${process.ppid}`;
  try {
    const isShellOfNpm = readFileSync(`${parent}/cmdline`, "utf8").includes("scripts/dev.ts");
    const npm = isShellOfNpm ? /\) \S (\d+)/.exec(readFileSync(`${parent}/stat`, "utf8"))?.[1] : "";
    return `${process.ppid} ${npm}`;
  } catch {
    return `${process.ppid} `;
  }
}

function migrate(): void {
  const result = spawnSync("wrangler", ["d1", "migrations", "apply", "DB", "--local"], {
    encoding: "utf8",
    env: { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false", NO_COLOR: "1" },
  });
  if (result.status !== 0) fail(`The local migrations failed:\n${result.stdout}${result.stderr}${result.error ?? ""}`);
}

/** Variables that connect the service to the simulator, except those that .dev.vars sets. */
function serviceVariables(given: ReadonlyMap<string, string>, simulator: string, certRoot: string): string[] {
  // An empty ISSUER is an unset one: the issuer of a deployment under [vars] is not that of this machine.
  const defaults = { ISSUER: "", BRAND_NAME: "Acme", ...simulatedAmazon(simulator, certRoot) };
  return Object.entries(defaults)
    .filter(([name]) => !given.get(name))
    .flatMap(([name, value]) => ["--var", `${name}:${value}`]);
}

async function main(): Promise<void> {
  if (process.argv.includes("--help") || process.argv.includes("-h")) return console.log(USAGE);
  checkNode();
  const port = portFrom("PORT", 8787);
  const simulatorPort = portFrom("SIMULATOR_PORT", 8788);
  if (port === simulatorPort) fail("PORT and SIMULATOR_PORT must differ.");
  for (const [name, taken] of [["PORT", port] as const, ["SIMULATOR_PORT", simulatorPort] as const]) {
    if (await portIsTaken(taken)) {
      fail(`Port ${taken} is in use. Stop the program that uses it, or set ${name} to another port.`);
    }
  }
  const service = `http://localhost:${port}`;
  const simulator = `http://127.0.0.1:${simulatorPort}`;

  const { values, made } = ensureDevVars();
  if (made.length > 0) console.log(`Created local secrets in .dev.vars: ${made.join(", ")}`);
  const warnings = [
    ...unknownVariables(values.keys(), ".dev.vars", SECRETS),
    ...unknownVariables(variablesOf("wrangler.toml"), "wrangler.toml"),
  ];
  for (const warning of warnings) console.warn(`Warning: ${warning}`);
  console.log("Applying local migrations …");
  migrate();

  let ready = process.env.VERBOSE === "1";
  const verbose = () => ready;
  console.log("Starting the service and the simulator …");
  const children: Child[] = [];
  let stopping = false;
  const stopAll = async (code: number) => {
    if (stopping) return;
    stopping = true;
    await Promise.all(children.map(stop));
    process.exit(code);
  };
  process.on("SIGINT", () => void stopAll(0));
  process.on("SIGTERM", () => void stopAll(0));
  process.on("SIGHUP", () => void stopAll(0));
  // A killed parent sends no signal. Stop both servers when it is gone.
  const startedBy = callers();
  setInterval(() => {
    if (callers() !== startedBy) void stopAll(0);
  }, 1000).unref();
  const launch = (name: string, args: string[]): Child => {
    const child = start(name, "wrangler", ["dev", ...args, ...SHARED_FLAGS], verbose);
    children.push(child);
    void child.ended.then((code) => {
      if (stopping) return;
      const output = stripVTControlCharacters(child.output());
      // Show only the configuration error, without wrangler's output around it.
      const refused = /Configuration refused: [^"\n]+/.exec(output)?.[0];
      console.error(
        refused
          ? `${refused}\nThe settings are in .dev.vars.`
          : `${child.name} stopped with exit code ${code}:\n${output}`,
      );
      void stopAll(1);
    });
    return child;
  };

  try {
    // Start the simulator first: the service needs the root certificate that signs the simulated events.
    const simulatorArgs = ["--config", "simulator/wrangler.toml", "--persist-to", ".wrangler/state-simulator"];
    const ports = ["--ip", "127.0.0.1", "--port", String(simulatorPort)];
    await untilReady(launch("simulator", [...simulatorArgs, ...ports]), `${simulator}/healthz`);
    const certRoot = await (await fetch(`${simulator}/simulator/certificate-root`)).text();
    const variables = serviceVariables(values, simulator, certRoot);
    // A route in wrangler.toml would otherwise give the requests its host name.
    const local = ["--ip", "localhost", "--port", String(port), "--infer-origin-from-routes=false"];
    const serviceChild = launch("service", [...local, ...variables]);
    await untilReady(serviceChild, `${service}/healthz`);
    await registerDemo({
      service,
      simulator,
      adminToken: values.get("ADMIN_TOKEN") ?? "",
      secrets: {
        alexaClient: values.get("DEMO_ALEXA_CLIENT_SECRET") ?? "",
        serviceClient: values.get("DEMO_SERVICE_CLIENT_SECRET") ?? "",
        lwa: values.get("DEMO_LWA_CLIENT_SECRET") ?? "",
        eventGateway: values.get("DEMO_EVENT_GATEWAY_CLIENT_SECRET") ?? "",
      },
    });
  } catch (error) {
    if (stopping) return;
    console.error(error instanceof Error ? startProblem(error.message, made.includes("MASTER_KEY")) : error);
    return stopAll(1);
  }
  // wrangler dev does not run cron triggers by itself.
  setInterval(() => {
    fetch(`${service}/cdn-cgi/handler/scheduled?cron=*/5+*+*+*+*`).catch(() => undefined);
  }, SCHEDULED_EVERY_MS).unref();
  ready = true;
  console.log(`
ready

  Start here     ${simulator}/
                 a simulated Alexa: link from its app, from a website or from a mobile app

  Service        ${service}/account
  Customer       ${DEMO_USER.email} with password ${DEMO_USER.password}
  Link by page   ${service}/link/${DEMO_SKILL_ID}?return_to=${encodeURIComponent(`${simulator}/company/done`)}
  Operator       ${service}/admin   (ADMIN_TOKEN is in .dev.vars)

  Ctrl-C stops both.
`);
}

await main();
