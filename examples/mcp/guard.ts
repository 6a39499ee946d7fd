// Guards an MCP server for Alexa+: metadata (RFC 9728), access tokens and tiers. Copy this file; it needs only `jose`.
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from "jose";

/** Who sent a request. `user` is undefined for a service token: Alexa itself, before a customer has linked. */
export type Caller = { readonly user: string | undefined; readonly scopes: readonly string[] };

const SCOPES = { service: "mcp:service", user: ["mcp:tools", "mcp:resources"] }; // As registered
/** Methods for service tokens. None of them may return a customer's data. Tokens with a user may call everything. */
const SERVICE = /^(initialize|ping|server\/discover|(tools|prompts|resources(\/templates)?)\/list|notifications\/.+)$/;
const KEYS_FAILED = /^ERR_(JOSE_GENERIC|JWKS_TIMEOUT|JWKS_INVALID)$/;

/** A fetch handler for the MCP server's host: serves the metadata, refuses, or passes the request on to `serve`. */
export function guard(issuer: string, resource: string, serve: (request: Request, from: Caller) => Promise<Response>) {
  const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", issuer), { timeoutDuration: 2000 }); // cached
  const rules = { issuer, audience: resource, typ: "at+jwt", algorithms: ["ES256"], requiredClaims: ["exp", "sub"] };
  const { pathname: path, search: query } = new URL(resource);
  const wellKnown = ["", path].map((suffix) => `/.well-known/oauth-protected-resource${suffix}`);
  const metadata = { resource, authorization_servers: [issuer], scopes_supported: SCOPES.user };
  return async (request: Request): Promise<Response> => {
    const { pathname, search } = new URL(request.url);
    if (wellKnown.includes(pathname)) return Response.json({ ...metadata, bearer_methods_supported: ["header"] });
    if (pathname !== path || (query && search !== query)) return refuse(404, "not_found");
    const token = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
    const claims = await jwtVerify(token, keys, rules).then(({ payload }) => payload, statusOf);
    if (typeof claims === "number") return refuse(claims, claims === 401 ? "invalid_token" : "keys_unavailable");
    if (request.method !== "POST") return refuse(405, "method_not_allowed"); // no streams and no sessions
    const [caller, body] = [callerOf(claims), await read(request)];
    if (body === undefined) return refuse(413, "request_too_large");
    if (!caller || !(caller.user || isForService(body))) return refuse(403, "insufficient_scope");
    return serve(new Request(request.url, { method: "POST", headers: request.headers, body }), caller);
  };
}
// On a 401, Alexa asks the customer to link. It must not have WWW-Authenticate. Unreadable keys are 503 instead.
const refuse = (status: number, error: string) => Response.json({ error }, { status });
const statusOf = (error: unknown) => (error instanceof errors.JOSEError && !KEYS_FAILED.test(error.code) ? 401 : 503);
/** Undefined for a token whose scopes and user do not agree on one tier. */
function callerOf({ sub, client_id, grant, scope }: JWTPayload): Caller | undefined {
  const scopes = String(scope).split(" ");
  const hasScope = scopes.some((name) => SCOPES.user.includes(name));
  const tiers = [hasScope, !scopes.includes(SCOPES.service), typeof grant === "string", sub !== client_id];
  return new Set(tiers).size === 1 ? { user: hasScope ? sub : undefined, scopes } : undefined;
}
async function read(request: Request): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let body = "";
  for await (const chunk of request.body ?? []) {
    body += decoder.decode(chunk, { stream: true });
    if (body.length > 1_000_000) return undefined;
  }
  return body;
}
/** Whether a service token may send this message, or each message of this batch. */
function isForService(body: string): boolean {
  try {
    return [JSON.parse(body)].flat().every(({ method }) => typeof method === "string" && SERVICE.test(method));
  } catch {
    return false; // not JSON, or not a message
  }
}
