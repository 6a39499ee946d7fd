// /admin/amazon: Amazon's metrics compared with ours, and the developer token with which they are read.
import type { FC } from "hono/jsx";
import { developerAccess } from "../../amazon/developer-access.ts";
import { type Developer, readMetrics, type SmapiFailure } from "../../amazon/smapi.ts";
import type { AppContext } from "../../runtime.ts";
import { type DeveloperTokenState, readDeveloperToken } from "../../storage/amazon/developer-token.ts";
import type { Skill } from "../../storage/skills/skills.ts";
import {
  type Compared,
  type ComparedDay,
  compareDays,
  compareFigures,
  difference,
  metricQueries,
  SAME,
  shownFigure,
} from "../amazon-figures.ts";
import { metricsReport } from "../metrics-report.ts";
import { ActForm, callAdminApi, takeAct } from "./acts.tsx";
import { accessText, failureText } from "./amazon-texts.ts";
import { renderConsole, skillsOf } from "./frame.tsx";
import { DataTable, Empty, Panel, Time } from "./parts.tsx";
import { hrefOf, RANGES, type Selection, selectionOf, startOfDay } from "./selection.ts";

const PATH = "/admin/amazon";
const TOKEN_PATH = `${PATH}/token`;
const DAY_MS = 24 * 3_600_000;

/** `GET /admin/amazon`. `?again=1` tries a refused token again. */
export async function amazonPage(c: AppContext): Promise<Response> {
  return renderAmazon(c);
}

async function renderAmazon(c: AppContext, problem?: string): Promise<Response> {
  const rt = c.var.runtime;
  const selection = selectionOf(c);
  const skills = await skillsOf(c);
  const skill = skills.length === 1 ? skills[0] : skills.find(({ id }) => id === selection.skillId);
  const comparison = skill && problem === undefined ? await comparisonOf(c, selection, skill) : undefined;
  // Read afterwards, because the comparison uses the token.
  const token = await readDeveloperToken(rt.db);
  return renderConsole(
    c,
    { title: "Amazon", under: PATH, selects: {}, ...(problem === undefined ? {} : { status: 400 }) },
    <>
      {problem === undefined ? null : <p role="alert">{problem}</p>}
      {skill ? null : <ChooseSkill skills={skills} selection={selection} />}
      {comparison}
      <TokenPanel c={c} token={token} zone={selection.zone} />
    </>,
  );
}

const ChooseSkill: FC<{ skills: readonly Skill[]; selection: Selection }> = ({ skills, selection }) => (
  <Panel title="Amazon's metrics">
    {skills.length === 0 ? (
      <Empty>No skill is registered yet.</Empty>
    ) : (
      <>
        <p>Amazon reports metrics for each skill. Choose one:</p>
        <ul>
          {skills.map(({ id, name }) => (
            <li>
              <a href={hrefOf({ ...selection, skillId: id }, PATH)}>{name}</a>
            </li>
          ))}
        </ul>
      </>
    )}
  </Panel>
);

/** The days of the range in UTC, as Amazon counts them: their starts, and the end. */
function utcDays({ range, to }: Selection): { readonly starts: number[]; readonly to: number } {
  const { days } = RANGES[range];
  const first = startOfDay("UTC", to, days - 1);
  return { starts: Array.from({ length: days }, (_, index) => first + index * DAY_MS), to };
}

async function comparisonOf(c: AppContext, selection: Selection, skill: Skill) {
  const rt = c.var.runtime;
  const access = await developerAccess(rt, { again: c.req.query("again") === "1" });
  if (access.outcome !== "token") {
    return (
      <Panel title="Amazon's metrics">
        <p>{accessText(access, selection.zone)}</p>
        {access.outcome === "refused" ? (
          <p>
            <a href={hrefOf(selection, PATH, { again: "1" })}>Try it again</a>
          </p>
        ) : null}
      </Panel>
    );
  }
  const { starts, to } = utcDays(selection);
  const [from = to] = starts;
  const developer: Developer = { config: rt.config, accessToken: access.accessToken };
  const [responses, ours] = await Promise.all([
    readMetrics(developer, skill, { from, to }, metricQueries()),
    metricsReport(rt, { from, to, starts, only: { skill: skill.id } }),
  ]);
  if ("failure" in responses) return <Failure failure={responses} skill={skill} />;
  return (
    <Comparison
      skill={skill}
      from={from}
      to={to}
      lines={compareFigures(responses, ours.totals)}
      days={compareDays(responses, ours.items)}
    />
  );
}

