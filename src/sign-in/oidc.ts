// Sign-in at the company's identity provider: OpenID Connect's code flow with PKCE, state and nonce.
import * as z from "zod/mini";
import { toBase64Url, utf8 } from "../crypto/encoding.ts";
import type { OidcConfig } from "../env.ts";
import { callForJson } from "../http/outbound.ts";
import type { Runtime } from "../runtime.ts";
import { tolerant } from "../tolerant.ts";
import { isEmail, normalizeEmail } from "./email.ts";
import type { Departure, ExternalAttempt, ExternalOutcome } from "./external.ts";
import { callbackUri } from "./external.ts";
import { PROVIDER_LIMITS, type ProviderMetadata, providerMetadata, verifyProviderToken } from "./provider.ts";

const CLOCK_TOLERANCE_SECONDS = 60;
const LONGEST_CODE = 4096;
const LONGEST_SUBJECT = 255;

const profileClaims = z.object({
  email: tolerant(z.string().check(z.maxLength(320))),
  email_verified: tolerant(z.boolean()),
  name: tolerant(z.string().check(z.maxLength(200))),
});
type Profile = z.infer<typeof profileClaims>;

const tokenAnswer = z.object({
  id_token: z.string(),
  access_token: z.string(),
  token_type: z.string().check(z.regex(/^bearer$/i)),
});

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

/** Whether the provider can be sent to: its endpoints are known. */
export async function oidcReachable(rt: Runtime): Promise<boolean> {
  return (await usableProvider(rt)) !== undefined;
}

/** The S256 challenge of a verifier (RFC 7636 §4.2). */
export async function s256(codeVerifier: string): Promise<string> {
  return toBase64Url(await crypto.subtle.digest("SHA-256", utf8(codeVerifier)));
}

