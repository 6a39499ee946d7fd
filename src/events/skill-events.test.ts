// POST /alexa/events: the effect of accepted events.
import { env } from "cloudflare:workers";
import { SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CERTIFICATE_URL } from "../../test/support/alexa-signer.ts";
import { runtimeOf } from "../../test/support/runtime.ts";
import { refresh, SKILL_ID, seedSkill, seedUser } from "../../test/support/seeds.ts";
import { type Service, START } from "../../test/support/service.ts";
import { deliver, eventBody, link, post, startWithAlexa } from "../../test/support/skill-events.ts";
import { currentSigner } from "../oauth/keys.ts";

const ALEXA_USER = "amzn1.ask.account.TESTUSER";
const HOUR_MS = 3600_000;

let service: Service;
let files: Map<string, () => Response | Promise<Response>>;

beforeEach(async () => {
  ({ service, files } = await startWithAlexa());
  await seedSkill();
  await seedUser();
});
afterEach(() => vi.restoreAllMocks());

async function grant(id: string) {
  return env.DB.prepare("SELECT revoked_at, revoked_reason, alexa_user_id FROM grants WHERE id = ?").bind(id).first<{
    revoked_at: number | null;
    revoked_reason: string | null;
    alexa_user_id: string | null;
  }>();
}
async function stillRefreshes(tokens: { refresh_token: string }): Promise<boolean> {
  const response = await service.request("/token", refresh(tokens.refresh_token));
  await response.text();
  return response.status === 200;
}
async function eventRows(): Promise<number> {
  return (await env.DB.prepare("SELECT COUNT(*) AS n FROM skill_events").first<number>("n")) ?? -1;
}
async function audits(grantId: string): Promise<unknown[]> {
  const rows = await env.DB.prepare("SELECT kind, details FROM audit WHERE grant_id = ? AND kind = 'grant_revoked'")
    .bind(grantId)
    .all();
  return rows.results;
}

