// Authorization requests and consent of Alexa+ add-ons: resource, scopes of two tiers, PKCE, and a registration that
// changes while the page is open.
import { env } from "cloudflare:workers";
import { decodeJwt } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { DEMO, seedAccount } from "../../test/support/accounts.ts";
import {
  addOnQuery,
  exchangeOfAddOn,
  moveAddOn,
  NEW_RESOURCE,
  OTHER_RESOURCE,
  seedOtherAddOn,
  setAddOnScopes,
} from "../../test/support/add-on.ts";
import { admin } from "../../test/support/admin.ts";
import { query, rowCounts, STATE, signedIn } from "../../test/support/authorize.ts";
import { ADD_ON_CLIENT, ADD_ON_ID, ADD_ON_RESOURCE } from "../../test/support/constants.ts";
import { ALEXA_REDIRECT_URIS, json, seedAddOn, seedAppAndService, seedSkill } from "../../test/support/seeds.ts";
import { ISSUER, type Service, startService } from "../../test/support/service.ts";
import { anotherIsolate, countOf, expectInvalidGrant, SECOND } from "../../test/support/tokens.ts";
import { formsOf, type Page, type Visitor } from "../../test/support/visitor.ts";

const [TARGET = ""] = ALEXA_REDIRECT_URIS;

let service: Service;
let visitor: Visitor;
beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAppAndService();
  await seedAddOn();
  await seedOtherAddOn();
  await seedAccount(service, DEMO);
  visitor = await signedIn(service);
});

const open = async (overrides: Readonly<Record<string, string | undefined>> = {}, more = "") =>
  visitor.open(`/authorize?${await addOnQuery(overrides)}${more}`);

/** Expects a 303 to Alexa with this error and the unchanged state. */
function expectRefused(page: Page, error: string): void {
  expect(page.status).toBe(303);
  const location = page.location ?? "";
  expect(location.startsWith(`${TARGET}?error=${error}&`), location).toBe(true);
  expect(location.endsWith(`&state=${STATE}`), location).toBe(true);
}

/** The reason that the operator reads for the last refused request. */
async function lastReason(): Promise<string | null> {
  const { body } = await admin(service, "GET", "refusals");
  const items = body.items as { reason: string; lastSeenAt: string; remedy?: string }[];
  expect(items.every(({ remedy }) => remedy !== undefined)).toBe(true);
  return items.sort((a, b) => b.lastSeenAt.localeCompare(a.lastSeenAt))[0]?.reason ?? null;
}

/** Consents, and returns the code. */
async function allow(consent: Page): Promise<string> {
  expect(consent.status).toBe(200);
  const back = await visitor.submit(consent, { decision: "allow" });
  return /[?&]code=([^&]+)/.exec(back.location ?? "")?.[1] ?? "";
}

