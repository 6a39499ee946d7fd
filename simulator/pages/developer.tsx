// What Amazon shows the skill's developer: credentials for the Skill Management API, and Alexa's metrics.
import type { Hono } from "hono";
import { type Activity, tally } from "../state/activity.ts";
import type { SimulatorContext, SimulatorEnv } from "../state/context.ts";
import { DEVELOPER } from "../state/developer.ts";
import { showPage } from "./layout.tsx";

const WHAT = { enabled: "enabled the skill", initiated: "started linking", completed: "completed linking" } as const;
const FROM = { alexa_app: "Alexa app", app_to_app: "app-to-app" } as const;

export function addDeveloperPage(app: Hono<SimulatorEnv>): void {
  app.get("/developer", (c) => showDeveloper(c));
}

function showDeveloper(c: SimulatorContext) {
  const { activities } = c.var.store;
  return showPage(
    c,
    "Developer",
    "none",
    <div class="stack">
      <h1>The developer’s account</h1>
      <div class="card stack">
        <h2>Amazon’s metrics</h2>
        <p class="soft">
          The metrics API (<code>POST /v2/skills/…/metrics</code>) returns these numbers, counted by the simulated
          Alexa. Days are in UTC.
        </p>
        {activities.length === 0 ? (
          <p class="small soft">Nothing yet. Link an account.</p>
        ) : (
          <Counts all={activities} />
        )}
      </div>
      <div class="card stack">
        <h2>Credentials for the Skill Management API</h2>
        <p class="soft">
          The ASK CLI would print these. The server stores them to read metrics and to push configurations.
        </p>
        <dl class="facts">
          <dt>LWA client id</dt>
          <dd class="wide">
            <code>{DEVELOPER.clientId}</code>
          </dd>
          <dt>Client secret</dt>
          <dd class="wide">
            <code>{DEVELOPER.clientSecret}</code>
          </dd>
          <dt>Refresh token</dt>
          <dd class="wide">
            <code>{DEVELOPER.refreshToken}</code>
          </dd>
        </dl>
      </div>
    </div>,
  );
}

function Counts({ all }: { all: readonly Activity[] }) {
  const groups = Map.groupBy(
    all,
    ({ at, skillId, stage, what, from }) =>
      `${new Date(at).toISOString().slice(0, 10)} · ${skillId} (${stage}) · ${WHAT[what]}${what === "enabled" ? "" : `, ${FROM[from]}`}`,
  );
  return (
    <ul class="list small">
      {[...groups].map(([title, group]) => {
        const { events, users } = tally(group);
        return (
          <li class="row ends">
            <span style="overflow-wrap:anywhere">{title}</span>
            <span>
              {events} {events === 1 ? "time" : "times"}, {users} {users === 1 ? "account" : "accounts"}
            </span>
          </li>
        );
      })}
    </ul>
  );
}
