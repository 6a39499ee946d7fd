// The company's identity provider: discovery, keys, and verification of the tokens that it signs.
import { createLocalJWKSet, decodeProtectedHeader, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import * as z from "zod/mini";
import type { Caches } from "../caches.ts";
import { callForJson } from "../http/outbound.ts";
import { tolerant } from "../http/tolerant.ts";
import type { Runtime } from "../runtime.ts";
import { schemaOf } from "../schema-of.ts";
import { writeAlertOnce } from "../storage/audit.ts";

/** Asymmetric only: with a symmetric one, anyone who knows the public key could sign. */
export const PROVIDER_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"];
export const PROVIDER_LIMITS = { timeoutMs: 4000, maxBytes: 256 * 1024 };
/** Metadata and keys are fetched again after this time, so that a withdrawn key stops working. */
const MAX_AGE_MS = 10 * 60_000;
/** An unknown key id triggers a fetch at once, and then no other for this time. */
const REFETCH_PAUSE_MS = 30_000;
const REPORT_PAUSE_MS = 60_000;

const url = () => z.string().check(z.maxLength(2048), z.refine(URL.canParse));
const discoverySchema = () =>
  z.object({
    issuer: z.string(),
    jwks_uri: url(),
    authorization_endpoint: tolerant(url()),
    token_endpoint: tolerant(url()),
    userinfo_endpoint: tolerant(url()),
    token_endpoint_auth_methods_supported: tolerant(z.array(z.string())),
    // Not tolerant: the protection that it announces must not be lost to a value of another type.
    authorization_response_iss_parameter_supported: z.optional(z.union([z.boolean(), z.enum(["true", "false"])])),
  });
const jwksSchema = () => z.object({ keys: z.array(z.record(z.string(), z.unknown())).check(z.maxLength(100)) });

/** The provider's metadata (OpenID Connect Discovery §3), as far as we use it. */
export type ProviderMetadata = Readonly<z.infer<ReturnType<typeof discoverySchema>>>;

/** Why the metadata cannot be used. All but `provider_unreachable` are wrong settings: trying again does not help. */
export type ProviderFailure = "provider_unreachable" | "provider_metadata_unusable" | "provider_issuer_differs";

interface Loaded<T> {
  readonly value: T;
  readonly loadedAt: number;
}
interface ProviderState {
  failure?: { readonly kind: ProviderFailure; readonly details: string; readonly reportedAt: number };
  metadata?: Loaded<ProviderMetadata>;
  keys?: Loaded<JSONWebKeySet>;
  /** The last fetch that an unknown key id triggered; `succeeded` is false while it runs. */
  refetch?: { readonly startedAt: number; succeeded: boolean };
}

/** Holds only finished responses: a Worker's request must not wait for another request's connection. */
const states = new WeakMap<Caches, ProviderState>();

function stateOf(rt: Runtime): ProviderState {
  let state = states.get(rt.caches);
  if (!state) {
    state = {};
    states.set(rt.caches, state);
  }
  return state;
}

/** Whether a URL of the provider may be used: https, or http when the provider itself is on this machine. */
function isUsable(endpoint: string, issuer: string): boolean {
  return endpoint.startsWith("https://") || (endpoint.startsWith("http://") && issuer.startsWith("http://"));
}

/** The provider's metadata. An old copy is used while the provider is down; undefined when there is none. */
export async function providerMetadata(rt: Runtime, issuer: string): Promise<ProviderMetadata | undefined> {
  const state = stateOf(rt);
  if (state.metadata && rt.now() - state.metadata.loadedAt < MAX_AGE_MS) return state.metadata.value;
  return (await discover(rt, issuer)) ?? state.metadata?.value;
}

/** Why the metadata was not usable when it was last asked for; undefined when it was, or was not asked for yet. */
export function providerFailure(rt: Runtime): ProviderFailure | undefined {
  return stateOf(rt).failure?.kind;
}

/** Logs and stores an alert; the same one at most once a minute in the log, and once an hour at `/admin`. */
function report(rt: Runtime, kind: ProviderFailure, details: string): undefined {
  rt.metrics.count(kind);
  const state = stateOf(rt);
  const { failure } = state;
  if (failure?.details === details && rt.now() - failure.reportedAt < REPORT_PAUSE_MS) return;
  state.failure = { kind, details, reportedAt: rt.now() };
  rt.log.alert(kind, { details });
  const noted = writeAlertOnce(rt.db, rt.now(), { kind, details });
  rt.background(
    noted.catch((error: unknown) => rt.log.warn("alert_not_noted", { message: String(error).slice(0, 200) })),
  );
}

async function discover(rt: Runtime, issuer: string): Promise<ProviderMetadata | undefined> {
  const address = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const response = await callForJson(address, { headers: { accept: "application/json" } }, PROVIDER_LIMITS);
  if (!response.responded) return report(rt, "provider_unreachable", `${address}: ${response.reason}`);
  const { status } = response;
  if (status >= 500 || status === 429) return report(rt, "provider_unreachable", `${address}: status ${status}`);
  const parsed = schemaOf(discoverySchema).safeParse(status === 200 ? response.json : undefined);
  if (!parsed.success) {
    const found = response.json === undefined ? "no JSON" : "no OpenID metadata";
    return report(rt, "provider_metadata_unusable", `${address}: status ${status}, ${found}`);
  }
  if (parsed.data.issuer !== issuer) {
    const named = parsed.data.issuer.replace(/\p{Cc}/gu, "").slice(0, 300);
    return report(rt, "provider_issuer_differs", `OIDC_ISSUER is ${issuer}, the provider says ${named}`);
  }
  const { authorization_endpoint, token_endpoint, userinfo_endpoint, jwks_uri } = parsed.data;
  const endpoints = [authorization_endpoint, token_endpoint, userinfo_endpoint, jwks_uri];
  if (endpoints.some((endpoint) => endpoint !== undefined && !isUsable(endpoint, issuer))) {
    return report(rt, "provider_metadata_unusable", `${address}: an endpoint is not https`);
  }
  const state = stateOf(rt);
  state.metadata = { value: parsed.data, loadedAt: rt.now() };
  delete state.failure;
  return parsed.data;
}

/** The provider's keys, cached or fetched. An old copy is used while the provider is down. */
async function providerKeys(rt: Runtime, issuer: string, refetch: boolean): Promise<JSONWebKeySet | undefined> {
  const state = stateOf(rt);
  const now = rt.now();
  if (!refetch && state.keys && now - state.keys.loadedAt < MAX_AGE_MS) return state.keys.value;
  const metadata = await discover(rt, issuer);
  const jwks = metadata && schemaOf(jwksSchema).safeParse(await jsonFrom(metadata.jwks_uri));
  if (jwks?.success) state.keys = { value: jwks.data as unknown as JSONWebKeySet, loadedAt: now };
  else if (metadata) rt.log.warn("provider_keys_failed");
  return state.keys?.value;
}

/**
 * The keys for an unknown key id, fetched at once, and then at most once in 30 seconds; undefined when they were fetched
 * a moment ago, `unavailable` while another request fetches them or when the provider did not respond.
 */
async function refetchKeys(rt: Runtime, issuer: string): Promise<JSONWebKeySet | undefined | "unavailable"> {
  const state = stateOf(rt);
  const last = state.refetch;
  if (last && rt.now() - last.startedAt < REFETCH_PAUSE_MS) return last.succeeded ? undefined : "unavailable";
  const refetch = { startedAt: rt.now(), succeeded: false };
  state.refetch = refetch;
  const before = state.keys;
  const keys = await providerKeys(rt, issuer, true);
  refetch.succeeded = state.keys !== before;
  return refetch.succeeded ? keys : "unavailable";
}

/**
 * The claims of a token that the provider signed for `audience` and that has not expired, within
 * `clockToleranceSeconds`; undefined when it is invalid, `unavailable` when the provider's keys cannot be fetched now.
 */
export async function verifyProviderToken(
  rt: Runtime,
  token: string,
  expected: { readonly issuer: string; readonly audience: string; readonly clockToleranceSeconds: number },
): Promise<JWTPayload | undefined | "unavailable"> {
  const { issuer, audience, clockToleranceSeconds } = expected;
  let keys = await providerKeys(rt, issuer, false);
  if (!keys) return "unavailable";
  for (let asked = false; ; asked = true) {
    try {
      const { payload } = await jwtVerify(token, createLocalJWKSet(keys), {
        algorithms: PROVIDER_ALGORITHMS,
        issuer,
        audience,
        requiredClaims: ["exp", "sub"],
        clockTolerance: clockToleranceSeconds,
        currentDate: new Date(rt.now()),
      });
      return payload;
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) {
        // The key cannot be imported for this algorithm: the token is invalid.
        if (error instanceof TypeError || (error instanceof Error && error.name === "DataError")) return undefined;
        throw error;
      }
      if (asked || !(error instanceof errors.JWKSNoMatchingKey)) return undefined;
      // A known key id with another algorithm must not use up the fetch that a new key needs.
      const { kid } = decodeProtectedHeader(token);
      if (keys.keys.some((key) => key.kid === kid)) return undefined;
      const fetched = await refetchKeys(rt, issuer);
      if (fetched === undefined || fetched === "unavailable") return fetched;
      keys = fetched;
    }
  }
}

async function jsonFrom(address: string): Promise<unknown> {
  const response = await callForJson(address, { headers: { accept: "application/json" } }, PROVIDER_LIMITS);
  return response.responded && response.status === 200 ? response.json : undefined;
}
