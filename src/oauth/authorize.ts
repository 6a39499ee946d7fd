// GET /authorize shows a page and changes nothing; POST /authorize/decision decides.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { sha256 } from "../crypto/hash.ts";
import { randomId } from "../crypto/random.ts";
import { browserOf } from "../http/browser.ts";
import { seeOther } from "../http/respond.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { currentSession } from "../sign-in/session.ts";
import { sessionHolds } from "../storage/users/sessions.ts";
import { scopeDescription } from "../ui/consent.tsx";
import { languageOf, messagesFor } from "../ui/messages.ts";
import { renderErrorPage } from "../ui/page.tsx";
import {
  checkAuthorizationRequest,
  errorUri,
  type RedirectRefusal,
  type ValidatedAuthorizationRequest,
} from "./authorization-request.ts";
import { refusalPage } from "./authorize-refusal.ts";
import { type ConsentFlow, openAttempt, showConsent, splitAttempt, takeConsent } from "./consent-flow.ts";
import { decide } from "./decision.ts";
import { noteInitiation } from "./initiations.ts";
import { rawQueryOf } from "./raw-query.ts";

const startSchema = () =>
  z.object({
    attemptId: z.string(),
    flow: z.enum(["alexa_app", "oauth"]),
    skillId: z.nullable(z.string()),
    clientId: z.nullable(z.string()),
    locale: z.nullable(z.string()),
    /** Of the grant that redeeming the code makes. Stays the same when the page is rendered again. */
    grantId: z.string(),
    /** Of the query that the attempt began with. */
    queryHash: z.string(),
  });

/** What travels sealed with the consent form: the request as it was sent, and whom the page was shown to. */
const transactionSchema = () =>
  z.object({
    start: startSchema(),
    query: z.string(),
    userId: z.string(),
    /** The add-on's resource that the page was shown for. */
    resource: z.nullable(z.string()),
  });

const FLOW: ConsentFlow<z.infer<ReturnType<typeof startSchema>>, z.infer<ReturnType<typeof transactionSchema>>> = {
  attemptForm: "attempt",
  consentForm: "consent",
  startSchema,
  transactionSchema,
  pageOf: ({ query }) => `/authorize?${query}`,
  expired: (text) => ({ title: text.consentExpiredTitle, message: text.consentExpiredMessage }),
};

/** Adds these routes to a router. */
export function authorizeRoutes(app: Hono<AppEnv>): void {
  app.get("/authorize", showAuthorize).post("/authorize/decision", takeDecision);
}

async function showAuthorize(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const { query, attempt } = splitAttempt(rawQueryOf(c.req.url));
  const request = await checkAuthorizationRequest(rt, query);
  if (request.kind === "page") return refusalPage(c, request, query);
  if (request.kind === "redirect") return redirectRefusal(c, request);
  const { client } = request;
  const queryHash = await sha256(query);
  const browserHash = await browserOf(c);
  const opened = await openAttempt(rt, FLOW, browserHash, attempt);
  const start = opened?.queryHash === queryHash ? opened : newStart(c, request, queryHash);
  // The cookie alone, to save the round trip. The decision needs a session that acts.
  const session = await currentSession(c, browserHash);
  if (client.kind === "alexa") {
    const { rawState } = request;
    noteInitiation(c, {
      of: ["authorize", client.id, ...(rawState === undefined ? ["browser", browserHash] : ["state", rawState])],
      flow: "alexa_app",
      skillId: client.skillId,
      browserHash,
      userId: session?.userId ?? null,
    });
  }
  return showConsent(c, FLOW, {
    page: `/authorize?${query}`,
    start,
    session,
    skillName: client.skillName,
    consentFor: ({ userId }) => {
      rt.metrics.count("authorize_shown", client.skillId);
      return {
        transaction: { start, query, userId, resource: client.resource },
        options: {
          skillName: client.skillName ?? client.name,
          toAlexa: client.kind === "alexa",
          scopes: request.scopes.map((name) => ({
            name,
            description: scopeDescription(c, name, client.scopeTexts[name]),
          })),
          action: "/authorize/decision",
        },
      };
    },
  });
}

/** The redirect with the error, noted for the operator. */
function redirectRefusal(c: AppContext, { target, reason, error, description }: RedirectRefusal): Response {
  const { log, metrics } = c.var.runtime;
  log.info("authorize_refused", { clientId: target.client.id, reason });
  metrics.refused({ endpoint: "authorize", clientId: target.client.id, reason, detail: target.redirectUri });
  return seeOther(c, errorUri(target, error, description));
}

function newStart(
  c: AppContext,
  { client }: ValidatedAuthorizationRequest,
  queryHash: string,
): z.infer<ReturnType<typeof startSchema>> {
  return {
    attemptId: randomId(),
    flow: client.kind === "alexa" ? "alexa_app" : "oauth",
    skillId: client.skillId,
    clientId: client.id,
    locale: languageOf(c),
    grantId: randomId(),
    queryHash,
  };
}

async function takeDecision(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const { text } = messagesFor(c);
  const taken = await takeConsent(c, FLOW);
  if (taken instanceof Response) return taken;
  const { transaction, keyId, browserHash, session, decision } = taken;
  const { start, query, userId } = transaction;
  const request = await checkAuthorizationRequest(rt, query, { shownFor: transaction.resource });
  if (request.kind === "page") return refusalPage(c, request, query);
  if (request.kind === "redirect") return redirectRefusal(c, request);
  const result = await decide(rt, {
    request,
    start,
    grantId: start.grantId,
    keyId,
    decision,
    userId,
    browserHash,
    actorHolds: sessionHolds(session),
    origin: "authorize",
  });
  if (result === "actor_gone") return taken.signInAgain();
  if (result === "decided_by_another") {
    return renderErrorPage(c, {
      status: 409,
      title: text.consentDecidedTitle,
      message: text.consentDecidedMessage,
    });
  }
  return seeOther(c, result.redirectTo);
}
