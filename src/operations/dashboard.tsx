// What /admin shows once signed in: recent linkings with what stopped them and what to do, activation, skills, refusals.

import type { FC } from "hono/jsx";
import * as z from "zod/mini";
import type { AppContext } from "../runtime.ts";
import { findUsersByEmail } from "../sign-in/accounts.ts";
import { type AuditRecord, listAudit } from "../storage/audit-list.ts";
import { type LinkingFilter, type ListedLinking, listLinkings, OUTCOMES } from "../storage/linking-list.ts";
import { DAY_MS, readCounts } from "../storage/metrics.ts";
import { listRefusals, type Refusal } from "../storage/refusals.ts";
import { listSkills, type Skill } from "../storage/skills.ts";
import { renderPage } from "../ui/page.tsx";
import { HiddenFields } from "../ui/parts.tsx";
import { DASHBOARD_CSS } from "./dashboard-style.ts";
import { linkingsQuery, visible } from "./insight-api.ts";
import { type Activation, splitActivation } from "./metrics-report.ts";
import { adviceFor, remedyFor } from "./remedies.ts";

const SHOWN_LINKINGS = 50;
const SHOWN_REFUSALS = 20;
const SHOWN_ALERTS = 10;
const SHOWN_REFUSED_CALLS = 12;
const ACTIVATION_DAYS = 7;

const FLOWS: Readonly<Record<ListedLinking["flow"], string>> = {
  alexa_app: "from the Alexa app",
  app_to_app: "from your app",
  website: "from your website",
  app_authorize: "from the Alexa app, in your app",
  oauth: "sign-in of an app",
};

/** The time in UTC to the second, as people read it. */
function clock(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace("T", " ");
}

function words(tag: string): string {
  return tag.replaceAll("_", " ");
}

const Steps: FC<{ linking: ListedLinking }> = ({ linking }) => (
  <ol class="steps">
    {linking.steps.map((step) => (
      <li>
        {words(step.name)} <small>+{((step.at - linking.createdAt) / 1000).toFixed(1)} s</small>
      </li>
    ))}
  </ol>
);

const Linking: FC<{ linking: ListedLinking; skillName: string }> = ({ linking, skillName }) => {
  const advice = adviceFor(linking);
  return (
    <div class="linking">
      <details>
        <summary>
          <span class={`badge ${linking.outcome}`}>{linking.outcome}</span>
          <span>
            {skillName} <em>{FLOWS[linking.flow]}</em>
            {linking.reason === null ? null : <em> · {words(linking.reason)}</em>}
          </span>
          <time datetime={new Date(linking.createdAt).toISOString()}>{clock(linking.createdAt)}</time>
          {advice === undefined ? null : <span class="remedy">{advice}</span>}
        </summary>
        <div class="inside">
          <Steps linking={linking} />
          <dl>
            <dt>Trace id</dt>
            <dd>
              <code>{linking.traceId}</code>
            </dd>
            {linking.reason === null ? null : (
              <>
                <dt>Reason</dt>
                <dd>
                  <code>{linking.reason}</code>
                </dd>
              </>
            )}
            <dt>Client</dt>
            <dd>{linking.clientId ?? "none"}</dd>
            <dt>User</dt>
            <dd>
              {linking.userId === null ? (
                "not signed in"
              ) : (
                <a href={address({ userId: linking.userId })}>{linking.userId}</a>
              )}
            </dd>
            <dt>Platform</dt>
            <dd>{linking.platform ?? "not told"}</dd>
          </dl>
        </div>
      </details>
    </div>
  );
};

const Tile: FC<{ label: string; activation: Activation }> = ({ label, activation }) => (
  <div class="tile">
    <small>{label}</small>
    <strong>{activation.completionRate === null ? "none" : `${Math.round(activation.completionRate * 100)} %`}</strong>
    <small>
      {activation.completions} of {activation.initiations} linked
    </small>
  </div>
);

function address(filter: LinkingFilter): string {
  const query = new URLSearchParams(
    Object.entries(filter).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]])),
  ).toString();
  return query === "" ? "/admin" : `/admin?${query}`;
}

