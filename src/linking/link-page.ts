// GET /link/{skillId} renders one page that asks for consent; its POST starts the attempt and redirects to Amazon.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { randomId } from "../crypto/random.ts";
import { browserOf } from "../http/browser.ts";
import { readCookie, removeCookie, writeCookie } from "../http/cookies.ts";
import { seeOther } from "../http/respond.ts";
import { type ConsentFlow, openAttempt, showConsent, splitAttempt, takeConsent } from "../oauth/consent-flow.ts";
import { noteInitiation } from "../oauth/initiations.ts";
import { parseRawQuery, rawQueryOf } from "../oauth/raw-query.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { schemaOf } from "../schema-of.ts";
import { renderUnusableForm } from "../sign-in/posted-form.ts";
import { currentSession } from "../sign-in/session.ts";
import { readSkill, type Skill, scopesOf } from "../storage/skills/skills.ts";
import { sessionActs, sessionHolds } from "../storage/users/sessions.ts";
import { scopeDescription } from "../ui/consent.tsx";
import { languageOf, messagesFor } from "../ui/messages.ts";
import { renderErrorPage } from "../ui/page.tsx";
import { renderBadAddress, renderCancelled, returnTo } from "./outcome-pages.tsx";
import { amazonUrls, BROWSER_CALLBACK, type StartOutcome, start } from "./start.ts";
import { type LinkingState, stateOfTransaction } from "./state.ts";

const LONGEST_QUERY = 8192;
const TRANSACTION_SECONDS = 48 * 3600;
/** Where the Alexa app may be installed; its URL opens it, or a page that leads to it. */
const PHONE = /iPhone|iPad|iPod|Android/i;

const viaSchema = () => z.enum(["alexa_app", "lwa"]);
type Via = z.infer<ReturnType<typeof viaSchema>>;
const startSchema = () =>
  z.object({
    attemptId: z.string(),
    flow: z.literal("website"),
    skillId: z.string(),
    clientId: z.string(),
    locale: z.nullable(z.string()),
  });
const transactionSchema = () =>
  z.object({
    start: startSchema(),
    returnTo: z.nullable(z.string()),
    /** What the page's URL forces. */
    via: z.optional(viaSchema()),
    /** Path with query of the page, for showing it again. */
    page: z.string(),
    /** The add-on's resource that the page was shown for. */
    resource: z.nullable(z.string()),
    userId: z.string(),
  });
type Transaction = z.infer<ReturnType<typeof transactionSchema>>;

const FLOW: ConsentFlow<z.infer<ReturnType<typeof startSchema>>, Transaction> = {
  attemptForm: "link-attempt",
  consentForm: "link-consent",
  startSchema,
  transactionSchema,
  pageOf: ({ page }) => page,
  decisionOf: (fields) => (schemaOf(viaSchema).safeParse(fields.get("via")).success ? "allow" : undefined),
  expired: (text) => ({ title: text.linkFailedTitle, message: text.linkExpiredMessage }),
};

/** Adds these routes to a router. */
export function linkPageRoutes(app: Hono<AppEnv>): void {
  app.get("/link/:skillId", showLinkPage).post("/link/:skillId", takeDecision);
}

interface LinkQuery {
  readonly returnTo: string | null;
  readonly via: Via | undefined;
}

/** The page's parameters; undefined when one is repeated, malformed or not one of its values. */
function parseQuery(query: string): LinkQuery | undefined {
  if (query.length > LONGEST_QUERY) return undefined;
  const parameters = parseRawQuery(query);
  const single = (name: string): string | null | undefined => {
    const occurrences = parameters.get(name) ?? [];
    if (occurrences.length > 1) return undefined;
    return occurrences[0] === undefined ? null : occurrences[0].value;
  };
  const returnTo = single("return_to");
  const via = z.nullable(schemaOf(viaSchema)).safeParse(single("via"));
  if (returnTo === undefined || !via.success) return undefined;
  return { returnTo, via: via.data ?? undefined };
}

function onPhone(c: AppContext): boolean {
  return PHONE.test(c.req.header("user-agent") ?? "");
}

