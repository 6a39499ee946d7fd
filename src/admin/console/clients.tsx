// /admin/clients: the company's apps and the skills' backends.
import type { FC } from "hono/jsx";
import type { Hono } from "hono/tiny";
import type { AppContext, AppEnv } from "../../runtime.ts";
import { ActForm, type ApiResult, callAdminApi, takeAct } from "./acts.tsx";
import {
  ChoiceField,
  LinesField,
  linesOf,
  NewSecret,
  notDone,
  Problem,
  perform,
  SecretField,
  secretRefusal,
  secretSeen,
  TextField,
  type Values,
} from "./entry-form.tsx";
import { renderConsole } from "./frame.tsx";
import { apiList } from "./lists.tsx";
import { DataTable, NewEntry, Panel } from "./parts.tsx";
import { hrefOf, selectionOf } from "./selection.ts";

const HERE = "/admin/clients";
const pageOf = (id: string) => `${HERE}/${encodeURIComponent(id)}`;
const apiOf = (id: string) => `/api/admin/clients/${encodeURIComponent(id)}`;
const idOf = (c: AppContext) => c.req.param("id") ?? "";

interface ClientView {
  readonly id: string;
  readonly kind: "app" | "service";
  readonly name: string;
  readonly redirectUris: readonly string[];
  readonly scopes: readonly string[];
  readonly skillIds: readonly string[];
  readonly resources: readonly string[];
  readonly secret?: string;
  readonly previousSecretExpiresAt?: string;
}

async function listPage(c: AppContext): Promise<Response> {
  const selection = selectionOf(c);
  const { rows: clients, pages } = await apiList<ClientView>(c, "/api/admin/clients");
  return renderConsole(
    c,
    { title: "Clients", under: HERE },
    <section class="panel" aria-label="Clients">
      <p>Your apps and your skills' backends. Alexa's own clients are on the pages of their skills.</p>
      <DataTable
        caption="Clients"
        head={["Client", "Kind", "Scopes", "Skills"]}
        rows={clients.map((client) => [
          <>
            <a href={hrefOf(selection, pageOf(client.id))}>{client.name}</a>
            <br />
            <code>{client.id}</code>
          </>,
          client.kind,
          client.scopes.join(" ") || "–",
          client.skillIds.join(" ") || "–",
        ])}
      />
      {pages}
      <NewEntry c={c} href={hrefOf(selection, `${HERE}/new`)} text="Register a client" />
    </section>,
  );
}

const ClientFields: FC<{ values: Values; isNew: boolean }> = ({ values, isNew }) => (
  <>
    {isNew ? (
      <>
        <ChoiceField
          name="kind"
          label="Kind"
          values={values}
          choices={[
            ["app", "app: signs customers in, has no secret"],
            ["service", "service: a backend with a secret"],
          ]}
        />
        <TextField name="id" label="Client id" values={values} hint="Leave empty to generate one." />
        <SecretField name="secret" label="Secret" hint="Services only. Leave empty to generate one." />
      </>
    ) : null}
    <TextField name="name" label="Name" values={values} required />
    <LinesField name="redirectUris" label="Redirect URIs" values={values} hint="Apps only, one per line." />
    <LinesField name="scopes" label="Scopes" values={values} hint="One per line." />
    <LinesField name="skillIds" label="Skill ids" values={values} hint="Services only: may introspect their tokens." />
    <LinesField name="resources" label="Resources" values={values} hint="Services only: audiences of its own tokens." />
  </>
);

const LISTS = ["redirectUris", "scopes", "skillIds", "resources"] as const;

function bodyOf(fields: ReadonlyMap<string, string>, isNew: boolean): object {
  const text = (name: string) => (fields.get(name) ?? "").trim();
  const lists = LISTS.map((name) => [name, linesOf(fields.get(name))] as const);
  return {
    name: text("name"),
    // A new client's scopes have a default.
    ...Object.fromEntries(lists.filter(([name, entries]) => !isNew || name !== "scopes" || entries.length > 0)),
    ...(isNew ? { kind: fields.get("kind") } : {}),
    ...(isNew && text("id") !== "" ? { id: text("id") } : {}),
    ...(isNew && text("secret") !== "" ? { secret: text("secret") } : {}),
  };
}

