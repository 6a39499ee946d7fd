// Cloudflare's rate limiters, as configured in wrangler.toml.

/** The period of all our limiters, in seconds: what `Retry-After` names after a refusal. */
export const RATE_LIMIT_PERIOD_SECONDS = 60;

/**
 * Counts one request under `key` and says whether it is within the limit. The counter is approximate and per location;
 * what must be exact is counted in D1. When the limiter is missing or fails, every request is allowed.
 */
export async function isWithinRateLimit(limiter: RateLimit, key: string): Promise<boolean> {
  try {
    return (await limiter.limit({ key })).success;
  } catch {
    return true;
  }
}
