// The tables of /admin: refused requests and calls, links, alerts, skills, with remedies.
import type { FC } from "hono/jsx";
import { remedyFor, remedyForRefusal } from "../../linking/remedies.ts";
import type { AttemptFilter, ListedAttempt } from "../../storage/attempts/list.ts";
import type { ListedRefusal } from "../../storage/attempts/refusals.ts";
import type { AuditRecord } from "../../storage/maintenance/audit-list.ts";
import type { Skill } from "../../storage/skills/skills.ts";
import type { LinkOfUser } from "../../storage/users/account.ts";
import { visible } from "../insight-api.ts";

const SHOWN_REFUSED_CALLS = 12;

/** Where an attempt started, as shown to operators. */
export const FLOWS: Readonly<Record<ListedAttempt["flow"], string>> = {
  alexa_app: "from the Alexa app",
  app_to_app: "from your app",
  website: "from your website",
  app_authorize: "from the Alexa app, in your app",
  oauth: "sign-in to your app",
};

/** Formats milliseconds since 1970 in UTC, to the second. */
export function clock(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace("T", " ");
}

/** `code_expired` as `code expired`. */
export function words(tag: string): string {
  return tag.replaceAll("_", " ");
}

/** The dashboard's address with a filter. */
export function address(filter: AttemptFilter): string {
  const query = new URLSearchParams(
    Object.entries(filter).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]])),
  ).toString();
  return query === "" ? "/admin" : `/admin?${query}`;
}

/** The registered skills, and whether app-to-app linking is set up for them. */
export const Skills: FC<{ skills: readonly Skill[] }> = ({ skills }) =>
  skills.length === 0 ? (
    <p class="empty">
      No skill is registered yet. See <code>npm run skill -- add --help</code>.
    </p>
  ) : (
    <table>
      <thead>
        <tr>
          <th>Skill</th>
          <th>Stage</th>
          <th>Alexa's client id</th>
          <th>App-to-app linking</th>
          <th>Attempts</th>
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
            <td>{skill.lwa ? "ready" : "off: Alexa client id and secret are missing"}</td>
            <td>
              <a href={address({ skillId: skill.id })}>show</a>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );

/** Authorization requests that got an error page, with the redirect URI exactly as received. */
export const Refusals: FC<{ refusals: readonly ListedRefusal[] }> = ({ refusals }) =>
  refusals.length === 0 ? (
    <p class="empty">None.</p>
  ) : (
    <table>
      <thead>
        <tr>
          <th>Reason</th>
          <th>Client</th>
          <th>Redirect URI or path received</th>
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
              <span class="small">{remedyForRefusal(refusal)}</span>
            </td>
            <td>
              <code>{visible(refusal.clientId).slice(0, 200)}</code>
            </td>
            <td>
              <code>{visible(refusal.detail)}</code>
            </td>
            <td class="number">{refusal.count}</td>
            <td class="number">{clock(refusal.lastSeenAt)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );

const USED_FOR = { person: "one speaker", account: "everyone" } as const;

/** The live links of one customer. */
export const Links: FC<{ links: readonly LinkOfUser[] }> = ({ links }) =>
  links.length === 0 ? (
    <p class="empty">None.</p>
  ) : (
    <table>
      <thead>
        <tr>
          <th>Linked with</th>
          <th>Grant</th>
          <th>Used for</th>
          <th>Linked</th>
          <th>Last used</th>
        </tr>
      </thead>
      <tbody>
        {links.map((link) => (
          <tr>
            <td>
              <strong>{link.name}</strong> {FLOWS[link.flow]}
            </td>
            <td>
              <code>{link.grantId}</code>
            </td>
            <td>{link.level === null ? "not known yet" : USED_FOR[link.level]}</td>
            <td class="number">{clock(link.createdAt)}</td>
            <td class="number">{clock(link.lastUsedAt)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );

/** Audit rows. */
export const Alerts: FC<{ alerts: readonly AuditRecord[] }> = ({ alerts }) =>
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
              <span class="small">{alert.alert ? remedyFor(alert.kind) : ""}</span>
            </td>
            <td>{alert.clientId}</td>
            <td>
              <code>{alert.attemptId ?? alert.grantId}</code>
            </td>
            <td>{alert.details}</td>
            <td class="number">{clock(alert.at)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );

/** Prefixes of counter names, and the kind of call that they count. */
const KINDS_OF_CALL: readonly (readonly [string, string])[] = [
  ["token_error_", "token request"],
  ["skill_event_refused_", "skill event"],
  ["accept_grant_failed", "AcceptGrant"],
];

/** Refused calls outside a link attempt: wrong secrets, forged events, refreshes of revoked links. */
export const RefusedCalls: FC<{ totals: Readonly<Record<string, number>> }> = ({ totals }) => {
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
