// POST /api/personalization: every row of Amazon's table, invalid tokens, and the profile lookup.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { asBackend } from "../../test/support/gateway.ts";
import {
  basic,
  json,
  SERVICE_CLIENT,
  SKILL_ID,
  seedAppAndService,
  seedSkill,
  seedUser,
} from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { link } from "../../test/support/skill-events.ts";

const ALEXA_USER = "amzn1.ask.account.HOUSEHOLD";
const PERSON = "amzn1.ask.person.ADA";
const ADA = "0useraaaaaaaaaaaaaaaaaaaaa";
const FAMILY = "0userffffffffffffffffffff";

let service: Service;
let asked: { url: string; authorization: string | null }[];
let respond: (url: string) => Response | Promise<Response>;

beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAppAndService();
  await seedUser(ADA);
  await seedUser(FAMILY, "family@example.com");
  asked = [];
  respond = () => Response.json("Ada");
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    asked.push({ url: request.url, authorization: request.headers.get("authorization") });
    return respond(request.url);
  });
});
afterEach(() => vi.restoreAllMocks());

interface Spoken {
  readonly user?: object;
  readonly person?: object;
  readonly system?: object;
}

function context({ user = {}, person, system = {} }: Spoken) {
  return {
    System: {
      application: { applicationId: SKILL_ID },
      user: { userId: ALEXA_USER, ...user },
      ...(person && { person: { personId: PERSON, ...person } }),
      ...system,
    },
  };
}
async function ask(spoken: Spoken, extra: object = {}): Promise<Record<string, unknown>> {
  const response = await service.request("/api/personalization", asBackend({ context: context(spoken), ...extra }));
  expect(response.status).toBe(200);
  expect(response.headers.get("cache-control")).toBe("no-store");
  return json(response);
}

describe("the speaker and their account", () => {
  it("personalization on, linked at person level: the person's account", async () => {
    const family = await link(service, { userId: FAMILY });
    const ada = await link(service, { userId: ADA });
    const spoken = {
      user: { accessToken: family.tokens.access_token },
      person: { accessToken: ada.tokens.access_token },
    };
    expect(await ask(spoken)).toEqual({
      skillId: SKILL_ID,
      account: {
        alexaUserId: ALEXA_USER,
        link: "linked",
        userId: FAMILY,
        grantId: family.grantId,
        scopes: ["profile"],
      },
      person: { personId: PERSON, link: "linked", userId: ADA, grantId: ada.grantId, scopes: ["profile"] },
      speaker: { as: "person", userId: ADA, grantId: ada.grantId },
    });
  });

  it("personalization on, only the shared account linked: the shared account, with the person's id", async () => {
    const family = await link(service, { userId: FAMILY });
    expect(await ask({ user: { accessToken: family.tokens.access_token }, person: {} })).toMatchObject({
      account: { link: "linked", userId: FAMILY },
      person: { personId: PERSON, link: "not_linked" },
      speaker: { as: "account", userId: FAMILY },
    });
  });

  it("personalization on, only the person linked: the person's account", async () => {
    const ada = await link(service, { userId: ADA });
    expect(await ask({ person: { accessToken: ada.tokens.access_token } })).toMatchObject({
      account: { link: "not_linked" },
      speaker: { as: "person", userId: ADA },
    });
  });

  it("personalization on, no link: no speaker", async () => {
    expect(await ask({ person: {} })).toEqual({
      skillId: SKILL_ID,
      account: { alexaUserId: ALEXA_USER, link: "not_linked" },
      person: { personId: PERSON, link: "not_linked" },
      speaker: null,
    });
  });

  it("personalization off, linked: the shared account, and no person", async () => {
    const family = await link(service, { userId: FAMILY });
    expect(await ask({ user: { accessToken: family.tokens.access_token } })).toMatchObject({
      person: null,
      speaker: { as: "account", userId: FAMILY, grantId: family.grantId },
    });
  });

  it("personalization off, no link: no speaker, with and without a user object", async () => {
    expect(await ask({})).toMatchObject({ person: null, speaker: null });
    const bare = { context: { System: { application: { applicationId: SKILL_ID } } } };
    const response = await service.request("/api/personalization", asBackend(bare));
    expect(await response.json()).toMatchObject({ account: { alexaUserId: null, link: "not_linked" }, speaker: null });
  });

  it("accepts a complete request of Alexa", async () => {
    const whole = { version: "1.0", session: { new: true }, request: { type: "LaunchRequest", locale: "de-DE" } };
    expect(await ask({ person: { authenticationConfidenceLevel: { level: 200 } } }, whole)).toMatchObject({
      person: { link: "not_linked" },
    });
  });
});

