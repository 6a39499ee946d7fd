// The built-in sign-in method: e-mail address and password.
import type { Runtime } from "../runtime.ts";
import { type AttemptStart, recordStep } from "../storage/attempts/attempts.ts";
import { readBrowserIsKnown } from "../storage/users/sessions.ts";
import { type Admission, admitPasswordTry, recordPasswordSignIn } from "../storage/users/sign-ins.ts";
import { passwordIdentity } from "./accounts.ts";
import { hashPassword, verifyPassword } from "./password-hash.ts";
import { signInThrottles } from "./password-limits.ts";
import { newSession, type Session } from "./session.ts";

export interface PasswordTry {
  /** As typed. */
  readonly email: string;
  readonly password: string;
  readonly browserHash: string;
  readonly network: string;
}

export interface Throttled {
  readonly outcome: "throttled";
  /** At least 1. */
  readonly retryAfterSeconds: number;
}

export type SignInOutcome =
  | { readonly outcome: "signed_in"; readonly session: Session }
  | { readonly outcome: "rejected" }
  | Throttled;

/**
 * Checks a password. An unknown account costs the same work as a wrong password. The caller refunds what was charged
 * when the verdict is not "wrong". One storage round trip.
 */
export async function checkPasswordTry(
  rt: Runtime,
  { email, password, browserHash, network }: PasswordTry,
): Promise<(Admission & { readonly verdict: "right" | "stale" | "wrong" }) | Throttled> {
  const key = passwordIdentity(email);
  const throttles = await signInThrottles(rt, key.subject, network, browserHash);
  const now = rt.now();
  const admission = await admitPasswordTry(rt.db, key, browserHash, throttles, now);
  if (!admission.admitted) {
    const { retryAt, knownBrowser } = admission;
    const retryAfterSeconds = Math.max(1, Math.ceil((retryAt - now) / 1000));
    rt.log.warn("sign_in_throttled", { retryAfterSeconds, knownBrowser });
    return { outcome: "throttled", retryAfterSeconds };
  }
  return { ...admission, verdict: await verifyPassword(rt, key.subject, admission.passwordHash, password) };
}

/** Whether this account has been signed in to in this browser before: then no stranger may slow it down. One read. */
export async function isKnownBrowser(rt: Runtime, email: string | undefined, browserHash: string): Promise<boolean> {
  return email !== undefined && readBrowserIsKnown(rt.db, passwordIdentity(email).subject, browserHash);
}

/** Signs in with a password. At most two storage round trips. */
export async function signInWithPassword(
  rt: Runtime,
  given: PasswordTry & { readonly attempt: AttemptStart | undefined },
): Promise<SignInOutcome> {
  const checked = await checkPasswordTry(rt, given);
  if ("outcome" in checked) return checked;
  const { browserHash, attempt } = given;
  const { user, verdict, passwordHash } = checked;
  if (verdict === "wrong" || !user) {
    if (attempt) await recordStep(rt.db, attempt, "sign_in_failed", rt.now(), { browserHash });
    return { outcome: "rejected" };
  }
  const key = passwordIdentity(given.email);
  const rehashed =
    verdict === "stale" && passwordHash !== null
      ? { from: passwordHash, to: await hashPassword(rt, key.subject, given.password) }
      : undefined;
  const session = newSession(rt, user);
  const signIn = { session, browserHash, attempt, at: session.issuedAt };
  await recordPasswordSignIn(rt.db, key, checked.charged, signIn, rehashed);
  return { outcome: "signed_in", session };
}
