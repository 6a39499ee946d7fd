// /admin/search: finds ids and addresses that a customer or a log can quote. A single hit redirects to its page.
import type { FC } from "hono/jsx";
import { seeOther } from "../../http/respond.ts";
import type { AppContext } from "../../runtime.ts";
import { normalizeEmail } from "../../sign-in/email.ts";
import { type ListedAttempt, listAttempts } from "../../storage/attempts/list.ts";
import { MINUTE_MS, readRefusalsOfError } from "../../storage/attempts/refusals.ts";
import { readShownError, type ShownError } from "../../storage/attempts/shown-errors.ts";
import { type Hit, type HitKind, MOST_HITS, search } from "../../storage/maintenance/search.ts";
import { renderConsole, skillNames } from "./frame.tsx";
import { clock, DataTable, Outcome, Panel, Time, words } from "./parts.tsx";
import { minuteOf, NeverReachedUs, refusedThen } from "./refused-then.tsx";
import { attemptHref, customerHref, hrefOf, type Selection, selectionOf } from "./selection.ts";
import { FLOWS, Refusals } from "./tables.tsx";

/** Ids as logs and the API name them, the most specific first. */
const NAMES = ["trace", "attempt", "grant", "user", "alexaUser", "skill", "client", "request", "error"];

/** The text to search for, without what was copied with it: a name, as in `"traceId":"0abc"`, or quotation marks. */
function bare(typed: string): string {
  const named = NAMES.map((name) => new RegExp(`\\b${name}Id["']?\\s*[:=]\\s*["']?([^\\s"',}]+)`).exec(typed)?.[1]);
  return named.find((value) => value !== undefined) ?? typed.replace(/^["<(]+|(?<![">),;])[">),;]+$/g, "").trim();
}

/** Longer than any id or address. */
const LONGEST = 500;

const KINDS: readonly (readonly [HitKind, string])[] = [
  ["customer", "Customers"],
  ["attempt", "Attempts"],
  ["link", "Links"],
  ["skill", "Skills"],
  ["client", "Clients"],
];

function hrefOfHit(selection: Selection, { kind, id, of }: Hit): string {
  switch (kind) {
    case "customer":
      return customerHref(selection, id);
    case "attempt":
      return attemptHref(selection, id);
    case "link":
      return customerHref(selection, of ?? "");
    case "skill":
      return hrefOf(selection, `/admin/skills/${encodeURIComponent(id)}`);
    case "client":
      return of === null
        ? hrefOf(selection, `/admin/clients/${encodeURIComponent(id)}`)
        : hrefOf(selection, `/admin/skills/${encodeURIComponent(of)}`);
  }
}

const Hits: FC<{ hits: readonly Hit[]; selection: Selection }> = ({ hits, selection }) => (
  <>
    {KINDS.map(([kind, title]) => {
      const some = hits.filter((hit) => hit.kind === kind);
      return some.length === 0 ? null : (
        <Panel title={title}>
          <DataTable
            caption={title}
            head={["Name", "Id"]}
            rows={some.map((hit) => [
              <a href={hrefOfHit(selection, hit)}>{hit.name ?? hit.id}</a>,
              <code>{hit.id}</code>,
            ])}
          />
          {some.length >= MOST_HITS ? (
            <p class="small">Only the first {MOST_HITS} are shown. Enter more characters.</p>
          ) : null}
        </Panel>
      );
    })}
  </>
);

const AttemptsThen: FC<{
  attempts: readonly ListedAttempt[];
  nameOf: (attempt: ListedAttempt) => string;
  selection: Selection;
}> = ({ attempts, nameOf, selection }) => (
  <Panel title="Attempts in that minute">
    <DataTable
      caption="Attempts that started in that minute"
      empty="No attempts started in that minute."
      head={["Started", "Outcome", "Flow", "Skill or client"]}
      rows={attempts.map((attempt) => [
        <a href={attemptHref(selection, attempt.id)}>
          <Time at={attempt.createdAt} zone={selection.zone} />
        </a>,
        <>
          <Outcome outcome={attempt.outcome} /> {attempt.reason === null ? null : words(attempt.reason)}
        </>,
        FLOWS[attempt.flow],
        nameOf(attempt),
      ])}
    />
  </Panel>
);

