// Leaving for another provider, and its callbacks.
import { Hono } from "hono/tiny";
import { browserOf } from "../http/browser.ts";
import { seeOther } from "../http/respond.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { recordStep } from "../storage/attempts/attempts.ts";
import { brandName } from "../ui/brand.ts";
import { messagesFor } from "../ui/messages.ts";
import { amazonAuthorizationUrl, amazonPerson } from "./amazon.ts";
import { type Entry, signInOptionsOf } from "./entry.ts";
import { comeBack, depart, type ExternalMethod, signInPerson } from "./external.ts";
import { oidcAuthorizationUrl, oidcPerson, oidcReachable } from "./oidc.ts";
import { renderUnusableForm } from "./posted-form.ts";
import { mustReauthenticate, setSessionCookie } from "./session.ts";
import { renderSignIn } from "./sign-in-page.tsx";

const RETRY_AFTER_SECONDS = 5;

export const externalPages = new Hono<AppEnv>();
externalPages.get("/sign-in/oidc/callback", (c) => returned(c, "oidc"));
externalPages.get("/sign-in/amazon/callback", (c) => returned(c, "amazon"));

function providerName(c: AppContext, method: ExternalMethod): string {
  return method === "amazon" ? "Amazon" : brandName(c.var.runtime);
}

/** 503 with the sign-in page: nothing is lost, its form goes on where this one would have. */
function unavailable(c: AppContext, method: ExternalMethod, entry: Entry): Promise<Response> {
  const { text } = messagesFor(c);
  c.header("retry-after", String(RETRY_AFTER_SECONDS));
  const error = text.providerUnavailable(providerName(c, method));
  return renderSignIn(c, { ...signInOptionsOf(entry), status: 503, error });
}

/** 303 to the provider, or the page that says that it cannot be reached. One write. */
export async function leaveFor(
  c: AppContext,
  method: ExternalMethod,
  browserHash: string,
  entry: Entry,
): Promise<Response> {
  const rt = c.var.runtime;
  if (method === "oidc" && !(await oidcReachable(rt))) return unavailable(c, method, entry);
  const departure = await depart(rt, method, browserHash, entry);
  const url =
    method === "oidc"
      ? await oidcAuthorizationUrl(rt, departure, mustReauthenticate(c))
      : await amazonAuthorizationUrl(rt, departure);
  if (url === undefined) return unavailable(c, method, entry);
  return seeOther(c, url);
}

/** The provider's answer. A GET that acts, as OAuth has it: once, and only in the browser that left (S3). */
async function returned(c: AppContext, method: ExternalMethod): Promise<Response> {
  const rt = c.var.runtime;
  if (!rt.config.signInMethods.includes(method)) return c.notFound() as Response | Promise<Response>;
  const { text } = messagesFor(c);
  const answer = new URL(c.req.url).searchParams;
  const repeated = ["state", "code", "error", "iss"].some((name) => answer.getAll(name).length > 1);
  const browserHash = await browserOf(c);
  const attempt = repeated ? "forged" : await comeBack(rt, method, browserHash, answer.get("state") ?? "");
  if (typeof attempt === "string") return renderUnusableForm(c, attempt);
  const { entry } = attempt;
  const name = providerName(c, method);
  const failed = async (reason: string, page: { error?: string; notice?: string }) => {
    rt.log.warn("external_sign_in_failed", { method, reason });
    if (entry.attempt) await recordStep(rt.db, entry.attempt, "sign_in_failed", rt.now(), { browserHash });
    return renderSignIn(c, { ...signInOptionsOf(entry), ...(page.error ? { status: 401 } : {}), ...page });
  };
  const error = answer.get("error");
  if (error === "access_denied") return failed(error, { notice: text.signInCancelled(name) });
  const code = answer.get("code");
  if (error !== null || !code) {
    // The provider's own words stay in the log: a link must not be able to put text on our page.
    return failed(`answer_${(error ?? "empty").replace(/[^a-z_]/g, "").slice(0, 40)}`, {
      error: text.providerRefused(name),
    });
  }
  const result =
    method === "oidc"
      ? await oidcPerson(rt, attempt, { code, iss: answer.get("iss") })
      : await amazonPerson(rt, attempt, { code });
  if (result.outcome === "unavailable") return unavailable(c, method, entry);
  if (result.outcome === "refused") return failed(result.reason, { error: text.providerRefused(name) });
  const session = await signInPerson(rt, result.person, browserHash, entry.attempt ?? undefined);
  await setSessionCookie(c, browserHash, session);
  return seeOther(c, entry.continueTo);
}
