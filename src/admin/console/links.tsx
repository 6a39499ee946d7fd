// The page at /admin/links: links that stopped refreshing, links that end soon, and links that ended and why.
import type { Child, FC } from "hono/jsx";
import * as z from "zod/mini";
import type { AppContext } from "../../runtime.ts";
import {
  countLinks,
  DEVELOPMENT_DAYS,
  ENDING_DAYS,
  LINK_STATES,
  type LinkQuery,
  type LinkState,
  type ListedLink,
  listLinks,
} from "../../storage/grants/link-lists.ts";
import { KEPT_MS } from "../../storage/maintenance/sweeps.ts";
import { skillNames } from "./frame.tsx";
import { Choice, FilterForm, isFragment, LIST_LENGTH, List, positionInAddress, renderLists } from "./lists.tsx";
import { Time, words } from "./parts.tsx";
import { customerHref, hrefOf, type Selection, selectionOf } from "./selection.ts";

const PATH = "/admin/links";
const DAY_MS = 24 * 3_600_000;
/** Counts on the tiles stop at this number. */
const MOST_COUNTED = 1000;
const UNUSED_DAYS = [2, 3, 7, 14, 30, 60, 90] as const;
const DEFAULT_DAYS = 3;

const TITLES: Readonly<Record<LinkState, string>> = {
  stopped: "Stopped refreshing",
  development: "Test links that end soon",
  idle: "Idle links that end soon",
  logins: "App logins that end soon",
  ended: "Ended links",
};

/** Who ended a link, by reason. */
const ENDED_BY: Readonly<Record<string, string>> = {
  code_replayed: "By this server: its code was presented twice, so somebody else may have it.",
  retired_token_reused: "By this server: an old refresh token was used again.",
  revoked_by_client: "By the client, at the revocation endpoint.",
  unlinked: "By the customer, here or in the company's app.",
  logins_ended: "By the customer, who ended all logins.",
  ended_by_operator: "By an operator: see the audit log.",
  skill_disabled: "By a skill event from Alexa: the customer disabled the skill.",
  enablement_gone: "By this server: Alexa reports that the skill is disabled.",
  linking_failed: "By this server: the attempt failed after the code was redeemed.",
  superseded_attempt: "By a later attempt of the same customer.",
  idle: "By this server: it was not used for REFRESH_IDLE_DAYS.",
  user_deleted: "The customer's account was erased.",
};

function stateOf(c: AppContext): LinkState {
  return LINK_STATES.find((state) => state === c.req.query("state")) ?? "stopped";
}

const Explanation: FC<{ state: LinkState; query: LinkQuery }> = ({ state, query }) => {
  const texts: Readonly<Record<LinkState, Child>> = {
    stopped: `Live links that Alexa has not refreshed for ${query.days} days. A refresh is recorded at most once a day. Common causes: the skill was disabled, the device is off, or Alexa's requests do not reach this server.`,
    development: `Links of skills in development that Alexa has not refreshed for ${DEVELOPMENT_DAYS.shown} days. Amazon has been observed to end test links after ${DEVELOPMENT_DAYS.end} days without developer activity. It sends no event then: this server only sees that refreshes stop.`,
    idle: `Links that this server ends within ${ENDING_DAYS.idle} days because they are not used (REFRESH_IDLE_DAYS is ${query.idleDays}). A refresh keeps them.`,
    logins: `Logins to your apps that reach their maximum age within ${ENDING_DAYS.logins} days (REFRESH_PUBLIC_MAX_DAYS). The customer then signs in again.`,
    ended: `Links and app logins that ended in this range. They are kept for ${KEPT_MS.endedGrants / DAY_MS} days; older ones, and those of erased customers, are in the audit log.`,
  };
  return <p class="hint">{texts[state]}</p>;
};

