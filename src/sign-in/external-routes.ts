// Redirects to a provider (the company's or Amazon), and its callbacks.
import type { Hono } from "hono/tiny";
import { browserOf } from "../http/browser.ts";
import { RATE_LIMIT_PERIOD_SECONDS } from "../http/rate-limit.ts";
import { seeOther } from "../http/respond.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { recordStep } from "../storage/attempts/attempts.ts";
import { brandName } from "../ui/brand.ts";
import { messagesFor, waitInWords } from "../ui/messages.ts";
import { amazonAuthorizationUrl, amazonPerson } from "./amazon.ts";
import { type Entry, signInOptionsOf } from "./entry.ts";
import { type ExternalMethod, keepAttempt, signInPerson, takeAttempt } from "./external.ts";
import { oidcAuthorizationUrl, oidcPerson, oidcReachable } from "./oidc.ts";
import { renderUnusableForm } from "./posted-form.ts";
import { providerFailure } from "./provider.ts";
import { mustReauthenticate, setSessionCookie } from "./session.ts";
import { renderSignIn } from "./sign-in-page.tsx";

const RETRY_AFTER_SECONDS = 5;

/** Adds these routes to a router. */
export function externalPages(app: Hono<AppEnv>): void {
  app.get("/sign-in/oidc/callback", (c) => receiveCallback(c, "oidc"));
  app.get("/sign-in/amazon/callback", (c) => receiveCallback(c, "amazon"));
}

function providerName(c: AppContext, method: ExternalMethod): string {
  return method === "amazon" ? "Amazon" : brandName(c.var.runtime);
}

/** 503 with the sign-in page. Its form continues to the same address as this one. */
function unavailable(c: AppContext, method: ExternalMethod, entry: Entry): Promise<Response> {
  const { text } = messagesFor(c);
  c.header("retry-after", String(RETRY_AFTER_SECONDS));
  const name = providerName(c, method);
  const failure = method === "oidc" ? providerFailure(c.var.runtime) : undefined;
  const wrongSetting = failure !== undefined && failure !== "provider_unreachable";
  const error = wrongSetting ? text.providerMisconfigured(name, failure) : text.providerUnavailable(name);
  return renderSignIn(c, { ...signInOptionsOf(entry), status: 503, error });
}

/** 429 with the sign-in page. */
export function renderThrottled(
  c: AppContext,
  entry: Entry,
  retryAfterSeconds: number,
  email?: string,
): Promise<Response> {
  const { language, text } = messagesFor(c);
  c.header("retry-after", String(retryAfterSeconds));
  const error = text.signInThrottled(waitInWords(language, retryAfterSeconds));
  return renderSignIn(c, { ...signInOptionsOf(entry), email, status: 429, error });
}

/** 303 to the provider, or a page that says why not. One batch. */
export async function redirectToProvider(
  c: AppContext,
  method: ExternalMethod,
  browserHash: string,
  entry: Entry,
): Promise<Response> {
  const rt = c.var.runtime;
  if (method === "oidc" && !(await oidcReachable(rt))) return unavailable(c, method, entry);
  const request = await keepAttempt(c, method, browserHash, entry);
  if (request === "too_many") return renderThrottled(c, entry, RATE_LIMIT_PERIOD_SECONDS);
  const url =
    method === "oidc"
      ? await oidcAuthorizationUrl(rt, request, mustReauthenticate(c))
      : await amazonAuthorizationUrl(rt, request);
  if (url === undefined) return unavailable(c, method, entry);
  return seeOther(c, url);
}

/** The provider's callback. It works once, and only in the browser that started the sign-in. */
async function receiveCallback(c: AppContext, method: ExternalMethod): Promise<Response> {
  const rt = c.var.runtime;
  if (!rt.config.signInMethods.includes(method)) return c.notFound() as Response | Promise<Response>;
  const { text } = messagesFor(c);
  const params = new URL(c.req.url).searchParams;
  const repeated = ["state", "code", "error", "iss"].some((name) => params.getAll(name).length > 1);
  const browserHash = await browserOf(c);
  const attempt = repeated ? "forged" : await takeAttempt(c, method, browserHash, params.get("state") ?? "");
  if (typeof attempt === "string") return renderUnusableForm(c, attempt);
  const { entry } = attempt;
  const name = providerName(c, method);
  const failed = async (reason: string, page: { error?: string; notice?: string }) => {
    rt.log.warn("external_sign_in_failed", { method, reason });
    if (entry.attempt) await recordStep(rt.db, entry.attempt, "sign_in_failed", rt.now(), { browserHash });
    return renderSignIn(c, { ...signInOptionsOf(entry), ...(page.error ? { status: 401 } : {}), ...page });
  };
  const error = params.get("error");
  if (error === "access_denied") return failed(error, { notice: text.signInCancelled(name) });
  const code = params.get("code");
  if (error !== null || !code) {
    // The provider's words go to the log only: a crafted link must not be able to put text on our page.
    return failed(`provider_error_${(error ?? "empty").replace(/[^a-z_]/g, "").slice(0, 40)}`, {
      error: text.providerRefused(name),
    });
  }
  const result =
    method === "oidc"
      ? await oidcPerson(rt, attempt, { code, iss: params.get("iss") })
      : await amazonPerson(rt, attempt, { code });
  if (result.outcome === "unavailable") return unavailable(c, method, entry);
  if (result.outcome === "refused") return failed(result.reason, { error: text.providerRefused(name) });
  const session = await signInPerson(rt, result.person, browserHash, entry.attempt ?? undefined);
  await setSessionCookie(c, browserHash, session);
  return seeOther(c, entry.continueTo);
}
