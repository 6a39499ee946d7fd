// Counters of failed sign-ins, which decay. A try counts before the check, so that parallel guesses all count.
import { type Sql, sql } from "../sql.ts";

/**
 * How a counter slows tries down. The first `free` failures cost nothing; each one after that doubles the delay, from
 * `baseMs` up to `capMs`. One failure is forgotten in `drainMs`. A counter holds at most `most` failures: an attack that
 * is over is forgotten soon.
 */
export interface ThrottleRule {
  readonly free: number;
  readonly most: number;
  readonly baseMs: number;
  readonly capMs: number;
  readonly drainMs: number;
}

/** A keyed hash, made by `counterKey` only: a copy of the table reveals neither addresses nor networks. */
export type CounterKey = string & { readonly brand: "CounterKey" };

export interface Throttle extends ThrottleRule {
  readonly key: CounterKey;
}

/** The counters of one sign-in: `browser` alone if the account knows the browser, else the other three. */
export interface SignInThrottles {
  readonly account: Throttle;
  readonly network: Throttle;
  /** This account from this network. */
  readonly pair: Throttle;
  /** This account from this browser. */
  readonly browser: Throttle;
}

/** A pair with at most this many recent failures may try while the whole account is under attack. */
const QUIET_LEVEL = 1;

/** When the counter allows the next try, in milliseconds since 1970; 0 when it does not limit. */
function readyAt({ key, free, baseMs, capMs }: Throttle): Sql {
  // The shift doubles; 20 keeps it from overflowing. Adding 0.5 rounds the drained, fractional count.
  return sql`COALESCE((SELECT updated_at + min(${capMs}, ${baseMs} * (1 << min(20, CAST(failures - ${free} + 0.5 AS INTEGER))))
    FROM throttles WHERE key = ${key} AND failures >= ${free}), 0)`;
}

/** When the counter is quiet, in milliseconds since 1970; 0 when it is by its last written count. */
function quietAt({ key, drainMs }: Throttle): Sql {
  return sql`COALESCE((SELECT updated_at + (failures - ${QUIET_LEVEL}) * ${drainMs}
    FROM throttles WHERE key = ${key} AND failures > ${QUIET_LEVEL}), 0)`;
}

/** When the counter has room for one more failure, in milliseconds since 1970; 0 when it has by its last written count. */
function hasRoomAt({ key, most, drainMs }: Throttle): Sql {
  return sql`COALESCE((SELECT updated_at + (failures - ${most - 1}) * ${drainMs}
    FROM throttles WHERE key = ${key} AND failures > ${most - 1}), 0)`;
}

/** The counter's failures at `now`, drained by the time that has passed, plus one. */
function oneMore({ key, most, drainMs }: Throttle, now: number): Sql {
  const drained = sql`COALESCE((SELECT max(0.0, failures - max(0, ${now} - updated_at) / CAST(${drainMs} AS REAL))
    FROM throttles WHERE key = ${key}), 0.0)`;
  return sql`min(${drained} + 1, ${most})`;
}

/**
 * When the next try is allowed: by the browser's own counter if the browser is known, else by the others. A quiet pair
 * does not wait for the account's delays, but no stranger passes a full account.
 */
function nextTryAt({ account, network, pair, browser }: SignInThrottles): Sql {
  return sql`CASE WHEN known THEN ${readyAt(browser)}
    ELSE max(${readyAt(network)}, ${readyAt(pair)}, min(${readyAt(account)}, ${quietAt(pair)}), ${hasRoomAt(account)}) END`;
}

/**
 * Counts a sign-in as failed beforehand, if it may be tried at `now`; returns the keys of the charged counters, none
 * when it may not. `known`: the condition that the account knows the browser. One statement: of any number of parallel
 * tries only as many get through as one after the other would.
 */
export function reserveSignIn(throttles: SignInThrottles, known: Sql, now: number): Sql {
  const charge = (throttle: Throttle) => sql`SELECT ${throttle.key}, ${oneMore(throttle, now)} FROM visitor`;
  const { account, network, pair, browser } = throttles;
  return sql`
    WITH visitor (known, allowed) AS (SELECT known, ${nextTryAt(throttles)} <= ${now} FROM (SELECT ${known} AS known)),
      charged (key, failures) AS (
        ${charge(browser)} WHERE allowed AND known
        UNION ALL ${charge(account)} WHERE allowed AND NOT known
        UNION ALL ${charge(network)} WHERE allowed AND NOT known
        UNION ALL ${charge(pair)} WHERE allowed AND NOT known)
    INSERT INTO throttles (key, failures, updated_at) SELECT key, failures, ${now} FROM charged WHERE TRUE
    ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, updated_at = excluded.updated_at RETURNING key`;
}

/** Selects whether the browser is `known` (0 or 1), and the time of the next try (`retryAt`, milliseconds). */
export function selectSignInDelay(throttles: SignInThrottles, known: Sql): Sql {
  return sql`SELECT known, ${nextTryAt(throttles)} AS "retryAt" FROM (SELECT ${known} AS known)`;
}

/** Takes back what `reserveSignIn` charged: the password was right. */
export function refund(keys: readonly string[]): Sql {
  return sql`UPDATE throttles SET failures = max(0.0, failures - 1)
    WHERE key IN (SELECT value FROM json_each(${JSON.stringify(keys)}))`;
}
