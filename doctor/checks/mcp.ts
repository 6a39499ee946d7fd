// Alexa+ add-ons: what Amazon's deploy command reads, the tokens of both tiers, and the MCP server itself.
import {
  loadJson,
  readResourceDocument,
  readServerDocument,
  resourceMetadataUrls,
} from "../../simulator/library/add-on-metadata.ts";
import type { Area, Examination } from "../examination.ts";
import type { Check } from "../report.ts";
import { brokenConnection } from "./connection.ts";
import { METADATA, SERVICE_TOKEN, TOKENS } from "./mcp-catalogue.ts";
import { checkMcpServer } from "./mcp-server.ts";
import { SERVER } from "./mcp-server-catalogue.ts";
import { checkCustomersToken, checkServiceToken, note } from "./mcp-tokens.ts";

const MCP_CHECKS: readonly Check[] = [METADATA, SERVICE_TOKEN, TOKENS, SERVER].flatMap((part) =>
  Object.values<Check>(part),
);

/** Runs when the target has the URI of an MCP server. */
export const mcp: Area = {
  name: "MCP server",
  checks: MCP_CHECKS,
  sendsTokenRequests: true,
  async run(examination: Examination) {
    const { report, target, progress } = examination;
    const { resource } = target;
    const why = resource === undefined ? "no MCP server was named (--mcp)" : brokenConnection(report, [resource]);
    if (resource === undefined || why !== undefined) return report.skipRest(MCP_CHECKS, why ?? "");
    progress(`reading the metadata of ${resource}`);
    const scopes = await checkMetadata(examination, resource);
    const service = await checkServiceToken(examination, resource, scopes);
    const customer = await checkCustomersToken(examination, resource, scopes);
    progress("calling the MCP server");
    await checkMcpServer(examination, resource, { service: service.token, foreign: service.foreign, customer });
  },
};

/** Both documents. Returns the scopes that customers are asked for. */
async function checkMetadata(examination: Examination, resource: string): Promise<readonly string[]> {
  const { report, target, fetch } = examination;
  const load = (url: string) => loadJson(fetch, url);
  const host = await readResourceDocument(load, resource);
  note(examination, METADATA, host.checks);
  const found = report.outcomeOf(METADATA.resource_document) === "pass";
  if (!found) {
    report.skipRest(Object.values<Check>(METADATA), "the MCP host has no metadata");
    return [];
  }
  const statuses = await Promise.all(resourceMetadataUrls(resource).map(load));
  const lost = statuses.filter(({ json }) => !json).map(({ url, problem }) => `${url} ${problem}`);
  report.expect(METADATA.resource_document_at_both, lost.length === 0, `${statuses.length} addresses`, lost.join(", "));
  const issuers = [target.issuer, target.metadata?.issuer].filter((each) => each !== undefined);
  if (host.issuer === undefined || (issuers.length > 0 && !issuers.includes(host.issuer))) {
    if (host.issuer !== undefined) report.problem(METADATA.authorization_server, `${host.issuer} is not ${issuers[0]}`);
    for (const [name, check] of Object.entries(METADATA)) {
      if (name.startsWith("server_")) report.skip(check, "the metadata does not lead to this server");
    }
    return host.scopes;
  }
  const server = await readServerDocument(load, host.issuer, host.scopes);
  note(examination, METADATA, server.checks);
  report.skipRest(Object.values<Check>(METADATA), "the document was not read");
  return host.scopes;
}
