// The relay: Alexa's refresh tokens of the old server, which this server does not know yet.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { rows } from "../../test/support/app-user.ts";
import {
  OLD_TOKEN_URL,
  type OldServer,
  outcomeOf,
  RELAY_VARIABLES,
  relayToOldServer,
  setRelayOf,
  startBesideOldServer,
  OLD_TOKEN as TOKEN,
  unsignedJwt,
} from "../../test/support/old-server.ts";
import { ALEXA_CLIENT, ALEXA_SECRET, basic, form, json, refresh, SKILL_ID } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { asAlexa, countOf, linkAlexa, MINUTE, SECOND, userinfo } from "../../test/support/tokens.ts";
import { sha256 } from "../crypto/hash.ts";

let service: Service;
let old: OldServer;

beforeEach(async () => {
  ({ service, old } = await startBesideOldServer());
});
afterEach(() => vi.restoreAllMocks());

const setRelay = (relay: object | null) => setRelayOf(service, relay);
const relayTo = (more: object = {}) => relayToOldServer(service, more);
const refreshed = (init = refresh(TOKEN)) => outcomeOf(service.request("/token", init));

describe("a refresh token that only the old server knows", () => {
  it("makes a grant here, and goes on working without the old server", async () => {
    await relayTo();
    for (let i = 0; i < 3; i++) {
      const response = await service.request("/token", refresh(TOKEN));
      expect(response.status).toBe(200);
      const tokens = await json(response);
      expect(tokens).toMatchObject({
        refresh_token: TOKEN,
        token_type: "Bearer",
        expires_in: 3600,
        scope: "profile devices:control",
      });
      const [person] = await rows<{ user_id: string }>(
        "SELECT user_id FROM identities WHERE method = 'oidc' AND subject = 'ada'",
      );
      expect(await json(await userinfo(service, tokens.access_token))).toMatchObject({ sub: person?.user_id });
      service.clock.advance(2 * MINUTE);
    }
    expect(old.requests).toHaveLength(1);
    expect(await countOf("grants")).toBe(1);
    expect(await countOf("audit", "kind = 'grant_relayed'")).toBe(1);
    expect(await countOf("webhook_outbox", "type = 'link.created'")).toBe(1);
  });

  it("is presented as Alexa presented it, without a cookie", async () => {
    await relayTo();
    const init = refresh(TOKEN, { scope: "profile" });
    await refreshed({ ...init, headers: { ...init.headers, cookie: "a=b" } });
    expect(old.requests).toEqual([
      {
        url: OLD_TOKEN_URL,
        authorization: basic(ALEXA_CLIENT, ALEXA_SECRET),
        cookie: null,
        fields: { grant_type: "refresh_token", refresh_token: TOKEN, client_id: ALEXA_CLIENT, scope: "profile" },
      },
    ]);
  });

  it("is presented with credentials in the body if Alexa sends them there", async () => {
    await relayTo();
    old.authorization = null;
    const fields = { grant_type: "refresh_token", refresh_token: TOKEN, client_id: ALEXA_CLIENT };
    const init = form({ ...fields, client_secret: ALEXA_SECRET }, { authorization: "Bearer of-somebody" });
    expect((await refreshed(init)).status).toBe(200);
    expect(old.requests[0]).toMatchObject({ authorization: null, fields: { ...fields, client_secret: ALEXA_SECRET } });
  });

  it.each([
    ["HTTP Basic", refresh(TOKEN), { authorization: "Basic bmV3K2lkOiUyRnMlM0E=" }, undefined],
    [
      "the body",
      form({
        grant_type: "refresh_token",
        refresh_token: TOKEN,
        client_id: ALEXA_CLIENT,
        client_secret: ALEXA_SECRET,
      }),
      { authorization: null },
      "/s:",
    ],
  ])(
    "is presented with the relay's own credentials in %s, which are sealed and never shown",
    async (_, init, seen, secret) => {
      await relayTo({ clientId: "new-id", clientSecret: "/s:" });
      old.authorization = null;
      expect((await refreshed(init)).status).toBe(200);
      expect(old.requests[0]?.fields.client_id).toBe("new-id");
      expect(old.requests[0]?.fields.client_secret).toBe(secret);
      expect(old.requests[0]?.authorization === null).toBe(seen.authorization === null);
      if (seen.authorization !== null)
        expect(atob(old.requests[0]?.authorization?.slice(6) ?? "")).toBe("new-id:%2Fs%3A");
      const [row] = await rows<{ relay: string; relay_client_secret: string }>(
        "SELECT relay, relay_client_secret FROM skills",
      );
      expect(`${row?.relay} ${row?.relay_client_secret}`).not.toContain("/s:");
      expect(JSON.stringify((await admin(service, "GET", `skills/${SKILL_ID}`)).body)).not.toContain("/s:");
    },
  );

  it("keeps the token that Alexa holds when the old server rotates", async () => {
    await relayTo();
    old.rotating = true;
    expect(await json(await service.request("/token", refresh(TOKEN)))).toMatchObject({ refresh_token: TOKEN });
    expect((await refreshed()).status).toBe(200);
    expect(old.requests).toHaveLength(1);
  });

  it("gets the scopes that the old server names, as far as the skill has them", async () => {
    await relayTo();
    old.claimsIn = "response";
    old.links.set(TOKEN, { sub: "ada", scope: "profile admin" });
    old.links.set("second", { sub: "bob", scope: "something else" });
    expect(await json(await service.request("/token", refresh(TOKEN)))).toMatchObject({ scope: "profile" });
    expect(await json(await service.request("/token", refresh("second")))).toMatchObject({
      scope: "profile devices:control",
    });
  });

  it.each([
    ["a token in our own form", `rt_${"0".repeat(26)}_${"x".repeat(43)}`],
    ["a JWT", unsignedJwt({ sub: "somebody" })],
  ])("may be %s", async (_, token) => {
    await relayTo();
    old.links.set(token, { sub: "ada" });
    expect((await refreshed(refresh(token))).status).toBe(200);
  });

  it("is not presented anywhere unless the skill has a relay", async () => {
    expect(await refreshed()).toMatchObject({ status: 400, error: "invalid_grant" });
    await relayTo();
    await setRelay(null);
    expect(await refreshed()).toMatchObject({ status: 400, error: "invalid_grant" });
    expect(old.requests).toEqual([]);
  });

  it("is not presented by introspection, revocation or a wrong secret", async () => {
    await relayTo();
    expect(await json(await service.request("/introspect", asAlexa({ token: TOKEN })))).toEqual({ active: false });
    await service.request("/revoke", asAlexa({ token: TOKEN }));
    const init = refresh(TOKEN);
    const wrong = { ...init, headers: { ...init.headers, authorization: basic(ALEXA_CLIENT, "wrong-secret") } };
    expect(await refreshed(wrong)).toMatchObject({ status: 401, error: "invalid_client" });
    expect(old.requests).toEqual([]);
  });

  it("costs the known tokens nothing", async () => {
    await relayTo();
    await refreshed();
    const { refresh_token: own } = await linkAlexa(service);
    for (const token of [TOKEN, own]) {
      service.meter.clear();
      expect((await refreshed(refresh(token))).status).toBe(200);
      expect(service.meter.roundTrips.length).toBeLessThanOrEqual(1);
    }
  });

  it("takes at most six round trips to D1 when it moves, all of which use indexes", async () => {
    await relayTo();
    await linkAlexa(service);
    service.meter.clear();
    expect((await refreshed()).status).toBe(200);
    expect(service.meter.roundTrips.filter(({ store }) => store === "DB").length).toBeLessThanOrEqual(6);
    for (const sql of service.meter.roundTrips.flatMap((one) => one.sql.split(";\n"))) {
      const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .bind(...[...sql.matchAll(/\?/g)].map(() => null))
        .all<{ detail: string }>();
      const scans = plan.results.map(({ detail }) => detail).filter((detail) => detail.startsWith("SCAN"));
      expect(
        scans.filter((one) => !/CONSTANT ROW|VIRTUAL TABLE|SCAN people/.test(one)),
        sql,
      ).toEqual([]);
    }
  });
});

