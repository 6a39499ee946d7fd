// The session cookie: sealed, new at each sign-in. Pages trust it; every write also checks `sessionHolds`.
import * as z from "zod/mini";
import { randomId } from "../crypto/random.ts";
import { openJson, sealJson } from "../crypto/sealed-json.ts";
import { readCookie, removeCookie, writeCookie } from "../http/cookies.ts";
import type { AppContext, Runtime } from "../runtime.ts";
import type { User } from "../storage/users/users.ts";

/** For ten minutes after a sign-out, the identity provider must ask who the visitor is. */
const SIGNED_OUT_SECONDS = 600;
/** How long a session's cookie is valid, here and in the browser. */
export const SESSION_LIFETIME_MS = 30 * 24 * 3600 * 1000;

const sessionSchema = () =>
  z.object({
    userId: z.string(),
    sessionId: z.string(),
    /** The user's session epoch at sign-in. "Sign out everywhere" and a new password increase it. */
    epoch: z.number(),
    email: z.nullable(z.string()),
    name: z.nullable(z.string()),
    issuedAt: z.number(),
  });
export type Session = z.infer<ReturnType<typeof sessionSchema>>;

/** The session of this browser, when its cookie is ours, bound to `browserHash` and in time. Costs no storage. */
export async function currentSession(c: AppContext, browserHash: string): Promise<Session | undefined> {
  const cookie = readCookie(c, "session");
  if (!cookie) return undefined;
  const { keyring, now } = c.var.runtime;
  const opened = await openJson(keyring, "session", browserHash, cookie, sessionSchema, now());
  return typeof opened === "string" ? undefined : opened.value;
}

/** A session for a user whose sign-in was verified. It acts once its row is stored. */
export function newSession(rt: Runtime, user: User): Session {
  const { id: userId, sessionEpoch: epoch, email, name } = user;
  return { userId, sessionId: randomId(), epoch, email, name, issuedAt: rt.now() };
}

/** Signs in: gives the browser the cookie of a session whose row is stored. */
export async function setSessionCookie(c: AppContext, browserHash: string, session: Session): Promise<void> {
  const { keyring } = c.var.runtime;
  const sealed = await sealJson(keyring, "session", browserHash, session, session.issuedAt + SESSION_LIFETIME_MS);
  writeCookie(c, "session", sealed, SESSION_LIFETIME_MS / 1000);
  if (mustReauthenticate(c)) removeCookie(c, "signed-out");
}

/** Deletes this browser's session cookie. `endSession` makes copies of it useless too. */
export function clearSessionCookie(c: AppContext): void {
  removeCookie(c, "session");
  writeCookie(c, "signed-out", "1", SIGNED_OUT_SECONDS);
}

/** Whether the visitor has just signed out, or chosen "not you?": no silent sign-in by a provider then. */
export function mustReauthenticate(c: AppContext): boolean {
  return readCookie(c, "signed-out") !== undefined;
}
