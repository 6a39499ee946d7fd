// Every form of the console that changes something, as its routes name them: a token of its own, a question before what
// cannot be undone, and an audit row with the operator.
import { Hono } from "hono/tiny";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { rows } from "../../../test/support/app-user.ts";
import { operator } from "../../../test/support/operator.ts";
import { insert } from "../../../test/support/rows.ts";
import { SERVICE_CLIENT, SKILL_ID, seedAppAndService, seedSkill } from "../../../test/support/seeds.ts";
import { type Service, startService } from "../../../test/support/service.ts";
import { grantIdOf, linkAlexa } from "../../../test/support/tokens.ts";
import { addUser } from "../../../test/support/users.ts";
import { formsOf, type Page, type Visitor, visit } from "../../../test/support/visitor.ts";
import type { AppEnv } from "../../runtime.ts";
import { consoleRoutes } from "./routes.ts";

const WEBHOOK = { WEBHOOK_URL: "https://hooks.example.com/", WEBHOOK_SECRET: `whsec_${btoa("f".repeat(32))}` };
const TOKEN = { clientId: "amzn1.application-oa2-client.dev", clientSecret: "fake-secret", refreshToken: "Atzr|fake" };

let service: Service;
let visitor: Visitor;
let userId: string;
let grantId: string;

beforeEach(async () => {
  service = startService(WEBHOOK);
  await seedSkill();
  await seedAppAndService();
  userId = await addUser(service);
  const tokens = await linkAlexa(service, { userId });
  grantId = grantIdOf(tokens.refresh_token);
  await insert("sessions", { id: "login-1", userId, createdAt: service.clock.now }).run();
  await insert("webhookOutbox", { id: "msg_1" }).run();
  vi.spyOn(globalThis, "fetch").mockImplementation(async () =>
    Response.json({ access_token: "Atza|fake", token_type: "bearer", expires_in: 3600 }),
  );
  visitor = await operator(service);
  return () => vi.restoreAllMocks();
});

interface Act {
  /** The page that has the form. */
  readonly from: string;
  readonly action: string;
  readonly kind: string;
  readonly fields?: Readonly<Record<string, string>>;
  /** It cannot be undone. */
  readonly asks?: boolean;
  readonly before?: () => Promise<unknown>;
}
const skill = `/admin/skills/${SKILL_ID}`;
const client = `/admin/clients/${SERVICE_CLIENT}`;
const operations = "/admin/operations";
const amazon = "/admin/amazon";
const customer = (): string => `/admin/customers/${userId}`;
const SKILL = { id: "new", name: "New", type: "custom", stage: "development", vendorId: "M2", scopes: "profile" };

const ACTS: Readonly<Record<string, () => Act>> = {
  "/admin/skills/new": () => ({
    from: "/admin/skills/new",
    action: "/admin/skills/new",
    kind: "skill_created",
    fields: SKILL,
  }),
  "/admin/skills/:id": () => ({
    from: skill,
    action: skill,
    kind: "skill_changed",
    fields: { ...SKILL, name: "Other" },
  }),
  "/admin/skills/:id/rotate": () => ({
    from: skill,
    action: `${skill}/rotate`,
    kind: "client_secret_rotated",
    asks: true,
  }),
  "/admin/skills/:id/delete": () => ({ from: skill, action: `${skill}/delete`, kind: "skill_deleted", asks: true }),
  "/admin/clients/new": () => ({
    from: "/admin/clients/new",
    action: "/admin/clients/new",
    kind: "client_created",
    fields: { kind: "service", name: "Backend" },
  }),
  "/admin/clients/:id": () => ({ from: client, action: client, kind: "client_changed", fields: { name: "Other" } }),
  "/admin/clients/:id/rotate": () => ({
    from: client,
    action: `${client}/rotate`,
    kind: "client_secret_rotated",
    asks: true,
  }),
  "/admin/clients/:id/delete": () => ({ from: client, action: `${client}/delete`, kind: "client_deleted", asks: true }),
  "/admin/customers/:id/sign-out": () => ({
    from: customer(),
    action: `${customer()}/sign-out`,
    kind: "logins_ended",
  }),
  "/admin/customers/:id/end-login": () => ({
    from: customer(),
    action: `${customer()}/end-login`,
    kind: "login_ended",
  }),
  "/admin/customers/:id/end-link": () => ({
    from: customer(),
    action: `${customer()}/end-link`,
    kind: "grant_revoked",
    asks: true,
  }),
  "/admin/customers/:id/end-links": () => ({
    from: customer(),
    action: `${customer()}/end-links`,
    kind: "grant_revoked",
    asks: true,
  }),
  "/admin/customers/:id/erase": () => ({
    from: customer(),
    action: `${customer()}/erase`,
    kind: "user_deleted",
    asks: true,
  }),
  "/admin/operations/maintenance": () => ({
    from: operations,
    action: `${operations}/maintenance`,
    kind: "maintenance_run",
  }),
  "/admin/operations/redeliver": () => ({
    from: operations,
    action: `${operations}/redeliver`,
    kind: "webhooks_redelivered",
    before: async () => {
      const late = service.clock.now + 3_600_000;
      await rows(`UPDATE webhook_outbox SET next_attempt_at = ${late} RETURNING id`);
    },
  }),
  "/admin/operations/rotate-key": () => ({
    from: operations,
    action: `${operations}/rotate-key`,
    kind: "signing_key_rotated",
  }),
  "/admin/operations/drop-key": () => ({
    from: operations,
    action: `${operations}/drop-key`,
    kind: "signing_key_dropped",
    asks: true,
  }),
  "/admin/amazon/token": () => ({
    from: amazon,
    action: `${amazon}/token`,
    kind: "developer_token_stored",
    fields: TOKEN,
  }),
  "/admin/amazon/token/delete": () => ({
    from: amazon,
    action: `${amazon}/token/delete`,
    kind: "developer_token_deleted",
    asks: true,
    before: async () => {
      const page = await visitor.get(amazon);
      await visitor.post(`${amazon}/token`, { ...formOf(page, `${amazon}/token`), ...TOKEN });
    },
  }),
};
/** They have tests of their own: the sign-in, the push to Amazon, and what only an add-on has. */
const ELSEWHERE = [
  "/admin/session",
  "/admin/sign-out",
  "/admin/skills/:id/amazon",
  "/admin/skills/:id/remove-service-client",
];

