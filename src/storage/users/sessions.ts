// Sessions: one row per sign-in. A cookie is valid while its row is; the rows show which browsers are known.
import { auditRow } from "../audit.ts";
import { voidCodes } from "../grants/codes.ts";
import { endGrants } from "../grants/grants.ts";
import { batch, readFirst, type Sql, sql, write } from "../sql.ts";

/** What of a session cookie decides whether it acts. */
export interface SessionKey {
  readonly userId: string;
  readonly sessionId: string;
  /** The user's session epoch at sign-in. "Sign out everywhere" and a new password increase it. */
  readonly epoch: number;
}

/** How many rows of one user are kept. */
const MOST_SESSIONS = 20;

/** In SQL: the session is valid. Its row is this user's and has not ended, and the epoch is still the user's. */
export function sessionHolds({ userId, sessionId, epoch }: SessionKey): Sql {
  return sql`EXISTS (SELECT 1 FROM sessions s JOIN users u ON u.id = s.user_id
    WHERE s.id = ${sessionId} AND s.user_id = ${userId} AND s.ended_at IS NULL AND u.session_epoch = ${epoch})`;
}

/** Whether the session is valid. One read. */
export async function sessionActs(db: D1Database, session: SessionKey): Promise<boolean> {
  return (await readFirst(db, sql`SELECT 1 WHERE ${sessionHolds(session)}`)) !== null;
}

/** In SQL: this browser has signed in to password account `subject`, with no sign-out everywhere since. */
export function browserIsKnown(subject: string, browserHash: string): Sql {
  return sql`EXISTS (SELECT 1 FROM identities i JOIN sessions s ON s.user_id = i.user_id
    WHERE i.method = 'password' AND i.issuer = '' AND i.subject = ${subject} AND s.browser_hash = ${browserHash})`;
}

/** `browserIsKnown`, read. */
export async function readBrowserIsKnown(db: D1Database, subject: string, browserHash: string): Promise<boolean> {
  const row = await readFirst<{ known: number }>(db, sql`SELECT ${browserIsKnown(subject, browserHash)} AS known`);
  return row?.known === 1;
}

/**
 * Statements that insert a session's row, unless the user is gone or of a later epoch. It replaces the user's other
 * rows in the same browser and ends other people's, since it overwrites their cookie: copies of the old cookie must not
 * act. Rows of the user beyond the newest 20 are deleted, ended sessions first.
 */
export function startSession({ userId, sessionId, epoch }: SessionKey, browserHash: string, at: number): Sql[] {
  const isStarted = sql`EXISTS (SELECT 1 FROM sessions WHERE id = ${sessionId})`;
  return [
    sql`INSERT INTO sessions (id, user_id, browser_hash, created_at)
        SELECT ${sessionId}, id, ${browserHash}, ${at} FROM users WHERE id = ${userId} AND session_epoch = ${epoch}
        ON CONFLICT DO NOTHING`,
    sql`DELETE FROM sessions WHERE user_id = ${userId} AND browser_hash = ${browserHash} AND id <> ${sessionId}
        AND ${isStarted}`,
    sql`UPDATE sessions SET ended_at = ${at} WHERE browser_hash = ${browserHash} AND user_id <> ${userId}
        AND ended_at IS NULL AND ${isStarted}`,
    sql`DELETE FROM sessions WHERE user_id = ${userId} AND id NOT IN (SELECT id FROM sessions WHERE user_id = ${userId}
        ORDER BY ended_at IS NULL DESC, created_at DESC, id LIMIT ${MOST_SESSIONS})`,
  ];
}

/** Signs out: no copy of the cookie acts any more. The browser stays known. */
export async function endSession(db: D1Database, { userId, sessionId }: SessionKey, at: number): Promise<void> {
  await write(
    db,
    sql`UPDATE sessions SET ended_at = ${at} WHERE id = ${sessionId} AND user_id = ${userId} AND ended_at IS NULL`,
    true,
  );
}

