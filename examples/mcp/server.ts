// The example MCP server: notes of a customer. It holds no session: every request gets a server object of its own.
import {
  McpServer,
  originValidationResponse,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import * as z from "zod";
import { type Caller, guard } from "./guard.ts";
import type { Notes } from "./notes.ts";

export interface Options {
  /** The authorization server's origin. */
  readonly issuer: string;
  /** The MCP server's canonical URI, byte for byte as in the add-on's registration. */
  readonly resource: string;
  readonly notes: Notes;
}

/** The fetch handler that Worker and Node share. */
export function createExample({ issuer, resource, notes }: Options): (request: Request) => Promise<Response> {
  const { hostname } = new URL(resource);
  return guard(issuer, resource, async (request, caller) => {
    // The specification requires it, against pages of other sites. Alexa sends no Origin.
    const refused = originValidationResponse(request, [hostname]);
    if (refused) return refused;
    // Without sessionIdGenerator no session exists, so nothing of one customer can stay for the next.
    const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
    await serverFor(caller, notes).connect(transport);
    return transport.handleRequest(request);
  });
}

/** Lists are the same for every caller. A tool reads and writes only what belongs to the token's user. */
function serverFor({ user, scopes }: Caller, notes: Notes): McpServer {
  const server = new McpServer({ name: "acme-notes", version: "1.0.0" });
  /** The customer, who granted this scope. The guard has refused tool calls without a customer. */
  const customer = (scope: string): string => {
    if (user === undefined || !scopes.includes(scope)) throw new Error(`This needs a customer who granted ${scope}.`);
    return user;
  };
  const text = (value: string) => ({ content: [{ type: "text" as const, text: value }] });

  server.registerTool(
    "whoami",
    { title: "Who am I", description: "Says which linked account is used.", annotations: { readOnlyHint: true } },
    () => text(customer("mcp:tools")),
  );
  server.registerTool(
    "list_notes",
    { title: "List notes", description: "Lists the customer's notes.", annotations: { readOnlyHint: true } },
    async () => text((await notes.list(customer("mcp:tools"))).join("\n") || "There are no notes."),
  );
  server.registerTool(
    "add_note",
    {
      title: "Add a note",
      description: "Adds a note for the customer.",
      inputSchema: z.object({ text: z.string().min(1).max(200).describe("The note") }),
    },
    async (input) => {
      await notes.add(customer("mcp:tools"), input.text);
      return text("The note was added.");
    },
  );
  server.registerResource(
    "notes",
    "notes://mine",
    { title: "Notes", description: "The customer's notes.", mimeType: "text/plain" },
    async (uri) => ({
      contents: [{ uri: uri.href, text: (await notes.list(customer("mcp:resources"))).join("\n") }],
    }),
  );
  return server;
}
