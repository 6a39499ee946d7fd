// Sign-ins at a provider, between leaving and coming back. Each can be taken once, by the browser that started it.
import { batch, sql, write } from "../sql.ts";

export interface SignInAttempt {
  readonly stateHash: string;
  readonly browserHash: string;
  /** Sealed. */
  readonly payload: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Keeps an attempt. One write. */
export async function keepSignInAttempt(db: D1Database, attempt: SignInAttempt): Promise<void> {
  await write(
    db,
    sql`INSERT INTO sign_in_attempts (state_hash, browser_hash, payload, expires_at)
        VALUES (${attempt.stateHash}, ${attempt.browserHash}, ${attempt.payload}, ${attempt.expiresAt})
        ON CONFLICT DO NOTHING`,
    true,
  );
}

/** Deletes an attempt; its sealed payload, or undefined when unknown, taken or another browser's. One write. */
export async function takeSignInAttempt(
  db: D1Database,
  stateHash: string,
  browserHash: string,
): Promise<string | undefined> {
  const [rows = []] = await batch(
    db,
    [
      sql`DELETE FROM sign_in_attempts WHERE state_hash = ${stateHash} AND browser_hash = ${browserHash} RETURNING payload`,
    ],
    false,
  );
  return rows[0]?.payload as string | undefined;
}
