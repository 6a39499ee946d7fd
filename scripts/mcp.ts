// `npm run mcp`: beside a running `npm run dev`, registers the demo add-on and starts the example MCP server.
import { startExample } from "../examples/mcp/node.ts";
import { portIsTaken } from "./children.ts";
import { DEMO_USER } from "./demo.ts";
import { configureAlexaPlus, registerAddOn } from "./demo-add-on.ts";
import { ensureDevVars, readDevVars } from "./dev-vars.ts";
import { fail, portFrom } from "./ports.ts";

const USAGE = `npm run mcp
  Starts the example MCP server of examples/mcp on this machine only, and registers it as an Alexa+ add-on with the
  service and the simulator of \`npm run dev\`, which must be running. Ctrl-C stops it; the add-on stays registered.

  MCP_PORT        port of the MCP server  (default 8789)
  PORT            port of the service     (default 8787)
  SIMULATOR_PORT  port of the simulator   (default 8788)`;

async function mustRun(origin: string, name: string, variable: string): Promise<void> {
  const response = await fetch(`${origin}/healthz`, { signal: AbortSignal.timeout(5000) }).catch(() => undefined);
  await response?.body?.cancel();
  if (!response?.ok) {
    fail(`The ${name} does not respond at ${origin}. Start \`npm run dev\` first, or set ${variable} to its port.`);
  }
}

async function main(): Promise<void> {
  if (process.argv.includes("--help") || process.argv.includes("-h")) return console.log(USAGE);
  const port = portFrom("MCP_PORT", 8789);
  const service = `http://localhost:${portFrom("PORT", 8787)}`;
  const simulator = `http://127.0.0.1:${portFrom("SIMULATOR_PORT", 8788)}`;
  if (await portIsTaken(port)) {
    fail(`Port ${port} is in use. Stop the program that uses it, or set MCP_PORT to another port.`);
  }
  // `npm run dev` has created it. A new one here would not be the one that the running service has read.
  if (!readDevVars().get("ADMIN_TOKEN")) fail("ADMIN_TOKEN is not in .dev.vars. Start `npm run dev` here first.");
  await mustRun(service, "service", "PORT");
  await mustRun(simulator, "simulator", "SIMULATOR_PORT");

  const { values } = ensureDevVars();
  const resource = `http://127.0.0.1:${port}/mcp`;
  const options = {
    service,
    simulator,
    adminToken: values.get("ADMIN_TOKEN") ?? "",
    clientSecret: values.get("DEMO_ADD_ON_CLIENT_SECRET") ?? "",
    resource,
  };
  const server = await startExample(service, port);
  try {
    await registerAddOn(options);
    await configureAlexaPlus(options);
  } catch (error) {
    await server.close();
    fail(error instanceof Error ? error.message : String(error));
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(0));
  console.log(`
ready

  Start here   ${simulator}/alexa-plus
               a simulated Alexa+: ask for a tool, link, and read every request

  MCP server   ${resource}
  Customer     ${DEMO_USER.email} with password ${DEMO_USER.password}

  Ctrl-C stops the MCP server.
`);
}

await main();
