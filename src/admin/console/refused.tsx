// The page at /admin/refused: refused requests by endpoint, client and reason, with what to do.
import type { FC } from "hono/jsx";
import { loadRemedies, remedyForRefusal } from "../../linking/remedies.ts";
import type { AppContext } from "../../runtime.ts";
import {
  type ListedRefusal,
  listRefusals,
  REFUSING_ENDPOINTS,
  readAttemptsOfRefusals,
} from "../../storage/attempts/refusals.ts";
import { readGrantOwners } from "../../storage/grants/link-lists.ts";
import { refusalPosition, visible } from "../insight-api.ts";
import {
  Choice,
  FilterForm,
  LIST_LENGTH,
  List,
  positionInAddress,
  QuickLinks,
  renderLists,
  TextFilter,
  textInAddress,
} from "./lists.tsx";
import { Time, words } from "./parts.tsx";
import { attemptHref, customerHref, hrefOf, type Selection, selectionOf } from "./selection.ts";
import { ENDPOINTS } from "./tables.tsx";

const PATH = "/admin/refused";
const SHOWN_MINUTES = 5;

/** What `detail` is, depending on the endpoint of the refusal. */
const Detail: FC<{ refusal: ListedRefusal; owner: string | undefined; selection: Selection }> = ({
  refusal: { endpoint, detail },
  owner,
  selection,
}) => {
  if (detail === "") return null;
  const named = {
    authorize: "redirect URI",
    wrong_address: "path",
    token: "grant",
    events: "skill",
    accept_grant: "grant",
  };
  return (
    <>
      {named[endpoint]} <code>{visible(detail)}</code>{" "}
      {owner === undefined ? null : <a href={customerHref(selection, owner)}>customer</a>}
    </>
  );
};

const Row: FC<{
  refusal: ListedRefusal;
  owner: string | undefined;
  attempt: string | undefined;
  selection: Selection;
  number: string;
}> = ({ refusal, owner, attempt, selection, number }) => {
  const { endpoint, clientId, reason, count, lastSeenAt, recent } = refusal;
  return (
    <li id={`refusal-${number}`} class="wideRow">
      <span>
        <strong>{words(reason)}</strong> <span class="facts">{ENDPOINTS[endpoint]}, </span>
        <b>{count === 1 ? "once" : `${count} times`}</b>
        <p class="small below">{remedyForRefusal(refusal)}</p>
      </span>
      <span>
        {clientId === "" ? "no client" : "client"} <code>{visible(clientId)}</code>{" "}
        <Detail refusal={refusal} owner={owner} selection={selection} />
        {attempt === undefined ? null : <a href={attemptHref(selection, attempt)}>probably from this attempt</a>}
        {recent.length === 0 ? null : (
          <details>
            <summary>Recent minutes</summary>
            <ul>
              {recent.slice(0, SHOWN_MINUTES).map(([at, times, errorId]) => (
                <li>
                  <Time at={at} zone={selection.zone} />: {times}, error id <code>{errorId}</code>
                </li>
              ))}
            </ul>
          </details>
        )}
      </span>
      <Time at={lastSeenAt} zone={selection.zone} />
    </li>
  );
};

/** Refused requests, by `endpoint`, `client`, `reason` and the selection. */
export async function refusedPage(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const selection = selectionOf(c);
  const endpoint = REFUSING_ENDPOINTS.find((one) => one === c.req.query("endpoint"));
  const [client, reason] = [textInAddress(c, "client"), textInAddress(c, "reason")];
  const filters = { endpoint, client, reason };
  const filter = {
    clientId: client,
    reason,
    skillId: selection.skillId,
    ...(endpoint ? { endpoints: [endpoint] } : {}),
  };
  const after = positionInAddress(c, refusalPosition);
  await rt.metrics.flush();
  const [found] = await Promise.all([listRefusals(rt.db, filter, after, LIST_LENGTH + 1), loadRemedies(c)]);
  // Newest first. Refusals last seen before the range are left out.
  const refusals = found.filter(({ lastSeenAt }) => lastSeenAt >= selection.from);
  const grants = refusals.flatMap((one) =>
    /token|accept_grant/.test(one.endpoint) && one.detail !== "" ? [one.detail] : [],
  );
  // A refused refresh has its grant. A request without one may be the exchange of a code that was just issued.
  const nameless = refusals.filter(({ endpoint: at, clientId, detail, registered }) => {
    return at === "token" && clientId !== "" && detail === "" && registered !== null;
  });
  const [owners, probable] = await Promise.all([
    grants.length === 0 ? new Map<string, string>() : readGrantOwners(rt.db, grants),
    readAttemptsOfRefusals(
      rt.db,
      nameless.map(({ clientId, lastSeenAt }) => ({ clientId, at: lastSeenAt })),
      rt.config.codeTtlSeconds * 1000,
    ),
  ]);
  const isFiltered = Object.values(filters).some((value) => value !== undefined);
  return renderLists(
    c,
    { title: "Refused requests", under: PATH, selects: filters, noun: "refusal" },
    () => (
      <>
        <FilterForm selection={selection} clear={isFiltered ? hrefOf(selection, PATH) : undefined}>
          <Choice
            name="endpoint"
            label="Endpoint"
            value={endpoint}
            options={REFUSING_ENDPOINTS.map((one) => [one, ENDPOINTS[one]])}
          />
          <TextFilter name="client" label="Client" value={client} />
          <TextFilter name="reason" label="Reason" value={reason} />
        </FilterForm>
        <QuickLinks
          label="Endpoint"
          links={[undefined, ...REFUSING_ENDPOINTS].map((one) => ({
            href: hrefOf(selection, PATH, { ...filters, endpoint: one }),
            label: one === undefined ? "all" : ENDPOINTS[one],
            current: one === endpoint,
          }))}
        />
      </>
    ),
    <List
      selection={selection}
      path={PATH}
      parameters={filters}
      id="refusals"
      label="Refused requests"
      rows={refusals}
      position={refusalPosition}
      empty={isFiltered ? "No requests match these filters." : "None."}
      row={(refusal) => (
        <Row
          refusal={refusal}
          owner={owners.get(refusal.detail)}
          attempt={probable[nameless.indexOf(refusal)]}
          selection={selection}
          number={encodeURIComponent([refusal.endpoint, refusal.clientId, refusal.reason, refusal.detail].join(" "))}
        />
      )}
    />,
  );
}
