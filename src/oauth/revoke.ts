// POST /revoke (RFC 7009): either token of a client revokes its grant.
import type { Hono } from "hono/tiny";
import { oauthError, oauthSuccess } from "../http/oauth-error.ts";
import { readForm } from "../http/read.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { revokeGrant } from "../storage/grants/grants.ts";
import { deliverSoon } from "../webhooks/webhooks.ts";
import { authenticateClient } from "./client-authentication.ts";
import { findToken, presentedToken, readPresented } from "./token-lookup.ts";

/** Adds these routes to a router. */
export function revokeRoutes(app: Hono<AppEnv>): void {
  app.post("/revoke", revoke);
}

async function revoke(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const body = await readForm(c.req.raw);
  if ("problem" in body) return oauthError({ status: 400, error: "invalid_request", description: body.problem });
  const token = body.fields.get("token");
  const presented = token === undefined ? undefined : await presentedToken(rt, token);
  const caller = await authenticateClient(rt, c.req.header("authorization") ?? null, body.fields, presented?.read);
  if ("error" in caller) return oauthError(caller);
  if (!presented) {
    return oauthError({ status: 400, error: "invalid_request", description: "token is missing" });
  }
  const found = await findToken(rt, presented, await readPresented(rt, presented, caller), caller);
  const grant = found?.kind === "service" ? undefined : found?.grant;
  // An unknown token, or another client's, is no error (RFC 7009 §2.2): the response does not show what exists.
  if (grant?.clientId === caller.client.id) {
    await revokeGrant(rt.db, grant.id, "revoked_by_client", rt.now());
    deliverSoon(rt);
    rt.log.info("grant_revoked", { clientId: caller.client.id, grantId: grant.id, reason: "revoked_by_client" });
  }
  return oauthSuccess();
}
