// What operators change in the console: each act does what the API does and is in the audit, and no form can be forged.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { admin, SKILL_BODY } from "../../../test/support/admin.ts";
import { rows } from "../../../test/support/app-user.ts";
import { insert } from "../../../test/support/rows.ts";
import { refresh, SERVICE_CLIENT, SKILL_ID, seedAppAndService, seedSkill } from "../../../test/support/seeds.ts";
import { ADMIN_TOKEN, type Service, startService } from "../../../test/support/service.ts";
import { linkAlexa } from "../../../test/support/tokens.ts";
import { addUser } from "../../../test/support/users.ts";
import { formsOf, type Page, type Visitor, visit } from "../../../test/support/visitor.ts";

let service: Service;
let operator: Visitor;
let userId: string;

async function signIn(): Promise<Visitor> {
  const visitor = visit(service);
  const page = await visitor.get("/admin");
  await visitor.post("/admin/session", { ...page.hidden("/admin/session"), token: ADMIN_TOKEN });
  return visitor;
}

beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAppAndService();
  userId = await addUser(service);
  operator = await signIn();
});

const audit = () =>
  rows<{ kind: string; actor: string }>(
    "SELECT kind, actor FROM audit WHERE actor IS NOT NULL AND kind <> 'operator_signed_in' ORDER BY id",
  );
const kinds = async () => (await audit()).map(({ kind, actor }) => `${kind} by ${actor}`);
const formFor = (page: Page, action: string) => {
  const form = formsOf(page.html).find((one) => one.action === action);
  if (!form) throw new Error(`no form for ${action}`);
  return form;
};
/** Sends the form for `action` on a page. */
async function act(from: string, action: string, more: Record<string, string> = {}): Promise<Page> {
  const page = await operator.get(from);
  return operator.post(action, { ...formFor(page, action).hidden, ...more });
}
/** Confirms on the page that asks. */
const confirm = (asked: Page, action: string) => operator.post(action, formFor(asked, action).hidden);

const SKILL_FIELDS = {
  id: "amzn1.ask.skill.0000-console",
  name: "Acme <b>Console</b>",
  type: "smart_home",
  stage: "development",
  linking: "",
  vendorId: "M2EXAMPLEVENDOR",
  redirectUris: "",
  extraRedirectUris: "",
  scopes: 'profile\r\n{"name":"devices:control","descriptions":{"en":"Control your devices"}}',
  returnUrls: "https://app.example.com/alexa/done\r\n",
  lwaId: "amzn1.application-oa2-client.example",
  lwaSecret: "obviously-fake-lwa-secret",
};
const PAGE = `/admin/skills/${SKILL_FIELDS.id}`;

describe("skills", () => {
  it("are registered with a secret that is shown once, in this response only", async () => {
    const page = await act("/admin/skills/new", "/admin/skills/new", SKILL_FIELDS);
    expect(page.status).toBe(200);
    expect(page.headers.get("cache-control")).toContain("no-store");
    const secret = /<code>([A-Za-z0-9_-]{43})<\/code>/.exec(page.html)?.[1] ?? "none";
    expect(page.html).toContain("Acme &lt;b&gt;Console");
    expect(page.html).not.toContain(SKILL_FIELDS.lwaSecret);
    expect((await operator.get(PAGE)).html).not.toContain(secret);
    const { body } = await admin(service, "GET", `skills/${SKILL_FIELDS.id}`);
    expect(body).toMatchObject({
      vendorId: "M2EXAMPLEVENDOR",
      scopes: ["profile", { name: "devices:control", descriptions: { en: "Control your devices" } }],
      lwa: { clientId: SKILL_FIELDS.lwaId },
    });
    expect(await kinds()).toEqual(["skill_created by ADMIN_TOKEN"]);
    expect((await operator.get("/admin/skills")).html).toContain(SKILL_FIELDS.id);
  });

  it("keep what was entered, but no secret, when the API refuses it", async () => {
    const page = await act("/admin/skills/new", "/admin/skills/new", { ...SKILL_FIELDS, vendorId: "no vendor" });
    expect(page.status).toBe(400);
    expect(page.html).toContain("vendorId");
    expect(page.html).toContain('value="no vendor"');
    expect(page.html).not.toContain(SKILL_FIELDS.lwaSecret);
    expect(await kinds()).toEqual([]);
    expect((await act("/admin/skills/new", "/admin/skills/new", { scopes: "{broken" })).status).toBe(400);
  });

  it("are changed, and keep the secrets that are left empty", async () => {
    await act("/admin/skills/new", "/admin/skills/new", SKILL_FIELDS);
    const sealed = () => rows("SELECT lwa_client_secret FROM skills WHERE id = ?", SKILL_FIELDS.id);
    const before = await sealed();
    const { form = "" } = formFor(await operator.get(PAGE), PAGE).hidden;
    const fields = { ...SKILL_FIELDS, form, name: "Renamed", lwaSecret: "", stage: "live" };
    expect((await operator.post(PAGE, fields)).html).toContain("Renamed");
    expect(await sealed()).toEqual(before);
    expect((await admin(service, "GET", `skills/${SKILL_FIELDS.id}`)).body).toMatchObject({ stage: "live" });
    await operator.post(PAGE, { ...fields, lwaId: "" });
    expect((await admin(service, "GET", `skills/${SKILL_FIELDS.id}`)).body).toMatchObject({ lwa: null });
  });

  it("get a new secret, and are deleted, each after a confirmation", async () => {
    const page = `/admin/skills/${SKILL_ID}`;
    const asked = await act(page, `${page}/rotate`);
    expect(await kinds()).toEqual([]);
    expect((await confirm(asked, `${page}/rotate`)).html).toMatch(/<code>[A-Za-z0-9_-]{43}<\/code>/);
    // A second press would end the secret that Alexa still has.
    const again = await confirm(asked, `${page}/rotate`);
    expect([again.status, again.html.includes("has been replaced since")]).toEqual([409, true]);
    const sure = await act(page, `${page}/delete`);
    expect(sure.html).toContain("cannot be undone");
    const gone = await confirm(sure, `${page}/delete`);
    expect([gone.status, gone.location]).toEqual([303, "/admin/skills"]);
    expect(await kinds()).toEqual(["client_secret_rotated by ADMIN_TOKEN", "skill_deleted by ADMIN_TOKEN"]);
    expect((await operator.get(page)).status).toBe(404);
  });
});

