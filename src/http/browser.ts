// The browser cookie: random, never rotated. It binds forms to the browser that they were rendered for.
import { getCookie, setCookie } from "hono/cookie";
import { sha256 } from "../crypto/hash.ts";
import { randomSecret } from "../crypto/random.ts";
import type { AppContext } from "../runtime.ts";

const COOKIE = "__Host-browser";
const ONE_YEAR_SECONDS = 365 * 24 * 3600;

/**
 * SHA-256 of this browser's cookie. Sets the cookie when there is none; the same for the whole request. Costs no
 * storage.
 */
export async function browserOf(c: AppContext): Promise<string> {
  const found = c.get("browserHash");
  if (found !== undefined) return found;
  const present = getCookie(c, COOKIE);
  const value = present && /^[A-Za-z0-9_-]{43}$/.test(present) ? present : randomSecret();
  if (value !== present) {
    setCookie(c, COOKIE, value, {
      path: "/",
      secure: true,
      httpOnly: true,
      sameSite: "Lax",
      maxAge: ONE_YEAR_SECONDS,
    });
  }
  const hash = await sha256(value);
  c.set("browserHash", hash);
  return hash;
}