/** Where to send the browser (OpenID Connect Core §3.1.2.1); `reauthenticate` after "not you?". undefined: unreachable. */
export async function oidcAuthorizationUrl(
  rt: Runtime,
  departure: Departure,
  reauthenticate: boolean,
): Promise<string | undefined> {
  const provider = await usableProvider(rt);
  if (!provider) return undefined;
  const url = new URL(provider.metadata.authorization_endpoint);
  const parameters = {
    response_type: "code",
    client_id: provider.oidc.clientId,
    redirect_uri: departure.redirectUri,
    scope: provider.oidc.scopes,
    state: departure.state,
    nonce: departure.nonce,
    code_challenge: await s256(departure.codeVerifier),
    code_challenge_method: "S256",
    ...(reauthenticate ? { prompt: "login" } : {}),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** Who the provider says has come back. `response` is the callback's own query. Two or three calls to the provider. */
export async function oidcPerson(
  rt: Runtime,
  attempt: ExternalAttempt,
  response: { readonly code: string; readonly iss: string | null },
): Promise<ExternalOutcome> {
  const provider = await usableProvider(rt);
  if (!provider) return { outcome: "unavailable" };
  if (response.code.length > LONGEST_CODE) return { outcome: "refused", reason: "code_too_long" };
  if (!isFromIssuer(provider, response.iss)) return { outcome: "refused", reason: "issuer_mismatch" };
  const request = tokenRequest(provider, {
    grant_type: "authorization_code",
    code: response.code,
    redirect_uri: callbackUri(rt, "oidc"),
    code_verifier: attempt.codeVerifier,
  });
  if (!request) return { outcome: "refused", reason: "client_authentication_unsupported" };
  const answer = await callForJson(provider.metadata.token_endpoint, request, PROVIDER_LIMITS);
  if (!answer.answered || answer.status >= 500 || answer.status === 429) return { outcome: "unavailable" };
  if (answer.status !== 200) {
    // 401 means our own id or secret: the operator has to act, not the customer.
    const log = answer.status === 401 ? rt.log.alert : rt.log.warn;
    log("provider_refused_code", { status: answer.status });
    return { outcome: "refused", reason: "code_refused" };
  }
  const tokens = tokenAnswer.safeParse(answer.json);
  if (!tokens.success) return { outcome: "refused", reason: "provider_answer_malformed" };
  return personOfTokens(rt, provider, tokens.data, attempt.nonce);
}

/** Whether the issuer in the callback, if any, is the provider's (RFC 9207 §2.4): another's code must not be sent to it. */
function isFromIssuer({ oidc, metadata }: UsableProvider, iss: string | null): boolean {
  return iss === null ? !metadata.authorization_response_iss_parameter_supported : iss === oidc.issuer;
}

/** The token request as the provider wants its client to prove itself (RFC 6749 §2.3.1); undefined: in no way that we know. */
function tokenRequest(
  { oidc, metadata }: UsableProvider,
  parameters: Readonly<Record<string, string>>,
): RequestInit | undefined {
  const methods = metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
  const headers = { "content-type": "application/x-www-form-urlencoded;charset=UTF-8", accept: "application/json" };
  const body = new URLSearchParams(parameters);
  if (methods.includes("client_secret_basic")) {
    const credentials = btoa(`${formEncoded(oidc.clientId)}:${formEncoded(oidc.clientSecret)}`);
    return { method: "POST", headers: { ...headers, authorization: `Basic ${credentials}` }, body: body.toString() };
  }
  if (!methods.includes("client_secret_post")) return undefined;
  body.set("client_id", oidc.clientId);
  body.set("client_secret", oidc.clientSecret);
  return { method: "POST", headers, body: body.toString() };
}

function formEncoded(text: string): string {
  return new URLSearchParams([["", text]]).toString().slice(1);
}

/** The checks of an id token (OpenID Connect Core §3.1.3.7), its signature by the provider's keys first. */
async function personOfTokens(
  rt: Runtime,
  { oidc, metadata }: UsableProvider,
  tokens: z.infer<typeof tokenAnswer>,
  nonce: string,
): Promise<ExternalOutcome> {
  const claims = await verifyProviderToken(rt, tokens.id_token, {
    issuer: oidc.issuer,
    audience: oidc.clientId,
    clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS,
  });
  if (claims === "unavailable") return { outcome: "unavailable" };
  if (!claims?.sub || claims.sub.length > LONGEST_SUBJECT || claims.iat === undefined) {
    return { outcome: "refused", reason: "id_token_invalid" };
  }
  if (claims.nonce !== nonce) return { outcome: "refused", reason: "nonce_mismatch" };
  const forOthersToo = Array.isArray(claims.aud) && claims.aud.length > 1;
  if (claims.azp === undefined ? forOthersToo : claims.azp !== oidc.clientId) {
    return { outcome: "refused", reason: "authorized_party_mismatch" };
  }
  if (claims.iat > rt.now() / 1000 + CLOCK_TOLERANCE_SECONDS) {
    return { outcome: "refused", reason: "id_token_from_the_future" };
  }
  const own = profileClaims.parse(claims);
  const profile =
    own.email === undefined ? { ...own, ...(await userinfo(metadata, tokens.access_token, claims.sub)) } : own;
  return { outcome: "person", person: personOf(oidc.issuer, claims.sub, profile) };
}

function personOf(issuer: string, subject: string, profile: Profile) {
  const email = profile.email === undefined ? "" : normalizeEmail(profile.email);
  const name = profile.name?.replace(/\p{Cc}/gu, " ").trim();
  return {
    key: { method: "oidc", issuer, subject } as const,
    email: profile.email_verified !== false && isEmail(email) ? email : null,
    name: name ? name : null,
  };
}

/** E-mail and name from the userinfo endpoint, for the same subject; nothing when it does not answer: they are labels only. */
async function userinfo(metadata: ProviderMetadata, accessToken: string, subject: string): Promise<Profile> {
  if (!metadata.userinfo_endpoint) return {};
  const headers = { authorization: `Bearer ${accessToken}`, accept: "application/json" };
  const answer = await callForJson(metadata.userinfo_endpoint, { headers }, PROVIDER_LIMITS);
  if (!answer.answered || answer.status !== 200) return {};
  const parsed = z.extend(profileClaims, { sub: z.literal(subject) }).safeParse(answer.json);
  return parsed.success ? parsed.data : {};
}