describe("a token that the old server does not accept", () => {
  it.each([400, 401, 403])("is invalid_grant here too (%s), without a second call in the minute", async (status) => {
    await relayTo();
    old.fault = async () => Response.json({ error: "invalid_grant" }, { status });
    for (let i = 0; i < 3; i++) expect(await refreshed()).toMatchObject({ status: 400, error: "invalid_grant" });
    expect(old.requests).toHaveLength(1);
    service.clock.advance(MINUTE);
    old.fault = undefined;
    expect((await refreshed()).status).toBe(200);
    expect(old.requests).toHaveLength(2);
  });

  const respond = (body: BodyInit | null, init?: ResponseInit) => async () => new Response(body, init);
  const faults: Record<string, [() => Promise<Response>, string]> = {
    "a server error": [respond("", { status: 500 }), "relay_server_error"],
    "a server error that says invalid_grant": [
      respond(JSON.stringify({ error: "invalid_grant" }), { status: 503 }),
      "relay_server_error",
    ],
    "too many requests": [respond("{}", { status: 429 }), "relay_server_error"],
    "a refused client": [
      respond(JSON.stringify({ error: "invalid_client" }), { status: 401 }),
      "relay_client_rejected",
    ],
    "a refused client with 400": [
      respond(JSON.stringify({ error: "invalid_client" }), { status: 400 }),
      "relay_client_rejected",
    ],
    "another error": [
      respond(JSON.stringify({ error: "invalid_request" }), { status: 400 }),
      "relay_response_unusable",
    ],
    "a page": [respond("<html>Sign in</html>"), "relay_response_unusable"],
    "no token": [respond(JSON.stringify({ sub: "ada" })), "relay_response_unusable"],
    "an empty token": [respond(JSON.stringify({ access_token: "", sub: "ada" })), "relay_response_unusable"],
    "a list": [respond(JSON.stringify([{ access_token: "a", sub: "ada" }])), "relay_response_unusable"],
    "success with another status": [
      respond(JSON.stringify({ access_token: "a", sub: "ada" }), { status: 201 }),
      "relay_response_unusable",
    ],
    "invalid_grant with status 200": [respond(JSON.stringify({ error: "invalid_grant" })), "relay_response_unusable"],
    "no body": [respond(null, { status: 204 }), "relay_response_unusable"],
    "a huge body": [respond(JSON.stringify({ access_token: "a".repeat(70_000), sub: "ada" })), "relay_unreachable"],
    "a redirect": [respond(null, { status: 307, headers: { location: "https://evil.test/" } }), "relay_unreachable"],
    "a closed connection": [
      async () => {
        throw new TypeError("Network connection lost.");
      },
      "relay_unreachable",
    ],
  };
  it.each(Object.keys(faults))("because of %s is kept for later", async (name) => {
    await relayTo();
    const [fault = async () => new Response(), reason] = faults[name] ?? [];
    old.fault = fault;
    expect(await refreshed()).toEqual({ status: 503, error: "temporarily_unavailable", retryAfter: "60" });
    service.clock.advance(20 * SECOND);
    expect(await refreshed()).toEqual({ status: 503, error: "temporarily_unavailable", retryAfter: "60" });
    expect(old.requests.map(({ url }) => url)).toEqual([OLD_TOKEN_URL]);
    expect(JSON.stringify((await admin(service, "GET", "metrics")).body)).toContain(`token_error_${reason}`);
    service.clock.advance(40 * SECOND);
    old.fault = undefined;
    expect((await refreshed()).status).toBe(200);
  });
});

