// Users and their identities. (method, issuer, subject) names one person; equal e-mail addresses never join two.
import { type AuditEntry, auditIfChanged, auditRow } from "../audit.ts";
import { batch, readAll, readFirst, type Sql, sql } from "../sql.ts";
import { endLogins } from "./sessions.ts";

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
 * one wins. `actor`: an operator creates it, which leaves an audit row. Undefined when the identity's user was deleted
 * at this moment. One batch.
 */
export async function createUser(
  db: D1Database,
  key: IdentityKey,
  user: NewUser,
  at: number,
  actor?: string,
): Promise<User | undefined> {
  const { method, issuer, subject } = key;
  const results = await batch(
    db,
    [
      sql`INSERT INTO users (id, email, name, created_at, updated_at)
          SELECT ${user.id}, ${user.email}, ${user.name}, ${at}, ${at}
          WHERE NOT EXISTS (SELECT 1 FROM identities WHERE method = ${method} AND issuer = ${issuer} AND subject = ${subject})
          ON CONFLICT DO NOTHING`,
      sql`INSERT INTO identities (method, issuer, subject, user_id, password_hash, created_at)
          SELECT ${method}, ${issuer}, ${subject}, id, ${user.passwordHash}, ${at} FROM users WHERE id = ${user.id}
          ON CONFLICT DO NOTHING`,
      ...(actor === undefined ? [] : [auditIfChanged(at, { kind: "user_created", actor, userId: user.id })]),
      selectIdentity(key),
    ],
    true,
  );
  return results.at(-1)?.[0] as User | undefined;
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

/** A password identity as it was read, and what replaces it. */
export interface IdentityChange {
  readonly read: PasswordIdentity;
  readonly subject: string;
  /** Sealed for `subject`. */
  readonly passwordHash: string | null;
  /** The same password under another address. A new password ends every login. */
  readonly keepsPassword: boolean;
  /** In SQL: the owner's session may still act. Left out: an operator asks. */
  readonly actorHolds?: Sql;
}

/** What is left out stays. */
export interface UserChange {
  readonly email?: string | null;
  readonly name?: string | null;
  readonly identity?: IdentityChange;
}

/**
 * Changes a user, with an audit row if `audit` is given. The hash that was read must still be stored, or a change under
 * way would undo a newer one; only an operator's reset replaces whatever is there. Undefined, and nothing was changed:
 * the identity is another by now, its new subject is taken, the actor may not act any more, or there is no such user.
 * One batch; running it again ends the logins again.
 */
export async function updateUser(
  db: D1Database,
  userId: string,
  { email, name, identity }: UserChange,
  at: number,
  audit?: Pick<AuditEntry, "kind" | "details" | "actor">,
): Promise<User | undefined> {
  // After a lost response the batch runs again.
  const isRecorded = (kind: string) =>
    sql`EXISTS (SELECT 1 FROM audit WHERE user_id = ${userId} AND at = ${at} AND kind = ${kind})`;
  const results = await batch(
    db,
    [
      ...(identity ? [replaceIdentity(userId, identity)] : []),
      ...(identity && !identity.keepsPassword
        ? endLogins(userId, at, isReplaced(userId, identity), audit?.actor ?? undefined)
        : []),
      sql`UPDATE users SET email = ${email === undefined ? sql`email` : sql`${email}`},
            name = ${name === undefined ? sql`name` : sql`${name}`}, updated_at = ${at}
          WHERE id = ${userId} AND ${isReplaced(userId, identity)}`,
      ...(audit ? [auditRow(at, { ...audit, userId }, sql`changes() > 0 AND NOT ${isRecorded(audit.kind)}`)] : []),
      sql`SELECT ${USER_COLUMNS} FROM users u WHERE u.id = ${userId} AND ${isReplaced(userId, identity)}`,
    ],
    true,
  );
  return results.at(-1)?.[0] as User | undefined;
}

function replaceIdentity(
  userId: string,
  { read, subject, passwordHash, keepsPassword, actorHolds }: IdentityChange,
): Sql {
  const isFree = sql`NOT EXISTS (SELECT 1 FROM identities WHERE method = 'password' AND issuer = '' AND subject = ${subject})`;
  return sql`UPDATE identities SET subject = ${subject}, password_hash = ${passwordHash}
    WHERE method = 'password' AND issuer = '' AND subject = ${read.subject} AND user_id = ${userId}
      AND ${keepsPassword || actorHolds ? sql`password_hash IS ${read.passwordHash}` : sql`TRUE`}
      AND ${subject === read.subject ? sql`TRUE` : isFree} AND ${actorHolds ?? sql`TRUE`}`;
}

/** In SQL: this change of the identity was made. A sealed hash is never written twice. */
function isReplaced(userId: string, identity: IdentityChange | undefined): Sql {
  if (!identity) return sql`TRUE`;
  return sql`EXISTS (SELECT 1 FROM identities WHERE method = 'password' AND issuer = '' AND subject = ${identity.subject}
    AND user_id = ${userId} AND password_hash IS ${identity.passwordHash})`;
}