/** Statements that end the user's logins in the company's apps, if `condition` holds. Links of assistants stay. */
function endAppLogins(userId: string, at: number, condition: Sql, actor?: string): Sql[] {
  const ofApps = sql`user_id = ${userId} AND EXISTS (SELECT 1 FROM clients c WHERE c.id = client_id AND c.kind = 'app')
    AND ${condition}`;
  return [...endGrants(ofApps, "logins_ended", at, { actor }), voidCodes(ofApps, at)];
}

/** Statements after which, if `condition` holds, no browser and no app of the user is signed in or known. */
export function endLogins(userId: string, at: number, condition: Sql, actor?: string): Sql[] {
  return [
    ...endAppLogins(userId, at, condition, actor),
    sql`DELETE FROM sessions WHERE user_id = ${userId} AND ${condition}`,
    sql`UPDATE users SET session_epoch = session_epoch + 1, updated_at = ${at} WHERE id = ${userId} AND ${condition}`,
  ];
}

/** "Sign out everywhere", if `session` acts: a session that has ended must not end others. One batch. */
export async function signOutEverywhere(db: D1Database, session: SessionKey, at: number): Promise<void> {
  const { userId, sessionId } = session;
  const holds = sessionHolds(session);
  await batch(
    db,
    [
      auditRow(at, { kind: "logins_ended", userId }, holds),
      ...endAppLogins(userId, at, holds),
      // The session's own row and epoch change last: the condition reads both.
      sql`DELETE FROM sessions WHERE user_id = ${userId} AND id <> ${sessionId} AND ${holds}`,
      sql`UPDATE users SET session_epoch = session_epoch + 1, updated_at = ${at} WHERE id = ${userId} AND ${holds}`,
      sql`DELETE FROM sessions WHERE id = ${sessionId} AND user_id = ${userId} AND ended_at IS NULL`,
    ],
    true,
  );
}

/** A sign-in of a browser, as operators see it. Times are milliseconds since 1970. */
export interface Login {
  readonly id: string;
  readonly createdAt: number;
  /** When it was signed out. */
  readonly endedAt: number | null;
}

/** A user's sign-ins in browsers, newest first; undefined when there is no such user. One read. */
export async function readLogins(db: D1Database, userId: string): Promise<Login[] | undefined> {
  const [users, logins] = await batch<[unknown, Login]>(
    db,
    [
      sql`SELECT id FROM users WHERE id = ${userId}`,
      sql`SELECT id, created_at AS "createdAt", ended_at AS "endedAt" FROM sessions WHERE user_id = ${userId}
          ORDER BY created_at DESC, id LIMIT ${MOST_SESSIONS}`,
    ],
    true,
  );
  return users.length === 0 ? undefined : logins;
}

/** Ends one sign-in for an operator; its browser is no longer known. False when there is none. Repeatable. */
export async function endLogin(
  db: D1Database,
  userId: string,
  sessionId: string,
  at: number,
  actor: string,
): Promise<boolean> {
  const login = sql`id = ${sessionId} AND user_id = ${userId}`;
  const acts = sql`EXISTS (SELECT 1 FROM sessions WHERE ${login} AND ended_at IS NULL)`;
  const [, rows = []] = await batch(
    db,
    [
      auditRow(at, { kind: "login_ended", userId, actor }, acts),
      sql`UPDATE sessions SET ended_at = COALESCE(ended_at, ${at}), browser_hash = '' WHERE ${login} RETURNING id`,
    ],
    true,
  );
  return rows.length === 1;
}

/** Ends every login of a user for an operator, in browsers and apps. False when there is no such user. Repeatable. */
export async function endEveryLogin(db: D1Database, userId: string, at: number, actor: string): Promise<boolean> {
  const exists = sql`EXISTS (SELECT 1 FROM users WHERE id = ${userId})`;
  const results = await batch(
    db,
    [
      auditRow(at, { kind: "logins_ended", userId, actor }, exists),
      ...endLogins(userId, at, sql`TRUE`, actor),
      sql`SELECT 1 WHERE ${exists}`,
    ],
    true,
  );
  return results.at(-1)?.length === 1;
}
