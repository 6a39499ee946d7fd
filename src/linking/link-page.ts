// GET /link/{skillId} draws one page that asks; its POST starts the linking and goes on to Amazon. Nothing is born from a GET (S3, P2).
import { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { randomId } from "../crypto/random.ts";
import { browserOf } from "../http/browser.ts";
import { openForm, sealForm } from "../http/form-token.ts";
import { isWithinRateLimit, RATE_LIMIT_PERIOD_SECONDS } from "../http/rate-limit.ts";
import { seeOther } from "../http/respond.ts";
import { parseRawQuery, rawQueryOf } from "../oauth/raw-query.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import { postedConsent, renderUnusableForm } from "../sign-in/posted-form.ts";
import { currentSession, type Session } from "../sign-in/session.ts";
import { renderSignIn } from "../sign-in/sign-in-page.tsx";
import { signOutHere } from "../sign-in/sign-in-routes.ts";
import type { AttemptStart } from "../storage/attempts/attempts.ts";
import { readSkill, type Skill } from "../storage/skills/skills.ts";
import { renderConsentPage } from "../ui/consent.tsx";
import { messagesFor } from "../ui/messages.ts";
import { renderErrorPage } from "../ui/page.tsx";
import { renderBadAddress, renderCancelled } from "./outcome-pages.tsx";
import { amazonUrls, BROWSER_CALLBACK, start, withQuery } from "./start.ts";
import { stateOfTransaction } from "./state.ts";

/** Our own parameter, last in the query: the attempt that a sign-in began goes on with the consent. */
const ATTEMPT = "link_attempt";
const ATTEMPT_FORM = "link-attempt";
const CONSENT_FORM = "link-consent";
const LONGEST_QUERY = 8192;
/** Where the Alexa app may be installed; its address opens it, or a page that leads to it. */
const PHONE = /iPhone|iPad|iPod|Android/i;

const viaSchema = z.enum(["alexa_app", "lwa"]);
const startSchema = z.object({
  attemptId: z.string(),
  traceId: z.string(),
  flow: z.literal("website"),
  skillId: z.string(),
  clientId: z.string(),
});
const transactionSchema = z.object({
  start: startSchema,
  returnTo: z.nullable(z.string()),
  /** What the page's address forces, or what is best on a phone. */
  via: z.optional(viaSchema),
  /** Path with query of the page, for drawing it again. */
  page: z.string(),
  userId: z.string(),
});

export const linkPageRoutes = new Hono<AppEnv>()
  .get("/link/:skillId", showLinkPage)
  .post("/link/:skillId", takeDecision);

interface LinkQuery {
  readonly returnTo: string | null;
  readonly via: z.infer<typeof viaSchema> | undefined;
}

/** The page's parameters; undefined when one is repeated, broken or none of the values it may have. */
function parseQuery(query: string): LinkQuery | undefined {
  if (query.length > LONGEST_QUERY) return undefined;
  const parameters = parseRawQuery(query);
  const single = (name: string): string | null | undefined => {
    const occurrences = parameters.get(name) ?? [];
    if (occurrences.length > 1) return undefined;
    return occurrences[0] === undefined ? null : occurrences[0].value;
  };
  const returnTo = single("return_to");
  const via = z.nullable(viaSchema).safeParse(single("via"));
  if (returnTo === undefined || !via.success) return undefined;
  return { returnTo, via: via.data ?? undefined };
}

function onPhone(c: AppContext): "alexa_app" | undefined {
  return PHONE.test(c.req.header("user-agent") ?? "") ? "alexa_app" : undefined;
}

async function showLinkPage(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const { text } = messagesFor(c);
  const browserHash = await browserOf(c);
  const { query, attempt } = splitAttempt(rawQueryOf(c.req.url));
  const parsed = parseQuery(query);
  if (!parsed) return renderBadAddress(c);
  const skill = await readSkill(rt.db, c.req.param("skillId") ?? "");
  if (!skill) {
    return renderErrorPage(c, {
      status: 404,
      title: text.linkSkillUnknownTitle,
      message: text.linkSkillUnknownMessage,
    });
  }
  if (parsed.returnTo !== null && !skill.returnUrls.includes(parsed.returnTo)) {
    rt.log.warn("return_to_not_allowed", { skillId: skill.id, returnTo: parsed.returnTo.slice(0, 300) });
    return renderBadAddress(c, text.linkReturnToMessage);
  }
  if (!skill.lwa) {
    rt.log.warn("lwa_credentials_missing", { skillId: skill.id });
    return renderErrorPage(c, { status: 404, title: text.linkFailedTitle, message: text.linkNotOfferedMessage });
  }
  const page = new URL(c.req.url).pathname + (query === "" ? "" : `?${query}`);
  const begun = await openAttempt(rt, browserHash, attempt, skill);
  const session = await currentSession(c, browserHash);
  if (!session) {
    return renderSignIn(c, {
      continueTo: await pageOfAttempt(rt, browserHash, page, begun),
      attempt: begun,
      skillName: skill.name,
    });
  }
  const { returnTo } = parsed;
  const via = parsed.via ?? onPhone(c);
  return showConsent(c, { start: begun, returnTo, via, page, userId: session.userId }, session, skill);
}

function splitAttempt(query: string): { query: string; attempt: string | undefined } {
  const name = `${ATTEMPT}=`;
  if (query.startsWith(name)) return { query: "", attempt: query.slice(name.length) };
  const at = query.lastIndexOf(`&${name}`);
  if (at < 0) return { query, attempt: undefined };
  return { query: query.slice(0, at), attempt: query.slice(at + name.length + 1) };
}

async function openAttempt(
  rt: Runtime,
  browserHash: string,
  sealed: string | undefined,
  skill: Skill,
): Promise<z.infer<typeof startSchema>> {
  const opened = sealed === undefined ? "forged" : await openForm(rt, ATTEMPT_FORM, browserHash, sealed, startSchema);
  if (typeof opened !== "string" && opened.value.skillId === skill.id) {
    return opened.value;
  }
  return {
    attemptId: randomId(),
    traceId: randomId(),
    flow: "website",
    skillId: skill.id,
    clientId: skill.clientId,
  };
}

async function pageOfAttempt(rt: Runtime, browserHash: string, page: string, begun: AttemptStart): Promise<string> {
  const sealed = await sealForm(rt, ATTEMPT_FORM, browserHash, begun);
  return `${page}${page.includes("?") ? "&" : "?"}${ATTEMPT}=${sealed}`;
}

async function showConsent(
  c: AppContext,
  transaction: z.infer<typeof transactionSchema>,
  session: Session,
  skill: Skill,
): Promise<Response> {
  const rt = c.var.runtime;
  const { language } = messagesFor(c);
  return renderConsentPage(c, {
    skillName: skill.name,
    toAlexa: true,
    accountLabel: session.email ?? session.name ?? session.userId,
    scopes: skill.scopes.map(({ name, descriptions }) => ({
      name,
      description: descriptions[language] ?? descriptions.en ?? "",
    })),
    hidden: { transaction: await sealForm(rt, CONSENT_FORM, await browserOf(c), transaction) },
    action: new URL(c.req.url).pathname,
    canSwitch: true,
  });
}

async function takeDecision(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const { text } = messagesFor(c);
  const posted = await postedConsent(c, CONSENT_FORM, transactionSchema);
  if (posted === "expired") {
    return renderErrorPage(c, { status: 400, title: text.linkFailedTitle, message: text.linkExpiredMessage });
  }
  if (posted === "forged" || posted.transaction.start.skillId !== c.req.param("skillId")) {
    return renderUnusableForm(c, "forged");
  }
  const { transaction, keyId, browserHash, decision } = posted;
  const { start: begun, returnTo, page, userId } = transaction;
  const forced = viaSchema.safeParse(c.req.query("via") ?? posted.fields.get("via")).data;
  const via = forced ?? transaction.via ?? onPhone(c);
  const again = await pageOfAttempt(rt, browserHash, page, begun);
  const session = await currentSession(c, browserHash);
  if (decision === "switch") {
    if (session) await signOutHere(c, session);
    return seeOther(c, again);
  }
  if (decision !== "allow" && decision !== "deny") {
    return renderErrorPage(c, { status: 400, title: text.decisionMissingTitle, message: text.decisionMissingMessage });
  }
  // Drawn for one person: another who has signed in meanwhile is asked anew.
  if (!session || session.userId !== userId) return seeOther(c, page);
  if (decision === "allow" && !(await isWithinRateLimit(c.env.USER_LIMIT, `start ${userId}`))) {
    c.header("retry-after", String(RATE_LIMIT_PERIOD_SECONDS));
    return renderErrorPage(c, { status: 429, title: text.unavailableTitle, message: text.unavailableMessage });
  }
  const state = await stateOfTransaction(rt, begun.attemptId, keyId);
  const started = await start(rt, {
    attemptId: begun.attemptId,
    traceId: begun.traceId,
    flow: "website",
    platform: "web",
    skillId: begun.skillId,
    userId,
    browser: { hash: browserHash, session },
    decision,
    state,
    callback: BROWSER_CALLBACK,
    returnTo,
  });
  switch (started.outcome) {
    case "session_ended":
      await signOutHere(c, session);
      return seeOther(c, again);
    case "skill_not_found":
    case "no_lwa_credentials":
    case "return_to_not_allowed":
      // The skill was changed after the page was drawn: the page says what is wrong now.
      return seeOther(c, page);
    case "started": {
      const { attempt, skill } = started;
      if (attempt.decision === "deny") {
        rt.metrics.count("consent_denied", skill.id);
        return returnTo === null
          ? renderCancelled(c, attempt)
          : seeOther(c, withQuery(returnTo, { status: "cancelled" }));
      }
      rt.metrics.count("linking_started", skill.id);
      const addresses = await amazonUrls(rt, attempt, skill.lwa?.clientId ?? "", state);
      return seeOther(c, via === "alexa_app" ? addresses.alexaAppUrl : addresses.loginWithAmazonUrl);
    }
  }
}
