// Tables of refused requests and calls, which several pages of the console show.
import type { FC } from "hono/jsx";
import { remedyFor, remedyForRefusal } from "../../linking/remedies.ts";
import type { ListedAttempt } from "../../storage/attempts/list.ts";
import type { ListedRefusal } from "../../storage/attempts/refusals.ts";
import { visible } from "../insight-api.ts";
import { DataTable, Time, words } from "./parts.tsx";

const SHOWN_REFUSED_CALLS = 12;

/** Where an attempt started, as shown to operators. */
export const FLOWS: Readonly<Record<ListedAttempt["flow"], string>> = {
  alexa_app: "from the Alexa app",
  app_to_app: "from your app",
  website: "from your website",
  app_authorize: "from the Alexa app, in your app",
  oauth: "sign-in to your app",
};

/** Where requests are refused, as shown to operators. */
export const ENDPOINTS: Readonly<Record<ListedRefusal["endpoint"], string>> = {
  authorize: "authorization requests",
  wrong_address: "token requests to a wrong address",
  token: "token requests",
  events: "skill events",
  accept_grant: "AcceptGrant",
};

/** Refused requests, with the redirect URI exactly as received. */
export const Refusals: FC<{ refusals: readonly ListedRefusal[]; zone: string }> = ({ refusals, zone }) => (
  <DataTable
    caption="Refused requests"
    head={["Reason", "Client", "Redirect URI, path or grant", "Count", "Last seen"]}
    numeric={[3, 4]}
    rows={refusals.map((refusal) => [
      <>
        <strong>{words(refusal.reason)}</strong> <span class="facts">{ENDPOINTS[refusal.endpoint]}</span>
        <p class="small">{remedyForRefusal(refusal)}</p>
      </>,
      <code>{visible(refusal.clientId).slice(0, 200)}</code>,
      <code>{visible(refusal.detail)}</code>,
      refusal.count,
      <Time at={refusal.lastSeenAt} zone={zone} />,
    ])}
  />
);

/** Prefixes of counter names, and the kind of call that they count. */
const KINDS_OF_CALL: readonly (readonly [string, string])[] = [
  ["token_error_", "token request"],
  ["skill_event_refused_", "skill event"],
  ["accept_grant_failed", "AcceptGrant"],
];

/** Refused calls outside a link attempt by reason: wrong secrets, forged events, refreshes of revoked links. */
export const RefusedCalls: FC<{ totals: Readonly<Record<string, number>> }> = ({ totals }) => {
  const rows = Object.entries(totals).flatMap(([name, count]) =>
    KINDS_OF_CALL.filter(([prefix]) => name.startsWith(prefix)).map(([prefix, kind]) => ({
      kind,
      reason: name.slice(prefix.length),
      remedy: remedyFor(name.slice(prefix.length) || name),
      count,
    })),
  );
  if (rows.length === 0) return null;
  const shown = rows.toSorted((a, b) => b.count - a.count).slice(0, SHOWN_REFUSED_CALLS);
  return (
    <DataTable
      caption="Refused calls"
      head={["Call", "Count in this range"]}
      numeric={[1]}
      rows={shown.map(({ kind, reason, remedy, count }) => [
        <>
          <strong>{words(reason)}</strong> {kind}
          <p class="small">{remedy}</p>
        </>,
        count,
      ])}
    />
  );
};
