// The guard in front of a server that records what came through.
import { type Caller, guard } from "../../../examples/mcp/guard.ts";
import { startTokenIssuer, type TokenIssuer } from "./token-issuer.ts";

export const RESOURCE = "https://mcp.example.com/mcp";
export const PING = { jsonrpc: "2.0", id: 1, method: "ping" };
export const CALL = { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "whoami" } };

export interface Sent {
  readonly authorization?: string | undefined;
  readonly method?: string;
  /** A string is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly url?: string;
}

type Handler = (request: Request) => Promise<Response>;

export interface Guarded {
  readonly tokens: TokenIssuer;
  readonly handler: Handler;
  /** A guard of its own, whose keys are not read yet. */
  fresh(resource?: string): Handler;
  /** What the last request brought to the server behind the guard. */
  served(): { readonly request: Request; readonly caller: Caller } | undefined;
  send(sent: Sent, to?: Handler): Promise<{ status: number; text: string; headers: Headers }>;
  /** With a token of the user `ada`; `claims` replace those of a good token. */
  byUser(sent?: Sent, claims?: Record<string, unknown>): ReturnType<Guarded["send"]>;
  byService(sent?: Sent, claims?: Record<string, unknown>): ReturnType<Guarded["send"]>;
}

/** Starts it with an authorization server of its own. */
export async function startGuarded(): Promise<Guarded> {
  const tokens = await startTokenIssuer();
  let served: ReturnType<Guarded["served"]>;
  const fresh = (resource = RESOURCE) =>
    guard(tokens.issuer, resource, async (request, caller) => {
      served = { request, caller };
      return new Response("served");
    });
  const handler = fresh();
  const send: Guarded["send"] = async (
    { authorization, method = "POST", body = PING, url = RESOURCE },
    to = handler,
  ) => {
    served = undefined;
    const response = await to(
      new Request(url, {
        method,
        headers: { "content-type": "application/json", ...(authorization === undefined ? {} : { authorization }) },
        ...(method === "POST" ? { body: typeof body === "string" ? body : JSON.stringify(body) } : {}),
      }),
    );
    return { status: response.status, text: await response.text(), headers: response.headers };
  };
  return {
    tokens,
    handler,
    fresh,
    served: () => served,
    send,
    byUser: async (sent = {}, claims = {}) =>
      send({ ...sent, authorization: `Bearer ${await tokens.userToken(RESOURCE, "ada", claims)}` }),
    byService: async (sent = {}, claims = {}) =>
      send({ ...sent, authorization: `Bearer ${await tokens.serviceToken(RESOURCE, claims)}` }),
  };
}