function formOf(page: Page, action: string): Readonly<Record<string, string>> {
  const form = formsOf(page.html).find((one) => one.action === action);
  if (!form) throw new Error(`no form for ${action} on ${page.url} (${page.status})`);
  return form.hidden;
}

const audited = () =>
  rows<{ id: number; kind: string; actor: string | null }>(
    "SELECT id, kind, actor FROM audit WHERE kind <> 'operator_signed_in' ORDER BY id",
  );

it("O11: each form that the console's routes take is in this table", () => {
  const app = new Hono<AppEnv>();
  consoleRoutes(app);
  const posted = app.routes.filter(({ method }) => method === "POST");
  expect(new Set([...Object.keys(ACTS), ...ELSEWHERE])).toEqual(new Set(posted.map(({ path }) => path)));
});

describe("O11: an act", () => {
  it.each(Object.keys(ACTS))(
    "needs its own token, asks where it cannot be undone, and is audited: %s",
    async (path) => {
      const { from, action, kind, fields = {}, asks = false, before } = (ACTS[path] as () => Act)();
      await before?.();
      const page = await visitor.get(from);
      const own = { ...formOf(page, action), ...fields };
      const unchanged = await audited();

      const { form: _form, ...without } = own as Record<string, string>;
      const another = formsOf(page.html).find((one) => one.action === "/admin/sign-out")?.hidden.form ?? "";
      const confirming = { ...own, confirmed: "yes" };
      const forged: Record<string, string>[] = [without, { ...own, form: "x" }, { ...own, form: another }];
      for (const body of asks ? [...forged, confirming] : forged) {
        expect((await visitor.post(action, body)).status).toBe(403);
      }
      expect((await (await operator(service)).post(action, own)).status).toBe(403);
      expect((await visit(service).post(action, own)).status).toBe(401);
      expect(await audited()).toEqual(unchanged);

      const first = await visitor.post(action, own);
      if (asks) {
        expect([first.status, await audited()]).toEqual([200, unchanged]);
        expect(first.html).toContain(">Cancel</a>");
      }
      const last = asks ? await visitor.post(action, formOf(first, action)) : first;
      expect([last.status < 400, last.html.includes('id="error"')]).toEqual([true, false]);
      await service.settled();
      const made = (await audited()).slice(unchanged.length).filter((one) => one.kind === kind);
      expect(made.length).toBeGreaterThan(0);
      expect(new Set(made.map(({ actor }) => actor))).toEqual(new Set(["ADMIN_TOKEN"]));
    },
  );
});

it("O11: one link and one login are ended from the customer's page, and the others stay", async () => {
  await insert("grants", { id: "other-link", userId }).run();
  await insert("sessions", { id: "login-2", userId, createdAt: service.clock.now + 1 }).run();
  const live = () => rows("SELECT id FROM grants WHERE revoked_at IS NULL ORDER BY id");
  const open = () => rows("SELECT id FROM sessions WHERE ended_at IS NULL ORDER BY id");
  expect([(await live()).length, await open()]).toEqual([2, [{ id: "login-1" }, { id: "login-2" }]]);
  const formWith = (page: Page, action: string, name: string, value: string) =>
    formsOf(page.html).find((one) => one.action === action && one.hidden[name] === value)?.hidden ?? {};

  const page = await visitor.get(customer());
  const asked = await visitor.post(
    `${customer()}/end-link`,
    formWith(page, `${customer()}/end-link`, "grantId", grantId),
  );
  expect(asked.html).toContain("End this link?");
  const done = await visitor.post(`${customer()}/end-link`, formOf(asked, `${customer()}/end-link`));
  expect([done.status, done.location]).toEqual([303, customer()]);
  expect(await live()).toEqual([{ id: "other-link" }]);

  const login = formWith(page, `${customer()}/end-login`, "loginId", "login-1");
  expect((await visitor.post(`${customer()}/end-login`, login)).status).toBe(303);
  expect(await open()).toEqual([{ id: "login-2" }]);
  for (const hostile of ["login-1", "", "../../x", "a".repeat(3000)]) {
    const again = await visitor.post(`${customer()}/end-login`, { ...login, loginId: hostile });
    expect(again.status).toBeLessThan(500);
  }
  expect(await open()).toEqual([{ id: "login-2" }]);
});
