// A customer's timeline from links, logins, attempts, refusals, skill events and audit records, newest first.
import type { Customer, LinkOfCustomer } from "../../storage/maintenance/customer.ts";
import { words } from "./parts.tsx";

export interface CustomerEvent {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly what: string;
  readonly details?: string | undefined;
  /** The attempt that it belongs to. */
  readonly attemptId?: string | null | undefined;
}

function ofLink(link: LinkOfCustomer, operator: string | null | undefined): CustomerEvent[] {
  const name = link.name ?? link.clientId;
  const kind = link.skillId === null ? "sign-in to" : "link with";
  const reason = words(link.revokedReason ?? "unknown") + (operator ? `, by ${operator}` : "");
  const about = { details: `grant ${link.id}`, attemptId: link.attemptId };
  return [
    { at: link.createdAt, what: link.skillId === null ? `signed in to ${name}` : `linked with ${name}`, ...about },
    ...(link.lastUsedAt > link.createdAt ? [{ at: link.lastUsedAt, what: `last refresh by ${name}`, ...about }] : []),
    ...(link.revokedAt === null ? [] : [{ at: link.revokedAt, what: `${kind} ${name} ended: ${reason}`, ...about }]),
  ];
}

/** The events before a time, and the time before which the next page begins; undefined: this is the last page. */
export function customerLine(
  customer: Customer,
  before: number,
  length: number,
): { readonly events: readonly CustomerEvent[]; readonly older: number | undefined } {
  const { user, identities, links, logins, attempts, events, audit, refusals } = customer;
  const endOfLinks = new Set(links.flatMap((link) => (link.revokedAt === null ? [] : [link.id])));
  const all: CustomerEvent[] = [
    { at: user.createdAt, what: "account created" },
    ...identities.map(({ createdAt, method }) => ({ at: createdAt, what: `sign-in method added: ${method}` })),
    ...links.flatMap((link) =>
      ofLink(link, audit.find(({ kind, grantId }) => kind === "grant_revoked" && grantId === link.id)?.actor),
    ),
    ...logins.flatMap(({ createdAt, endedAt }) => [
      { at: createdAt, what: "signed in with a browser" },
      ...(endedAt === null ? [] : [{ at: endedAt, what: "signed out of a browser" }]),
    ]),
    ...attempts.map(({ createdAt, id, outcome, reason, skillId, clientId }) => ({
      at: createdAt,
      what: `attempt: ${outcome}${reason === null ? "" : `, ${words(reason)}`}`,
      details: skillId ?? clientId ?? undefined,
      attemptId: id,
    })),
    ...events.map(({ receivedAt, type, skillId }) => ({
      at: receivedAt,
      what: `Alexa sent ${type}`,
      details: skillId,
    })),
    ...refusals.map(({ endpoint, reason, grantId, count, lastSeenAt }) => ({
      at: lastSeenAt,
      what: `${endpoint === "token" ? "refresh" : "AcceptGrant"} refused: ${words(reason)}${count === 1 ? "" : `, ${count} times in total`}`,
      details: `grant ${grantId}`,
      attemptId: links.find(({ id }) => id === grantId)?.attemptId,
    })),
    ...audit
      // The end of a link that is still stored is already on the timeline.
      .filter(({ kind, grantId }) => kind !== "grant_revoked" || grantId === null || !endOfLinks.has(grantId))
      .map(({ at, kind, details, actor, attemptId }) => ({
        at,
        what: words(kind) + (actor === null ? "" : `, by ${actor}`),
        details: details ?? undefined,
        attemptId,
      })),
  ];
  const sorted = all.filter(({ at }) => at < before).sort((a, b) => b.at - a.at);
  const last = sorted[length - 1]?.at;
  // Events of the same moment stay on one page.
  const shown = last === undefined ? sorted : sorted.filter(({ at }) => at >= last);
  return { events: shown, older: shown.length < sorted.length ? last : undefined };
}
