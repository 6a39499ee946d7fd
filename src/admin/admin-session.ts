// The operator's browser session: a sealed, strict cookie that ends after eight hours, when ADMIN_TOKEN changes, or by
// signing out.
import * as z from "zod/mini";
import { sha256 } from "../crypto/hash.ts";
import { randomId } from "../crypto/random.ts";
import { openJson, sealJson } from "../crypto/sealed-json.ts";
import { readCookie, removeCookie, writeCookie } from "../http/cookies.ts";
import type { AppContext } from "../runtime.ts";
import { isOperatorSignedOut, noteOperatorSignIn, signOperatorOut } from "../storage/maintenance/operator-sessions.ts";
import { TOKEN_HOLDER } from "./operator.ts";

const LIFETIME_MS = 8 * 3600 * 1000;

const sessionSchema = () => z.object({ id: z.string() });

/** Binds the cookie to ADMIN_TOKEN: a cookie that was sealed under another token cannot be opened. */
function context(adminToken: string): Promise<string> {
  return sha256(`admin ${adminToken}`);
}

/** The operator's session of this browser: started with the current ADMIN_TOKEN, in time, and not signed out. */
async function operatorSession(c: AppContext, adminToken: string): Promise<{ readonly id: string } | undefined> {
  const cookie = readCookie(c, "admin");
  if (!cookie) return undefined;
  const { keyring, db, now } = c.var.runtime;
  const opened = await openJson(keyring, "admin-session", await context(adminToken), cookie, sessionSchema, now());
  if (typeof opened === "string" || (await isOperatorSignedOut(db, opened.value.id))) return undefined;
  return opened.value;
}

/** Whether this browser has an operator's session. One read when it has a cookie. */
export async function isOperator(c: AppContext, adminToken: string): Promise<boolean> {
  return (await operatorSession(c, adminToken)) !== undefined;
}

/** Signs the holder of the token in. The caller must have checked it. One write. */
export async function startAdminSession(c: AppContext, adminToken: string): Promise<void> {
  const { db, keyring, now } = c.var.runtime;
  const session = { id: randomId() };
  await noteOperatorSignIn(db, TOKEN_HOLDER.name, now());
  const sealed = await sealJson(keyring, "admin-session", await context(adminToken), session, now() + LIFETIME_MS);
  writeCookie(c, "admin", sealed, LIFETIME_MS / 1000);
}

/** Signs the operator out in this browser: no copy of the cookie acts any more. Other browsers stay signed in. */
export async function endAdminSession(c: AppContext, adminToken: string | undefined): Promise<void> {
  const { db, now } = c.var.runtime;
  const session = adminToken === undefined ? undefined : await operatorSession(c, adminToken);
  if (session) await signOperatorOut(db, session.id, TOKEN_HOLDER.name, now());
  removeCookie(c, "admin");
}
