// `npm run mcp`: beside a service and a simulator, without them, and when something is missing.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { DEMO_ADD_ON_ID } from "../../../scripts/demo-add-on.ts";
import { ADMIN_TOKEN, type Servers, startServers } from "../servers.ts";

let servers: Servers;
let folder: string;
const running: ChildProcess[] = [];

beforeAll(async () => {
  servers = await startServers();
  folder = mkdtempSync(join(tmpdir(), "mcp-command-"));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map(stop));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await servers?.close();
});

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((done) => child.once("exit", done));
  child.kill("SIGTERM");
  await ended;
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** Starts the command and waits until it is ready or has ended. */
async function start(variables: Record<string, string>, ...args: string[]) {
  const child = spawn(process.execPath, [resolve("scripts/mcp.ts"), ...args], {
    cwd: folder,
    env: {
      ...process.env,
      WRANGLER_SEND_METRICS: "false",
      PORT: new URL(servers.service).port,
      SIMULATOR_PORT: new URL(servers.simulator).port,
      ...variables,
    },
  });
  running.push(child);
  let output = "";
  const exit = await new Promise<number | null>((done) => {
    const take = (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes("Ctrl-C stops the MCP server.")) done(null);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("exit", done);
  });
  return { exit, output };
}

function writeDevVars(adminToken: string): void {
  writeFileSync(join(folder, ".dev.vars"), `ADMIN_TOKEN="${adminToken}"\n`);
}

async function registeredResource(): Promise<unknown> {
  const response = await fetch(`${servers.service}/api/admin/skills/${DEMO_ADD_ON_ID}`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  return ((await response.json()) as { resource?: string }).resource;
}

describe("npm run mcp", () => {
  it("registers the example, which then passes the checks of the simulated Alexa+", async () => {
    writeDevVars(ADMIN_TOKEN);
    const port = await freePort();
    const { exit, output } = await start({ MCP_PORT: String(port) });
    expect({ exit, output }).toMatchObject({ exit: null, output: expect.stringContaining("ready") });
    expect(output).toContain(`${servers.simulator}/alexa-plus`);
    expect(await registeredResource()).toBe(`http://127.0.0.1:${port}/mcp`);
    const run = await fetch(`${servers.simulator}/simulator/run`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ scenario: "add-on-deploy" }),
    });
    const { checks } = (await run.json()) as { checks: { name: string; ok: boolean; level: string }[] };
    expect(checks.filter(({ ok, level }) => !ok && level === "must")).toEqual([]);
    expect(checks.map(({ name }) => name)).toContain("mcp_tools");
  });

  it("may run again, on another port: the registration follows", async () => {
    writeDevVars(ADMIN_TOKEN);
    for (const port of [await freePort(), await freePort()]) {
      expect((await start({ MCP_PORT: String(port) })).exit).toBeNull();
      expect(await registeredResource()).toBe(`http://127.0.0.1:${port}/mcp`);
      await Promise.all(running.splice(0).map(stop));
    }
  });

  it.each<[string, () => Promise<Record<string, string>>, RegExp]>([
    [
      "a port that is taken",
      async () => ({ MCP_PORT: new URL(servers.simulator).port }),
      /^Port \d+ is in use\. .*MCP_PORT/,
    ],
    ["a port that is no number", async () => ({ MCP_PORT: "http" }), /^MCP_PORT must be a port number/],
    ["no service", async () => ({ PORT: String(await freePort()) }), /^The service does not respond.*npm run dev/],
    [
      "no simulator",
      async () => ({ SIMULATOR_PORT: String(await freePort()) }),
      /^The simulator does not respond.*SIMULATOR_PORT/,
    ],
  ])("says so in one line, and registers nothing, with %s", async (_, variables, message) => {
    writeDevVars(ADMIN_TOKEN);
    const before = await registeredResource();
    const { exit, output } = await start({ MCP_PORT: String(await freePort()), ...(await variables()) });
    expect(exit).toBe(1);
    expect(output.trim()).toMatch(message);
    expect(output.trim().split("\n")).toHaveLength(1);
    expect(await registeredResource()).toBe(before);
  });

  it("says that ADMIN_TOKEN is missing, and makes none that the running service would not know", async () => {
    writeDevVars("");
    const { exit, output } = await start({ MCP_PORT: String(await freePort()) });
    expect([exit, output.trim()]).toEqual([1, "ADMIN_TOKEN is not in .dev.vars. Start `npm run dev` here first."]);
  });

  it("says that ADMIN_TOKEN is another one than the service's", async () => {
    writeDevVars("obviously-fake-other-admin-token-000000000");
    const { exit, output } = await start({ MCP_PORT: String(await freePort()) });
    expect([exit, output]).toEqual([1, expect.stringContaining("401")]);
    expect(output).not.toContain("obviously-fake-other-admin-token");
  });

  it("explains itself", async () => {
    const { exit, output } = await start({}, "--help");
    expect([exit, output]).toEqual([0, expect.stringContaining("MCP_PORT")]);
  });
});
