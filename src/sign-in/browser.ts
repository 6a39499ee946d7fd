// The browser cookie: random, never rotated. It ties forms to the browser that drew them.
import { getCookie, setCookie } from "hono/cookie";
import { sha256 } from "../crypto/hash.ts";
import { randomSecret } from "../crypto/random.ts";
import type { AppContext } from "../runtime.ts";

const COOKIE = "__Host-browser";
const ONE_YEAR_SECONDS = 365 * 24 * 3600;

/** SHA-256 of this browser's cookie; gives it one when it has none. Costs no storage. */
export async function browserOf(c: AppContext): Promise<string> {
  const present = getCookie(c, COOKIE);
  if (present && /^[A-Za-z0-9_-]{43}$/.test(present)) return sha256(present);
  const fresh = randomSecret();
  setCookie(c, COOKIE, fresh, {
    path: "/",
    secure: true,
    httpOnly: true,
    sameSite: "Lax",
    maxAge: ONE_YEAR_SECONDS,
  });
  return sha256(fresh);
}
