// Names of counters, and Cloudflare's rate limiters as configured in wrangler.toml.
import { toBase64Url } from "../crypto/encoding.ts";
import type { Runtime } from "../runtime.ts";
import type { CounterKey } from "../storage/users/throttles.ts";

/** The period of all our limiters, in seconds: what `Retry-After` names after a refusal. */
export const RATE_LIMIT_PERIOD_SECONDS = 60;

/** The key of the counter `name`: a keyed hash, so that no counter reveals a network, a person or an address. */
export async function counterKey(rt: Runtime, ...name: readonly string[]): Promise<CounterKey> {
  return toBase64Url(await rt.keyring.derive("throttle", JSON.stringify(name))) as CounterKey;
}

/**
 * Counts one request under `key` and says whether it is within the limit. The counter is approximate and per location;
 * what must be exact is counted in D1. When the limiter is missing or fails, every request is allowed.
 */
export async function isWithinRateLimit(limiter: RateLimit, key: CounterKey): Promise<boolean> {
  try {
    return (await limiter.limit({ key })).success;
  } catch {
    return true;
  }
}

/** Counts one decision or start of a link attempt by this person; false above 200 a minute. */
export async function mayLinkMore(rt: Runtime, limiter: RateLimit, userId: string): Promise<boolean> {
  return isWithinRateLimit(limiter, await counterKey(rt, "start", userId));
}
