// Two users who share an Amazon account, or one user with two: unlinking one must not end the other's link.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { type Amazon, jsonResponse } from "../../test/support/amazon.ts";
import { type AppUser, rows } from "../../test/support/app-user.ts";
import { link, startAndApprove, startLinkingWorld } from "../../test/support/linking.ts";
import { runtimeOf } from "../../test/support/runtime.ts";
import { exchange, json, refresh, SKILL_ID, seedCode } from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";
import { abandonExpiredAttempts } from "./complete.ts";
import { finishPendingUnlinks } from "./unlink.ts";

const LINK = `/api/links/${SKILL_ID}`;

let service: Service;
let amazon: Amazon;
let ada: AppUser;
let bob: AppUser;

beforeEach(async () => {
  ({ service, amazon, ada, bob } = await startLinkingWorld());
});
afterEach(() => vi.restoreAllMocks());

const statusOf = async (user: AppUser) => json<{ status: string }>(await user.call("GET", LINK));
const refreshes = async (account: string) => {
  const response = await service.request("/token", refresh(amazon.linked.get(account)?.refresh_token ?? ""));
  await response.text();
  return response.status;
};

describe("U5: a second Amazon account does not replace the first", () => {
  it("both links keep refreshing, and unlinking one leaves the other", async () => {
    const first = await link(amazon, ada, "amazon-account-1");
    const second = await link(amazon, ada, "amazon-account-2");
    expect(first).not.toBe(second);
    for (let i = 0; i < 100; i++) {
      expect(await refreshes("amazon-account-1")).toBe(200);
      expect(await refreshes("amazon-account-2")).toBe(200);
    }
    const held = amazon.linked.get("amazon-account-1")?.refresh_token ?? "";
    expect((await ada.call("DELETE", `${LINK}/grants/${first}`)).status).toBe(204);
    expect((await service.request("/token", refresh(held))).status).toBe(400);
    expect(await refreshes("amazon-account-2")).toBe(200);
    expect(amazon.calls("disable")).toEqual(["disable NA"]);
  });

  it("U4: after linking ten times in a row, the newest link works", async () => {
    for (let i = 0; i < 10; i++) await link(amazon, ada);
    expect(await refreshes("amazon-account-1")).toBe(200);
  });
});

