// An add-on's MCP server for tests with the simulator: it asks the service about each token.
import { ADMIN_TOKEN, type Service } from "./service.ts";

export interface McpServer {
  readonly service: Service;
  readonly addOnId: string;
  readonly resource: string;
  /** Introspects tokens. */
  readonly client: { readonly id: string; readonly secret: string };
}

/** The response to a request of Alexa+. */
export async function serveMcp(server: McpServer, request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === "/.well-known/oauth-protected-resource/mcp") {
    return server.service.request(`/api/admin/skills/${server.addOnId}/protected-resource`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
  }
  const token = await introspect(server, request.headers.get("authorization")?.slice("Bearer ".length) ?? "");
  if (!token.active || token.aud !== server.resource) return new Response(null, { status: 401 });
  const message = await request.json<{ id?: string; method: string; params: { protocolVersion: string } }>();
  const reply = (result: unknown) => Response.json({ jsonrpc: "2.0", id: message.id, result });
  if (message.id === undefined) return new Response(null, { status: 202 });
  if (message.method === "initialize") return reply({ protocolVersion: message.params.protocolVersion });
  if (message.method === "tools/list") return reply({ tools: [{ name: "whoami" }] });
  if (!token.scope?.split(" ").includes("mcp:tools")) return new Response(null, { status: 403 });
  return reply({ content: [{ type: "text", text: token.sub }] });
}

async function introspect({ service, client }: McpServer, token: string) {
  const response = await service.request("/introspect", {
    method: "POST",
    headers: {
      authorization: `Basic ${btoa(`${client.id}:${client.secret}`)}`,
      "content-type": "application/x-www-form-urlencoded",
    },
    body: new URLSearchParams({ token }).toString(),
  });
  return response.json<{ active: boolean; aud?: string; scope?: string; sub?: string }>();
}
