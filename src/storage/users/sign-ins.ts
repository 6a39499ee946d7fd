// What a sign-in reads and writes: whether a password may be tried, who the account is, and the session that follows.
import { type AttemptStart, addStep } from "../attempts/attempts.ts";
import { batch, type Sql, sql } from "../sql.ts";
import { browserIsKnown, type SessionKey, startSession } from "./sessions.ts";
import { refund, reserveSignIn, type SignInThrottles, selectSignInDelay } from "./throttles.ts";
import { type IdentityKey, selectIdentity, type User } from "./users.ts";

/** A try that may be made: what is known of the account, and the counters that were charged for it. */
export interface Admission {
  readonly admitted: true;
  readonly user: User | undefined;
  readonly passwordHash: string | null;
  readonly charged: readonly string[];
}

/** A try that must wait. */
export interface Refusal {
  readonly admitted: false;
  readonly knownBrowser: boolean;
  /** When the next try may be made, in milliseconds since 1970. */
  readonly retryAt: number;
}

/** Counts a try as failed beforehand, if allowed now, and reads the account. One batch, also when it is unknown. */
export async function admitPasswordTry(
  db: D1Database,
  key: IdentityKey,
  browserHash: string,
  throttles: SignInThrottles,
  now: number,
): Promise<Admission | Refusal> {
  const known = browserIsKnown(key.subject, browserHash);
  const [charged = [], delays = [], identities = []] = await batch(
    db,
    [reserveSignIn(throttles, known, now), selectSignInDelay(throttles, known), selectIdentity(key)],
    true,
  );
  if (charged.length === 0) {
    const { known: knownBrowser, retryAt } = delays[0] as { known: number; retryAt: number };
    return { admitted: false, knownBrowser: knownBrowser === 1, retryAt };
  }
  const row = identities[0] as (User & { passwordHash: string | null }) | undefined;
  return {
    admitted: true,
    user: row,
    passwordHash: row?.passwordHash ?? null,
    charged: charged.map(({ key: counter }) => counter as string),
  };
}

/** What every method writes once it knows who the visitor is. */
export interface SignIn {
  readonly session: SessionKey;
  readonly browserHash: string;
  /** The link attempt that waits for this sign-in; its step is added. */
  readonly attempt: AttemptStart | undefined;
  readonly at: number;
}

function recordSignIn({ session, browserHash, attempt, at }: SignIn): Sql[] {
  return [
    ...startSession(session, browserHash, at),
    ...(attempt ? [addStep(attempt, "signed_in", at, { userId: session.userId, browserHash })] : []),
  ];
}

/**
 * Records a sign-in with a password: the charged counters are refunded, and `rehashed` replaces the hash that was
 * checked unless somebody else has replaced it. One batch.
 */
export async function recordPasswordSignIn(
  db: D1Database,
  key: IdentityKey,
  charged: readonly string[],
  signIn: SignIn,
  rehashed?: { readonly from: string; readonly to: string },
): Promise<void> {
  const rehash =
    rehashed &&
    sql`UPDATE identities SET password_hash = ${rehashed.to} WHERE ${isIdentity(key)} AND password_hash = ${rehashed.from}`;
  await batch(
    db,
    [refund(charged), markUsed(key, signIn.at), ...(rehash ? [rehash] : []), ...recordSignIn(signIn)],
    true,
  );
}

/**
 * Records a sign-in with a provider, and what the provider calls the user now. An address that is null removes the
 * stored one; an undefined one, and a name that is null, leave what is stored. One batch.
 */
export async function recordProviderSignIn(
  db: D1Database,
  key: IdentityKey,
  label: { readonly email: string | null | undefined; readonly name: string | null },
  signIn: SignIn,
): Promise<void> {
  const { at } = signIn;
  const email = label.email === undefined ? sql`email` : sql`${label.email}`;
  const name = sql`COALESCE(${label.name}, name)`;
  await batch(
    db,
    [
      sql`UPDATE users SET email = ${email}, name = ${name}, updated_at = ${at}
          WHERE id = ${signIn.session.userId} AND (email IS NOT ${email} OR name IS NOT ${name})`,
      markUsed(key, at),
      ...recordSignIn(signIn),
    ],
    true,
  );
}

/** Starts the session that follows a new password, and refunds what the check of the old one was charged. One batch. */
export async function recordPasswordChange(
  db: D1Database,
  charged: readonly string[],
  { session, browserHash, at }: Omit<SignIn, "attempt">,
): Promise<void> {
  await batch(db, [refund(charged), ...startSession(session, browserHash, at)], true);
}

function isIdentity({ method, issuer, subject }: IdentityKey): Sql {
  return sql`method = ${method} AND issuer = ${issuer} AND subject = ${subject}`;
}

function markUsed(key: IdentityKey, at: number): Sql {
  return sql`UPDATE identities SET last_used_at = ${at} WHERE ${isIdentity(key)}`;
}
