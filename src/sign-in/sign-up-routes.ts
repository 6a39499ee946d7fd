// GET and POST /sign-up: password accounts that visitors make themselves, where the deployment allows it.
import { Hono } from "hono/tiny";
import { randomId } from "../crypto/random.ts";
import { browserOf } from "../http/browser.ts";
import { networkOf } from "../http/network.ts";
import { seeOther } from "../http/see-other.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import type { AttemptStart } from "../storage/attempts/attempts.ts";
import { batch } from "../storage/d1.ts";
import {
  giveBackStatement,
  readyAt,
  reserveStatement,
  throttleStatesFromRows,
  throttleStatesStatement,
} from "../storage/users/throttles.ts";
import { createUserStatements, userFromRow } from "../storage/users/users.ts";
import { type Messages, messagesFor } from "../ui/messages.ts";
import { type AccountRefusal, checkAccount, passwordIdentity } from "./accounts.ts";
import { secondsUntil, signUpThrottle } from "./attempts.ts";
import { openEntry } from "./entry.ts";
import { type Admission, admitAttempt, signedInStatements, tryPassword } from "./password.ts";
import { hashPassword } from "./password-hash.ts";
import { passesFirstSieve, postedFields, renderUnusableForm } from "./posted-form.ts";
import { type SignedInUser, startSession } from "./session.ts";
import { signUpOpen } from "./sign-in-page.tsx";
import { entryOfLink } from "./sign-in-routes.ts";
import { renderSignUp, renderSignUpClosed, type SignUpOptions } from "./sign-up-page.tsx";

const FIRST_SIEVE_SECONDS = 60;

export const signUpPages = new Hono<AppEnv>();
signUpPages.get("/sign-up", showSignUp);
signUpPages.post("/sign-up", postSignUp);

async function showSignUp(c: AppContext): Promise<Response> {
  if (!signUpOpen(c.var.runtime)) return renderSignUpClosed(c);
  return renderSignUp(c, { entry: await entryOfLink(c) });
}

interface SignUpAttempt {
  readonly email: string;
  readonly password: string;
  readonly name: string;
  readonly browserHash: string;
  readonly network: string;
  readonly attempt: AttemptStart | undefined;
}

async function postSignUp(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  if (!signUpOpen(rt)) return renderSignUpClosed(c);
  const { text } = messagesFor(c);
  const fields = await postedFields(c);
  if (fields instanceof Response) return fields;
  const browserHash = await browserOf(c);
  const entry = await openEntry(rt, browserHash, fields.get("form"));
  if (typeof entry === "string") return renderUnusableForm(c, entry);
  const given = {
    email: fields.get("email") ?? "",
    password: fields.get("password") ?? "",
    name: fields.get("name") ?? "",
  };
  const again = { entry, email: given.email, name: given.name };
  const refusal = checkAccount(given);
  if (refusal) return renderSignUp(c, { ...again, status: 400, error: errorOf(refusal, text) });
  const throttled = (seconds: number) => {
    c.header("retry-after", String(seconds));
    const error = { field: "form", message: text.signInThrottled(seconds) } as const;
    return renderSignUp(c, { ...again, status: 429, error });
  };
  if (!(await passesFirstSieve(c, "sign-up"))) return throttled(FIRST_SIEVE_SECONDS);
  const result = await signUp(rt, {
    ...given,
    browserHash,
    network: networkOf(c),
    attempt: entry.attempt ?? undefined,
  });
  if ("retryAfterSeconds" in result) return throttled(result.retryAfterSeconds);
  await startSession(c, browserHash, result);
  return seeOther(c, entry.continueTo);
}

function errorOf(refusal: AccountRefusal, text: Messages): NonNullable<SignUpOptions["error"]> {
  switch (refusal.refused) {
    case "name_invalid":
      return { field: "name", message: text.nameInvalid };
    case "password_too_short":
      return { field: "password", message: text.passwordTooShort };
    case "password_too_long":
      return { field: "password", message: text.passwordTooLong };
    default:
      return { field: "email", message: text.emailInvalid };
  }
}

/**
 * Who to sign in. An address that has an account answers like a new one, in the same trips and with the same work: with
 * the right password its owner, with another one nobody, in a session that looks the same and acts for no one.
 */
async function signUp(
  rt: Runtime,
  attempt: SignUpAttempt,
): Promise<SignedInUser | { readonly retryAfterSeconds: number }> {
  const { db } = rt;
  const throttle = await signUpThrottle(rt, attempt.network);
  const now = rt.now();
  const admitted = await admitAttempt(rt, attempt, [
    reserveStatement(db, throttle, now),
    throttleStatesStatement(db, [throttle.key]),
  ]);
  if ("retryAfterSeconds" in admitted) return admitted;
  const [reserved = [], states = []] = admitted.also;
  if (reserved.length === 0) {
    const state = throttleStatesFromRows(states).get(throttle.key);
    return { retryAfterSeconds: secondsUntil(readyAt(throttle, state), now) };
  }
  const { admission } = admitted;
  const user = admission.user ? await existingUser(rt, attempt, admission) : await createUser(rt, attempt, admission);
  return user ?? { id: randomId(), email: admission.subject, name: attempt.name.trim(), sessionEpoch: 0 };
}

async function existingUser(
  rt: Runtime,
  attempt: SignUpAttempt,
  admission: Admission,
): Promise<SignedInUser | undefined> {
  const result = await tryPassword(rt, attempt, admission);
  if (result.outcome === "signed_in") return result.user;
  // One more write, as making an account has one: nothing about the answer's time tells the two apart.
  if (!attempt.attempt) await batch(rt.db, [giveBackStatement(rt.db, [])], true);
  return undefined;
}

/** The new user; undefined when somebody else took the address a moment before. */
async function createUser(
  rt: Runtime,
  attempt: SignUpAttempt,
  admission: Admission,
): Promise<SignedInUser | undefined> {
  const { db } = rt;
  const id = randomId();
  const at = rt.now();
  const passwordHash = await hashPassword(rt, admission.subject, attempt.password);
  const [, , rows = []] = await batch(
    db,
    [
      ...createUserStatements(
        db,
        passwordIdentity(attempt.email),
        { id, email: admission.subject, name: attempt.name.trim(), passwordHash },
        at,
      ),
      giveBackStatement(db, admission.charged),
      ...signedInStatements(db, id, attempt.browserHash, attempt.attempt, at),
    ],
    true,
  );
  return rows[0]?.id === id ? userFromRow(rows[0]) : undefined;
}