describe("U3: an invalid token is reported as an ended link", () => {
  it.each([
    ["revoked", async () => env.DB.prepare("UPDATE grants SET revoked_at = 1").run()],
    ["idle too long", async () => env.DB.prepare("UPDATE grants SET idle_expires_at = 1").run()],
    ["deleted", async () => env.DB.prepare("DELETE FROM grants").run()],
    ["expired", async () => service.clock.advance(3601_000)],
  ])("%s", async (_, end) => {
    const { tokens } = await link(service, { userId: ADA });
    await end();
    const spoken = { user: { accessToken: tokens.access_token }, person: { accessToken: tokens.access_token } };
    expect(await ask(spoken)).toMatchObject({
      account: { link: "ended" },
      person: { link: "ended" },
      speaker: null,
    });
  });

  it("foreign, altered, or for another skill", async () => {
    await seedSkill({ id: "alexa-other", skillId: "amzn1.ask.skill.other" });
    const { tokens } = await link(service, { userId: ADA });
    await env.DB.prepare("UPDATE clients SET skill_ids = ? WHERE id = ?")
      .bind(JSON.stringify([SKILL_ID, "amzn1.ask.skill.other"]), SERVICE_CLIENT)
      .run();
    for (const accessToken of ["Atza|x", `${tokens.access_token}x`]) {
      expect(await ask({ user: { accessToken } })).toMatchObject({ account: { link: "ended" }, speaker: null });
    }
    const other = { application: { applicationId: "amzn1.ask.skill.other" } };
    expect(await ask({ user: { accessToken: tokens.access_token }, system: other })).toMatchObject({
      account: { link: "ended" },
      speaker: null,
    });
  });

  it("an invalid token of a person falls back to the shared account", async () => {
    const family = await link(service, { userId: FAMILY });
    const spoken = { user: { accessToken: family.tokens.access_token }, person: { accessToken: "Atza|ended" } };
    expect(await ask(spoken)).toMatchObject({ person: { link: "ended" }, speaker: { as: "account", userId: FAMILY } });
  });
});

