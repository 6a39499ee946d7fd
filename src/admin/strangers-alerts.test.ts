// What strangers send to /token raises no alert of a skill.
import { beforeEach, expect, it } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { ALEXA_CLIENT, APP_CLIENT, basic, form, refresh, seedEveryone } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedEveryone();
  // So that this isolate knows the client that a request names.
  await (await service.request("/token", refresh("unknown"))).text();
});

const REFRESH = { grant_type: "refresh_token", refresh_token: "rt_made_up" };

const CODE = { grant_type: "authorization_code", code: "x", redirect_uri: "x", client_id: APP_CLIENT };
const repeated = { ...form({}), body: `grant_type=refresh_token&client_id=${ALEXA_CLIENT}&scope=a&scope=b` };

it.each([
  ["that name no client", form(REFRESH), 401],
  ["with two secrets", form({ ...REFRESH, client_secret: "x" }, { authorization: basic(ALEXA_CLIENT, "x") }), 400],
  ["that repeat a parameter", repeated, 400],
  ["of an app, which has no secret", form({ ...REFRESH, client_id: APP_CLIENT }), 400],
  ["of an app with a made-up code", form(CODE), 400],
] as const)("S11: requests %s", async (_, request, status) => {
  for (let i = 0; i < 20; i++) expect((await service.request("/token", request)).status).toBe(status);
  await admin(service, "GET", "metrics");
  await admin(service, "POST", "maintenance");
  expect((await admin(service, "GET", "alerts")).body.items).toEqual([]);
});
