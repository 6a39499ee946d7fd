// Password accounts: created and changed by operators.
import { equalInConstantTime } from "../crypto/hash.ts";
import { randomId } from "../crypto/random.ts";
import type { Runtime } from "../runtime.ts";
import { StorageFault } from "../storage/sql.ts";
import { type SessionKey, sessionHolds } from "../storage/users/sessions.ts";
import {
  createUser,
  type IdentityChange,
  type IdentityKey,
  type PasswordIdentity,
  readPasswordIdentity,
  readUser,
  readUsersByEmail,
  type User,
  updateUser,
} from "../storage/users/users.ts";
import { isEmail, normalizeEmail } from "./email.ts";
import { checkPassword, hashPassword, moveHash } from "./password-hash.ts";

/** Longest name of a person, in characters. */
const MAX_NAME_LENGTH = 100;

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

/** What an operator changes; what is left out stays. */
export interface AccountChange {
  readonly email?: string | undefined;
  readonly password?: string | undefined;
  readonly name?: string | null | undefined;
}

/** What is wrong with the values of an account, before anything is stored; undefined when they are acceptable. */
export function checkAccount(given: AccountChange): AccountRefusal | undefined {
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

/** Creates an account that signs in with a password, with an audit row of the operator `actor`. One batch. */
export async function createPasswordUser(
  rt: Runtime,
  given: { readonly email: string; readonly password: string; readonly name: string | null },
  actor?: string,
): Promise<{ readonly user: User } | AccountRefusal> {
  const refusal = checkAccount(given);
  if (refusal) return refusal;
  const key = passwordIdentity(given.email);
  const passwordHash = await hashPassword(rt, key.subject, given.password);
  const id = randomId();
  const fresh = { id, email: key.subject, name: given.name?.trim() ?? null, passwordHash };
  const user = await createUser(rt.db, key, fresh, rt.now(), actor);
  return user?.id === id ? { user } : { refused: "email_taken" };
}

/** What was verified before an owner's password is replaced, and must still be so when it is. */
export interface VerifiedPassword extends PasswordIdentity {
  readonly session: SessionKey;
}

/**
 * Sets the owner's new password and ends every login. `not_found`: what was verified does not hold any more. A reset by
 * an operator is not undone by a change under way.
 */
export async function setPassword(
  rt: Runtime,
  password: string,
  { session, ...read }: VerifiedPassword,
): Promise<{ readonly user: User } | AccountRefusal> {
  const refusal = checkAccount({ password });
  if (refusal) return refusal;
  const { subject } = read;
  const passwordHash = await hashPassword(rt, subject, password);
  const identity = { read, subject, passwordHash, keepsPassword: false, actorHolds: sessionHolds(session) };
  const audit = { kind: "password_changed", details: null };
  const user = await updateUser(rt.db, session.userId, { identity }, rt.now(), audit);
  return user ? { user } : { refused: "not_found" };
}

/** Users with this address, the oldest first; several when an identity provider gave them the same one. */
export function findUsersByEmail(rt: Runtime, email: string): Promise<User[]> {
  return readUsersByEmail(rt.db, normalizeEmail(email));
}

/** Each time, another change of the same account was committed between our read and our write. */
const MOST_TRIES = 10;

/**
 * Changes an account for an operator. A password account signs in with a new address from then on; a new password ends
 * every login. `not_found`: no such user, or a password for one that has none. At most two round trips for each try.
 */
export async function changeUser(
  rt: Runtime,
  userId: string,
  change: AccountChange,
  actor: string,
): Promise<{ readonly user: User } | AccountRefusal> {
  const refusal = checkAccount(change);
  if (refusal) return refusal;
  const email = change.email === undefined ? undefined : normalizeEmail(change.email);
  const name = change.name?.trim() ?? change.name;
  const audit = { kind: "user_changed", actor, details: Object.keys(change).join(", ") };
  let before: PasswordIdentity | null | undefined;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const [user, read] = await Promise.all([readUser(rt.db, userId), readPasswordIdentity(rt.db, userId)]);
    if (!user || (change.password !== undefined && !read)) return { refused: "not_found" };
    // What was read is still there, so what stood in the way is the other account.
    if (
      before &&
      read &&
      before.subject === read.subject &&
      equalInConstantTime(before.passwordHash ?? "", read.passwordHash ?? "")
    ) {
      return { refused: "email_taken" };
    }
    const identity = read ? await changedIdentity(rt, read, email, change.password) : undefined;
    const given = {
      ...(email === undefined ? {} : { email }),
      ...(name === undefined ? {} : { name }),
      ...(identity ? { identity } : {}),
    };
    const changed = await updateUser(rt.db, userId, given, rt.now(), audit);
    if (changed) return { user: changed };
    before = read;
  }
  throw new StorageFault("the account is being changed by too many requests at once");
}

/** The hash is sealed for the address: without sealing it again the account could not sign in any more. */
async function changedIdentity(
  rt: Runtime,
  read: PasswordIdentity,
  email: string | undefined,
  password: string | undefined,
): Promise<IdentityChange | undefined> {
  const subject = email ?? read.subject;
  if (password !== undefined) {
    return { read, subject, passwordHash: await hashPassword(rt, subject, password), keepsPassword: false };
  }
  if (subject === read.subject) return undefined;
  const hash = read.passwordHash;
  const passwordHash = hash === null ? null : await moveHash(rt, read.subject, subject, hash);
  return { read, subject, passwordHash, keepsPassword: true };
}
