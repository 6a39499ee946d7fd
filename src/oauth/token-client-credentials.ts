// grant_type=client_credentials, for `service` clients and Alexa+ MCP add-ons. The tokens have no user.
import { type OAuthError, oauthSuccess } from "../http/oauth-error.ts";
import type { Runtime } from "../runtime.ts";
import type { Client } from "../storage/clients/clients.ts";
import { mintAccessToken } from "./access-tokens.ts";
import { authenticateClient, findClient } from "./client-authentication.ts";
import { resourceFieldProblem } from "./resource.ts";
import { scopeNames, withoutTolerated } from "./scopes.ts";
import type { TokenFailure } from "./token-failure.ts";
import type { Issued } from "./token-response.ts";

/** The scopes of tokens that have no user: never a scope of a skill's user tier. */
function grantable(client: Client): readonly string[] {
  return client.kind === "service" ? client.scopes : client.serviceScopes;
}

/** Seconds: the longest life of an add-on's service tokens, by Amazon's rule. */
const LONGEST_SERVICE_TOKEN = 3600;

/** The scopes that this client asks for. */
function scopesAsked(client: Client, fields: ReadonlyMap<string, string>): readonly string[] {
  return withoutTolerated(client, scopeNames(fields.get("scope") ?? ""));
}

/** Why this client gets no such token; undefined if it does. */
function refusal(client: Client, fields: ReadonlyMap<string, string>): TokenFailure | undefined {
  const isAddOn = client.resource !== null;
  if (!client.clientCredentials) return { reason: isAddOn ? "service_tier_moved" : "grant_type_not_allowed" };
  const foreign = scopesAsked(client, fields).filter((name) => !grantable(client).includes(name));
  if (isAddOn && foreign.some((name) => client.scopes.includes(name))) return { reason: "scope_of_other_tier" };
  if (foreign.length > 0) return { reason: "scope_unknown" };
  if (client.kind !== "service") {
    const wrongResource = resourceFieldProblem(fields, client.resource);
    return wrongResource && { reason: wrongResource };
  }
  // A repeated `resource` reaches us as one value with a space, which no registered one has.
  const resource = fields.get("resource");
  return resource === undefined || client.resources.includes(resource) ? undefined : { reason: "resource_invalid" };
}

/**
 * A token for the client itself. Its audience is the add-on's resource, for `service` clients the registered `resource`
 * asked for, else the client's id. No refresh token.
 */
export async function grantToClient(
  rt: Runtime,
  authorization: string | null,
  fields: ReadonlyMap<string, string>,
): Promise<Issued | OAuthError | TokenFailure> {
  const caller = await authenticateClient(rt, authorization, fields);
  if ("error" in caller) return caller;
  let { client } = caller;
  // A cached row may allow, never refuse.
  if (refusal(client, fields)) client = (await findClient(rt, client.id, true)) ?? client;
  const refused = refusal(client, fields);
  if (refused) return refused;
  const asked = scopesAsked(client, fields);
  const scope = (asked.length > 0 ? asked : grantable(client)).join(" ");
  const access = await mintAccessToken(rt, {
    subject: client.id,
    audience: fields.get("resource") ?? client.resource ?? client.id,
    clientId: client.id,
    scope,
    ...(client.kind === "service" ? {} : { longestLife: LONGEST_SERVICE_TOKEN }),
  });
  rt.log.info("token_for_client", { clientId: client.id });
  const response = oauthSuccess({
    access_token: access.token,
    token_type: "Bearer",
    expires_in: access.expiresInSeconds,
    scope,
  });
  return { response, skillId: client.skillId };
}
