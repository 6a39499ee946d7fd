// An MCP server and its authorization server that test Alexa+: correct by default, with one deliberate defect on request.
import { encodeParameters, toBase64Url } from "../library/encoding.ts";
import { challengeOf } from "../library/pkce.ts";
import { readText } from "../state/recording.ts";

export const RESOURCE = "https://mcp.example.com/mcp";
export const ISSUER = "https://link.example.com/tenant";

export type AddOnDefect =
  | "answers_without_token"
  | "root_document_only"
  | "other_resource_in_document"
  | "two_authorization_servers"
  | "no_authorization_server"
  | "no_client_credentials"
  | "post_only"
  | "service_token_with_refresh"
  | "service_token_lives_a_day"
  | "user_scope_for_service"
  | "any_resource"
  | "wrong_audience"
  | "knows_one_redirect_uri"
  | "refuses_openid"
  | "pkce_optional"
  | "service_token_opens_data"
  | "garbage_opens_data"
  | "garbage_is_forbidden"
  | "no_tools"
  | "chooses_unknown_version"
  | "event_stream"
  | "open_event_stream"
  | "sessions"
  | "shows_the_previous_customer"
  | "no_user_refresh_token"
  | "www_authenticate"
  | "no_s256"
  | "resource_document_redirects"
  | "html_errors"
  | "any_resource_for_service"
  | "any_audience"
  | "any_resource_at_authorize"
  | "any_resource_for_codes"
  | "service_token_for_issuer"
  | "refresh_loses_resource"
  | "service_scope_for_customer"
  | "customer_refused"
  | "token_in_query"
  | "notification_refused"
  | "newest_version_only";

export interface FakeAddOnOptions {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUris: readonly string[];
}

interface Code {
  readonly redirectUri: string;
  readonly challenge: string | null;
  readonly user: string;
}

const SCOPES = ["mcp:tools", "mcp:resources"];

