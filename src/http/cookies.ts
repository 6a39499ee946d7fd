// Our cookies: their names and attributes. No other source reads or sets a cookie.
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { AppContext } from "../runtime.ts";

/** Every cookie of ours, with its SameSite attribute. */
const SAME_SITE = {
  browser: "Lax",
  session: "Lax",
  "signed-out": "Lax",
  "sign-in": "Lax",
  transaction: "Lax",
  admin: "Strict",
} as const;
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

/** Characters of each part. With name and attributes a cookie stays below the 4,096 bytes that browsers keep. */
const PART_LENGTH = 3800;
const MOST_PARTS = 10;

/** The name and attributes of one part of a long value. `__Host-` would send it to every path. */
function partFor(c: AppContext, path: string, slot: number, part: number) {
  const { name, attributes } = cookieFor(c, "sign-in");
  const prefix = name.startsWith("__Host-") ? "__Secure-" : "";
  return { name: `${prefix}sign-in-${slot}-${part}`, attributes: { ...attributes, path } };
}

/** Sets a long value, split over cookies that only `path` gets. The first one begins with the number of parts. */
export function writeSplitCookie(c: AppContext, path: string, slot: number, value: string, maxAge: number): void {
  const count = Math.ceil(value.length / PART_LENGTH);
  if (count > MOST_PARTS) throw new RangeError("too long for cookies");
  for (let part = 0; part < count; part++) {
    const text = value.slice(part * PART_LENGTH, (part + 1) * PART_LENGTH);
    const cookie = partFor(c, path, slot, part);
    setCookie(c, cookie.name, part === 0 ? `${count}.${text}` : text, { ...cookie.attributes, maxAge });
  }
}

/** Reads and removes what `writeSplitCookie` set; undefined when a part is missing. */
export function takeSplitCookie(c: AppContext, path: string, slot: number): string | undefined {
  const [count = "", ...first] = (getCookie(c, partFor(c, path, slot, 0).name) ?? "").split(".");
  const parts = Math.min(Number(count) || 0, MOST_PARTS);
  const texts = Array.from({ length: parts }, (_, part) => {
    const cookie = partFor(c, path, slot, part);
    deleteCookie(c, cookie.name, cookie.attributes);
    return part === 0 ? first.join(".") : getCookie(c, cookie.name);
  });
  return parts === 0 || texts.includes(undefined) ? undefined : texts.join("");
}

/** Removes a cookie from the browser. */
export function removeCookie(c: AppContext, name: CookieName): void {
  const cookie = cookieFor(c, name);
  deleteCookie(c, cookie.name, cookie.attributes);
}
