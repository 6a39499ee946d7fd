// Token requests that came to the wrong address. Alexa shows nobody an error, so operators see them in a list.
import { readForm } from "../http/read.ts";
import type { AppContext } from "../runtime.ts";

type Reason = "token_path_unknown" | "token_request_by_get" | "urls_swapped";
const LONGEST_PATH = 200;

/** Counts the request in the operator's list, with its path only: query and body may hold secrets. */
export function noteMisplacedTokenRequest(c: AppContext, reason: Reason): void {
  const path = c.req.path.slice(0, LONGEST_PATH);
  c.var.runtime.log.warn(reason, { path });
  c.var.runtime.metrics.refused({ endpoint: "wrong_address", clientId: "", reason, detail: path });
}

function usesBasic(c: AppContext): boolean {
  return /^basic\s/i.test(c.req.header("authorization") ?? "");
}

/** Whether this is a form with `grant_type`, or a form with client credentials in HTTP Basic. Reads the body. */
export async function isPostedTokenRequest(c: AppContext): Promise<boolean> {
  if (c.req.method !== "POST" || c.req.raw.bodyUsed) return false;
  const body = await readForm(c.req.raw);
  return "fields" in body && (body.fields.has("grant_type") || (usesBasic(c) && body.fields.size > 0));
}

/** Whether this is a GET with a token request's parameters in the query, or with client credentials in HTTP Basic. */
export function isTokenRequestByGet(c: AppContext): boolean {
  return c.req.method === "GET" && (c.req.query("grant_type") !== undefined || usesBasic(c));
}
