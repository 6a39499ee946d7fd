// What survives the loss of MASTER_KEY.
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { exchange, json, refresh, seedCode, seedSkill, seedUser } from "../../test/support/seeds.ts";
import { startService } from "../../test/support/service.ts";
import { asAlexa, introspection, userinfo } from "../../test/support/tokens.ts";

it("Alexa's refresh tokens work after the loss of MASTER_KEY, once the signing keys are deleted", async () => {
  await seedSkill();
  await seedUser();
  const before = startService();
  const tokens = await json(await before.request("/token", exchange(await seedCode())));

  const after = startService({ MASTER_KEY: "B".repeat(43) });
  expect((await after.request("/token", refresh(tokens.refresh_token))).status).toBe(503);
  await env.DB.prepare("DELETE FROM signing_keys").run();
  const recovered = startService({ MASTER_KEY: "B".repeat(43) });
  const response = await recovered.request("/token", refresh(tokens.refresh_token));
  expect(response.status).toBe(200);
  const renewed = await json(response);
  expect(renewed.refresh_token).toBe(tokens.refresh_token);
  expect((await userinfo(recovered, renewed.access_token)).status).toBe(200);
  expect(await introspection(recovered, tokens.access_token, asAlexa)).toEqual({ active: false });
  // Customers can link again.
  expect((await recovered.request("/token", exchange(await seedCode()))).status).toBe(200);
});
