// /admin/customers/{userId}: the account, its links, and everything that happened on one timeline.
import type { FC } from "hono/jsx";
import type { AppContext } from "../../runtime.ts";
import { SESSION_LIFETIME_MS } from "../../sign-in/session.ts";
import { type Customer, type LinkOfCustomer, readCustomer } from "../../storage/maintenance/customer.ts";
import { operatorOf } from "../operator.ts";
import { CustomerActs, EndLink, EndLogin } from "./customer-acts.tsx";
import { type CustomerEvent, customerLine } from "./customer-line.ts";
import { renderConsole } from "./frame.tsx";
import { DataTable, Empty, Facts, Panel, Time, words } from "./parts.tsx";
import { minuteOf, NeverReachedUs, refusedThen } from "./refused-then.tsx";
import { attemptHref, customerHref, type Selection, selectionOf } from "./selection.ts";
import { FLOWS } from "./tables.tsx";

const LENGTH = 50;
const SHOWN_LOGINS = 2;
const UNDER = "/admin/links";
const LEVELS = { person: "person (one recognised speaker)", account: "account (all speakers)" } as const;

const Links: FC<{
  c: AppContext;
  userId: string;
  links: readonly LinkOfCustomer[];
  now: number;
  zone: string;
}> = ({ c, userId, links, now, zone }) => (
  <DataTable
    caption="Links"
    empty="No links, and none that ended in the last 30 days."
    head={["Linked with", "State", "Level", "Linked", "Last refresh", "Grant"]}
    rows={links.map((link) => [
      <>
        <strong>{link.name ?? link.clientId}</strong> {FLOWS[link.flow]}
      </>,
      stateOf(link, now),
      link.level === null ? "not known yet" : LEVELS[link.level],
      <Time at={link.createdAt} zone={zone} />,
      link.lastUsedAt > link.createdAt ? <Time at={link.lastUsedAt} zone={zone} /> : "none after the first day",
      <>
        <code id={link.id}>{link.id}</code>
        {link.alexaUserId === null ? null : <p class="small">Alexa user {link.alexaUserId}</p>}
        {link.revokedAt === null ? <EndLink c={c} userId={userId} grantId={link.id} /> : null}
      </>,
    ])}
  />
);

function stateOf(link: LinkOfCustomer, now: number) {
  if (link.revokedAt !== null) return <span class="badge">ended: {words(link.revokedReason ?? "unknown")}</span>;
  if (link.idleExpiresAt <= now) return <span class="badge">ended: idle</span>;
  if (link.expiresAt !== null && link.expiresAt <= now) return <span class="badge">ended: expired</span>;
  return <span class="badge linked">live</span>;
}

const Line: FC<{ events: readonly CustomerEvent[]; selection: Selection }> = ({ events, selection }) => (
  <ol class="line">
    {events.map(({ at, what, details, attemptId }) => (
      <li class="done">
        <p>
          {attemptId ? <a href={attemptHref(selection, attemptId)}>{what}</a> : what}
          {details === undefined ? null : (
            <>
              {" "}
              <code>{details}</code>
            </>
          )}
        </p>
        <small>
          <Time at={at} zone={selection.zone} />
        </small>
      </li>
    ))}
  </ol>
);

const Who: FC<{ customer: Customer; zone: string }> = ({ customer: { user, identities }, zone }) => (
  <Facts
    rows={[
      ["Email address", user.email ?? "no verified address"],
      ["Name", user.name ?? "none"],
      [
        "Sign-in methods",
        identities.length === 0
          ? "none"
          : identities.map(({ method, issuer, subject }) => (
              <p>
                {method} {issuer} <code>{subject}</code>
              </p>
            )),
      ],
      ["Created", <Time at={user.createdAt} zone={zone} />],
      ["User id", <code>{user.id}</code>],
    ]}
  />
);

/** Browsers that are signed in, each with a button. Folded when there are many. */
const Logins: FC<{ c: AppContext; customer: Customer; zone: string }> = ({ c, customer: { user, logins }, zone }) => {
  const since = c.var.runtime.now() - SESSION_LIFETIME_MS;
  const open = logins.filter(({ createdAt, endedAt }) => endedAt === null && createdAt > since);
  return open.length === 0 ? (
    <Empty>No browser is signed in.</Empty>
  ) : (
    <details open={open.length <= SHOWN_LOGINS}>
      <summary>{open.length === 1 ? "One browser is signed in" : `${open.length} browsers are signed in`}</summary>
      <DataTable
        caption="Browsers that are signed in"
        head={["Signed in", ""]}
        rows={open.map(({ id, createdAt }) => [
          <Time at={createdAt} zone={zone} />,
          <EndLogin c={c} userId={user.id} loginId={id} />,
        ])}
      />
    </details>
  );
};

/** The page about one customer. `?before=` (milliseconds) continues the timeline; `?at=`: the minute of a failure. */
export async function customerPage(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const selection = selectionOf(c);
  const userId = c.req.param("id") ?? "";
  const asked = Number(/^\d{1,15}$/.exec(c.req.query("before") ?? "")?.[0] ?? Number.MAX_SAFE_INTEGER);
  await rt.metrics.flush();
  const customer = await readCustomer(rt.db, userId, asked, 2 * LENGTH);
  const isFirstPage = asked === Number.MAX_SAFE_INTEGER;
  const reached =
    customer && (!isFirstPage || customer.attempts.length + customer.links.length + customer.logins.length > 0);
  const at = minuteOf(c.req.query("at")?.trim() ?? "", selection.zone);
  const refusals = reached ? [] : await refusedThen(c, at);
  const never = reached ? null : (
    <NeverReachedUs selection={selection} at={at} refusals={refusals} action={c.req.path} fields={{}} />
  );
  if (!customer) {
    return renderConsole(
      c,
      { title: "No such customer", under: UNDER, status: 404 },
      <>
        <p>
          No account has the id <code>{userId.slice(0, 100)}</code>. If it was erased, this server has no record of who
          it was.
        </p>
        {never}
      </>,
    );
  }
  const { events, older } = customerLine(customer, asked, LENGTH);
  return renderConsole(
    c,
    { title: `Customer ${customer.user.email ?? customer.user.name ?? customer.user.id}`, under: UNDER },
    <>
      <Panel title="Account">
        <Who customer={customer} zone={selection.zone} />
      </Panel>
      {never}
      <Panel title="Links">
        <Links c={c} userId={userId} links={customer.links} now={rt.now()} zone={selection.zone} />
      </Panel>
      {operatorOf(c).mayChange ? (
        <Panel title="Logins and account">
          <Logins c={c} customer={customer} zone={selection.zone} />
          <CustomerActs c={c} userId={userId} />
        </Panel>
      ) : null}
      <Panel title={`Timeline (${selection.zone})`}>
        {events.length === 0 ? <Empty>No older events.</Empty> : <Line events={events} selection={selection} />}
        {older === undefined ? null : (
          <p class="below">
            <a href={customerHref(selection, userId, { before: String(older) })}>Older</a>
          </p>
        )}
      </Panel>
    </>,
  );
}
