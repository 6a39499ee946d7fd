// POST /introspect (RFC 7662): whether a token opens anything right now. Only for clients that may know.
import { Hono } from "hono/tiny";
import { oauthError, oauthSuccess } from "../http/oauth-error.ts";
import { readForm } from "../http/read.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import type { Client } from "../storage/clients/clients.ts";
import { type GrantRow, grantLives } from "../storage/grants/grants.ts";
import { authenticateClient } from "./client-authentication.ts";
import { findToken, refreshTokenIsActive } from "./token-lookup.ts";

export const introspectRoutes = new Hono<AppEnv>().post("/introspect", introspect);

async function introspect(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const body = await readForm(c.req.raw);
  if ("problem" in body) return oauthError({ status: 400, error: "invalid_request", description: body.problem });
  const caller = await authenticateClient(rt, c.req.header("authorization") ?? null, body.fields);
  if ("error" in caller) return oauthError(caller);
  if (caller.client.kind === "app") {
    return oauthError({ status: 401, error: "invalid_client", description: "Public clients cannot introspect" });
  }
  const token = body.fields.get("token");
  if (token === undefined) {
    return oauthError({ status: 400, error: "invalid_request", description: "token is missing" });
  }
  return oauthSuccess(await describe(rt, caller.client, token));
}

/** Alexa's clients know their own tokens, `service` clients those of their skills' clients. */
function mayKnow(caller: Client, owner: { readonly clientId: string; readonly skillId: string | null }): boolean {
  if (caller.kind === "alexa") return owner.clientId === caller.id;
  return caller.kind === "service" && owner.skillId !== null && caller.skillIds.includes(owner.skillId);
}

/** Anything that the caller may not know, or that opens nothing, is exactly `{"active":false}`. */
async function describe(rt: Runtime, caller: Client, token: string): Promise<Record<string, unknown>> {
  const inactive = { active: false };
  const found = await findToken(rt, token);
  if (!found) return inactive;
  if (found.kind === "access" && found.claims.grant === undefined) {
    return caller.kind === "alexa" && found.claims.client_id === caller.id
      ? { active: true, token_type: "Bearer", ...found.claims }
      : inactive;
  }
  const { grant } = found;
  if (!grant || !mayKnow(caller, ownerOf(grant)) || !grantLives(grant, rt.now())) return inactive;
  if (found.kind === "access") return { active: true, token_type: "Bearer", ...found.claims };
  if (!(await refreshTokenIsActive(rt, token, grant))) return inactive;
  return {
    active: true,
    token_type: "refresh_token",
    client_id: grant.client_id,
    sub: grant.user_id,
    scope: grant.scope,
    grant: grant.id,
    iss: rt.issuer,
    iat: Math.floor(grant.created_at / 1000),
  };
}

function ownerOf(grant: GrantRow): { clientId: string; skillId: string | null } {
  return { clientId: grant.client_id, skillId: grant.skill_id };
}