const Filters: FC<{ filter: LinkingFilter }> = ({ filter }) => (
  <nav class="filters" aria-label="Outcome">
    {[undefined, ...OUTCOMES].map((outcome) => (
      <a
        href={address({ ...filter, outcome })}
        {...(filter.outcome === outcome ? { "aria-current": "true" as const } : {})}
      >
        {outcome ?? "all"}
      </a>
    ))}
  </nav>
);

const Skills: FC<{ skills: readonly Skill[] }> = ({ skills }) =>
  skills.length === 0 ? (
    <p class="empty">
      No skill is registered yet. <code>npm run skill -- add --help</code> says how.
    </p>
  ) : (
    <table>
      <thead>
        <tr>
          <th>Skill</th>
          <th>Stage</th>
          <th>Alexa's client id</th>
          <th>Linking from our side</th>
          <th>Linkings</th>
        </tr>
      </thead>
      <tbody>
        {skills.map((skill) => (
          <tr>
            <td>
              <strong>{skill.name}</strong>
              <br />
              <code>{skill.id}</code>
            </td>
            <td>{skill.stage}</td>
            <td>
              <code>{skill.clientId}</code>
            </td>
            <td>{skill.lwa ? "ready" : "off: no Alexa client id and secret"}</td>
            <td>
              <a href={address({ skillId: skill.id })}>show</a>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );

const Refusals: FC<{ refusals: readonly Refusal[] }> = ({ refusals }) =>
  refusals.length === 0 ? (
    <p class="empty">None.</p>
  ) : (
    <table>
      <thead>
        <tr>
          <th>Reason</th>
          <th>Client</th>
          <th>Redirect URI as it came</th>
          <th>Count</th>
          <th>Last seen</th>
        </tr>
      </thead>
      <tbody>
        {refusals.map((refusal) => (
          <tr>
            <td>
              <strong>{words(refusal.reason)}</strong>
              <br />
              <span class="small">{remedyFor(refusal.reason)}</span>
            </td>
            <td>
              <code>{visible(refusal.clientId).slice(0, 200)}</code>
            </td>
            <td>
              <code>{visible(refusal.redirectUri)}</code>
            </td>
            <td class="number">{refusal.count}</td>
            <td class="number">{clock(refusal.lastSeenAt)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );

const Alerts: FC<{ alerts: readonly AuditRecord[] }> = ({ alerts }) =>
  alerts.length === 0 ? (
    <p class="empty">None.</p>
  ) : (
    <table>
      <thead>
        <tr>
          <th>What</th>
          <th>Client</th>
          <th>Trace id or grant</th>
          <th>Details</th>
          <th>When</th>
        </tr>
      </thead>
      <tbody>
        {alerts.map((alert) => (
          <tr>
            <td>
              <strong>{words(alert.kind)}</strong>
              <br />
              <span class="small">{remedyFor(alert.kind)}</span>
            </td>
            <td>{alert.clientId}</td>
            <td>
              <code>{alert.traceId ?? alert.grantId}</code>
            </td>
            <td>{alert.details}</td>
            <td class="number">{clock(alert.at)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );

const KINDS_OF_CALL: readonly (readonly [string, string])[] = [
  ["token_error_", "token request"],
  ["skill_event_refused_", "skill event"],
  ["accept_grant_failed", "AcceptGrant"],
];

/** Calls that no linking can be named for, or that come long after it: a wrong secret, forged events, refreshes of ended links. */
const RefusedCalls: FC<{ totals: Readonly<Record<string, number>> }> = ({ totals }) => {
  const rows = Object.entries(totals).flatMap(([name, count]) =>
    KINDS_OF_CALL.filter(([prefix]) => name.startsWith(prefix)).map(([prefix, kind]) => ({
      kind,
      reason: name.slice(prefix.length),
      remedy: remedyFor(name.slice(prefix.length) || name),
      count,
    })),
  );
  if (rows.length === 0) return <p class="empty">None.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th>What</th>
          <th>Count</th>
        </tr>
      </thead>
      <tbody>
        {rows
          .toSorted((a, b) => b.count - a.count)
          .slice(0, SHOWN_REFUSED_CALLS)
          .map(({ kind, reason, remedy, count }) => (
            <tr>
              <td>
                <strong>{words(reason)}</strong> {kind}
                <br />
                <span class="small">{remedy}</span>
              </td>
              <td class="number">{count}</td>
            </tr>
          ))}
      </tbody>
    </table>
  );
};

/** The dashboard of a signed-in operator. `?outcome=`, `?skillId=`, `?userId=` and `?email=` narrow the linkings; anything else there is ignored. */
export async function dashboardPage(c: AppContext, csrfToken: string, signOutForm: string): Promise<Response> {
  const rt = c.var.runtime;
  const email = c.req.query("email")?.trim() || undefined;
  const owners = email === undefined ? [] : await findUsersByEmail(rt, email);
  const parsed = z.pick(linkingsQuery, { outcome: true, skillId: true, userId: true }).safeParse({
    outcome: c.req.query("outcome"),
    skillId: c.req.query("skillId"),
    userId: email === undefined ? c.req.query("userId") : (owners[0]?.id ?? "nobody"),
  });
  const filter: LinkingFilter = parsed.success ? parsed.data : {};
  await rt.metrics.flush();
  const to = rt.now() + 1;
  const [skills, linkings, refusals, alerts, counts] = await Promise.all([
    listSkills(rt.db, { limit: 200 }),
    listLinkings(rt.db, filter, undefined, SHOWN_LINKINGS),
    listRefusals(rt.db, undefined, SHOWN_REFUSALS),
    listAudit(rt.db, { alertsOnly: true }, undefined, SHOWN_ALERTS),
    readCounts(rt.db, { from: to - ACTIVATION_DAYS * DAY_MS, to, periodMs: ACTIVATION_DAYS * DAY_MS }, 2000),
  ]);
  const names = new Map(skills.map((skill) => [skill.id, skill.name]));
  const totals: Record<string, number> = {};
  for (const { name, count } of counts) totals[name] = (totals[name] ?? 0) + count;
  const split = splitActivation(totals);
  return renderPage(
    c,
    { title: "Operator", css: DASHBOARD_CSS },
    <>
      <div class="bar" data-csrf-token={csrfToken}>
        <h1>Account linking</h1>
        <form method="post" action="/admin/sign-out">
          <HiddenFields fields={{ form: signOutForm }} />
          <button type="submit" class="link">
            Sign out
          </button>
        </form>
      </div>
      <div class="tiles">
        <Tile label={`Alexa app, ${ACTIVATION_DAYS} days`} activation={split.alexaApp} />
        <Tile label={`App-to-app, ${ACTIVATION_DAYS} days`} activation={split.appToApp} />
        <Tile label="Both" activation={split.total} />
      </div>
      <section class="panel">
        <h2>
          Linkings{filter.skillId ? ` of ${names.get(filter.skillId) ?? filter.skillId}` : ""}
          {filter.userId ? " of one customer" : ""}
        </h2>
        <form class="search">
          <label for="email">Customer’s e-mail</label>
          <input id="email" name="email" type="search" value={email} />
          <button type="submit" class="quiet">
            Find
          </button>
        </form>
        {email !== undefined && owners.length === 0 ? <p>No account has this address.</p> : null}
        {owners.length < 2
          ? null
          : owners.map(({ id }) => (
              <p>
                Also <a href={address({ userId: id })}>{id}</a>
              </p>
            ))}
        <Filters filter={filter} />
        {linkings.length === 0 ? <p class="empty">None yet.</p> : null}
        {linkings.map((linking) => (
          <Linking
            linking={linking}
            skillName={names.get(linking.skillId ?? "") ?? linking.skillId ?? linking.clientId ?? "unknown"}
          />
        ))}
        <p class="hint">
          Times are UTC; the latest {SHOWN_LINKINGS} are shown, all of them by <code>GET /api/admin/linkings</code>. A
          linking that ended well here and failed in the Alexa app most often failed in the skill's own answer to
          AcceptGrant.
        </p>
      </section>
      <section class="panel">
        <h2>Refused calls, {ACTIVATION_DAYS} days</h2>
        <RefusedCalls totals={totals} />
      </section>
      <section class="panel">
        <h2>Refused authorization requests</h2>
        <Refusals refusals={refusals} />
      </section>
      <section class="panel">
        <h2>Alerts</h2>
        <Alerts alerts={alerts} />
      </section>
      <section class="panel">
        <h2>Skills</h2>
        <Skills skills={skills} />
      </section>
    </>,
  );
}
