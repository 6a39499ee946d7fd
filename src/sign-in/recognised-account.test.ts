// How pages and the app's consent screen name the account: as its owner recognises it, never by an internal id.
import type { JWTPayload } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { rows } from "../../test/support/app-user.ts";
import { query } from "../../test/support/authorize.ts";
import { LANGUAGES } from "../../test/support/languages.ts";
import {
  AMAZON,
  comeBack,
  DISCOVERY,
  leave,
  metadata,
  OIDC,
  PROVIDER,
  type Providers,
  signInThere,
  standInForProviders,
} from "../../test/support/providers.ts";
import { seedSkill } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { linkAlexa, userinfo } from "../../test/support/tokens.ts";
import { type Page, type Visitor, visit } from "../../test/support/visitor.ts";

const AUDIENCE = "https://api.example.com";
const CONSENT = `/authorize?${query({ scope: "profile" })}`;
const SUBJECT = "7a6f1d2c-internal";

let service: Service;
let providers: Providers;

async function start(variables: Readonly<Record<string, string>>): Promise<void> {
  service = startService(variables);
  providers = await standInForProviders(() => Math.floor(service.clock.now / 1000));
}

beforeEach(async () => {
  await start({ ...OIDC, OIDC_AUDIENCE: AUDIENCE, OIDC_REQUIRED_SCOPE: "alexa" });
  await seedSkill({ scopes: ["profile"] });
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** The account as a page names it. */
function accountOn({ html }: Page): string | undefined {
  return /<strong><bdi>([^<]*)<\/bdi><\/strong>/.exec(html)?.[1]?.replaceAll("&#39;", "'");
}

/** The account as the consent page, the account page and the app's consent screen name it: three times the same. */
async function accountOf(claims: JWTPayload): Promise<string | undefined> {
  const visitor = visit(service);
  const given = { sub: SUBJECT, ...claims };
  expect((await signInThere(providers, visitor, given)).status).toBe(303);
  const consent = await visitor.get(CONSENT);
  const [user] = await rows<{ id: string }>("SELECT id FROM users");
  for (const id of [given.sub, user?.id ?? "?"]) expect(consent.html).not.toContain(`>${id}<`);
  expect(accountOn(await visitor.get("/account"))).toBe(accountOn(consent));
  const bearer = await providers.idToken("", {
    nonce: undefined,
    aud: AUDIENCE,
    scope: "alexa",
    ...given,
  } as JWTPayload);
  const response = await service.request("/api/authorizations", {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    body: JSON.stringify({ query: query({ scope: "profile" }) }),
  });
  expect(((await response.json()) as { account: string }).account).toBe(accountOn(consent));
  return accountOn(consent);
}

const ALL = {
  email: "ada@example.com",
  email_verified: true,
  name: "Ada Lovelace",
  given_name: "Augusta",
  family_name: "King",
  preferred_username: "countess",
  nickname: "Lady A",
  phone_number: "+44 20 7946 0000",
};

describe("P10: the account is named by", () => {
  it.each<[string, string, JWTPayload]>([
    ["the verified address", "ada@example.com", ALL],
    ["the name, when the address is not verified", "Ada Lovelace", { ...ALL, email_verified: false }],
    ["given and family name", "Augusta King", { ...ALL, email_verified: false, name: undefined }],
    ["the given name alone", "Augusta", { given_name: "Augusta", nickname: "Lady A" }],
    ["the family name alone", "King", { family_name: "King", nickname: "Lady A" }],
    ["the preferred user name", "countess", { preferred_username: "countess", nickname: "Lady A" }],
    ["the nickname", "Lady A", { nickname: "Lady A", phone_number: "+44 20 7946 0000" }],
    ["the phone number", "+44 20 7946 0000", { phone_number: "+44 20 7946 0000" }],
    ["the brand, when nothing is known", "Your Acme account", {}],
    ["a name in another script", "さくら 花子", { name: "さくら 花子" }],
    ["a name with joiners, which its script needs", "می\u200cخواهم", { name: "می\u200cخواهم" }],
    ["a name with an apostrophe", "Ada O'Neill", { name: "Ada O'Neill" }],
  ])("%s", async (_, shown, claims) => {
    expect(await accountOf(claims)).toBe(shown);
  });

  it.each<[string, JWTPayload]>([
    ["a number", { name: 7 }],
    ["null", { name: null }],
    ["a list", { name: ["Eve"] }],
    ["an object", { name: { formatted: "Eve" } }],
    ["an empty string", { name: "" }],
    ["white space", { name: " \t\u3000\u00a0 " }],
    ["invisible characters", { name: "\u200b\u2060\ufeff\u115f\u3164\u2800\u00ad\u200d" }],
    ["an address that nobody verified", { name: "boss@example.com" }],
    ["text with an address", { name: "Ada (boss@example.com)" }],
    ["an address with invisible characters", { name: "boss\u200b@\u200bexample.com" }],
    ["an address with spaces", { name: "boss @ example.com" }],
    ["an address with a full-width sign", { name: "boss\uff20example.com" }],
    ["an address with a small sign", { name: "boss\ufe6bexample.com" }],
    ["the subject", { name: SUBJECT }],
    ["a UUID", { name: "0f8fad5b-d9cb-469f-a165-70867728950e" }],
    ["control characters", { name: "\u0000\u0007\u001b" }],
    ["half a surrogate pair", { name: "\ud83d" }],
  ] as [string, JWTPayload][])("the next claim, when the name is %s", async (_, claims) => {
    expect(await accountOf({ ...claims, nickname: "Lady A" })).toBe("Lady A");
  });

  it.each<[string, string, string]>([
    ["line breaks", "Ada\r\n\u2028Love\tlace", "Ada Love lace"],
    ["bidirectional controls", "\u202eAda\u202c \u2066Lovelace\u2069\u200f\u061c", "Ada Lovelace"],
    ["tags and private use", "Ada\u{e0041}\u{e007f}\ue000", "Ada"],
    ["markup", "<b>Ada</b>", "&lt;b&gt;Ada&lt;/b&gt;"],
    ["10 characters more than are shown", "A".repeat(110), `${"A".repeat(99)}…`],
    ["7 KB", "𝒜da ".repeat(1000), `${"𝒜da ".repeat(25).slice(0, -1)}…`],
  ])("a name without its %s", async (_, name, shown) => {
    // Access tokens of 8 KB and more are refused, so long names come by the sign-in alone.
    const visitor = visit(service);
    await signInThere(providers, visitor, { sub: SUBJECT, name });
    expect(accountOn(await visitor.get(CONSENT))).toBe(shown);
  });

  it("claims of userinfo, when the ID token names nobody", async () => {
    providers.endpoints[DISCOVERY] = () => Response.json({ ...metadata(), userinfo_endpoint: `${PROVIDER}/userinfo` });
    for (const [idToken, userinfoResponse, shown] of [
      [{}, { nickname: "Lady A" }, "Lady A"],
      [{ nickname: "Lady A" }, { name: "Ada Lovelace" }, "Ada Lovelace"],
      [{ email: "x@example.com" }, { name: "Ada King", email: "y@example.com", email_verified: true }, "Ada King"],
      [{ email: "x@example.com", name: "Ada" }, { name: "Not asked" }, "Ada"],
    ] as const) {
      providers.endpoints["id.example.com/userinfo"] = () => Response.json({ sub: SUBJECT, ...userinfoResponse });
      const visitor = visit(service);
      await signInThere(providers, visitor, { sub: SUBJECT, ...idToken });
      expect(accountOn(await visitor.get(CONSENT))).toBe(shown);
    }
  });

  it("a phone number on pages only: for clients it is no name", async () => {
    await accountOf({ phone_number: "+1 (555) 010-0000" });
    const [user] = await rows<{ id: string }>("SELECT id FROM users");
    const { access_token: token } = await linkAlexa(service, { userId: user?.id ?? "", scope: "profile" });
    expect(await (await userinfo(service, token)).json()).toEqual({ sub: user?.id });
  });

  it.each([...LANGUAGES])("neutral words, in %s", async (language, text) => {
    const visitor = visit(service);
    visitor.headers["accept-language"] = language;
    await signInThere(providers, visitor, { sub: SUBJECT });
    expect(accountOn(await visitor.get(CONSENT))).toBe(text.consentAccountUnnamed("Acme"));
    const bearer = await providers.idToken("", {
      nonce: undefined,
      aud: AUDIENCE,
      scope: "alexa",
    } as unknown as JWTPayload);
    const response = await service.request("/api/authorizations", {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json", "accept-language": language },
      body: JSON.stringify({ query: query({ scope: "profile" }) }),
    });
    expect(await response.json()).toMatchObject({ account: text.consentAccountUnnamed("Acme") });
  });
});

describe('P10: "Not you?"', () => {
  const signInWithAmazon = async (visitor: Visitor) => comeBack(visitor, await leave(visitor, "amazon"), {}, "amazon");
  const switchAccount = async (visitor: Visitor) => visitor.submit(await visitor.get(CONSENT), { decision: "switch" });

  it.each([...LANGUAGES])(
    "says in %s that Amazon must be signed out first, before and after",
    async (language, text) => {
      await start(AMAZON);
      const visitor = visit(service);
      visitor.headers["accept-language"] = language;
      await signInWithAmazon(visitor);
      expect((await visitor.get(CONSENT)).html).toContain(text.signInOtherAmazon);
      expect(text.signInOtherAmazon).toContain("amazon.com");
      const page = await switchAccount(visitor);
      expect(page.html).toContain('action="/sign-in"');
      expect(page.html).toContain(text.signInOtherAmazon);
    },
  );

  it("says so beside other methods after the switch, and not before", async () => {
    await start({ ...OIDC, ...AMAZON, SIGN_IN_METHODS: "oidc,amazon" });
    const visitor = visit(service);
    expect((await visitor.get(CONSENT)).html).not.toContain("sign out at amazon.com");
    await signInWithAmazon(visitor);
    expect((await visitor.get(CONSENT)).html).not.toContain("sign out at amazon.com");
    expect((await switchAccount(visitor)).html).toContain("sign out at amazon.com");
  });

  it("says nothing of Amazon where customers do not sign in with it", async () => {
    const visitor = visit(service);
    await signInThere(providers, visitor, { name: "Ada" });
    expect((await visitor.get(CONSENT)).html).not.toContain("sign out at amazon.com");
    expect((await switchAccount(visitor)).html).not.toContain("sign out at amazon.com");
  });
});
