// /admin/operations: signing keys and the scheduled maintenance.
import type { FC } from "hono/jsx";
import { Hono } from "hono/tiny";
import type { AppContext, AppEnv } from "../../runtime.ts";
import { ActForm, type ApiResult, callAdminApi } from "./acts.tsx";
import { notDone, perform } from "./entry-form.tsx";
import { renderConsole } from "./frame.tsx";
import { DataTable, Empty, Panel, Time } from "./parts.tsx";
import { selectionOf } from "./selection.ts";

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
  return keys.length === 0 ? (
    <Empty>There is no signing key yet. The first token makes one.</Empty>
  ) : (
    <DataTable
      caption="Signing keys"
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

const Report: FC<{ report: ApiResult["body"] }> = ({ report }) => {
  const swept = Object.entries((report.swept ?? {}) as Record<string, number>).filter(([, count]) => count > 0);
  const failed = (report.failed ?? []) as readonly string[];
  const rows: (readonly [string, string])[] = [
    ["Unlinks finished at Amazon", String(report.finishedUnlinks)],
    ["Webhook messages delivered", String(report.deliveredWebhooks)],
    ["Values sealed under the current master key", String(report.resealed)],
    ["A next signing key was published", report.keyRotated === true ? "yes" : "no"],
    ...swept.map(([name, count]) => [`Rows ended or deleted: ${name}`, String(count)] as const),
    ["Parts that failed", failed.length === 0 ? "none" : failed.join(", ")],
    ["Work is left for the next run", report.more === true ? "yes" : "no"],
  ];
  return <DataTable caption="Report of the run" head={["What", "Result"]} rows={rows} />;
};

async function operationsPage(c: AppContext, report?: ApiResult["body"]): Promise<Response> {
  const keys = await callAdminApi(c, "GET", "/api/admin/keys");
  if (!keys.ok) return notDone(c, keys, HERE, HERE);
  return renderConsole(
    c,
    { title: "Operations", under: HERE },
    <>
      <Panel title="Maintenance">
        {report ? <Report report={report} /> : <p>It runs every five minutes by itself.</p>}
        <ActForm c={c} action={`${HERE}/maintenance`} button="Run it now" />
      </Panel>
      <Panel title="Signing keys">
        <Keys c={c} keys={keys.body.items as readonly Key[]} />
        <ActForm c={c} action={`${HERE}/rotate-key`} button="Publish the next key" />
      </Panel>
    </>,
  );
}

export const operationsPages = new Hono<AppEnv>();

operationsPages.get(HERE, (c) => operationsPage(c as AppContext));
operationsPages.post(`${HERE}/maintenance`, (context) => {
  const c = context as AppContext;
  const run = { under: HERE, back: HERE, act: () => ({ method: "POST", path: "/api/admin/maintenance" }) };
  return perform(c, run, ({ body }) => operationsPage(c, body));
});
operationsPages.post(`${HERE}/rotate-key`, (context) =>
  perform(context as AppContext, {
    under: HERE,
    back: HERE,
    act: () => ({ method: "POST", path: "/api/admin/keys/rotate" }),
  }),
);
operationsPages.post(`${HERE}/drop-key`, (context) =>
  perform(context as AppContext, {
    under: HERE,
    back: HERE,
    confirmation: {
      title: "Drop this signing key?",
      message:
        "Every token that it signed becomes invalid at once; Alexa refreshes its tokens. Another key signs from now on. " +
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
