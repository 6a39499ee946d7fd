// The checks of an Alexa+ add-on's metadata and tokens.
import type { Check } from "../report.ts";

export const AUTHENTICATION = "Amazon, Alexa+ MCP toolkit, Authentication";
const LINKING = "Amazon, Alexa+ MCP toolkit, Account Linking";
export const QUICKSTART = "Amazon, Alexa+ MCP toolkit, QuickStart";
const DEPLOY = "The command alexa-ai deploy refuses the add-on.";
export const NO_TOOLS = "Alexa+ cannot list the add-on's tools, so it never offers them.";

/** A check of this area. */
export function check(
  id: string,
  severity: Check["severity"],
  title: string,
  effect: string,
  remedy: string,
  source: string,
): Check {
  return { id: `mcp_${id}`, severity, title, effect, remedy, source };
}

/** Metadata of the MCP host and of the authorization server. The names are those of the simulator's library. */
export const METADATA = {
  resource_document: check(
    "resource_document",
    "fail",
    "The MCP host serves protected-resource metadata",
    `${DEPLOY} Alexa+ does not find the authorization server.`,
    "Serve a JSON document at /.well-known/oauth-protected-resource of the MCP server's host, with status 200 and without a redirect.",
    `RFC 9728 §3.1; ${LINKING}`,
  ),
  resource_document_at_both: check(
    "resource_document_at_both",
    "warn",
    "The metadata is at both addresses",
    "RFC 9728 puts the document at the address with the MCP server's path, Amazon's pages name the one without. A client that knows only the other one finds nothing.",
    "Serve the same document at /.well-known/oauth-protected-resource and at that address followed by the MCP server's path.",
    "RFC 9728 §3.1",
  ),
  resource_exact: check(
    "resource_exact",
    "fail",
    "The metadata's resource is the MCP server's URI",
    "Alexa+ asks for tokens for another resource than the one that the add-on's manifest names. Linking fails.",
    "Write the URI exactly as in the add-on's manifest: upper case, port and a slash at the end count.",
    `RFC 9728 §3.3; ${QUICKSTART}`,
  ),
  authorization_server: check(
    "authorization_server",
    "fail",
    "The metadata's first authorization server is this one",
    "Alexa+ uses the first entry of authorization_servers only. It sends customers to another server, or to none.",
    "Put the issuer of the authorization server first, byte for byte as in its own metadata, without a slash at the end that it does not have.",
    `RFC 9728 §2; ${LINKING}`,
  ),
  resource_scopes: check(
    "resource_scopes",
    "warn",
    "scopes_supported lists the scopes of customers",
    "Alexa+ asks customers for these scopes. Without the list it asks for none; with mcp:service in it, it asks customers for a scope that is not theirs.",
    "List the scopes of the user tier, such as mcp:tools and mcp:resources, and not mcp:service.",
    LINKING,
  ),
  server_document: check(
    "server_document",
    "fail",
    "The authorization server has metadata",
    DEPLOY,
    "Serve /.well-known/oauth-authorization-server at the issuer, before the path if the issuer has one.",
    `RFC 8414 §3.1; ${AUTHENTICATION}`,
  ),
  server_issuer: check(
    "server_issuer",
    "warn",
    "The metadata's issuer is the address that led to it",
    "Clients that check the issuer refuse the metadata.",
    "Write the same issuer in both documents, byte for byte.",
    "RFC 8414 §3.3",
  ),
  server_endpoints: check(
    "server_endpoints",
    "fail",
    "The metadata names both endpoints",
    DEPLOY,
    "Add authorization_endpoint and token_endpoint with absolute URLs.",
    "RFC 8414 §2",
  ),
  server_pkce: check(
    "server_pkce",
    "fail",
    "The metadata lists S256",
    DEPLOY,
    'Add "code_challenge_methods_supported": ["S256"].',
    AUTHENTICATION,
  ),
  server_grant_types: check(
    "server_grant_types",
    "fail",
    "The metadata lists the three grant types",
    DEPLOY,
    "List client_credentials, authorization_code and refresh_token in grant_types_supported.",
    AUTHENTICATION,
  ),
  server_client_secret_basic: check(
    "server_client_secret_basic",
    "fail",
    "The token endpoint takes HTTP Basic",
    "Alexa+ presents its secret with HTTP Basic, and is refused.",
    "Support client_secret_basic, and list it in token_endpoint_auth_methods_supported.",
    AUTHENTICATION,
  ),
  server_scopes: check(
    "server_scopes",
    "warn",
    "The metadata lists the scopes of both tiers",
    "Clients that look for their scope in the metadata do not find it.",
    "List mcp:service and the scopes of customers in scopes_supported.",
    AUTHENTICATION,
  ),
} as const;

