// Login with Amazon's token endpoint, with a skill's LWA credentials.
import * as z from "zod/mini";
import { sha256 } from "../crypto/hash.ts";
import { callForJson, type OutboundErrorReason, responseTag } from "../http/outbound.ts";
import type { Runtime } from "../runtime.ts";
import { schemaOf } from "../schema-of.ts";
import type { AmazonTokens } from "../storage/amazon/amazon-tokens.ts";
import type { LwaCredentials } from "../storage/skills/skills.ts";

/** A code that Amazon issued. Only Login with Amazon redeems it; the enablement call takes one of ours. */
export type AmazonCode = string & { readonly brand: "AmazonCode" };

/** Amazon documents no length. Codes seen are about 20 characters. */
const MAX_AMAZON_CODE = 2048;

/** A value from a callback or an app as Amazon's code; undefined when it cannot be one. */
export function toAmazonCode(value: string): AmazonCode | undefined {
  return /^[\x21-\x7e]+$/.test(value) && value.length <= MAX_AMAZON_CODE ? (value as AmazonCode) : undefined;
}

export type LwaOutcome = LwaInterpretation & {
  /** The HTTP status and the error, as `responseTag`. */
  readonly response: string;
};
type LwaInterpretation =
  | { readonly outcome: "tokens"; readonly tokens: AmazonTokens }
  /** Amazon refused; `error` is its error code, reduced to letters, digits and underscores. */
  | { readonly outcome: "rejected"; readonly error: string }
  /** No usable response. The same code or token may be presented again. */
  | { readonly outcome: "unavailable"; readonly reason: LwaFailureReason; readonly retryAfter?: number | undefined };
export type LwaFailureReason = OutboundErrorReason | "server_error" | "throttled" | "malformed";

export const LWA_TIMEOUT_MS = 5000;
/** An upper bound for what Amazon may respond. */
const LONGEST_LIFE_SECONDS = 365 * 86_400;
/** An access token that expires sooner is refreshed before use. */
export const EXPIRY_MARGIN_MS = 60_000;

const lifetimeSeconds = () =>
  z.union([z.number().check(z.positive()), z.pipe(z.string().check(z.regex(/^\d{1,9}$/)), z.transform(Number))]);
// Amazon's tokens have up to 2,048 bytes; the bounds only keep unexpected responses out of storage.
const token = () => z.string().check(z.minLength(1), z.maxLength(8192));
const tokenResponse = () =>
  z.object({
    access_token: token(),
    refresh_token: z.optional(token()),
    expires_in: lifetimeSeconds(),
  });
const errorResponse = () => z.object({ error: z.string().check(z.minLength(1)) });

/** Redeems Amazon's code (RFC 6749 §4.1.3, with the verifier in the body). Takes at most five seconds. */
export function exchangeAmazonCode(
  rt: Runtime,
  credentials: LwaCredentials,
  exchange: { readonly code: AmazonCode; readonly redirectUri: string; readonly codeVerifier: string },
): Promise<LwaOutcome> {
  return requestTokens(rt, credentials, {
    grant_type: "authorization_code",
    code: exchange.code,
    redirect_uri: exchange.redirectUri,
    code_verifier: exchange.codeVerifier,
  });
}

/** Redeems a code from AcceptGrant or reciprocal authorization, which has no redirect URI. */
export function exchangeGrantCode(rt: Runtime, credentials: LwaCredentials, code: AmazonCode): Promise<LwaOutcome> {
  return requestTokens(rt, credentials, { grant_type: "authorization_code", code });
}

/** Refreshes a developer's tokens for the Skill Management API. */
export function refreshForDeveloper(
  rt: Runtime,
  credentials: LwaCredentials,
  refreshToken: string,
): Promise<LwaOutcome> {
  return requestTokens(rt, credentials, { grant_type: "refresh_token", refresh_token: refreshToken }, refreshToken);
}

export type RefreshOutcome =
  | { readonly outcome: "tokens"; readonly tokens: AmazonTokens }
  /** The pair that got the tokens cannot refresh them any more (`invalid_grant`). The link may live on at Alexa. */
  | { readonly outcome: "ended" }
  /** No usable response, or a refusal that may be due to our client pair: the tokens may work later. */
  | { readonly outcome: "unavailable" };

/** Refreshes. Amazon may return a new refresh token, which replaces the old one. Refusals of our pair are alerts. */
export async function refreshAmazonTokens(
  rt: Runtime,
  credentials: LwaCredentials,
  { refreshToken, pairHash }: AmazonTokens,
): Promise<RefreshOutcome> {
  const fields = { grant_type: "refresh_token", refresh_token: refreshToken };
  const response = await requestTokens(rt, credentials, fields, refreshToken);
  if (response.outcome !== "rejected") return response;
  if (response.error === "invalid_grant" && (await hashOfPair(credentials)) === pairHash) return { outcome: "ended" };
  rt.log.alert("lwa_credentials_rejected", { lwaClientId: credentials.clientId, error: response.error });
  return { outcome: "unavailable" };
}

