// /admin/operations: the scheduled maintenance, webhook messages, signing keys and exports.
import type { FC } from "hono/jsx";
import type { Hono } from "hono/tiny";
import type { AppContext, AppEnv } from "../../runtime.ts";
import type { AuditRecord } from "../../storage/maintenance/audit-list.ts";
import { MOST_COUNTED, readWaitingWork, type WaitingWork } from "../../storage/maintenance/operations.ts";
import { ActForm, type ApiResult, callAdminApi } from "./acts.tsx";
import { notDone, perform } from "./entry-form.tsx";
import { renderConsole } from "./frame.tsx";
import { DataTable, Facts, Panel, Time, words } from "./parts.tsx";
import { hrefOf, selectionOf } from "./selection.ts";

const HERE = "/admin/operations";

interface Key {
  readonly kid: string;
  readonly status: string;
  readonly createdAt: string;
  readonly signsFrom: string;
  readonly verifiesUntil: string | null;
}

const Keys: FC<{ c: AppContext; keys: readonly Key[] }> = ({ c, keys }) => {
  const { zone } = selectionOf(c);
  const when = (at: string | null) => (at === null ? "–" : <Time at={Date.parse(at)} zone={zone} />);
  return (
    <DataTable
      caption="Signing keys"
      empty="No signing key yet. The first token request creates one."
      head={["Key", "Status", "Signs from", "Verifies until", ""]}
      rows={keys.map(({ kid, status, signsFrom, verifiesUntil }) => [
        <code>{kid}</code>,
        status,
        when(signsFrom),
        when(verifiesUntil),
        <ActForm c={c} action={`${HERE}/drop-key`} button="Drop as compromised" danger fields={{ kid }} />,
      ])}
    />
  );
};

interface Message {
  readonly id: string;
  readonly type: string;
  readonly occurredAt: string;
  readonly attempts: number;
  readonly nextAttemptAt: string | null;
}

const Webhooks: FC<{ c: AppContext; body: ApiResult["body"] }> = ({ c, body }) => {
  const { zone } = selectionOf(c);
  const messages = body.items as readonly Message[];
  const redeliver = `${HERE}/redeliver`;
  const isConfigured = c.var.runtime.config.webhook !== undefined;
  return (
    <Panel title="Webhooks">
      {isConfigured ? null : <p>No webhook is configured. The next maintenance run deletes queued messages.</p>}
      <DataTable
        caption="Undelivered webhook messages"
        empty="All messages were delivered."
        head={["Message", "Occurred", "Attempts", "Next attempt", ""]}
        rows={messages.map(({ id, type, occurredAt, attempts, nextAttemptAt }) => [
          <>
            {type} <code>{id}</code>
          </>,
          <Time at={Date.parse(occurredAt)} zone={zone} />,
          String(attempts),
          nextAttemptAt === null ? (
            <span class="badge bad">given up</span>
          ) : (
            <Time at={Date.parse(nextAttemptAt)} zone={zone} />
          ),
          isConfigured ? <ActForm c={c} action={redeliver} button="Deliver now" fields={{ id }} /> : "",
        ])}
      />
      {body.nextCursor === undefined ? null : <p>For the rest, run: alexa-link webhooks list.</p>}
      {isConfigured && messages.length > 0 ? <ActForm c={c} action={redeliver} button="Deliver all now" /> : null}
    </Panel>
  );
};

const Acts: FC<{ c: AppContext; acts: readonly AuditRecord[] }> = ({ c, acts }) => {
  const selection = selectionOf(c);
  return (
    <DataTable
      caption="Recent exports"
      empty="No recent exports."
      head={["Export", "Operator", "Time"]}
      rows={acts.map(({ kind, actor, at }) => [
        <a href={hrefOf(selection, "/admin/audit", { kind })}>{words(kind)}</a>,
        actor ?? "–",
        <Time at={at} zone={selection.zone} />,
      ])}
    />
  );
};

const Waiting: FC<{ c: AppContext; work: WaitingWork }> = ({ c, work }) => {
  const { previousKeyId } = c.var.runtime.keyring;
  const { zone } = selectionOf(c);
  const [lastRun] = work.acts.filter(({ kind }) => kind === "maintenance_run");
  const { pendingUnlinks, oldestUnlinkAt, sealedBefore } = work;
  const oldest = oldestUnlinkAt === null ? null : [", the oldest since ", <Time at={oldestUnlinkAt} zone={zone} />];
  return (
    <Facts
      rows={[
        ["Skills waiting to be disabled at Amazon", [String(pendingUnlinks), oldest]],
        [
          "Values encrypted with the previous master key",
          previousKeyId === undefined
            ? "MASTER_KEY_PREVIOUS is not set"
            : `${sealedBefore}${sealedBefore >= MOST_COUNTED ? " or more" : ""}`,
        ],
        [
          "Last run by an operator",
          lastRun ? [<Time at={lastRun.at} zone={zone} />, ` by ${lastRun.actor}`] : "none recently",
        ],
      ]}
    />
  );
};