async function showLinkPage(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const { text } = messagesFor(c);
  const { query, attempt } = splitAttempt(rawQueryOf(c.req.url));
  const parsed = parseQuery(query);
  if (!parsed) return renderBadAddress(c);
  const { returnTo } = parsed;
  const browserHash = await browserOf(c);
  const session = await currentSession(c, browserHash);
  const [skill, acts] = await Promise.all([
    readSkill(rt.db, c.req.param("skillId") ?? ""),
    session && sessionActs(rt.db, session),
  ]);
  if (!skill) {
    return renderErrorPage(c, {
      status: 404,
      title: text.linkSkillUnknownTitle,
      message: text.linkSkillUnknownMessage,
    });
  }
  if (returnTo !== null && !skill.returnUrls.includes(returnTo)) {
    rt.log.warn("return_to_not_allowed", { skillId: skill.id, returnTo: returnTo.slice(0, 300) });
    return renderBadAddress(c, text.linkReturnToMessage);
  }
  if (!skill.lwa) {
    rt.log.warn("lwa_credentials_missing", { skillId: skill.id });
    return renderErrorPage(c, { status: 404, title: text.linkFailedTitle, message: text.linkNotOfferedMessage });
  }
  const path = new URL(c.req.url).pathname;
  const page = query === "" ? path : `${path}?${query}`;
  const opened = await openAttempt(rt, FLOW, browserHash, attempt);
  const begun = opened?.skillId === skill.id ? opened : newStart(c, skill);
  const actor = acts ? session : undefined;
  noteInitiation(c, {
    of: ["link", skill.id, transactionOf(c, begun.attemptId)],
    flow: "website",
    skillId: skill.id,
    platform: "web",
    stage: skill.stage,
    browserHash,
    userId: actor?.userId ?? null,
  });
  return showConsent(c, FLOW, {
    page,
    start: begun,
    session: actor,
    skillName: skill.name,
    consentFor: ({ userId }) => ({
      transaction: { start: begun, returnTo, via: parsed.via, page, resource: skill.resource, userId },
      options: {
        skillName: skill.name,
        toAlexa: true,
        offersAlexaApp: parsed.via === undefined && onPhone(c),
        scopes: scopesOf(skill, "user").map(({ name, descriptions }) => ({
          name,
          description: scopeDescription(c, name, descriptions),
        })),
        action: path,
      },
    }),
  });
}

/**
 * Names the consent transaction, for counting: the same until a decision, however often the page is loaded. A page that
 * is loaded again has an attempt id of its own.
 */
function transactionOf(c: AppContext, attemptId: string): string {
  const known = readCookie(c, "transaction");
  if (known && /^[A-Za-z0-9_-]{1,64}$/.test(known)) return known;
  writeCookie(c, "transaction", attemptId, TRANSACTION_SECONDS);
  return attemptId;
}

function newStart(c: AppContext, skill: Skill): z.infer<ReturnType<typeof startSchema>> {
  return {
    attemptId: randomId(),
    flow: "website",
    skillId: skill.id,
    clientId: skill.clientId,
    locale: languageOf(c),
  };
}

async function takeDecision(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const taken = await takeConsent(c, FLOW);
  if (taken instanceof Response) return taken;
  const { transaction, keyId, browserHash, session, decision } = taken;
  const { start: begun, returnTo, page, userId } = transaction;
  if (begun.skillId !== c.req.param("skillId")) return renderUnusableForm(c, "forged");
  const state = await stateOfTransaction(rt, begun.attemptId, keyId);
  const started = await start(rt, {
    attemptId: begun.attemptId,
    flow: "website",
    locale: begun.locale,
    platform: "web",
    skillId: begun.skillId,
    shownFor: transaction.resource,
    userId,
    browser: { hash: browserHash, sessionId: session.sessionId },
    actorHolds: sessionHolds(session),
    decision,
    state,
    callback: BROWSER_CALLBACK,
    returnTo,
  });
  switch (started.outcome) {
    case "actor_gone":
      return taken.signInAgain();
    case "skill_not_found":
    case "no_lwa_credentials":
    case "return_to_not_allowed":
    case "resource_changed":
      // The skill was changed after the page was shown: the page shows what is wrong now.
      return seeOther(c, page);
    case "started": {
      removeCookie(c, "transaction");
      const forced = schemaOf(viaSchema).safeParse(c.req.query("via") ?? taken.fields.get("via")).data;
      return goOn(c, started, state, returnTo, forced ?? transaction.via);
    }
  }
}

/** To Amazon after `allow`; back to the return URL after `deny`. */
async function goOn(
  c: AppContext,
  { attempt, skill }: Extract<StartOutcome, { outcome: "started" }>,
  state: LinkingState,
  returnUrl: string | null,
  via: Via | undefined,
): Promise<Response> {
  const rt = c.var.runtime;
  if (attempt.decision === "deny") {
    rt.metrics.count("consent_denied", skill.id);
    return returnUrl === null ? renderCancelled(c, attempt) : returnTo(c, returnUrl, { status: "cancelled" });
  }
  rt.metrics.count("linking_started", skill.id);
  const urls = await amazonUrls(rt, attempt, skill.lwa?.clientId ?? "", state);
  return seeOther(c, via === "alexa_app" ? urls.alexaAppUrl : urls.loginWithAmazonUrl);
}
