// Sign-in at the company's identity provider: OpenID Connect's code flow with PKCE, state and nonce.
import * as z from "zod/mini";
import { callForJson } from "../alexa/outbound.ts";
import { toBase64Url, utf8 } from "../crypto/encoding.ts";
import type { OidcConfig } from "../env.ts";
import type { Runtime } from "../runtime.ts";
import { isEmail, normalizeEmail } from "./email.ts";
import type { Departure, ExternalAttempt, ExternalOutcome } from "./external.ts";
import { callbackUri } from "./external.ts";
import { PROVIDER_LIMITS, type ProviderMetadata, providerMetadata, verifyProviderToken } from "./provider.ts";

const CLOCK_TOLERANCE_SECONDS = 60;
const LONGEST_CODE = 4096;
const LONGEST_TOKEN = 32 * 1024;

const tokenAnswer = z.object({
  id_token: z.string().check(z.maxLength(LONGEST_TOKEN)),
  access_token: z.catch(z.optional(z.string().check(z.maxLength(LONGEST_TOKEN))), undefined),
});
const idTokenClaims = z.object({
  sub: z.string().check(z.minLength(1), z.maxLength(255)),
  nonce: z.string(),
  iat: z.number(),
  aud: z.union([z.string(), z.array(z.string())]),
  azp: z.optional(z.string()),
});
const profileClaims = z.object({
  email: z.catch(z.optional(z.string().check(z.maxLength(320))), undefined),
  email_verified: z.catch(z.optional(z.boolean()), undefined),
  name: z.catch(z.optional(z.string().check(z.maxLength(200))), undefined),
});
type Profile = z.infer<typeof profileClaims>;

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

/** Who the provider says has come back. `iss` is the response's own (RFC 9207). Two or three calls to the provider. */
export async function oidcPerson(
  rt: Runtime,
  attempt: ExternalAttempt,
  response: { readonly code: string; readonly iss: string | null },
): Promise<ExternalOutcome> {
  const provider = await usableProvider(rt);
  if (!provider) return { outcome: "unavailable" };
  const { oidc, metadata } = provider;
  const issuerMissing = response.iss === null && metadata.authorization_response_iss_parameter_supported === true;
  if (issuerMissing || (response.iss !== null && response.iss !== oidc.issuer)) {
    return { outcome: "refused", reason: "issuer_mismatch" };
  }
  if (response.code.length > LONGEST_CODE) return { outcome: "refused", reason: "code_too_long" };
  const answer = await requestTokens(rt, provider, response.code, attempt.codeVerifier);
  if ("outcome" in answer) return answer;
  const claims = await verifyProviderToken(rt, answer.id_token, {
    issuer: oidc.issuer,
    audience: oidc.clientId,
    clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS,
  });
  if (claims === "unavailable") return { outcome: "unavailable" };
  if (claims === undefined) return { outcome: "refused", reason: "id_token_invalid" };
  const checked = idTokenClaims.safeParse(claims);
  if (!checked.success) return { outcome: "refused", reason: "id_token_incomplete" };
  const { sub, nonce, iat, aud, azp } = checked.data;
  if (nonce !== attempt.nonce) return { outcome: "refused", reason: "nonce_mismatch" };
  if (iat > rt.now() / 1000 + CLOCK_TOLERANCE_SECONDS)
    return { outcome: "refused", reason: "id_token_from_the_future" };
  // OpenID Connect Core §3.1.3.7: made for several, it must have been issued to us.
  const issuedTo = azp ?? (Array.isArray(aud) && aud.length > 1 ? undefined : oidc.clientId);
  if (issuedTo !== oidc.clientId) return { outcome: "refused", reason: "authorized_party_mismatch" };
  const own = profileClaims.parse(claims);
  const profile = own.email === undefined ? { ...own, ...(await userinfo(metadata, answer.access_token, sub)) } : own;
  return { outcome: "person", person: personOf(oidc.issuer, sub, profile) };
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

async function requestTokens(
  rt: Runtime,
  { oidc, metadata }: UsableProvider,
  code: string,
  codeVerifier: string,
): Promise<z.infer<typeof tokenAnswer> | Exclude<ExternalOutcome, { outcome: "person" }>> {
  const methods = metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
  const basic = methods.includes("client_secret_basic");
  if (!basic && !methods.includes("client_secret_post")) {
    return { outcome: "refused", reason: "client_authentication_unsupported" };
  }
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    code,
    redirect_uri: callbackUri(rt, "oidc"),
    code_verifier: codeVerifier,
    ...(basic ? {} : { client_id: oidc.clientId, client_secret: oidc.clientSecret }),
  });
  const headers: Record<string, string> = {
    "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
    accept: "application/json",
    ...(basic ? { authorization: basicCredentials(oidc.clientId, oidc.clientSecret) } : {}),
  };
  const init = { method: "POST", headers, body: body.toString() };
  const answer = await callForJson(metadata.token_endpoint, init, PROVIDER_LIMITS);
  if (!answer.answered || answer.status >= 500 || answer.status === 429) return { outcome: "unavailable" };
  if (answer.status !== 200) {
    // 401 means our own id or secret: the operator has to act, not the customer.
    const log = answer.status === 401 ? rt.log.alert : rt.log.warn;
    log("provider_refused_code", { status: answer.status });
    return { outcome: "refused", reason: "code_refused" };
  }
  const parsed = tokenAnswer.safeParse(answer.json);
  return parsed.success ? parsed.data : { outcome: "refused", reason: "token_answer_malformed" };
}

/** RFC 6749 §2.3.1: both parts form-encoded before they are joined. */
function basicCredentials(id: string, secret: string): string {
  const encode = (part: string) => new URLSearchParams({ x: part }).toString().slice(2);
  return `Basic ${btoa(`${encode(id)}:${encode(secret)}`)}`;
}

/** E-mail and name from the userinfo endpoint, for the same subject; nothing when it does not answer: they are labels only. */
async function userinfo(
  metadata: ProviderMetadata,
  accessToken: string | undefined,
  subject: string,
): Promise<Profile> {
  if (!metadata.userinfo_endpoint || accessToken === undefined) return {};
  const headers = { authorization: `Bearer ${accessToken}`, accept: "application/json" };
  const answer = await callForJson(metadata.userinfo_endpoint, { headers }, PROVIDER_LIMITS);
  if (!answer.answered || answer.status !== 200) return {};
  const parsed = z.extend(profileClaims, { sub: z.literal(subject) }).safeParse(answer.json);
  return parsed.success ? parsed.data : {};
}
