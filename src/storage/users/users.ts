// Users and their identities. (method, issuer, subject) names one person; equal e-mail addresses never join two.
import { batch, readAll, readFirst, type Sql, sql } from "../sql.ts";
import { endAllSessions, type SessionKey, sessionHolds } from "./sessions.ts";

export interface User {
  readonly id: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly sessionEpoch: number;
  readonly createdAt: number;
}

export interface IdentityKey {
  readonly method: "password" | "oidc" | "amazon";
  /** Empty for passwords. */
  readonly issuer: string;
  readonly subject: string;
}

/** The columns of a `User`, from table `users` called `u`. */
export const USER_COLUMNS = sql`u.id, u.email, u.name, u.session_epoch AS "sessionEpoch", u.created_at AS "createdAt"`;

/** In SQL: the user exists. */
export function userExists(id: string): Sql {
  return sql`EXISTS (SELECT 1 FROM users WHERE id = ${id})`;
}

/** The user, or null. One read. */
export function readUser(db: D1Database, id: string): Promise<User | null> {
  return readFirst<User>(db, sql`SELECT ${USER_COLUMNS} FROM users u WHERE u.id = ${id}`);
}

/** The oldest 100 users with this normalised address: providers may give several people the same one. */
export function readUsersByEmail(db: D1Database, email: string): Promise<User[]> {
  return readAll<User>(
    db,
    sql`SELECT ${USER_COLUMNS} FROM users u WHERE u.email = ${email} ORDER BY u.created_at, u.id LIMIT 100`,
  );
}

/** Selects the user behind an identity, with the password hash that only password identities have. */
export function selectIdentity({ method, issuer, subject }: IdentityKey): Sql {
  return sql`SELECT ${USER_COLUMNS}, i.password_hash AS "passwordHash" FROM identities i JOIN users u ON u.id = i.user_id
    WHERE i.method = ${method} AND i.issuer = ${issuer} AND i.subject = ${subject}`;
}

/** The user behind an identity, or null. One read. */
export function readUserOfIdentity(db: D1Database, key: IdentityKey): Promise<User | null> {
  return readFirst<User>(db, selectIdentity(key));
}

export interface NewUser {
  readonly id: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly passwordHash: string | null;
}

/**
 * Creates a user with one identity, unless the identity exists; the identity's user, new or not. Of two calls at once
 * one wins. Undefined when the identity's user was deleted at this moment. One batch.
 */
export async function createUser(
  db: D1Database,
  key: IdentityKey,
  user: NewUser,
  at: number,
): Promise<User | undefined> {
  const { method, issuer, subject } = key;
  const [, , rows = []] = await batch(
    db,
    [
      sql`INSERT INTO users (id, email, name, created_at, updated_at)
          SELECT ${user.id}, ${user.email}, ${user.name}, ${at}, ${at}
          WHERE NOT EXISTS (SELECT 1 FROM identities WHERE method = ${method} AND issuer = ${issuer} AND subject = ${subject})
          ON CONFLICT DO NOTHING`,
      sql`INSERT INTO identities (method, issuer, subject, user_id, password_hash, created_at)
          SELECT ${method}, ${issuer}, ${subject}, id, ${user.passwordHash}, ${at} FROM users WHERE id = ${user.id}
          ON CONFLICT DO NOTHING`,
      selectIdentity(key),
    ],
    true,
  );
  return rows[0] as User | undefined;
}

export interface PasswordIdentity {
  readonly subject: string;
  readonly passwordHash: string | null;
}

/** The user's password identity, or null. One read. */
export function readPasswordIdentity(db: D1Database, userId: string): Promise<PasswordIdentity | null> {
  return readFirst<PasswordIdentity>(
    db,
    sql`SELECT subject, password_hash AS "passwordHash" FROM identities
        WHERE user_id = ${userId} AND method = 'password' LIMIT 1`,
  );
}

/** What was verified before a password is replaced, and must still be so when it is. */
export interface VerifiedPassword {
  readonly passwordHash: string | null;
  readonly session: SessionKey;
}

/**
 * Replaces the password hash and ends every session. The user, with the new epoch; undefined when there is no such
 * identity, or when `verified` does not hold any more: nothing was changed then. One batch; running it again ends the
 * sessions again.
 */
export async function replacePassword(
  db: D1Database,
  userId: string,
  subject: string,
  passwordHash: string,
  at: number,
  verified?: VerifiedPassword,
): Promise<User | undefined> {
  const identity = sql`method = 'password' AND issuer = '' AND subject = ${subject} AND user_id = ${userId}`;
  const holds = verified
    ? sql`password_hash IS ${verified.passwordHash} AND ${sessionHolds(verified.session)}`
    : sql`TRUE`;
  const replaced = sql`EXISTS (SELECT 1 FROM identities WHERE ${identity} AND password_hash = ${passwordHash})`;
  const results = await batch(
    db,
    [
      sql`UPDATE identities SET password_hash = ${passwordHash} WHERE ${identity} AND ${holds}`,
      ...endAllSessions(userId, at, replaced),
      sql`SELECT ${USER_COLUMNS} FROM users u WHERE u.id = ${userId} AND ${replaced}`,
    ],
    true,
  );
  return results.at(-1)?.[0] as User | undefined;
}

/** A password identity that gets a new subject, with its hash sealed for that. */
export interface MovedIdentity {
  readonly from: string;
  readonly to: string;
  readonly passwordHash: string | null;
}

export interface UserChange {
  readonly email: string | null;
  readonly name: string | null;
  readonly moved: MovedIdentity | undefined;
}

/** Changes name, address and the password identity's subject. Undefined: subject taken, or no such user. */
export async function updateUser(
  db: D1Database,
  userId: string,
  { email, name, moved }: UserChange,
  at: number,
): Promise<User | undefined> {
  const taken = sql`SELECT 1 FROM identities WHERE method = 'password' AND issuer = '' AND subject = ${moved?.to}`;
  const move =
    moved &&
    sql`UPDATE identities SET subject = ${moved.to}, password_hash = ${moved.passwordHash}
        WHERE method = 'password' AND issuer = '' AND subject = ${moved.from} AND user_id = ${userId} AND NOT EXISTS (${taken})`;
  const isMoved = moved ? sql`EXISTS (${taken} AND user_id = ${userId})` : sql`TRUE`;
  const results = await batch(
    db,
    [
      ...(move ? [move] : []),
      sql`UPDATE users SET email = ${email}, name = ${name}, updated_at = ${at} WHERE id = ${userId} AND ${isMoved}`,
      sql`SELECT ${USER_COLUMNS} FROM users u WHERE u.id = ${userId} AND ${isMoved}`,
    ],
    true,
  );
  return results.at(-1)?.[0] as User | undefined;
}