describe("resource at /authorize", () => {
  it.each([encodeURIComponent(ADD_ON_RESOURCE), ADD_ON_RESOURCE, "", undefined])(
    "M1: resource=%s is the registered one, and the code is bound to it",
    async (resource) => {
      const code = await allow(await open({ resource }));
      expect(await env.DB.prepare("SELECT resource FROM codes").first("resource")).toBe(ADD_ON_RESOURCE);
      const tokens = await json(await service.request("/token", exchangeOfAddOn(code)));
      expect(decodeJwt(tokens.access_token).aud).toBe(ADD_ON_RESOURCE);
    },
  );

  it.each([
    ["resource_trailing_slash", `${encodeURIComponent(ADD_ON_RESOURCE)}%2F`],
    ["resource_mismatch", encodeURIComponent(ADD_ON_RESOURCE.toUpperCase())],
    ["resource_mismatch", encodeURIComponent(OTHER_RESOURCE)],
    ["resource_mismatch", encodeURIComponent(ISSUER)],
    ["resource_mismatch", ADD_ON_ID],
    ["resource_mismatch", `${encodeURIComponent(ADD_ON_RESOURCE)}%2F%2F`],
    ["resource_mismatch", `${encodeURIComponent(ADD_ON_RESOURCE)}+`],
    ["resource_mismatch", `${encodeURIComponent(ADD_ON_RESOURCE)}%00`],
    ["resource_mismatch", "%zz"],
    ["resource_mismatch", encodeURIComponent("https://\u212Acp.example.com/mcp")],
    ["resource_mismatch", "x".repeat(5000)],
  ])("M1: %s: resource=%s is invalid_target, and nothing is written", async (reason, resource) => {
    const before = await rowCounts();
    expectRefused(await open({ resource }), "invalid_target");
    expect(await lastReason()).toBe(reason);
    expect(await rowCounts()).toEqual(before);
  });

  it("M1: a repeated resource is invalid_target, even if both are right or empty", async () => {
    const right = encodeURIComponent(ADD_ON_RESOURCE);
    for (const [first, second] of [
      [right, right],
      [right, ""],
      ["", right],
      ["", ""],
      [right, encodeURIComponent(OTHER_RESOURCE)],
    ]) {
      expectRefused(await open({ resource: first }, `&resource=${second}`), "invalid_target");
      expect(await lastReason()).toBe("resource_repeated");
    }
  });

  it("M1: a skill without a resource refuses any", async () => {
    const page = await visitor.open(`/authorize?${query()}&resource=${encodeURIComponent(ADD_ON_RESOURCE)}`);
    expectRefused(page, "invalid_target");
    expect(await lastReason()).toBe("resource_unregistered");
  });

  it("M1: a changed resource is known at once where a cached row would refuse it", async () => {
    await open();
    await moveAddOn();
    expect((await open({ resource: encodeURIComponent(NEW_RESOURCE) })).status).toBe(200);
    expectRefused(await open(), "invalid_target");
  });

  it("M1: all four redirect hosts of a vendor id work, each bound to its code", async () => {
    const vendorId = "M0ANOTHERVENDOR";
    expect((await admin(service, "PATCH", `skills/${ADD_ON_ID}`, { vendorId })).status).toBe(200);
    const uris = ["pitangui.amazon.com", "layla.amazon.com", "alexa.amazon.co.jp", "alexa.amazon.com"].map(
      (host) => `https://${host}/api/skill/link/${vendorId}`,
    );
    for (const [index, uri] of uris.entries()) {
      const consent = await open({ redirect_uri: encodeURIComponent(uri) });
      const back = await visitor.submit(consent, { decision: "allow" });
      expect(back.location?.startsWith(`${uri}?code=`), uri).toBe(true);
      const code = /[?&]code=([^&]+)/.exec(back.location ?? "")?.[1] ?? "";
      const elsewhere = exchangeOfAddOn(code, { redirect_uri: uris[(index + 1) % 4] });
      await expectInvalidGrant(await service.request("/token", elsewhere));
      expect((await service.request("/token", exchangeOfAddOn(code, { redirect_uri: uri }))).status).toBe(200);
    }
  });
});