/** Creates both servers; `seen` are the requests to the token endpoint. */
export function createFakeAddOn(options: FakeAddOnOptions, defect?: AddOnDefect) {
  const codes = new Map<string, Code>();
  const refreshTokens = new Map<string, string>();
  const seen: URLSearchParams[] = [];
  let sequence = 0;
  let firstUser: string | undefined;

  function resourceDocument(): Response {
    const servers = defect === "two_authorization_servers" ? [ISSUER, "https://other.example.com"] : [ISSUER];
    return Response.json({
      resource: defect === "other_resource_in_document" ? "https://mcp.example.com" : RESOURCE,
      authorization_servers: defect === "no_authorization_server" ? [] : servers,
      scopes_supported: SCOPES,
    });
  }

  function serverDocument(): Response {
    return Response.json({
      issuer: ISSUER,
      authorization_endpoint: "https://link.example.com/authorize",
      token_endpoint: "https://link.example.com/token",
      code_challenge_methods_supported: defect === "no_s256" ? ["plain"] : ["S256"],
      grant_types_supported: ["authorization_code", "refresh_token", "client_credentials"].slice(
        0,
        defect === "no_client_credentials" ? 2 : 3,
      ),
      token_endpoint_auth_methods_supported: [defect === "post_only" ? "client_secret_post" : "client_secret_basic"],
      scopes_supported: ["mcp:service", ...SCOPES],
    });
  }

  async function authorize(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const redirectUri = searchParams.get("redirect_uri") ?? "";
    const known = defect === "knows_one_redirect_uri" ? options.redirectUris.slice(0, 1) : options.redirectUris;
    if (searchParams.get("client_id") !== options.clientId || !known.includes(redirectUri)) {
      return new Response("<h1>Unknown redirect URI</h1>", { status: 400, headers: { "content-type": "text/html" } });
    }
    const back = (response: Record<string, string>) =>
      redirect(`${redirectUri}?${encodeParameters({ ...response, state: searchParams.get("state") ?? "" })}`);
    const resources = searchParams.getAll("resource");
    if (resources.length > 1 || (resources[0] ?? RESOURCE) !== RESOURCE) {
      if (defect !== "any_resource" && defect !== "any_resource_at_authorize") return back({ error: "invalid_target" });
    }
    const challenge = searchParams.get("code_challenge");
    if (!challenge && defect !== "pkce_optional") return back({ error: "invalid_request" });
    if (defect === "refuses_openid" && searchParams.get("scope")?.includes("openid")) {
      return back({ error: "invalid_scope" });
    }
    if (request.method !== "POST") {
      const buttons = ["allow", "deny"].map((each) => `<button name="decision" value="${each}">${each}</button>`);
      return new Response(`<form method="post"><input name="email">${buttons.join("")}</form>`, {
        headers: { "content-type": "text/html" },
      });
    }
    const form = new URLSearchParams(await readText(request));
    if (form.get("decision") === "deny") return back({ error: "access_denied" });
    const code = `c_fake${++sequence}`;
    codes.set(code, { redirectUri, challenge, user: form.get("email") ?? "" });
    return back({ code });
  }

  async function token(request: Request): Promise<Response> {
    const form = new URLSearchParams(await readText(request));
    seen.push(form);
    const refuse = (error: string, status = 400) =>
      defect === "html_errors" ? new Response(`<h1>${error}</h1>`, { status }) : Response.json({ error }, { status });
    if (request.headers.get("authorization") !== `Basic ${btoa(`${options.clientId}:${options.clientSecret}`)}`) {
      return refuse("invalid_client", 401);
    }
    const resource = form.get("resource") ?? RESOURCE;
    const grantType = form.get("grant_type");
    const serves =
      defect === "any_resource" ||
      (grantType === "client_credentials" && (defect === "any_resource_for_service" || defect === "any_audience")) ||
      (grantType === "authorization_code" && defect === "any_resource_for_codes");
    if (resource !== RESOURCE && !serves) return refuse("invalid_target");
    switch (grantType) {
      case "client_credentials": {
        const scope = form.get("scope") ?? "mcp:service";
        if (scope !== "mcp:service" && defect !== "user_scope_for_service") return refuse("invalid_scope");
        const aud = defect === "service_token_for_issuer" ? ISSUER : defect === "any_resource" ? RESOURCE : resource;
        return issue({ sub: options.clientId, scope }, defect === "service_token_with_refresh", aud);
      }
      case "authorization_code": {
        const code = codes.get(form.get("code") ?? "");
        codes.delete(form.get("code") ?? "");
        const proven = code?.challenge === (await challengeOf(form.get("code_verifier") ?? ""));
        if (!code || !proven || code.redirectUri !== form.get("redirect_uri")) return refuse("invalid_grant");
        firstUser ??= code.user;
        const scope = defect === "service_scope_for_customer" ? "mcp:tools mcp:service" : "mcp:tools";
        return issue({ sub: code.user, scope }, defect !== "no_user_refresh_token");
      }
      case "refresh_token": {
        const user = refreshTokens.get(form.get("refresh_token") ?? "");
        const aud = defect === "refresh_loses_resource" ? ISSUER : RESOURCE;
        return user === undefined ? refuse("invalid_grant") : issue({ sub: user, scope: "mcp:tools" }, true, aud);
      }
      default:
        return refuse("unsupported_grant_type");
    }
  }

  function issue(claims: { sub: string; scope: string }, withRefresh: boolean, audience = RESOURCE): Response {
    const aud = defect === "wrong_audience" ? ISSUER : audience;
    const payload = JSON.stringify({ ...claims, aud, jti: ++sequence });
    const accessToken = `e30.${toBase64Url(new TextEncoder().encode(payload))}.fake`;
    const refreshToken = `rt_fake${++sequence}`;
    if (withRefresh) refreshTokens.set(refreshToken, claims.sub);
    const body = {
      access_token: accessToken,
      token_type: "Bearer",
      expires_in: defect === "service_token_lives_a_day" ? 86_400 : 3600,
      scope: claims.scope,
      ...(withRefresh && { refresh_token: refreshToken }),
    };
    return Response.json(body, { headers: { "cache-control": "no-store" } });
  }

  async function mcp(request: Request): Promise<Response> {
    const message = (await request.json()) as { id?: string; method: string; params?: Record<string, unknown> };
    const inQuery = defect === "token_in_query" ? new URL(request.url).searchParams.get("access_token") : null;
    const bearer = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1] ?? inQuery ?? undefined;
    const read = readClaims(bearer);
    const foreign = read && ![RESOURCE, ISSUER].includes(read.aud ?? "") && defect !== "any_audience";
    const claims = foreign ? undefined : (read ?? (defect === "garbage_opens_data" && bearer ? GARBAGE : undefined));
    if (!claims && bearer && defect === "garbage_is_forbidden") return new Response(null, { status: 403 });
    if (!claims && defect !== "answers_without_token") {
      const headers = defect === "www_authenticate" ? { "www-authenticate": "Bearer" } : {};
      return new Response(null, { status: 401, headers });
    }
    if (defect === "customer_refused" && claims?.sub !== options.clientId) return new Response(null, { status: 401 });
    if (message.id === undefined) return new Response(null, { status: defect === "notification_refused" ? 400 : 202 });
    const reply = (result: unknown, headers: Record<string, string> = {}) => {
      const json = JSON.stringify({ jsonrpc: "2.0", id: message.id, result });
      if (defect !== "event_stream" && defect !== "open_event_stream") {
        return new Response(json, { headers: { "content-type": "application/json", ...headers } });
      }
      const other = JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params: {} });
      const stream = `event: message\ndata: ${other}\n\nevent: message\r\ndata: ${json}\r\n\r\n`;
      const open = new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(stream)) });
      const body = defect === "event_stream" ? stream : open;
      return new Response(body, { headers: { "content-type": "text/event-stream", ...headers } });
    };
    switch (message.method) {
      case "initialize": {
        const offered = String(message.params?.protocolVersion);
        const protocolVersion =
          defect === "chooses_unknown_version"
            ? "2024-11-05"
            : defect === "newest_version_only"
              ? "2025-11-25"
              : offered;
        const session = { "mcp-session-id": `session-of-${claims?.sub ?? "nobody"}` };
        const serverInfo = { name: "fake", version: "1.0.0" };
        return reply({ protocolVersion, capabilities: {}, serverInfo }, defect === "sessions" ? session : {});
      }
      case "tools/list":
        return reply({ tools: defect === "no_tools" ? [] : [{ name: "list_notes", inputSchema: { type: "object" } }] });
      default: {
        const session = request.headers.get("mcp-session-id");
        if (defect === "sessions" && session !== `session-of-${claims?.sub}`)
          return new Response(null, { status: 404 });
        const allowed = claims?.scope === "mcp:tools" || defect === "service_token_opens_data";
        if (!allowed) return new Response(null, { status: 403 });
        const of = defect === "shows_the_previous_customer" ? firstUser : claims?.sub;
        return reply({ content: [{ type: "text", text: `Notes of ${of}` }] });
      }
    }
  }

  /** Serves both origins. */
  return {
    seen,
    async fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
      const request = new Request(input, init);
      const { pathname, origin } = new URL(request.url);
      const inserted = pathname === "/.well-known/oauth-protected-resource/mcp" && defect !== "root_document_only";
      if (origin === new URL(RESOURCE).origin) {
        if (defect === "resource_document_redirects" && pathname !== "/mcp")
          return redirect("https://www.example.com/");
        if (inserted || pathname === "/.well-known/oauth-protected-resource") return resourceDocument();
        return pathname === "/mcp" ? mcp(request) : new Response("not found", { status: 404 });
      }
      if (pathname === "/.well-known/oauth-authorization-server/tenant") return serverDocument();
      if (pathname === "/authorize") return authorize(request);
      return pathname === "/token" ? token(request) : new Response("not found", { status: 404 });
    },
  };
}

const GARBAGE: Claims = { scope: "mcp:tools" };

interface Claims {
  readonly sub?: string;
  readonly aud?: string;
  readonly scope: string;
}

function readClaims(token: string | undefined): Claims | undefined {
  const payload = token?.split(".")[1];
  if (!payload) return undefined;
  return JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))) as Claims;
}

function redirect(location: string): Response {
  return new Response(null, { status: 303, headers: { location } });
}
