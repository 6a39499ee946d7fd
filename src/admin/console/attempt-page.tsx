// /admin/attempts/{id}: what happened in one attempt and what did not, why, what the customer saw, and what to do.
import type { Child, FC } from "hono/jsx";
import { readAsset } from "../../http/assets.ts";
import { adviceFor, loadRemedies, remedyFor } from "../../linking/remedies.ts";
import type { AppContext } from "../../runtime.ts";
import { type ListedRefusal, listRefusals, MINUTE_MS } from "../../storage/attempts/refusals.ts";
import {
  type AttemptDetail,
  type CodeOfAttempt,
  type GrantOfAttempt,
  readAttemptDetail,
} from "../../storage/maintenance/attempt-detail.ts";
import type { AuditRecord } from "../../storage/maintenance/audit-list.ts";
import { KEPT_MS } from "../../storage/maintenance/sweeps.ts";
import { type LineEntry, lineOf, seenBy } from "./attempt-line.ts";
import type { AttemptTexts } from "./attempt-texts.ts";
import { renderConsole } from "./frame.tsx";
import { DataTable, Facts, Outcome, Panel, Time, words } from "./parts.tsx";
import { customerHref, type Selection, selectionOf } from "./selection.ts";
import { FLOWS } from "./tables.tsx";

const DAY_MS = 24 * 3_600_000;
const UNDER = "/admin/attempts";
const NO_TEXTS: AttemptTexts = { happened: {}, missing: {}, seen: {} };

