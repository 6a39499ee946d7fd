// Redirects: always 303, the address byte for byte, never stored.
import type { AppContext } from "../runtime.ts";

/** After a POST only 303: 307 would post the form again (RFC 9700 §4.12). */
export function seeOther(c: AppContext, location: string): Response {
  c.header("location", location);
  c.header("cache-control", "no-store");
  return c.body(null, 303);
}
