// POST /introspect (RFC 7662): whether a token is active. Only for clients that may know.
import type { Hono } from "hono/tiny";
import { oauthError, oauthSuccess } from "../http/oauth-error.ts";
import { readForm } from "../http/read.ts";
import type { AppEnv, Runtime } from "../runtime.ts";
import type { Client } from "../storage/clients/clients.ts";
import type { AccessTokenClaims } from "./access-tokens.ts";
import { type AuthenticatedClient, authenticateClient } from "./client-authentication.ts";
import { scopeNames } from "./scopes.ts";
import { findToken, isRetired, type PresentedToken, presentedToken, readPresented } from "./token-lookup.ts";
import { audienceOf } from "./token-response.ts";

/** Adds these routes to a router. */
export function introspectRoutes(app: Hono<AppEnv>): void {
  app.post("/introspect", (c) => introspect(c.var.runtime, c.req.raw));
}

/** The response to an introspection request. Throws `StorageFault` for transient failures. */
export async function introspect(rt: Runtime, request: Request): Promise<Response> {
  const body = await readForm(request);
  if ("problem" in body) return oauthError({ status: 400, error: "invalid_request", description: body.problem });
  const token = body.fields.get("token");
  const presented = token === undefined ? undefined : await presentedToken(rt, token);
  const caller = await authenticateClient(rt, request.headers.get("authorization"), body.fields, presented?.read);
  if ("error" in caller) return oauthError(caller);
  if (caller.client.kind === "app") {
    return oauthError({ status: 401, error: "invalid_client", description: "Public clients cannot introspect" });
  }
  if (!presented) {
    return oauthError({ status: 400, error: "invalid_request", description: "token is missing" });
  }
  return oauthSuccess(await describe(rt, caller, presented));
}

/** Alexa's clients may introspect their own tokens; an add-on's service client and `service` clients their skills'. */
function mayIntrospect(caller: Client, owner: { readonly clientId: string; readonly skillId: string | null }): boolean {
  if (owner.skillId === null) return false;
  if (caller.kind === "alexa") return owner.clientId === caller.id;
  return caller.kind === "add_on_service"
    ? owner.skillId === caller.skillId
    : caller.kind === "service" && caller.skillIds.includes(owner.skillId);
}

/** Whether `owner` could get this token now: the client, its tier, the scopes and the resource still hold. */
function serviceTokenHolds(caller: Client, owner: Client | undefined, claims: AccessTokenClaims): boolean {
  return (
    owner?.clientCredentials === true &&
    owner.resource === claims.aud &&
    scopeNames(claims.scope).every((name) => owner.serviceScopes.includes(name)) &&
    mayIntrospect(caller, { clientId: owner.id, skillId: owner.skillId })
  );
}

/** What the caller may not introspect, and what opens nothing, is exactly `{"active":false}`. */
async function describe(
  rt: Runtime,
  caller: AuthenticatedClient,
  presented: PresentedToken,
): Promise<Record<string, unknown>> {
  const inactive = { active: false };
  const { client } = caller;
  const found = await findToken(rt, presented, await readPresented(rt, presented, caller), caller);
  if (!found) return inactive;
  const active = (claims: AccessTokenClaims) => ({ active: true, token_type: "Bearer", ...claims });
  if (found.kind === "service") {
    return serviceTokenHolds(client, found.client, found.claims) ? active(found.claims) : inactive;
  }
  const { grant } = found;
  if (!grant?.live || !mayIntrospect(client, grant)) return inactive;
  if (found.kind === "access") return found.claims.aud === audienceOf(rt, grant) ? active(found.claims) : inactive;
  if (isRetired(found)) return inactive;
  return {
    active: true,
    token_type: "refresh_token",
    client_id: grant.clientId,
    sub: grant.userId,
    scope: grant.scope,
    grant: grant.id,
    iss: rt.issuer,
    iat: Math.floor(grant.createdAt / 1000),
  };
}
