import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { exchange, json, refresh, seedCode, seedSkill, seedUser } from "../../test/support/seeds.ts";
import { startService } from "../../test/support/service.ts";
import { asAlexa, introspection, userinfo } from "../../test/support/tokens.ts";

it("links that Alexa holds survive the loss of MASTER_KEY, once the signing keys were removed", async () => {
  await seedSkill();
  await seedUser();
  const before = startService();
  const tokens = await json(await before.request("/token", exchange(await seedCode())));

  const after = startService({ MASTER_KEY: "B".repeat(43) });
  expect((await after.request("/token", refresh(tokens.refresh_token))).status).not.toBe(400);
  await env.DB.prepare("DELETE FROM signing_keys").run();
  const anew = startService({ MASTER_KEY: "B".repeat(43) });
  const answer = await anew.request("/token", refresh(tokens.refresh_token));
  expect(answer.status).toBe(200);
  const renewed = await json(answer);
  expect(renewed.refresh_token).toBe(tokens.refresh_token);
  expect((await userinfo(anew, renewed.access_token)).status).toBe(200);
  expect(await introspection(anew, tokens.access_token, asAlexa)).toEqual({ active: false });
  // And a customer can link anew.
  expect((await anew.request("/token", exchange(await seedCode()))).status).toBe(200);
});
