// Amazon's `alexa-ai deploy`: reads the metadata, checks it, caches it; then the authentication checklist.
import { loadJson, readResourceDocument, readServerDocument } from "../library/add-on-metadata.ts";
import { type Check, passed, should } from "../library/checks.ts";
import { randomText } from "../library/encoding.ts";
import { callMcp, type OfferedVersion } from "../library/mcp.ts";
import { ADD_ON_STAGE, type AddOn, type AddOnState, type DeployReport } from "../state/add-on.ts";
import type { Skill } from "../state/configuration.ts";
import type { RequestContext } from "../state/context.ts";
import { now } from "../state/store.ts";
import { checkNoChallenge, runChecklist } from "./checklist.ts";
import { mcpFetch, metadataFetch } from "./requests.ts";

/** Deploys the add-on. If a check fails, Alexa keeps what it cached before. */
export async function deployAddOn(
  context: RequestContext,
  state: AddOnState,
  offered: OfferedVersion = state.offeredVersion,
): Promise<DeployReport> {
  const { store } = context;
  const id = `dp_${randomText(6)}`;
  state.offeredVersion = offered;
  // A new deploy reads the current address.
  delete store.faults.addOnMetadata?.outdated;
  if (store.faults.addOnMetadata && Object.keys(store.faults.addOnMetadata).length === 0) {
    delete store.faults.addOnMetadata;
  }
  const deploy = await readMetadata(context, state, id);
  const checklist = passed(deploy) && state.deployment ? await runChecklist(context, state, state.deployment, id) : [];
  state.report = { id, at: now(store), deploy, checklist };
  return state.report;
}

async function readMetadata(context: RequestContext, state: AddOnState, linkId: string): Promise<Check[]> {
  const { addOn } = state;
  const unauthenticated = await askWithoutToken(context, addOn, linkId);
  const ofHost = metadataFetch(context, "mcp", {
    linkId,
    title: "Amazon reads the MCP host’s protected-resource metadata",
    why: "It names the authorization server and the scopes (RFC 9728). Amazon uses only the first authorization server.",
  });
  const host = await readResourceDocument((url) => loadJson(ofHost, url), addOn.resource);
  const checks = [...unauthenticated, ...host.checks];
  if (!host.issuer) return checks;
  const ofServer = metadataFetch(context, "company", {
    linkId,
    title: "Amazon reads the authorization server’s metadata",
    why: "It names the endpoints, the grant types and PKCE with S256 (RFC 8414). Amazon caches it: a change needs another deploy.",
  });
  const server = await readServerDocument((url) => loadJson(ofServer, url), host.issuer, host.scopes);
  checks.push(...server.checks);
  const { authorizationUrl, tokenUrl } = server;
  if (!passed(checks) || !authorizationUrl || !tokenUrl) return checks;
  const scopes = addOn.scopes ?? ["openid", ...host.scopes];
  const skill = skillOfAddOn(addOn, { authorizationUrl, tokenUrl, scopes, origin: context.origin });
  state.deployment = { skill, issuer: host.issuer, resourceScopes: host.scopes };
  state.sessions.clear();
  return checks;
}

async function askWithoutToken(context: RequestContext, addOn: AddOn, linkId: string): Promise<Check[]> {
  const fetch = mcpFetch(context, {
    linkId,
    title: "Amazon calls the MCP server without a token",
    why: "A server that needs a token responds with 401 and no WWW-Authenticate header: Alexa+ finds the metadata by its address.",
  });
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "deploy", version: "1.0.0" } };
  const response = await callMcp(fetch, { resource: addOn.resource, method: "initialize", params });
  const asked = should(
    "mcp_asks_for_token",
    response.status === 401,
    `returned ${response.status || response.problem}`,
  );
  return [
    {
      ...asked,
      rule: "Amazon, QuickStart: 401 without a token. Whether the deploy command requires it is not confirmed.",
    },
    checkNoChallenge(response),
  ];
}

/** The add-on's account linking as Alexa does it for every skill, with PKCE and `resource`. */
function skillOfAddOn(
  addOn: AddOn,
  found: { authorizationUrl: string; tokenUrl: string; scopes: readonly string[]; origin: string },
): Skill {
  const { addOnId, name, clientId, clientSecret, vendorId, alexaRedirects, company, resource } = addOn;
  return {
    skillId: addOnId,
    stage: ADD_ON_STAGE,
    name,
    type: "custom",
    authorizationUrl: found.authorizationUrl,
    appAuthorizationUrl: addOn.appAuthorizationUrl ?? `${found.origin}/company/app/authorize`,
    tokenUrl: found.tokenUrl,
    clientId,
    clientSecret,
    accessTokenScheme: "HTTP_BASIC",
    scopes: [...found.scopes],
    pkce: true,
    vendorId,
    alexaRedirects,
    // An add-on has no skill events and no client of its own at Login with Amazon.
    lwa: { clientId: "none", clientSecret: "none" },
    redirectUrls: [],
    sendAlexaEvents: false,
    company,
    resource,
  };
}