describe("links that have ended", () => {
  it("a revoked link is not fetched again", async () => {
    await relayTo();
    await refreshed();
    await service.request("/revoke", asAlexa({ token: TOKEN }));
    service.clock.advance(2 * MINUTE);
    expect(await refreshed()).toMatchObject({ status: 400, error: "invalid_grant" });
    expect(old.requests).toHaveLength(1);
  });

  it("an erased person does not come back with a link that has moved", async () => {
    await relayTo();
    await refreshed();
    const [person] = await rows<{ user_id: string }>("SELECT user_id FROM grants");
    expect((await admin(service, "DELETE", `users/${person?.user_id}`)).status).toBe(204);
    service.clock.advance(2 * MINUTE);
    expect(await refreshed()).toMatchObject({ status: 400, error: "invalid_grant" });
    expect(old.requests).toHaveLength(1);
    expect(await countOf("identities")).toBe(0);
  });

  it("a revoked link is not fetched again when its row is older than unused links may be", async () => {
    service = startService({ ...RELAY_VARIABLES, REFRESH_IDLE_DAYS: "30" });
    await relayTo();
    await refreshed();
    await service.request("/revoke", asAlexa({ token: TOKEN }));
    service.clock.advance(61 * 24 * 60 * MINUTE);
    expect((await admin(service, "POST", "maintenance")).status).toBe(200);
    expect(await refreshed()).toMatchObject({ status: 400, error: "invalid_grant" });
    expect(old.requests).toHaveLength(1);
  });

  it("an erased person does not come back with a link that came from another server like this one", async () => {
    await relayTo();
    const [grantId, secret] = ["0123456789abcdefghijklmnop", "s".repeat(43)];
    const link = { skillId: SKILL_ID, user: { oidcSubject: "ada" }, grantId };
    const imported = await admin(service, "POST", "imports", {
      items: [{ ...link, refreshSecretSha256: await sha256(secret) }],
    });
    expect(imported.body).toMatchObject({ imported: 1 });
    const token = `rt_${grantId}_${secret}`;
    old.links.set(token, { sub: "ada" });
    expect((await refreshed(refresh(token))).status).toBe(200);
    const [person] = await rows<{ user_id: string }>("SELECT user_id FROM grants");
    await admin(service, "DELETE", `users/${person?.user_id}`);
    expect(await refreshed(refresh(token))).toMatchObject({ status: 400, error: "invalid_grant" });
    expect(old.requests).toEqual([]);
  });

  it("the token of one client is not presented for another that presents it here", async () => {
    await relayTo();
    await refreshed();
    const other = {
      id: "amzn1.ask.skill.0000-other",
      name: "Other",
      type: "smart_home",
      vendorId: "M2EXAMPLE",
      scopes: ["profile"],
      returnUrls: [],
    };
    const secret = "obviously-fake-other-secret";
    const relay = { tokenUrl: OLD_TOKEN_URL, person: { as: "oidcSubject" } };
    expect((await admin(service, "POST", "skills", { ...other, client: { id: "other", secret }, relay })).status).toBe(
      201,
    );
    const init = refresh(TOKEN, { client_id: "other" });
    const headers = { ...init.headers, authorization: basic("other", secret) };
    expect(await refreshed({ ...init, headers })).toMatchObject({ status: 400, error: "invalid_grant" });
    expect(old.requests).toHaveLength(1);
  });
});
