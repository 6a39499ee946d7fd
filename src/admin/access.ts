// Operators who sign in through Cloudflare Access: verifies the assertion that Access adds to each request.
// https://developers.cloudflare.com/cloudflare-one/access-controls/applications/http-apps/authorization-cookie/validating-json/
import { createLocalJWKSet, decodeProtectedHeader, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import * as z from "zod/mini";
import type { Caches } from "../caches.ts";
import type { AccessConfig } from "../env.ts";
import { callForJson } from "../http/outbound.ts";
import type { AppContext, Runtime } from "../runtime.ts";
import { schemaOf } from "../schema-of.ts";
import type { Operator } from "./operator.ts";

const LIMITS = { timeoutMs: 4000, maxBytes: 64 * 1024 };
/** Access replaces its keys every six weeks, and publishes the previous one for seven days. */
const MAX_AGE_MS = 10 * 60_000;
/** No fetch for this long after one that failed or that an unknown key id triggered. */
const PAUSE_MS = 10_000;
const CLOCK_TOLERANCE_SECONDS = 10;
const LONGEST_ASSERTION = 16 * 1024;

/** Claims of a person's application token. A service token has `common_name` and no `email`: it is not a person. */
const claimsSchema = () =>
  z.object({
    type: z.literal("app"),
    email: z.string().check(z.maxLength(254), z.regex(/^[^\s@\p{Cc}]+@[^\s@\p{Cc}]+$/u)),
  });
const jwksSchema = () => z.object({ keys: z.array(z.record(z.string(), z.unknown())).check(z.maxLength(20)) });

interface KeyState {
  keys?: { readonly set: JSONWebKeySet; readonly loadedAt: number };
  pausedUntil: number;
}
/** Holds only finished responses: a Worker's request must not wait for another request's connection. */
const states = new WeakMap<Caches, KeyState>();

function stateOf(rt: Runtime): KeyState {
  let state = states.get(rt.caches);
  if (!state) {
    state = { pausedUntil: 0 };
    states.set(rt.caches, state);
  }
  return state;
}

/** Fetches the team's keys, unless fetching is paused. Returns whether it fetched new ones. */
async function fetchKeys(rt: Runtime, { issuer }: AccessConfig, pause: boolean): Promise<boolean> {
  const state = stateOf(rt);
  if (rt.now() < state.pausedUntil) return false;
  if (pause) state.pausedUntil = rt.now() + PAUSE_MS;
  const response = await callForJson(`${issuer}/cdn-cgi/access/certs`, {}, LIMITS);
  const parsed = schemaOf(jwksSchema).safeParse(
    response.responded && response.status === 200 ? response.json : undefined,
  );
  if (parsed.success) {
    state.keys = { set: parsed.data as unknown as JSONWebKeySet, loadedAt: rt.now() };
    return true;
  }
  state.pausedUntil = rt.now() + PAUSE_MS;
  rt.log.warn("access_keys_failed", { cause: response.responded ? response.status : response.reason });
  return false;
}

/** The keys to verify with; those of an earlier fetch if Access cannot be reached; undefined if there are none. */
async function currentKeys(rt: Runtime, access: AccessConfig): Promise<JSONWebKeySet | undefined> {
  const state = stateOf(rt);
  if (!state.keys || rt.now() - state.keys.loadedAt >= MAX_AGE_MS) await fetchKeys(rt, access, false);
  return state.keys?.set;
}

/** The assertion's claims; undefined: refused. */
async function verify(
  rt: Runtime,
  access: AccessConfig,
  assertion: string,
): Promise<JWTPayload | undefined | "unavailable"> {
  if (!(await currentKeys(rt, access))) return "unavailable";
  for (let asked = false; ; asked = true) {
    const set = stateOf(rt).keys?.set ?? { keys: [] };
    try {
      const { payload } = await jwtVerify(assertion, createLocalJWKSet(set), {
        algorithms: ["RS256"],
        issuer: access.issuer,
        audience: access.audience,
        requiredClaims: ["exp", "iat"],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(rt.now()),
      });
      const { typ = "JWT" } = decodeProtectedHeader(assertion);
      return typ.toUpperCase() === "JWT" ? payload : undefined;
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey && !asked) {
        const { kid } = decodeProtectedHeader(assertion);
        // A known key id with another algorithm must not use up the fetch that a new key needs.
        if (!set.keys.some((key) => key.kid === kid) && (await fetchKeys(rt, access, true))) continue;
        return undefined;
      }
      // The other errors: the assertion is malformed, or the key cannot be imported for this algorithm.
      if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined;
      if (error instanceof Error && error.name === "DataError") return undefined;
      throw error;
    }
  }
}

/**
 * The operator named in `Cf-Access-Jwt-Assertion`; a cookie alone is ignored. `refused`: the header is not valid.
 * `unavailable`: the keys cannot be fetched. undefined: there is no header, or Access is not configured.
 */
export async function operatorOfAccess(c: AppContext): Promise<Operator | "refused" | "unavailable" | undefined> {
  const rt = c.var.runtime;
  const { access } = rt.config;
  const assertion = c.req.header("cf-access-jwt-assertion");
  if (!access || assertion === undefined) return undefined;
  const payload = assertion.length > LONGEST_ASSERTION ? undefined : await verify(rt, access, assertion);
  if (payload === "unavailable") return "unavailable";
  const claims = schemaOf(claimsSchema).safeParse(payload);
  if (!claims.success) {
    rt.log.warn("access_assertion_refused", { signed: payload !== undefined });
    return "refused";
  }
  const name = claims.data.email.toLowerCase();
  return { name, mayChange: access.admins === undefined || access.admins.includes(name), throughAccess: true };
}
