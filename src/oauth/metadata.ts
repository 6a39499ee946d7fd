// Authorization server metadata (RFC 8414) and the public key set: no storage call when warm, cacheable.
import { Hono } from "hono/tiny";
import type { AppContext, AppEnv } from "../runtime.ts";
import { LINKS_SCOPE } from "./bearer.ts";
import { CAPABILITIES } from "./capabilities.ts";
import { JWKS_MAX_AGE_SECONDS, publicKeySet } from "./keys.ts";

const METADATA_MAX_AGE_SECONDS = 3600;

export const metadataRoutes = new Hono<AppEnv>()
  // The second address is for gateways that read nothing else.
  .on("GET", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"], (c) => {
    const { issuer } = c.var.runtime;
    c.header("cache-control", `public, max-age=${METADATA_MAX_AGE_SECONDS}`);
    c.header("access-control-allow-origin", "*");
    return c.json({
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      revocation_endpoint: `${issuer}/revoke`,
      introspection_endpoint: `${issuer}/introspect`,
      userinfo_endpoint: `${issuer}/userinfo`,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      scopes_supported: [LINKS_SCOPE],
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
    return c.json(await publicKeySet((c as AppContext).var.runtime));
  });