function valuesOf(client: ClientView): Values {
  return { name: client.name, ...Object.fromEntries(LISTS.map((name) => [name, client[name].join("\n")])) };
}

function newPage(c: AppContext, values: Values = { kind: "app" }, problem?: ApiResult): Promise<Response> {
  return renderConsole(
    c,
    { title: "Register a client", under: HERE, ...(problem ? { status: 400 as const } : {}) },
    <section class="panel entry">
      <Problem result={problem} />
      <ActForm c={c} action={`${HERE}/new`} button="Register">
        <ClientFields values={values} isNew />
      </ActForm>
    </section>,
  );
}

async function clientPage(
  c: AppContext,
  id: string,
  { values, problem, secret }: { values?: Values; problem?: ApiResult; secret?: unknown } = {},
): Promise<Response> {
  const found = await callAdminApi(c, "GET", apiOf(id));
  if (!found.ok) return notDone(c, found, HERE, HERE);
  const client = found.body as unknown as ClientView;
  const until = client.previousSecretExpiresAt;
  return renderConsole(
    c,
    { title: client.name, under: HERE, ...(problem ? { status: 400 as const } : {}) },
    <>
      <NewSecret label="Client secret" secret={secret} />
      <Panel title="Settings">
        <Problem result={problem} />
        <p>
          <code>{client.id}</code> ({client.kind})
        </p>
        <ActForm c={c} action={pageOf(id)} button="Save">
          <ClientFields values={values ?? valuesOf(client)} isNew={false} />
        </ActForm>
      </Panel>
      {client.kind === "service" ? (
        <Panel title="Secret">
          {until === undefined ? null : <p>The previous secret is accepted until {until}.</p>}
          <ActForm c={c} action={`${pageOf(id)}/rotate`} button="Rotate the secret" fields={secretSeen(client)} />
        </Panel>
      ) : null}
      <ActForm c={c} action={`${pageOf(id)}/delete`} button="Delete this client" danger />
    </>,
  );
}

/** Adds these routes to a router. */
export function clientPages(app: Hono<AppEnv>): void {
  app.get(HERE, listPage);
  app.get(`${HERE}/new`, (c) => newPage(c));
  app.post(`${HERE}/new`, async (c) => {
    const fields = await takeAct(c);
    if (fields instanceof Response) return fields;
    const result = await callAdminApi(c, "POST", "/api/admin/clients", bodyOf(fields, true));
    if (!result.ok) return newPage(c, Object.fromEntries(fields), result);
    return clientPage(c, String(result.body.id), { secret: result.body.secret });
  });
  app.get(`${HERE}/:id`, (c) => clientPage(c, idOf(c)));
  app.post(`${HERE}/:id`, async (c) => {
    const fields = await takeAct(c);
    if (fields instanceof Response) return fields;
    const result = await callAdminApi(c, "PATCH", apiOf(idOf(c)), bodyOf(fields, false));
    const shown = result.ok ? {} : { values: Object.fromEntries(fields), problem: result };
    return clientPage(c, idOf(c), shown);
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
            "The current secret is accepted for seven more days. The secret before it, if still accepted, stops working now.",
          button: "Rotate the secret",
        },
        refusal: async (fields) =>
          secretRefusal((await callAdminApi(c, "GET", apiOf(idOf(c)))).body as Partial<ClientView>, fields),
        act: () => ({ method: "POST", path: `${apiOf(idOf(c))}/rotate-secret` }),
      },
      (result) => clientPage(c, idOf(c), { secret: result.body.secret }),
    ),
  );
  app.post(`${HERE}/:id/delete`, (c) =>
    perform(c, {
      under: HERE,
      back: HERE,
      confirmation: {
        title: "Delete this client?",
        message: "All of the client's sign-ins and tokens are revoked at once. This cannot be undone.",
        button: "Delete the client",
      },
      act: () => ({ method: "DELETE", path: apiOf(idOf(c)) }),
    }),
  );
}