describe("an add-on's service client", () => {
  const ADD_ON = {
    ...{ ...SKILL_FIELDS, lwaId: "", lwaSecret: "", type: "add_on" },
    ...{ scopes: "profile", resource: "https://mcp.example.com/acme" },
  };

  it("is made with the form, kept by it, and removed after a confirmation", async () => {
    const serviceClient = async () => (await admin(service, "GET", `skills/${ADD_ON.id}`)).body.serviceClient;
    await act("/admin/skills/new", "/admin/skills/new", { ...ADD_ON, serviceClient: "yes" });
    const made = await serviceClient();
    expect(made).toMatchObject({ id: expect.any(String) });
    expect((await act(PAGE, PAGE, ADD_ON)).status).toBe(200);
    expect(await serviceClient()).toEqual(made);
    const asked = await act(PAGE, `${PAGE}/remove-service-client`);
    expect(asked.html).toContain("cannot be undone");
    expect(await serviceClient()).toEqual(made);
    await confirm(asked, `${PAGE}/remove-service-client`);
    expect(await serviceClient()).toBeNull();
  });
});

describe("clients", () => {
  it("are registered, changed, rotated and deleted", async () => {
    const made = await act("/admin/clients/new", "/admin/clients/new", { kind: "service", name: "Backend", id: "b1" });
    expect(made.html).toMatch(/<code>[A-Za-z0-9_-]{43}<\/code>/);
    await act("/admin/clients/b1", "/admin/clients/b1", { name: "Other", scopes: "catalog" });
    await confirm(await act("/admin/clients/b1", "/admin/clients/b1/rotate"), "/admin/clients/b1/rotate");
    await confirm(await act("/admin/clients/b1", "/admin/clients/b1/delete"), "/admin/clients/b1/delete");
    expect(await kinds()).toEqual(
      ["client_created", "client_changed", "client_secret_rotated", "client_deleted"].map((k) => `${k} by ADMIN_TOKEN`),
    );
    const refused = await act("/admin/clients/new", "/admin/clients/new", {
      kind: "app",
      name: "App",
      redirectUris: "x",
    });
    expect([refused.status, refused.html.includes("redirectUris")]).toEqual([400, true]);
    expect((await operator.get(`/admin/clients/${SERVICE_CLIENT}`)).html).toContain("Acme backend");
  });
});

describe("a customer", () => {
  it("is signed out, loses links and is erased, each named in the audit", async () => {
    const tokens = await linkAlexa(service, { userId });
    const page = `/admin/customers/${userId}`;
    expect((await act(page, `${page}/sign-out`)).status).toBe(303);
    const asked = await act(page, `${page}/end-links`);
    expect((await service.request("/token", refresh(tokens.refresh_token))).status).toBe(200);
    await confirm(asked, `${page}/end-links`);
    expect((await service.request("/token", refresh(tokens.refresh_token))).status).toBe(400);
    const sure = await act(page, `${page}/erase`);
    expect(sure.html).toContain("Amazon&#39;s tokens are deleted");
    await confirm(sure, `${page}/erase`);
    expect(await rows("SELECT id FROM users WHERE id = ?", userId)).toEqual([]);
    expect(await kinds()).toEqual(["logins_ended", "grant_revoked", "user_deleted"].map((k) => `${k} by ADMIN_TOKEN`));
  });
});

