// A skill's stage: the default for enablement calls, which a start call can override.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { admin, SKILL_BODY } from "../../test/support/admin.ts";
import { LWA_CLIENT_ID, LWA_CLIENT_SECRET, startAmazon } from "../../test/support/amazon.ts";
import { type AppUser, appUser, RETURN_URL, rows } from "../../test/support/app-user.ts";
import {
  ALEXA_CLIENT,
  ALEXA_SECRET,
  exchange,
  json,
  SKILL_ID,
  seedAppAndService,
  seedCode,
  seedUser,
} from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";

const SKILL = {
  ...SKILL_BODY,
  id: SKILL_ID,
  vendorId: "M0TESTVENDOR00",
  returnUrls: [RETURN_URL],
  lwa: { clientId: LWA_CLIENT_ID, clientSecret: LWA_CLIENT_SECRET },
  client: { id: ALEXA_CLIENT, secret: ALEXA_SECRET },
};
const PATH = `skills/${SKILL_ID}`;

let service: Service;
let ada: AppUser;

async function register(stage?: string): Promise<void> {
  service = startService();
  expect((await admin(service, "POST", "skills", { ...SKILL, stage })).status).toBe(201);
  await seedAppAndService();
  ada = await appUser(service, await seedUser());
}

describe("the stage of a skill", () => {
  beforeEach(() => register());

  it("is development by default, and can be changed with PATCH", async () => {
    expect((await admin(service, "GET", PATH)).body.stage).toBe("development");
    const changed = await admin(service, "PATCH", PATH, { stage: "live" });
    expect([changed.status, changed.body.stage]).toEqual([200, "live"]);
    expect((await admin(service, "PATCH", PATH, { stage: "beta" })).status).toBe(400);
    expect((await admin(service, "GET", PATH)).body.stage).toBe("live");
    await admin(service, "PATCH", PATH, { name: "Renamed" });
    expect((await admin(service, "GET", PATH)).body).toMatchObject({ name: "Renamed", stage: "live" });
  });

  it("an attempt uses and records the stage of the skill, unless the start call names another", async () => {
    const amazon = startAmazon(service);
    const link = async (overrides: object, account: string) => {
      const started = await ada.start(overrides as Record<string, unknown>);
      const callback = await amazon.approve(started.loginWithAmazonUrl, account);
      const done = await ada.complete({ state: started.state, code: callback.searchParams.get("code") });
      expect(done.status, await done.text()).toBe(200);
      const [row] = await rows<{ stage: string }>(`SELECT stage FROM attempts WHERE id = '${started.id}'`);
      return [new URL(started.alexaAppUrl).searchParams.get("skill_stage"), row?.stage];
    };
    expect(await link({}, "amazon-account-1")).toEqual(["development", "development"]);
    expect(await link({ stage: "live" }, "amazon-account-2")).toEqual(["live", "live"]);
    await admin(service, "PATCH", PATH, { stage: "live" });
    expect(await link({}, "amazon-account-3")).toEqual(["live", "live"]);
    expect(await link({ stage: "development" }, "amazon-account-4")).toEqual(["development", "development"]);
    // All of them are links to the same skill.
    const status = await json<{ status: string; grants: unknown[] }>(await ada.call("GET", `/api/links/${SKILL_ID}`));
    expect([status.status, status.grants.length]).toEqual(["linked", 4]);
    expect(status).not.toHaveProperty("stage");
  });

  it("registering the skill a second time is a conflict, with any stage and client", async () => {
    for (const [stage, client] of [
      ["development", { id: ALEXA_CLIENT }],
      ["live", {}],
      ["live", { id: "another" }],
    ]) {
      const response = await admin(service, "POST", "skills", { ...SKILL, stage, client });
      expect([response.status, response.body.code]).toEqual([409, "conflict"]);
      expect(response.body.detail).toContain("is already registered");
    }
    expect(await rows("SELECT id FROM clients WHERE kind = 'alexa'")).toHaveLength(1);
    expect(await rows("SELECT id FROM audit WHERE kind = 'skill_created'")).toHaveLength(1);
  });

  it("the client of another skill, of an app or of a service is a conflict", async () => {
    for (const client of [ALEXA_CLIENT, "test-app", "test-service"]) {
      const other = { ...SKILL, id: "amzn1.ask.skill.0000-other", client: { id: client } };
      const response = await admin(service, "POST", "skills", other);
      expect([response.status, response.body.code], client).toEqual([409, "conflict"]);
      expect(response.body.detail).toContain(client);
    }
    expect((await admin(service, "GET", "skills")).body.items).toHaveLength(1);
  });

  it("unlinking voids the skill's unspent codes", async () => {
    const code = await seedCode();
    await ada.call("DELETE", `/api/links/${SKILL_ID}`);
    expect((await service.request("/token", exchange(code))).status).toBe(400);
  });

  it("deleting the skill deletes its links, codes and client", async () => {
    const linked = await service.request("/token", exchange(await seedCode()));
    expect(linked.status).toBe(200);
    const code = await seedCode();
    expect((await admin(service, "DELETE", PATH)).status).toBe(204);
    expect(await rows("SELECT id FROM clients WHERE kind = 'alexa'")).toEqual([]);
    expect(await rows("SELECT id FROM grants WHERE skill_id IS NOT NULL")).toEqual([]);
    expect(await env.DB.prepare("SELECT 1 FROM codes WHERE client_id = ?").bind(ALEXA_CLIENT).first()).toBeNull();
    expect((await service.request("/token", exchange(code))).status).toBe(401);
    expect((await admin(service, "DELETE", PATH)).status).toBe(404);
  });
});

it("of eight registrations of a skill at once one succeeds", async () => {
  service = startService();
  service.meter.faults.push({ when: () => true, delayMs: 5 });
  const body = { ...SKILL_BODY, client: {} };
  const responses = await Promise.all(Array.from({ length: 8 }, () => admin(service, "POST", "skills", body)));
  expect(responses.map((response) => response.status).sort()).toEqual([201, ...Array(7).fill(409)]);
  expect(await rows("SELECT id FROM clients")).toHaveLength(1);
});
