// GET /userinfo: who the access token's user is, as long as its grant lives.
import { Hono } from "hono/tiny";
import type { AppContext, AppEnv } from "../runtime.ts";
import { readFirst } from "../storage/d1.ts";
import { GRANT_LIVES } from "../storage/grants/grants.ts";
import { verifyAccessToken } from "./access-tokens.ts";
import { bearerTokenOf } from "./bearer.ts";
import { type OAuthError, oauthError, TOKEN_HEADERS } from "./oauth-error.ts";

export const userinfoRoutes = new Hono<AppEnv>()
  .on(["GET", "POST"], "/userinfo", (c) => userinfo(c as AppContext))
  .all("/userinfo", () =>
    oauthError({
      status: 405,
      error: "invalid_request",
      description: "Userinfo takes GET",
      headers: { allow: "GET, POST" },
    }),
  );

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
  return new Response(
    JSON.stringify({
      sub: user.id,
      ...(user.name === null ? {} : { name: user.name }),
      ...(user.email === null ? {} : { email: user.email }),
    }),
    { status: 200, headers: TOKEN_HEADERS },
  );
}
