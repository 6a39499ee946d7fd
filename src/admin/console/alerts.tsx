// The page at /admin/alerts: open alerts, alerts cleared in the range, and single events that need attention.
import type { FC } from "hono/jsx";
import { loadRemedies, remedyFor } from "../../linking/remedies.ts";
import type { AppContext } from "../../runtime.ts";
import { listAlerts, type StoredAlert } from "../../storage/maintenance/alerts.ts";
import { type AuditRecord, listAudit } from "../../storage/maintenance/audit-list.ts";
import { alertRules } from "../alert-rules.ts";
import { COMPLETION_RATE_FELL } from "../completion-rate.ts";
import { renderConsole } from "./frame.tsx";
import { DataTable, Empty, Panel, Time, words } from "./parts.tsx";
import { hrefOf, type Selection, selectionOf } from "./selection.ts";

const SHOWN_OPEN = 100;
const SHOWN_CLEARED = 50;
const SHOWN_EVENTS = 50;

const OVERVIEW = { path: "/admin", label: "Overview", parameters: {} };

/** A link to the list of what the alert counted, filtered by the alert's skill and client. */
const Evidence: FC<{ alert: StoredAlert; selection: Selection }> = ({ alert, selection }) => {
  const rule = alertRules().find(({ name }) => name === alert.name);
  const list = alert.name === COMPLETION_RATE_FELL ? OVERVIEW : rule?.list;
  if (!list) return null;
  const about = alert.skillId === null ? selection : { ...selection, skillId: alert.skillId };
  const parameters = { ...list.parameters, client: alert.clientId ?? undefined };
  return <a href={hrefOf(about, list.path, parameters)}>{list.label}</a>;
};

/** Links to the attempt and the customer of a single event. */
const Affected: FC<{ event: AuditRecord; selection: Selection }> = ({ event, selection }) => {
  const { attemptId, grantId, userId } = event;
  const link = (path: string, id: string, label: string) => (
    <a href={hrefOf(selection, `/admin/${path}/${encodeURIComponent(id)}`)}>{label}</a>
  );
  return (
    <>
      {attemptId === null ? <code>{grantId}</code> : link("attempts", attemptId, attemptId)}{" "}
      {userId === null ? null : link("customers", userId, "customer")}
    </>
  );
};

/** Open alerts, each with its numbers and its remedy. Needs `loadRemedies`. */
export const OpenAlerts: FC<{ alerts: readonly StoredAlert[]; selection: Selection }> = ({ alerts, selection }) => (
  <ul class="alerts">
    {alerts.map((alert) => (
      <li>
        <h3>
          <span class="badge failed">open</span> {words(alert.name)}
        </h3>
        <p>{alert.message}</p>
        <p>{remedyFor(alert.name)}</p>
        <p class="small">
          Since <Time at={alert.raisedAt} zone={selection.zone} />. <Evidence alert={alert} selection={selection} />
        </p>
      </li>
    ))}
  </ul>
);

/** `GET /admin/alerts`. */
export async function alertsPage(c: AppContext): Promise<Response> {
  const { db } = c.var.runtime;
  const selection = selectionOf(c);
  const { skillId, from, to, zone } = selection;
  const [open, cleared, events] = await Promise.all([
    listAlerts(db, { open: true, skillId }, undefined, SHOWN_OPEN),
    listAlerts(db, { open: false, skillId, from }, undefined, SHOWN_CLEARED),
    listAudit(db, { alertsOnly: true, singleEvents: true }, undefined, SHOWN_EVENTS),
    loadRemedies(c),
  ]);
  return renderConsole(
    c,
    { title: "Alerts", under: "/admin/alerts", selects: {} },
    <>
      <Panel title="Open" id="open">
        {open.length === 0 ? (
          <Empty>No open alerts. Alerts are raised and cleared by the scheduled maintenance, every five minutes.</Empty>
        ) : (
          <OpenAlerts alerts={open} selection={selection} />
        )}
      </Panel>
      <Panel title="Cleared in this range" id="cleared">
        <DataTable
          caption="Alerts that were cleared"
          head={["Alert", "Raised", "Cleared"]}
          numeric={[1, 2]}
          rows={cleared.map((alert) => [
            <>
              <strong>{words(alert.name)}</strong>
              <br />
              <span class="small">{alert.message}</span>
            </>,
            <Time at={alert.raisedAt} zone={zone} />,
            <Time at={alert.clearedAt ?? alert.raisedAt} zone={zone} />,
          ])}
        />
      </Panel>
      <Panel title="Single events" id="events">
        <p class="hint">
          Events of all skills that need attention even if they happen once. The audit log keeps them for 400 days.
        </p>
        {events.filter(({ at }) => at >= from && at < to).length === 0 ? (
          <Empty />
        ) : (
          <DataTable
            caption="Single events that need attention"
            head={["Event", "Client", "Affects", "Details", "Time"]}
            numeric={[4]}
            rows={events
              .filter(({ at }) => at >= from && at < to)
              .map((event) => [
                <>
                  <strong>{words(event.kind)}</strong>
                  <br />
                  <span class="small">{remedyFor(event.kind)}</span>
                </>,
                event.clientId,
                <Affected event={event} selection={selection} />,
                event.details,
                <Time at={event.at} zone={zone} />,
              ])}
          />
        )}
      </Panel>
    </>,
  );
}
