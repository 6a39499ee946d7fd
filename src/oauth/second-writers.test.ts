// Who else may write: another client with a token that is not its own, and a client made again under a deleted one's id.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { admin, SKILL_BODY } from "../../test/support/admin.ts";
import { insert } from "../../test/support/rows.ts";
import {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  ALEXA_SECRET,
  APP_CLIENT,
  APP_REDIRECT_URI,
  exchange,
  form,
  json,
  refresh,
  SKILL_ID,
  seedEveryone,
} from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import {
  anotherIsolate,
  asAlexa,
  bodyOf,
  countOf,
  exchangeOfApp,
  expectInvalidGrant,
  grantIdOf,
  introspection,
  linkAlexa,
  linkApp,
  MINUTE,
  putInKv,
  refreshOfApp,
  seedAppCode,
  seedCodeInKv,
  userinfo,
} from "../../test/support/tokens.ts";

beforeEach(seedEveryone);

const OTHER_APP = "other-app";
const asOtherApp = (token: string) => form({ grant_type: "refresh_token", client_id: OTHER_APP, refresh_token: token });

async function seedOtherApp(): Promise<void> {
  await insert("clients", {
    id: OTHER_APP,
    kind: "app",
    name: "Other app",
    redirectUris: [APP_REDIRECT_URI],
    scopes: ["links", "profile"],
    requirePkce: true,
  }).run();
}

const rowOfGrant = (token: string) =>
  env.DB.prepare("SELECT * FROM grants WHERE id = ?").bind(grantIdOf(token)).first<Record<string, unknown>>();

describe("a rotating token in the hands of another client", () => {
  it("T9: does not move the grant on, retire a token or raise an alert, whatever its generation", async () => {
    const service = startService();
    await seedOtherApp();
    const first = (await linkApp(service)).refresh_token;
    const second = (await json(await service.request("/token", refreshOfApp(first)))).refresh_token;
    const before = await rowOfGrant(first);
    for (const token of [first, second]) {
      for (const init of [asOtherApp(token), refresh(token)]) {
        await expectInvalidGrant(await service.request("/token", init));
      }
    }
    expect(await rowOfGrant(first)).toEqual(before);
    // The first token still returns the second: nothing was retired.
    expect((await json(await service.request("/token", refreshOfApp(first)))).refresh_token).toBe(second);
    expect(await countOf("audit", "alert = 1")).toBe(0);
  });

  it("T9: is not revoked by it, even once retired, and its owner's grant stays", async () => {
    const service = startService();
    await seedOtherApp();
    let token = (await linkApp(service)).refresh_token;
    const tokens = [token];
    for (let i = 0; i < 3; i++) {
      service.clock.advance(10 * MINUTE);
      token = (await json(await service.request("/token", refreshOfApp(token)))).refresh_token;
      tokens.push(token);
    }
    service.clock.advance(10 * MINUTE);
    for (const held of tokens) {
      await expectInvalidGrant(await service.request("/token", asOtherApp(held)));
      const revocation = await service.request("/revoke", form({ token: held, client_id: OTHER_APP }));
      expect([revocation.status, await bodyOf(revocation)]).toEqual([200, {}]);
    }
    expect(await countOf("grants", "revoked_at IS NOT NULL")).toBe(0);
    expect((await service.request("/token", refreshOfApp(token))).status).toBe(200);
  });
});

async function deleteAndMakeAppAgain(service: Service): Promise<void> {
  expect((await admin(service, "DELETE", `clients/${APP_CLIENT}`)).status).toBe(204);
  const body = { id: APP_CLIENT, kind: "app", name: "Acme app", redirectUris: [APP_REDIRECT_URI], scopes: ["links"] };
  expect((await admin(service, "POST", "clients", body)).status).toBe(201);
}

describe("a client that is deleted and made again under the same id", () => {
  it.each(["KV", "D1"])(
    "C6: an app does not redeem codes of a deleted app with its id, found in %s",
    async (source) => {
      const service = startService();
      const code = await seedAppCode();
      if (source === "KV") await putInKv(service, code);
      await deleteAndMakeAppAgain(service);
      for (const isolate of [service, anotherIsolate(service)]) {
        await expectInvalidGrant(await isolate.request("/token", exchangeOfApp(code)));
      }
      expect(await countOf("grants")).toBe(0);
      // A code of today works: the client is complete.
      expect((await service.request("/token", exchangeOfApp(await seedAppCode()))).status).toBe(200);
    },
  );

  it("T9: the tokens of a deleted app with the same id do not work", async () => {
    const service = startService();
    const tokens = await linkApp(service);
    await deleteAndMakeAppAgain(service);
    for (const isolate of [service, anotherIsolate(service)]) {
      await expectInvalidGrant(await isolate.request("/token", refreshOfApp(tokens.refresh_token)));
      expect((await userinfo(isolate, tokens.access_token)).status).toBe(401);
    }
    expect(await countOf("grants")).toBe(0);
  });

  it("C6, T9: the codes and tokens of a deleted skill with the same id do not work", async () => {
    const service = startService();
    const [code, inKv] = [await seedCodeInKv(service), await seedCodeInKv(service)];
    const tokens = await linkAlexa(service);
    expect((await admin(service, "DELETE", `skills/${SKILL_ID}`)).status).toBe(204);
    const remade = await admin(service, "POST", "skills", {
      ...SKILL_BODY,
      id: SKILL_ID,
      extraRedirectUris: [],
      vendorId: ALEXA_REDIRECT_URIS[0]?.split("/").at(-1),
      client: { id: ALEXA_CLIENT, secret: ALEXA_SECRET },
    });
    expect(remade.status, JSON.stringify(remade.body)).toBe(201);
    for (const isolate of [service, anotherIsolate(service)]) {
      for (const held of [code, inKv]) await expectInvalidGrant(await isolate.request("/token", exchange(held)));
      await expectInvalidGrant(await isolate.request("/token", refresh(tokens.refresh_token)));
      expect(await introspection(isolate, tokens.access_token)).toEqual({ active: false });
      expect((await isolate.request("/revoke", asAlexa({ token: tokens.refresh_token }))).status).toBe(200);
    }
    expect(await countOf("grants")).toBe(0);
    expect((await service.request("/token", exchange(await seedCodeInKv(service)))).status).toBe(200);
  });
});
