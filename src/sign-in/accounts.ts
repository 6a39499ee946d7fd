// Password accounts: making, changing and removing them. Operators make them.
import { randomId } from "../crypto/random.ts";
import type { Runtime } from "../runtime.ts";
import { batch } from "../storage/d1.ts";
import {
  createUserStatements,
  type IdentityKey,
  readPasswordIdentity,
  readUser,
  readUsersByEmail,
  replacePassword,
  type User,
  userFromRow,
} from "../storage/users/users.ts";
import { isEmail, normalizeEmail } from "./email.ts";
import { checkPassword, hashPassword, moveHash } from "./password-hash.ts";

/** Longest name of a person, in characters. */
export const MAX_NAME_LENGTH = 100;

export type AccountRefusal =
  | { readonly refused: "email_invalid" }
  | { readonly refused: "email_taken" }
  | { readonly refused: "name_invalid" }
  | { readonly refused: "password_too_short" }
  | { readonly refused: "password_too_long" }
  | { readonly refused: "not_found" };

/** The identity of a password account; `email` as typed. */
export function passwordIdentity(email: string): IdentityKey {
  return { method: "password", issuer: "", subject: normalizeEmail(email) };
}

/** What is wrong with the values of a new account, before anything is stored; undefined when nothing is. */
export function checkAccount(given: {
  readonly email?: string;
  readonly password?: string;
  readonly name?: string | null;
}): AccountRefusal | undefined {
  if (given.email !== undefined && !isEmail(normalizeEmail(given.email))) return { refused: "email_invalid" };
  if (given.name !== undefined && given.name !== null && !isName(given.name)) return { refused: "name_invalid" };
  if (given.password === undefined) return undefined;
  const verdict = checkPassword(given.password);
  return verdict === "acceptable" ? undefined : { refused: `password_${verdict}` };
}

function isName(name: string): boolean {
  const trimmed = name.trim();
  return trimmed !== "" && [...trimmed].length <= MAX_NAME_LENGTH && !/\p{Cc}/u.test(trimmed);
}

/** Makes an account that signs in with a password. One batch. */
export async function createPasswordUser(
  rt: Runtime,
  given: { readonly email: string; readonly password: string; readonly name: string | null },
): Promise<{ readonly user: User } | AccountRefusal> {
  const refusal = checkAccount(given);
  if (refusal) return refusal;
  const key = passwordIdentity(given.email);
  const passwordHash = await hashPassword(rt, key.subject, given.password);
  const id = randomId();
  const results = await batch(
    rt.db,
    createUserStatements(
      rt.db,
      key,
      { id, email: key.subject, name: given.name?.trim() ?? null, passwordHash },
      rt.now(),
    ),
    true,
  );
  const row = results.at(-1)?.[0];
  return row?.id === id ? { user: userFromRow(row) } : { refused: "email_taken" };
}

/** Sets a new password and ends every login of the user. "not_found": no such user, or one without a password. */
export async function setPassword(rt: Runtime, userId: string, password: string): Promise<"changed" | AccountRefusal> {
  const refusal = checkAccount({ password });
  if (refusal) return refusal;
  const identity = await readPasswordIdentity(rt.db, userId);
  if (!identity) return { refused: "not_found" };
  const hash = await hashPassword(rt, identity.subject, password);
  return (await replacePassword(rt.db, userId, identity.subject, hash, rt.now()))
    ? "changed"
    : { refused: "not_found" };
}

/** The user with this id. */
export function findUser(rt: Runtime, userId: string): Promise<User | undefined> {
  return readUser(rt.db, userId);
}

/** Users with this address, the oldest first; several when an identity provider named them alike. */
export function findUsersByEmail(rt: Runtime, email: string): Promise<User[]> {
  return readUsersByEmail(rt.db, normalizeEmail(email));
}

/** Changes name and address; a password account signs in with the new address from then on. Left out: unchanged. */
export async function updateUser(
  rt: Runtime,
  userId: string,
  change: { readonly email?: string; readonly name?: string | null },
): Promise<{ readonly user: User } | AccountRefusal> {
  const refusal = checkAccount(change);
  if (refusal) return refusal;
  const { db } = rt;
  const [user, identity] = await Promise.all([readUser(db, userId), readPasswordIdentity(db, userId)]);
  if (!user) return { refused: "not_found" };
  const email = change.email === undefined ? user.email : normalizeEmail(change.email);
  const name = change.name === undefined ? user.name : (change.name?.trim() ?? null);
  const from = identity?.subject ?? null;
  const to = identity && change.email !== undefined ? email : from;
  const moved = from !== null && to !== null && to !== from;
  // The hash is sealed under the address: it moves along, or the account could not sign in any more.
  const hash = moved ? ((await moveHash(rt, from, to, identity?.password_hash ?? null)) ?? null) : null;
  const [, , rows = []] = await batch(
    db,
    [
      db
        .prepare(
          `UPDATE identities SET subject = ?1, password_hash = ?2
           WHERE ?3 AND method = 'password' AND issuer = '' AND subject = ?4 AND user_id = ?5
             AND NOT EXISTS (SELECT 1 FROM identities WHERE method = 'password' AND issuer = '' AND subject = ?1)`,
        )
        .bind(to, hash, moved ? 1 : 0, from, userId),
      db
        .prepare(
          `UPDATE users SET email = ?1, name = ?2, updated_at = ?3 WHERE id = ?4
             AND (?5 IS NULL OR EXISTS (SELECT 1 FROM identities WHERE method = 'password' AND issuer = '' AND subject = ?5 AND user_id = ?4))`,
        )
        .bind(email, name, rt.now(), userId, to),
      db
        .prepare(
          `SELECT u.id, u.email, u.name, u.session_epoch, u.created_at FROM users u WHERE u.id = ?1
             AND (?2 IS NULL OR EXISTS (SELECT 1 FROM identities WHERE method = 'password' AND issuer = '' AND subject = ?2 AND user_id = ?1))`,
        )
        .bind(userId, to),
    ],
    true,
  );
  return rows[0] ? { user: userFromRow(rows[0]) } : { refused: "email_taken" };
}
