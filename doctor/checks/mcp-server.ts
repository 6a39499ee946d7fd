// The MCP server of an add-on, called as Alexa+ calls it: with a token of each tier, with a bad one, and with none.
import { appendQuery, encodeParameters } from "../../simulator/library/encoding.ts";
import {
  callMcp,
  endingAtResponse,
  explainMcp,
  initialize,
  MCP_BUDGET_MS,
  type McpResponse,
  type McpSession,
  type McpTool,
  OFFERED_VERSIONS,
  toolsOf,
} from "../../simulator/library/mcp.ts";
import type { Examination } from "../examination.ts";
import type { Check } from "../report.ts";
import { SERVER } from "./mcp-server-catalogue.ts";

export interface McpTokens {
  readonly service: string | undefined;
  readonly customer: string | undefined;
  /** Valid tokens for another resource. */
  readonly foreign: readonly string[];
}

const refuses = ({ status }: McpResponse) => status === 401 || status === 403;

/** Every check of the MCP server. */
export async function checkMcpServer(examination: Examination, resource: string, tokens: McpTokens): Promise<void> {
  const { report } = examination;
  const fetch = endingAtResponse(examination.fetch);
  const responses: McpResponse[] = [];
  const call = async (
    method: string,
    token?: string,
    change: { session?: McpSession; url?: string; tool?: McpTool } = {},
  ) => {
    const { session, url = resource, tool } = change;
    const params = tool ? { name: tool.name, arguments: {} } : {};
    const response = await callMcp(fetch, { resource: url, method, params, token, session });
    responses.push(response);
    return response;
  };
  const says = (response: McpResponse) => String(response.status || response.problem);

  const opened = await open(examination, resource, tokens, fetch, responses);
  const session = opened && { session: opened };
  // Without a token that opens a session, a tool's name is unknown; the refusal comes before anyone looks at it.
  let tool: McpTool = { name: "unknown" };
  if (tokens.service !== undefined && session) {
    const listed = await call("tools/list", tokens.service, session);
    const tools = toolsOf(listed.result);
    const found = listed.result ? "there are no tools" : explainMcp(listed);
    report.expect(SERVER.tools, tools.length > 0, `${tools.length} tools`, found);
    tool = harmlessTool(tools) ?? tool;
    const notified = await call("notifications/initialized", tokens.service, session);
    const accepted = notified.status === 202;
    report.expect(SERVER.initialized, accepted, "202", `the notification gets ${says(notified)}`);
  }
  const missing = await call("tools/call", undefined, { ...session, tool });
  report.expect(SERVER.missing, refuses(missing), says(missing), `${tool.name} without a token gets ${says(missing)}`);
  const challenged = missing.wwwAuthenticate !== undefined;
  if (!refuses(missing)) report.skip(SERVER.challenge, "a call without a token is not refused");
  else report.expect(SERVER.challenge, !challenged, "there is none", `WWW-Authenticate: ${missing.wwwAuthenticate}`);

  const invalid = await call("tools/call", "not-a-valid-token", { ...session, tool });
  report.expect(SERVER.invalid, invalid.status === 401, "401", `an invalid token gets ${says(invalid)}`);
  await checkForeign(examination, tokens.foreign, (token) => call("tools/list", token, session));
  if (tokens.service !== undefined && session) {
    const service = await call("tools/call", tokens.service, { ...session, tool });
    report.expect(SERVER.service, refuses(service), says(service), `${tool.name} gets ${says(service)}`);
  }
  await checkCustomer(examination, resource, tokens, fetch, call);
  for (const check of [SERVER.tools, SERVER.initialized, SERVER.service]) {
    if (report.outcomeOf(check) === undefined) report.skip(check, "needs a service token that opens a session");
  }
  judgeBudget(examination, responses);
}

/** `initialize` with the service token, for each version that Alexa+ offers. Returns the session of the newest. */
async function open(
  { report }: Examination,
  resource: string,
  { service }: McpTokens,
  fetch: Examination["fetch"],
  responses: McpResponse[],
): Promise<McpSession | undefined> {
  if (service === undefined) {
    report.skipRest([SERVER.initialize, SERVER.versions], "there is no service token");
    return undefined;
  }
  const [newest, oldest] = OFFERED_VERSIONS;
  const { response, session, problem } = await initialize(fetch, resource, service, newest);
  responses.push(response);
  report.expect(SERVER.initialize, session !== undefined, `version ${session?.protocolVersion}`, problem ?? "");
  if (!session) {
    report.skip(SERVER.versions, "initialize does not succeed");
    return undefined;
  }
  const older = await initialize(fetch, resource, service, oldest);
  responses.push(older.response);
  report.expect(SERVER.versions, older.session !== undefined, `${oldest} too`, older.problem ?? "");
  return session;
}

/** A tool that says that it only reads, else one that can be called without arguments. It is called to be refused. */
function harmlessTool(tools: readonly McpTool[]): McpTool | undefined {
  const reads = (tool: McpTool) =>
    (tool as { annotations?: { readOnlyHint?: unknown } }).annotations?.readOnlyHint === true;
  const bare = ({ inputSchema }: McpTool) => !Array.isArray(inputSchema?.required) || inputSchema.required.length === 0;
  return tools.find((tool) => reads(tool) && bare(tool)) ?? tools.find(reads) ?? tools.find(bare) ?? tools[0];
}

async function checkForeign(
  { report }: Examination,
  foreign: readonly string[],
  list: (token: string) => Promise<McpResponse>,
): Promise<void> {
  const check: Check = SERVER.audience;
  if (foreign.length === 0) report.skip(check, "the server issues no token for another resource to try it with");
  for (const token of foreign) {
    const response = await list(token);
    report.expect(check, response.status === 401, "401", `a token for another resource gets ${response.status}`);
  }
}

/** A customer's token opens a session, from the header only. No tool is called with it, since tools may change data. */
async function checkCustomer(
  { report }: Examination,
  resource: string,
  { customer, service }: McpTokens,
  fetch: Examination["fetch"],
  call: (method: string, token?: string, change?: { session?: McpSession; url?: string }) => Promise<McpResponse>,
): Promise<void> {
  if (customer === undefined) report.skip(SERVER.accepts, "there is no token of a customer");
  else {
    const { response } = await initialize(fetch, resource, customer, OFFERED_VERSIONS[0]);
    const accepted = response.status === 200;
    report.expect(SERVER.accepts, accepted, "200", `it gets ${response.status || response.problem}`);
  }
  const token = customer ?? service;
  if (token === undefined) {
    report.skip(SERVER.query, "there is no token");
    return;
  }
  const without = await call("tools/list");
  if (!refuses(without)) {
    report.skip(SERVER.query, "the server lists its tools for everybody");
    return;
  }
  const url = appendQuery(resource, encodeParameters({ access_token: token }));
  const asked = await call("tools/list", undefined, { url });
  report.expect(SERVER.query, asked.status >= 400, String(asked.status), `a token in the query gets ${asked.status}`);
}

/** The first request of a connection takes longer, so the median counts. */
function judgeBudget({ report }: Examination, responses: readonly McpResponse[]): void {
  const times = responses
    .filter(({ status }) => status !== 0)
    .map(({ millis }) => millis)
    .sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)];
  if (median === undefined) {
    report.skip(SERVER.budget, "the MCP server does not respond");
    return;
  }
  const detail = `${median} ms is the median of ${times.length}, ${times.at(-1)} ms the slowest`;
  report.expect(SERVER.budget, median <= MCP_BUDGET_MS, detail, detail);
}