const Failure: FC<{ failure: SmapiFailure; skill: Skill }> = ({ failure, skill }) => (
  <Panel title={`Amazon's metrics for ${skill.name}`}>
    <p>{failureText(failure)}</p>
  </Panel>
);

const day = (at: number) => new Date(at).toISOString().slice(0, 10);

/** How many metrics differ, for a heading. */
const differing = (all: readonly Pick<Compared, "amazon" | "ours" | "kind">[]) => {
  const differ = all.filter((one) => one.amazon !== one.ours && difference(one) !== SAME).length;
  return differ === 0 ? "no difference" : `${differ} of ${all.length} differ`;
};

const Lines: FC<{ caption: string; lines: readonly Compared[] }> = ({ caption, lines }) => (
  <div class="compared">
    <DataTable
      caption={caption}
      head={["Metric", "Amazon", "Ours", "Difference"]}
      numeric={[1, 2]}
      rows={lines.map((line) => [
        <>
          <strong>{line.label}</strong>
          <br />
          <code>{line.name}</code>
        </>,
        shownFigure(line.amazon, line.kind),
        shownFigure(line.ours, line.kind),
        difference(line),
      ])}
    />
  </div>
);

const Days: FC<{ days: readonly ComparedDay[] }> = ({ days }) => (
  <details class="panel folded">
    <summary>
      Completions by day: {differing(days.map(({ completions }) => ({ ...completions, kind: "count" })))}
    </summary>
    <div class="compared days">
      <DataTable
        caption="Initiations and completions per day, at Amazon and on this server"
        head={["Day (UTC)", "Initiations: Amazon", "Ours", "Completions: Amazon", "Ours", "Difference in completions"]}
        numeric={[0, 1, 2, 3, 4]}
        rows={days.map(({ at, initiations, completions }) => [
          day(at),
          shownFigure(initiations.amazon, "count"),
          shownFigure(initiations.ours, "count"),
          shownFigure(completions.amazon, "count"),
          shownFigure(completions.ours, "count"),
          difference({ ...completions, kind: "count" }),
        ])}
      />
    </div>
  </details>
);

const OF_ONE_FLOW = /^(ALEXA_APP|APP_TO_APP)_/;

const Comparison: FC<{
  skill: Skill;
  from: number;
  to: number;
  lines: readonly Compared[];
  days: readonly ComparedDay[];
}> = ({ skill, from, to, lines, days }) => {
  const ofFlows = lines.filter(({ name }) => OF_ONE_FLOW.test(name));
  return (
    <>
      <Panel title={`Amazon's metrics for ${skill.name} compared with ours`}>
        <p>
          {day(from)} to {day(to)}, in UTC days as Amazon counts them, regardless of the chosen time zone. Amazon's
          metrics are for the {skill.stage} stage.
        </p>
        {lines.every(({ amazon }) => amazon === null) ? (
          <p>
            <strong>Amazon returned no metrics for this range.</strong> New skills have none for up to a day.
          </p>
        ) : null}
        <Lines caption="Amazon's metrics and ours" lines={lines.filter(({ name }) => !OF_ONE_FLOW.test(name))} />
      </Panel>
      <details class="panel folded">
        <summary>Alexa app and app-to-app: {differing(ofFlows)}</summary>
        <Lines caption="Amazon's metrics for the Alexa app and app-to-app linking compared with ours" lines={ofFlows} />
      </details>
      {days.length === 0 ? null : <Days days={days} />}
      <details class="panel folded">
        <summary>Common reasons for a difference</summary>
        <ul>
          <li>Amazon's enablement metrics lag by up to a day, its other metrics by up to two hours.</li>
          <li>Amazon does not count what you do on the developer console's Test page. We do.</li>
          <li>Amazon counts Amazon accounts. We count customers, and browsers that never signed in.</li>
          <li>
            Amazon shows fewer initiations: customers left before they reached Amazon, or opened the authorization URL
            outside the Alexa app.
          </li>
          <li>
            Amazon shows more: the skill also links to another server, or its requests do not reach this one. Compare
            the account linking configuration on the skill's page.
          </li>
          <li>
            Amazon shows fewer completions: Alexa discarded the link after our token response, for example because
            AcceptGrant failed.
          </li>
        </ul>
      </details>
    </>
  );
};