function hashOfPair({ clientId, clientSecret }: LwaCredentials): Promise<string> {
  return sha256(JSON.stringify([clientId, clientSecret]));
}

async function requestTokens(
  rt: Runtime,
  credentials: LwaCredentials,
  parameters: Readonly<Record<string, string>>,
  keptRefreshToken?: string,
): Promise<LwaOutcome> {
  const response = await callForJson(
    rt.config.amazon.tokenUrl,
    {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
        accept: "application/json",
      },
      body: new URLSearchParams({
        ...parameters,
        client_id: credentials.clientId,
        client_secret: credentials.clientSecret,
      }).toString(),
    },
    { timeoutMs: LWA_TIMEOUT_MS },
  );
  const outcome = interpret(rt, response, await hashOfPair(credentials), keptRefreshToken);
  count(rt, credentials, outcome);
  if (outcome.outcome !== "tokens") {
    rt.log.warn("lwa_failed", {
      grantType: parameters.grant_type ?? "",
      outcome: outcome.outcome,
      reason: outcome.outcome === "rejected" ? outcome.error : outcome.reason,
      status: response.responded ? response.status : null,
    });
  }
  return { ...outcome, response: responseTag(response, detailOf(outcome)) };
}

function detailOf(outcome: LwaInterpretation): string | undefined {
  if (outcome.outcome === "rejected") return knownError(outcome.error) ?? "another error";
  return outcome.outcome === "unavailable" && outcome.reason === "malformed" ? "malformed" : undefined;
}

function knownError(error: string): string | undefined {
  return COUNTED_ERRORS.find((known) => known === error);
}

/** The errors that Amazon documents. Counters and time lines have no other names. */
const COUNTED_ERRORS = ["invalid_client", "unauthorized_client", "invalid_grant", "invalid_request"];

function count(rt: Runtime, { skillId }: LwaCredentials, response: LwaInterpretation): void {
  if (response.outcome === "tokens") rt.metrics.count("lwa_accepted", skillId);
  else if (response.outcome === "unavailable") rt.metrics.count(`lwa_unavailable_${response.reason}`, skillId);
  else {
    rt.metrics.count(`lwa_refused_${knownError(response.error) ?? "other"}`, skillId);
  }
}

function interpret(
  rt: Runtime,
  response: Awaited<ReturnType<typeof callForJson>>,
  pairHash: string,
  keptRefreshToken: string | undefined,
): LwaInterpretation {
  if (!response.responded) return { outcome: "unavailable", reason: response.reason };
  const { retryAfter } = response;
  if (response.status >= 500) return { outcome: "unavailable", reason: "server_error", retryAfter };
  if (response.status === 429) return { outcome: "unavailable", reason: "throttled", retryAfter };
  if (response.status === 200) {
    const parsed = schemaOf(tokenResponse).safeParse(response.json);
    const refreshToken = parsed.data?.refresh_token ?? keptRefreshToken;
    if (!parsed.success || refreshToken === undefined) return { outcome: "unavailable", reason: "malformed" };
    return {
      outcome: "tokens",
      tokens: {
        accessToken: parsed.data.access_token,
        refreshToken,
        accessExpiresAt: rt.now() + Math.round(Math.min(parsed.data.expires_in, LONGEST_LIFE_SECONDS) * 1000),
        pairHash,
      },
    };
  }
  const error = schemaOf(errorResponse).safeParse(response.json);
  if (!error.success) return { outcome: "unavailable", reason: "malformed" };
  return { outcome: "rejected", error: error.data.error.replace(/[^A-Za-z0-9_]/g, "").slice(0, 40) || "unknown" };
}

export type FreshTokens =
  | { readonly outcome: "fresh"; readonly tokens: AmazonTokens; readonly refreshed: boolean }
  /** The tokens can no longer be refreshed. */
  | { readonly outcome: "ended" }
  | { readonly outcome: "unavailable" };

/** Usable tokens, refreshed when they expire within a minute. The caller stores refreshed tokens. */
export async function freshAmazonTokens(
  rt: Runtime,
  credentials: LwaCredentials | undefined,
  tokens: AmazonTokens,
): Promise<FreshTokens> {
  if (tokens.accessExpiresAt - EXPIRY_MARGIN_MS > rt.now()) return { outcome: "fresh", tokens, refreshed: false };
  if (!credentials) return { outcome: "unavailable" };
  const response = await refreshAmazonTokens(rt, credentials, tokens);
  return response.outcome === "tokens" ? { outcome: "fresh", tokens: response.tokens, refreshed: true } : response;
}
