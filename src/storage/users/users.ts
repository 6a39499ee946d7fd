// Users and their identities. (method, issuer, subject) names one person; equal e-mail addresses never join two.
import { batch, type Condition, readAll, readFirst } from "../d1.ts";

export interface User {
  readonly id: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly sessionEpoch: number;
  readonly createdAt: number;
}

export interface IdentityKey {
  readonly method: "password" | "oidc" | "amazon";
  /** Empty for methods of our own. */
  readonly issuer: string;
  readonly subject: string;
}

const COLUMNS = "u.id, u.email, u.name, u.session_epoch, u.created_at";

/** A user from a row that selects `COLUMNS`. */
export function userFromRow(row: Record<string, unknown>): User {
  return {
    id: row.id as string,
    email: row.email as string | null,
    name: row.name as string | null,
    sessionEpoch: row.session_epoch as number,
    createdAt: row.created_at as number,
  };
}

/** The user, or undefined. One read. */
export async function readUser(db: D1Database, id: string): Promise<User | undefined> {
  const row = await readFirst<Record<string, unknown>>(
    db.prepare(`SELECT ${COLUMNS} FROM users u WHERE u.id = ?`).bind(id),
  );
  return row ? userFromRow(row) : undefined;
}

/** Users with this address (normalised), the oldest first, at most 100: providers may name several people alike. */
export async function readUsersByEmail(db: D1Database, email: string): Promise<User[]> {
  const rows = await readAll<Record<string, unknown>>(
    db.prepare(`SELECT ${COLUMNS} FROM users u WHERE u.email = ? ORDER BY u.created_at, u.id LIMIT 100`).bind(email),
  );
  return rows.map(userFromRow);
}

/** Reads who an identity is, with its password hash, as a statement for a batch. */
export function identityStatement(db: D1Database, key: IdentityKey): D1PreparedStatement {
  return db
    .prepare(
      `SELECT ${COLUMNS}, i.password_hash FROM identities i JOIN users u ON u.id = i.user_id
       WHERE i.method = ? AND i.issuer = ? AND i.subject = ?`,
    )
    .bind(key.method, key.issuer, key.subject);
}

/**
 * Statements that make a user with one identity, unless the identity is there already. The last one reads the identity's
 * user: of two makers at once one wins, and a repeat after a lost connection recognises its own success.
 */
export function createUserStatements(
  db: D1Database,
  key: IdentityKey,
  user: { id: string; email: string | null; name: string | null; passwordHash: string | null },
  at: number,
): D1PreparedStatement[] {
  const { method, issuer, subject } = key;
  return [
    db
      .prepare(
        `INSERT INTO users (id, email, name, created_at, updated_at) SELECT ?1, ?2, ?3, ?4, ?4
         WHERE NOT EXISTS (SELECT 1 FROM identities WHERE method = ?5 AND issuer = ?6 AND subject = ?7)
         ON CONFLICT DO NOTHING`,
      )
      .bind(user.id, user.email, user.name, at, method, issuer, subject),
    db
      .prepare(
        `INSERT INTO identities (method, issuer, subject, user_id, password_hash, created_at)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM users WHERE id = ?4)
         ON CONFLICT DO NOTHING`,
      )
      .bind(method, issuer, subject, user.id, user.passwordHash, at),
    identityStatement(db, key),
  ];
}

/** The user's password identity: its subject and sealed hash. */
export function readPasswordIdentity(
  db: D1Database,
  userId: string,
): Promise<{ subject: string; password_hash: string | null } | null> {
  return readFirst(
    db
      .prepare("SELECT subject, password_hash FROM identities WHERE user_id = ? AND method = 'password' LIMIT 1")
      .bind(userId),
  );
}

/**
 * Puts a new hash in place and ends every login: the epoch moves on, and no browser counts as known any more.
 * False when the identity is gone.
 */
export async function replacePassword(
  db: D1Database,
  userId: string,
  subject: string,
  passwordHash: string,
  at: number,
): Promise<boolean> {
  const [changed = []] = await batch(
    db,
    [
      db
        .prepare(
          "UPDATE identities SET password_hash = ? WHERE method = 'password' AND issuer = '' AND subject = ? AND user_id = ? RETURNING 1",
        )
        .bind(passwordHash, subject, userId),
      ...endLoginsStatements(db, userId, at),
    ],
    true,
  );
  return changed.length > 0;
}

/** Statements after which no login of the user acts any more; with `condition`, only if that holds before them. */
export function endLoginsStatements(
  db: D1Database,
  userId: string,
  at: number,
  condition: Condition = { sql: "1", params: [] },
): D1PreparedStatement[] {
  // The browsers go first: moving the epoch on is what makes a session's condition false.
  return [
    db.prepare(`DELETE FROM known_browsers WHERE user_id = ? AND ${condition.sql}`).bind(userId, ...condition.params),
    db
      .prepare(`UPDATE users SET session_epoch = session_epoch + 1, updated_at = ? WHERE id = ? AND ${condition.sql}`)
      .bind(at, userId, ...condition.params),
  ];
}

/** How many browsers of one user are remembered. */
const KNOWN_BROWSERS = 20;

/** Statements that remember a browser in which the user has signed in, and forget the oldest ones. */
export function rememberBrowserStatements(
  db: D1Database,
  userId: string,
  browserHash: string,
  at: number,
): D1PreparedStatement[] {
  return [
    db
      .prepare(
        `INSERT INTO known_browsers (user_id, browser_hash, last_seen_at) SELECT id, ?2, ?3 FROM users WHERE id = ?1
         ON CONFLICT DO UPDATE SET last_seen_at = excluded.last_seen_at`,
      )
      .bind(userId, browserHash, at),
    db
      .prepare(
        `DELETE FROM known_browsers WHERE user_id = ?1 AND browser_hash NOT IN
         (SELECT browser_hash FROM known_browsers WHERE user_id = ?1 ORDER BY last_seen_at DESC, browser_hash LIMIT ?2)`,
      )
      .bind(userId, KNOWN_BROWSERS),
  ];
}

/** Notes that an identity was used; puts a new hash in place when one was made from the same password. */
export function identityUsedStatement(
  db: D1Database,
  key: IdentityKey,
  at: number,
  rehashed?: { readonly from: string; readonly to: string },
): D1PreparedStatement {
  const { method, issuer, subject } = key;
  return db
    .prepare(
      `UPDATE identities SET last_used_at = ?4, password_hash = CASE WHEN password_hash = ?5 THEN ?6 ELSE password_hash END
       WHERE method = ?1 AND issuer = ?2 AND subject = ?3`,
    )
    .bind(method, issuer, subject, at, rehashed?.from ?? null, rehashed?.to ?? null);
}

/** Takes over what a provider calls the user now; what it leaves out stays. */
export function updateLabelStatement(
  db: D1Database,
  userId: string,
  label: { readonly email: string | null; readonly name: string | null },
  at: number,
): D1PreparedStatement {
  return db
    .prepare(
      `UPDATE users SET email = COALESCE(?2, email), name = COALESCE(?3, name), updated_at = ?4
       WHERE id = ?1 AND (email IS NOT COALESCE(?2, email) OR name IS NOT COALESCE(?3, name))`,
    )
    .bind(userId, label.email, label.name, at);
}
