// Sign-in at the company's identity provider: OpenID Connect's code flow with PKCE, state and nonce.
import * as oauth from "oauth4webapi";
import * as z from "zod/mini";
import { sha256 } from "../crypto/hash.ts";
import type { OidcConfig } from "../env.ts";
import { callForJson, fetchOut, OutboundError } from "../http/outbound.ts";
import type { Runtime } from "../runtime.ts";
import { callbackUri, type ExternalAttempt, type ExternalOutcome, type ProviderRequest } from "./external.ts";
import { type Claims, isPlainlyTrue, labelsOf } from "./labels.ts";
import {
  PROVIDER_ALGORITHMS,
  PROVIDER_LIMITS,
  type ProviderMetadata,
  providerMetadata,
  verifyProviderToken,
} from "./provider.ts";

const CLOCK_TOLERANCE_SECONDS = 60;
const LONGEST_CODE = 4096;
const LONGEST_SUBJECT = 255;

interface UsableProvider {
  readonly oidc: OidcConfig & { readonly clientId: string; readonly clientSecret: string };
  readonly metadata: ProviderMetadata & { readonly authorization_endpoint: string; readonly token_endpoint: string };
}

async function usableProvider(rt: Runtime): Promise<UsableProvider | undefined> {
  const { oidc } = rt.config;
  if (!oidc?.clientId || !oidc.clientSecret) return undefined;
  const metadata = await providerMetadata(rt, oidc.issuer);
  if (!metadata?.authorization_endpoint || !metadata.token_endpoint) return undefined;
  return {
    oidc: { ...oidc, clientId: oidc.clientId, clientSecret: oidc.clientSecret },
    metadata: {
      ...metadata,
      authorization_endpoint: metadata.authorization_endpoint,
      token_endpoint: metadata.token_endpoint,
    },
  };
}

/** Whether the provider's endpoints are known, so that a browser can be redirected there. */
export async function oidcReachable(rt: Runtime): Promise<boolean> {
  return (await usableProvider(rt)) !== undefined;
}

