// Names of the counters of token requests: grant type, outcome, and the histogram bucket of the latency.

/** The counters' names of the grant types, with OAuth's names. */
export const GRANT_TYPES = {
  exchange: "authorization_code",
  refresh: "refresh_token",
  client_credentials: "client_credentials",
} as const;

export type CountedGrant = keyof typeof GRANT_TYPES;

/** Upper bounds of the buckets in milliseconds, inclusive. Longer requests are in the bucket `more`. */
export const BUCKETS_MS = [50, 100, 250, 500, 1000, 2000, 4500] as const;

type Bucket = (typeof BUCKETS_MS)[number] | "more";

export type TokenCounter = `token_${CountedGrant}_${string}_${Bucket}`;

/** The counter for the total duration of all requests of a grant type, which the buckets do not have. */
export function tokenMilliseconds(grant: CountedGrant): `token_milliseconds_${CountedGrant}` {
  return `token_milliseconds_${grant}`;
}

/** The counter of one request. The outcome is `success` or an OAuth error code. */
export function tokenCounter(grant: CountedGrant, outcome: string, tookMs: number): TokenCounter {
  let bucket: Bucket = "more";
  for (let i = BUCKETS_MS.length - 1; i >= 0 && tookMs <= BUCKETS_MS[i]!; i--) bucket = BUCKETS_MS[i]!;
  return `token_${grant}_${outcome}_${bucket}`;
}

export interface CountedTokenRequests {
  readonly grant: CountedGrant;
  readonly outcome: string;
  /** Position in `BUCKETS_MS`; its length for longer requests. */
  readonly bucket: number;
}

/** What a counter of this name counts; undefined for other counters. */
export function readTokenCounter(name: string): CountedTokenRequests | undefined {
  for (const grant of Object.keys(GRANT_TYPES) as CountedGrant[]) {
    const prefix = `token_${grant}_`;
    const end = name.lastIndexOf("_");
    if (!name.startsWith(prefix) || end < prefix.length) continue;
    const bound = name.slice(end + 1);
    const bucket = bound === "more" ? BUCKETS_MS.length : BUCKETS_MS.findIndex((upper) => String(upper) === bound);
    return bucket < 0 ? undefined : { grant, outcome: name.slice(prefix.length, end), bucket };
  }
  return undefined;
}

/** Requests of one grant type: how many by outcome, and all of them by the position of their bucket. */
export interface TokenRequests {
  readonly outcomes: ReadonlyMap<string, number>;
  readonly buckets: readonly number[];
}

/** The requests of a grant type, from counters by name. */
export function tokenRequests(counts: Readonly<Record<string, number>>, grant: CountedGrant): TokenRequests {
  const outcomes = new Map<string, number>();
  const buckets = [...BUCKETS_MS, 0].map(() => 0);
  for (const [name, count] of Object.entries(counts)) {
    const counted = readTokenCounter(name);
    if (counted?.grant !== grant) continue;
    outcomes.set(counted.outcome, (outcomes.get(counted.outcome) ?? 0) + count);
    buckets[counted.bucket]! += count;
  }
  return { outcomes, buckets };
}
