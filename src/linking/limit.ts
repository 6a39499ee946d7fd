// How much of Amazon one person's apps may use in a minute.
import type { AppContext } from "../runtime.ts";

/** Seconds after which the counter has forgotten. */
export const LIMIT_SECONDS = 60;

/**
 * Whether this person may begin an attempt, or have Alexa asked, once more. Cloudflare's counter, per location and inexact: an app that polls
 * must not hammer Amazon, and a loop must not fill our tables. Unlinking here is never limited. Without the counter everything passes.
 */
export async function withinLimit(c: AppContext, what: "start" | "ask", userId: string): Promise<boolean> {
  try {
    return (await c.env.USER_LIMIT.limit({ key: `${what} ${userId}` })).success;
  } catch {
    return true;
  }
}
