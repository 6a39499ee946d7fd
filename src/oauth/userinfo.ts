// GET /userinfo: the access token's user, as long as its grant is live. Name and e-mail address need their scopes.
import type { Hono } from "hono/tiny";
import { type OAuthError, oauthError, oauthSuccess } from "../http/oauth-error.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { isPhoneNumber } from "../sign-in/labels.ts";
import { readUserOfGrant } from "../storage/grants/grants.ts";
import { verifyAccessToken } from "./access-tokens.ts";
import { bearerTokenOf } from "./bearer.ts";

/** Adds these routes to a router. */
export function userinfoRoutes(app: Hono<AppEnv>): void {
  app.on(["GET", "POST"], "/userinfo", userinfo);
}

async function userinfo(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const token = bearerTokenOf(c);
  if (token === undefined) {
    return oauthError({ status: 401, error: "invalid_token", headers: { "www-authenticate": "Bearer" } });
  }
  const refused: OAuthError = {
    status: 401,
    error: "invalid_token",
    headers: { "www-authenticate": 'Bearer error="invalid_token"' },
  };
  const claims = await verifyAccessToken(rt, token);
  if (claims?.grant === undefined) return oauthError(refused);
  const bearer = { grantId: claims.grant, userId: claims.sub };
  const user = await readUserOfGrant(rt.db, bearer, { audience: claims.aud, issuer: rt.issuer }, rt.now());
  if (!user) return oauthError(refused);
  const scopes = claims.scope.split(" ");
  const name = user.name !== null && !isPhoneNumber(user.name) ? user.name : undefined;
  return oauthSuccess({
    sub: user.id,
    ...(name !== undefined && scopes.includes("profile") ? { name } : {}),
    ...(user.email !== null && scopes.includes("email") ? { email: user.email } : {}),
  });
}
