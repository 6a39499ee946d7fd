// The OAuth metrics: how many token requests arrived, how many succeeded, and how long they took.
import { BUCKETS_MS, type CountedGrant, tokenRequests } from "../observability/token-counters.ts";

/** The token requests of one grant type. Shares are between 0 and 1; null without requests. */
export interface OAuthFigures {
  readonly requests: number;
  readonly succeeded: number;
  readonly successRate: number | null;
  /** Milliseconds, interpolated in the buckets of the histogram; at most the last bound. */
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly over1s: number | null;
  readonly over4500ms: number | null;
}

export interface OAuthReport {
  readonly exchange: OAuthFigures;
  readonly refresh: OAuthFigures;
  readonly clientCredentials: OAuthFigures;
}

/** Computes the metrics of all grant types from counters by name. */
export function oauthFigures(counts: Readonly<Record<string, number>>): OAuthReport {
  return {
    exchange: figuresOf(counts, "exchange"),
    refresh: figuresOf(counts, "refresh"),
    clientCredentials: figuresOf(counts, "client_credentials"),
  };
}

function figuresOf(counts: Readonly<Record<string, number>>, grant: CountedGrant): OAuthFigures {
  const { outcomes, buckets } = tokenRequests(counts, grant);
  const succeeded = outcomes.get("success") ?? 0;
  const requests = buckets.reduce((sum, count) => sum + count, 0);
  const share = (part: number) => (requests === 0 ? null : Math.round((part / requests) * 10_000) / 10_000);
  const over = (bound: number) =>
    BUCKETS_MS.reduce((rest, upper, i) => (upper > bound ? rest : rest - buckets[i]!), requests);
  return {
    requests,
    succeeded,
    successRate: share(succeeded),
    p50: percentile(buckets, requests, 0.5),
    p90: percentile(buckets, requests, 0.9),
    p99: percentile(buckets, requests, 0.99),
    over1s: share(over(1000)),
    over4500ms: share(over(4500)),
  };
}

/** Like Prometheus's `histogram_quantile`: linear within a bucket, and the last bound for anything above it. */
function percentile(buckets: readonly number[], requests: number, quantile: number): number | null {
  if (requests === 0) return null;
  const rank = quantile * requests;
  let before = 0;
  for (const [i, upper] of BUCKETS_MS.entries()) {
    const within = buckets[i]!;
    if (within > 0 && before + within >= rank) {
      const lower = BUCKETS_MS[i - 1] ?? 0;
      return Math.round(lower + (upper - lower) * ((rank - before) / within));
    }
    before += within;
  }
  return BUCKETS_MS.at(-1)!;
}
