// A customer asks Alexa+ for something: the tool call, the refresh before it, and linking if the call is refused.
import { startAuthorization } from "../alexa/authorize.ts";
import { disableSkill } from "../alexa/link.ts";
import { refreshLink } from "../alexa/refresh.ts";
import type { Check } from "../library/checks.ts";
import { callMcp, explainMcp, MCP_BUDGET_MS, type McpResponse, type McpSession, textOf } from "../library/mcp.ts";
import { claimsOf, SERVICE_SCOPE } from "../library/service-token.ts";
import { ADD_ON_STAGE, type AddOnState, conversationOf, startConversation, type Turn } from "../state/add-on.ts";
import type { AmazonAccount } from "../state/configuration.ts";
import type { RequestContext } from "../state/context.ts";
import { type Link, linkKey, now } from "../state/store.ts";
import { checkAudience, point } from "./checklist.ts";
import { mcpFetch } from "./requests.ts";
import { currentServiceToken, openSession } from "./sessions.ts";

/** The link of an Amazon account to the add-on. */
export function addOnLink(context: RequestContext, state: AddOnState, account: AmazonAccount): Link | undefined {
  return context.store.links.get(linkKey(account.id, state.addOn.addOnId, ADD_ON_STAGE));
}

export interface Asking {
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** Calls a tool for a customer. A refusal starts linking. The add-on must be deployed. */
export async function ask(
  context: RequestContext,
  state: AddOnState,
  account: AmazonAccount,
  asking: Asking,
): Promise<Turn> {
  const turn = await takeTurn(context, state, account, asking);
  const conversation = conversationOf(state, account.id);
  conversation.turns.push(turn);
  conversation.turns.splice(0, conversation.turns.length - 10);
  return turn;
}

async function takeTurn(
  context: RequestContext,
  state: AddOnState,
  account: AmazonAccount,
  asking: Asking,
): Promise<Turn> {
  const skill = state.deployment?.skill;
  if (!skill) return failed(asking, "The add-on is not deployed.");
  const notes: string[] = [];
  const link = addOnLink(context, state, account);
  if (link && link.expiresAt <= now(context.store)) {
    const { ok } = await refreshLink(context, skill, link);
    if (!ok && link.alive) return failed(asking, "The tokens could not be refreshed now. The link stays.");
  }
  let response = await callTool(context, state, account, link, asking);
  if (link?.alive && response.status === 401) {
    notes.push("The MCP server refused the user token, so Alexa+ refreshed it once. Amazon does not document this.");
    await refreshLink(context, skill, link);
    if (link.alive) response = await callTool(context, state, account, link, asking);
  }
  if (link && !link.alive) {
    notes.push(
      "The company refused the refresh with invalid_grant, so Alexa+ deleted the link and everything it had shown.",
    );
  }
  notes.push(...notesOn(response));
  if (response.result && response.result.isError !== true) {
    const text = textOf(response.result);
    const previous = conversationOf(state, account.id).previousResults.get(asking.tool);
    if (previous === text) {
      notes.push(
        "The tool returned the same before unlinking. That is correct only if the same customer linked again: no data of a previously linked account may be shown.",
      );
    }
    return { tool: asking.tool, outcome: "result", text, notes };
  }
  if (response.status !== 401 && response.status !== 403) {
    const text = response.result ? textOf(response.result) : explainMcp(response);
    return { tool: asking.tool, outcome: "failed", text, notes };
  }
  if (link) {
    context.store.links.delete(linkKey(account.id, skill.skillId, skill.stage));
    forgetResults(state, account);
  }
  const attempt = await startAuthorization(context, skill, account, false);
  const text = `The MCP server returned ${response.status}, so Alexa+ asks the customer to link ${link ? "again" : "an account"}.`;
  return { tool: asking.tool, outcome: "needs_link", text, attemptIds: [attempt.linkId], notes };
}

function failed({ tool }: Asking, text: string): Turn {
  return { tool, outcome: "failed", text, notes: [] };
}

function notesOn({ wwwAuthenticate, millis }: McpResponse): string[] {
  const notes: string[] = [];
  if (wwwAuthenticate !== undefined) {
    notes.push(
      "The response has a WWW-Authenticate header. Amazon’s rule is a 401 without it; Alexa+ ignores the header.",
    );
  }
  if (millis > MCP_BUDGET_MS) {
    notes.push(`The MCP server took ${millis} ms. Amazon’s budget is ${MCP_BUDGET_MS} ms, so this is over budget.`);
  }
  return notes;
}

async function callTool(
  context: RequestContext,
  state: AddOnState,
  account: AmazonAccount,
  link: Link | undefined,
  asking: Asking,
): Promise<McpResponse> {
  const linkId = link?.linkId ?? conversationOf(state, account.id).id;
  const { token, name } = await tokenFor(context, state, link, linkId);
  const session = await sessionFor(context, state, link, token, linkId);
  const fetch = mcpFetch(context, {
    linkId,
    title: `Alexa+ calls the tool ${asking.tool} ${name}`,
    why: link
      ? "The token names the customer. The MCP server checks its signature, aud, scope and expiry, and returns only this customer’s data."
      : "No account is linked yet. A tool that needs a user refuses the call with 401 or 403, and Alexa+ starts linking.",
  });
  const params = { name: asking.tool, arguments: asking.arguments };
  return callMcp(fetch, { resource: state.addOn.resource, method: "tools/call", params, token, session });
}

async function tokenFor(context: RequestContext, state: AddOnState, link: Link | undefined, linkId: string) {
  if (link?.alive) return { token: link.accessToken, name: "with the user token" };
  if (!context.store.faults.mcp?.serviceToken) return { token: undefined, name: "without a token" };
  return { token: await currentServiceToken(context, state, linkId), name: "with the service token" };
}

/** The service session; a link has one of its own if the server keeps sessions. */
async function sessionFor(
  context: RequestContext,
  state: AddOnState,
  link: Link | undefined,
  token: string | undefined,
  linkId: string,
): Promise<McpSession | undefined> {
  const shared = state.sessions.get("service");
  if (!link?.alive || !shared?.id) return shared;
  const own = state.sessions.get(link.linkId) ?? (await openSession(context, state, token, linkId, "user")).session;
  if (own) state.sessions.set(link.linkId, own);
  return own;
}

/** Unlinks for the customer: Alexa+ deletes the tokens and everything that the tools returned. */
export async function unlinkAddOn(context: RequestContext, state: AddOnState, account: AmazonAccount): Promise<void> {
  const link = addOnLink(context, state, account);
  const skill = state.deployment?.skill;
  if (!link || !skill) return;
  await disableSkill(context, skill, link);
  forgetResults(state, account);
}

/** Deletes what was shown for a link that ended. It is kept only to compare the next link's results with it. */
function forgetResults(state: AddOnState, account: AmazonAccount): void {
  const { turns, previousResults } = conversationOf(state, account.id);
  const results = turns.filter(({ outcome }) => outcome === "result").map(({ tool, text }) => [tool, text] as const);
  startConversation(state, account.id, new Map([...previousResults, ...results]));
}

/** What Amazon's checklist says about the token of a customer. */
export function checkUserToken({ addOn }: AddOnState, link: Link): Check[] {
  const claims = claimsOf(link.accessToken);
  const scopes = typeof claims?.scope === "string" ? claims.scope.split(" ") : undefined;
  return [
    ...checkAudience("user_token_audience", link.accessToken, addOn.resource),
    ...(scopes ? [point("user_token_scope", !scopes.includes(SERVICE_SCOPE), `scope is ${scopes.join(" ")}`)] : []),
  ];
}
