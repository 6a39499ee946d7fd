// The steps shared by /authorize and /link/{skillId}: sign-in, consent page, decision. GET never changes state.
import type * as z from "zod/mini";
import { browserOf } from "../http/browser.ts";
import { openForm, sealForm } from "../http/form-token.ts";
import { mayLinkMore, RATE_LIMIT_PERIOD_SECONDS } from "../http/rate-limit.ts";
import { seeOther } from "../http/respond.ts";
import type { AppContext, Runtime } from "../runtime.ts";
import { type PostedConsent, postedConsent, renderUnusableForm } from "../sign-in/posted-form.ts";
import { currentSession, type Session } from "../sign-in/session.ts";
import { renderSignIn } from "../sign-in/sign-in-page.tsx";
import { signOutHere } from "../sign-in/sign-in-routes.ts";
import type { AttemptStart } from "../storage/attempts/attempts.ts";
import type { Decision } from "../storage/attempts/consent.ts";
import { type ConsentOptions, renderConsentPage } from "../ui/consent.tsx";
import { type Messages, messagesFor } from "../ui/messages.ts";
import { renderErrorPage } from "../ui/page.tsx";

/** Our own parameter, last in the query: an attempt that began with a sign-in goes on with the consent. */
const ATTEMPT = "link_attempt";

/** What travels sealed with a consent form. */
export interface ConsentTransaction {
  readonly start: AttemptStart;
  /** Whom the page was shown to. */
  readonly userId: string;
}

/** One of the two consent pages. */
export interface ConsentFlow<Start extends AttemptStart, Transaction extends ConsentTransaction> {
  /** Names of its sealed values: one page does not accept the other's. */
  readonly attemptForm: string;
  readonly consentForm: string;
  readonly startSchema: () => z.ZodMiniType<Start>;
  readonly transactionSchema: () => z.ZodMiniType<Transaction>;
  /** Path with query of the page, for showing it again. */
  pageOf(transaction: Transaction): string;
  /** A decision that is made by another field than `decision`. */
  decisionOf?(fields: ReadonlyMap<string, string>): Decision | undefined;
  /** Title and message when a consent form has expired. */
  expired(text: Messages): { readonly title: string; readonly message: string };
}

/** Splits our own parameter off a query; the rest keeps its bytes. */
export function splitAttempt(query: string): { readonly query: string; readonly attempt: string | undefined } {
  const name = `${ATTEMPT}=`;
  if (query.startsWith(name)) return { query: "", attempt: query.slice(name.length) };
  const at = query.lastIndexOf(`&${name}`);
  if (at < 0) return { query, attempt: undefined };
  return { query: query.slice(0, at), attempt: query.slice(at + name.length + 1) };
}

/** The attempt that began with a sign-in in this browser; undefined when there is none. */
export async function openAttempt<Start extends AttemptStart>(
  rt: Runtime,
  flow: { readonly attemptForm: string; readonly startSchema: () => z.ZodMiniType<Start> },
  browserHash: string,
  attempt: string | undefined,
): Promise<Start | undefined> {
  const opened = await openForm(rt, flow.attemptForm, browserHash, attempt, flow.startSchema);
  return typeof opened === "string" ? undefined : opened.value;
}

async function withAttempt(
  rt: Runtime,
  attemptForm: string,
  browserHash: string,
  page: string,
  start: AttemptStart,
): Promise<string> {
  const sealed = await sealForm(rt, attemptForm, browserHash, start);
  return `${page}${page.includes("?") ? "&" : "?"}${ATTEMPT}=${sealed}`;
}

export interface ShownConsent<Transaction> {
  /** Path with query of the page. */
  readonly page: string;
  readonly start: AttemptStart;
  /** undefined: the customer is asked to sign in. */
  readonly session: Session | undefined;
  /** For the sign-in page; null for the company's own apps. */
  readonly skillName: string | null;
  /** The consent page for a signed-in user. */
  consentFor(session: Session): {
    readonly transaction: Transaction;
    readonly options: Pick<ConsentOptions, "skillName" | "toAlexa" | "scopes" | "action" | "offersAlexaApp">;
  };
}

/** The consent page, or the sign-in page if the customer is not signed in. */
export async function showConsent<Start extends AttemptStart, Transaction extends ConsentTransaction>(
  c: AppContext,
  flow: ConsentFlow<Start, Transaction>,
  shown: ShownConsent<Transaction>,
): Promise<Response> {
  const rt = c.var.runtime;
  const browserHash = await browserOf(c);
  const { page, start, skillName, session } = shown;
  if (!session) {
    const continueTo = await withAttempt(rt, flow.attemptForm, browserHash, page, start);
    return renderSignIn(c, { continueTo, attempt: start, ...(skillName === null ? {} : { skillName }) });
  }
  const { transaction, options } = shown.consentFor(session);
  return renderConsentPage(c, {
    ...options,
    accountLabel: session.email ?? session.name,
    hidden: { transaction: await sealForm(rt, flow.consentForm, browserHash, transaction) },
    amazonOnly: rt.config.signInMethods.every((method) => method === "amazon"),
  });
}

/** A decision of the user whom the page was shown to. */
export interface TakenDecision<Transaction> extends Omit<PostedConsent<Transaction>, "decision"> {
  readonly decision: Decision;
  readonly session: Session;
  /** Signs this browser out and shows the page again: the session has ended. */
  signInAgain(): Promise<Response>;
}

/** Reads a posted consent form; a response when there is no decision to act on. */
export async function takeConsent<Start extends AttemptStart, Transaction extends ConsentTransaction>(
  c: AppContext,
  flow: ConsentFlow<Start, Transaction>,
): Promise<TakenDecision<Transaction> | Response> {
  const { text } = messagesFor(c);
  const posted = await postedConsent(c, flow.consentForm, flow.transactionSchema);
  if (posted === "expired") return renderErrorPage(c, { status: 400, ...flow.expired(text) });
  if (posted === "forged") return renderUnusableForm(c, "forged");
  const { transaction, browserHash, fields } = posted;
  const decision = posted.decision ?? flow.decisionOf?.(fields);
  const page = flow.pageOf(transaction);
  const session = await currentSession(c, browserHash);
  const signInAgain = async () => {
    if (session) await signOutHere(c, session);
    return seeOther(c, await withAttempt(c.var.runtime, flow.attemptForm, browserHash, page, transaction.start));
  };
  if (decision === "switch") return signInAgain();
  if (decision !== "allow" && decision !== "deny") {
    return renderErrorPage(c, { status: 400, title: text.decisionMissingTitle, message: text.decisionMissingMessage });
  }
  // The page was shown to one user: another who has signed in meanwhile is asked, in an attempt of their own.
  if (session?.userId !== transaction.userId) return seeOther(c, page);
  if (!(await mayLinkMore(c.var.runtime, c.env.USER_LIMIT, session.userId))) {
    c.header("retry-after", String(RATE_LIMIT_PERIOD_SECONDS));
    return renderErrorPage(c, { status: 429, title: text.unavailableTitle, message: text.unavailableMessage });
  }
  return { ...posted, decision, session, signInAgain };
}
