// The operator's browser session: a sealed, strict cookie that ends after eight hours, or when ADMIN_TOKEN changes.
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import * as z from "zod/mini";
import { toBase64Url } from "../crypto/encoding.ts";
import { sha256 } from "../crypto/hash.ts";
import { randomId } from "../crypto/random.ts";
import { openJson, sealJson } from "../crypto/sealed-json.ts";
import type { AppContext } from "../runtime.ts";

const COOKIE = "__Host-admin";
const LIFETIME_MS = 8 * 3600 * 1000;
const ATTRIBUTES = { path: "/", secure: true, httpOnly: true, sameSite: "Strict" } as const;

const sessionSchema = z.object({ id: z.string() });

export interface AdminSession {
  readonly id: string;
  /** What state-changing calls of this session bring as `x-csrf-token`. */
  readonly csrfToken: string;
}

/** Bound to the token's hash: another token opens none of the cookies that were given for this one. */
function context(adminToken: string): Promise<string> {
  return sha256(`admin ${adminToken}`);
}

async function withCsrfToken(c: AppContext, id: string): Promise<AdminSession> {
  return { id, csrfToken: toBase64Url(await c.var.runtime.keyring.derive("admin-session", `csrf ${id}`)) };
}

/** The operator's session in this browser, when it is ours, in time and of the present ADMIN_TOKEN. */
export async function adminSessionOf(c: AppContext, adminToken: string): Promise<AdminSession | undefined> {
  const cookie = getCookie(c, COOKIE);
  if (!cookie) return undefined;
  const { keyring, now } = c.var.runtime;
  const opened = await openJson(keyring, "admin-session", await context(adminToken), cookie, sessionSchema, now());
  return typeof opened === "string" ? undefined : withCsrfToken(c, opened.value.id);
}

/** Signs the operator in: the caller has compared the token. */
export async function startAdminSession(c: AppContext, adminToken: string): Promise<AdminSession> {
  const { keyring, now } = c.var.runtime;
  const id = randomId();
  const sealed = await sealJson(keyring, "admin-session", await context(adminToken), { id }, now() + LIFETIME_MS);
  setCookie(c, COOKIE, sealed, { ...ATTRIBUTES, maxAge: LIFETIME_MS / 1000 });
  return withCsrfToken(c, id);
}

/** Signs the operator out in this browser. */
export function clearAdminSession(c: AppContext): void {
  deleteCookie(c, COOKIE, ATTRIBUTES);
}
