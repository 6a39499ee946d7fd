// The browser cookie: random, never rotated. It binds forms to the browser that they were rendered for.
import { sha256 } from "../crypto/hash.ts";
import { randomSecret } from "../crypto/random.ts";
import type { AppContext } from "../runtime.ts";
import { readCookie, writeCookie } from "./cookies.ts";

const ONE_YEAR_SECONDS = 365 * 24 * 3600;

/**
 * SHA-256 of the browser's cookie. A page sets it when missing. A posted form never does: another site's form comes
 * without the cookie, and a new one would sign the person out. The same for the whole request. No storage call.
 */
export async function browserOf(c: AppContext): Promise<string> {
  const found = c.get("browserHash");
  if (found !== undefined) return found;
  const present = readCookie(c, "browser");
  const value = present && /^[A-Za-z0-9_-]{43}$/.test(present) ? present : randomSecret();
  const isPage = c.req.method === "GET" || c.req.method === "HEAD";
  if (value !== present && isPage) writeCookie(c, "browser", value, ONE_YEAR_SECONDS);
  const hash = await sha256(value);
  c.set("browserHash", hash);
  return hash;
}
