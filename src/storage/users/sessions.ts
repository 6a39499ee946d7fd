// Sessions as the database knows them: whether one still acts.
import type { Condition } from "../d1.ts";

/** What of a session cookie decides whether it acts. */
export interface SessionKey {
  readonly userId: string;
  readonly sessionId: string;
  /** The user's session epoch at sign-in; "sign out everywhere" moves it on. */
  readonly epoch: number;
}

/** True in SQL while the session acts: its user exists, is of the same epoch, and has not ended it. */
export function sessionHolds(session: SessionKey): Condition {
  return {
    sql: "(EXISTS (SELECT 1 FROM users WHERE id = ? AND session_epoch = ?) AND NOT EXISTS (SELECT 1 FROM ended_sessions WHERE id = ?))",
    params: [session.userId, session.epoch, session.sessionId],
  };
}
