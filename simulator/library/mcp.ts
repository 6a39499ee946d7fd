// Alexa+ as an MCP client: JSON-RPC messages over Streamable HTTP.
import { randomText } from "./encoding.ts";
import { type Fetch, USER_AGENT, withinLimit } from "./token.ts";

/** The protocol versions that Alexa+ offers, newest first. */
export const OFFERED_VERSIONS = ["2025-11-25", "2025-03-26"] as const;
export type OfferedVersion = (typeof OFFERED_VERSIONS)[number];
/** The protocol versions to which a server may negotiate down. */
const ACCEPTED_VERSIONS: readonly string[] = ["2025-11-25", "2025-06-18", "2025-03-26"];
/** The budget of one MCP request in milliseconds. */
export const MCP_BUDGET_MS = 500;
const LIMIT_MS = 10_000;

export interface McpSession {
  /** `Mcp-Session-Id`, if the server gave one. */
  readonly id?: string;
  readonly protocolVersion: string;
}

export interface McpTool {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema?: Record<string, unknown>;
}

export interface McpResponse {
  /** HTTP status; 0 if there was no response. */
  readonly status: number;
  readonly result?: Record<string, unknown>;
  /** What is wrong: a JSON-RPC error, no response, or a body that is not JSON-RPC. */
  readonly problem?: string;
  readonly sessionId?: string;
  readonly wwwAuthenticate?: string;
  readonly millis: number;
}

export interface McpCall {
  readonly resource: string;
  readonly method: string;
  readonly params?: Record<string, unknown>;
  readonly token?: string | undefined;
  readonly session?: McpSession | undefined;
}

/** Sends one JSON-RPC message and reads the response, as JSON or as an event stream. Never throws. */
export async function callMcp(fetch: Fetch, call: McpCall): Promise<McpResponse> {
  const notification = call.method.startsWith("notifications/");
  const id = randomText(6);
  const message = { jsonrpc: "2.0", ...(!notification && { id }), method: call.method, params: call.params };
  const start = performance.now();
  const millis = () => Math.round(performance.now() - start);
  try {
    const { response, body } = await withinLimit(LIMIT_MS, async (signal) => {
      const response = await fetch(mcpRequest(call, JSON.stringify(message), signal));
      return { response, body: await response.text() };
    });
    const sessionId = response.headers.get("mcp-session-id");
    const wwwAuthenticate = response.headers.get("www-authenticate");
    return {
      status: response.status,
      ...(response.ok && !notification && readMessage(response.headers.get("content-type") ?? "", body, id)),
      ...(sessionId && { sessionId }),
      ...(wwwAuthenticate !== null && { wwwAuthenticate }),
      millis: millis(),
    };
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    return { status: 0, problem: late ? "no response in 10 s" : `no response: ${String(error)}`, millis: millis() };
  }
}

function mcpRequest({ resource, token, session }: McpCall, body: string, signal: AbortSignal): Request {
  const headers = new Headers({
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
    "user-agent": USER_AGENT,
  });
  if (token) headers.set("authorization", `Bearer ${token}`);
  if (session) headers.set("mcp-protocol-version", session.protocolVersion);
  if (session?.id) headers.set("mcp-session-id", session.id);
  return new Request(resource, { method: "POST", headers, body, redirect: "manual", signal });
}

/** The messages in a JSON text; none in any other text. */
function messagesIn(text: string): object[] {
  try {
    return [JSON.parse(text)].flat().filter((each): each is object => typeof each === "object" && each !== null);
  } catch {
    return [];
  }
}

interface JsonRpcResponse {
  readonly id: unknown;
  readonly result?: Record<string, unknown>;
  readonly error?: { code?: number; message?: string };
}

/** The response to the request with this id. A request of the server's own may have the same id. */
function responseTo(id: unknown, texts: readonly string[]): JsonRpcResponse | undefined {
  return texts
    .flatMap(messagesIn)
    .find((each): each is JsonRpcResponse => "id" in each && each.id === id && !("method" in each));
}

