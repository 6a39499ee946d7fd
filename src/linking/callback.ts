// Where Amazon's answer arrives: in the browser that started the linking it completes; for the app it is handed on and stays nowhere (S1).
import { Hono } from "hono/tiny";
import { type AmazonCode, toAmazonCode } from "../amazon/lwa.ts";
import { browserOf } from "../http/browser.ts";
import { seeOther } from "../http/respond.ts";
import { parseRawQuery, rawQueryOf } from "../oauth/raw-query.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { currentSession } from "../sign-in/session.ts";
import { readAttemptByState, type StartedAttempt } from "../storage/attempts/started.ts";
import { conditionOf } from "../storage/d1.ts";
import { sessionHolds } from "../storage/users/sessions.ts";
import { type Completion, presentCode, presentError } from "./complete.ts";
import {
  renderBadAddress,
  renderElsewhere,
  renderOutcome,
  renderUnknownState,
  renderWaiting,
} from "./outcome-pages.tsx";
import { publicReason, reasonOfAmazonError } from "./reasons.ts";
import { APP_CALLBACK, BROWSER_CALLBACK, withQuery } from "./start.ts";
import { hashOfState, type LinkingState, sealResult, toLinkingState } from "./state.ts";

const LONGEST_QUERY = 8192;
const LONGEST_ERROR = 200;

export const callbackRoutes = new Hono<AppEnv>()
  .get(BROWSER_CALLBACK, (c) => takeCallback(c as AppContext, BROWSER_CALLBACK))
  .get(APP_CALLBACK, (c) => takeCallback(c as AppContext, APP_CALLBACK));

interface AmazonAnswer {
  /** undefined: not in the form of our states, so known to be unknown. */
  readonly state: LinkingState | undefined;
  readonly answered: { readonly code: AmazonCode } | { readonly error: string };
}

/** Amazon's answer; undefined when a parameter is missing, repeated, oversized, or code and error come together. */
function parseAnswer(query: string): AmazonAnswer | undefined {
  if (query.length > LONGEST_QUERY) return undefined;
  const parameters = parseRawQuery(query);
  const values = ["state", "code", "error"].map((name) => parameters.get(name) ?? []);
  if (values.some((occurrences) => occurrences.length > 1)) return undefined;
  const [state, code, error] = values.map((occurrences) => occurrences[0]?.value || undefined);
  if (state === undefined || (code === undefined) === (error === undefined)) return undefined;
  if (error !== undefined) {
    return error.length <= LONGEST_ERROR ? { state: toLinkingState(state), answered: { error } } : undefined;
  }
  const amazonCode = toAmazonCode(code ?? "");
  return amazonCode && { state: toLinkingState(state), answered: { code: amazonCode } };
}

async function takeCallback(c: AppContext, path: string): Promise<Response> {
  const rt = c.var.runtime;
  const answer = parseAnswer(rawQueryOf(c.req.url));
  if (!answer) return renderBadAddress(c);
  const { state, answered } = answer;
  const attempt = state && (await readAttemptByState(rt.db, await hashOfState(state)));
  if (!state || !attempt || attempt.redirect_uri !== rt.issuer + path) return renderUnknownState(c);
  return attempt.browser_hash === null
    ? handOn(c, attempt, state, answered)
    : completeHere(c, attempt, state, answered);
}

/** For a linking of the app: what Amazon answered goes on to the app's own return URL, sealed; nothing is stored. */
async function handOn(
  c: AppContext,
  attempt: StartedAttempt,
  state: LinkingState,
  answered: AmazonAnswer["answered"],
): Promise<Response> {
  const rt = c.var.runtime;
  if (attempt.return_to === null || attempt.expires_at <= rt.now()) return renderUnknownState(c);
  if ("error" in answered) {
    const reason = reasonOfAmazonError(answered.error);
    const outcome =
      reason === "amazon_denied" ? { status: "cancelled" } : { status: "failed", reason: publicReason(reason) };
    return seeOther(c, withQuery(attempt.return_to, { ...outcome, state }));
  }
  const result = await sealResult(rt, attempt.id, state, answered.code);
  return seeOther(c, withQuery(attempt.return_to, { status: "parked", state, result }));
}

/** Whether a person goes there: a look ahead by the browser or a mail scanner must not spend anything (P2). */
function isNavigation(c: AppContext): boolean {
  const purpose = `${c.req.header("sec-purpose") ?? ""} ${c.req.header("purpose") ?? ""} ${c.req.header("x-moz") ?? ""}`;
  return c.req.method === "GET" && !/prefetch|prerender|preview/i.test(purpose);
}

async function completeHere(
  c: AppContext,
  attempt: StartedAttempt,
  state: LinkingState,
  answered: AmazonAnswer["answered"],
): Promise<Response> {
  const rt = c.var.runtime;
  if (!isNavigation(c)) {
    // No success: a prefetched answer must not be shown when the person really comes.
    c.header("cache-control", "no-store");
    c.header("retry-after", "1");
    return c.body(null, 503);
  }
  const browserHash = await browserOf(c);
  const session = await currentSession(c, browserHash);
  const same =
    attempt.browser_hash === browserHash &&
    session?.userId === attempt.user_id &&
    session.sessionId === attempt.session_id;
  if (!session || !same) {
    rt.log.alert("callback_elsewhere", { attemptId: attempt.id, traceId: attempt.trace_id });
    return renderElsewhere(c);
  }
  const presentation = { attempt, state, condition: conditionOf(sessionHolds(session)), faultsEndIt: true };
  const completion =
    "code" in answered
      ? await presentCode(rt, presentation, answered.code)
      : await presentError(rt, presentation, answered.error);
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
    case "session_ended":
      return renderElsewhere(c);
    case "state_used":
    case "passing":
      return renderUnknownState(c);
    case "linked":
    case "ended":
    case "expired": {
      if (attempt.return_to === null) return renderOutcome(c, attempt, completion);
      return seeOther(c, withQuery(attempt.return_to, { ...outcomeOf(completion), state }));
    }
  }
}

function outcomeOf(completion: Extract<Completion, { outcome: "linked" | "ended" | "expired" }>) {
  if (completion.outcome === "linked") return { status: "linked" };
  if (completion.outcome === "expired") return { status: "failed", reason: "state_expired" };
  if (completion.as === "cancelled") return { status: "cancelled" };
  return { status: "failed", reason: publicReason(completion.reason) };
}