describe("scopes at /authorize", () => {
  const ALL = "mcp:tools mcp:resources";

  it.each([
    [undefined, ALL],
    ["", ALL],
    ["+", ALL],
    ["openid", ALL],
    ["openid+profile+email+offline_access", ALL],
    ["mcp%3Atools", "mcp:tools"],
    ["openid+mcp%3Aresources", "mcp:resources"],
    ["mcp%3Aservice+mcp%3Atools", "mcp:tools"],
    ["mcp%3Atools+mcp%3Atools+offline_access", "mcp:tools"],
    ["mcp%3Aresources+mcp%3Aservice+mcp%3Atools+openid", "mcp:resources mcp:tools"],
  ])("M1: scope=%s is granted as %s, on the page, in the response and in the token", async (scope, granted) => {
    const consent = await open({ scope });
    const names = granted.split(" ");
    expect(consent.html.includes("Use your notes")).toBe(names.includes("mcp:tools"));
    expect(consent.html).not.toContain("mcp:service");
    expect(consent.html).not.toContain("openid");
    const tokens = await json(await service.request("/token", exchangeOfAddOn(await allow(consent))));
    expect(tokens.scope).toBe(granted);
    expect(decodeJwt(tokens.access_token).scope).toBe(granted);
    expect(tokens.refresh_token).toMatch(/^rt_/);
    expect(await countOf("grants", `client_id = '${ADD_ON_CLIENT}' AND scope = '${granted}'`)).toBe(1);
  });

  it.each([
    ["mcp%3Aservice", "no_user_scope"],
    ["mcp%3Aservice+openid+offline_access", "no_user_scope"],
    ["mcp%3Atools+admin", "invalid_scope"],
    ["OpenID", "invalid_scope"],
    ["address", "invalid_scope"],
    ["links", "invalid_scope"],
    ["mcp%3Atools%00", "invalid_scope"],
    ["mcp%3A*", "invalid_scope"],
    ["%zz", "invalid_scope"],
    ["x".repeat(5000), "invalid_scope"],
  ])("M1: scope=%s is invalid_scope, by the reason %s", async (scope, reason) => {
    expectRefused(await open({ scope }), "invalid_scope");
    expect(await lastReason()).toBe(reason);
  });

  it("M1: OpenID's names mean what the registration says, where it has them", async () => {
    await setAddOnScopes("user mcp:tools", "user email", "service openid", "service mcp:service");
    const emailOnly = await json(
      await service.request("/token", exchangeOfAddOn(await allow(await open({ scope: "email+profile" })))),
    );
    expect(emailOnly.scope).toBe("email");
    expectRefused(await open({ scope: "openid" }), "invalid_scope");
  });

  it("M1: an add-on without a user tier cannot be linked", async () => {
    await setAddOnScopes("service mcp:service");
    for (const scope of [undefined, "openid", "mcp%3Aservice"]) {
      expectRefused(await open({ scope }), "invalid_scope");
      expect(await lastReason()).toBe("no_user_scope");
    }
  });

  it("M1: other skills have no names that are ignored", async () => {
    expectRefused(await visitor.open(`/authorize?${query({ scope: "openid" })}`), "invalid_scope");
    expectRefused(await visitor.open(`/authorize?${query({ scope: "devices%3Acontrol+email" })}`), "invalid_scope");
  });
});

describe("PKCE of add-ons", () => {
  it.each([
    ["no challenge", { code_challenge: undefined, code_challenge_method: undefined }, "pkce_missing"],
    ["an empty challenge", { code_challenge: "", code_challenge_method: "" }, "pkce_missing"],
    ["a method alone", { code_challenge: undefined }, "invalid_request"],
    ["no method, which means plain", { code_challenge_method: undefined }, "invalid_request"],
    ["plain", { code_challenge_method: "plain" }, "invalid_request"],
    ["s256", { code_challenge_method: "s256" }, "invalid_request"],
    ["a short challenge", { code_challenge: "abc" }, "invalid_request"],
    ["padding", { code_challenge: `${"a".repeat(43)}%3D` }, "invalid_request"],
  ])("M1: %s is refused", async (_, overrides, reason) => {
    expectRefused(await open(overrides), "invalid_request");
    expect(await lastReason()).toBe(reason);
  });

  it("M1: it is required even if the client's row does not say so", async () => {
    await env.DB.prepare("UPDATE clients SET require_pkce = 0").run();
    expectRefused(await open({ code_challenge: undefined, code_challenge_method: undefined }), "invalid_request");
  });

  it("M1: the code needs the verifier, and the challenge itself is none", async () => {
    const query = await addOnQuery();
    const code = await allow(await visitor.open(`/authorize?${query}`));
    const challenge = /code_challenge=([^&]+)/.exec(query)?.[1];
    for (const code_verifier of [undefined, "", challenge, "x".repeat(64)]) {
      await expectInvalidGrant(await service.request("/token", exchangeOfAddOn(code, { code_verifier })));
    }
    expect((await service.request("/token", exchangeOfAddOn(code))).status).toBe(200);
  });
});