const Report: FC<{ report: ApiResult["body"] }> = ({ report }) => {
  const swept = Object.entries((report.swept ?? {}) as Record<string, number>).filter(([, count]) => count > 0);
  const failed = (report.failed ?? []) as readonly string[];
  const rows: (readonly [string, string])[] = [
    ["Unlinks finished at Amazon", String(report.finishedUnlinks)],
    ["Webhook messages delivered", String(report.deliveredWebhooks)],
    ["Values re-encrypted with the current master key", String(report.resealed)],
    ["Next signing key published", report.keyRotated === true ? "yes" : "no"],
    ...swept.map(([name, count]) => [`Rows ended or deleted: ${name}`, String(count)] as const),
    ["Failed parts", failed.length === 0 ? "none" : failed.join(", ")],
    ["Work left for the next run", report.more === true ? "yes" : "no"],
  ];
  return <DataTable caption="Report of the run" head={["What", "Result"]} rows={rows} />;
};

async function operationsPage(c: AppContext, report?: ApiResult["body"]): Promise<Response> {
  const rt = c.var.runtime;
  const [keys, webhooks, work] = await Promise.all([
    callAdminApi(c, "GET", "/api/admin/keys"),
    callAdminApi(c, "GET", "/api/admin/webhooks"),
    readWaitingWork(rt.db, rt.keyring.previousKeyId),
  ]);
  for (const result of [keys, webhooks]) if (!result.ok) return notDone(c, result, HERE, HERE);
  const exported = work.acts.filter(({ kind }) => kind.endsWith("_exported"));
  return renderConsole(
    c,
    { title: "Operations", under: HERE },
    <>
      <Panel title="Maintenance">
        {report ? <Report report={report} /> : <p>Maintenance runs automatically every five minutes.</p>}
        <Waiting c={c} work={work} />
        <ActForm c={c} action={`${HERE}/maintenance`} button="Run now" />
      </Panel>
      <Webhooks c={c} body={webhooks.body} />
      <Panel title="Signing keys">
        <Keys c={c} keys={keys.body.items as readonly Key[]} />
        <ActForm c={c} action={`${HERE}/rotate-key`} button="Publish the next key" />
      </Panel>
      <Panel title="Exports">
        <p>
          <code>alexa-link move-out</code> exports all accounts and links, through{" "}
          <code>GET /api/admin/exports/users</code> and <code>GET /api/admin/exports/links</code>.
        </p>
        <Acts c={c} acts={exported} />
      </Panel>
    </>,
  );
}

/** Adds these routes to a router. */
export function operationsPages(app: Hono<AppEnv>): void {
  app.get(HERE, (c) => operationsPage(c));
  app.post(`${HERE}/maintenance`, (c) => {
    const run = { under: HERE, back: HERE, act: () => ({ method: "POST", path: "/api/admin/maintenance" }) };
    return perform(c, run, ({ body }) => operationsPage(c, body));
  });
  app.post(`${HERE}/redeliver`, (c) =>
    perform(c, {
      under: HERE,
      back: HERE,
      act: (fields) => ({
        method: "POST",
        path: "/api/admin/webhooks/redeliver",
        body: fields.has("id") ? { id: fields.get("id") } : {},
      }),
    }),
  );
  app.post(`${HERE}/rotate-key`, (c) =>
    perform(c, {
      under: HERE,
      back: HERE,
      act: () => ({ method: "POST", path: "/api/admin/keys/rotate" }),
    }),
  );
  app.post(`${HERE}/drop-key`, (c) =>
    perform(c, {
      under: HERE,
      back: HERE,
      confirmation: {
        title: "Drop this signing key?",
        message:
          "Every token that it signed becomes invalid at once, and Alexa requests new ones. Another key signs from now on. " +
          "This cannot be undone.",
        button: "Drop the key",
      },
      act: (fields) => ({
        method: "POST",
        path: "/api/admin/keys/rotate",
        body: { compromised: fields.get("kid") ?? "" },
      }),
    }),
  );
}
