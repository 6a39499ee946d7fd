// The page at /admin: recent attempts with reasons and remedies, completion rates, skills, refusals.
import type { FC } from "hono/jsx";
import * as z from "zod/mini";
import { adviceFor, loadRemedies } from "../../linking/remedies.ts";
import type { AppContext } from "../../runtime.ts";
import { schemaOf } from "../../schema-of.ts";
import { findUsersByEmail } from "../../sign-in/accounts.ts";
import { OUTCOMES } from "../../storage/attempts/attempts.ts";
import { type AttemptFilter, type ListedAttempt, listAttempts } from "../../storage/attempts/list.ts";
import { CONSOLE_FAULTS, listRefusals } from "../../storage/attempts/refusals.ts";
import { listAudit } from "../../storage/maintenance/audit-list.ts";
import { DAY_MS } from "../../storage/maintenance/metrics.ts";
import { listSkills } from "../../storage/skills/skills.ts";
import { readLinksOfUser } from "../../storage/users/account.ts";
import { attemptsQuery } from "../insight-api.ts";
import { type Linking, metricsReport } from "../metrics-report.ts";
import { renderConsole } from "./frame.tsx";
import { Alerts, address, clock, FLOWS, Links, Refusals, RefusedCalls, Skills, words } from "./tables.tsx";

const SHOWN_ATTEMPTS = 50;
const SHOWN_REFUSALS = 20;
const SHOWN_ALERTS = 10;
const ACTIVATION_DAYS = 7;

const Steps: FC<{ attempt: ListedAttempt }> = ({ attempt }) => (
  <ol class="steps">
    {attempt.steps.map((step) => (
      <li>
        {words(step.name)} <small>+{((step.at - attempt.createdAt) / 1000).toFixed(1)} s</small>
      </li>
    ))}
  </ol>
);

const Attempt: FC<{ attempt: ListedAttempt; skillName: string }> = ({ attempt, skillName }) => {
  const advice = adviceFor(attempt);
  return (
    <div class="linking">
      <details>
        <summary>
          <span class={`badge ${attempt.outcome}`}>{attempt.outcome}</span>
          <span>
            {skillName} <em>{FLOWS[attempt.flow]}</em>
            {attempt.reason === null ? null : <em> · {words(attempt.reason)}</em>}
          </span>
          <time datetime={new Date(attempt.createdAt).toISOString()}>{clock(attempt.createdAt)}</time>
          {advice === undefined ? null : <span class="remedy">{advice}</span>}
        </summary>
        <div class="inside">
          <Steps attempt={attempt} />
          <dl>
            <dt>Trace id</dt>
            <dd>
              <code>{attempt.id}</code>
            </dd>
            {attempt.reason === null ? null : (
              <>
                <dt>Reason</dt>
                <dd>
                  <code>{attempt.reason}</code>
                </dd>
              </>
            )}
            <dt>Client</dt>
            <dd>{attempt.clientId ?? "none"}</dd>
            <dt>User</dt>
            <dd>
              {attempt.userId === null ? (
                "not signed in"
              ) : (
                <a href={address({ userId: attempt.userId })}>{attempt.userId}</a>
              )}
            </dd>
            <dt>Platform</dt>
            <dd>{attempt.platform ?? "unknown"}</dd>
          </dl>
        </div>
      </details>
    </div>
  );
};

const Tile: FC<{ label: string; activation: Linking }> = ({ label, activation }) => (
  <div class="tile">
    <small>{label}</small>
    <strong>{activation.completionRate === null ? "none" : `${Math.round(activation.completionRate * 100)} %`}</strong>
    <small>
      {activation.completions} of {activation.initiations} linked
    </small>
  </div>
);

