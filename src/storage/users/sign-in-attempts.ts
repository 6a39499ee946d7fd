// Sign-ins at a provider, between leaving and coming back. Each can be taken once, by the browser that started it.
import { batch, sql } from "../sql.ts";
import { count } from "./fixed-window.ts";
import type { CounterKey } from "./throttles.ts";

export interface SignInAttempt {
  readonly stateHash: string;
  readonly browserHash: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** How many sign-ins may start under one key within a window. */
export interface StartLimit {
  readonly key: CounterKey;
  readonly most: number;
  readonly windowMs: number;
}

/**
 * Keeps an attempt in a free slot of the browser, else in that of its oldest attempt, which ends. The slot; undefined
 * when too many have started under the limit's key. One batch.
 */
export async function keepSignInAttempt(
  db: D1Database,
  attempt: SignInAttempt,
  limit: StartLimit,
  now: number,
): Promise<number | undefined> {
  const { stateHash, browserHash, expiresAt } = attempt;
  const [, rows = []] = await batch(
    db,
    [
      count(limit.key, limit.windowMs, now),
      sql`INSERT OR REPLACE INTO sign_in_attempts (state_hash, browser_hash, slot, expires_at)
          SELECT ${stateHash}, ${browserHash}, s.value, ${expiresAt}
          FROM json_each('[0,1,2,3,4]') s LEFT JOIN sign_in_attempts a ON a.browser_hash = ${browserHash} AND a.slot = s.value
          WHERE (SELECT failures FROM throttles WHERE key = ${limit.key}) <= ${limit.most}
          ORDER BY a.state_hash IS ${stateHash} DESC, COALESCE(a.expires_at, 0), s.value LIMIT 1
          RETURNING slot`,
    ],
    true,
  );
  return rows[0]?.slot as number | undefined;
}

/** Deletes an attempt; its slot, or undefined when unknown, taken or another browser's. One write. */
export async function takeSignInAttempt(
  db: D1Database,
  stateHash: string,
  browserHash: string,
): Promise<number | undefined> {
  const taken = sql`DELETE FROM sign_in_attempts WHERE state_hash = ${stateHash} AND browser_hash = ${browserHash} RETURNING slot`;
  const [rows = []] = await batch(db, [taken], false);
  return rows[0]?.slot as number | undefined;
}
