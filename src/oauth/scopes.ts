// Which scopes a request is granted. Add-ons have two tiers: only user-tier scopes get into tokens that have a user.
import type { Runtime } from "../runtime.ts";
import type { Client } from "../storage/clients/clients.ts";
import { findClient } from "./client-authentication.ts";

/** OpenID's scopes, which Alexa may ask of an add-on that does not have them. They are left out of the grant. */
const TOLERATED: readonly string[] = ["openid", "profile", "email", "offline_access"];

/** The names in a `scope` parameter, each once. */
export function scopeNames(scope: string): readonly string[] {
  return [...new Set(scope.split(" ").filter((name) => name !== ""))];
}

function isTolerated(client: Client, name: string): boolean {
  return client.resource !== null && TOLERATED.includes(name);
}

/** The names without those of OpenID's that an add-on does not have. */
export function withoutTolerated(client: Client, names: readonly string[]): readonly string[] {
  const registered = [...client.scopes, ...client.serviceScopes];
  return names.filter((name) => registered.includes(name) || !isTolerated(client, name));
}

/**
 * The scopes that an authorization request is granted; all of the client's when it asks for none. `invalid_scope`: one
 * is not the client's. `no_user_scope`: the add-on has no user tier, or only service-tier scopes were asked for.
 */
export function grantedScopes(
  client: Client,
  asked: readonly string[],
): readonly string[] | "invalid_scope" | "no_user_scope" {
  const { scopes, serviceScopes } = client;
  const known = (name: string) => scopes.includes(name) || serviceScopes.includes(name);
  if (!withoutTolerated(client, asked).every(known)) return "invalid_scope";
  const forUser = asked.filter((name) => scopes.includes(name));
  const asksForService = asked.some((name) => serviceScopes.includes(name));
  const granted = forUser.length > 0 || asksForService ? forUser : scopes;
  return granted.length === 0 && client.resource !== null ? "no_user_scope" : granted;
}

/** The scope of a grant or code without names that are service tier now. */
export function userTier({ resource, serviceScopes }: Client, scope: string): string {
  if (resource === null) return scope;
  return scopeNames(scope)
    .filter((name) => !serviceScopes.includes(name))
    .join(" ");
}

/**
 * The client, if the scope of a grant or code has a name of its user tier. Else it is read from D1, because a cached
 * client may not refuse. Undefined when the scope has none there either: no token can be issued, and the grant stays.
 */
export async function clientWithUserTier(rt: Runtime, client: Client, scope: string): Promise<Client | undefined> {
  if (client.resource === null || userTier(client, scope) !== "") return client;
  const fresh = await findClient(rt, client.id, true);
  return fresh && userTier(fresh, scope) !== "" ? fresh : undefined;
}

/** The scope that a refresh asks for, if the grant covers it (RFC 6749 §6); the grant's own when it asks for none. */
export function narrowScope(client: Client, asked: string | undefined, granted: string): string | undefined {
  const all = scopeNames(granted);
  const wanted = scopeNames(asked ?? "").filter((name) => all.includes(name) || !isTolerated(client, name));
  if (wanted.length === 0) return granted;
  return wanted.every((name) => all.includes(name)) ? wanted.join(" ") : undefined;
}
