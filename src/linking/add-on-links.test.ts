// Linking an Alexa+ add-on from the company's app or website, and through the company's app.
import { env } from "cloudflare:workers";
import { decodeJwt } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DEMO, seedAccount } from "../../test/support/accounts.ts";
import {
  addOnQuery,
  exchangeOfAddOn,
  moveAddOn,
  NEW_RESOURCE,
  OTHER_RESOURCE,
  refreshOfAddOn,
  setAddOnScopes,
} from "../../test/support/add-on.ts";
import { type Amazon, startAmazon } from "../../test/support/amazon.ts";
import { appBearer } from "../../test/support/app-bearer.ts";
import { type AppUser, appUser, seedLwa } from "../../test/support/app-user.ts";
import { ADD_ON_ID, ADD_ON_RESOURCE } from "../../test/support/constants.ts";
import { locationOf, signIn, startedAttempts } from "../../test/support/link-page.ts";
import { attemptRow, liveGrants } from "../../test/support/linking.ts";
import { queryPlan } from "../../test/support/query-plan.ts";
import { json, seedAddOn, seedAppAndService, seedSkill } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { anotherIsolate, expectInvalidGrant, introspection, SECOND, userinfo } from "../../test/support/tokens.ts";
import { type Visitor, visit } from "../../test/support/visitor.ts";

const PAGE = `/link/${ADD_ON_ID}`;

let service: Service;
let amazon: Amazon;
let userId: string;
/** What Alexa names as `resource` when it redeems the code of an enablement call. */
let named: string | undefined;

beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAddOn({ serviceClient: true });
  await seedAppAndService();
  await seedLwa(service, ADD_ON_ID);
  userId = await seedAccount(service, DEMO);
  named = undefined;
  amazon = startAmazon(service, (code, redirect_uri) =>
    exchangeOfAddOn(code, { redirect_uri, code_verifier: undefined, resource: named }),
  );
});
afterEach(() => vi.restoreAllMocks());

/** Expects that Alexa holds a user token of the add-on, for user-tier scopes only. */
async function expectLinked(): Promise<void> {
  const tokens = amazon.linked.get("amazon-account-1");
  expect(tokens?.scope).toBe("mcp:tools mcp:resources");
  const claims = decodeJwt(tokens?.access_token ?? "");
  expect(claims).toMatchObject({ aud: ADD_ON_RESOURCE, scope: "mcp:tools mcp:resources", sub: userId });
  expect(await (await userinfo(service, tokens?.access_token ?? "")).json()).toEqual({ sub: userId });
  const refreshed = await json(await service.request("/token", refreshOfAddOn(tokens?.refresh_token ?? "")));
  expect(decodeJwt(refreshed.access_token).aud).toBe(ADD_ON_RESOURCE);
  expect(await liveGrants(userId)).toHaveLength(1);
  const scopes = await env.DB.prepare("SELECT scope FROM grants WHERE skill_id = ?").bind(ADD_ON_ID).raw();
  expect(scopes).toEqual([["mcp:tools mcp:resources"]]);
}

describe("linking an add-on from the website", () => {
  let browser: Visitor;
  beforeEach(async () => {
    browser = visit(service);
    await signIn(browser);
  });

  it("M1: the page shows user-tier scopes only, and the token is for the add-on's resource", async () => {
    const page = await browser.get(PAGE);
    expect(page.html).toContain("Use your notes");
    expect(page.html).not.toContain("mcp:service");
    const toAmazon = await browser.post(PAGE, { ...page.hidden(PAGE), decision: "allow" });
    const callback = await amazon.approve(locationOf(toAmazon));
    expect((await browser.get(callback.pathname + callback.search)).status).toBe(200);
    await expectLinked();
  });

  it.each(["allow", "deny"])(
    "M1: a page that was shown for a previous resource starts nothing (%s)",
    async (decision) => {
      const page = await browser.get(PAGE);
      await moveAddOn();
      const refused = await browser.post(PAGE, { ...page.hidden(PAGE), decision });
      expect([refused.status, locationOf(refused)]).toEqual([303, PAGE]);
      expect(await startedAttempts()).toEqual([]);
      const again = await browser.get(PAGE);
      const started = await browser.post(PAGE, { ...again.hidden(PAGE), decision: "allow" });
      expect(locationOf(started)).toContain("https://www.amazon.com/ap/oa?");
    },
  );
});

it("F4: the statements of an add-on's link page use an index", async () => {
  const browser = visit(service);
  await signIn(browser);
  const page = await browser.get(PAGE);
  service.meter.clear();
  await browser.post(PAGE, { ...page.hidden(PAGE), decision: "allow" });
  const statements = service.meter.roundTrips.flatMap(({ store, sql }) => (store === "DB" ? sql.split(";\n") : []));
  expect(statements.some((text) => text.includes("s.resource IS"))).toBe(true);
  for (const text of statements) {
    const values = Array.from({ length: text.match(/\?/g)?.length ?? 0 }, () => null);
    const plan = await queryPlan({ text, values });
    expect(
      plan.split("; ").filter((step) => /^SCAN (?!CONSTANT|json_each|j\b)/.test(step)),
      text,
    ).toEqual([]);
  }
});

