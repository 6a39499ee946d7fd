// What Alexa+ keeps for its requests to the MCP server: the service token, the sessions, and the list of tools.
import { tokenClientOf } from "../alexa/redeem.ts";
import { type Check, must, should } from "../library/checks.ts";
import { callMcp, explainMcp, initialize, type McpResponse, type McpSession, toolsOf } from "../library/mcp.ts";
import { requestServiceToken, SERVICE_SCOPE, type ServiceTokenOutcome } from "../library/service-token.ts";
import { serviceTokenRequest, type TokenClient } from "../library/token.ts";
import type { AddOnState } from "../state/add-on.ts";
import type { Skill } from "../state/configuration.ts";
import type { RequestContext } from "../state/context.ts";
import { now } from "../state/store.ts";
import { mcpFetch, serverFetch } from "./requests.ts";

/** The client with which Alexa+ gets its service tokens. */
export function serviceClientOf({ addOn }: AddOnState, skill: Skill): TokenClient {
  const { serviceClientId: clientId, serviceClientSecret: clientSecret } = addOn;
  return { ...tokenClientOf(skill), ...(clientId && clientSecret && { clientId, clientSecret }) };
}

/** Requests a service token and keeps it. */
export async function fetchServiceToken(
  context: RequestContext,
  state: AddOnState,
  skill: Skill,
  linkId: string,
): Promise<ServiceTokenOutcome> {
  const fetch = serverFetch(context, {
    linkId,
    title: "Alexa+ gets a service token",
    why: "Client credentials with HTTP Basic: a token without a user, to start a session and to list the tools. It is valid for an hour at most, has no refresh token and gives no access to customers’ data.",
  });
  const client = serviceClientOf(state, skill);
  const outcome = await requestServiceToken(fetch, serviceTokenRequest(client, SERVICE_SCOPE, state.addOn.resource));
  const { accessToken, expiresIn } = outcome;
  if (accessToken && expiresIn) {
    state.serviceToken = { accessToken, expiresAt: now(context.store) + expiresIn * 1000 };
  }
  return outcome;
}

/** The stored service token, or a new one if that has expired. */
export async function currentServiceToken(
  context: RequestContext,
  state: AddOnState,
  linkId: string,
): Promise<string | undefined> {
  const { serviceToken, deployment } = state;
  if (serviceToken && serviceToken.expiresAt > now(context.store)) return serviceToken.accessToken;
  return deployment && (await fetchServiceToken(context, state, deployment.skill, linkId)).accessToken;
}

export interface Opened {
  readonly session?: McpSession;
  readonly checks: readonly Check[];
  readonly responses: readonly McpResponse[];
}

const OPENING = {
  service: "A client starts by agreeing on the protocol version. The service token is enough.",
  user: "The server keeps sessions, so the customer’s link gets one of its own.",
} as const;

/** `initialize` and `notifications/initialized`, with the service token or a user's. */
export async function openSession(
  context: RequestContext,
  state: AddOnState,
  token: string | undefined,
  linkId: string,
  of: keyof typeof OPENING,
): Promise<Opened> {
  const { resource } = state.addOn;
  const fetch = mcpFetch(context, {
    linkId,
    title: `Alexa+ initializes the MCP session, protocol ${state.offeredVersion}`,
    why: OPENING[of],
  });
  const started = await initialize(fetch, resource, token, state.offeredVersion);
  const { response, session } = started;
  if (!session) return { checks: [must("mcp_initialize", false, started.problem ?? "")], responses: [response] };
  const notify = mcpFetch(context, {
    linkId,
    title: "Alexa+ confirms that it is initialized",
    why: "A notification: the server accepts it with 202 and no body.",
  });
  const confirmed = await callMcp(notify, { resource, token, session, method: "notifications/initialized" });
  const accepted = confirmed.status === 202 || confirmed.status === 200;
  return {
    session,
    checks: [
      must("mcp_initialize", true, `protocol version ${session.protocolVersion}`),
      should("mcp_initialized", accepted, `notifications/initialized returned ${confirmed.status}`),
    ],
    responses: [response, confirmed],
  };
}

/** `tools/list` with the service token. The tools are kept. */
export async function listTools(
  context: RequestContext,
  state: AddOnState,
  token: string | undefined,
  session: McpSession,
  linkId: string,
): Promise<{ check: Check; response: McpResponse }> {
  const fetch = mcpFetch(context, {
    linkId,
    title: "Alexa+ lists the tools",
    why: "The list is the same for every customer, so the service token is enough.",
  });
  const response = await callMcp(fetch, { resource: state.addOn.resource, token, session, method: "tools/list" });
  const tools = toolsOf(response.result);
  if (response.result) state.tools = tools;
  const detail = response.result
    ? `${tools.length} tools: ${tools.map(({ name }) => name).join(", ")}`
    : explainMcp(response);
  return { check: must("mcp_tools", tools.length > 0, detail), response };
}
