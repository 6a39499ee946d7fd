// The successful token response (RFC 6749 §5.1): always complete, with a new access token.
import { oauthSuccess } from "../http/oauth-error.ts";
import type { Runtime } from "../runtime.ts";
import type { Client } from "../storage/clients/clients.ts";
import { mintAccessToken } from "./access-tokens.ts";
import type { Signer } from "./keys.ts";

/** The audience of access tokens for a client's user grants: the skill for Alexa, this server for the company's app. */
function audienceOf(rt: Runtime, client: Client): string {
  return client.kind === "alexa" && client.skillId !== null ? client.skillId : rt.issuer;
}

/** The response for a user's grant: a new access token of full life and the refresh token to keep. */
export async function userTokenResponse(
  rt: Runtime,
  client: Client,
  grant: { readonly grantId: string; readonly userId: string; readonly scope: string },
  refreshToken: string,
  signer: Signer,
): Promise<Response> {
  const content = {
    subject: grant.userId,
    audience: audienceOf(rt, client),
    clientId: client.id,
    scope: grant.scope,
    grantId: grant.grantId,
  };
  const access = await mintAccessToken(rt, content, signer);
  return oauthSuccess({
    access_token: access.token,
    token_type: "Bearer",
    expires_in: access.expiresInSeconds,
    refresh_token: refreshToken,
    scope: grant.scope,
  });
}
