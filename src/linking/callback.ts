// Amazon's redirect to us: it completes an attempt in the browser that started it, or is passed on to the app.
import type { Hono } from "hono/tiny";
import { type AmazonCode, toAmazonCode } from "../amazon/lwa.ts";
import { browserOf } from "../http/browser.ts";
import { parseRawQuery, rawQueryOf } from "../oauth/raw-query.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { currentSession } from "../sign-in/session.ts";
import { readAttemptByState, type StartedAttempt } from "../storage/attempts/started.ts";
import { sessionHolds } from "../storage/users/sessions.ts";
import { type Completion, presentCode, presentError } from "./complete.ts";
import {
  renderBadAddress,
  renderElsewhere,
  renderOutcome,
  renderUnknownState,
  renderWaiting,
  returnTo,
} from "./outcome-pages.tsx";
import { publicReason, reasonOfAmazonError } from "./reasons.ts";
import { APP_CALLBACK, BROWSER_CALLBACK } from "./start.ts";
import { hashOfState, type LinkingState, sealResult, toLinkingState } from "./state.ts";

const LONGEST_QUERY = 8192;
const LONGEST_ERROR = 200;

/** Adds these routes to a router. */
export function callbackRoutes(app: Hono<AppEnv>): void {
  app
    .get(BROWSER_CALLBACK, (c) => takeCallback(c, BROWSER_CALLBACK))
    .get(APP_CALLBACK, (c) => takeCallback(c, APP_CALLBACK));
}

interface CallbackQuery {
  /** undefined: it cannot be a state of ours. */
  readonly state: LinkingState | undefined;
  readonly result: { readonly code: AmazonCode } | { readonly error: string };
}

/** The callback's parameters; undefined if one is missing, repeated or too long, or if `code` and `error` both come. */
function parseCallback(query: string): CallbackQuery | undefined {
  if (query.length > LONGEST_QUERY) return undefined;
  const parameters = parseRawQuery(query);
  const values = ["state", "code", "error"].map((name) => parameters.get(name) ?? []);
  if (values.some((occurrences) => occurrences.length > 1)) return undefined;
  const [state, code, error] = values.map((occurrences) => occurrences[0]?.value || undefined);
  if (state === undefined || (code === undefined) === (error === undefined)) return undefined;
  if (error !== undefined) {
    return error.length <= LONGEST_ERROR ? { state: toLinkingState(state), result: { error } } : undefined;
  }
  const amazonCode = toAmazonCode(code ?? "");
  return amazonCode && { state: toLinkingState(state), result: { code: amazonCode } };
}

async function takeCallback(c: AppContext, path: string): Promise<Response> {
  const rt = c.var.runtime;
  const query = parseCallback(rawQueryOf(c.req.url));
  if (!query) return renderBadAddress(c);
  const { state, result } = query;
  const attempt = state && (await readAttemptByState(rt.db, await hashOfState(state)));
  if (!state || !attempt || attempt.redirectUri !== rt.issuer + path) return renderUnknownState(c);
  return attempt.browserHash === null ? passOn(c, attempt, state, result) : completeHere(c, attempt, state, result);
}

/** For an attempt started through the API: sends what Amazon sent, sealed, to the return URL. Stores nothing. */
async function passOn(
  c: AppContext,
  attempt: StartedAttempt,
  state: LinkingState,
  result: CallbackQuery["result"],
): Promise<Response> {
  const rt = c.var.runtime;
  if (attempt.returnTo === null || attempt.expiresAt <= rt.now()) return renderUnknownState(c);
  if ("error" in result) {
    const reason = reasonOfAmazonError(result.error);
    const outcome =
      reason === "amazon_denied" ? { status: "cancelled" } : { status: "failed", reason: publicReason(reason) };
    return returnTo(c, attempt.returnTo, { ...outcome, state });
  }
  const sealed = await sealResult(rt, attempt.id, state, result.code);
  return returnTo(c, attempt.returnTo, { status: "parked", state, result: sealed });
}

/** Whether a person opened the URL: a prefetch by the browser or a mail scanner must not spend anything. */
function isNavigation(c: AppContext): boolean {
  const purpose = `${c.req.header("sec-purpose") ?? ""} ${c.req.header("purpose") ?? ""} ${c.req.header("x-moz") ?? ""}`;
  return c.req.method === "GET" && !/prefetch|prerender|preview/i.test(purpose);
}

async function completeHere(
  c: AppContext,
  attempt: StartedAttempt,
  state: LinkingState,
  result: CallbackQuery["result"],
): Promise<Response> {
  const rt = c.var.runtime;
  if (!isNavigation(c)) {
    // An error, so that the browser does not show the prefetched response when the person opens the URL.
    c.header("cache-control", "no-store");
    c.header("retry-after", "1");
    return c.body(null, 503);
  }
  const browserHash = await browserOf(c);
  const session = await currentSession(c, browserHash);
  const same =
    attempt.browserHash === browserHash &&
    session?.userId === attempt.userId &&
    session.sessionId === attempt.sessionId;
  if (!session || !same) {
    rt.log.alert("callback_elsewhere", { traceId: attempt.id });
    return renderElsewhere(c, attempt);
  }
  const presentation = { attempt, state, actorHolds: sessionHolds(session), failuresEndIt: true };
  const completion =
    "code" in result
      ? await presentCode(rt, presentation, result.code)
      : await presentError(rt, presentation, result.error);
  return goBack(c, attempt, state, completion);
}

function goBack(
  c: AppContext,
  attempt: StartedAttempt,
  state: LinkingState,
  completion: Completion,
): Response | Promise<Response> {
  switch (completion.outcome) {
    case "in_progress":
      return renderWaiting(c);
    case "actor_gone":
      return renderElsewhere(c, attempt);
    case "state_used":
    case "transient":
      return renderUnknownState(c);
    case "linked":
    case "ended":
    case "expired": {
      if (attempt.returnTo === null) return renderOutcome(c, attempt, completion);
      return returnTo(c, attempt.returnTo, { ...outcomeOf(completion), state });
    }
  }
}

function outcomeOf(completion: Extract<Completion, { outcome: "linked" | "ended" | "expired" }>) {
  if (completion.outcome === "linked") return { status: "linked" };
  if (completion.outcome === "expired") return { status: "failed", reason: "state_expired" };
  if (completion.as === "cancelled") return { status: "cancelled" };
  return { status: "failed", reason: publicReason(completion.reason) };
}
