// Link status: our rows, corrected by Alexa where we hold a token.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Amazon, htmlResponse, jsonResponse, timeOut } from "../../test/support/amazon.ts";
import { type AppUser, appUser, rows } from "../../test/support/app-user.ts";
import { link, problemCode, startLinkingWorld } from "../../test/support/linking.ts";
import { runtimeOf } from "../../test/support/runtime.ts";
import { ALEXA_CLIENT, exchange, json, refresh, SKILL_ID, seedCode, seedSkill } from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";
import { counterKey } from "../http/rate-limit.ts";

const HOUR_MS = 3_600_000;
const LINK = `/api/links/${SKILL_ID}`;

let service: Service;
let amazon: Amazon;
let ada: AppUser;
let bob: AppUser;

beforeEach(async () => {
  ({ service, amazon, ada, bob } = await startLinkingWorld());
});
afterEach(() => vi.restoreAllMocks());

interface Link {
  readonly skillId: string;
  readonly name: string;
  readonly status: string;
  readonly checkedAt: string | null;
  readonly grants: { id: string; createdAt: string; lastUsedAt: string; flow: string }[];
}

/** A link that came through the Alexa app: a grant without Amazon's tokens. */
async function linkFromAlexa(user: AppUser): Promise<void> {
  const code = await seedCode({ userId: user.userId, expiresAt: service.clock.now + 300_000 });
  expect((await service.request("/token", exchange(code))).status).toBe(200);
}

