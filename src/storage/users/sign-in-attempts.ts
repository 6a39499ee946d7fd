// Sign-ins at another provider, between leaving and coming back: each is taken once, by the browser that began it.
import { batch, write } from "../d1.ts";

/** Keeps an attempt until `expiresAt` (milliseconds). */
export async function keepSignInAttempt(
  db: D1Database,
  attempt: { stateHash: string; browserHash: string; payload: string; expiresAt: number },
): Promise<void> {
  await write(
    db
      .prepare(
        "INSERT INTO sign_in_attempts (state_hash, browser_hash, payload, expires_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
      )
      .bind(attempt.stateHash, attempt.browserHash, attempt.payload, attempt.expiresAt),
    true,
  );
}

/** Takes an attempt away; its sealed payload, or undefined: unknown, taken before, or another browser's (which leaves it). */
export async function takeSignInAttempt(
  db: D1Database,
  stateHash: string,
  browserHash: string,
): Promise<string | undefined> {
  const [rows = []] = await batch(
    db,
    [
      db
        .prepare("DELETE FROM sign_in_attempts WHERE state_hash = ? AND browser_hash = ? RETURNING payload")
        .bind(stateHash, browserHash),
    ],
    false,
  );
  return rows[0]?.payload as string | undefined;
}
