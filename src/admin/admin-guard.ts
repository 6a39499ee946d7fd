// Who may use the admin API: whoever brings ADMIN_TOKEN, or the session that was opened with it. Guesses are slowed.
import { createMiddleware } from "hono/factory";
import { equalInConstantTime, sha256 } from "../crypto/hash.ts";
import { networkOf } from "../http/network.ts";
import { problem } from "../http/problem.ts";
import { isWithinRateLimit } from "../http/rate-limit.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { readFirst } from "../storage/d1.ts";
import { adminSessionOf } from "./admin-session.ts";

const GUESSES_PER_MINUTE = 10;
const WINDOW_MS = 60_000;

/** How an admin token that was presented turned out. */
export type TokenCheck = "right" | "wrong" | "limited" | "disabled";

/** Counts a wrong token. True when more than ten came from this network within the minute. */
async function countGuess(c: AppContext): Promise<boolean> {
  const { db, now } = c.var.runtime;
  const key = `admin ${networkOf(c)}`;
  // First the sieve, which costs no write; its limit lies above ours. Then the count that holds.
  if (!(await isWithinRateLimit(c.env.ADMIN_LIMIT, key))) return true;
  const row = await readFirst<{ failures: number }>(
    db
      .prepare(
        `INSERT INTO throttles (key, failures, updated_at) VALUES (?1, 1, ?2)
         ON CONFLICT (key) DO UPDATE SET
           failures = CASE WHEN updated_at <= ?2 - ${WINDOW_MS} THEN 1 ELSE failures + 1 END,
           updated_at = CASE WHEN updated_at <= ?2 - ${WINDOW_MS} THEN ?2 ELSE updated_at END
         RETURNING failures`,
      )
      .bind(key, now()),
  );
  return (row?.failures ?? 0) > GUESSES_PER_MINUTE;
}

/** Compares in constant time. A wrong token counts against its network; a right one is never limited. */
export async function checkAdminToken(c: AppContext, presented: string): Promise<TokenCheck> {
  const { adminToken } = c.var.runtime.config;
  if (adminToken === undefined) return "disabled";
  if (equalInConstantTime(await sha256(presented), await sha256(adminToken))) return "right";
  const limited = await countGuess(c);
  c.var.runtime.log.warn("admin_token_wrong", { limited });
  return limited ? "limited" : "wrong";
}

const CHALLENGE = { "www-authenticate": 'Bearer realm="admin"' };

/** Lets operators through: bearer token, or browser session; the latter changes things only with its CSRF token. */
export const adminGuard = createMiddleware<AppEnv>(async (context, next) => {
  const c = context as AppContext;
  const { adminToken } = c.var.runtime.config;
  if (adminToken === undefined) return problem("admin_disabled");
  const authorization = c.req.header("authorization");
  if (authorization !== undefined) {
    const presented = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
    if (presented === undefined) {
      return problem("unauthenticated", "Send ADMIN_TOKEN as Authorization: Bearer.", {}, CHALLENGE);
    }
    const check = await checkAdminToken(c, presented);
    if (check === "limited") {
      return problem("too_many_requests", "Too many wrong tokens.", {}, { "retry-after": "60" });
    }
    if (check !== "right") return problem("unauthenticated", "This is not the admin token.", {}, CHALLENGE);
    return next();
  }
  const session = await adminSessionOf(c, adminToken);
  if (!session) return problem("unauthenticated", "Send ADMIN_TOKEN as Authorization: Bearer.", {}, CHALLENGE);
  if (c.req.method !== "GET" && c.req.method !== "HEAD") {
    if (!/^application\/json *(;|$)/i.test(c.req.header("content-type") ?? "")) {
      return problem("unsupported_media_type", "Browser calls that change something are application/json.");
    }
    if (!equalInConstantTime(c.req.header("x-csrf-token") ?? "", session.csrfToken)) return problem("csrf");
  }
  return next();
});