const status = async (user: AppUser = ada, query = "") => json<Link>(await user.call("GET", LINK + query));
const refreshes = async (account: string) => {
  const token = amazon.linked.get(account)?.refresh_token ?? "";
  const response = await service.request("/token", refresh(token));
  await response.text();
  return response.status;
};
describe("L8: the link status", () => {
  it("asks Alexa when we hold a token, and returns the time of the check", async () => {
    const grantId = await link(amazon, ada);
    amazon.seen.length = 0;
    service.clock.advance(5000);
    expect(await status()).toEqual({
      skillId: SKILL_ID,
      name: "Acme Home",
      status: "linked",
      checkedAt: "2026-01-15T12:00:05.000Z",
      grants: [
        {
          id: grantId,
          createdAt: "2026-01-15T12:00:00.000Z",
          lastUsedAt: "2026-01-15T12:00:00.000Z",
          flow: "app_to_app",
          level: null,
        },
      ],
    });
    expect(amazon.calls("lwa", "look")).toEqual(["look NA"]);
  });

  it("reports a link made in the Alexa app without a call to Alexa", async () => {
    await linkFromAlexa(ada);
    expect(await status()).toMatchObject({ status: "linked", checkedAt: null, grants: [{ flow: "alexa_app" }] });
    expect(amazon.seen).toEqual([]);
  });

  it("takes at most one storage round trip besides that of the access token", async () => {
    await link(amazon, ada);
    service.meter.clear();
    await status();
    expect(service.meter.calls().length).toBeLessThanOrEqual(2);
  });

  it.each([
    ["404", () => jsonResponse({}, 404)],
    ["401", () => jsonResponse({}, 401)],
    ["not linked", () => jsonResponse({ accountLink: { status: "NOT_LINKED" } })],
  ])("%s from Alexa revokes the grant and deletes Amazon's tokens", async (_, respond) => {
    await link(amazon, ada);
    amazon.faults.push((seen) => (seen.what === "look" ? respond() : undefined));
    expect(await status()).toMatchObject({ status: "not_linked", grants: [] });
    expect(await refreshes("amazon-account-1")).toBe(400);
    expect(await rows("SELECT * FROM amazon_tokens")).toEqual([]);
    expect(await rows("SELECT details FROM audit WHERE kind = 'grant_revoked'")).toEqual([
      { details: "enablement_gone" },
    ]);
  });

  it.each([
    ["500", () => jsonResponse({}, 500)],
    ["403", () => jsonResponse({}, 403)],
    ["429", () => jsonResponse({}, 429)],
    ["HTML", () => htmlResponse(200)],
    ["no account link", () => jsonResponse({ status: "ENABLING" })],
    ["a time-out", timeOut],
  ])("%s from Alexa is reported as unknown and changes no row", async (_, respond) => {
    await link(amazon, ada);
    amazon.faults.push((seen) => (seen.what === "look" ? respond() : undefined));
    const before = await rows("SELECT * FROM grants ORDER BY id");
    expect(await status()).toMatchObject({ status: "unknown", grants: [{ flow: "app_to_app" }] });
    expect(await rows("SELECT * FROM grants ORDER BY id")).toEqual(before);
    expect(await rows("SELECT grant_id FROM amazon_tokens")).toHaveLength(1);
  });

  it("refreshes Amazon's expired token once and stores the new one", async () => {
    await link(amazon, ada);
    service.clock.advance(2 * HOUR_MS);
    const app = await appUser(service, ada.userId);
    amazon.seen.length = 0;
    expect(await status(app)).toMatchObject({ status: "linked" });
    expect(await status(app)).toMatchObject({ status: "linked" });
    expect(amazon.calls("lwa", "look")).toEqual(["lwa", "look NA", "look NA"]);
  });

  it("a refused refresh deletes Amazon's tokens but keeps the link; wrong credentials of ours delete nothing", async () => {
    await link(amazon, ada);
    service.clock.advance(2 * HOUR_MS);
    const app = await appUser(service, ada.userId);
    amazon.faults.push((seen) => (seen.what === "lwa" ? jsonResponse({ error: "invalid_client" }, 401) : undefined));
    expect(await status(app)).toMatchObject({ status: "unknown" });
    expect(await rows("SELECT grant_id FROM amazon_tokens")).toHaveLength(1);
    amazon.faults.length = 0;
    const held = amazon.linked.get("amazon-account-1")?.refresh_token ?? "";
    amazon.disable("amazon-account-1");
    expect(await status(app)).toMatchObject({ status: "unknown", checkedAt: null, grants: [{ flow: "app_to_app" }] });
    expect(await rows("SELECT * FROM amazon_tokens")).toEqual([]);
    const refreshed = await service.request("/token", refresh(held));
    expect(refreshed.status).toBe(200);
    await refreshed.text();
  });

  it("when one of two links has ended, the other stays", async () => {
    await link(amazon, ada, "amazon-account-1");
    await link(amazon, ada, "amazon-account-2");
    amazon.disable("amazon-account-1");
    const now = await status();
    expect(now.status).toBe("linked");
    expect(now.grants).toHaveLength(1);
    expect(await refreshes("amazon-account-2")).toBe(200);
  });

  it("lists every skill with the user's own links, without a call to Alexa", async () => {
    await seedSkill({ skillId: "amzn1.ask.skill.second", id: "alexa-second" });
    await link(amazon, ada);
    amazon.seen.length = 0;
    const mine = await json<{ links: Link[] }>(await ada.call("GET", "/api/links"));
    expect(mine.links.map((one) => [one.skillId, one.status, one.checkedAt, one.grants.length])).toEqual([
      [SKILL_ID, "linked", null, 1],
      ["amzn1.ask.skill.second", "not_linked", null, 0],
    ]);
    const theirs = await json<{ links: Link[] }>(await bob.call("GET", "/api/links"));
    expect(theirs.links.map((one) => one.status)).toEqual(["not_linked", "not_linked"]);
    expect(amazon.seen).toEqual([]);
  });

  it("F4: lists and unlinks 150 grants", async () => {
    await service.env.DB.prepare(
      `INSERT INTO grants (id, user_id, client_id, skill_id, scope, flow, created_at, last_used_at, idle_expires_at)
       WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150)
       SELECT 'g' || i, ?, ?, ?, '', 'alexa_app', ?, ?, ? FROM n`,
    )
      .bind(ada.userId, ALEXA_CLIENT, SKILL_ID, service.clock.now, service.clock.now, service.clock.now + HOUR_MS)
      .run();
    const all = await json<{ links: Link[] }>(await ada.call("GET", "/api/links"));
    expect(all.links[0]?.grants).toHaveLength(150);
    expect((await status()).status).toBe("linked");
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
  });

  it("an unknown skill is 404", async () => {
    for (const method of ["GET", "DELETE"]) {
      const response = await ada.call(method, "/api/links/amzn1.ask.skill.other");
      expect(response.status).toBe(404);
      expect(await problemCode(response)).toBe("skill_not_found");
    }
  });

  describe("404 from the host that linked", () => {
    const regions = async () =>
      (await rows<{ host: string }>("SELECT host FROM amazon_tokens")).map(({ host }) => host);

    it("L2: a customer who moved to another region stays linked, and later checks go to that region", async () => {
      await link(amazon, ada);
      amazon.regionOf.set("amazon-account-1", "EU");
      amazon.seen.length = 0;
      expect(await status()).toMatchObject({ status: "linked" });
      expect(amazon.calls("look")).toEqual(["look NA", "look EU"]);
      expect(await regions()).toEqual(["https://api.eu.amazonalexa.com"]);
      amazon.seen.length = 0;
      expect(await status()).toMatchObject({ status: "linked" });
      expect(amazon.calls("discovery", "look")).toEqual(["look EU"]);
    });

    it("when the new region does not respond, the status is unknown and no row changes", async () => {
      await link(amazon, ada);
      amazon.regionOf.set("amazon-account-1", "EU");
      amazon.faults.push((seen) =>
        seen.what === "look" && seen.region === "EU" ? jsonResponse({ message: "down" }, 503) : undefined,
      );
      expect(await status()).toMatchObject({ status: "unknown" });
      expect(await regions()).toEqual(["https://api.amazonalexa.com"]);
    });

    it("when discovery fails, all regions are asked, and 404 from all of them ends the link", async () => {
      await link(amazon, ada);
      amazon.linked.clear();
      amazon.faults.push((seen) => (seen.what === "discovery" ? htmlResponse(502) : undefined));
      amazon.seen.length = 0;
      expect(await status()).toMatchObject({ status: "not_linked" });
      expect(amazon.calls("look")).toEqual(["look NA", "look EU", "look FE"]);
    });

    it("401 from one host is enough: Amazon's token is no longer valid anywhere", async () => {
      await link(amazon, ada);
      amazon.faults.push((seen) => (seen.what === "look" ? jsonResponse({}, 401) : undefined));
      amazon.seen.length = 0;
      expect(await status()).toMatchObject({ status: "not_linked" });
      expect(amazon.calls("discovery", "look")).toEqual(["look NA"]);
      expect(await rows("SELECT * FROM amazon_tokens")).toEqual([]);
    });
  });

  describe("when Amazon rotates its refresh tokens", () => {
    beforeEach(async () => {
      amazon.rotating = true;
      await link(amazon, ada);
      service.clock.advance(2 * HOUR_MS);
      ada = await appUser(service, ada.userId);
      amazon.seen.length = 0;
    });

    it("20 checks at once all report linked, and the new refresh token is stored", async () => {
      const responses = await Promise.all(Array.from({ length: 20 }, () => status()));
      expect(responses.map((response) => response.status)).toEqual(Array(20).fill("linked"));
      expect(await rows("SELECT grant_id FROM amazon_tokens")).toHaveLength(1);
      service.clock.advance(2 * HOUR_MS);
      expect(await status(await appUser(service, ada.userId))).toMatchObject({ status: "linked" });
    });

    it("the new refresh token is stored before it is used", async () => {
      amazon.faults.push((seen) => (seen.what === "look" ? timeOut() : undefined));
      expect(await status()).toMatchObject({ status: "unknown" });
      amazon.faults.length = 0;
      service.clock.advance(2 * HOUR_MS);
      expect(await status(await appUser(service, ada.userId))).toMatchObject({ status: "linked" });
    });

    it("when refreshed tokens cannot be stored, Amazon's tokens are lost but the link stays", async () => {
      service.meter.faults.push({ when: ({ sql }) => sql.includes("UPDATE amazon_tokens"), throws: "before" });
      expect((await ada.call("GET", LINK)).status).toBe(503);
      service.meter.clear();
      service.clock.advance(60_000);
      expect(await status()).toMatchObject({ status: "unknown", checkedAt: null });
      expect(await rows("SELECT * FROM amazon_tokens")).toEqual([]);
      expect(await rows("SELECT details FROM audit WHERE kind = 'amazon_tokens_forgotten'")).toEqual([
        { details: "refresh_rejected" },
      ]);
      expect(await status()).toMatchObject({ status: "linked", checkedAt: null });
      expect(await refreshes("amazon-account-1")).toBe(200);
    });
  });

  it("after fifteen seconds without a response from Alexa the status is unknown and no row changes", async () => {
    await link(amazon, ada);
    let respond = (_: Response) => {};
    const asked = new Promise<void>((resolve) => {
      amazon.faults.push((seen) => {
        if (seen.what !== "look") return undefined;
        resolve();
        return new Promise((done) => (respond = done));
      });
    });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const asking = ada.callOnly("GET", LINK);
      await asked;
      await vi.advanceTimersByTimeAsync(15_000);
      expect(await json(await asking)).toMatchObject({ status: "unknown" });
    } finally {
      vi.useRealTimers();
    }
    respond(jsonResponse({}, 404));
    await service.settled();
    expect(await refreshes("amazon-account-1")).toBe(200);
  });

  it("over the rate limit the status comes from our rows, without a call to Alexa", async () => {
    await link(amazon, ada);
    amazon.disable("amazon-account-1");
    amazon.seen.length = 0;
    const keys: string[] = [];
    const limit = async ({ key }: { key: string }) => ({ success: keys.push(key) < 0 });
    Object.assign(service.env, { USER_LIMIT: { limit } });
    expect(await status()).toMatchObject({ status: "linked", checkedAt: null });
    expect([amazon.seen, keys]).toEqual([[], [await counterKey(await runtimeOf(service), "ask", ada.userId)]]);
    Object.assign(service.env, { USER_LIMIT: undefined });
    expect(await status()).toMatchObject({ status: "not_linked" });
  });

  it("asks Alexa about ten links at most; the others are reported from our rows", async () => {
    for (let i = 0; i < 12; i++) await link(amazon, ada, `amazon-account-${i}`);
    amazon.seen.length = 0;
    const now = await status();
    expect([now.status, now.grants.length]).toEqual(["linked", 12]);
    expect(amazon.calls("look")).toHaveLength(10);
  });
});
