// GET /authorize draws a page and changes nothing; POST /authorize/decision decides. Nothing is born from a GET (P2).
import { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { randomId } from "../crypto/random.ts";
import { browserOf } from "../http/browser.ts";
import { openForm, sealForm } from "../http/form-token.ts";
import { seeOther } from "../http/respond.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import { postedConsent, renderUnusableForm } from "../sign-in/posted-form.ts";
import { currentSession, type Session } from "../sign-in/session.ts";
import { renderSignIn } from "../sign-in/sign-in-page.tsx";
import { signOutHere } from "../sign-in/sign-in-routes.ts";
import type { AttemptStart } from "../storage/attempts/attempts.ts";
import { conditionOf } from "../storage/d1.ts";
import { sessionHolds } from "../storage/users/sessions.ts";
import { renderConsentPage } from "../ui/consent.tsx";
import { messagesFor } from "../ui/messages.ts";
import { renderErrorPage } from "../ui/page.tsx";
import { checkAuthorizationRequest, errorUri, type ValidatedAuthorizationRequest } from "./authorization-request.ts";
import { refusalPage } from "./authorize-refusal.ts";
import { LINKS_SCOPE } from "./bearer.ts";
import { decide } from "./decision.ts";
import { rawQueryOf } from "./raw-query.ts";

/** Our own parameter, last in the query: the attempt that a sign-in began goes on with the consent. */
const ATTEMPT = "link_attempt";
const CONSENT_FORM = "consent";
const ATTEMPT_FORM = "attempt";

const startSchema = z.object({
  attemptId: z.string(),
  traceId: z.string(),
  flow: z.enum(["alexa_app", "oauth"]),
  skillId: z.nullable(z.string()),
  clientId: z.nullable(z.string()),
});

/** What travels with the consent form: the request as it was sent, for whom it was drawn, and the ids it will get. */
const transactionSchema = z.object({
  start: startSchema,
  grantId: z.string(),
  query: z.string(),
  userId: z.string(),
});

export const authorizeRoutes = new Hono<AppEnv>()
  .get("/authorize", showAuthorize)
  .post("/authorize/decision", takeDecision);

async function showAuthorize(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const fullQuery = rawQueryOf(c.req.url);
  const browserHash = await browserOf(c);
  const { query, start: adopted } = await takeAttempt(rt, browserHash, fullQuery);
  const request = await checkAuthorizationRequest(rt, query);
  if (request.kind === "page") return refusalPage(c, request, query);
  if (request.kind === "redirect") {
    rt.log.info("authorize_refused", { clientId: request.target.client.id, reason: request.error });
    rt.metrics.refused(request.target.client.id, request.error, request.target.redirectUri);
    return seeOther(c, errorUri(request.target, request.error, request.description, { issuer: rt.issuer }));
  }
  const start = adopted ?? newStart(request);
  const session = await currentSession(c, browserHash);
  if (!session) {
    const attempt = await sealForm(rt, ATTEMPT_FORM, browserHash, start);
    return renderSignIn(c, {
      continueTo: `/authorize?${query}&${ATTEMPT}=${attempt}`,
      attempt: start,
      ...(request.client.skillName === null ? {} : { skillName: request.client.skillName }),
    });
  }
  return showConsent(c, request, query, start, session, browserHash);
}

function newStart(request: ValidatedAuthorizationRequest): AttemptStart {
  const { client } = request;
  return {
    attemptId: randomId(),
    traceId: randomId(),
    flow: client.kind === "alexa" ? "alexa_app" : "oauth",
    skillId: client.skillId,
    clientId: client.id,
  };
}

/** Splits off our own parameter; what Alexa sent stays as it was. */
async function takeAttempt(
  rt: Runtime,
  browserHash: string,
  fullQuery: string,
): Promise<{ query: string; start: AttemptStart | undefined }> {
  const at = fullQuery.lastIndexOf(`&${ATTEMPT}=`);
  if (at < 0) return { query: fullQuery, start: undefined };
  const sealed = fullQuery.slice(at + ATTEMPT.length + 2);
  const opened = await openForm(rt, ATTEMPT_FORM, browserHash, sealed, startSchema);
  return { query: fullQuery.slice(0, at), start: typeof opened === "string" ? undefined : opened.value };
}

async function showConsent(
  c: AppContext,
  request: ValidatedAuthorizationRequest,
  query: string,
  start: AttemptStart,
  session: Session,
  browserHash: string,
): Promise<Response> {
  const rt = c.var.runtime;
  const { client } = request;
  const { language, text } = messagesFor(c);
  rt.metrics.count("authorize_shown", client.skillId);
  const transaction = await sealForm(rt, CONSENT_FORM, browserHash, {
    start,
    grantId: randomId(),
    query,
    userId: session.userId,
  });
  return renderConsentPage(c, {
    skillName: client.skillName ?? client.name,
    toAlexa: client.kind === "alexa",
    accountLabel: session.email ?? session.name ?? session.userId,
    scopes: request.scopes.map((name) => ({
      name,
      description:
        client.scopeTexts[name]?.[language] ??
        client.scopeTexts[name]?.en ??
        (name === LINKS_SCOPE ? text.scopeLinks : ""),
    })),
    hidden: { transaction },
    action: "/authorize/decision",
    canSwitch: true,
  });
}

async function takeDecision(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const { text } = messagesFor(c);
  const posted = await postedConsent(c, CONSENT_FORM, transactionSchema);
  if (posted === "expired") {
    return renderErrorPage(c, { status: 400, title: text.consentExpiredTitle, message: text.consentExpiredMessage });
  }
  if (posted === "forged") return renderUnusableForm(c, "forged");
  const { transaction, keyId, browserHash, decision } = posted;
  const { start, grantId, query, userId } = transaction;
  const again = `/authorize?${query}&${ATTEMPT}=${await sealForm(rt, ATTEMPT_FORM, browserHash, start)}`;
  const session = await currentSession(c, browserHash);
  if (decision === "switch") {
    if (session) await signOutHere(c, session);
    return seeOther(c, again);
  }
  if (decision !== "allow" && decision !== "deny") {
    return renderErrorPage(c, { status: 400, title: text.decisionMissingTitle, message: text.decisionMissingMessage });
  }
  // Drawn for one person: another who has signed in meanwhile is asked anew.
  if (!session || session.userId !== userId) return seeOther(c, again);
  const request = await checkAuthorizationRequest(rt, query);
  if (request.kind === "page") return refusalPage(c, request, query);
  if (request.kind === "redirect") {
    return seeOther(c, errorUri(request.target, request.error, request.description, { issuer: rt.issuer }));
  }
  const result = await decide(rt, {
    request,
    start,
    grantId,
    keyId,
    decision,
    userId,
    browserHash,
    actorHolds: conditionOf(sessionHolds(session)),
    origin: "authorize",
  });
  if (result === "actor_gone") {
    await signOutHere(c, session);
    return seeOther(c, again);
  }
  if (result === "decided_by_another") {
    return renderErrorPage(c, {
      status: 409,
      title: text.consentDecidedTitle,
      message: text.consentDecidedMessage,
    });
  }
  return seeOther(c, result.redirectTo);
}
