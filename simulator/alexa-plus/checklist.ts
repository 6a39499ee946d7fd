// The part of Amazon's authentication checklist that needs no customer.
import {
  amazonRedirectUri,
  buildAuthorizationRequest,
  REDIRECT_HOSTS,
  type RedirectHost,
} from "../library/authorization-request.ts";
import { type Check, should } from "../library/checks.ts";
import { rawParameter, rawQuery } from "../library/encoding.ts";
import { callMcp, MCP_BUDGET_MS, type McpResponse, type McpSession, type McpTool } from "../library/mcp.ts";
import { claimsOf, requestServiceToken, SERVICE_SCOPE } from "../library/service-token.ts";
import { serviceTokenRequest } from "../library/token.ts";
import type { AddOnState, Deployment } from "../state/add-on.ts";
import type { Skill } from "../state/configuration.ts";
import type { RequestContext } from "../state/context.ts";
import { mcpFetch, serverFetch } from "./requests.ts";
import { fetchServiceToken, listTools, openSession, serviceClientOf } from "./sessions.ts";

/** Runs the checklist with the metadata of a deploy. */
export async function runChecklist(
  context: RequestContext,
  state: AddOnState,
  { skill, resourceScopes }: Deployment,
  linkId: string,
): Promise<Check[]> {
  const issued = await fetchServiceToken(context, state, skill, linkId);
  const checks = [
    ...issued.checks,
    ...(await checkTokenRefusals(context, state, skill, resourceScopes, linkId)),
    ...(await checkAuthorization(context, skill, linkId)),
  ];
  const token = issued.accessToken;
  if (!token) return checks;
  checks.push(...checkAudience("service_token_audience", token, state.addOn.resource));
  const opened = await openSession(context, state, token, linkId, "service");
  checks.push(...opened.checks.map(withRule));
  if (!opened.session) return checks;
  state.sessions.set("service", opened.session);
  const listed = await listTools(context, state, token, opened.session, linkId);
  checks.push(withRule(listed.check));
  const tool = simplestTool(state.tools);
  const refusals = tool ? await checkToolRefusals(context, state, tool, token, opened.session, linkId) : [];
  checks.push(...refusals.flatMap(({ checks }) => checks));
  checks.push(checkBudget([...opened.responses, listed.response, ...refusals.map(({ response }) => response)]));
  return checks;
}

/** A tool that can be called without arguments, if there is one. */
export function simplestTool(tools: readonly McpTool[]): McpTool | undefined {
  const required = ({ inputSchema }: McpTool) =>
    Array.isArray(inputSchema?.required) ? inputSchema.required.length : 0;
  return tools.find((tool) => required(tool) === 0) ?? tools[0];
}

async function checkTokenRefusals(
  context: RequestContext,
  state: AddOnState,
  skill: Skill,
  resourceScopes: readonly string[],
  linkId: string,
): Promise<Check[]> {
  const client = serviceClientOf(state, skill);
  const { resource } = state.addOn;
  const userScope = resourceScopes.find((scope) => scope !== SERVICE_SCOPE && scope !== "openid") ?? "mcp:tools";
  const send = (title: string, why: string, scope: string, of: string) =>
    requestServiceToken(serverFetch(context, { linkId, title, why }), serviceTokenRequest(client, scope, of));
  const tier = await send(
    "Amazon asks for a user’s scope without a user",
    "A user-tier scope must never be issued for client credentials.",
    userScope,
    resource,
  );
  const other = await send(
    "Amazon asks for a token for another resource",
    "The token endpoint must refuse a resource that is not the registered one.",
    SERVICE_SCOPE,
    "https://mcp.other.example/mcp",
  );
  const refused = (status: number, error?: string) => `returned ${status} ${error ?? ""}`.trim();
  return [
    point("token_refuses_user_scope", tier.status === 400, `${userScope}: ${refused(tier.status, tier.error)}`),
    point("token_refuses_other_resource", other.status === 400, refused(other.status, other.error)),
  ];
}

async function checkAuthorization(context: RequestContext, skill: Skill, linkId: string): Promise<Check[]> {
  const hosts = Object.keys(REDIRECT_HOSTS) as RedirectHost[];
  const open = async (title: string, host: RedirectHost, change: { pkce?: boolean; resource?: string } = {}) => {
    const { authorizationUrl, clientId, scopes } = skill;
    const request = await buildAuthorizationRequest({
      authorizationUrl,
      clientId,
      scopes,
      redirectUri: amazonRedirectUri(host, skill.vendorId),
      pkce: change.pkce ?? true,
      resources: [change.resource ?? skill.resource ?? ""],
    });
    const why = "No customer signs in here: only the first response counts. An error is returned by redirect at once.";
    const response = await serverFetch(context, { linkId, title, why })(
      new Request(request.url, { redirect: "manual" }),
    ).catch(() => new Response(null, { status: 502 }));
    await response.body?.cancel();
    const location = response.headers.get("location") ?? "";
    const error = location.startsWith(request.redirectUri) ? rawParameter(rawQuery(location), "error") : undefined;
    return { status: response.status, error };
  };
  const unknown: string[] = [];
  let refused: string | undefined;
  for (const host of hosts) {
    const { status, error } = await open(`Amazon opens the sign-in page for ${REDIRECT_HOSTS[host]}`, host);
    if (status >= 400) unknown.push(`${REDIRECT_HOSTS[host]}: ${status}`);
    refused ??= error;
  }
  const plain = await open("Amazon opens the sign-in page without PKCE", "pitangui", { pkce: false });
  const other = await open("Amazon opens the sign-in page with another resource", "pitangui", {
    resource: "https://mcp.other.example/mcp",
  });
  const refusal = (found: { status: number; error?: string | undefined }) => found.error ?? `returned ${found.status}`;
  return [
    point(
      "redirect_uris",
      unknown.length === 0,
      unknown.length ? unknown.join(", ") : `all ${hosts.length} are accepted`,
    ),
    point("authorize_accepts_scopes", refused === undefined, `${skill.scopes.join(" ")}: ${refused ?? "no error"}`),
    point("authorize_requires_pkce", plain.error !== undefined || plain.status === 400, refusal(plain)),
    point("authorize_refuses_other_resource", other.error !== undefined || other.status === 400, refusal(other)),
  ];
}

