// Amazon copies the account-linking configuration from development to live: both stages then come with one client.
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Answer, admin, SKILL_BODY } from "../../test/support/admin.ts";
import { LWA_CLIENT_ID, LWA_CLIENT_SECRET, startAmazon } from "../../test/support/amazon.ts";
import { appUser, RETURN_URL, rows } from "../../test/support/app-user.ts";
import {
  ALEXA_CLIENT,
  ALEXA_SECRET,
  exchange,
  json,
  refresh,
  SKILL_ID,
  seedAppAndService,
  seedCode,
  seedUser,
} from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";

const DEVELOPMENT = {
  ...SKILL_BODY,
  id: SKILL_ID,
  vendorId: "M0TESTVENDOR00",
  returnUrls: [RETURN_URL],
  lwa: { clientId: LWA_CLIENT_ID, clientSecret: LWA_CLIENT_SECRET },
  client: { id: ALEXA_CLIENT, secret: ALEXA_SECRET },
};
const LIVE = { ...DEVELOPMENT, stage: "live", client: { id: ALEXA_CLIENT } };
const path = (stage: string) => `skills/${SKILL_ID}/${stage}`;
const clientOf = (answer: Answer) => answer.body.client as Record<string, unknown>;

async function both(live: object = {}): Promise<Service> {
  const service = startService();
  expect((await admin(service, "POST", "skills", DEVELOPMENT)).status).toBe(201);
  const added = await admin(service, "POST", "skills", { ...LIVE, ...live });
  expect(added.status).toBe(201);
  return service;
}

const clients = () => rows<{ id: string; skill_stage: string }>("SELECT id, skill_stage FROM clients ORDER BY id");

afterEach(() => vi.restoreAllMocks());