/** The URL to redirect the browser to (OpenID Connect Core §3.1.2.1); undefined when the provider cannot be reached. */
export async function oidcAuthorizationUrl(
  rt: Runtime,
  request: ProviderRequest,
  reauthenticate: boolean,
): Promise<string | undefined> {
  const provider = await usableProvider(rt);
  if (!provider) return undefined;
  const url = new URL(provider.metadata.authorization_endpoint);
  const parameters = {
    response_type: "code",
    client_id: provider.oidc.clientId,
    redirect_uri: request.redirectUri,
    scope: provider.oidc.scopes,
    state: request.state,
    nonce: request.nonce,
    code_challenge: await sha256(request.codeVerifier),
    code_challenge_method: "S256",
    ...(reauthenticate ? { prompt: "login" } : {}),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** The person that the provider names for the code in `response`, the callback's parameters. Two or three calls. */
export async function oidcPerson(
  rt: Runtime,
  attempt: ExternalAttempt,
  response: { readonly code: string; readonly iss: string | null },
): Promise<ExternalOutcome> {
  const provider = await usableProvider(rt);
  if (!provider) return { outcome: "unavailable" };
  if (response.code.length > LONGEST_CODE) return { outcome: "refused", reason: "code_too_long" };
  // The library treats an empty issuer as a missing one.
  if (response.iss === "") return { outcome: "refused", reason: "issuer_mismatch" };
  const { as, client } = asLibrarySees(rt, provider);
  try {
    // The state was compared when the attempt was taken. This checks the issuer (RFC 9207).
    const query = new URLSearchParams({ code: response.code, ...(response.iss === null ? {} : { iss: response.iss }) });
    const parameters = oauth.validateAuthResponse(as, client, query, oauth.skipStateCheck);
    const authentication = clientAuthentication(provider);
    if (!authentication) return { outcome: "refused", reason: "client_authentication_unsupported" };
    const tokenResponse = await oauth.authorizationCodeGrantRequest(
      as,
      client,
      authentication,
      parameters,
      callbackUri(rt, "oidc"),
      attempt.codeVerifier,
      requestOptions(provider),
    );
    if (tokenResponse.status >= 500 || tokenResponse.status === 429) return { outcome: "unavailable" };
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, tokenResponse, {
      expectedNonce: attempt.nonce,
      requireIdToken: true,
    });
    return await personOfTokens(rt, provider, tokens);
  } catch (error) {
    return outcomeOfError(rt, error);
  }
}

/** The library checks the id token's claims but not its signature; this does. */
async function personOfTokens(
  rt: Runtime,
  { oidc, metadata }: UsableProvider,
  tokens: oauth.TokenEndpointResponse,
): Promise<ExternalOutcome> {
  const claims = await verifyProviderToken(rt, tokens.id_token ?? "", {
    issuer: oidc.issuer,
    audience: oidc.clientId,
    clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS,
  });
  if (claims === "unavailable") return { outcome: "unavailable" };
  if (claims?.sub === undefined || claims.sub === "" || claims.sub.length > LONGEST_SUBJECT) {
    return { outcome: "refused", reason: "id_token_invalid" };
  }
  // OpenID Connect Core §3.1.3.7. The library checks this only when the audience is a list.
  if (claims.azp !== undefined && claims.azp !== oidc.clientId) {
    return { outcome: "refused", reason: "authorized_party_mismatch" };
  }
  if ((claims.iat ?? 0) > rt.now() / 1000 + CLOCK_TOLERANCE_SECONDS) {
    return { outcome: "refused", reason: "id_token_from_the_future" };
  }
  const key = { method: "oidc", issuer: oidc.issuer, subject: claims.sub } as const;
  const own = labelsOf(claims, claims.sub);
  if (claims.email !== undefined && (own.email ?? own.name) !== null) {
    return { outcome: "person", person: { key, ...own } };
  }
  const more = await userinfo(metadata, tokens.access_token, claims.sub);
  const addresses = claims.email === undefined ? more : claims;
  return {
    outcome: "person",
    person: {
      key,
      email: addresses && labelsOf(addresses, claims.sub).email,
      name: labelsOf({ ...more, ...claims }, claims.sub).name,
    },
  };
}

function asLibrarySees(
  rt: Runtime,
  { oidc, metadata }: UsableProvider,
): { as: oauth.AuthorizationServer; client: oauth.Client } {
  const { authorization_endpoint, token_endpoint, jwks_uri, authorization_response_iss_parameter_supported } = metadata;
  return {
    as: {
      issuer: oidc.issuer,
      authorization_endpoint,
      token_endpoint,
      jwks_uri,
      // Pinned: the provider's metadata does not decide.
      id_token_signing_alg_values_supported: PROVIDER_ALGORITHMS,
      authorization_response_iss_parameter_supported: isPlainlyTrue(authorization_response_iss_parameter_supported),
    },
    client: {
      client_id: oidc.clientId,
      [oauth.clockTolerance]: CLOCK_TOLERANCE_SECONDS,
      [oauth.clockSkew]: rt.clockSkewSeconds(),
    },
  };
}

function clientAuthentication({ oidc, metadata }: UsableProvider): oauth.ClientAuth | undefined {
  const methods = metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
  if (methods.includes("client_secret_basic")) return oauth.ClientSecretBasic(oidc.clientSecret);
  return methods.includes("client_secret_post") ? oauth.ClientSecretPost(oidc.clientSecret) : undefined;
}

/** Every call goes through `fetchOut`. Plain http is allowed for a provider on this machine only. */
function requestOptions({ oidc }: UsableProvider) {
  return {
    [oauth.customFetch]: (url: string, init: oauth.CustomFetchOptions<string, URLSearchParams>) =>
      fetchOut(url, { method: init.method, headers: init.headers, body: init.body.toString() }, PROVIDER_LIMITS),
    [oauth.allowInsecureRequests]: oidc.issuer.startsWith("http://"),
  };
}

function outcomeOfError(rt: Runtime, error: unknown): ExternalOutcome {
  if (error instanceof OutboundError) return { outcome: "unavailable" };
  if (error instanceof oauth.ResponseBodyError || error instanceof oauth.WWWAuthenticateChallengeError) {
    // 401: our client id or secret is wrong, so the operator must act.
    const log = error.status === 401 ? rt.log.alert : rt.log.warn;
    if (error.status === 401) rt.metrics.count("provider_client_refused");
    log("provider_refused_code", { status: error.status });
    return { outcome: "refused", reason: "code_refused" };
  }
  if (
    error instanceof oauth.OperationProcessingError ||
    error instanceof oauth.AuthorizationResponseError ||
    error instanceof oauth.UnsupportedOperationError
  ) {
    const code = "code" in error && typeof error.code === "string" ? error.code : "malformed";
    return { outcome: "refused", reason: `provider_response_${code.replace(/^OAUTH_/, "").toLowerCase()}` };
  }
  throw error;
}

/** Claims from userinfo about the same subject; empty when the provider has no userinfo, undefined when it fails. */
async function userinfo(
  metadata: ProviderMetadata,
  accessToken: string | undefined,
  subject: string,
): Promise<Claims | undefined> {
  if (!metadata.userinfo_endpoint || accessToken === undefined) return {};
  const headers = { authorization: `Bearer ${accessToken}`, accept: "application/json" };
  const response = await callForJson(metadata.userinfo_endpoint, { headers }, PROVIDER_LIMITS);
  if (!response.responded || response.status !== 200) return undefined;
  const parsed = z.record(z.string(), z.unknown()).safeParse(response.json);
  return parsed.success && parsed.data.sub === subject ? parsed.data : undefined;
}
