// GET /userinfo: who the access token's user is, as long as its grant lives.
import { Hono } from "hono/tiny";
import { type OAuthError, oauthError, oauthSuccess } from "../http/oauth-error.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { readFirst } from "../storage/d1.ts";
import { GRANT_LIVES } from "../storage/grants/grants.ts";
import { verifyAccessToken } from "./access-tokens.ts";
import { bearerTokenOf } from "./bearer.ts";

export const userinfoRoutes = new Hono<AppEnv>().on(["GET", "POST"], "/userinfo", userinfo);

interface UserRow {
  readonly id: string;
  readonly email: string | null;
  readonly name: string | null;
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
  const user = await readFirst<UserRow>(
    rt.db
      .prepare(
        `SELECT u.id, u.email, u.name FROM grants g JOIN users u ON u.id = g.user_id
         WHERE g.id = ?2 AND g.user_id = ?3 AND ${GRANT_LIVES}`,
      )
      .bind(rt.now(), claims.grant, claims.sub),
  );
  if (!user) return oauthError(refused);
  return oauthSuccess({
    sub: user.id,
    ...(user.name === null ? {} : { name: user.name }),
    ...(user.email === null ? {} : { email: user.email }),
  });
}