describe("SkillDisabled", () => {
  it("U1: revokes the grant of its token, and no other grant of the same user", async () => {
    const first = await link(service);
    const second = await link(service);
    const response = await deliver(service, { accessToken: first.tokens.access_token, userId: ALEXA_USER });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({});
    expect(await stillRefreshes(first.tokens)).toBe(false);
    expect(await stillRefreshes(second.tokens)).toBe(true);
    expect(await grant(first.grantId)).toMatchObject({ revoked_at: START, revoked_reason: "skill_disabled" });
    expect(await audits(first.grantId)).toEqual([{ kind: "grant_revoked", details: "skill_disabled" }]);
  });

  it("U1: of two linked users, the other still refreshes", async () => {
    const other = await seedUser("0userbbbbbbbbbbbbbbbbbbbbb", "bob@example.com");
    const ada = await link(service);
    const bob = await link(service, { userId: other });
    await deliver(service, { accessToken: ada.tokens.access_token });
    expect(await stillRefreshes(ada.tokens)).toBe(false);
    expect(await stillRefreshes(bob.tokens)).toBe(true);
  });

  it("U1: accepts a token long after its expiry and after its key was rotated", async () => {
    const { tokens, grantId } = await link(service);
    const rotate = async (body: object = {}) => {
      const admin = { authorization: "Bearer test-admin-token-0000000000000000000000" };
      const response = await service.request("/api/admin/keys/rotate", {
        method: "POST",
        headers: { ...admin, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      expect(response.status).toBeLessThan(300);
      await response.text();
    };
    await rotate();
    service.clock.advance(40 * 24 * HOUR_MS);
    expect((await deliver(service, { accessToken: tokens.access_token })).status).toBe(200);
    expect(await grant(grantId)).toMatchObject({ revoked_reason: "skill_disabled" });
  });

  it("U1: without a token, revokes the grants known for Alexa's user id", async () => {
    const mine = await link(service);
    const other = await link(service);
    await deliver(service, { name: "SkillAccountLinked", userId: ALEXA_USER, bodyToken: mine.tokens.access_token });
    expect(await grant(mine.grantId)).toMatchObject({ alexa_user_id: ALEXA_USER, revoked_at: null });
    service.clock.advance(5000);
    expect((await deliver(service, { userId: ALEXA_USER })).status).toBe(200);
    expect(await stillRefreshes(mine.tokens)).toBe(false);
    expect(await stillRefreshes(other.tokens)).toBe(true);
  });

  it("U1: with an invalid token, revokes the grants known for the user id", async () => {
    const { tokens } = await link(service);
    await deliver(service, { name: "SkillAccountLinked", userId: ALEXA_USER, bodyToken: tokens.access_token });
    service.clock.advance(5000);
    const [header, payload] = tokens.access_token.split(".");
    await deliver(service, { userId: ALEXA_USER, accessToken: `${header}.${payload}.${"A".repeat(86)}` });
    expect(await stillRefreshes(tokens)).toBe(false);
  });

  it.each([
    ["an unknown user and no token", { userId: "amzn1.ask.account.NOBODY" }],
    ["neither user nor token", {}],
    ["a token of another server", { accessToken: "eyJhbGciOiJFUzI1NiIsImtpZCI6IngifQ.e30.AAAA" }],
    ["a token that is not a JWT", { accessToken: "at_opaque" }],
    ["an empty token", { accessToken: "" }],
  ])("U1: %s: 200, and the grant stays live", async (_, seed) => {
    const { tokens } = await link(service);
    expect((await deliver(service, seed)).status).toBe(200);
    expect(await stillRefreshes(tokens)).toBe(true);
  });

  it("U1: a repeated event gets 200 and changes nothing", async () => {
    const { tokens, grantId } = await link(service);
    const body = eventBody({ accessToken: tokens.access_token });
    expect((await post(service, body)).status).toBe(200);
    const again = await link(service);
    expect((await post(service, body)).status).toBe(200);
    expect(await stillRefreshes(tokens)).toBe(false);
    expect(await stillRefreshes(again.tokens)).toBe(true);
    expect(await audits(grantId)).toHaveLength(1);
    expect(await eventRows()).toBe(1);
  });

  it("U1: 20 deliveries at once revoke the grant once", async () => {
    const { tokens, grantId } = await link(service);
    const body = eventBody({ accessToken: tokens.access_token });
    const responses = await Promise.all(Array.from({ length: 20 }, () => post(service, body)));
    expect(responses.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(await audits(grantId)).toHaveLength(1);
    expect(await stillRefreshes(tokens)).toBe(false);
  });

  it("U1, U4: a late event does not revoke a link that was made after it", async () => {
    const old = await link(service);
    await deliver(service, { name: "SkillAccountLinked", userId: ALEXA_USER, bodyToken: old.tokens.access_token });
    service.clock.advance(60_000);
    const disabledAt = service.clock.now;
    service.clock.advance(60_000);
    const fresh = await link(service);
    await deliver(service, { name: "SkillAccountLinked", userId: ALEXA_USER, bodyToken: fresh.tokens.access_token });
    service.clock.advance(30 * 60_000);
    expect((await deliver(service, { userId: ALEXA_USER, createdAt: disabledAt })).status).toBe(200);
    expect(await stillRefreshes(old.tokens)).toBe(false);
    expect(await stillRefreshes(fresh.tokens)).toBe(true);
    await deliver(service, { userId: ALEXA_USER, at: disabledAt });
    await deliver(service, { accessToken: old.tokens.access_token, at: disabledAt });
    expect(await stillRefreshes(fresh.tokens)).toBe(true);
  });

  it("U1: disabling within the second of linking revokes the grant, although timestamps have whole seconds", async () => {
    service.clock.advance(600);
    const { tokens } = await link(service);
    await deliver(service, { name: "SkillAccountLinked", userId: ALEXA_USER, bodyToken: tokens.access_token });
    service.clock.advance(300);
    expect((await deliver(service, { userId: ALEXA_USER })).status).toBe(200);
    expect(await stillRefreshes(tokens)).toBe(false);
  });

  it("U1: SkillDisabled that arrived before SkillAccountLinked revokes the grant when the latter arrives", async () => {
    const { tokens } = await link(service);
    const linkedAt = service.clock.now;
    service.clock.advance(120_000);
    expect((await deliver(service, { userId: ALEXA_USER })).status).toBe(200);
    expect(await stillRefreshes(tokens)).toBe(true);
    const late = { name: "SkillAccountLinked", userId: ALEXA_USER, bodyToken: tokens.access_token };
    expect((await deliver(service, { ...late, at: linkedAt })).status).toBe(200);
    expect(await stillRefreshes(tokens)).toBe(false);
  });

  it("U1: an event with a creation time in the future does not revoke links made later", async () => {
    const future = START + 365 * 24 * HOUR_MS;
    expect((await deliver(service, { userId: ALEXA_USER, createdAt: future })).status).toBe(200);
    service.clock.advance(2 * HOUR_MS);
    const { tokens } = await link(service);
    await deliver(service, { name: "SkillAccountLinked", userId: ALEXA_USER, bodyToken: tokens.access_token });
    expect(await stillRefreshes(tokens)).toBe(true);
  });

  it("U1: SkillAccountLinked after the revocation does not restore the grant", async () => {
    const { tokens, grantId } = await link(service);
    await deliver(service, { accessToken: tokens.access_token });
    const late = { name: "SkillAccountLinked", userId: ALEXA_USER, bodyToken: tokens.access_token };
    expect((await deliver(service, late)).status).toBe(200);
    expect(await stillRefreshes(tokens)).toBe(false);
    expect(await grant(grantId)).toMatchObject({ alexa_user_id: null });
  });

  it("deletes Amazon's tokens of that grant only", async () => {
    const mine = await link(service);
    const other = await link(service);
    const insert = env.DB.prepare(
      "INSERT INTO amazon_tokens (grant_id, purpose, host, tokens, access_expires_at, updated_at) VALUES (?, ?, 'h', 'sealed', 0, 0)",
    );
    await env.DB.batch([
      insert.bind(mine.grantId, "enablement"),
      insert.bind(mine.grantId, "event_gateway"),
      insert.bind(other.grantId, "enablement"),
      env.DB.prepare(
        `INSERT INTO pending_unlinks (id, grant_id, skill_id, host, tokens, sealed_for, next_attempt_at, created_at)
         VALUES ('u', ?, ?, 'h', 'sealed', '', 0, 0)`,
      ).bind(mine.grantId, SKILL_ID),
    ]);
    await deliver(service, { accessToken: mine.tokens.access_token });
    const left = await env.DB.prepare("SELECT grant_id FROM amazon_tokens").all();
    expect(left.results).toEqual([{ grant_id: other.grantId }]);
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM pending_unlinks").first("n")).toBe(0);
  });

  it("of one skill never revokes a grant of another skill", async () => {
    await seedSkill({ id: "alexa-other", skillId: "amzn1.ask.skill.0001-other" });
    const { tokens } = await link(service);
    await deliver(service, { name: "SkillAccountLinked", userId: ALEXA_USER, bodyToken: tokens.access_token });
    service.clock.advance(5000);
    const about = { skillId: "amzn1.ask.skill.0001-other" };
    expect((await deliver(service, { ...about, accessToken: tokens.access_token })).status).toBe(200);
    expect((await deliver(service, { ...about, userId: ALEXA_USER })).status).toBe(200);
    expect(await stillRefreshes(tokens)).toBe(true);
  });

  it("a token for another skill or of another type is ignored, and the user id decides", async () => {
    const other = "amzn1.ask.skill.0001-other";
    await seedSkill({ id: "alexa-other", skillId: other });
    const foreign = await link(service);
    const [header = "", payload = ""] = foreign.tokens.access_token.split(".");
    const { kid } = JSON.parse(atob(header)) as { kid: string };
    const { key } = await currentSigner(await runtimeOf(service));
    const claims = { ...JSON.parse(atob(payload)), aud: other };
    const ofAnotherType = await new SignJWT(claims).setProtectedHeader({ alg: "ES256", typ: "JWT", kid }).sign(key);
    for (const accessToken of [foreign.tokens.access_token, ofAnotherType]) {
      const mine = await link(service);
      await env.DB.prepare("UPDATE grants SET skill_id = ?, alexa_user_id = ? WHERE id = ?")
        .bind(other, ALEXA_USER, mine.grantId)
        .run();
      await deliver(service, { skillId: other, userId: ALEXA_USER, accessToken });
      expect(await grant(mine.grantId)).toMatchObject({ revoked_reason: "skill_disabled" });
    }
    expect(await grant(foreign.grantId)).toMatchObject({ revoked_at: null });
  });
});

describe("other events", () => {
  it("SkillEnabled with a token records Alexa's user id with the grant", async () => {
    const { tokens, grantId } = await link(service);
    await deliver(service, { name: "SkillEnabled", userId: ALEXA_USER, accessToken: tokens.access_token });
    expect(await grant(grantId)).toMatchObject({ alexa_user_id: ALEXA_USER });
  });

  it.each([
    "SkillEnabled",
    "SkillPermissionAccepted",
    "SkillPermissionChanged",
    "SkillProactiveSubscriptionChanged",
    "SomethingUnknown",
  ])("%s gets 200 and revokes no grant", async (name) => {
    const { tokens } = await link(service);
    expect((await deliver(service, { name, userId: ALEXA_USER })).status).toBe(200);
    expect(await stillRefreshes(tokens)).toBe(true);
  });

  it("a signed request of another type gets 200", async () => {
    expect((await deliver(service, { type: "LaunchRequest" })).status).toBe(200);
  });

  it("a token or user id that is not text is ignored", async () => {
    const body = JSON.stringify({
      context: { System: { application: { applicationId: SKILL_ID }, user: { userId: 7, accessToken: null } } },
      request: {
        type: "AlexaSkillEvent.SkillAccountLinked",
        requestId: "r-1",
        timestamp: new Date(START).toISOString(),
        eventCreationTime: 7,
        body: ["unexpected"],
      },
    });
    expect((await post(service, body)).status).toBe(200);
  });
});

describe("storage", () => {
  it("takes at most one storage round trip once the token's key is cached", async () => {
    const first = await link(service);
    const second = await link(service);
    await deliver(service, { accessToken: first.tokens.access_token });
    service.clock.advance(10 * 60_000);
    service.meter.clear();
    await deliver(service, { accessToken: second.tokens.access_token });
    expect(service.meter.calls().length).toBeLessThanOrEqual(1);
    service.meter.clear();
    await deliver(service, { name: "SkillPermissionChanged" });
    expect(service.meter.calls().length).toBeLessThanOrEqual(1);
  });

  it("U1: 503 when our storage fails, and the repeated event works", async () => {
    const { tokens } = await link(service);
    const body = eventBody({ accessToken: tokens.access_token });
    service.meter.faults.push({ when: (roundTrip) => roundTrip.call === "batch", throws: "before" });
    const response = await post(service, body);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).not.toBeNull();
    await response.text();
    service.meter.clear();
    expect((await post(service, body)).status).toBe(200);
    expect(await stillRefreshes(tokens)).toBe(false);
  });

  it("F5: a batch that committed before its connection was lost is not a failure", async () => {
    const { tokens, grantId } = await link(service);
    service.meter.faults.push({
      when: (roundTrip) => roundTrip.call === "batch",
      throws: "after",
      message: "D1_ERROR: Network connection lost",
      times: 1,
    });
    expect((await deliver(service, { accessToken: tokens.access_token })).status).toBe(200);
    expect(await audits(grantId)).toHaveLength(1);
    expect(await stillRefreshes(tokens)).toBe(false);
  });

  it("503 when the certificate cannot be fetched, and no event is stored", async () => {
    for (const broken of [
      () => new Response("slow down", { status: 503 }),
      () => Promise.reject(new TypeError("connection refused")),
    ]) {
      files.set(CERTIFICATE_URL, broken);
      const response = await deliver(service);
      expect(response.status).toBe(503);
      await response.text();
    }
    expect(await eventRows()).toBe(0);
  });

  it("its queries use indexes", async () => {
    const { tokens } = await link(service);
    service.meter.clear();
    await deliver(service, { userId: ALEXA_USER });
    await deliver(service, { name: "SkillAccountLinked", userId: ALEXA_USER, bodyToken: tokens.access_token });
    const statements = service.meter.roundTrips.flatMap(({ sql }) => sql.split(";")).filter((sql) => /\S/.test(sql));
    for (const sql of statements) {
      const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .bind(...Array.from({ length: sql.split("?").length - 1 }, () => "x"))
        .all<{ detail: string }>();
      expect(plan.results.map(({ detail }) => detail).filter((detail) => /^SCAN (?!CONSTANT)/.test(detail))).toEqual(
        [],
      );
    }
    expect(statements.length).toBeGreaterThan(8);
  });

  it("no token, user id or signature reaches the log", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    const { tokens } = await link(service);
    await deliver(service, { accessToken: tokens.access_token, userId: ALEXA_USER });
    await deliver(service, { name: "Unknown", accessToken: tokens.access_token, userId: ALEXA_USER });
    await post(service, eventBody({ accessToken: tokens.access_token }), { "signature-256": "x" });
    const lines = log.mock.calls.flat().join("\n");
    expect(lines).toContain("skill_event_refused");
    expect(lines).toContain("grant_revoked");
    expect(lines).not.toContain(tokens.access_token);
    expect(lines).not.toContain(ALEXA_USER);
  });
});
