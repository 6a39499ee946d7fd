// /admin/skills: the registered skills, each with its form, its secrets and the documents to copy.
import type { FC } from "hono/jsx";
import type { Hono } from "hono/tiny";
import type { AppContext, AppEnv } from "../../runtime.ts";
import { operatorOf } from "../operator.ts";
import { ActForm, type ApiResult, callAdminApi, takeAct } from "./acts.tsx";
import { NewSecret, notDone, Problem, perform, secretRefusal, secretSeen, type Values } from "./entry-form.tsx";
import { renderConsole } from "./frame.tsx";
import { apiList } from "./lists.tsx";
import { DataTable, Facts, NewEntry, Panel, words } from "./parts.tsx";
import { hrefOf, selectionOf } from "./selection.ts";
import { SkillAmazon } from "./skill-amazon.tsx";
import { SkillFields, type SkillView, skillBody, valuesOf } from "./skill-form.tsx";

const HERE = "/admin/skills";
const pageOf = (id: string) => `${HERE}/${encodeURIComponent(id)}`;
const apiOf = (id: string) => `/api/admin/skills/${encodeURIComponent(id)}`;
const idOf = (c: AppContext) => c.req.param("id") ?? "";

async function listPage(c: AppContext): Promise<Response> {
  const selection = selectionOf(c);
  const { rows: skills, pages } = await apiList<SkillView>(c, "/api/admin/skills");
  return renderConsole(
    c,
    { title: "Skills", under: HERE },
    <section class="panel" aria-label="Skills">
      <DataTable
        caption="Skills"
        empty={
          <>
            No skill is registered yet. Register one here, or with <code>npm run skill -- add</code>.
          </>
        }
        head={["Skill", "Type", "Stage", "Resource", "Service client", "App-to-app linking", "Event gateway"]}
        rows={skills.map((skill) => [
          <>
            <a href={hrefOf(selection, pageOf(skill.id))}>{skill.name}</a>
            <br />
            <code>{skill.id}</code>
          </>,
          words(skill.type),
          skill.stage,
          skill.resource ?? "–",
          skill.serviceClient?.id ?? "–",
          skill.lwa ? "ready" : "off: Alexa Client Id and Client Secret are missing",
          skill.eventGateway ? "own pair" : skill.lwa ? "the same pair" : "none",
        ])}
      />
      {pages}
      <NewEntry c={c} href={hrefOf(selection, `${HERE}/new`)} text="Register a skill" />
    </section>,
  );
}

function newPage(c: AppContext, values: Values = { type: "smart_home", stage: "development" }, result?: ApiResult) {
  return renderConsole(
    c,
    { title: "Register a skill", under: HERE, ...(result ? { status: 400 as const } : {}) },
    <section class="panel entry">
      <Problem result={result} />
      <ActForm c={c} action={`${HERE}/new`} button="Register">
        <SkillFields values={values} isNew />
      </ActForm>
    </section>,
  );
}

const Document: FC<{ title: string; result: ApiResult }> = ({ title, result }) =>
  result.ok ? (
    <Panel title={title}>
      <pre>{JSON.stringify(result.body, null, 2)}</pre>
    </Panel>
  ) : null;

const SECRETS = { client: "Alexa's client secret", service: "The service client's secret" };

interface Shown {
  readonly values?: Values;
  readonly problem?: ApiResult;
  /** The API's response with secrets that were just generated. */
  readonly made?: SkillView;
}

