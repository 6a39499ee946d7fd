// Our cookies: their names and attributes. No other source reads or sets a cookie.
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { AppContext } from "../runtime.ts";

/** Every cookie of ours, with its SameSite attribute. */
const SAME_SITE = { browser: "Lax", session: "Lax", "signed-out": "Lax", admin: "Strict" } as const;
type CookieName = keyof typeof SAME_SITE;

/**
 * The name and attributes of a cookie. On an http loopback origin it has neither `__Host-` nor `Secure`, because Safari
 * drops such cookies there. On https only the `__Host-` name is read, so that no other host can plant a cookie.
 */
function cookieFor(c: AppContext, name: CookieName) {
  const secure = !(c.var.runtime.issuer.startsWith("http:") && c.req.url.startsWith("http:"));
  const attributes = { path: "/", secure, httpOnly: true, sameSite: SAME_SITE[name] };
  return { name: secure ? `__Host-${name}` : name, attributes };
}

/** The value of a cookie of this request. */
export function readCookie(c: AppContext, name: CookieName): string | undefined {
  return getCookie(c, cookieFor(c, name).name);
}

/** Sets a cookie for `maxAge` seconds. */
export function writeCookie(c: AppContext, name: CookieName, value: string, maxAge: number): void {
  const cookie = cookieFor(c, name);
  setCookie(c, cookie.name, value, { ...cookie.attributes, maxAge });
}

/** Removes a cookie from the browser. */
export function removeCookie(c: AppContext, name: CookieName): void {
  const cookie = cookieFor(c, name);
  deleteCookie(c, cookie.name, cookie.attributes);
}