const Shown: FC<{ shown: ShownError; selection: Selection }> = ({ shown, selection }) => (
  <Panel title={`Error ${shown.id}`}>
    <DataTable
      caption="What was shown under this error id"
      head={["Time", "Status", "Path", "Error", "Client"]}
      rows={[
        [
          <Time at={shown.at} zone={selection.zone} />,
          shown.status,
          <code>{shown.path}</code>,
          words(shown.reason),
          shown.clientId === null ? "unknown" : <code>{shown.clientId}</code>,
        ],
      ]}
    />
    <p class="small">
      In the log, this id is the <code>requestId</code>.
    </p>
  </Panel>
);

/** The search. `?q=` is the text; `?at=` is the minute of a failure for which nothing was found. */
export async function searchPage(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const selection = selectionOf(c);
  const typed = (c.req.query("q") ?? "").replace(/\p{Cc}+/gu, " ").trim();
  const text = typed.slice(0, LONGEST);
  const wanted = bare(typed);
  const isTooLong = wanted.length > LONGEST;
  const page = { title: "Search", under: "", searched: text };
  if (text === "") {
    return renderConsole(
      c,
      page,
      <p>
        Enter an email address or its beginning; the id of an attempt (also called trace id), customer, grant, skill,
        client or Alexa user; an error id; the name of a skill; or a time such as{" "}
        {clock(rt.now(), selection.zone).slice(0, 16)} ({selection.zone}).
      </p>,
    );
  }
  const minute = minuteOf(wanted, selection.zone);
  const at = minute ?? minuteOf(c.req.query("at")?.trim() ?? "", selection.zone);
  const hits = minute !== undefined || isTooLong ? [] : await search(rt.db, wanted, normalizeEmail(wanted));
  const addresses = new Set(hits.map((hit) => hrefOfHit(selection, hit)));
  const [only] = addresses;
  if (only !== undefined && addresses.size === 1) return seeOther(c, only);
  if (hits.length > 0) return renderConsole(c, page, <Hits hits={hits} selection={selection} />);
  await rt.metrics.flush();
  const shown = minute === undefined && !isTooLong ? await readShownError(rt.db, wanted) : null;
  if (shown !== null) {
    const refusals = await refusedThen(c, shown.at - (shown.at % MINUTE_MS));
    return renderConsole(
      c,
      page,
      <>
        <Shown shown={shown} selection={selection} />
        <Panel title="Refused around that minute">
          <Refusals refusals={refusals} zone={selection.zone} />
        </Panel>
      </>,
    );
  }
  const refused = /^[\w-]{8}$/.test(wanted) ? await readRefusalsOfError(rt.db, wanted) : [];
  const [refusals, attempts, nameOf] = await Promise.all([
    refusedThen(c, at),
    at === undefined ? [] : listAttempts(rt.db, { from: at, to: at + MINUTE_MS }, undefined, MOST_HITS),
    skillNames(c),
  ]);
  return renderConsole(
    c,
    page,
    <>
      {at === undefined ? null : <AttemptsThen attempts={attempts} nameOf={nameOf} selection={selection} />}
      {minute === undefined && refused.length === 0 ? (
        <NeverReachedUs selection={selection} at={at} refusals={refusals} action="/admin/search" fields={{ q: text }} />
      ) : (
        <Panel title={minute === undefined ? `Refused with error id ${wanted}` : "Refused around that minute"}>
          <Refusals refusals={minute === undefined ? refused : refusals} zone={selection.zone} />
        </Panel>
      )}
    </>,
  );
}
