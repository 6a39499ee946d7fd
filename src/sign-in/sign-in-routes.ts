// GET and POST /sign-in, /sign-out and /sign-out/everywhere.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { browserOf } from "../http/browser.ts";
import { openForm, sealForm } from "../http/form-token.ts";
import { networkOf } from "../http/network.ts";
import { counterKey, isWithinRateLimit, RATE_LIMIT_PERIOD_SECONDS } from "../http/rate-limit.ts";
import { seeOther } from "../http/respond.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import { endSession, signOutEverywhere } from "../storage/users/sessions.ts";
import { messagesFor } from "../ui/messages.ts";
import { safeContinueTo } from "./continue-to.ts";
import { openEntry, signInOptionsOf } from "./entry.ts";
import { redirectToProvider, renderThrottled } from "./external-routes.ts";
import { isKnownBrowser, signInWithPassword } from "./password.ts";
import { postedFields, renderUnusableForm } from "./posted-form.ts";
import { clearSessionCookie, currentSession, type Session, setSessionCookie } from "./session.ts";
import { renderSignIn } from "./sign-in-page.tsx";

const SIGN_OUT_FORM = "sign-out";

/** Adds these routes to a router. */
export function signInPages(app: Hono<AppEnv>): void {
  app.get("/sign-in", showSignIn);
  app.post("/sign-in", postSignIn);
  app.post("/sign-out", postSignOut);
  app.post("/sign-out/everywhere", postSignOutEverywhere);
}

async function showSignIn(c: AppContext): Promise<Response> {
  const { text } = messagesFor(c);
  const notice = c.req.query("done") === "signed-out" ? text.signedOut : undefined;
  return renderSignIn(c, { continueTo: safeContinueTo(c.req.query("continue_to")) ?? "/account", notice });
}

async function postSignIn(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const { text } = messagesFor(c);
  const fields = await postedFields(c);
  if (fields instanceof Response) return fields;
  const browserHash = await browserOf(c);
  const entry = await openEntry(rt, browserHash, fields.get("form"));
  if (typeof entry === "string") return renderUnusableForm(c, entry);
  const again = { ...signInOptionsOf(entry), email: fields.get("email") };
  // A cheap pre-check with a higher limit. The authoritative counters are in D1.
  const within = await isWithinRateLimit(c.env.PAGE_LIMIT, await counterKey(rt, "sign-in", networkOf(c)));
  if (!within && !(await isKnownBrowser(rt, fields.get("email"), browserHash))) {
    return renderThrottled(c, entry, RATE_LIMIT_PERIOD_SECONDS, fields.get("email"));
  }
  const method = fields.get("method") ?? "password";
  const enabled = rt.config.signInMethods.some((one) => one === method);
  if (enabled && (method === "oidc" || method === "amazon")) return redirectToProvider(c, method, browserHash, entry);
  const email = fields.get("email");
  const password = fields.get("password");
  if (email === undefined || password === undefined || !enabled || method !== "password") {
    return renderSignIn(c, { ...again, status: 400, error: text.signInIncomplete });
  }
  const result = await signInWithPassword(rt, {
    email,
    password,
    browserHash,
    network: networkOf(c),
    attempt: entry.attempt ?? undefined,
  });
  if (result.outcome === "throttled") return renderThrottled(c, entry, result.retryAfterSeconds, email);
  if (result.outcome === "rejected") return renderSignIn(c, { ...again, status: 401, error: text.signInWrong });
  await setSessionCookie(c, browserHash, result.session);
  return seeOther(c, entry.continueTo);
}

/** A sealed token for the sign-out forms. It proves only the browser, so an expired one is accepted. */
export function sealSignOutForm(rt: Runtime, browserHash: string): Promise<string> {
  return sealForm(rt, SIGN_OUT_FORM, browserHash, {});
}

/** The session that a sign-out form ends, undefined when there is none; or the 403 page. */
async function sessionToEnd(c: AppContext): Promise<{ session: Session | undefined } | Response> {
  const fields = await postedFields(c);
  if (fields instanceof Response) return fields;
  const browserHash = await browserOf(c);
  const opened = await openForm(c.var.runtime, SIGN_OUT_FORM, browserHash, fields.get("form"), z.object({}));
  if (opened === "forged") return renderUnusableForm(c, opened);
  return { session: await currentSession(c, browserHash) };
}

/** Ends the session and deletes the cookie: no copy of it acts any more. One write. */
export async function signOutHere(c: AppContext, session: Session): Promise<void> {
  const { db, now } = c.var.runtime;
  await endSession(db, session, now());
  clearSessionCookie(c);
}

async function postSignOut(c: AppContext): Promise<Response> {
  const found = await sessionToEnd(c);
  if (found instanceof Response) return found;
  if (found.session) await signOutHere(c, found.session);
  else clearSessionCookie(c);
  return seeOther(c, "/sign-in?done=signed-out");
}

async function postSignOutEverywhere(c: AppContext): Promise<Response> {
  const { db, now } = c.var.runtime;
  const found = await sessionToEnd(c);
  if (found instanceof Response) return found;
  if (found.session) await signOutEverywhere(db, found.session, now());
  clearSessionCookie(c);
  return seeOther(c, "/sign-in?done=signed-out");
}
