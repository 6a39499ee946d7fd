// Access tokens of the company's identity provider, as bearers of our API: verified by its published keys, algorithms pinned.
import { createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, jwtVerify } from "jose";
import * as z from "zod/mini";
import { callForJson } from "../alexa/outbound.ts";
import type { Caches } from "../authorization/caches.ts";
import { randomId } from "../crypto/random.ts";
import type { Runtime } from "../runtime.ts";
import { batch, readFirst } from "../storage/d1.ts";
import { createUserStatements, type IdentityKey, identityStatement, type User, userFromRow } from "../storage/users.ts";

/** Asymmetric only: with a symmetric one, whoever knows the public key could sign. */
const ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"];
const CLOCK_TOLERANCE_SECONDS = 5;
const PROVIDER_LIMITS = { timeoutMs: 4000, maxBytes: 256 * 1024 };
/** Keys are read anew after this time in any case: a key that the provider withdrew must stop working. */
const KEYS_MAX_AGE_MS = 10 * 60_000;
/** An unknown key makes us ask at once, and then not again for this time. */
const REFETCH_PAUSE_MS = 30_000;
const LONGEST_TOKEN = 8192;

interface ProviderKeys {
  readonly jwks: JSONWebKeySet;
  readonly loadedAt: number;
}

interface ProviderState {
  keys?: ProviderKeys;
  /** When an unknown key last made us ask. */
  refetchedAt?: number;
}

/** Per app instance. Only finished answers are shared: a Worker's request must not wait for another's connection. */
const states = new WeakMap<Caches, ProviderState>();

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.string() });
const jwksSchema = z.object({ keys: z.array(z.record(z.string(), z.unknown())).check(z.maxLength(100)) });
const claimsSchema = z.object({
  sub: z.string().check(z.minLength(1), z.maxLength(255)),
  exp: z.number(),
  nonce: z.optional(z.never()),
  at_hash: z.optional(z.never()),
  email: z.catch(z.optional(z.string().check(z.maxLength(254))), undefined),
  email_verified: z.catch(z.optional(z.boolean()), undefined),
  name: z.catch(z.optional(z.string().check(z.maxLength(200))), undefined),
});

export type ProviderTokenVerdict =
  | { readonly verdict: "valid"; readonly user: User }
  /** Not a token of the provider for us: wrong issuer, audience, algorithm, key, time or shape. */
  | { readonly verdict: "refused" }
  /** The provider's keys cannot be read now. */
  | { readonly verdict: "unavailable" };

/** Whether a token says that it comes from the configured provider. Nothing is verified here. */
export function claimsToBeFromProvider(rt: Runtime, token: string): boolean {
  const { oidc } = rt.config;
  if (!oidc?.audience || token.length > LONGEST_TOKEN) return false;
  try {
    return decodeJwt(token).iss === oidc.issuer;
  } catch {
    return false;
  }
}

/**
 * Verifies an access token of the provider (RFC 9068 as far as providers follow it) and finds its user, making the row at first
 * sight. One D1 read, and one write at first sight.
 */
export async function userOfProviderToken(rt: Runtime, token: string): Promise<ProviderTokenVerdict> {
  const { oidc } = rt.config;
  if (!oidc?.audience) return { verdict: "refused" };
  const verified = await verify(rt, token, oidc.issuer, oidc.audience);
  if (verified === "unavailable") return { verdict: "unavailable" };
  const claims = claimsSchema.safeParse(verified);
  if (!claims.success) return { verdict: "refused" };
  const { sub, email, email_verified: emailVerified, name } = claims.data;
  const key: IdentityKey = { method: "oidc", issuer: oidc.issuer, subject: sub };
  const row = await readFirst<Record<string, unknown>>(identityStatement(rt.db, key));
  if (row) return { verdict: "valid", user: userFromRow(row) };
  const fresh = {
    id: randomId(),
    email: emailVerified === false ? null : (email?.toLowerCase() ?? null),
    name: name ?? null,
    passwordHash: null,
  };
  const rows = await batch(rt.db, createUserStatements(rt.db, key, fresh, rt.now()), true);
  const made = rows.at(-1)?.[0];
  if (!made) return { verdict: "refused" };
  rt.log.info("user_first_seen", { method: "oidc" });
  return { verdict: "valid", user: userFromRow(made) };
}

async function verify(
  rt: Runtime,
  token: string,
  issuer: string,
  audience: string,
): Promise<Record<string, unknown> | undefined | "unavailable"> {
  let keys = await providerKeys(rt, issuer, false);
  for (let asked = false; ; asked = true) {
    if (!keys) return "unavailable";
    try {
      const { payload } = await jwtVerify(token, createLocalJWKSet(keys.jwks), {
        algorithms: ALGORITHMS,
        issuer,
        audience,
        requiredClaims: ["exp", "sub"],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(rt.now()),
      });
      return payload;
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) {
        // A key of the set that cannot be imported for this algorithm: the token is not good here.
        if (error instanceof TypeError || (error instanceof Error && error.name === "DataError")) return undefined;
        throw error;
      }
      if (asked || !(error instanceof errors.JWKSNoMatchingKey) || !mayRefetch(rt)) return undefined;
      keys = await providerKeys(rt, issuer, true);
    }
  }
}

function stateOf(rt: Runtime): ProviderState {
  let state = states.get(rt.caches);
  if (!state) {
    state = {};
    states.set(rt.caches, state);
  }
  return state;
}

function mayRefetch(rt: Runtime): boolean {
  const state = stateOf(rt);
  const now = rt.now();
  if (state.refetchedAt !== undefined && now - state.refetchedAt < REFETCH_PAUSE_MS) return false;
  state.refetchedAt = now;
  return true;
}

/** The provider's keys, from memory or by discovery (OpenID Connect Discovery §4). Old ones serve on while it is down. */
async function providerKeys(rt: Runtime, issuer: string, refetch: boolean): Promise<ProviderKeys | undefined> {
  const state = stateOf(rt);
  const now = rt.now();
  if (!refetch && state.keys && now - state.keys.loadedAt < KEYS_MAX_AGE_MS) return state.keys;
  const jwks = await fetchKeys(rt, issuer);
  if (jwks) state.keys = { jwks, loadedAt: now };
  return state.keys;
}

async function fetchKeys(rt: Runtime, issuer: string): Promise<JSONWebKeySet | undefined> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const discovery = discoverySchema.safeParse(await jsonFrom(url));
  if (!discovery.success || discovery.data.issuer !== issuer) {
    rt.log.warn("provider_discovery_failed");
    return undefined;
  }
  const { jwks_uri: jwksUri } = discovery.data;
  const secure = URL.canParse(jwksUri) && (jwksUri.startsWith("https://") || issuer.startsWith("http://"));
  const jwks = secure ? jwksSchema.safeParse(await jsonFrom(jwksUri)) : undefined;
  if (!jwks?.success) {
    rt.log.warn("provider_keys_failed");
    return undefined;
  }
  return jwks.data as unknown as JSONWebKeySet;
}

async function jsonFrom(url: string): Promise<unknown> {
  const answer = await callForJson(url, { headers: { accept: "application/json" } }, PROVIDER_LIMITS);
  return answer.answered && answer.status === 200 ? answer.json : undefined;
}
