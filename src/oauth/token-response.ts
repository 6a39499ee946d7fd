// The successful token response (RFC 6749 §5.1): always complete, with a new access token.
import { oauthSuccess } from "../http/oauth-error.ts";
import type { Runtime } from "../runtime.ts";
import type { Client } from "../storage/clients/clients.ts";
import type { Grant } from "../storage/grants/grants.ts";
import { mintAccessToken } from "./access-tokens.ts";
import type { Signer } from "./keys.ts";

/** The audience of access tokens for a user's grant: its skill's resource or id; for the company's app this server. */
export function audienceOf(rt: Runtime, grant: Pick<Grant, "resource" | "skillId">): string {
  return grant.resource ?? grant.skillId ?? rt.issuer;
}

/** The successful response to a token request, and the skill that the counters have it under. */
export interface Issued {
  readonly response: Response;
  readonly skillId: string | null;
}

/** The response for a user's grant: a new access token of full life and the refresh token to keep. */
export async function userTokenResponse(
  rt: Runtime,
  client: Client,
  grant: Pick<Grant, "userId" | "scope" | "resource"> & { readonly grantId: string },
  refreshToken: string,
  signer: Signer,
): Promise<Issued> {
  const content = {
    subject: grant.userId,
    audience: audienceOf(rt, { resource: grant.resource, skillId: client.skillId }),
    clientId: client.id,
    scope: grant.scope,
    grantId: grant.grantId,
  };
  const access = await mintAccessToken(rt, content, signer);
  const response = oauthSuccess({
    access_token: access.token,
    token_type: "Bearer",
    expires_in: access.expiresInSeconds,
    refresh_token: refreshToken,
    scope: grant.scope,
  });
  return { response, skillId: client.skillId };
}