describe("the profile at Alexa", () => {
  const system = { apiEndpoint: "https://api.eu.amazonalexa.com", apiAccessToken: "fake.api.token" };
  const profile = ["name", "givenName"];

  it("is that of the recognized person, read with the request's own token at its own host", async () => {
    respond = (url) => Response.json(url.endsWith("givenName") ? "Ada" : "Ada Lovelace");
    expect(await ask({ person: {}, system }, { profile })).toMatchObject({
      profile: { name: { status: "known", value: "Ada Lovelace" }, givenName: { status: "known", value: "Ada" } },
    });
    expect(asked.map(({ url }) => url).toSorted()).toEqual([
      "https://api.eu.amazonalexa.com/v2/persons/~current/profile/givenName",
      "https://api.eu.amazonalexa.com/v2/persons/~current/profile/name",
    ]);
    expect(new Set(asked.map(({ authorization }) => authorization))).toEqual(new Set(["Bearer fake.api.token"]));
  });

  it("is that of the account when no person is recognized", async () => {
    await ask({ system }, { profile: ["name"] });
    expect(asked.map(({ url }) => url)).toEqual([
      "https://api.eu.amazonalexa.com/v2/accounts/~current/settings/Profile.name",
    ]);
  });

  it.each([
    ["no stored value", () => new Response(null, { status: 204 }), "empty"],
    ["no permission", () => new Response("", { status: 403 }), "not_permitted"],
    ["an expired token", () => new Response("", { status: 401 }), "not_permitted"],
    ["throttling", () => new Response("", { status: 429 }), "unavailable"],
    ["an error", () => new Response("", { status: 500 }), "unavailable"],
    ["HTML", () => new Response("<html></html>"), "unavailable"],
    ["a value that is not text", () => Response.json({ name: "x" }), "unavailable"],
    [
      "a redirect",
      () => new Response(null, { status: 302, headers: { location: "https://evil.test/" } }),
      "unavailable",
    ],
    ["no response", () => Promise.reject(new DOMException("late", "TimeoutError")), "unavailable"],
  ])("%s does not fail the request: %s", async (_, given, status) => {
    respond = given;
    expect(await ask({ system }, { profile: ["name"] })).toMatchObject({ profile: { name: { status } } });
    expect(asked).toHaveLength(1);
  });

  it.each([
    "https://evil.test",
    "https://api.eu.amazonalexa.com.evil.test",
    "https://api.eu.amazonalexa.com@evil.test",
    "https://api.eu.amazonalexa.com/../x",
    "http://api.eu.amazonalexa.com",
    "api.eu.amazonalexa.com",
    "",
  ])("the token is sent to Alexa's hosts only: %j is refused", async (apiEndpoint) => {
    const body = { context: context({ system: { ...system, apiEndpoint } }), profile };
    const response = await service.request("/api/personalization", asBackend(body));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "invalid_body" });
    expect(asked).toEqual([]);
  });

  it("is read only when the backend asks for it", async () => {
    expect(await ask({ person: {}, system })).not.toHaveProperty("profile");
    expect(asked).toEqual([]);
  });
});

describe("bad requests", () => {
  it.each([
    ["invalid JSON", "{"],
    ["no context", {}],
    ["no application", { context: { System: {} } }],
    ["a person without id", { context: { System: { application: { applicationId: SKILL_ID }, person: {} } } }],
    ["an unknown profile field", { context: context({}), profile: ["email"] }],
    ["a profile without a token", { context: context({}), profile: ["name"] }],
    ["a token of Alexa's with a control character", { context: context({ system: { apiAccessToken: "a\0b" } }) }],
    ["a token of Alexa's with a line break", { context: context({ system: { apiAccessToken: "a\r\nx: y" } }) }],
    ["a user that is text", { context: { System: { application: { applicationId: SKILL_ID }, user: "x" } } }],
  ])("%s: 400", async (_, body) => {
    const response = await service.request("/api/personalization", asBackend(body));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "invalid_body" });
  });

  it("a skill that this client does not serve: 404", async () => {
    const body = { context: context({ system: { application: { applicationId: "amzn1.ask.skill.other" } } }) };
    const response = await service.request("/api/personalization", asBackend(body));
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "skill_not_found" });
  });

  it("no or wrong credentials: 401; another method: 405", async () => {
    for (const authorization of ["", basic(SERVICE_CLIENT, "wrong")]) {
      const response = await service.request(
        "/api/personalization",
        asBackend({ context: context({}) }, authorization),
      );
      expect(response.status).toBe(401);
    }
    expect((await service.request("/api/personalization")).status).toBe(405);
  });

  it("takes at most one storage round trip, and none without a token", async () => {
    const { tokens } = await link(service, { userId: ADA });
    const spoken = { user: { accessToken: tokens.access_token }, person: { accessToken: tokens.access_token } };
    await ask(spoken);
    service.meter.clear();
    await ask(spoken);
    expect(service.meter.calls().length).toBeLessThanOrEqual(1);
    service.meter.clear();
    await ask({});
    expect(service.meter.calls()).toEqual([]);
  });
});