describe("one client for both stages", () => {
  it("the second stage is registered with the first one's client: its secret stays, and is not shown", async () => {
    const service = startService();
    await admin(service, "POST", "skills", DEVELOPMENT);
    const live = await admin(service, "POST", "skills", LIVE);
    expect(live.status).toBe(201);
    expect(live.headers.get("location")).toBe(`/api/admin/${path("live")}`);
    expect(clientOf(live)).toMatchObject({ id: ALEXA_CLIENT, stages: ["development", "live"] });
    expect(clientOf(live)).not.toHaveProperty("secret");
    expect(await clients()).toEqual([{ id: ALEXA_CLIENT, skill_stage: "live" }]);
    for (const stage of ["development", "live"]) {
      expect(clientOf(await admin(service, "GET", path(stage))).id).toBe(ALEXA_CLIENT);
    }
    const listed = (await admin(service, "GET", "skills")).body.items as { stage: string; client: { id: string } }[];
    expect(listed.map((skill) => [skill.stage, skill.client.id])).toEqual([
      ["development", ALEXA_CLIENT],
      ["live", ALEXA_CLIENT],
    ]);
  });

  it("in the other order too: live first, then development", async () => {
    const service = startService();
    await admin(service, "POST", "skills", { ...LIVE, client: DEVELOPMENT.client });
    const added = await admin(service, "POST", "skills", { ...DEVELOPMENT, client: { id: ALEXA_CLIENT } });
    expect(added.status).toBe(201);
    expect(await clients()).toEqual([{ id: ALEXA_CLIENT, skill_stage: "live" }]);
  });

  it("the right secret beside it is fine, also the one of before its rotation; a wrong one is refused and nothing is stored", async () => {
    const service = startService();
    await admin(service, "POST", "skills", DEVELOPMENT);
    const client = { id: ALEXA_CLIENT, secret: "another-secret-1234" };
    const wrong = await admin(service, "POST", "skills", { ...LIVE, client });
    expect([wrong.status, wrong.body.code]).toEqual([409, "conflict"]);
    expect(wrong.body.detail).toContain("client.secret");
    expect(JSON.stringify(wrong.body)).not.toContain("another-secret");
    expect((await admin(service, "GET", path("live"))).status).toBe(404);

    const rotated = await admin(service, "POST", `${path("development")}/rotate-secret`, { overlapSeconds: 60 });
    const current = { ...LIVE, client: { id: ALEXA_CLIENT, secret: clientOf(rotated).secret } };
    const right = await admin(service, "POST", "skills", current);
    expect(right.status).toBe(201);
    expect(clientOf(right)).not.toHaveProperty("secret");
    await admin(service, "DELETE", path("live"));
    expect((await admin(service, "POST", "skills", { ...LIVE, client: DEVELOPMENT.client })).status).toBe(201);
    await admin(service, "DELETE", path("live"));
    service.clock.advance(61_000);
    expect((await admin(service, "POST", "skills", { ...LIVE, client: DEVELOPMENT.client })).status).toBe(409);
  });

  it("without client.id the second stage gets a client of its own", async () => {
    const service = startService();
    await admin(service, "POST", "skills", DEVELOPMENT);
    const live = await admin(service, "POST", "skills", { ...LIVE, client: {} });
    expect(live.status).toBe(201);
    expect(clientOf(live).id).not.toBe(ALEXA_CLIENT);
    expect(clientOf(live)).toHaveProperty("secret");
    expect(clientOf(live)).not.toHaveProperty("stages");
    expect(await clients()).toHaveLength(2);
  });

  it("the client of another skill, of an app or of a service is a conflict", async () => {
    const service = startService();
    await admin(service, "POST", "skills", DEVELOPMENT);
    await seedAppAndService();
    for (const [id, client] of [
      ["amzn1.ask.skill.0000-other", ALEXA_CLIENT],
      [SKILL_ID, "test-app"],
      [SKILL_ID, "test-service"],
    ]) {
      const answer = await admin(service, "POST", "skills", { ...LIVE, id, client: { id: client } });
      expect([answer.status, answer.body.code], `${id} ${client}`).toEqual([409, "conflict"]);
      expect(answer.body.detail).toContain(client);
    }
    expect((await admin(service, "GET", "skills")).body.items).toHaveLength(1);
  });

  it("a stage that is registered already is a conflict, whatever client it names", async () => {
    const service = await both();
    for (const client of [{ id: ALEXA_CLIENT }, {}, { id: "another" }]) {
      const answer = await admin(service, "POST", "skills", { ...LIVE, client });
      expect([answer.status, answer.body.code]).toEqual([409, "conflict"]);
      expect(answer.body.detail).toContain("(live) is registered already");
    }
    expect(await clients()).toHaveLength(1);
  });

  it("redirect URIs, scopes and scope texts are those of both stages, each counted once; a change of one stage keeps the other's", async () => {
    const extra = "https://staging.example.com/alexa";
    const service = await both({
      vendorId: "M9OTHERVENDOR",
      extraRedirectUris: [extra],
      scopes: ["profile", { name: "scenes:run", descriptions: { en: "Run your scenes" } }],
    });
    const client = clientOf(await admin(service, "GET", path("development")));
    const uris = client.redirectUris as string[];
    expect(new Set(uris).size).toBe(7);
    expect(uris).toContain("https://pitangui.amazon.com/api/skill/link/M9OTHERVENDOR");
    expect(uris).toContain("https://layla.amazon.com/api/skill/link/M0TESTVENDOR00");
    expect(uris).toContain(extra);
    const request = await admin(service, "GET", `${path("live")}/account-linking-request`);
    const scopes = (request.body.accountLinkingRequest as { scopes: string[] }).scopes;
    expect(scopes).toEqual(["profile", "scenes:run", "devices:control"]);

    await admin(service, "PATCH", path("live"), { vendorId: "M0TESTVENDOR00", scopes: ["profile"] });
    const after = clientOf(await admin(service, "GET", path("development"))).redirectUris as string[];
    expect(after).toHaveLength(4);
    expect(after).toContain(extra);
    expect(await env.DB.prepare("SELECT scopes FROM clients").first("scopes")).toBe('["profile","devices:control"]');
  });

  it("redirect URIs given by hand stay with the stage that they were given for", async () => {
    const byHand = ["pitangui.amazon.com", "layla.amazon.com", "alexa.amazon.co.jp"].map(
      (host) => `https://${host}/api/skill/link/M1BYHAND`,
    );
    const service = await both({ vendorId: undefined, redirectUris: byHand });
    await admin(service, "PATCH", path("development"), { name: "Renamed" });
    expect(clientOf(await admin(service, "GET", path("live"))).redirectUris).toHaveLength(6);
    await admin(service, "DELETE", path("live"));
    const left = clientOf(await admin(service, "GET", path("development"))).redirectUris as string[];
    expect(left).toHaveLength(3);
    expect(left.some((uri) => uri.includes("M1BYHAND"))).toBe(false);
  });

  it("what is said of the client holds for both: policy, and the demand of an add-on", async () => {
    const service = await both({ client: { id: ALEXA_CLIENT, issuerInResponse: true } });
    expect(clientOf(await admin(service, "GET", path("development")))).toMatchObject({ issuerInResponse: true });
    await admin(service, "PATCH", path("development"), { client: { rotateRefreshTokens: true } });
    expect(clientOf(await admin(service, "GET", path("live")))).toMatchObject({
      issuerInResponse: true,
      rotateRefreshTokens: true,
      requirePkce: false,
    });
    await admin(service, "PATCH", path("live"), { type: "add_on" });
    const changed = await admin(service, "PATCH", path("development"), { client: { requirePkce: false } });
    expect(clientOf(changed)).toMatchObject({ requirePkce: true });
  });

  it("eight registrations of live at once: one is made", async () => {
    const service = startService();
    await admin(service, "POST", "skills", DEVELOPMENT);
    service.meter.faults.push({ when: () => true, delayMs: 5 });
    const answers = await Promise.all(Array.from({ length: 8 }, () => admin(service, "POST", "skills", LIVE)));
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, ...Array(7).fill(409)]);
    expect(await clients()).toHaveLength(1);
  });
});

