// Responses of several handlers. None of them may be stored by a cache.
import type { AppContext } from "../runtime.ts";

/** JSON with `no-store`. */
export function json(c: AppContext, body: object, status: 200 | 201 | 202 = 200): Response {
  c.header("cache-control", "no-store");
  return c.json(body, status);
}

/** 204 with `no-store`. */
export function noContent(c: AppContext): Response {
  c.header("cache-control", "no-store");
  return c.body(null, 204);
}

/** A redirect to exactly `location`. Always 303: 307 would send a posted form again (RFC 9700 §4.12). */
export function seeOther(c: AppContext, location: string): Response {
  c.header("location", location);
  c.header("cache-control", "no-store");
  return c.body(null, 303);
}
