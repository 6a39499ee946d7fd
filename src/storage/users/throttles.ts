// Counters of failed sign-ins: durable, decaying, and counted before the password is looked at, so that parallel guesses are all seen.

/** How a counter slows: `free` failures cost nothing, then the delay doubles from `baseMs` to `capMs`; one failure drains in `drainMs`. */
export interface ThrottleRule {
  readonly free: number;
  readonly baseMs: number;
  readonly capMs: number;
  readonly drainMs: number;
}

export interface Throttle extends ThrottleRule {
  readonly key: string;
}

/** The counters of one sign-in. A browser that has signed in to the account before is counted by `browser` alone. */
export interface SignInThrottles {
  readonly account: Throttle;
  readonly network: Throttle;
  /** This account from this network. */
  readonly pair: Throttle;
  /** This account from this browser. */
  readonly browser: Throttle;
}

/** A counter's row. */
export interface ThrottleState {
  readonly key: string;
  readonly failures: number;
  readonly updatedAt: number;
}

/** Counters stop growing here above `free`: an attack that is over is forgotten soon. */
const MAX_ABOVE_FREE = 10;
/** A pair with at most this many recent failures gets through while the account as a whole is under attack. */
const QUIET_LEVEL = 1;

/** When the next try is let through, in milliseconds; 0 when it always was. `STATE` says the same in SQL. */
export function readyAt(rule: ThrottleRule, state: ThrottleState | undefined): number {
  if (!state || state.failures < rule.free) return 0;
  return state.updatedAt + Math.min(rule.capMs, rule.baseMs * 2 ** Math.trunc(state.failures - rule.free + 0.5));
}

/** When a pair is quiet again; 0 when it is. */
export function quietAt(rule: ThrottleRule, state: ThrottleState | undefined): number {
  if (!state || state.failures <= QUIET_LEVEL) return 0;
  return state.updatedAt + (state.failures - QUIET_LEVEL) * rule.drainMs;
}

const STATE = `
  state AS (SELECT k.*,
    COALESCE(max(0.0, t.failures - max(0, :now - t.updated_at) / CAST(k.drain AS REAL)), 0.0) AS level,
    CASE WHEN t.failures >= k.free
      THEN t.updated_at + min(k.cap, k.base * (1 << min(20, CAST(t.failures - k.free + 0.5 AS INTEGER)))) ELSE 0 END AS ready_at
    FROM k LEFT JOIN throttles t ON t.key = k.key)`.replaceAll(":now", "?1");
const COUNT = `INSERT INTO throttles (key, failures, updated_at)
  SELECT s.key, min(s.level + 1, s.free + ${MAX_ABOVE_FREE}), ?1 FROM state s`;
const MERGE =
  "ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, updated_at = excluded.updated_at RETURNING key";

function values(throttles: readonly (readonly [string, Throttle])[]): (string | number)[] {
  return throttles.flatMap(([kind, t]) => [kind, t.key, t.free, t.baseMs, t.capMs, t.drainMs]);
}

/**
 * Counts a sign-in as failed beforehand, if it may be tried at `now` at all; no row comes back when it may not.
 * One statement: of any number of parallel guesses only as many get through as one after the other would.
 */
export function reserveSignInStatement(
  db: D1Database,
  throttles: SignInThrottles,
  subject: string,
  browserHash: string,
  now: number,
): D1PreparedStatement {
  return db
    .prepare(
      `WITH k (kind, key, free, base, cap, drain) AS (VALUES (?4, ?5, ?6, ?7, ?8, ?9), (?10, ?11, ?12, ?13, ?14, ?15), (?16, ?17, ?18, ?19, ?20, ?21), (?22, ?23, ?24, ?25, ?26, ?27)), ${STATE},
       known (yes) AS (SELECT EXISTS (SELECT 1 FROM identities i JOIN known_browsers b ON b.user_id = i.user_id
         WHERE i.method = 'password' AND i.issuer = '' AND i.subject = ?2 AND b.browser_hash = ?3)),
       ready (kind, yes) AS (SELECT kind, ready_at <= ?1 FROM state),
       verdict (yes) AS (SELECT CASE WHEN (SELECT yes FROM known) THEN (SELECT yes FROM ready WHERE kind = 'browser')
         ELSE (SELECT yes FROM ready WHERE kind = 'network') AND (SELECT yes FROM ready WHERE kind = 'pair')
           AND ((SELECT yes FROM ready WHERE kind = 'account') OR (SELECT level <= ${QUIET_LEVEL} FROM state WHERE kind = 'pair')) END)
       ${COUNT}, known, verdict WHERE verdict.yes AND (s.kind = 'browser') = known.yes ${MERGE}`,
    )
    .bind(
      now,
      subject,
      browserHash,
      ...values([
        ["account", throttles.account],
        ["network", throttles.network],
        ["pair", throttles.pair],
        ["browser", throttles.browser],
      ]),
    );
}

/** Counts one event of a single counter, if it is let through at `now`; no row comes back when it is not. */
export function reserveStatement(db: D1Database, throttle: Throttle, now: number): D1PreparedStatement {
  return db
    .prepare(
      `WITH k (kind, key, free, base, cap, drain) AS (VALUES (?2, ?3, ?4, ?5, ?6, ?7)), ${STATE} ${COUNT} WHERE s.ready_at <= ?1 ${MERGE}`,
    )
    .bind(now, ...values([["only", throttle]]));
}

/** Reads the counters' rows, as a statement for a batch. At most 100 keys. */
export function throttleStatesStatement(db: D1Database, keys: readonly string[]): D1PreparedStatement {
  return db
    .prepare(`SELECT key, failures, updated_at FROM throttles WHERE key IN (${keys.map(() => "?").join(", ")})`)
    .bind(...keys);
}

/** How far each counted name has come, from the rows of one read; names that nothing was counted for are not among them. */
export function throttleStatesFromRows(rows: readonly Record<string, unknown>[]): Map<string, ThrottleState> {
  return new Map(
    rows.map((row) => [
      row.key as string,
      { key: row.key as string, failures: row.failures as number, updatedAt: row.updated_at as number },
    ]),
  );
}

/** Takes back what was counted beforehand: the try was good. At most 100 keys. */
export function giveBackStatement(db: D1Database, keys: readonly string[]): D1PreparedStatement {
  return db
    .prepare(`UPDATE throttles SET failures = max(0.0, failures - 1) WHERE key IN (${keys.map(() => "?").join(", ")})`)
    .bind(...keys);
}
