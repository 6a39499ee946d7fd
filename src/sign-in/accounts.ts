// Password accounts: created and changed by operators.
import { randomId } from "../crypto/random.ts";
import type { Runtime } from "../runtime.ts";
import {
  createUser,
  type IdentityKey,
  type MovedIdentity,
  type PasswordIdentity,
  readPasswordIdentity,
  readUser,
  readUsersByEmail,
  replacePassword,
  type User,
  updateUser,
  type VerifiedPassword,
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

/** What is wrong with the values of an account, before anything is stored; undefined when they are acceptable. */
function checkAccount(given: {
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

/** Creates an account that signs in with a password. One batch. */
export async function createPasswordUser(
  rt: Runtime,
  given: { readonly email: string; readonly password: string; readonly name: string | null },
): Promise<{ readonly user: User } | AccountRefusal> {
  const refusal = checkAccount(given);
  if (refusal) return refusal;
  const key = passwordIdentity(given.email);
  const passwordHash = await hashPassword(rt, key.subject, given.password);
  const id = randomId();
  const fresh = { id, email: key.subject, name: given.name?.trim() ?? null, passwordHash };
  const user = await createUser(rt.db, key, fresh, rt.now());
  return user?.id === id ? { user } : { refused: "email_taken" };
}

/**
 * Sets a new password and ends every session. `not_found`: no such user, one without a password, or `verified` does not
 * hold any more: a reset
 * by an operator is not undone by a change under way.
 */
export async function setPassword(
  rt: Runtime,
  userId: string,
  password: string,
  verified?: VerifiedPassword,
): Promise<{ readonly user: User } | AccountRefusal> {
  const refusal = checkAccount({ password });
  if (refusal) return refusal;
  const identity = await readPasswordIdentity(rt.db, userId);
  if (!identity) return { refused: "not_found" };
  const hash = await hashPassword(rt, identity.subject, password);
  const user = await replacePassword(rt.db, userId, identity.subject, hash, rt.now(), verified);
  return user ? { user } : { refused: "not_found" };
}

/** Users with this address, the oldest first; several when an identity provider gave them the same one. */
export function findUsersByEmail(rt: Runtime, email: string): Promise<User[]> {
  return readUsersByEmail(rt.db, normalizeEmail(email));
}

/** Changes name and address; a password account signs in with the new address from then on. What is left out stays. */
export async function changeUser(
  rt: Runtime,
  userId: string,
  change: { readonly email?: string; readonly name?: string | null },
): Promise<{ readonly user: User } | AccountRefusal> {
  const refusal = checkAccount(change);
  if (refusal) return refusal;
  const [user, identity] = await Promise.all([readUser(rt.db, userId), readPasswordIdentity(rt.db, userId)]);
  if (!user) return { refused: "not_found" };
  const email = change.email === undefined ? user.email : normalizeEmail(change.email);
  const name = change.name === undefined ? user.name : (change.name?.trim() ?? null);
  const moved = change.email === undefined || !identity ? undefined : await moveIdentity(rt, identity, change.email);
  const changed = await updateUser(rt.db, userId, { email, name, moved }, rt.now());
  return changed ? { user: changed } : { refused: "email_taken" };
}

/** The hash is sealed for the address: without sealing it again the account could not sign in any more. */
async function moveIdentity(
  rt: Runtime,
  identity: PasswordIdentity,
  email: string,
): Promise<MovedIdentity | undefined> {
  const from = identity.subject;
  const to = normalizeEmail(email);
  if (from === to) return undefined;
  return { from, to, passwordHash: (await moveHash(rt, from, to, identity.passwordHash)) ?? null };
}