function readMessage(type: string, body: string, id: string): Pick<McpResponse, "result" | "problem"> {
  const found = responseTo(id, isEventStream(type) ? eventsOf(body) : [body]);
  if (!found) return { problem: `no JSON-RPC response in ${type || "a body without a content type"}` };
  if (found.error) return { problem: `JSON-RPC error ${found.error.code}: ${found.error.message}` };
  return found.result ? { result: found.result } : { problem: "a JSON-RPC response without a result" };
}

function isEventStream(type: string): boolean {
  return /^text\/event-stream/i.test(type);
}

/** The data of each event in an event stream. */
function eventsOf(body: string): string[] {
  return body.split(/\r?\n\r?\n/).map((event) =>
    event
      .split(/\r?\n/)
      .filter((line) => line.startsWith("data:"))
      .map((line) => line.slice(5).replace(/^ /, ""))
      .join("\n"),
  );
}

/** A `fetch` that ends an event stream after the response, since the server may leave it open. */
export function endingAtResponse(fetch: Fetch): Fetch {
  return async (request) => {
    const { id } = (await request.clone().json()) as { id?: string };
    const response = await fetch(request);
    if (!response.body || !isEventStream(response.headers.get("content-type") ?? "")) return response;
    const decoder = new TextDecoder();
    let begun = "";
    const untilResponse = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        controller.enqueue(chunk);
        const events = (begun + decoder.decode(chunk, { stream: true })).split(/\r?\n\r?\n/);
        begun = events.pop() ?? "";
        if (responseTo(id, events.flatMap(eventsOf))) controller.terminate();
      },
    });
    return new Response(response.body.pipeThrough(untilResponse), response);
  };
}

export interface Initialization {
  readonly response: McpResponse;
  /** The session, unless the server's response cannot be used. */
  readonly session?: McpSession;
  readonly problem?: string;
}

/** `initialize`: offers a protocol version and reads which one the server chose. */
export async function initialize(
  fetch: Fetch,
  resource: string,
  token: string | undefined,
  offered: OfferedVersion,
): Promise<Initialization> {
  const response = await callMcp(fetch, {
    resource,
    token,
    method: "initialize",
    params: {
      protocolVersion: offered,
      capabilities: {},
      clientInfo: { name: "alexa-plus-simulator", version: "1.0.0" },
    },
  });
  if (!response.result) return { response, problem: explainMcp(response) };
  const chosen = response.result.protocolVersion;
  if (typeof chosen !== "string" || !ACCEPTED_VERSIONS.includes(chosen) || chosen > offered) {
    return { response, problem: `the server chose protocol version ${JSON.stringify(chosen)}; ${offered} was offered` };
  }
  return {
    response,
    session: { protocolVersion: chosen, ...(response.sessionId && { id: response.sessionId }) },
  };
}

/** The tools of a `tools/list` result. Entries that are no tools are left out. */
export function toolsOf(result: Record<string, unknown> | undefined): McpTool[] {
  return Array.isArray(result?.tools) ? (result.tools as unknown[]).filter(isTool) : [];
}

function isTool(value: unknown): value is McpTool {
  const { name, title = "", description = "" } = (value ?? {}) as Record<string, unknown>;
  return [name, title, description].every((text) => typeof text === "string");
}

/** The text of a `tools/call` result. */
export function textOf(result: Record<string, unknown>): string {
  const content = Array.isArray(result.content) ? (result.content as unknown[]) : [];
  const texts = content.map((part) => {
    const { type, text } = (part ?? {}) as Record<string, unknown>;
    if (type === "text" && typeof text === "string") return text;
    return `(${typeof type === "string" ? type : "not valid"})`;
  });
  return texts.length > 0 ? texts.join("\n") : JSON.stringify(result.structuredContent ?? {}, null, 2);
}

/** One sentence on a response that has no result. */
export function explainMcp(response: McpResponse): string {
  return response.problem ?? `the MCP server returned ${response.status}`;
}
