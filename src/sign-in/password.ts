// The built-in sign-in method: e-mail address and password.
import type { Runtime } from "../runtime.ts";
import { type AttemptStart, stepStatement } from "../storage/attempts/attempts.ts";
import { batch, write } from "../storage/d1.ts";
import {
  giveBackStatement,
  reserveSignInStatement,
  throttleStatesFromRows,
  throttleStatesStatement,
} from "../storage/users/throttles.ts";
import {
  identityStatement,
  identityUsedStatement,
  rememberBrowserStatements,
  type User,
  userFromRow,
} from "../storage/users/users.ts";
import { passwordIdentity } from "./accounts.ts";
import { retryAfterSeconds, signInThrottles } from "./attempts.ts";
import { hashPassword, verifyPassword } from "./password-hash.ts";

export interface PasswordAttempt {
  /** As typed. */
  readonly email: string;
  readonly password: string;
  readonly browserHash: string;
  readonly network: string;
  readonly attempt: AttemptStart | undefined;
}

export type SignInOutcome =
  | { readonly outcome: "signed_in"; readonly user: User }
  | { readonly outcome: "rejected" }
  | { readonly outcome: "throttled"; readonly retryAfterSeconds: number };

/** An attempt that was let through: what is known of the account, and how to take the count back. */
export interface Admission {
  readonly subject: string;
  readonly user: User | undefined;
  readonly passwordHash: string | null;
  /** Counters that were charged for this attempt. */
  readonly charged: readonly string[];
}

/**
 * Asks whether a password may be tried now, and counts the try as failed beforehand. One trip, the same for accounts that
 * exist and accounts that do not.
 */
export async function admitAttempt(
  rt: Runtime,
  attempt: Pick<PasswordAttempt, "email" | "browserHash" | "network">,
  also: readonly D1PreparedStatement[] = [],
): Promise<{ admission: Admission; also: Record<string, unknown>[][] } | { retryAfterSeconds: number }> {
  const { db } = rt;
  const key = passwordIdentity(attempt.email);
  const throttles = await signInThrottles(rt, key.subject, attempt.network, attempt.browserHash);
  const now = rt.now();
  const [charged = [], states = [], identities = [], known = [], ...rest] = await batch(
    db,
    [
      reserveSignInStatement(db, throttles, key.subject, attempt.browserHash, now),
      throttleStatesStatement(
        db,
        Object.values(throttles).map((throttle) => throttle.key),
      ),
      identityStatement(db, key),
      db
        .prepare(
          `SELECT 1 FROM identities i JOIN known_browsers b ON b.user_id = i.user_id
           WHERE i.method = 'password' AND i.issuer = '' AND i.subject = ? AND b.browser_hash = ?`,
        )
        .bind(key.subject, attempt.browserHash),
      ...also,
    ],
    true,
  );
  if (charged.length === 0) {
    const seconds = retryAfterSeconds(throttles, throttleStatesFromRows(states), known.length > 0, now);
    rt.log.warn("sign_in_throttled", { retryAfterSeconds: seconds, knownBrowser: known.length > 0 });
    return { retryAfterSeconds: seconds };
  }
  const row = identities[0];
  return {
    admission: {
      subject: key.subject,
      user: row ? userFromRow(row) : undefined,
      passwordHash: (row?.password_hash as string | null | undefined) ?? null,
      charged: charged.map((entry) => entry.key as string),
    },
    also: rest,
  };
}

/**
 * Tries a password. An unknown account costs the same work and gets the same answer as a wrong password.
 * Two storage trips when it is right; when it is wrong one, and one more if a linking keeps account of it.
 */
export async function signInWithPassword(rt: Runtime, attempt: PasswordAttempt): Promise<SignInOutcome> {
  const admitted = await admitAttempt(rt, attempt);
  if ("retryAfterSeconds" in admitted) return { outcome: "throttled", ...admitted };
  return tryPassword(rt, attempt, admitted.admission);
}

/** The second half of `signInWithPassword`. */
export async function tryPassword(
  rt: Runtime,
  attempt: PasswordAttempt,
  admission: Admission,
): Promise<Exclude<SignInOutcome, { outcome: "throttled" }>> {
  const { db } = rt;
  const { subject, user, passwordHash } = admission;
  const verdict = await verifyPassword(rt, subject, passwordHash, attempt.password);
  const at = rt.now();
  if (verdict === "wrong" || !user) {
    if (attempt.attempt) {
      await write(stepStatement(db, attempt.attempt, "sign_in_failed", at, { browserHash: attempt.browserHash }), true);
    }
    return { outcome: "rejected" };
  }
  const rehashed =
    verdict === "stale" && passwordHash !== null
      ? { from: passwordHash, to: await hashPassword(rt, subject, attempt.password) }
      : undefined;
  await batch(
    db,
    [
      giveBackStatement(db, admission.charged),
      identityUsedStatement(db, passwordIdentity(subject), at, rehashed),
      ...signedInStatements(db, user.id, attempt.browserHash, attempt.attempt, at),
    ],
    true,
  );
  return { outcome: "signed_in", user };
}

/** What every method writes when it knows who the visitor is. */
export function signedInStatements(
  db: D1Database,
  userId: string,
  browserHash: string,
  attempt: AttemptStart | undefined,
  at: number,
): D1PreparedStatement[] {
  return [
    ...rememberBrowserStatements(db, userId, browserHash, at),
    ...(attempt ? [stepStatement(db, attempt, "signed_in", at, { userId, browserHash })] : []),
  ];
}
