// grant_type=client_credentials, for `service` clients and Alexa+ MCP add-ons. The tokens have no user.
import { type OAuthError, oauthSuccess } from "../http/oauth-error.ts";
import type { Runtime } from "../runtime.ts";
import { mintAccessToken } from "./access-tokens.ts";
import { authenticateClient } from "./client-authentication.ts";
import type { TokenFailure } from "./token-failure.ts";

const LONGEST_RESOURCE = 512;

/** A resource indicator (RFC 8707 §2): an absolute https URI without fragment. */
function isResource(value: string): boolean {
  if (value.length > LONGEST_RESOURCE || value.includes("#") || !/^[\x21-\x7e]+$/.test(value)) return false;
  return URL.canParse(value) && new URL(value).protocol === "https:";
}

/** A token for the client itself. Its audience is the `resource` asked for, else the client's id. No refresh token. */
export async function grantToClient(
  rt: Runtime,
  authorization: string | null,
  fields: ReadonlyMap<string, string>,
): Promise<Response | OAuthError | TokenFailure> {
  const caller = await authenticateClient(rt, authorization, fields);
  if ("error" in caller) return caller;
  const { client } = caller;
  if (client.kind === "app" || (client.kind !== "service" && !client.clientCredentials)) {
    return { reason: "grant_type_not_allowed" };
  }
  const asked = fields
    .get("scope")
    ?.split(" ")
    .filter((name) => name !== "");
  if (asked?.some((name) => !client.scopes.includes(name))) return { reason: "scope_unknown" };
  const resources = fields.get("resource")?.split(" ") ?? [];
  // This server is the audience of users' tokens only.
  if (!resources.every((resource) => isResource(resource) && new URL(resource).origin !== rt.issuer)) {
    return { reason: "resource_invalid" };
  }
  const scope = (asked ?? client.scopes).join(" ");
  const access = await mintAccessToken(rt, {
    subject: client.id,
    audience: resources.length > 1 ? resources : (resources[0] ?? client.id),
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