describe("linking an add-on from the app", () => {
  let ada: AppUser;
  beforeEach(async () => {
    ada = await appUser(service, userId);
  });

  async function link() {
    const started = await ada.start({ skillId: ADD_ON_ID });
    const callback = await amazon.approve(started.loginWithAmazonUrl);
    const completed = await ada.complete({ state: started.state, code: callback.searchParams.get("code") });
    return { id: started.id, status: completed.status, code: (await json<{ code?: string }>(completed)).code };
  }

  it.each([undefined, "", ADD_ON_RESOURCE])("M1: Alexa may redeem the code with resource=%s", async (resource) => {
    named = resource;
    expect((await link()).status).toBe(200);
    await expectLinked();
  });

  it.each([`${ADD_ON_RESOURCE}/`, OTHER_RESOURCE])(
    "M1: with resource=%s there is no link, and the attempt says why",
    async (resource) => {
      named = resource;
      const { id, code } = await link();
      expect(code).toBe("enablement_rejected");
      expect((await attemptRow(id))?.steps).toMatch(/token_refused:resource_(trailing_slash|mismatch)/);
      expect(await liveGrants(userId)).toEqual([]);
    },
  );

  it("M1: a resource that changes between the call and the redemption gives no link", async () => {
    amazon.faults.push(async (seen, usual) => {
      if (seen.what === "enable") await moveAddOn();
      return usual();
    });
    const { id } = await link();
    expect((await attemptRow(id))?.steps).toContain("token_refused:resource_changed");
    expect(await liveGrants(userId)).toEqual([]);
  });

  it("M1: an add-on without a user tier gets no link", async () => {
    await setAddOnScopes("service mcp:service");
    const { id } = await link();
    expect((await attemptRow(id))?.steps).toContain("token_refused:no_user_scope");
    expect(await liveGrants(userId)).toEqual([]);
  });
});

describe("linking an add-on through the company's app", () => {
  let bearer: string;
  beforeEach(async () => {
    bearer = await appBearer(service, DEMO);
  });

  async function post(body: object, isolate = service) {
    const response = await isolate.request("/api/authorizations", {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.status, json: await json<Record<string, string>>(response) };
  }

  it("M1: describes and grants user-tier scopes only, and binds resource and verifier", async () => {
    const query = await addOnQuery({ scope: "openid+mcp%3Aservice+mcp%3Atools" });
    const asked = await post({ query });
    expect(asked.json.scopes).toEqual([{ name: "mcp:tools", description: "Use your notes" }]);
    const decided = await post({ query, ticket: asked.json.ticket, decision: "allow" });
    const code = /[?&]code=([^&]+)/.exec(decided.json.redirectTo ?? "")?.[1] ?? "";
    await expectInvalidGrant(await service.request("/token", exchangeOfAddOn(code, { code_verifier: undefined })));
    const tokens = await json(await service.request("/token", exchangeOfAddOn(code)));
    expect(tokens.scope).toBe("mcp:tools");
    expect(decodeJwt(tokens.access_token)).toMatchObject({ aud: ADD_ON_RESOURCE, sub: userId });
    expect((await introspection(service, tokens.access_token)).active).toBe(false);
  });

  it.each([
    [{ resource: `${encodeURIComponent(ADD_ON_RESOURCE)}%2F` }, "invalid_target"],
    [{ code_challenge: undefined, code_challenge_method: undefined }, "invalid_request"],
    [{ code_challenge_method: "plain" }, "invalid_request"],
    [{ scope: "mcp%3Aservice" }, "invalid_scope"],
  ])("M1: %o is returned to Alexa as %s", async (overrides, error) => {
    const { status, json: body } = await post({ query: await addOnQuery(overrides) });
    expect(status).toBe(200);
    expect(body.redirectTo).toMatch(new RegExp(`[?]error=${error}&.*&source=app$`));
  });

  it("M1: a ticket for a previous resource is invalid, in every isolate within a minute, and the app may ask again", async () => {
    for (const resource of [undefined, encodeURIComponent(ADD_ON_RESOURCE)]) {
      await moveAddOn(ADD_ON_RESOURCE);
      service.clock.advance(61 * SECOND);
      const query = await addOnQuery({ resource });
      const { ticket } = (await post({ query })).json;
      await moveAddOn();
      service.clock.advance(61 * SECOND);
      for (const isolate of [service, anotherIsolate(service)]) {
        for (const decision of ["allow", "deny"]) {
          const refused = await post({ query, ticket, decision }, isolate);
          expect([refused.status, refused.json.code]).toEqual([400, "invalid_ticket"]);
        }
      }
    }
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM codes WHERE resource IS NOT NULL").first("n")).toBe(0);
    const query = await addOnQuery({ resource: undefined });
    const { ticket } = (await post({ query })).json;
    const { redirectTo = "" } = (await post({ query, ticket, decision: "allow" })).json;
    const code = /[?&]code=([^&]+)/.exec(redirectTo)?.[1] ?? "";
    const tokens = await json(await service.request("/token", exchangeOfAddOn(code, { resource: NEW_RESOURCE })));
    expect(decodeJwt(tokens.access_token).aud).toBe(NEW_RESOURCE);
  });
});