describe("removing one of two stages that share a client", () => {
  async function grantsOfBothStages(): Promise<{ service: Service; development: string; live: string }> {
    const service = startService();
    await admin(service, "POST", "skills", DEVELOPMENT);
    await seedUser();
    const first = await json(await service.request("/token", exchange(await seedCode())));
    await admin(service, "POST", "skills", LIVE);
    const code = await seedCode();
    await env.DB.prepare("UPDATE attempts SET skill_stage = 'live' WHERE outcome = 'pending'").run();
    const second = await json(await service.request("/token", exchange(code)));
    return { service, development: first.refresh_token, live: second.refresh_token };
  }

  for (const [gone, kept] of [
    ["development", "live"],
    ["live", "development"],
  ] as const) {
    it(`${gone}: the client stays for ${kept}, whose links live on; those of ${gone} end, with its codes`, async () => {
      const tokens = await grantsOfBothStages();
      const { service } = tokens;
      const pendingCodes = { development: await seedCode(), live: await seedCode() };
      await env.DB.prepare(
        "UPDATE attempts SET skill_stage = 'live' WHERE id = (SELECT attempt_id FROM codes ORDER BY attempt_id DESC LIMIT 1)",
      ).run();
      expect((await admin(service, "DELETE", path(gone))).status).toBe(204);
      expect(await clients()).toEqual([{ id: ALEXA_CLIENT, skill_stage: kept }]);
      expect(clientOf(await admin(service, "GET", path(kept)))).not.toHaveProperty("stages");
      expect((await service.request("/token", refresh(tokens[kept]))).status).toBe(200);
      expect((await service.request("/token", refresh(tokens[gone]))).status).toBe(400);
      expect((await service.request("/token", exchange(pendingCodes[gone]))).status).toBe(400);
      expect((await service.request("/token", exchange(pendingCodes[kept]))).status).toBe(200);
    });
  }

  it("both: the client goes with the second", async () => {
    const { service } = await grantsOfBothStages();
    await admin(service, "DELETE", path("development"));
    await admin(service, "DELETE", path("live"));
    expect(await clients()).toEqual([]);
    expect(await rows("SELECT id FROM grants")).toEqual([]);
  });
});

describe("linking when both stages share a client", () => {
  it("the grant of a linking from the app is of the stage that the linking was started for", async () => {
    const service = await both();
    await seedAppAndService();
    const ada = await appUser(service, await seedUser());
    const amazon = startAmazon(service);
    for (const stage of ["development", "live"]) {
      const started = await ada.start({ stage });
      expect(new URL(started.alexaAppUrl).searchParams.get("skill_stage")).toBe(stage);
      const callback = await amazon.approve(started.loginWithAmazonUrl, `amazon-account-${stage}`);
      const done = await ada.complete({ state: started.state, code: callback.searchParams.get("code") });
      expect(done.status, await done.text()).toBe(200);
    }
    const grants = await rows(
      "SELECT skill_stage, client_id FROM grants WHERE skill_id IS NOT NULL ORDER BY skill_stage",
    );
    expect(grants).toEqual([
      { skill_stage: "development", client_id: ALEXA_CLIENT },
      { skill_stage: "live", client_id: ALEXA_CLIENT },
    ]);
    // Unlinking one stage leaves the other one alone.
    expect((await ada.call("DELETE", `/api/links/${SKILL_ID}?stage=development`)).status).toBe(204);
    const left = await rows("SELECT skill_stage FROM grants WHERE skill_id IS NOT NULL AND revoked_at IS NULL");
    expect(left).toEqual([{ skill_stage: "live" }]);
  });

  it("unlinking one stage voids its unspent codes, not the other's", async () => {
    const service = await both();
    await seedAppAndService();
    const userId = await seedUser();
    const ada = await appUser(service, userId);
    const ofDevelopment = await seedCode();
    const ofLive = await seedCode();
    await env.DB.prepare(
      "UPDATE attempts SET skill_stage = 'live' WHERE id = (SELECT attempt_id FROM codes ORDER BY attempt_id DESC LIMIT 1)",
    ).run();
    await ada.call("DELETE", `/api/links/${SKILL_ID}?stage=development`);
    expect((await service.request("/token", exchange(ofDevelopment))).status).toBe(400);
    expect((await service.request("/token", exchange(ofLive))).status).toBe(200);
  });

  it("a link that came through the Alexa app counts for live, and is found by a linking of development that Alexa calls done already", async () => {
    const service = await both();
    await seedAppAndService();
    const userId = await seedUser();
    const code = await seedCode();
    await env.DB.prepare("UPDATE attempts SET skill_stage = 'live' WHERE outcome = 'pending'").run();
    const alexa = await json(await service.request("/token", exchange(code)));
    const ada = await appUser(service, userId);
    const amazon = startAmazon(service);
    amazon.linked.set("amazon-account-1", alexa);
    amazon.faults.push((seen) =>
      seen.what === "enable" ? new Response('{"message":"already linked"}', { status: 409 }) : undefined,
    );
    const started = await ada.start({ stage: "development" });
    const callback = await amazon.approve(started.loginWithAmazonUrl);
    const done = await ada.complete({ state: started.state, code: callback.searchParams.get("code") });
    expect(done.status, await done.text()).toBe(200);
    const grants = await rows(
      "SELECT skill_stage FROM grants WHERE skill_id IS NOT NULL AND revoked_at IS NULL AND client_id = ?",
      ALEXA_CLIENT,
    );
    // Alexa has said which stage it was of.
    expect(grants).toEqual([{ skill_stage: "development" }]);
  });
});

