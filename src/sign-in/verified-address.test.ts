// Only an address that the provider has verified is an address: on pages, in look-ups, imports, userinfo and the API.
import { env } from "cloudflare:workers";
import type { JWTPayload } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { rows } from "../../test/support/app-user.ts";
import { query } from "../../test/support/authorize.ts";
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
import { SKILL_ID, seedSkill } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { linkAlexa, userinfo } from "../../test/support/tokens.ts";
import { addUser, EMAIL } from "../../test/support/users.ts";
import { type Visitor, visit } from "../../test/support/visitor.ts";

const AUDIENCE = "https://api.example.com";

let service: Service;
let providers: Providers;

beforeEach(async () => {
  // With a required scope, as a public issuer needs one.
  service = startService({ ...OIDC, OIDC_AUDIENCE: AUDIENCE, OIDC_REQUIRED_SCOPE: "alexa" });
  providers = await standInForProviders(() => Math.floor(service.clock.now / 1000));
  await seedSkill({ scopes: ["profile", "email"] });
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** What a request of the company's app to the API shows as the account. */
async function accountOf(claims: JWTPayload): Promise<unknown> {
  const bearer = await providers.idToken("", {
    nonce: undefined,
    aud: AUDIENCE,
    scope: "alexa",
    ...claims,
  } as JWTPayload);
  const response = await service.request("/api/authorizations", {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    body: JSON.stringify({ query: query({ scope: "profile" }) }),
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { account: unknown }).account;
}

/** Where the address of the only user can be seen or found; `browser` is signed in. */
async function placesOf(address: string, browser?: Visitor): Promise<string[]> {
  const [user] = await rows<{ id: string; email: string | null }>("SELECT id, email FROM users");
  const id = user?.id ?? "";
  const { access_token: token } = await linkAlexa(service, { userId: id, scope: "profile email" });
  const claims = (await (await userinfo(service, token)).json()) as Record<string, unknown>;
  const found = (await admin(service, "GET", `users?email=${encodeURIComponent(address)}`)).body.items as object[];
  const imported = await admin(service, "POST", "imports", {
    items: [{ skillId: SKILL_ID, user: { email: address }, refreshTokenSha256: "0".repeat(64) }],
  });
  const page = async (path: string) => (browser ? (await browser.open(path)).html : "");
  const places: Record<string, boolean> = {
    row: user?.email === address,
    userinfo: JSON.stringify(claims).includes(address),
    lookUp: found.length > 0,
    import: imported.body.imported === 1,
    account: (await page("/account")).includes(address),
    consent: (await page(`/authorize?${query({ scope: "profile" })}`)).includes(address),
    copy: (await page("/account/data")).includes(address),
    webhook: JSON.stringify(await rows("SELECT * FROM webhook_outbox")).includes(address),
  };
  return Object.keys(places).filter((place) => places[place]);
}

const EVERYWHERE = ["row", "userinfo", "lookUp", "import", "account", "consent", "copy"];

const UNVERIFIED: [string, JWTPayload][] = [
  ["false", { email_verified: false }],
  ['"false"', { email_verified: "false" }],
  ["absent", {}],
  ["null", { email_verified: null }],
  ["0", { email_verified: 0 }],
  ["1", { email_verified: 1 }],
  ['"1"', { email_verified: "1" }],
  ['"True"', { email_verified: "True" }],
  ['" true"', { email_verified: " true" }],
  ['"yes"', { email_verified: "yes" }],
  ["an empty string", { email_verified: "" }],
  ["a list with true", { email_verified: [true] }],
  ["an object", { email_verified: { value: true } }],
  ["4 KB of text", { email_verified: "true".repeat(1000) }],
];

describe("S9: an address whose email_verified is", () => {
  it.each(UNVERIFIED)("%s is no address", async (_, claim) => {
    const ada = visit(service);
    expect((await signInThere(providers, ada, { email: EMAIL, name: "Ada", ...claim })).status).toBe(303);
    expect(await placesOf(EMAIL, ada)).toEqual([]);
    expect(await accountOf({ email: EMAIL, ...claim })).toBe("Ada");
    expect(await placesOf(EMAIL, ada)).toEqual([]);
  });

  it.each(UNVERIFIED)("%s is no address in an access token", async (_, claim) => {
    expect(await accountOf({ email: EMAIL, name: "Ada", ...claim })).toBe("Ada");
    expect(await placesOf(EMAIL)).toEqual([]);
  });

  it.each(UNVERIFIED)("%s is no address in a userinfo response", async (_, claim) => {
    providers.endpoints[DISCOVERY] = () => Response.json({ ...metadata(), userinfo_endpoint: `${PROVIDER}/userinfo` });
    providers.endpoints["id.example.com/userinfo"] = () => Response.json({ sub: "ada", email: EMAIL, ...claim });
    const ada = visit(service);
    // A claim of the ID token says nothing about an address in another document.
    expect((await signInThere(providers, ada, { email_verified: true })).status).toBe(303);
    expect(await placesOf(EMAIL, ada)).toEqual([]);
  });

  it.each([
    ["true", true],
    ['"true"', "true"],
  ])("%s is one everywhere", async (_, verified) => {
    const ada = visit(service);
    await signInThere(providers, ada, { email: "Ada@Example.com", email_verified: verified });
    expect(await placesOf(EMAIL, ada)).toEqual(EVERYWHERE);
    expect(await accountOf({ sub: "bob", email: "bob@example.com", email_verified: verified })).toBe("bob@example.com");
  });
});

describe("S9: a verified claim that is no address", () => {
  it.each<[string, unknown]>([
    ["a number", 7],
    ["null", null],
    ["a list", [EMAIL]],
    ["an object", { value: EMAIL }],
    ["an empty string", ""],
    ["text without @", "ada"],
    ["two addresses", `${EMAIL},eve@example.com`],
    ["markup", `<b>${EMAIL}</b>`],
    ["a line break", `${EMAIL}\nBcc: eve@example.com`],
    ["an invisible character", `ada\u200b@example.com`],
    ["a right-to-left override", `\u202eada@example.com`],
    ["4 KB of text", `${"a".repeat(4000)}@example.com`],
    ["another mailbox that NFKC makes ours, full width", "\uff41da@example.com"],
    ["another mailbox that NFKC makes ours, Kelvin sign", "\u212aarl@example.com"],
  ])("is dropped: %s", async (_, email) => {
    const ada = visit(service);
    await signInThere(providers, ada, { email, email_verified: true } as JWTPayload);
    expect(await rows("SELECT email FROM users")).toEqual([{ email: null }]);
    await accountOf({ sub: "bob", email, email_verified: true } as JWTPayload);
    expect(await rows("SELECT email FROM users WHERE email IS NOT NULL")).toEqual([]);
  });
});

describe("S9: a later sign-in", () => {
  const signInWith = async (claims: JWTPayload) => {
    const visitor = visit(service);
    await signInThere(providers, visitor, claims);
    return visitor;
  };

  it("follows a new verified address, and forgets the old one", async () => {
    await signInWith({ email: "old@example.com", email_verified: true });
    const visitor = await signInWith({ email: EMAIL, email_verified: true });
    expect(await placesOf(EMAIL, visitor)).toEqual(EVERYWHERE);
    expect(await placesOf("old@example.com", visitor)).toEqual([]);
  });

  it.each<[string, JWTPayload]>([
    ["is no longer verified", { email: EMAIL, email_verified: false }],
    ["has another unverified address", { email: "other@example.com" }],
    ["has none", {}],
  ])("removes the address when the provider's claim %s", async (_, claims) => {
    await signInWith({ email: EMAIL, email_verified: true });
    const visitor = await signInWith(claims);
    expect(await placesOf(EMAIL, visitor)).toEqual([]);
  });

  it("keeps the address while the provider's userinfo fails, as long as its claims are not known", async () => {
    await signInWith({ email: EMAIL, email_verified: true });
    service = startService({ ...OIDC, OIDC_AUDIENCE: AUDIENCE, OIDC_REQUIRED_SCOPE: "alexa" });
    providers.endpoints[DISCOVERY] = () => Response.json({ ...metadata(), userinfo_endpoint: `${PROVIDER}/userinfo` });
    for (const [respond, kept] of [
      [() => new Response(null, { status: 500 }), [{ email: EMAIL }]],
      [() => Response.json({ sub: "eve", email: "eve@example.com", email_verified: true }), [{ email: EMAIL }]],
      [() => Response.json({ sub: "ada" }), [{ email: null }]],
    ] as const) {
      providers.endpoints["id.example.com/userinfo"] = respond;
      await signInWith({});
      expect(await rows("SELECT email FROM users")).toEqual(kept);
    }
  });

  it("access tokens are followed too, when they tell whether the address is verified", async () => {
    expect(await accountOf({ email: "old@example.com", email_verified: true })).toBe("old@example.com");
    expect(await accountOf({ email: EMAIL, email_verified: "true" })).toBe(EMAIL);
    expect(await accountOf({})).toBe(EMAIL);
    expect(await accountOf({ email: "other@example.com" })).toBe(EMAIL);
    expect(await accountOf({ email: EMAIL, email_verified: "false", name: "Ada" })).toBe("Ada");
    expect(await placesOf(EMAIL)).toEqual([]);
  });
});

describe("S9: other methods", () => {
  it("Login with Amazon does not say whether an address is verified, so the name is shown", async () => {
    service = startService(AMAZON);
    const ada = visit(service);
    await comeBack(ada, await leave(ada, "amazon"), {}, "amazon");
    expect((await ada.get("/account")).html).toContain("Ada Lovelace");
    expect(await placesOf(EMAIL, ada)).toEqual([]);
  });

  it("the address of a password account is the operator's word, and counts as verified", async () => {
    service = startService();
    await addUser(service);
    const ada = visit(service);
    await ada.signIn(EMAIL, "obviously-fake-password");
    expect(await placesOf(EMAIL)).toEqual(["row", "userinfo", "lookUp", "import"]);
  });
});

describe("S9: metadata of the provider", () => {
  it.each([
    ["true", true, 401],
    ['"true"', "true", 401],
    ["false", false, 303],
    ['"false"', "false", 303],
    ["absent", undefined, 303],
  ])("the response's issuer is required when the metadata's announcement is %s", async (_, announced, status) => {
    providers.endpoints[DISCOVERY] = () =>
      Response.json({ ...metadata(), authorization_response_iss_parameter_supported: announced });
    expect((await signInThere(providers, visit(service))).status).toBe(status);
  });

  it.each([[1], ["yes"], [[true]], [{}]])("that announces the issuer as %j is not used", async (announced) => {
    providers.endpoints[DISCOVERY] = () =>
      Response.json({ ...metadata(), authorization_response_iss_parameter_supported: announced });
    const visitor = visit(service);
    const page = await visitor.get("/sign-in");
    const away = await visitor.post("/sign-in", { method: "oidc", ...page.hidden("/sign-in") });
    expect(away.status).toBe(503);
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM sign_in_attempts").first("n")).toBe(0);
  });
});
