// grant_type=client_credentials, for `service` clients and Alexa+ MCP add-ons. The tokens have no user.
import { type OAuthError, oauthSuccess } from "../http/oauth-error.ts";
import type { Runtime } from "../runtime.ts";
import type { Client } from "../storage/clients/clients.ts";
import { mintAccessToken } from "./access-tokens.ts";
import { authenticateClient, findClient } from "./client-authentication.ts";
import type { TokenFailure } from "./token-failure.ts";

/** The scopes of tokens that have no user: never a scope of a skill's user tier. */
function grantable(client: Client): readonly string[] {
  return client.kind === "service" ? client.scopes : client.serviceScopes;
}

/** Why this client gets no such token; undefined if it does. */
function refusal(client: Client, scopes: readonly string[], resource: string | undefined): TokenFailure | undefined {
  if (!client.clientCredentials) return { reason: "grant_type_not_allowed" };
  if (!scopes.every((name) => grantable(client).includes(name))) return { reason: "scope_unknown" };
  // A repeated `resource` reaches us as one value with a space, which no registered one has.
  const registered = client.resource === null ? client.resources : [client.resource];
  return resource === undefined || registered.includes(resource) ? undefined : { reason: "resource_invalid" };
}

/** A token for the client itself. Its audience is the registered `resource` asked for, else its id. No refresh token. */
export async function grantToClient(
  rt: Runtime,
  authorization: string | null,
  fields: ReadonlyMap<string, string>,
): Promise<Response | OAuthError | TokenFailure> {
  const caller = await authenticateClient(rt, authorization, fields);
  if ("error" in caller) return caller;
  const asked = fields
    .get("scope")
    ?.split(" ")
    .filter((name) => name !== "");
  const resource = fields.get("resource");
  let { client } = caller;
  // A cached row may allow, never refuse.
  if (refusal(client, asked ?? [], resource)) client = (await findClient(rt, client.id, true)) ?? client;
  const refused = refusal(client, asked ?? [], resource);
  if (refused) return refused;
  const scope = (asked ?? grantable(client)).join(" ");
  const access = await mintAccessToken(rt, {
    subject: client.id,
    audience: resource ?? client.resource ?? client.id,
    clientId: client.id,
    scope,
  });
  rt.metrics.count("service_token_issued", client.skillId);
  rt.log.info("token_for_client", { clientId: client.id });
  return oauthSuccess({
    access_token: access.token,
    token_type: "Bearer",
    expires_in: access.expiresInSeconds,
    scope,
  });
}
