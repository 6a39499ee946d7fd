// Authorization server metadata (RFC 8414) and the public key set: no storage call when warm, cacheable.
import type { Hono } from "hono/tiny";
import { SKILL_SCOPES_CACHE_MS } from "../caches.ts";
import type { AppEnv, Runtime } from "../runtime.ts";
import { readScopeNames } from "../storage/skills/skills.ts";
import { StorageFault } from "../storage/sql.ts";
import { LINKS_SCOPE } from "./bearer.ts";
import { CAPABILITIES } from "./capabilities.ts";
import { JWKS_MAX_AGE_SECONDS, publicKeySet } from "./keys.ts";

/**
 * The names of all skills' scopes, at most half a minute old. While D1 does not respond they are the last known; when
 * there are none, this throws `StorageFault`.
 */
async function skillScopes(rt: Runtime): Promise<readonly string[]> {
  const now = rt.now();
  const cached = rt.caches.skillScopes(now);
  if (cached) return cached;
  try {
    const names = await readScopeNames(rt.db);
    rt.caches.rememberSkillScopes(names, now);
    return names;
  } catch (error) {
    const lastKnown = rt.caches.skillScopes();
    if (!(error instanceof StorageFault) || !lastKnown) throw error;
    rt.log.warn("storage_fault", { path: "metadata", message: error.message.slice(0, 300) });
    return lastKnown;
  }
}

/** Adds these routes to a router. */
export function metadataRoutes(app: Hono<AppEnv>): void {
  // The second address is for gateways that read nothing else.
  app
    .on("GET", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"], async (c) => {
      const rt = c.var.runtime;
      const { issuer } = rt;
      // Sorted, so that the document stays the same byte for byte.
      const scopes = [...new Set([LINKS_SCOPE, ...(await skillScopes(rt))])].toSorted();
      c.header("cache-control", `public, max-age=${SKILL_SCOPES_CACHE_MS / 1000}`);
      c.header("access-control-allow-origin", "*");
      return c.json({
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        revocation_endpoint: `${issuer}/revoke`,
        introspection_endpoint: `${issuer}/introspect`,
        userinfo_endpoint: `${issuer}/userinfo`,
        jwks_uri: `${issuer}/.well-known/jwks.json`,
        scopes_supported: scopes,
        response_types_supported: CAPABILITIES.responseTypes,
        response_modes_supported: CAPABILITIES.responseModes,
        grant_types_supported: CAPABILITIES.grantTypes,
        token_endpoint_auth_methods_supported: CAPABILITIES.authMethods,
        revocation_endpoint_auth_methods_supported: CAPABILITIES.authMethods,
        introspection_endpoint_auth_methods_supported: CAPABILITIES.confidentialAuthMethods,
        code_challenge_methods_supported: CAPABILITIES.challengeMethods,
        authorization_response_iss_parameter_supported: false,
        service_documentation: `${issuer}/docs`,
      });
    })
    .get("/.well-known/jwks.json", async (c) => {
      c.header("cache-control", `public, max-age=${JWKS_MAX_AGE_SECONDS}`);
      c.header("access-control-allow-origin", "*");
      return c.json(await publicKeySet(c.var.runtime));
    });
}
