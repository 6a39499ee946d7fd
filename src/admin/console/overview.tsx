// The page at /admin: metrics, reasons of failures, the latest attempts and refused requests, and the setup checklist.
import type { FC } from "hono/jsx";
import { seeOther } from "../../http/respond.ts";
import { adviceFor, loadRemedies, remedyFor } from "../../linking/remedies.ts";
import type { AppContext } from "../../runtime.ts";
import { type ListedAttempt, listAttempts, type ReasonCount } from "../../storage/attempts/list.ts";
import { readOverview } from "../../storage/attempts/overview.ts";
import { CONSOLE_FAULTS, listRefusals } from "../../storage/attempts/refusals.ts";
import { listAlerts } from "../../storage/maintenance/alerts.ts";
import { metricsReport } from "../metrics-report.ts";
import { OpenAlerts } from "./alerts.tsx";
import { FirstRun } from "./first-run.tsx";
import { renderConsole, skillNames } from "./frame.tsx";
import { Charts } from "./overview-charts.tsx";
import { clock, DataTable, Outcome, Panel, Time, words } from "./parts.tsx";
import { attemptHref, before, customerHref, hrefOf, type Selection, selectionOf, startsOf } from "./selection.ts";
import { FLOWS, Refusals, RefusedCalls } from "./tables.tsx";
import { Tiles } from "./tiles.tsx";

const SHOWN_ATTEMPTS = 10;
const SHOWN_REFUSALS = 5;
const SHOWN_ALERTS = 10;

/** The page that now has the filters that this address once had; undefined without such a filter. */
function movedTo(c: AppContext, selection: Selection): string | undefined {
  const { email, userId, outcome, skillId } = c.req.query();
  if (email !== undefined) return hrefOf(selection, "/admin/search", { q: email.trim() });
  if (userId !== undefined) return customerHref(selection, userId);
  if (outcome === undefined && skillId === undefined) return undefined;
  return hrefOf(selection, "/admin/attempts", { outcome, ...(skillId === undefined ? {} : { skill: skillId }) });
}

const Reasons: FC<{ reasons: readonly ReasonCount[]; selection: Selection }> = ({ reasons, selection }) => (
  <Panel title="Why attempts did not link">
    <DataTable
      caption="Reasons of attempts that did not link"
      empty="No attempts in this range have a reason."
      head={["Reason", "Attempts", "Latest"]}
      numeric={[1, 2]}
      rows={reasons.map(({ reason, count, lastAt }) => [
        <>
          <a href={hrefOf(selection, "/admin/attempts", { reason })}>{words(reason)}</a>
          <p class="small">{remedyFor(reason)}</p>
        </>,
        count,
        <Time at={lastAt} zone={selection.zone} />,
      ])}
    />
  </Panel>
);

const Latest: FC<{
  attempts: readonly ListedAttempt[];
  nameOf: (attempt: ListedAttempt) => string;
  selection: Selection;
}> = ({ attempts, nameOf, selection }) => (
  <Panel title="Latest attempts">
    <DataTable
      caption="Latest attempts"
      empty="None yet."
      head={["Outcome", "Attempt", "Reason", "Started"]}
      numeric={[3]}
      rows={attempts.map((attempt) => [
        <Outcome outcome={attempt.outcome} />,
        <>
          <a href={attemptHref(selection, attempt.id)}>{nameOf(attempt)}</a> <small>{FLOWS[attempt.flow]}</small>
        </>,
        <>
          {attempt.reason === null ? null : <code>{attempt.reason}</code>}
          <p class="small">{adviceFor(attempt)}</p>
        </>,
        <Time at={attempt.createdAt} zone={selection.zone} />,
      ])}
    />
    <p class="below">
      <a href={hrefOf(selection, "/admin/attempts")}>All attempts</a>
    </p>
  </Panel>
);

/** The overview. Filters that this address once had redirect to the pages that have them now. */
export async function overviewPage(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const selection = selectionOf(c);
  const moved = movedTo(c, selection);
  if (moved !== undefined) return seeOther(c, moved);
  const { skillId, from, to, zone } = selection;
  const starts = startsOf(selection);
  const earlier = before(selection);
  const only = skillId === undefined ? {} : { skill: skillId };
  await rt.metrics.flush();
  const [now, past, overview, attempts, refusals, alerts, nameOf] = await Promise.all([
    metricsReport(rt, { from, to, starts, only }),
    metricsReport(rt, { from: earlier.from, to: earlier.to, starts: [earlier.from], only }),
    readOverview(rt.db, { starts, to, skillId }),
    listAttempts(rt.db, { skillId }, undefined, SHOWN_ATTEMPTS),
    listRefusals(rt.db, { endpoints: CONSOLE_FAULTS }, undefined, SHOWN_REFUSALS),
    listAlerts(rt.db, { open: true, skillId }, undefined, SHOWN_ALERTS),
    skillNames(c),
    loadRemedies(c),
  ]);
  const { setUp } = overview;
  return renderConsole(
    c,
    { title: "Account linking", under: "/admin", selects: {} },
    <>
      {alerts.length === 0 ? null : (
        <Panel title="Open alerts">
          <OpenAlerts alerts={alerts} selection={selection} />
        </Panel>
      )}
      <FirstRun setUp={setUp} selection={selection} />
      {setUp.attempt === 0 ? null : (
        <>
          <Tiles now={now.totals} past={past.totals} />
          <p class="hint">
            Compared with {clock(earlier.from, zone)} to {clock(earlier.to, zone)} ({zone}).
          </p>
          <Charts selection={selection} items={now.items} unlinked={overview.unlinked} reached={overview.reached} />
          <Reasons reasons={overview.reasons} selection={selection} />
          <Latest attempts={attempts} nameOf={nameOf} selection={selection} />
        </>
      )}
      <Panel title="Refused requests">
        <Refusals refusals={refusals} zone={zone} />
        <RefusedCalls totals={now.totals.counts} />
        <p class="below">
          <a href={hrefOf(selection, "/admin/refused")}>All refused requests</a>
        </p>
      </Panel>
    </>,
  );
}