describe("an open consent page of an add-on", () => {
  it.each(["allow", "deny"])("M1: no longer works after the resource changed (%s)", async (decision) => {
    const before = await rowCounts();
    for (const resource of [undefined, encodeURIComponent(ADD_ON_RESOURCE)]) {
      await moveAddOn(ADD_ON_RESOURCE);
      service.clock.advance(61 * SECOND);
      const consent = await open({ resource });
      await moveAddOn();
      // A minute later every isolate has read the new row.
      service.clock.advance(61 * SECOND);
      expectRefused(await visitor.submit(consent, { decision }), "invalid_target");
      expect(await lastReason()).toBe("resource_changed");
    }
    expect(await rowCounts()).toEqual(before);
  });

  it("M1: no longer works as soon as an operator has changed the resource, and the previous code is never redeemed", async () => {
    const code = await allow(await open());
    const consent = await open({ resource: undefined });
    expect((await admin(service, "PATCH", `skills/${ADD_ON_ID}`, { resource: NEW_RESOURCE })).status).toBe(200);
    expectRefused(await visitor.submit(consent, { decision: "allow" }), "invalid_target");
    await expectInvalidGrant(await service.request("/token", exchangeOfAddOn(code)));
    expectRefused(await open(), "invalid_target");
    const again = await allow(await open({ resource: encodeURIComponent(NEW_RESOURCE) }));
    const tokens = await json(await service.request("/token", exchangeOfAddOn(again, { resource: NEW_RESOURCE })));
    expect(decodeJwt(tokens.access_token).aud).toBe(NEW_RESOURCE);
  });

  it("M1: a page of another isolate for the present resource is accepted where the cached row is older", async () => {
    const stale = anotherIsolate(service);
    await stale.request(`/authorize?${await addOnQuery()}`);
    await moveAddOn();
    service.clock.advance(30 * SECOND);
    const fresh = anotherIsolate(service);
    const visitorThere = await signedIn(fresh);
    const consent = await visitorThere.open(`/authorize?${await addOnQuery({ resource: undefined })}`);
    const cookie = [...visitorThere.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const transaction = formsOf(consent.html)[0]?.fields.transaction ?? "";
    const back = await stale.request("/authorize/decision", {
      method: "POST",
      headers: { cookie, "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ transaction, decision: "allow" }).toString(),
    });
    const code = /[?&]code=([^&]+)/.exec(back.headers.get("location") ?? "")?.[1] ?? "";
    const tokens = await json(await stale.request("/token", exchangeOfAddOn(code, { resource: NEW_RESOURCE })));
    expect(decodeJwt(tokens.access_token).aud).toBe(NEW_RESOURCE);
  });

  it("M1: a code that a stale isolate still gives for the previous resource is not redeemed anywhere", async () => {
    const consent = await open({ resource: undefined });
    await moveAddOn();
    const code = await allow(consent);
    expect(code).not.toBe("");
    for (const isolate of [service, anotherIsolate(service)]) {
      await expectInvalidGrant(await isolate.request("/token", exchangeOfAddOn(code)));
      await expectInvalidGrant(await isolate.request("/token", exchangeOfAddOn(code, { resource: undefined })));
    }
    expect(await countOf("grants", `client_id = '${ADD_ON_CLIENT}'`)).toBe(0);
  });

  it("M1: shows, decides and redeems within the budgets", async () => {
    await open();
    service.meter.clear();
    const consent = await open();
    expect(service.meter.calls().filter((call) => call.startsWith("DB."))).toEqual([]);
    service.meter.clear();
    await allow(consent);
    expect(service.meter.calls().filter((call) => call.startsWith("DB.")).length).toBeLessThanOrEqual(1);
  });
});
