// Two of our people behind one Amazon account, or one person with two: ending one link must not end the other's.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { type Amazon, jsonAnswer } from "../../test/support/amazon.ts";
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

describe("U5: a second Amazon account is no replacement", () => {
  it("both go on refreshing, and ending one leaves the other", async () => {
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

  it("U4: links ten times in a row, and the newest works", async () => {
    for (let i = 0; i < 10; i++) await link(amazon, ada);
    expect(await refreshes("amazon-account-1")).toBe(200);
  });
});

describe("two people who share an Amazon account", () => {
  const whenAmazonIsBack = async () => {
    amazon.faults.length = 0;
    service.clock.advance(61_000);
    amazon.seen.length = 0;
    return finishPendingUnlinks(await runtimeOf(service), 10);
  };
  const amazonIsDown = () => amazon.faults.push((seen) => (seen.what === "disable" ? jsonAnswer({}, 503) : undefined));

  it("ending the first link leaves the second, which Alexa holds", async () => {
    await link(amazon, ada);
    await link(amazon, bob);
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect(amazon.calls("disable")).toEqual([]);
    expect(await refreshes("amazon-account-1")).toBe(200);
    expect(await statusOf(bob)).toMatchObject({ status: "linked" });
  });

  it("ending the second disables the skill: Alexa holds the first no more, and its state is corrected when asked for", async () => {
    await link(amazon, ada);
    service.clock.advance(1000);
    await link(amazon, bob);
    expect((await bob.call("DELETE", LINK)).status).toBe(204);
    expect(amazon.calls("disable")).toEqual(["disable NA"]);
    expect(await statusOf(ada)).toMatchObject({ status: "not_linked" });
  });

  it("a link that came through the Alexa app may be one person's beside the household's: it is left, older or not", async () => {
    const code = await seedCode({ userId: bob.userId, expiresAt: service.clock.now + 300_000 });
    expect((await service.request("/token", exchange(code))).status).toBe(200);
    await service.env.DB.prepare("UPDATE grants SET alexa_user_id = 'amzn1.ask.account.amazon-account-1'").run();
    service.clock.advance(1000);
    await link(amazon, ada);
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect(amazon.calls("disable")).toEqual([]);
  });

  it("disabling that was put off does not end the link that the other made meanwhile", async () => {
    await link(amazon, ada);
    amazonIsDown();
    expect((await ada.call("DELETE", LINK)).status).toBe(202);
    await link(amazon, bob);
    expect(await whenAmazonIsBack()).toBe(1);
    expect(amazon.calls("look", "disable")).toEqual(["look NA"]);
    expect(await refreshes("amazon-account-1")).toBe(200);
    expect(await rows("SELECT * FROM pending_unlinks")).toEqual([]);
  });

  it("nor does a repeated request to unlink", async () => {
    await link(amazon, ada);
    amazonIsDown();
    expect((await ada.call("DELETE", LINK)).status).toBe(202);
    service.clock.advance(1000);
    amazon.faults.length = 0;
    await link(amazon, bob);
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect(await refreshes("amazon-account-1")).toBe(200);
  });

  it("one whose Alexa id nobody knows, made by the same person in the Alexa app meanwhile, is left too", async () => {
    await link(amazon, ada);
    amazonIsDown();
    expect((await ada.call("DELETE", LINK)).status).toBe(202);
    const code = await seedCode({ userId: ada.userId, expiresAt: service.clock.now + 300_000 });
    expect((await service.request("/token", exchange(code))).status).toBe(200);
    expect(await whenAmazonIsBack()).toBe(1);
    expect(amazon.calls("disable")).toEqual([]);
  });

  it("U4: an attempt that expired does not end the link that the same person made in the Alexa app meanwhile", async () => {
    amazon.faults.push(async (seen, usual) => {
      if (seen.what === "enable") await usual();
      return seen.what === "enable" || seen.what === "look" ? jsonAnswer({}, 503) : usual();
    });
    const { state, code } = await startAndApprove(amazon, ada);
    expect((await ada.complete({ state, code })).status).toBe(503);
    service.clock.advance(60_000);
    const fromAlexa = await seedCode({ userId: ada.userId, expiresAt: service.clock.now + 300_000 });
    const held = await json(await service.request("/token", exchange(fromAlexa)));
    service.clock.advance(20 * 60_000);
    amazon.faults.length = 0;
    expect(await abandonExpiredAttempts(await runtimeOf(service), 10)).toBe(1);
    expect(await whenAmazonIsBack()).toBe(1);
    expect(amazon.calls("look", "disable")).toEqual(["look NA"]);
    expect((await service.request("/token", refresh(held.refresh_token))).status).toBe(200);
  });

  it("U4: while Alexa does not say whose the link is, a newer link of the same person is left", async () => {
    await link(amazon, ada);
    await service.env.DB.prepare("UPDATE grants SET alexa_user_id = NULL").run();
    amazonIsDown();
    expect((await ada.call("DELETE", LINK)).status).toBe(202);
    const code = await seedCode({ userId: ada.userId, expiresAt: service.clock.now + 300_000 });
    expect((await service.request("/token", exchange(code))).status).toBe(200);
    await service.env.DB.prepare(
      "UPDATE grants SET alexa_user_id = 'amzn1.ask.account.1' WHERE revoked_at IS NULL",
    ).run();
    amazon.faults.length = 0;
    amazon.faults.push((seen) => (seen.what === "look" ? jsonAnswer({}, 503) : undefined));
    service.clock.advance(61_000);
    expect(await finishPendingUnlinks(await runtimeOf(service), 10)).toBe(1);
    expect(amazon.calls("disable")).toEqual(["disable NA"]);
  });

  it("a person's second Amazon account takes nothing back: the first is still disabled", async () => {
    await link(amazon, ada, "amazon-account-1");
    amazonIsDown();
    expect((await ada.call("DELETE", LINK)).status).toBe(202);
    await link(amazon, ada, "amazon-account-2");
    expect(await whenAmazonIsBack()).toBe(1);
    expect([...amazon.linked.keys()]).toEqual(["amazon-account-2"]);
    expect(await refreshes("amazon-account-2")).toBe(200);
  });

  it("erasing the first person leaves the second's link", async () => {
    await link(amazon, ada);
    await link(amazon, bob);
    const erased = await admin(service, "POST", `users/${ada.userId}/erase`);
    expect(erased.body).toMatchObject({ pendingAtAmazon: 0 });
    await whenAmazonIsBack();
    expect(amazon.calls("disable")).toEqual([]);
    expect(await refreshes("amazon-account-1")).toBe(200);
  });
});
