// POST /alexa/events for Alexa+ add-ons, whose tokens have the resource as their audience.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import {
  addOnServiceToken,
  asOtherAddOn,
  linkAddOn,
  moveAddOn,
  refreshOfAddOn,
  seedOtherAddOn,
} from "../../test/support/add-on.ts";
import { ADD_ON_ID } from "../../test/support/constants.ts";
import { json, seedAddOn, seedAppAndService, seedUser } from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";
import { deliver, startWithAlexa } from "../../test/support/skill-events.ts";
import { linkApp } from "../../test/support/tokens.ts";

const ALEXA_USER = "amzn1.ask.account.TESTUSER";
const OTHER_ADD_ON = "amzn1.ask.skill.other-add-on";

let service: Service;
beforeEach(async () => {
  ({ service } = await startWithAlexa());
  await seedAddOn();
  await seedOtherAddOn();
  await seedUser();
});
afterEach(() => vi.restoreAllMocks());

async function refreshes(token: string): Promise<boolean> {
  const response = await service.request("/token", refreshOfAddOn(token));
  await response.text();
  return response.status === 200;
}

const grants = async () =>
  (await env.DB.prepare("SELECT alexa_user_id, revoked_reason FROM grants ORDER BY created_at, id").raw()) as unknown[];

it("M1: SkillDisabled revokes the grant of the add-on's token and no other, also after the resource changed", async () => {
  const mine = await linkAddOn(service);
  const moved = await linkAddOn(service);
  const other = await linkAddOn(service);
  expect((await deliver(service, { skillId: ADD_ON_ID, accessToken: mine.access_token })).status).toBe(200);
  expect(await refreshes(mine.refresh_token)).toBe(false);
  await moveAddOn();
  expect((await deliver(service, { skillId: ADD_ON_ID, accessToken: moved.access_token })).status).toBe(200);
  expect(await refreshes(moved.refresh_token)).toBe(false);
  expect(await refreshes(other.refresh_token)).toBe(true);
});

it("M1: SkillDisabled with the token of another add-on, of an app or of no user goes by Alexa's user id", async () => {
  await seedAppAndService();
  const otherLink = await linkAddOn(service);
  const tokens = [
    otherLink.access_token,
    (await linkApp(service)).access_token,
    (await json(await service.request("/token", asOtherAddOn({ grant_type: "client_credentials" })))).access_token,
  ];
  await env.DB.prepare("UPDATE grants SET skill_id = ? WHERE skill_id = ?").bind(OTHER_ADD_ON, ADD_ON_ID).run();
  for (const accessToken of tokens) {
    const mine = await linkAddOn(service);
    const enabled = { skillId: ADD_ON_ID, name: "SkillEnabled", userId: ALEXA_USER };
    await deliver(service, { ...enabled, accessToken: mine.access_token });
    await deliver(service, { skillId: ADD_ON_ID, userId: ALEXA_USER, accessToken });
    expect(await refreshes(mine.refresh_token)).toBe(false);
  }
  expect((await grants()).filter((grant) => String(grant).endsWith("skill_disabled"))).toHaveLength(tokens.length);
});

it("M1: SkillEnabled and SkillAccountLinked store Alexa's user id with the add-on's grant", async () => {
  const { access_token } = await linkAddOn(service);
  await deliver(service, { skillId: ADD_ON_ID, name: "SkillEnabled", userId: ALEXA_USER, accessToken: access_token });
  expect(await grants()).toEqual([[ALEXA_USER, null]]);
  const second = await linkAddOn(service);
  const linked = { skillId: ADD_ON_ID, name: "SkillAccountLinked", userId: ALEXA_USER };
  await deliver(service, { ...linked, bodyToken: second.access_token });
  expect(await grants()).toEqual([
    [ALEXA_USER, null],
    [ALEXA_USER, null],
  ]);
});

it("M1: an event of one add-on changes nothing of another's, whatever token it holds", async () => {
  const { access_token, refresh_token } = await linkAddOn(service);
  const foreign = await json(await service.request("/token", asOtherAddOn({ grant_type: "client_credentials" })));
  const own = await addOnServiceToken(service);
  expect([foreign.access_token, own].every((token) => token.length > 100)).toBe(true);
  for (const name of ["SkillDisabled", "SkillAccountLinked"]) {
    await deliver(service, { name, skillId: OTHER_ADD_ON, userId: ALEXA_USER, accessToken: access_token });
    for (const accessToken of [foreign.access_token, own]) {
      await deliver(service, { name, skillId: ADD_ON_ID, userId: ALEXA_USER, accessToken, bodyToken: accessToken });
    }
  }
  expect(await grants()).toEqual([[null, null]]);
  expect(await refreshes(refresh_token)).toBe(true);
});