/** `1.5 s`, `3 min 20 s`, `2 h 5 min`. */
function duration(ms: number): string {
  if (ms < 60_000) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const Entry: FC<{ entry: LineEntry; zone: string }> = ({ entry: { is, name, text, at, after }, zone }) => (
  <li class={is}>
    <p>
      {text}
      {is === "done" ? null : <span class="badge">{is === "missing" ? "did not happen" : "not yet"}</span>}
    </p>
    {at === undefined ? null : (
      <small>
        <Time at={at} zone={zone} />
        {after === undefined || after === 0 ? null : ` · ${duration(after)} after the previous step`}
        {name === "" ? null : (
          <>
            {" · "}
            <code>{name}</code>
          </>
        )}
      </small>
    )}
  </li>
);

/** How long an open attempt can still take. */
const StillOpen: FC<{ attempt: AttemptDetail; codes: readonly CodeOfAttempt[]; now: number; zone: string }> = ({
  attempt,
  codes,
  now,
  zone,
}) => {
  if (attempt.outcome !== "pending") return null;
  const code = codes.find((one) => one.spentAt === null && one.voidedAt === null && one.expiresAt > now);
  return (
    <p>
      <strong>Still open.</strong>{" "}
      {attempt.expiresAt > now ? (
        <>
          It can still complete within {duration(attempt.expiresAt - now)}, until{" "}
          <Time at={attempt.expiresAt} zone={zone} />.
        </>
      ) : (
        "It has expired. The next scheduled maintenance marks it as abandoned."
      )}
      {code ? (
        <>
          {" "}
          Its code can be redeemed until <Time at={code.expiresAt} zone={zone} />.
        </>
      ) : null}
    </p>
  );
};

function factsOf(attempt: AttemptDetail, selection: Selection): (readonly [string, Child])[] {
  const { zone } = selection;
  const code = (text: string | null) => (text === null ? null : <code>{text}</code>);
  const { userId } = attempt;
  return [
    ["Attempt id (trace id)", code(attempt.id)],
    ["Flow", FLOWS[attempt.flow]],
    ["Skill", attempt.skillId === null ? null : <NamedId name={attempt.skillName} id={attempt.skillId} />],
    ["Stage", attempt.stage],
    ["Client", attempt.clientId === null ? null : <NamedId name={attempt.clientName} id={attempt.clientId} />],
    ["Platform", attempt.platform],
    [
      "Customer",
      userId === null ? (
        "unknown: the customer did not sign in, or was erased"
      ) : (
        <a href={customerHref(selection, userId)}>{attempt.email ?? userId}</a>
      ),
    ],
    ["Redirect URI", code(attempt.redirectUri)],
    ["Return URL", code(attempt.returnTo)],
    ["Started", <Time at={attempt.createdAt} zone={zone} />],
    ["Ended", attempt.finishedAt === null ? null : <Time at={attempt.finishedAt} zone={zone} />],
    ["Duration", attempt.finishedAt === null ? null : duration(attempt.finishedAt - attempt.createdAt)],
  ];
}

const NamedId: FC<{ name: string | null; id: string }> = ({ name, id }) => (
  <>
    {name ?? "deleted"} <code>{id}</code>
  </>
);

const Grants: FC<{ grants: readonly GrantOfAttempt[]; zone: string }> = ({ grants, zone }) =>
  grants.length === 0 ? null : (
    <Panel title="Links from this attempt">
      <DataTable
        caption="Links from this attempt"
        head={["Grant", "Created", "Last used", "Ended"]}
        rows={grants.map((grant) => [
          <code>{grant.id}</code>,
          <Time at={grant.createdAt} zone={zone} />,
          <Time at={grant.lastUsedAt} zone={zone} />,
          grant.revokedAt === null ? (
            "no"
          ) : (
            <>
              <Time at={grant.revokedAt} zone={zone} /> {words(grant.revokedReason ?? "")}
            </>
          ),
        ])}
      />
    </Panel>
  );

/** Audit rows, newest first. */
const AuditTable: FC<{ records: readonly AuditRecord[]; zone: string }> = ({ records, zone }) => (
  <DataTable
    caption="Audit"
    head={["Time", "Event", "By", "Details"]}
    rows={records.map((record) => [
      <Time at={record.at} zone={zone} />,
      <>
        <strong>{words(record.kind)}</strong>
        {record.alert ? <p class="small">{remedyFor(record.kind)}</p> : null}
      </>,
      record.actor ?? "",
      record.details ?? "",
    ])}
  />
);

const MOST_REFUSALS = 200;

/**
 * Refused token requests of the attempt's client while its code could be redeemed. None of them presented its code
 * (that would be on the timeline), but one with a wrong secret or another code may belong to this attempt.
 */
async function tokenRefusals(c: AppContext, attempt: AttemptDetail): Promise<readonly ListedRefusal[]> {
  const rt = c.var.runtime;
  const { clientId, createdAt, finishedAt, outcome } = attempt;
  if (clientId === null || attempt.decision !== "allow") return [];
  const isOver = outcome === "linked" || outcome === "failed";
  const until = (isOver ? finishedAt : null) ?? attempt.expiresAt + rt.config.codeTtlSeconds * 1000;
  await rt.metrics.flush();
  const all = await listRefusals(rt.db, { endpoints: ["token"], clientId }, undefined, MOST_REFUSALS);
  return all.filter(
    ({ recent, lastSeenAt, count }) =>
      lastSeenAt >= createdAt &&
      (count > 1 || lastSeenAt <= until) &&
      recent.some(([minute]) => minute > createdAt - MINUTE_MS && minute <= until),
  );
}

/** The page about one attempt. */
export async function attemptPage(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const selection = selectionOf(c);
  const [found, texts = NO_TEXTS] = await Promise.all([
    readAttemptDetail(rt.db, c.req.param("id") ?? ""),
    readAsset<AttemptTexts>(rt, "attempt-texts.json", JSON.parse),
    loadRemedies(c),
  ]);
  if (!found) return unknownAttempt(c);
  const { attempt, codes, grants, audit } = found;
  const now = rt.now();
  const refused = await tokenRefusals(c, attempt);
  const line = lineOf(attempt, texts, now);
  const advice = adviceFor(attempt);
  return renderConsole(
    c,
    { title: `Attempt: ${attempt.skillName ?? attempt.clientName ?? "a deleted skill"}`, under: UNDER },
    <>
      <Panel title="Summary">
        <p>
          <Outcome outcome={attempt.outcome} /> {FLOWS[attempt.flow]}
          {attempt.reason === null ? null : (
            <>
              {": "}
              <strong>{words(attempt.reason)}</strong> <code>{attempt.reason}</code>
            </>
          )}
        </p>
        <StillOpen attempt={attempt} codes={codes} now={now} zone={selection.zone} />
        <Facts
          rows={[
            ["What the customer saw", seenBy(attempt, texts)],
            ["What to do", advice ?? "Nothing."],
          ]}
        />
      </Panel>
      <Panel title={`Timeline (${selection.zone})`}>
        <ol class="line">
          {line.map((entry) => (
            <Entry entry={entry} zone={selection.zone} />
          ))}
        </ol>
      </Panel>
      <Panel title="Details">
        <Facts rows={factsOf(attempt, selection)} />
      </Panel>
      {refused.length === 0 ? null : (
        <Panel title="Refused token requests that may belong to this attempt">
          <DataTable
            caption="Refused token requests of the same client at that time"
            head={["Reason", "Times", "Last seen", "What to do"]}
            numeric={[1]}
            rows={refused.map((refusal) => [
              <strong>{words(refusal.reason)}</strong>,
              refusal.count,
              <Time at={refusal.lastSeenAt} zone={selection.zone} />,
              remedyFor(refusal.reason) ?? "",
            ])}
          />
        </Panel>
      )}
      <Grants grants={grants} zone={selection.zone} />
      {audit.length === 0 ? null : (
        <Panel title="Audit">
          <AuditTable records={audit} zone={selection.zone} />
        </Panel>
      )}
    </>,
  );
}

function unknownAttempt(c: AppContext): Promise<Response> {
  return renderConsole(
    c,
    { title: "No such attempt", under: UNDER, status: 404 },
    <Panel title="No attempt has this id">
      <p>
        Attempts are kept for {KEPT_MS.attempts / DAY_MS} days, or {KEPT_MS.attemptsWithoutPerson / DAY_MS} day if
        nobody signed in. An attempt is stored when the customer submits the first form. Opening the sign-in page alone
        does not store one.
      </p>
    </Panel>,
  );
}
