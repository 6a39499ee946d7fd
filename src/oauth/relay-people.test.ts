// The relay: that the old server identifies, and which of our accounts that is.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { rows } from "../../test/support/app-user.ts";
import {
  OLD_TOKEN_URL,
  OLD_USERINFO_URL,
  type OldServer,
  outcomeOf,
  relayToOldServer,
  startBesideOldServer,
  OLD_TOKEN as TOKEN,
} from "../../test/support/old-server.ts";
import { basic, json, refresh, USER_ID } from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";
import { countOf, MINUTE } from "../../test/support/tokens.ts";

let service: Service;
let old: OldServer;

beforeEach(async () => {
  ({ service, old } = await startBesideOldServer());
});
afterEach(() => vi.restoreAllMocks());

const relayTo = (more: object = {}) => relayToOldServer(service, more);
const refreshed = (init = refresh(TOKEN)) => outcomeOf(service.request("/token", init));

describe("that the old server identifies", () => {
  it.each(["response", "id_token", "access_token"] as const)("is found in the %s", async (place) => {
    await relayTo({ person: { claim: "https://acme.example/id", as: "oidcSubject" } });
    old.claimsIn = place;
    old.links.set(TOKEN, { sub: "other", "https://acme.example/id": "ada" });
    expect((await refreshed()).status).toBe(200);
    expect(await rows("SELECT subject FROM identities")).toEqual([{ subject: "ada" }]);
  });

  it("is found at the userinfo URL, and then nowhere else", async () => {
    await relayTo({ userinfoUrl: OLD_USERINFO_URL });
    old.claimsIn = "userinfo";
    expect((await refreshed()).status).toBe(200);
    expect(old.requests.map(({ url }) => url)).toEqual([OLD_TOKEN_URL, OLD_USERINFO_URL]);
    expect(old.requests[1]?.authorization).toBe("Bearer old-access-1");
    old.links.set("second", { name: "without sub" });
    old.fault = async (usual, { url }) =>
      url === OLD_TOKEN_URL ? Response.json({ access_token: "x", sub: "ada" }) : usual();
    expect((await refreshed(refresh("second"))).status).toBe(503);
  });

  it("is the account that the subject has already, also for a second link", async () => {
    await relayTo();
    old.links.set("second", { sub: "ada" });
    await refreshed();
    await refreshed(refresh("second"));
    expect(await countOf("identities")).toBe(1);
    expect(await countOf("grants")).toBe(2);
  });

  it("may be an account by its verified address or by its id", async () => {
    await relayTo({ person: { claim: "email", as: "email" } });
    old.links.set(TOKEN, { email: "ADA@example.com", email_verified: true });
    expect((await refreshed()).status).toBe(200);
    await relayTo({ person: { claim: "ourId", as: "id" } });
    old.links.set("second", { ourId: USER_ID });
    expect((await refreshed(refresh("second"))).status).toBe(200);
    expect(await countOf("grants", `user_id = '${USER_ID}'`)).toBe(2);
  });

  const email = { claim: "email", as: "email" };
  it.each([
    ["an unverified address", email, { email: "ada@example.com" }, "unverified"],
    [
      "an address that is not plainly verified",
      email,
      { email: "ada@example.com", email_verified: "false" },
      "unverified",
    ],
    ["an address that is verified with a number", email, { email: "ada@example.com", email_verified: 1 }, "unverified"],
    ["text that is no address", email, { email: "ada", email_verified: true }, "unverified"],
    ["the address of nobody", email, { email: "eve@example.com", email_verified: true }, "unknown"],
    ["the id of nobody", { as: "id" }, { sub: "0nobodyaaaaaaaaaaaaaaaaaaa" }, "unknown"],
    ["nobody", { as: "oidcSubject" }, {}, "missing"],
    ["null", { as: "oidcSubject" }, { sub: null }, "missing"],
    ["an empty subject", { as: "oidcSubject" }, { sub: "" }, "missing"],
    ["a number", { as: "oidcSubject" }, { sub: 42 }, "missing"],
    ["a list", { as: "oidcSubject" }, { sub: ["ada"] }, "missing"],
    ["an object", { as: "oidcSubject" }, { sub: { id: "ada" } }, "missing"],
    ["an oversized subject", { as: "oidcSubject" }, { sub: "a".repeat(256) }, "missing"],
    ["a control character", { as: "oidcSubject" }, { sub: "ada\u0000" }, "missing"],
    ["a lone surrogate", { as: "oidcSubject" }, { sub: "ada\ud800" }, "missing"],
    ["a property that every object has", { claim: "constructor", as: "oidcSubject" }, { sub: "ada" }, "missing"],
  ])("is no person: %s", async (_, person, claims, why) => {
    await relayTo({ person });
    for (const place of ["response", "id_token"] as const) {
      old.claimsIn = place;
      old.links.set(TOKEN, claims);
      expect(await refreshed()).toEqual({ status: 503, error: "temporarily_unavailable", retryAfter: "60" });
      service.clock.advance(MINUTE);
    }
    expect(JSON.stringify((await admin(service, "GET", "metrics")).body)).toContain(`token_error_relay_person_${why}`);
    expect(await countOf("grants")).toBe(0);
    expect(await countOf("identities")).toBe(0);
    // Nothing is lost: once the claim is right, the same token works.
    await relayTo();
    old.links.set(TOKEN, { sub: "ada" });
    expect((await refreshed()).status).toBe(200);
  });

  it("is no person whom a hundred links share: the claim may name a company", async () => {
    await relayTo();
    await refreshed();
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99)
       INSERT INTO grants (id, user_id, client_id, skill_id, scope, flow, created_at, last_used_at, idle_expires_at)
       SELECT 'more-' || i, user_id, client_id, skill_id, scope, flow, created_at, last_used_at, idle_expires_at FROM grants, n`,
    ).run();
    for (const name of ["second", "third"]) old.links.set(name, { sub: name === "second" ? "ada" : "bob" });
    expect(await refreshed(refresh("second"))).toMatchObject({ status: 503, retryAfter: "60" });
    expect(JSON.stringify((await admin(service, "GET", "metrics")).body)).toContain("token_error_relay_person_shared");
    expect((await refreshed(refresh("third"))).status).toBe(200);
    await env.DB.prepare("UPDATE grants SET revoked_at = 1, revoked_reason = 'user' WHERE id = 'more-1'").run();
    service.clock.advance(MINUTE);
    expect((await refreshed(refresh("second"))).status).toBe(200);
  });

  it("gets no scope of an add-on's service tier", async () => {
    const id = "amzn1.ask.skill.0000-add-on";
    const secret = "obviously-fake-add-on-secret";
    const skill = {
      id,
      name: "Shop",
      type: "add_on",
      vendorId: "M2EXAMPLE",
      resource: "https://mcp.example.com",
      scopes: [
        { name: "catalogue", tier: "service" },
        { name: "orders", tier: "user" },
      ],
      returnUrls: [],
      client: { id: "add-on", secret },
      relay: { tokenUrl: OLD_TOKEN_URL, person: { as: "oidcSubject" } },
    };
    const made = await admin(service, "POST", "skills", skill);
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    old.authorization = null;
    old.claimsIn = "response";
    for (const scope of ["catalogue orders", "catalogue"]) {
      const token = `token of ${scope}`;
      old.links.set(token, { sub: "ada", scope });
      const init = refresh(token, { client_id: "add-on" });
      const headers = { ...init.headers, authorization: basic("add-on", secret) };
      const tokens = await json(await service.request("/token", { ...init, headers }));
      expect(tokens, scope).toMatchObject({ scope: "orders" });
    }
    expect(await rows("SELECT DISTINCT scope FROM grants")).toEqual([{ scope: "orders" }]);
  });

  it("is nobody when two accounts have the address", async () => {
    await relayTo({ person: email });
    await env.DB.prepare("INSERT INTO users SELECT '0other', email, name, 0, 0, 0 FROM users").run();
    old.links.set(TOKEN, { email: "ada@example.com", email_verified: true });
    expect((await refreshed()).status).toBe(503);
  });
});