const TokenPanel: FC<{ c: AppContext; token: DeveloperTokenState | null; zone: string }> = ({ c, token, zone }) => (
  <Panel title="Developer token" id="token">
    {token ? (
      <p>
        Stored on <Time at={token.storedAt} zone={zone} />.{" "}
        {token.usedAt === null ? (
          "Login with Amazon has not confirmed it yet."
        ) : (
          <>
            Login with Amazon {token.refusal === null ? "accepted it" : `refused it (${token.refusal})`} on{" "}
            <Time at={token.usedAt} zone={zone} />.
          </>
        )}
      </p>
    ) : (
      <p>No token is stored. With one, this page shows Amazon's metrics, and skills can be pushed to Amazon.</p>
    )}
    <details>
      <summary>{token ? "Replace the token" : "Store a token"}</summary>
      <p>
        A refresh token stays valid until it is revoked. Create a security profile in Amazon's developer console with{" "}
        <code>http://127.0.0.1:9090/cb</code> as an allowed return URL, then print the token with the ASK CLI:{" "}
        <code>
          ask util generate-lwa-tokens --client-id … --client-confirmation … --scopes "alexa::ask:skills:readwrite"
        </code>
      </p>
      <ActForm c={c} action={TOKEN_PATH} button="Store and test">
        <label for="clientId">LWA client id</label>
        <input id="clientId" name="clientId" required maxlength={200} autocomplete="off" />
        <label for="clientSecret">LWA client secret</label>
        <input id="clientSecret" name="clientSecret" type="password" required maxlength={500} autocomplete="off" />
        <label for="refreshToken">Refresh token</label>
        <input id="refreshToken" name="refreshToken" type="password" required maxlength={4096} autocomplete="off" />
      </ActForm>
    </details>
    {token ? <ActForm c={c} action={`${TOKEN_PATH}/delete`} button="Delete the token…" danger /> : null}
  </Panel>
);

/** `POST /admin/amazon/token`. */
export async function storeToken(c: AppContext): Promise<Response> {
  const fields = await takeAct(c);
  if (fields instanceof Response) return fields;
  const [clientId, clientSecret, refreshToken] = ["clientId", "clientSecret", "refreshToken"].map(
    (name) => fields.get(name)?.trim() ?? "",
  );
  const stored = await callAdminApi(c, "POST", "/api/admin/developer-token", { clientId, clientSecret, refreshToken });
  return stored.ok ? c.redirect(PATH, 303) : renderAmazon(c, `The token was not stored: ${stored.problem}`);
}

/** `POST /admin/amazon/token/delete`. */
export async function deleteToken(c: AppContext): Promise<Response> {
  const fields = await takeAct(c, {
    title: "Delete the developer token?",
    message: "The console then no longer shows Amazon's metrics or pushes. The token stays valid at Amazon.",
    button: "Delete the token",
    under: PATH,
    back: PATH,
  });
  if (fields instanceof Response) return fields;
  await callAdminApi(c, "DELETE", "/api/admin/developer-token");
  return c.redirect(PATH, 303);
}
