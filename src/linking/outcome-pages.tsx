// What a customer sees when a linking ends on a page of ours, waits, or cannot go on here.

import type { AppContext } from "../runtime.ts";
import type { StartedAttempt } from "../storage/attempts/started.ts";
import { messagesFor } from "../ui/messages.ts";
import { renderErrorPage, renderPage } from "../ui/page.tsx";
import { ButtonRow } from "../ui/parts.tsx";
import type { Completion } from "./complete.ts";
import { publicReason } from "./reasons.ts";

type Final = Extract<Completion, { outcome: "linked" | "ended" | "expired" }>;

/** What was to be linked: where "start again" leads. */
type Linked = Pick<StartedAttempt, "skill_id">;

/** For attempts that were started without a return URL. */
export function renderOutcome(c: AppContext, attempt: Linked, completion: Final): Promise<Response> {
  const { text } = messagesFor(c);
  if (completion.outcome === "linked") return card(c, text.linkedTitle, text.linkedMessage);
  if (completion.outcome === "expired") return card(c, text.linkFailedTitle, text.linkExpiredMessage, attempt);
  if (completion.as === "cancelled") return renderCancelled(c, attempt);
  const reason = publicReason(completion.reason);
  const known: Readonly<Record<string, string>> = text.linkFailedReasons;
  return card(c, text.linkFailedTitle, known[reason] ?? text.linkFailedMessage, attempt);
}

/** The page after "no", where there is no address to return to. */
export function renderCancelled(c: AppContext, attempt: Linked): Promise<Response> {
  const { text } = messagesFor(c);
  return card(c, text.linkCancelledTitle, text.linkCancelledMessage, attempt);
}

function card(c: AppContext, title: string, message: string, again?: Linked): Promise<Response> {
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
          <a class="button" href={`/link/${encodeURIComponent(again.skill_id)}`}>
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

/** Amazon is at work: the page asks again by itself. */
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

/** The callback arrived in another browser or session than the one that started it (S1, S3): nothing is spent. */
export function renderElsewhere(c: AppContext): Promise<Response> {
  const { text } = messagesFor(c);
  return renderErrorPage(c, { status: 403, title: text.linkElsewhereTitle, message: text.linkElsewhereMessage });
}

/** No linking of this address is under way. */
export function renderUnknownState(c: AppContext): Promise<Response> {
  const { text } = messagesFor(c);
  return renderErrorPage(c, { status: 400, title: text.linkFailedTitle, message: text.linkExpiredMessage });
}

/** The address itself is wrong: something is missing, repeated or too long. */
export function renderBadAddress(c: AppContext, message?: string): Promise<Response> {
  const { text } = messagesFor(c);
  return renderErrorPage(c, {
    status: 400,
    title: text.authorizeRefusedTitle,
    message: message ?? text.linkBadAddressMessage,
  });
}