/** `aud` of a JWT is the resource; opaque tokens cannot be read. */
export function checkAudience(
  name: "service_token_audience" | "user_token_audience",
  token: string,
  resource: string,
): Check[] {
  const claims = claimsOf(token);
  if (!claims) return [];
  const ok = [claims.aud].flat().includes(resource);
  return [point(name, ok, `aud is ${JSON.stringify(claims.aud)}`)];
}

/** A 401 must not have `WWW-Authenticate`. The simulated Alexa+ ignores the header and links. */
export function checkNoChallenge({ wwwAuthenticate }: McpResponse): Check {
  const detail = wwwAuthenticate === undefined ? "no WWW-Authenticate" : `WWW-Authenticate: ${wwwAuthenticate}`;
  return {
    ...should("mcp_no_www_authenticate", wwwAuthenticate === undefined, detail),
    rule: "Amazon, QuickStart: the 401 has no WWW-Authenticate header. Alexa+ ignores one.",
  };
}

interface Refusal {
  readonly checks: readonly Check[];
  readonly response: McpResponse;
}

async function checkToolRefusals(
  context: RequestContext,
  state: AddOnState,
  tool: McpTool,
  serviceToken: string,
  session: McpSession,
  linkId: string,
): Promise<Refusal[]> {
  const call = (title: string, why: string, token: string | undefined) =>
    callMcp(mcpFetch(context, { linkId, title, why }), {
      resource: state.addOn.resource,
      method: "tools/call",
      params: { name: tool.name, arguments: {} },
      token,
      session,
    });
  const missing = await call(
    "Amazon calls a tool without a token",
    "The refusal, 401 or 403, is what starts linking.",
    undefined,
  );
  const service = await call(
    "Amazon calls a tool with the service token",
    "The service token has no user, so a tool that needs one refuses it.",
    serviceToken,
  );
  const invalid = await call(
    "Amazon calls a tool with an invalid token",
    "A token that is expired or revoked is refused with 401, so that Alexa+ refreshes or asks to link again.",
    "not-a-valid-token",
  );
  const says = (response: McpResponse) => `${tool.name} returned ${response.status || response.problem}`;
  const refuses = ({ status }: McpResponse) => status === 401 || status === 403;
  return [
    {
      response: missing,
      checks: [point("mcp_refuses_missing_token", refuses(missing), says(missing)), checkNoChallenge(missing)],
    },
    { response: service, checks: [point("mcp_refuses_service_token", refuses(service), says(service))] },
    { response: invalid, checks: [point("mcp_refuses_invalid_token", invalid.status === 401, says(invalid))] },
  ];
}

/** MCP responses within Amazon's time budget. */
export function checkBudget(responses: readonly McpResponse[]): Check {
  const slowest = Math.max(...responses.map(({ millis }) => millis));
  return point("mcp_in_budget", slowest <= MCP_BUDGET_MS, `the slowest of ${responses.length} took ${slowest} ms`);
}

const RULES: Record<string, readonly ["must" | "should", string]> = {
  token_refuses_user_scope: [
    "must",
    "Amazon, Authentication: a user’s scopes are never issued for client credentials.",
  ],
  token_refuses_other_resource: ["must", "Amazon, Authentication: the token endpoint validates resource."],
  redirect_uris: [
    "should",
    "Amazon’s command line prints the redirect URIs to register. Public projects register these four; compare them with the ones that it prints.",
  ],
  authorize_accepts_scopes: [
    "must",
    "Amazon, Account Linking: customers are asked for the scopes_supported of the MCP host. The request may also have openid.",
  ],
  authorize_requires_pkce: ["should", "OAuth 2.1 §4.1.1: a request without PKCE is refused."],
  authorize_refuses_other_resource: ["should", "RFC 8707 §2: a resource that is not registered is invalid_target."],
  service_token_audience: ["must", "Amazon, Authentication: the MCP server checks that aud is its own URI."],
  user_token_audience: ["must", "Amazon, Authentication: the MCP server checks that aud is its own URI."],
  user_token_scope: ["must", "Amazon, Authentication: mcp:service is never issued to a customer."],
  mcp_initialize: ["must", "MCP 2025-11-25, down to 2025-03-26, with the service token."],
  mcp_initialized: ["should", "MCP, Streamable HTTP: a notification is accepted with 202."],
  mcp_tools: ["must", "Amazon, Authentication: the service token lists the tools."],
  mcp_refuses_missing_token: ["must", "Amazon, QuickStart: 401 (or 403) when a tool needs a token."],
  mcp_refuses_service_token: [
    "should",
    "Amazon, Authentication: a service token gives no access to a user’s data. A tool that needs no user may respond.",
  ],
  mcp_refuses_invalid_token: ["must", "Amazon, certification: 401 for expired and invalid tokens."],
  mcp_in_budget: ["should", `Amazon: an MCP round trip takes less than ${MCP_BUDGET_MS} ms.`],
};

/** A check of the list above. */
export function point(name: string, ok: boolean, detail: string): Check {
  const [level, rule] = RULES[name] ?? ["must", ""];
  return { name, ok, detail, level, rule };
}

function withRule(check: Check): Check {
  return point(check.name, check.ok, check.detail);
}
