// What is linked: our rows, corrected by Alexa where we can ask.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Amazon, htmlAnswer, jsonAnswer, timeOut } from "../../test/support/amazon.ts";
import { type AppUser, appUser, rows } from "../../test/support/app-user.ts";
import { link, problemCode, startLinkingWorld } from "../../test/support/linking.ts";
import { ALEXA_CLIENT, exchange, json, refresh, SKILL_ID, seedCode, seedSkill } from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";

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
describe("L8: the true state", () => {
  it("asks Alexa where we hold a token, and says when", async () => {
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

  it("counts a link from the Alexa app without asking", async () => {
    await linkFromAlexa(ada);
    expect(await status()).toMatchObject({ status: "linked", checkedAt: null, grants: [{ flow: "alexa_app" }] });
    expect(amazon.seen).toEqual([]);
  });

  it("takes one storage read beside the bearer's", async () => {
    await link(amazon, ada);
    service.meter.clear();
    await status();
    expect(service.meter.calls()).toEqual(["DB.first", "DB.batch"]);
  });

  it.each([
    ["404", () => jsonAnswer({}, 404)],
    ["401", () => jsonAnswer({}, 401)],
    ["not linked", () => jsonAnswer({ accountLink: { status: "NOT_LINKED" } })],
  ])("%s from Alexa ends the grant and forgets Amazon's tokens", async (_, answer) => {
    await link(amazon, ada);
    amazon.faults.push((seen) => (seen.what === "look" ? answer() : undefined));
    expect(await status()).toMatchObject({ status: "not_linked", grants: [] });
    expect(await refreshes("amazon-account-1")).toBe(400);
    expect(await rows("SELECT * FROM amazon_tokens")).toEqual([]);
    expect(await rows("SELECT details FROM audit WHERE kind = 'grant_revoked'")).toEqual([
      { details: "enablement_gone" },
    ]);
  });

  it.each([
    ["500", () => jsonAnswer({}, 500)],
    ["403", () => jsonAnswer({}, 403)],
    ["429", () => jsonAnswer({}, 429)],
    ["HTML", () => htmlAnswer(200)],
    ["no word of the link", () => jsonAnswer({ status: "ENABLING" })],
    ["silence", timeOut],
  ])("%s from Alexa is unknown and touches no row", async (_, answer) => {
    await link(amazon, ada);
    amazon.faults.push((seen) => (seen.what === "look" ? answer() : undefined));
    const before = await rows("SELECT * FROM grants ORDER BY id");
    expect(await status()).toMatchObject({ status: "unknown", grants: [{ flow: "app_to_app" }] });
    expect(await rows("SELECT * FROM grants ORDER BY id")).toEqual(before);
    expect(await rows("SELECT grant_id FROM amazon_tokens")).toHaveLength(1);
  });

  it("refreshes Amazon's token after an hour, and keeps what came", async () => {
    await link(amazon, ada);
    service.clock.advance(2 * HOUR_MS);
    const app = await appUser(service, ada.userId);
    amazon.seen.length = 0;
    expect(await status(app)).toMatchObject({ status: "linked" });
    expect(await status(app)).toMatchObject({ status: "linked" });
    expect(amazon.calls("lwa", "look")).toEqual(["lwa", "look NA", "look NA"]);
  });

  it("a refused refresh forgets Amazon's tokens and no more; our own bad credentials change nothing", async () => {
    await link(amazon, ada);
    service.clock.advance(2 * HOUR_MS);
    const app = await appUser(service, ada.userId);
    amazon.faults.push((seen) => (seen.what === "lwa" ? jsonAnswer({ error: "invalid_client" }, 401) : undefined));
    expect(await status(app)).toMatchObject({ status: "unknown" });
    expect(await rows("SELECT grant_id FROM amazon_tokens")).toHaveLength(1);
    amazon.faults.length = 0;
    const held = amazon.linked.get("amazon-account-1")?.refresh_token ?? "";
    amazon.disable("amazon-account-1");
    expect(await status(app)).toMatchObject({ status: "linked", checkedAt: null, grants: [{ flow: "app_to_app" }] });
    expect(await rows("SELECT * FROM amazon_tokens")).toEqual([]);
    const refreshed = await service.request("/token", refresh(held));
    expect(refreshed.status).toBe(200);
    await refreshed.text();
  });

  it("one ended link of two leaves the other", async () => {
    await link(amazon, ada, "amazon-account-1");
    await link(amazon, ada, "amazon-account-2");
    amazon.disable("amazon-account-1");
    const now = await status();
    expect(now.status).toBe("linked");
    expect(now.grants).toHaveLength(1);
    expect(await refreshes("amazon-account-2")).toBe(200);
  });

  it("lists every skill of the deployment without asking Alexa, each user's own", async () => {
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

  it("F4: lists 150 links without harm", async () => {
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

  it("does not know other skills", async () => {
    for (const method of ["GET", "DELETE"]) {
      const response = await ada.call(method, "/api/links/amzn1.ask.skill.other");
      expect(response.status).toBe(404);
      expect(await problemCode(response)).toBe("skill_not_found");
    }
  });

  describe("404 from the remembered host is not the last word", () => {
    const regions = async () =>
      (await rows<{ host: string }>("SELECT host FROM amazon_tokens")).map(({ host }) => host);

    it("L2: a customer who moved to another region stays linked, and is asked about there from then on", async () => {
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

    it("when the new region does not answer, nobody knows, and no row is touched", async () => {
      await link(amazon, ada);
      amazon.regionOf.set("amazon-account-1", "EU");
      amazon.faults.push((seen) =>
        seen.what === "look" && seen.region === "EU" ? jsonAnswer({ message: "down" }, 503) : undefined,
      );
      expect(await status()).toMatchObject({ status: "unknown" });
      expect(await regions()).toEqual(["https://api.amazonalexa.com"]);
    });

    it("when nobody says where the customer lives, all regions are asked; 404 from all of them ends the link", async () => {
      await link(amazon, ada);
      amazon.linked.clear();
      amazon.faults.push((seen) => (seen.what === "discovery" ? htmlAnswer(502) : undefined));
      amazon.seen.length = 0;
      expect(await status()).toMatchObject({ status: "not_linked" });
      expect(amazon.calls("look")).toEqual(["look NA", "look EU", "look FE"]);
    });

    it("401 is: Amazon's token is over, wherever it is shown", async () => {
      await link(amazon, ada);
      amazon.faults.push((seen) => (seen.what === "look" ? jsonAnswer({}, 401) : undefined));
      amazon.seen.length = 0;
      expect(await status()).toMatchObject({ status: "not_linked" });
      expect(amazon.calls("discovery", "look")).toEqual(["look NA"]);
      expect(await rows("SELECT * FROM amazon_tokens")).toEqual([]);
    });
  });

  describe("when Amazon changes its refresh token at each use, and the old one ends", () => {
    beforeEach(async () => {
      amazon.rotating = true;
      await link(amazon, ada);
      service.clock.advance(2 * HOUR_MS);
      ada = await appUser(service, ada.userId);
      amazon.seen.length = 0;
    });

    it("20 checks at once all report linked, and the successor is kept", async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => status()));
      expect(answers.map((answer) => answer.status)).toEqual(Array(20).fill("linked"));
      expect(await rows("SELECT grant_id FROM amazon_tokens")).toHaveLength(1);
      service.clock.advance(2 * HOUR_MS);
      expect(await status(await appUser(service, ada.userId))).toMatchObject({ status: "linked" });
    });

    it("the successor is kept before it is used", async () => {
      amazon.faults.push((seen) => (seen.what === "look" ? timeOut() : undefined));
      expect(await status()).toMatchObject({ status: "unknown" });
      amazon.faults.length = 0;
      service.clock.advance(2 * HOUR_MS);
      expect(await status(await appUser(service, ada.userId))).toMatchObject({ status: "linked" });
    });

    it("a refresh whose tokens could not be stored costs Amazon's tokens, not the link", async () => {
      service.meter.faults.push({ when: (trip) => trip.sql.includes("UPDATE amazon_tokens"), throws: "before" });
      expect((await ada.call("GET", LINK)).status).toBe(503);
      service.meter.clear();
      service.clock.advance(60_000);
      expect(await status()).toMatchObject({ status: "linked", checkedAt: null });
      expect(await rows("SELECT * FROM amazon_tokens")).toEqual([]);
      expect(await rows("SELECT details FROM audit WHERE kind = 'amazon_tokens_forgotten'")).toEqual([
        { details: "refresh_rejected" },
      ]);
      expect(await status()).toMatchObject({ status: "linked", checkedAt: null });
      expect(await refreshes("amazon-account-1")).toBe(200);
    });
  });

  it("nobody waits longer than fifteen seconds for Alexa: then it is unknown, and no row is touched", async () => {
    await link(amazon, ada);
    let answer = (_: Response) => {};
    const asked = new Promise<void>((resolve) => {
      amazon.faults.push((seen) => {
        if (seen.what !== "look") return undefined;
        resolve();
        return new Promise((done) => (answer = done));
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
    answer(jsonAnswer({}, 404));
    await service.settled();
    expect(await refreshes("amazon-account-1")).toBe(200);
  });

  it("an app that polls too fast is told what the rows say, and Alexa is left alone", async () => {
    await link(amazon, ada);
    amazon.disable("amazon-account-1");
    amazon.seen.length = 0;
    const keys: string[] = [];
    const limit = async ({ key }: { key: string }) => ({ success: keys.push(key) < 0 });
    Object.assign(service.env, { USER_LIMIT: { limit } });
    expect(await status()).toMatchObject({ status: "linked", checkedAt: null });
    expect([amazon.seen, keys]).toEqual([[], [`ask ${ada.userId}`]]);
    Object.assign(service.env, { USER_LIMIT: undefined });
    expect(await status()).toMatchObject({ status: "not_linked" });
  });

  it("asks about ten links at most; the others are as the rows say", async () => {
    for (let i = 0; i < 12; i++) await link(amazon, ada, `amazon-account-${i}`);
    amazon.seen.length = 0;
    const now = await status();
    expect([now.status, now.grants.length]).toEqual(["linked", 12]);
    expect(amazon.calls("look")).toHaveLength(10);
  });
});
