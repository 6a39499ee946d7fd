// The operator's browser session: a sealed, strict cookie that ends after eight hours, or when ADMIN_TOKEN changes.
import * as z from "zod/mini";
import { sha256 } from "../crypto/hash.ts";
import { randomId } from "../crypto/random.ts";
import { openJson, sealJson } from "../crypto/sealed-json.ts";
import { readCookie, removeCookie, writeCookie } from "../http/cookies.ts";
import type { AppContext } from "../runtime.ts";

const LIFETIME_MS = 8 * 3600 * 1000;

const sessionSchema = z.object({ id: z.string() });

/** Binds the cookie to ADMIN_TOKEN: a cookie that was sealed under another token cannot be opened. */
function context(adminToken: string): Promise<string> {
  return sha256(`admin ${adminToken}`);
}

/** Whether this browser has an operator's session that was started with the current ADMIN_TOKEN. */
export async function isOperator(c: AppContext, adminToken: string): Promise<boolean> {
  const cookie = readCookie(c, "admin");
  if (!cookie) return false;
  const { keyring, now } = c.var.runtime;
  const opened = await openJson(keyring, "admin-session", await context(adminToken), cookie, sessionSchema, now());
  return typeof opened !== "string";
}

/** Signs the operator in. The caller must have checked the token. */
export async function startAdminSession(c: AppContext, adminToken: string): Promise<void> {
  const { keyring, now } = c.var.runtime;
  const session = { id: randomId() };
  const sealed = await sealJson(keyring, "admin-session", await context(adminToken), session, now() + LIFETIME_MS);
  writeCookie(c, "admin", sealed, LIFETIME_MS / 1000);
}

/** Signs the operator out in this browser. */
export function clearAdminSession(c: AppContext): void {
  removeCookie(c, "admin");
}
