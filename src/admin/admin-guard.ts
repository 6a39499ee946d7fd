// Lets callers with ADMIN_TOKEN use the admin API, and limits the rate of wrong tokens.
import { createMiddleware } from "hono/factory";
import { equalInConstantTime, sha256 } from "../crypto/hash.ts";
import { networkOf } from "../http/network.ts";
import { problem } from "../http/problem.ts";
import { counterKey, isWithinRateLimit } from "../http/rate-limit.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { countInWindow } from "../storage/users/fixed-window.ts";
import { TOKEN_HOLDER } from "./operator.ts";

const WRONG_TOKENS_PER_MINUTE = 10;
const MINUTE_MS = 60_000;

/** Result of checking a presented admin token. `disabled`: the server has no ADMIN_TOKEN. */
export type TokenCheck = "right" | "wrong" | "limited" | "disabled";

/** Counts a wrong token. True when this network has sent too many within the minute. */
async function isLimited(c: AppContext): Promise<boolean> {
  const rt = c.var.runtime;
  const key = await counterKey(rt, "admin", networkOf(c));
  // Cheap pre-check first (edge rate limiter, higher limit), then the authoritative counter in D1.
  if (!(await isWithinRateLimit(c.env.ADMIN_LIMIT, key))) return true;
  return (await countInWindow(rt.db, key, MINUTE_MS, rt.now())) > WRONG_TOKENS_PER_MINUTE;
}

/** Compares in constant time. A wrong token counts against its network; the right one is never limited. */
export async function checkAdminToken(c: AppContext, presented: string): Promise<TokenCheck> {
  const { adminToken } = c.var.runtime.config;
  if (adminToken === undefined) return "disabled";
  if (equalInConstantTime(await sha256(presented), await sha256(adminToken))) return "right";
  const limited = await isLimited(c);
  c.var.runtime.log.warn("admin_token_wrong", { limited });
  return limited ? "limited" : "wrong";
}

function unauthenticated(detail: string): Response {
  return problem("unauthenticated", detail, {}, { "www-authenticate": 'Bearer realm="admin"' });
}

/** Lets requests with the bearer token through. The operator's session cookie is not accepted here. */
export const adminGuard = createMiddleware<AppEnv>(async (context, next) => {
  const c = context as AppContext;
  if (c.var.runtime.config.adminToken === undefined) return problem("admin_disabled");
  const presented = /^Bearer +(\S+) *$/i.exec(c.req.header("authorization") ?? "")?.[1];
  if (presented === undefined) return unauthenticated("Send ADMIN_TOKEN as Authorization: Bearer.");
  switch (await checkAdminToken(c, presented)) {
    case "right":
      c.set("operator", TOKEN_HOLDER);
      return next();
    case "limited":
      return problem("too_many_requests", "Too many wrong tokens.", {}, { "retry-after": "60" });
    default:
      return unauthenticated("This is not the admin token.");
  }
});
