// Sign-in with the customer's Amazon account: Login with Amazon's code flow, then the profile.
import * as z from "zod/mini";
import { exchangeAmazonCode, LWA_TIMEOUT_MS, toAmazonCode } from "../amazon/lwa.ts";
import { sha256 } from "../crypto/hash.ts";
import { callForJson } from "../http/outbound.ts";
import type { Runtime } from "../runtime.ts";
import { schemaOf } from "../schema-of.ts";
import { callbackUri, type ExternalAttempt, type ExternalOutcome, type ProviderRequest } from "./external.ts";
import { labelsOf } from "./labels.ts";

/** All security profiles of one developer get the same user ids from Amazon, so they share one issuer. */
export const AMAZON_ISSUER = "https://www.amazon.com";

const profileSchema = () =>
  z.object({
    user_id: z.string().check(z.minLength(1), z.maxLength(255)),
    name: z.optional(z.unknown()),
  });

/** The URL to redirect the browser to; undefined when the method is not configured. */
export async function amazonAuthorizationUrl(rt: Runtime, request: ProviderRequest): Promise<string | undefined> {
  const credentials = rt.config.amazonSignIn;
  if (!credentials) return undefined;
  const url = new URL(rt.config.amazon.authorizeUrl);
  const parameters = {
    client_id: credentials.clientId,
    scope: "profile",
    response_type: "code",
    redirect_uri: request.redirectUri,
    state: request.state,
    code_challenge: await sha256(request.codeVerifier),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** The person that Amazon names for a code, by two calls. Amazon's tokens are not kept. */
export async function amazonPerson(
  rt: Runtime,
  attempt: ExternalAttempt,
  callback: { readonly code: string },
): Promise<ExternalOutcome> {
  const credentials = rt.config.amazonSignIn;
  const code = toAmazonCode(callback.code);
  if (!credentials || code === undefined) return { outcome: "refused", reason: "code_malformed" };
  const redirectUri = callbackUri(rt, "amazon");
  const exchanged = await exchangeAmazonCode(rt, credentials, {
    code,
    redirectUri,
    codeVerifier: attempt.codeVerifier,
  });
  if (exchanged.outcome === "unavailable") return { outcome: "unavailable" };
  if (exchanged.outcome === "rejected") return { outcome: "refused", reason: `amazon_${exchanged.error}` };
  const headers = { authorization: `Bearer ${exchanged.tokens.accessToken}`, accept: "application/json" };
  const response = await callForJson(rt.config.amazon.profileUrl, { headers }, { timeoutMs: LWA_TIMEOUT_MS });
  if (!response.responded || response.status >= 500 || response.status === 429) {
    rt.metrics.count("amazon_profile_unavailable");
    return { outcome: "unavailable" };
  }
  const profile = response.status === 200 ? schemaOf(profileSchema).safeParse(response.json) : undefined;
  if (!profile?.success) return { outcome: "refused", reason: "profile_unreadable" };
  const { user_id: subject, name } = profile.data;
  // Amazon does not say whether it has verified the profile's address, so there is none here.
  return {
    outcome: "person",
    person: { key: { method: "amazon", issuer: AMAZON_ISSUER, subject }, ...labelsOf({ name }, subject) },
  };
}