/** The token without a customer. The names are those of the simulator's library. */
export const SERVICE_TOKEN = {
  service_token_issued: check(
    "service_token_issued",
    "fail",
    "Client credentials give a service token",
    NO_TOOLS,
    "Allow the grant type client_credentials for Alexa's client, with HTTP Basic, the scope mcp:service and the resource.",
    `${AUTHENTICATION}; RFC 6749 §4.4`,
  ),
  service_token_type: check(
    "service_token_type",
    "fail",
    "The service token's type is Bearer",
    NO_TOOLS,
    'Return "token_type": "Bearer".',
    "RFC 6749 §5.1",
  ),
  service_token_life: check(
    "service_token_life",
    "fail",
    "A service token lives for at most an hour",
    "Certification fails: Amazon allows service tokens of at most 3600 seconds.",
    "Set expires_in of client_credentials to 3600 or less, in seconds.",
    AUTHENTICATION,
  ),
  service_token_no_refresh: check(
    "service_token_no_refresh",
    "fail",
    "A service token comes without a refresh token",
    "Certification fails: a refresh token without a customer is a credential that is never revoked.",
    "Return no refresh_token for client_credentials.",
    `${AUTHENTICATION}; RFC 6749 §4.4.3`,
  ),
  service_token_scope: check(
    "service_token_scope",
    "fail",
    "A service token has mcp:service and no scope of customers",
    "A token without a customer could open customers' data.",
    "Grant only scopes of the service tier for client_credentials.",
    AUTHENTICATION,
  ),
} as const;

export const TOKENS = {
  serviceAudience: check(
    "service_token_audience",
    "fail",
    "The service token is for the MCP server",
    "An MCP server that checks the audience, as it must, refuses Alexa+.",
    "Set aud of the token to the resource, byte for byte.",
    `${AUTHENTICATION}; RFC 8707 §2`,
  ),
  refusesUserScope: check(
    "service_token_refuses_user_scope",
    "fail",
    "Client credentials give no scope of customers",
    "A token without a customer could open customers' data.",
    "Refuse scopes of the user tier for client_credentials with invalid_scope.",
    AUTHENTICATION,
  ),
  refusesOtherResource: check(
    "service_token_refuses_other_resource",
    "fail",
    "Client credentials give no token for another resource",
    "Alexa's client gets tokens that other servers accept.",
    "Compare resource byte by byte with the registered URI, and refuse others with invalid_target.",
    `RFC 8707 §2; ${AUTHENTICATION}`,
  ),
  errors: check(
    "token_errors",
    "warn",
    "Refusals are errors of RFC 6749",
    "Alexa+ cannot tell a wrong request from an outage.",
    'Return status 400 with JSON such as {"error":"invalid_scope"}.',
    "RFC 6749 §5.2",
  ),
  authorizeScopes: check(
    "authorize_accepts_scopes",
    "fail",
    "An authorization request with openid, the scopes and the resource is accepted",
    "Customers see an error page, or are sent back to Alexa without a link.",
    "Accept the scopes of scopes_supported, ignore openid if you do not offer it, and accept the registered resource.",
    `${LINKING}; ${QUICKSTART}`,
  ),
  authorizePkce: check(
    "authorize_requires_pkce",
    "warn",
    "An authorization request without PKCE is refused",
    "A stolen code can be redeemed by someone who got the client's secret.",
    "Refuse requests without code_challenge with invalid_request for this client.",
    "OAuth 2.1 §4.1.1; RFC 9700 §2.1.1",
  ),
  authorizeResource: check(
    "authorize_refuses_other_resource",
    "warn",
    "An authorization request for another resource is refused",
    "A customer is asked for consent to something that the add-on is not.",
    "Compare resource byte by byte, with a slash at the end counting, and redirect with error=invalid_target.",
    "RFC 8707 §2",
  ),
  codeResource: check(
    "code_refuses_other_resource",
    "fail",
    "A code is not redeemed for another resource",
    "A token for another server is issued, which the customer never consented to.",
    "Validate resource at the token endpoint against the registered URI, and refuse others with invalid_target.",
    `${QUICKSTART}; RFC 8707 §2.2`,
  ),
  userIssued: check(
    "user_token_issued",
    "fail",
    "A customer's code gives an access token",
    "Linking fails after the customer has signed in.",
    "Accept the code with HTTP Basic, the verifier, the redirect URI and the resource.",
    AUTHENTICATION,
  ),
  userRefresh: check(
    "user_token_has_refresh_token",
    "fail",
    "A customer's token comes with a refresh token",
    "Customers have to link again each time that the access token expires.",
    "Return a refresh_token with every token of a customer, without asking for a special scope.",
    LINKING,
  ),
  userScope: check(
    "user_token_scope",
    "fail",
    "A customer's token does not have mcp:service",
    "The two tiers can no longer be told apart.",
    "Leave scopes of the service tier out of what a customer grants.",
    AUTHENTICATION,
  ),
  userAudience: check(
    "user_token_audience",
    "fail",
    "A customer's token is for the MCP server",
    "An MCP server that checks the audience, as it must, refuses the customer, and Alexa+ asks to link again.",
    "Set aud of the token to the resource of the authorization request, byte for byte.",
    `${AUTHENTICATION}; RFC 8707 §2`,
  ),
  refreshAudience: check(
    "refresh_keeps_the_resource",
    "fail",
    "A refresh without resource keeps the audience",
    "Alexa+ sends no resource when it refreshes. After an hour the MCP server refuses the new token.",
    "Remember the resource with the grant, and use it for each refreshed token.",
    `${QUICKSTART}; RFC 8707 §2.2`,
  ),
} as const;
