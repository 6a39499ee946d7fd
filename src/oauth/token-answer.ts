// The successful token answer (RFC 6749 §5.1): always complete, always fresh (T5, T6).

import { oauthSuccess } from "../http/oauth-error.ts";
import type { Runtime } from "../runtime.ts";
import type { Client } from "../storage/clients/clients.ts";
import { mintAccessToken } from "./access-tokens.ts";
import type { Signer } from "./keys.ts";

/** Whom the access tokens of a client's user grants are for: the skill for Alexa, ourselves for the company's app. */
function audienceOf(rt: Runtime, client: Client): string {
  return client.kind === "alexa" && client.skillId !== null ? client.skillId : rt.issuer;
}

/** A 200 of the token endpoint (RFC 6749 §5.1). */
export function tokenAnswer(body: Readonly<Record<string, string | number>>): Response {
  return oauthSuccess(body);
}

/** The answer for a user's grant: a new access token of full life and the refresh token to keep. */
export async function userTokenAnswer(
  rt: Runtime,
  client: Client,
  grant: { readonly grantId: string; readonly userId: string; readonly scope: string },
  refreshToken: string,
  signer?: Signer,
): Promise<Response> {
  const content = {
    subject: grant.userId,
    audience: audienceOf(rt, client),
    clientId: client.id,
    scope: grant.scope,
    grantId: grant.grantId,
  };
  const access = await mintAccessToken(rt, content, signer);
  return tokenAnswer({
    access_token: access.token,
    token_type: "Bearer",
    expires_in: access.expiresInSeconds,
    refresh_token: refreshToken,
    scope: grant.scope,
  });
}
