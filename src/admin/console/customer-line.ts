// A customer's time line: what links, logins, attempts, refusals, skill events and audit rows say, newest first.
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
  const about = { details: `grant ${link.id}`, attemptId: link.attemptId };
  return [
    { at: link.createdAt, what: link.skillId === null ? `signed in to ${name}` : `linked with ${name}`, ...about },
    ...(link.lastUsedAt > link.createdAt ? [{ at: link.lastUsedAt, what: `latest refresh of ${name}`, ...about }] : []),
    ...(link.revokedAt === null
      ? []
      : [
          {
            at: link.revokedAt,
            what: `${name} ended: ${words(link.revokedReason ?? "unknown")}${operator ? `, by ${operator}` : ""}`,
            ...about,
          },
        ]),
  ];
}

/** Everything before a time, and the time before which the next page begins; undefined: this is the last one. */
export function customerLine(
  customer: Customer,
  before: number,
  length: number,
): { readonly events: readonly CustomerEvent[]; readonly older: number | undefined } {
  const { user, identities, links, logins, attempts, events, audit, refusals } = customer;
  const endOfLinks = new Set(links.flatMap((link) => (link.revokedAt === null ? [] : [link.id])));
  const all: CustomerEvent[] = [
    { at: user.createdAt, what: "account made" },
    ...identities.map(({ createdAt, method }) => ({ at: createdAt, what: `way to sign in added: ${method}` })),
    ...links.flatMap((link) => {
      const end = audit.find(({ kind, grantId }) => kind === "grant_revoked" && grantId === link.id);
      return ofLink(link, end?.actor);
    }),
    ...logins.flatMap(({ createdAt, endedAt }) => [
      { at: createdAt, what: "signed in in a browser" },
      ...(endedAt === null ? [] : [{ at: endedAt, what: "signed out in a browser" }]),
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
      what: `${endpoint === "token" ? "refresh" : "AcceptGrant"} refused: ${words(reason)}${count === 1 ? "" : `, ${count} times until then`}`,
      details: `grant ${grantId}`,
      attemptId: links.find(({ id }) => id === grantId)?.attemptId,
    })),
    ...audit
      // The end of a link that is still there is shown already.
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
