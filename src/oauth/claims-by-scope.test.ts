// What /userinfo, introspection and tokens say about a person, and what the consent page says about it.
import { env } from "cloudflare:workers";
import { decodeJwt } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { DEMO, seedAccount } from "../../test/support/accounts.ts";
import { query, signedIn } from "../../test/support/authorize.ts";
import { json, refresh, seedEveryone, USER_ID } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { asAlexa, asService, introspection, linkAlexa, linkApp, MINUTE, userinfo } from "../../test/support/tokens.ts";

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedEveryone();
});

const NAME = { name: "ada" };
const EMAIL = { email: "ada@example.com" };

async function scopesOfSkill(scopes: readonly { name: string; descriptions: Record<string, string> }[]) {
  await env.DB.prepare("UPDATE skills SET scopes = ?")
    .bind(JSON.stringify(scopes.map((scope) => ({ ...scope, tier: "user" }))))
    .run();
}

describe("userinfo", () => {
  it.each([
    ["profile email", { ...NAME, ...EMAIL }],
    ["email profile devices:control", { ...NAME, ...EMAIL }],
    ["profile", NAME],
    ["email", EMAIL],
    ["devices:control", {}],
    ["openid", {}],
    ["links", {}],
    ["profiles emails", {}],
    ["my:profile email.read", {}],
    ["PROFILE Email", {}],
    ["", {}],
  ])("S19: a grant of scope %j gives name and e-mail address only for profile and email", async (scope, claims) => {
    for (const link of [linkAlexa, linkApp]) {
      const { access_token } = await link(service, { scope });
      const response = await userinfo(service, access_token);
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({ sub: USER_ID, ...claims });
    }
  });

  it("S19: a token of narrower scope gives what its own scope covers", async () => {
    const { refresh_token } = await linkAlexa(service, { scope: "profile email devices:control" });
    const narrow = await json(await service.request("/token", refresh(refresh_token, { scope: "devices:control" })));
    expect(await json<object>(await userinfo(service, narrow.access_token))).toEqual({ sub: USER_ID });
    const full = await json(await service.request("/token", refresh(refresh_token)));
    expect(await json<object>(await userinfo(service, full.access_token))).toEqual({
      sub: USER_ID,
      ...NAME,
      ...EMAIL,
    });
  });

  it("S19: access tokens, token responses and introspection carry no name and no address, whatever the scope", async () => {
    const tokens = await linkAlexa(service, { scope: "openid profile email" });
    const described = [
      decodeJwt(tokens.access_token),
      { ...tokens, access_token: "", refresh_token: "" },
      await introspection(service, tokens.access_token, asAlexa),
      await introspection(service, tokens.access_token, asService),
      await introspection(service, tokens.refresh_token, asService),
    ];
    expect(described[2]).toMatchObject({ active: true });
    expect(described[4]).toMatchObject({ active: true });
    for (const claims of described) {
      expect(JSON.stringify(claims)).not.toContain("ada");
      for (const name of ["name", "email", "username", "given_name"]) expect(claims).not.toHaveProperty(name);
    }
  });
});

describe("the consent page", () => {
  it("S19: says that profile and email give name and e-mail address, unless the operator describes them", async () => {
    await seedAccount(service, DEMO);
    const visitor = await signedIn(service);
    const asked = `/authorize?${query({ scope: undefined })}`;
    await scopesOfSkill([
      { name: "profile", descriptions: {} },
      { name: "email", descriptions: { en: "" } },
      { name: "devices:control", descriptions: {} },
    ]);
    const plain = await visitor.open(asked);
    for (const text of ["See your name", "See your e-mail address", "devices:control"]) {
      expect(plain.html).toContain(text);
    }
    visitor.headers["accept-language"] = "de";
    const german = await visitor.open(asked);
    expect(german.html).toContain("Ihren Namen sehen");
    expect(german.html).toContain("Ihre E-Mail-Adresse sehen");
    await scopesOfSkill([{ name: "profile", descriptions: { en: "Greet you by name", de: "Sie mit Namen begrüßen" } }]);
    // Longer than an isolate keeps the client.
    service.clock.advance(5 * MINUTE);
    const described = await visitor.open(asked);
    expect(described.html).toContain("Sie mit Namen begrüßen");
    expect(described.html).not.toContain("Ihren Namen sehen");
  });
});