describe("creating when the connection to the database is lost after the write (F5)", () => {
  const lost = (service: Service, sql: string) =>
    service.meter.faults.push({
      when: (trip) => trip.sql.includes(sql),
      throws: "after",
      message: "D1_ERROR: Network connection lost.",
      times: 1,
    });
  const audited = (kind: string) => rows("SELECT id FROM audit WHERE kind = ?", kind);

  it("a skill is answered 201 with the secret that was stored, once in the audit", async () => {
    const service = startService();
    lost(service, "INSERT INTO skills");
    const { client: _, ...body } = DEVELOPMENT;
    const made = await admin(service, "POST", "skills", { ...body, client: { id: ALEXA_CLIENT } });
    expect(made.status).toBe(201);
    await seedUser();
    const code = await seedCode();
    const init = exchange(code);
    const basic = `Basic ${btoa(`${ALEXA_CLIENT}:${clientOf(made).secret}`)}`;
    const linked = await service.request("/token", { ...init, headers: { ...init.headers, authorization: basic } });
    expect(linked.status).toBe(200);
    expect(await audited("skill_created")).toHaveLength(1);
    expect((await admin(service, "POST", "skills", { ...body, client: {} })).status).toBe(409);
  });

  it("a stage that shares its client is answered 201", async () => {
    const service = startService();
    await admin(service, "POST", "skills", DEVELOPMENT);
    lost(service, "INSERT INTO skills");
    expect((await admin(service, "POST", "skills", LIVE)).status).toBe(201);
    expect(await audited("skill_created")).toHaveLength(2);
  });

  it("a service client is answered 201 with the secret that was stored", async () => {
    const service = startService();
    lost(service, "INSERT INTO clients");
    const body = { id: "backend", kind: "service", name: "Backend" };
    const made = await admin(service, "POST", "clients", body);
    expect(made.status).toBe(201);
    const answer = await service.request("/token", {
      method: "POST",
      headers: {
        authorization: `Basic ${btoa(`backend:${made.body.secret}`)}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: "grant_type=client_credentials",
    });
    expect(answer.status).toBe(200);
    expect(await audited("client_created")).toHaveLength(1);
    expect((await admin(service, "POST", "clients", body)).status).toBe(409);
  });

  it("an account is answered 201; a second one with its address is a conflict", async () => {
    const service = startService();
    lost(service, "INSERT INTO users");
    const body = { email: "grace@example.com", password: "an-obviously-fake-password", name: "Grace" };
    expect((await admin(service, "POST", "users", body)).status).toBe(201);
    expect((await admin(service, "POST", "users", body)).status).toBe(409);
    expect(await rows("SELECT id FROM users")).toHaveLength(1);
  });

  it("a rotated secret is the one that is shown, and the one of before still works", async () => {
    const service = startService();
    await admin(service, "POST", "skills", DEVELOPMENT);
    lost(service, "UPDATE clients");
    const rotated = await admin(service, "POST", `${path("development")}/rotate-secret`, {});
    expect(rotated.status).toBe(200);
    await seedUser();
    for (const secret of [ALEXA_SECRET, clientOf(rotated).secret]) {
      const init = exchange(await seedCode());
      const basic = `Basic ${btoa(`${ALEXA_CLIENT}:${secret}`)}`;
      expect(
        (await service.request("/token", { ...init, headers: { ...init.headers, authorization: basic } })).status,
      ).toBe(200);
    }
    expect(await audited("client_secret_rotated")).toHaveLength(1);
  });
});
