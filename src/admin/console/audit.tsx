// The page at /admin/audit: who changed what, and events that need attention.
import type { FC } from "hono/jsx";
import { loadRemedies, remedyFor } from "../../linking/remedies.ts";
import type { AppContext } from "../../runtime.ts";
import { type AuditRecord, listAudit } from "../../storage/maintenance/audit-list.ts";
import { auditPosition } from "../insight-api.ts";
import {
  Choice,
  FilterForm,
  LIST_LENGTH,
  List,
  positionInAddress,
  renderLists,
  TextFilter,
  textInAddress,
} from "./lists.tsx";
import { Time, words } from "./parts.tsx";
import { attemptHref, customerHref, hrefOf, type Selection, selectionOf } from "./selection.ts";

const PATH = "/admin/audit";

const Row: FC<{ record: AuditRecord; selection: Selection }> = ({ record, selection }) => {
  const { id, at, kind, alert, actor, userId, clientId, grantId, attemptId, details } = record;
  const remedy = alert ? remedyFor(kind) : undefined;
  return (
    <li id={`audit-${id}`} class="wideRow">
      <span>
        {alert ? <span class="badge bad">alert</span> : null} <strong>{words(kind)}</strong>{" "}
        {actor === null ? null : (
          <span class="facts">
            by <a href={hrefOf(selection, PATH, { actor })}>{actor}</a>
          </span>
        )}
      </span>
      <span>
        {details === null ? null : <>{words(details)} </>}
        <span class="facts">
          {clientId === null ? null : (
            <>
              client <code>{clientId}</code>{" "}
            </>
          )}
          {userId === null ? null : (
            <>
              customer{" "}
              <a href={customerHref(selection, userId)}>
                <code>{userId}</code>
              </a>{" "}
            </>
          )}
          {grantId === null ? null : (
            <>
              grant <code>{grantId}</code>{" "}
            </>
          )}
          {attemptId === null ? null : <a href={attemptHref(selection, attemptId)}>attempt</a>}
        </span>
        {remedy === undefined ? null : <p class="small below">{remedy}</p>}
      </span>
      <Time at={at} zone={selection.zone} />
    </li>
  );
};

/** The audit log, filtered by `kind`, `alert`, `user`, `client`, `actor` and the range. */
export async function auditPage(c: AppContext): Promise<Response> {
  const selection = selectionOf(c);
  const [kind, user, client, actor] = ["kind", "user", "client", "actor"].map((name) => textInAddress(c, name));
  const alert = c.req.query("alert") === "true" ? "true" : undefined;
  const filters = { kind, alert, user, client, actor };
  const before = positionInAddress(c, auditPosition);
  const filter = { kind, alertsOnly: alert !== undefined, userId: user, clientId: client, actor, from: selection.from };
  const [records] = await Promise.all([
    listAudit(c.var.runtime.db, filter, before?.id, LIST_LENGTH + 1),
    loadRemedies(c),
  ]);
  const isFiltered = Object.values(filters).some((value) => value !== undefined);
  return renderLists(
    c,
    { title: "Audit", under: PATH, selects: filters, noun: "record" },
    () => (
      <FilterForm selection={selection} clear={isFiltered ? hrefOf(selection, PATH) : undefined}>
        <Choice name="alert" label="Show" value={alert} options={[["true", "alerts only"]]} />
        <TextFilter name="kind" label="Kind" value={kind} />
        <TextFilter name="actor" label="Operator" value={actor} />
        <TextFilter name="client" label="Client" value={client} />
        <TextFilter name="user" label="Customer id" value={user} />
      </FilterForm>
    ),
    <List
      selection={selection}
      path={PATH}
      parameters={filters}
      id="audit"
      label="Records"
      rows={records}
      position={auditPosition}
      empty={isFiltered ? "No records match these filters." : "No records."}
      row={(record) => <Row record={record} selection={selection} />}
    />,
  );
}
