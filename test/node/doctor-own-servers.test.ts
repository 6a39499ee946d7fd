// The doctor against this project's own service and its example of an MCP server.
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "../../cli/program.ts";
import type { Terminal } from "../../cli/terminal.ts";
import { administration } from "../../doctor/checks/administration.ts";
import { mcp } from "../../doctor/checks/mcp.ts";
import { reachability } from "../../doctor/checks/reachability.ts";
import type { Result } from "../../doctor/report.ts";
import { type Listening, startExample } from "../../examples/mcp/node.ts";
import { DEMO_USER, DEMO_VENDOR_ID } from "../../scripts/demo.ts";
import { DEMO_ADD_ON_CLIENT_ID, registerAddOn } from "../../scripts/demo-add-on.ts";
import { ADMIN_TOKEN, type Servers, startServers } from "./servers.ts";

const SECRET = "obviously-fake-secret-of-the-add-on-client";
let servers: Servers;
let example: Listening;
let resource: string;

beforeAll(async () => {
  servers = await startServers();
  example = await startExample(servers.service, 0);
  resource = `${example.origin}/mcp`;
  const { service, simulator } = servers;
  await registerAddOn({ service, simulator, adminToken: ADMIN_TOKEN, clientSecret: SECRET, resource });
});
afterAll(async () => {
  await example?.close();
  await servers?.close();
});

async function doctor(...args: string[]) {
  const printed: string[] = [];
  const noted: string[] = [];
  const environment = { CLIENT_SECRET: SECRET, PASSWORD: DEMO_USER.password, ADMIN_TOKEN };
  const terminal = {
    environment,
    interactive: false,
    print: (text: string) => void printed.push(text),
    note: (text: string) => void noted.push(text),
  } as unknown as Terminal;
  const code = await run(["doctor", servers.service, "--json", ...args], terminal);
  const { checks } = JSON.parse(printed.join("\n")) as { checks: Result[] };
  const found = checks.filter(({ outcome }) => outcome === "fail" || outcome === "warn");
  const skipped = checks.filter(({ outcome }) => outcome === "skipped").map(({ id }) => id);
  const text = [...printed, ...noted].join("\n");
  return { code, checks, found: found.map(({ id, detail }) => `${id}: ${detail}`), skipped, text };
}

it("M1: the demo add-on and the example of an MCP server pass every check", async () => {
  const ids = [...mcp.checks, ...reachability.checks].map(({ id }) => id);
  const { code, found, skipped, text } = await doctor(
    ...["--mcp", resource, "--client-id", DEMO_ADD_ON_CLIENT_ID, "--vendor-id", DEMO_VENDOR_ID],
    ...["--scope", "mcp:tools mcp:resources", "--user", DEMO_USER.email, "--only", ids.join(",")],
  );
  expect(found.filter((each) => !each.startsWith("mcp_in_budget"))).toEqual([]);
  expect(skipped).toEqual(["mcp_refuses_other_audience"]);
  expect(code).toBe(0);
  for (const secret of [SECRET, DEMO_USER.password, ADMIN_TOKEN]) expect(text).not.toContain(secret);
});

it("O10: the service passes the checks from the inside", async () => {
  const ids = administration.checks.map(({ id }) => id);
  const { code, checks, found, text } = await doctor("--admin", "--only", ids.join(","));
  // The tests of the other case above were refused on purpose.
  expect(found.filter((each) => !/^admin_(refused_requests|alerts)/.test(each))).toEqual([]);
  expect(code).toBe(0);
  expect(checks.find(({ id }) => id === "admin_health")?.outcome).toBe("pass");
  expect(text).not.toContain(ADMIN_TOKEN);
});