async function skillPage(c: AppContext, id: string, { values, problem, made }: Shown = {}): Promise<Response> {
  const found = await callAdminApi(c, "GET", apiOf(id));
  if (!found.ok) return notDone(c, found, HERE, HERE);
  const skill = found.body as unknown as SkillView;
  const [request, resource] = await Promise.all([
    callAdminApi(c, "GET", `${apiOf(id)}/account-linking-request`),
    callAdminApi(c, "GET", `${apiOf(id)}/protected-resource`),
  ]);
  const until = skill.client.previousSecretExpiresAt;
  return renderConsole(
    c,
    { title: skill.name, under: HERE, ...(problem ? { status: 400 as const } : {}) },
    <>
      <NewSecret label={SECRETS.client} secret={made?.client.secret} />
      <NewSecret label={SECRETS.service} secret={made?.serviceClient?.secret} />
      <Panel title="Settings">
        <Problem result={problem} />
        <Facts
          rows={[
            ["Skill id", <code>{skill.id}</code>],
            ["Alexa's client id", <code>{skill.client.id}</code>],
            [
              "Redirect URIs",
              skill.client.redirectUris.map((uri) => (
                <p>
                  <code>{uri}</code>
                </p>
              )),
            ],
          ]}
        />
        <ActForm c={c} action={pageOf(id)} button="Save">
          <SkillFields
            values={values ?? valuesOf(skill)}
            isNew={false}
            hasServiceClient={skill.serviceClient !== null}
          />
        </ActForm>
      </Panel>
      <Panel title="Secrets">
        {until === undefined ? null : <p>The previous secret is accepted until {until}.</p>}
        <ActForm c={c} action={`${pageOf(id)}/rotate`} button="Rotate the secret" fields={secretSeen(skill.client)} />
        {skill.serviceClient ? (
          <ActForm
            c={c}
            action={`${pageOf(id)}/rotate`}
            button="Rotate the service client's secret"
            fields={{ client: "service", ...secretSeen(skill.serviceClient) }}
          />
        ) : null}
        {skill.serviceClient ? (
          <ActForm c={c} action={`${pageOf(id)}/remove-service-client`} button="Remove the service client" danger />
        ) : null}
      </Panel>
      <SkillAmazon skillId={skill.id} selection={selectionOf(c)} />
      <Document title="Account linking request for SMAPI" result={request} />
      <Document title="Protected resource metadata" result={resource} />
      {operatorOf(c).mayChange ? (
        <Panel title="Delete">
          <ActForm c={c} action={`${pageOf(id)}/delete`} button="Delete this skill" danger />
        </Panel>
      ) : null}
    </>,
  );
}

/** Adds these routes to a router. */
export function skillPages(app: Hono<AppEnv>): void {
  app.get(HERE, listPage);
  app.get(`${HERE}/new`, (c) => newPage(c));
  app.post(`${HERE}/new`, async (c) => {
    const fields = await takeAct(c);
    if (fields instanceof Response) return fields;
    const result = await callAdminApi(c, "POST", "/api/admin/skills", skillBody(fields, undefined));
    if (!result.ok) return newPage(c, Object.fromEntries(fields), result);
    const made = result.body as unknown as SkillView;
    return skillPage(c, made.id, { made });
  });
  app.get(`${HERE}/:id`, (c) => skillPage(c, idOf(c)));
  app.post(`${HERE}/:id`, async (c) => {
    const fields = await takeAct(c);
    if (fields instanceof Response) return fields;
    const found = await callAdminApi(c, "GET", apiOf(idOf(c)));
    if (!found.ok) return notDone(c, found, HERE, HERE);
    const body = skillBody(fields, found.body as unknown as SkillView);
    const result = await callAdminApi(c, "PATCH", apiOf(idOf(c)), body);
    if (!result.ok) return skillPage(c, idOf(c), { values: Object.fromEntries(fields), problem: result });
    return skillPage(c, idOf(c), { made: result.body as unknown as SkillView });
  });
  app.post(`${HERE}/:id/rotate`, (c) =>
    perform(
      c,
      {
        under: HERE,
        back: pageOf(idOf(c)),
        confirmation: {
          title: "Rotate the secret?",
          message:
            "The current secret is accepted for seven more days. Enter the new one at Amazon within that time. The secret " +
            "before it, if still accepted, stops working now.",
          button: "Rotate the secret",
        },
        refusal: async (fields) => {
          const skill = (await callAdminApi(c, "GET", apiOf(idOf(c)))).body as Partial<SkillView>;
          return secretRefusal(
            (fields.get("client") === "service" ? skill.serviceClient : skill.client) ?? undefined,
            fields,
          );
        },
        act: (fields) => ({
          method: "POST",
          path: `${apiOf(idOf(c))}/rotate-secret${fields.get("client") === "service" ? "?client=service" : ""}`,
        }),
      },
      (result) => skillPage(c, idOf(c), { made: result.body as unknown as SkillView }),
    ),
  );
  app.post(`${HERE}/:id/remove-service-client`, (c) =>
    perform(c, {
      under: HERE,
      back: pageOf(idOf(c)),
      confirmation: {
        title: "Remove the service client?",
        message:
          "Its secret and its tokens end at once: Alexa+ gets no service tokens with it any more. This cannot be undone.",
        button: "Remove the service client",
      },
      act: () => ({ method: "PATCH", path: apiOf(idOf(c)), body: { serviceClient: null } }),
    }),
  );
  app.post(`${HERE}/:id/delete`, (c) =>
    perform(c, {
      under: HERE,
      back: HERE,
      confirmation: {
        title: "Delete this skill?",
        message:
          "All links of all its customers end at once, and its client is deleted. Customers must link again. This cannot be undone.",
        button: "Delete the skill and all its links",
      },
      act: () => ({ method: "DELETE", path: apiOf(idOf(c)) }),
    }),
  );
}