describe("operations", () => {
  const here = "/admin/operations";
  it("run maintenance with its report, publish a key, and drop one after a confirmation", async () => {
    await linkAlexa(service, { userId });
    expect((await act(here, `${here}/maintenance`)).html).toContain("Webhook messages delivered");
    expect((await act(here, `${here}/rotate-key`)).status).toBe(303);
    const asked = await act(here, `${here}/drop-key`);
    expect(asked.html).toContain("becomes invalid at once");
    await confirm(asked, `${here}/drop-key`);
    expect(await kinds()).toEqual(
      ["maintenance_run", "signing_key_rotated", "signing_key_dropped"].map((k) => `${k} by ADMIN_TOKEN`),
    );
  });
});

describe("webhook messages", () => {
  const here = "/admin/operations";
  it("that were given up are shown with what else waits, and are delivered again", async () => {
    await admin(service, "GET", "exports/links");
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(null, { status: 204 }));
    await insert("webhookOutbox", { id: "msg_lost" }).run();
    await env.DB.prepare("UPDATE webhook_outbox SET next_attempt_at = 8640000000000000").run();
    expect((await operator.get(here)).html).toContain("No webhook is configured");
    service = startService({
      WEBHOOK_URL: "https://hooks.example.com/",
      WEBHOOK_SECRET: `whsec_${btoa("f".repeat(32))}`,
    });
    operator = await signIn();
    const page = await operator.get(here);
    for (const text of ["msg_lost", "given up", "links exported", "Skills waiting to be disabled"]) {
      expect(page.html).toContain(text);
    }
    expect((await act(here, `${here}/redeliver`)).status).toBe(303);
    expect(await kinds()).toEqual(["links_exported by ADMIN_TOKEN", "webhooks_redelivered by ADMIN_TOKEN"]);
    await vi.waitFor(async () => expect((await operator.get(here)).html).toContain("All messages were delivered"));
    vi.restoreAllMocks();
  });
});

describe("a form", () => {
  const target = `/admin/skills/${SKILL_ID}/delete`;
  const skills = async () => (await env.DB.prepare("SELECT COUNT(*) AS n FROM skills").first<number>("n")) ?? 0;
  const tokenOf = async (who: Visitor) => formFor(await who.get(`/admin/skills/${SKILL_ID}`), target).hidden;

  it("S3: without its token, with another address's, browser's or expired one, or before the confirmation changes nothing", async () => {
    const first = await tokenOf(operator);
    const other = await signIn();
    const foreign = await confirmed(other);
    const rotate = formFor(await operator.get(`/admin/skills/${SKILL_ID}`), `/admin/skills/${SKILL_ID}/rotate`).hidden;
    const tries: Record<string, string>[] = [
      {},
      { confirmed: "yes" },
      { ...first, confirmed: "yes" },
      foreign,
      { ...rotate, confirmed: "yes" },
      { form: "x", confirmed: "yes" },
    ];
    for (const fields of tries) expect((await operator.post(target, fields)).status).toBe(403);
    const mine = await confirmed(operator);
    service.clock.advance(3_600_001);
    expect((await operator.post(target, mine)).status).toBe(400);
    const stranger = visit(service);
    expect((await stranger.post(target, mine)).status).toBe(401);
    expect([await skills(), await kinds()]).toEqual([1, []]);
  });

  /** The fields of the form that confirms. */
  async function confirmed(who: Visitor) {
    return formFor(await who.post(target, await tokenOf(who)), target).hidden;
  }

  it("that is sent twice acts once, and the second response says what is the matter", async () => {
    const fields = await confirmed(operator);
    expect((await operator.post(target, fields)).status).toBe(303);
    const again = await operator.post(target, fields);
    expect([again.status, again.html.includes("No such skill")]).toEqual([404, true]);
    expect(await kinds()).toEqual(["skill_deleted by ADMIN_TOKEN"]);
  });

  it("with hostile values is escaped and refused", async () => {
    const evil = '"><script>alert(1)</script>';
    const page = await act("/admin/skills/new", "/admin/skills/new", { ...SKILL_FIELDS, id: evil, name: evil });
    expect([page.status, page.html.includes("<script>")]).toEqual([400, false]);
    for (const id of ["..%2F..%2Fusers", "%00", "a%3Fb", "x".repeat(2000)]) {
      expect([id.slice(0, 20), (await operator.get(`/admin/skills/${id}`)).status]).toEqual([id.slice(0, 20), 404]);
    }
    expect((await operator.get(`/admin/clients/${SKILL_BODY.client.id}`)).status).toBe(404);
  });
});
