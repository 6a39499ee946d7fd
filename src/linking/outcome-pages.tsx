// What a customer sees when an attempt ends on a page of ours, is still running, or cannot go on here.
import { seeOther } from "../http/respond.ts";
import type { AppContext } from "../runtime.ts";
import type { StartedAttempt } from "../storage/attempts/started.ts";
import { messagesFor } from "../ui/messages.ts";
import { renderErrorPage, renderPage } from "../ui/page.tsx";
import { ButtonRow } from "../ui/parts.tsx";
import type { Completion } from "./complete.ts";
import { publicReason } from "./reasons.ts";
import { withQuery } from "./start.ts";

/** Schemes that browsers open without a tap. */
const WEB = /^https?:/;

/**
 * Sends the browser to a registered return URL: 303, or a page for an app's scheme, which browsers may open from a tap
 * only. A bare redirect there leaves a blank tab.
 */
export function returnTo(
  c: AppContext,
  url: string,
  parameters: Readonly<Record<string, string>>,
): Response | Promise<Response> {
  const target = withQuery(url, parameters);
  if (WEB.test(target)) return seeOther(c, target);
  const { text } = messagesFor(c);
  c.header("refresh", `0;url=${target}`);
  return renderPage(
    c,
    { title: text.openAppTitle },
    <section class="card">
      <h1>{text.openAppTitle}</h1>
      <p class="lead">{text.openAppMessage}</p>
      <ButtonRow>
        <a class="button" href={target}>
          {text.openApp}
        </a>
      </ButtonRow>
    </section>,
  );
}

type Final = Extract<Completion, { outcome: "linked" | "ended" | "expired" }>;

/** What "start again" links to. */
type Again = Pick<StartedAttempt, "skillId">;

/** For attempts that were started without a return URL. */
export function renderOutcome(c: AppContext, attempt: Again, completion: Final): Promise<Response> {
  const { text } = messagesFor(c);
  if (completion.outcome === "linked") return card(c, text.linkedTitle, text.linkedMessage);
  if (completion.outcome === "expired") return card(c, text.linkFailedTitle, text.linkExpiredMessage, attempt);
  if (completion.as === "cancelled") return renderCancelled(c, attempt);
  const reason = publicReason(completion.reason);
  const known: Readonly<Record<string, string>> = text.linkFailedReasons;
  return card(c, text.linkFailedTitle, known[reason] ?? text.linkFailedMessage, attempt);
}

/** The page after a denial, when there is no return URL. */
export function renderCancelled(c: AppContext, attempt: Again): Promise<Response> {
  const { text } = messagesFor(c);
  return card(c, text.linkCancelledTitle, text.linkCancelledMessage, attempt);
}

function card(c: AppContext, title: string, message: string, again?: Again): Promise<Response> {
  const { text } = messagesFor(c);
  return renderPage(
    c,
    { title },
    <section class="card">
      <h1>{title}</h1>
      <p class="lead">{message}</p>
      <p class="hint">{text.closePage}</p>
      <ButtonRow>
        {again === undefined ? null : (
          <a class="button" href={`/link/${encodeURIComponent(again.skillId)}`}>
            {text.startAgain}
          </a>
        )}
        <a class="button quiet" href="/account">
          {text.accountTitle}
        </a>
      </ButtonRow>
    </section>,
  );
}

/** A run is under way: the page reloads itself. */
export function renderWaiting(c: AppContext): Promise<Response> {
  const { text } = messagesFor(c);
  return renderPage(
    c,
    { title: text.linkWaitingTitle, refreshSeconds: 2 },
    <section class="card">
      <h1>{text.linkWaitingTitle}</h1>
      <p class="lead">{text.linkWaitingMessage}</p>
    </section>,
  );
}

/** The callback arrived in another browser or session than the one that started the attempt: nothing is spent. */
export function renderElsewhere(
  c: AppContext,
  attempt: Pick<StartedAttempt, "skillId" | "returnTo">,
): Promise<Response> {
  const { text } = messagesFor(c);
  const page = `/link/${encodeURIComponent(attempt.skillId)}`;
  return renderErrorPage(c, {
    status: 403,
    title: text.linkElsewhereTitle,
    message: text.linkElsewhereMessage,
    hint: text.linkElsewhereHint,
    action: {
      href: attempt.returnTo === null ? page : withQuery(page, { return_to: attempt.returnTo }),
      label: text.startAgain,
    },
  });
}

/** No attempt with this state is under way. */
export function renderUnknownState(c: AppContext): Promise<Response> {
  const { text } = messagesFor(c);
  return renderErrorPage(c, { status: 400, title: text.linkFailedTitle, message: text.linkExpiredMessage });
}

/** The URL itself is wrong: a parameter is missing, repeated or too long. */
export function renderBadAddress(c: AppContext, message?: string): Promise<Response> {
  const { text } = messagesFor(c);
  return renderErrorPage(c, {
    status: 400,
    title: text.authorizeRefusedTitle,
    message: message ?? text.linkBadAddressMessage,
  });
}