const Filters: FC<{ filter: AttemptFilter }> = ({ filter }) => (
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

/** The overview. Attempts are filtered by `?outcome=`, `?skillId=`, `?userId=` and `?email=`. */
export async function overviewPage(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const email = c.req.query("email")?.trim() || undefined;
  const owners = email === undefined ? [] : await findUsersByEmail(rt, email);
  const parsed = z.pick(schemaOf(attemptsQuery), { outcome: true, skillId: true, userId: true }).safeParse({
    outcome: c.req.query("outcome"),
    skillId: c.req.query("skillId"),
    userId: email === undefined ? c.req.query("userId") : (owners[0]?.id ?? "unknown"),
  });
  const filter: AttemptFilter = parsed.success ? parsed.data : {};
  await rt.metrics.flush();
  const to = rt.now() + 1;
  const from = to - ACTIVATION_DAYS * DAY_MS;
  const [skills, attempts, refusals, alerts, { totals }, links] = await Promise.all([
    listSkills(rt.db, { limit: 200 }),
    listAttempts(rt.db, filter, undefined, SHOWN_ATTEMPTS),
    listRefusals(rt.db, { endpoints: CONSOLE_FAULTS }, undefined, SHOWN_REFUSALS),
    listAudit(rt.db, { alertsOnly: !filter.userId, userId: filter.userId }, undefined, SHOWN_ALERTS),
    metricsReport(rt, { from, to, starts: [from] }),
    filter.userId ? readLinksOfUser(rt.db, filter.userId, rt.now()) : undefined,
    loadRemedies(c),
  ]);
  const names = new Map(skills.map((skill) => [skill.id, skill.name]));
  return renderConsole(
    c,
    { title: "Account linking", under: "/admin" },
    <>
      <div class="tiles">
        <Tile label={`Alexa app, ${ACTIVATION_DAYS} days`} activation={totals.linking.alexaApp} />
        <Tile label={`App-to-app, ${ACTIVATION_DAYS} days`} activation={totals.linking.appToApp} />
        <Tile label="Both" activation={totals.linking.total} />
      </div>
      {filter.userId ? (
        <section class="panel">
          <h2>Links of this customer</h2>
          <Links links={links ?? []} />
          <h2>Audit of this customer</h2>
          <Alerts alerts={alerts} />
        </section>
      ) : null}
      <section class="panel">
        <h2>
          Attempts{filter.skillId ? ` of ${names.get(filter.skillId) ?? filter.skillId}` : ""}
          {filter.userId ? " of one customer" : ""}
        </h2>
        <form class="search">
          <label for="email">Customer’s e-mail address</label>
          <input id="email" name="email" type="search" value={email} />
          <button type="submit" class="quiet">
            Find
          </button>
        </form>
        {email !== undefined && owners.length === 0 ? <p>No account has this e-mail address.</p> : null}
        {owners.length < 2
          ? null
          : owners.map(({ id }) => (
              <p>
                Also <a href={address({ userId: id })}>{id}</a>
              </p>
            ))}
        <Filters filter={filter} />
        {attempts.length === 0 ? <p class="empty">None yet.</p> : null}
        {attempts.map((attempt) => (
          <Attempt
            attempt={attempt}
            skillName={names.get(attempt.skillId ?? "") ?? attempt.skillId ?? attempt.clientId ?? "unknown"}
          />
        ))}
        <p class="hint">
          Times are in UTC. This page shows the latest {SHOWN_ATTEMPTS} attempts; <code>GET /api/admin/linkings</code>{" "}
          lists all. If an attempt is linked here but failed in the Alexa app, the usual cause is the skill's response
          to AcceptGrant.
        </p>
      </section>
      <section class="panel">
        <h2>Refused calls, {ACTIVATION_DAYS} days</h2>
        <RefusedCalls totals={totals.counts} />
      </section>
      <section class="panel">
        <h2>Refused requests</h2>
        <Refusals refusals={refusals} />
      </section>
      {filter.userId ? null : (
        <section class="panel">
          <h2>Alerts</h2>
          <Alerts alerts={alerts} />
        </section>
      )}
      <section class="panel">
        <h2>Skills</h2>
        <Skills skills={skills} />
      </section>
    </>,
  );
}