describe("two users who share an Amazon account", () => {
  const finishWhenAmazonIsUp = async () => {
    amazon.faults.length = 0;
    service.clock.advance(61_000);
    amazon.seen.length = 0;
    return finishPendingUnlinks(await runtimeOf(service), 10);
  };
  const takeAmazonDown = () =>
    amazon.faults.push((seen) => (seen.what === "disable" ? jsonResponse({}, 503) : undefined));

  it("unlinking the first user leaves the link of the second, which Alexa holds", async () => {
    await link(amazon, ada);
    await link(amazon, bob);
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect(amazon.calls("disable")).toEqual([]);
    expect(await refreshes("amazon-account-1")).toBe(200);
    expect(await statusOf(bob)).toMatchObject({ status: "linked" });
  });

  it("unlinking the second user disables the skill, and the first user's status then becomes not_linked", async () => {
    await link(amazon, ada);
    service.clock.advance(1000);
    await link(amazon, bob);
    expect((await bob.call("DELETE", LINK)).status).toBe(204);
    expect(amazon.calls("disable")).toEqual(["disable NA"]);
    expect(await statusOf(ada)).toMatchObject({ status: "not_linked" });
  });

  it("unlinking does not disable the skill when another user linked through the Alexa app, even earlier", async () => {
    const code = await seedCode({ userId: bob.userId, expiresAt: service.clock.now + 300_000 });
    expect((await service.request("/token", exchange(code))).status).toBe(200);
    await service.env.DB.prepare("UPDATE grants SET alexa_user_id = 'amzn1.ask.account.amazon-account-1'").run();
    service.clock.advance(1000);
    await link(amazon, ada);
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect(amazon.calls("disable")).toEqual([]);
  });

  it("postponed disabling does not end a link that the other user made meanwhile", async () => {
    await link(amazon, ada);
    takeAmazonDown();
    expect((await ada.call("DELETE", LINK)).status).toBe(202);
    await link(amazon, bob);
    expect(await finishWhenAmazonIsUp()).toBe(1);
    expect(amazon.calls("look", "disable")).toEqual(["look NA"]);
    expect(await refreshes("amazon-account-1")).toBe(200);
    expect(await rows("SELECT * FROM pending_unlinks")).toEqual([]);
  });

  it("a repeated unlink request does not end a link that the other user made meanwhile", async () => {
    await link(amazon, ada);
    takeAmazonDown();
    expect((await ada.call("DELETE", LINK)).status).toBe(202);
    service.clock.advance(1000);
    amazon.faults.length = 0;
    await link(amazon, bob);
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect(await refreshes("amazon-account-1")).toBe(200);
  });

  it("postponed disabling does not end a link that the same user made in the Alexa app meanwhile", async () => {
    await link(amazon, ada);
    takeAmazonDown();
    expect((await ada.call("DELETE", LINK)).status).toBe(202);
    const code = await seedCode({ userId: ada.userId, expiresAt: service.clock.now + 300_000 });
    expect((await service.request("/token", exchange(code))).status).toBe(200);
    expect(await finishWhenAmazonIsUp()).toBe(1);
    expect(amazon.calls("disable")).toEqual([]);
  });

  it("U4: an expired attempt does not end a link that the same user made in the Alexa app meanwhile", async () => {
    amazon.faults.push(async (seen, usual) => {
      if (seen.what === "enable") await usual();
      return seen.what === "enable" || seen.what === "look" ? jsonResponse({}, 503) : usual();
    });
    const { state, code } = await startAndApprove(amazon, ada);
    expect((await ada.complete({ state, code })).status).toBe(503);
    service.clock.advance(60_000);
    const fromAlexa = await seedCode({ userId: ada.userId, expiresAt: service.clock.now + 300_000 });
    const held = await json(await service.request("/token", exchange(fromAlexa)));
    service.clock.advance(20 * 60_000);
    amazon.faults.length = 0;
    expect(await abandonExpiredAttempts(await runtimeOf(service), 10)).toBe(1);
    expect(await finishWhenAmazonIsUp()).toBe(1);
    expect(amazon.calls("look", "disable")).toEqual(["look NA"]);
    expect((await service.request("/token", refresh(held.refresh_token))).status).toBe(200);
  });

  it("U4: while Alexa does not report the account of a link, a newer link of the same user is not ended", async () => {
    await link(amazon, ada);
    await service.env.DB.prepare("UPDATE grants SET alexa_user_id = NULL").run();
    takeAmazonDown();
    expect((await ada.call("DELETE", LINK)).status).toBe(202);
    const code = await seedCode({ userId: ada.userId, expiresAt: service.clock.now + 300_000 });
    expect((await service.request("/token", exchange(code))).status).toBe(200);
    await service.env.DB.prepare(
      "UPDATE grants SET alexa_user_id = 'amzn1.ask.account.1' WHERE revoked_at IS NULL",
    ).run();
    amazon.faults.length = 0;
    amazon.faults.push((seen) => (seen.what === "look" ? jsonResponse({}, 503) : undefined));
    service.clock.advance(61_000);
    expect(await finishPendingUnlinks(await runtimeOf(service), 10)).toBe(1);
    expect(amazon.calls("disable")).toEqual(["disable NA"]);
  });

  it("linking a second Amazon account does not cancel the postponed disabling of the first", async () => {
    await link(amazon, ada, "amazon-account-1");
    takeAmazonDown();
    expect((await ada.call("DELETE", LINK)).status).toBe(202);
    await link(amazon, ada, "amazon-account-2");
    expect(await finishWhenAmazonIsUp()).toBe(1);
    expect([...amazon.linked.keys()]).toEqual(["amazon-account-2"]);
    expect(await refreshes("amazon-account-2")).toBe(200);
  });

  it("erasing the first user leaves the second user's link", async () => {
    await link(amazon, ada);
    await link(amazon, bob);
    const erased = await admin(service, "POST", `users/${ada.userId}/erase`);
    expect(erased.body).toMatchObject({ pendingAtAmazon: 0 });
    await finishWhenAmazonIsUp();
    expect(amazon.calls("disable")).toEqual([]);
    expect(await refreshes("amazon-account-1")).toBe(200);
  });
});