const Row: FC<{ link: ListedLink; state: LinkState; query: LinkQuery; selection: Selection; name: string }> = ({
  link,
  state,
  query,
  selection,
  name,
}) => {
  const { zone } = selection;
  const unusedDays = Math.floor((query.now - link.lastUsedAt) / DAY_MS);
  const ends = Math.ceil((link.endsAt - query.now) / DAY_MS);
  return (
    <li id={`link-${link.id}`} class="wideRow">
      <span>
        <a href={customerHref(selection, link.userId)}>{link.email ?? <code>{link.userId}</code>}</a>{" "}
        <span class="facts">{name}</span>
      </span>
      <span>
        {state === "ended" ? (
          <>
            <strong>{words(link.reason ?? "unknown")}</strong>{" "}
            <span class="facts">{ENDED_BY[link.reason ?? ""] ?? ""}</span>
          </>
        ) : (
          <>
            {state === "stopped" || state === "development" ? (
              <>
                no refresh for <strong>{unusedDays} days</strong>
              </>
            ) : (
              <>
                ends in <strong>{ends === 1 ? "1 day" : `${ends} days`}</strong>
              </>
            )}{" "}
            <span class="facts">
              linked <Time at={link.createdAt} zone={zone} />, grant <code>{link.id}</code>
            </span>
          </>
        )}
      </span>
      <Time at={state === "ended" ? link.at : link.lastUsedAt} zone={zone} />
    </li>
  );
};

const Tiles: FC<{
  counts: Readonly<Record<LinkState, number>>;
  state: LinkState;
  hrefTo: (one: LinkState) => string;
}> = ({ counts, state, hrefTo }) => (
  <nav class="tiles" aria-label="Links">
    {LINK_STATES.map((one) => (
      <a class="tile" href={hrefTo(one)} {...(one === state ? { "aria-current": "true" as const } : {})}>
        <small>{TITLES[one]}</small>
        <strong>{counts[one] >= MOST_COUNTED ? `${MOST_COUNTED} or more` : counts[one]}</strong>
      </a>
    ))}
  </nav>
);

const position = () => z.object({ at: z.int(), id: z.string() });

/** One state's links, by `state`, `days`, `reason` and the selection. */
export async function linksPage(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const selection = selectionOf(c);
  const state = stateOf(c);
  const days = UNUSED_DAYS.find((one) => String(one) === c.req.query("days")) ?? DEFAULT_DAYS;
  const given = c.req.query("reason");
  const reason = state === "ended" && given && Object.hasOwn(ENDED_BY, given) ? given : undefined;
  const { skillId, from, to } = selection;
  const query: LinkQuery = { now: rt.now(), idleDays: rt.config.refreshIdleDays, days, skillId, from, to, reason };
  const after = positionInAddress(c, position);
  const [links, counts, nameOf] = await Promise.all([
    listLinks(rt.db, state, query, after, LIST_LENGTH + 1),
    isFragment(c) ? undefined : countLinks(rt.db, query, MOST_COUNTED),
    skillNames(c),
  ]);
  const parameters = { state, days: days === DEFAULT_DAYS ? undefined : String(days), reason };
  return renderLists(
    c,
    { title: "Links", under: PATH, selects: parameters, noun: "link" },
    () => (
      <>
        {counts ? (
          <Tiles
            counts={counts}
            state={state}
            hrefTo={(one) => hrefOf(selection, PATH, { ...parameters, state: one })}
          />
        ) : null}
        <FilterForm selection={selection} hidden={{ state }}>
          {state === "ended" ? (
            <Choice
              name="reason"
              label="Reason"
              value={reason}
              options={Object.keys(ENDED_BY).map((one) => [one, words(one)])}
            />
          ) : (
            <Choice
              name="days"
              label="Not refreshed for"
              value={String(days)}
              options={UNUSED_DAYS.map((one) => [String(one), `${one} days`])}
            />
          )}
        </FilterForm>
        <Explanation state={state} query={query} />
      </>
    ),
    <List
      selection={selection}
      path={PATH}
      parameters={parameters}
      id="links"
      label={TITLES[state]}
      rows={links}
      position={position}
      empty="No links."
      row={(link) => <Row link={link} state={state} query={query} selection={selection} name={nameOf(link)} />}
    />,
  );
}
