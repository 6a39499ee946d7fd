// The session cookie: sealed, new at each sign-in. Drawing a page trusts it; whatever acts adds `sessionHolds` to its WHERE.
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import * as z from "zod/mini";
import { randomId } from "../crypto/random.ts";
import { openJson, sealJson } from "../crypto/sealed-json.ts";
import type { AppContext } from "../runtime.ts";

const COOKIE = "__Host-session";
/** Says for ten minutes that the visitor has just signed out: a provider that knows them must ask who they are. */
const SIGNED_OUT_COOKIE = "__Host-signed-out";
const SIGNED_OUT_SECONDS = 600;
const ATTRIBUTES = { path: "/", secure: true, httpOnly: true, sameSite: "Lax" } as const;
const SESSION_LIFETIME_MS = 30 * 24 * 3600 * 1000;

const sessionSchema = z.object({
  userId: z.string(),
  sessionId: z.string(),
  /** The user's session epoch at sign-in; "sign out everywhere" moves it on. */
  epoch: z.number(),
  email: z.nullable(z.string()),
  name: z.nullable(z.string()),
  issuedAt: z.number(),
});
export type Session = z.infer<typeof sessionSchema>;

export interface SignedInUser {
  readonly id: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly sessionEpoch: number;
}

/** The session of this browser, when its cookie is ours and in time; bound to `browserHash`. Costs no storage. */
export async function currentSession(c: AppContext, browserHash: string): Promise<Session | undefined> {
  const cookie = getCookie(c, COOKIE);
  if (!cookie) return undefined;
  const { keyring, now } = c.var.runtime;
  const opened = await openJson(keyring, "session", browserHash, cookie, sessionSchema, now());
  return typeof opened === "string" ? undefined : opened.value;
}

/** Signs the user in: a new sealed cookie. The caller has made sure who it is. */
export async function startSession(c: AppContext, browserHash: string, user: SignedInUser): Promise<Session> {
  const { keyring, now } = c.var.runtime;
  const session: Session = {
    userId: user.id,
    sessionId: randomId(),
    epoch: user.sessionEpoch,
    email: user.email,
    name: user.name,
    issuedAt: now(),
  };
  const sealed = await sealJson(keyring, "session", browserHash, session, session.issuedAt + SESSION_LIFETIME_MS);
  setCookie(c, COOKIE, sealed, { ...ATTRIBUTES, maxAge: SESSION_LIFETIME_MS / 1000 });
  if (getCookie(c, SIGNED_OUT_COOKIE) !== undefined) deleteCookie(c, SIGNED_OUT_COOKIE, ATTRIBUTES);
  return session;
}

/** Forgets the session in this browser. `endSessionStatement` makes a copied cookie useless too. */
export function clearSession(c: AppContext): void {
  deleteCookie(c, COOKIE, ATTRIBUTES);
  setCookie(c, SIGNED_OUT_COOKIE, "1", { ...ATTRIBUTES, maxAge: SIGNED_OUT_SECONDS });
}

/** Whether the visitor has just signed out here, or said "not you?": a provider must not sign them in again silently. */
export function mustReauthenticate(c: AppContext): boolean {
  return getCookie(c, SIGNED_OUT_COOKIE) !== undefined;
}

/** A write after which the session's cookie, wherever it was copied, no longer acts. */
export function endSessionStatement(db: D1Database, session: Session): D1PreparedStatement {
  return db
    .prepare("INSERT INTO ended_sessions (id, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING")
    .bind(session.sessionId, session.issuedAt + SESSION_LIFETIME_MS);
}
