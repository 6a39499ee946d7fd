// Audiences are registered, not chosen: `resource` (RFC 8707) at every endpoint that reads it.
import { env } from "cloudflare:workers";
import { decodeJwt } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { admin, SKILL_BODY } from "../../test/support/admin.ts";
import { query } from "../../test/support/authorize.ts";
import { ADD_ON_CLIENT, ADD_ON_SECRET } from "../../test/support/constants.ts";
import { expectOAuthError } from "../../test/support/responses.ts";
import {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  APP_CLIENT,
  APP_REDIRECT_URI,
  basic,
  challengeOf,
  exchange,
  form,
  json,
  refresh,
  SERVICE_CLIENT,
  SERVICE_SECRET,
  SKILL_ID,
  seedAddOn,
  seedCode,
  seedEveryone,
} from "../../test/support/seeds.ts";
import { ISSUER, type Service, startService } from "../../test/support/service.ts";
import {
  anotherIsolate,
  asAlexa,
  asService,
  exchangeOfApp,
  introspection,
  linkAlexa,
  linkApp,
  MINUTE,
  refreshOfApp,
  seedAppCode,
  userinfo,
  VERIFIER,
} from "../../test/support/tokens.ts";

const ONE = "https://catalog.example.com/v1";
const TWO = "https://stock.example.com/a%2Fb?x=1";
/** Never registered, and each close to one that is, or to something of ours. */
const OTHERS = [
  "https://api.another-team.example.com/",
  `${ONE}/`,
  ONE.toUpperCase(),
  ONE.replace("https", "http"),
  `${ONE}#`,
  `${ONE}?`,
  ` ${ONE}`,
  `${ONE} `,
  `${ONE} ${TWO}`,
  `${ONE}\u0000`,
  TWO.replace("%2F", "%2f"),
  TWO.replace("%2F", "/"),
  ISSUER,
  `${ISSUER}/`,
  `${ISSUER}/api/links`,
  SKILL_ID,
  ALEXA_CLIENT,
  SERVICE_CLIENT,
  "null",
  "[]",
  "*",
  "x".repeat(5000),
];

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedEveryone();
  await env.DB.prepare("UPDATE clients SET resources = ? WHERE id = ?")
    .bind(JSON.stringify([ONE, TWO]), SERVICE_CLIENT)
    .run();
});

/** A raw form of the service client, for repeated parameters. */
function raw(body: string): RequestInit {
  return { ...asService({}), body: `grant_type=client_credentials&${body}` };
}

const audienceOf = async (response: Response) => decodeJwt((await json(response)).access_token).aud;

describe("client credentials", () => {
  it.each([ONE, TWO])("S16, RFC8707-2: the registered resource %s becomes the audience", async (resource) => {
    const response = await service.request("/token", asService({ grant_type: "client_credentials", resource }));
    expect(await audienceOf(response)).toBe(resource);
  });

  it("S16, RFC8707-2: any other resource is invalid_target", async () => {
    for (const resource of OTHERS) {
      const init = asService({ grant_type: "client_credentials", resource });
      await expectOAuthError(await service.request("/token", init), 400, "invalid_target");
    }
  });

  it("S16: without a resource, or with an empty one, the client is its own audience", async () => {
    for (const body of ["", "resource=", "resource"]) {
      expect(await audienceOf(await service.request("/token", raw(body)))).toBe(SERVICE_CLIENT);
    }
  });

  it("S16: a repeated resource is invalid_target, even if all are registered or empty", async () => {
    const [one, two] = [encodeURIComponent(ONE), encodeURIComponent(TWO)];
    for (const [first, second] of [
      [one, one],
      [one, two],
      [one, ""],
      ["", one],
      ["", ""],
      [one, encodeURIComponent("https://api.another-team.example.com/")],
    ]) {
      const init = raw(`resource=${first}&resource=${second}`);
      await expectOAuthError(await service.request("/token", init), 400, "invalid_target");
    }
  });

  it("S16: clients get no resource that is not registered for them", async () => {
    await seedAddOn();
    await env.DB.prepare("UPDATE clients SET resources = '[]' WHERE id = ?").bind(SERVICE_CLIENT).run();
    const addOn = { authorization: basic(ADD_ON_CLIENT, ADD_ON_SECRET) };
    for (const headers of [addOn, { authorization: basic(SERVICE_CLIENT, SERVICE_SECRET) }]) {
      const init = form({ grant_type: "client_credentials", resource: ONE }, headers);
      await expectOAuthError(await service.request("/token", init), 400, "invalid_target");
    }
  });

  it("S16: a token for another audience opens nothing of ours", async () => {
    const response = await service.request("/token", asService({ grant_type: "client_credentials", resource: ONE }));
    const { access_token } = await json(response);
    const headers = { authorization: `Bearer ${access_token}`, "content-type": "application/json" };
    expect((await userinfo(service, access_token)).status).toBe(401);
    for (const [method, path] of [
      ["GET", "/api/links"],
      ["POST", "/api/links"],
      ["DELETE", `/api/links/${SKILL_ID}`],
      ["POST", "/api/authorizations"],
      ["GET", "/api/admin/skills"],
    ] as const) {
      const init = { method, headers, ...(method === "POST" ? { body: "{}" } : {}) };
      expect((await service.request(path, init)).status, `${method} ${path}`).toBe(401);
    }
    const fields = { grant_type: "reciprocal_authorization_code", code: "fake-amazon-code", client_id: ALEXA_CLIENT };
    const reciprocal = await service.request(
      "/alexa/reciprocal",
      form(fields, { authorization: headers.authorization }),
    );
    expect(reciprocal.status).toBe(401);
    expect(await introspection(service, access_token, asService)).toEqual({ active: false });
  });

  it("S16: a resource registered later works at once, in every isolate", async () => {
    const other = anotherIsolate(service);
    const added = "https://added.example.com/";
    const ask = () => other.request("/token", asService({ grant_type: "client_credentials", resource: added }));
    await expectOAuthError(await ask(), 400, "invalid_target");
    await admin(service, "PATCH", `clients/${SERVICE_CLIENT}`, { resources: [added] });
    expect(await audienceOf(await ask())).toBe(added);
    service.clock.advance(5 * MINUTE);
    const removed = asService({ grant_type: "client_credentials", resource: ONE });
    await expectOAuthError(await other.request("/token", removed), 400, "invalid_target");
  });
});

describe("users' tokens", () => {
  const resources = [ONE, ISSUER, SKILL_ID, "x"];

  it.each(resources)("S16: /authorize with resource=%s returns invalid_target, from the app too", async (resource) => {
    const challenge = `code_challenge=${await challengeOf(VERIFIER)}&code_challenge_method=S256`;
    const app = `client_id=${APP_CLIENT}&response_type=code&redirect_uri=${encodeURIComponent(APP_REDIRECT_URI)}&${challenge}`;
    for (const [request, target] of [
      [query(), ALEXA_REDIRECT_URIS[0]],
      [app, APP_REDIRECT_URI],
    ]) {
      for (const more of [
        `resource=${encodeURIComponent(resource)}`,
        `resource=&resource=${resource}`,
        "resource=%zz",
      ]) {
        const response = await service.request(`/authorize?${request}&${more}`);
        expect(response.status).toBe(303);
        expect(response.headers.get("location")).toContain(`${target}?error=invalid_target&`);
      }
    }
  });

  it("S16: an exchange with a resource is invalid_target, and the code stays unspent", async () => {
    const code = await seedCode();
    const appCode = await seedAppCode();
    for (const resource of resources) {
      await expectOAuthError(await service.request("/token", exchange(code, { resource })), 400, "invalid_target");
      const app = await service.request("/token", exchangeOfApp(appCode, { resource }));
      await expectOAuthError(app, 400, "invalid_target");
    }
    expect(await audienceOf(await service.request("/token", exchange(code)))).toBe(SKILL_ID);
    expect(await audienceOf(await service.request("/token", exchangeOfApp(appCode)))).toBe(ISSUER);
  });

  it("S16: a refresh with a resource is invalid_target, and the link lives on with its audience", async () => {
    const { refresh_token } = await linkAlexa(service);
    const app = await linkApp(service);
    for (const resource of resources) {
      const response = await service.request("/token", refresh(refresh_token, { resource }));
      await expectOAuthError(response, 400, "invalid_target");
      const ofApp = { ...refreshOfApp(app.refresh_token) };
      const withResource = { ...ofApp, body: `${String(ofApp.body)}&resource=${encodeURIComponent(resource)}` };
      await expectOAuthError(await service.request("/token", withResource), 400, "invalid_target");
    }
    expect(await audienceOf(await service.request("/token", refresh(refresh_token)))).toBe(SKILL_ID);
    expect(await audienceOf(await service.request("/token", refreshOfApp(app.refresh_token)))).toBe(ISSUER);
  });

  it("S16: parameters of other servers that name an audience change nothing", async () => {
    const { refresh_token } = await linkAlexa(service);
    for (const name of ["audience", "aud", "requested_audience", "client", "skill_id"]) {
      const refreshed = await service.request("/token", refresh(refresh_token, { [name]: ONE }));
      expect(await audienceOf(refreshed)).toBe(SKILL_ID);
      const own = asService({ grant_type: "client_credentials", [name]: TWO });
      expect(await audienceOf(await service.request("/token", own))).toBe(SERVICE_CLIENT);
    }
    const claimed = await service.request("/token", asAlexa({ grant_type: "client_credentials", resource: ONE }));
    await expectOAuthError(claimed, 400, "unauthorized_client");
  });
});

describe("registering resources", () => {
  const BACKEND = { id: "audience-service", kind: "service", name: "Audience service" };

  it("S16: the operator registers, sees and changes them", async () => {
    const made = await admin(service, "POST", "clients", { ...BACKEND, resources: [ONE, TWO] });
    expect([made.status, made.body.resources]).toEqual([201, [ONE, TWO]]);
    expect((await admin(service, "GET", "clients/audience-service")).body.resources).toEqual([ONE, TWO]);
    const changed = await admin(service, "PATCH", "clients/audience-service", { resources: [TWO] });
    expect(changed.body.resources).toEqual([TWO]);
    const renamed = await admin(service, "PATCH", "clients/audience-service", { name: "Renamed" });
    expect(renamed.body.resources).toEqual([TWO]);
    const plain = await admin(service, "POST", "clients", { ...BACKEND, id: "plain-service" });
    expect(plain.body.resources).toEqual([]);
  });

  it.each([
    ["no list", ONE],
    ["null", null],
    ["no text", [1]],
    ["empty", [""]],
    ["http", ["http://catalog.example.com/"]],
    ["http on loopback, with a public issuer", ["http://localhost:9000/"]],
    ["a fragment", [`${ONE}#part`]],
    ["an empty fragment", [`${ONE}#`]],
    ["user info", ["https://user@catalog.example.com/"]],
    ["an empty user", ["https://@catalog.example.com/"]],
    ["relative", ["/v1"]],
    ["without scheme", ["catalog.example.com"]],
    ["another scheme", ["urn:example:catalog"]],
    ["a script", ["javascript:alert(1)"]],
    ["a space", ["https://catalog.example.com/a b"]],
    ["a control character", ["https://catalog.example.com/a\u0007"]],
    ["not ASCII", ["https://catalog.example.com/\u00fc"]],
    ["over 500 characters", [`https://catalog.example.com/${"x".repeat(480)}`]],
    ["repeated", [ONE, ONE]],
    ["too many", Array.from({ length: 21 }, (_, i) => `https://catalog.example.com/${i}`)],
    ["our issuer", [ISSUER]],
    ["our origin", [`${ISSUER}/api`]],
    ["our origin with its port", [`${ISSUER}:443/`]],
    ["our origin in capitals", [ISSUER.toUpperCase()]],
    ["a skill id", [SKILL_ID]],
    ["a client id", [ALEXA_CLIENT]],
  ])("S16: %s is refused by name", async (_, resources) => {
    const made = await admin(service, "POST", "clients", { ...BACKEND, resources });
    expect([made.status, made.body.code]).toEqual([400, "invalid_body"]);
    expect(String(made.body.detail)).toContain("resources");
    const changed = await admin(service, "PATCH", `clients/${SERVICE_CLIENT}`, { resources });
    expect([changed.status, changed.body.code]).toEqual([400, "invalid_body"]);
    expect((await admin(service, "GET", `clients/${SERVICE_CLIENT}`)).body.resources).toEqual([ONE, TWO]);
  });

  it("S16: 500 characters are allowed, and loopback http in development", async () => {
    const longest = `https://catalog.example.com/${"x".repeat(500 - 28)}`;
    expect(longest).toHaveLength(500);
    const made = await admin(service, "POST", "clients", { ...BACKEND, resources: [longest] });
    expect(made.status).toBe(201);
    const development = startService({ ISSUER: "http://localhost:8787" });
    const body = { ...BACKEND, id: "local-service", resources: ["http://localhost:9000/"] };
    expect((await admin(development, "POST", "clients", body)).status).toBe(201);
  });

  it("S16: an app has none", async () => {
    const app = { id: "an-app", kind: "app", name: "App", redirectUris: ["https://app.example.com/cb"] };
    expect((await admin(service, "POST", "clients", { ...app, resources: [ONE] })).status).toBe(400);
    expect((await admin(service, "POST", "clients", { ...app, resources: [] })).status).toBe(201);
    expect((await admin(service, "PATCH", "clients/an-app", { resources: [ONE] })).status).toBe(400);
    expect((await admin(service, "PATCH", "clients/an-app", { resources: [] })).status).toBe(200);
  });

  it("S16: no client with tokens of its own has the id of a skill, because it is their audience", async () => {
    const made = await admin(service, "POST", "clients", { ...BACKEND, id: SKILL_ID });
    expect([made.status, made.body.code]).toEqual([409, "conflict"]);
    const skill = await admin(service, "POST", "skills", { ...SKILL_BODY, id: SERVICE_CLIENT });
    expect([skill.status, skill.body.code]).toEqual([409, "conflict"]);
    const another = { ...SKILL_BODY, client: { id: SKILL_ID } };
    expect((await admin(service, "POST", "skills", another)).status).toBe(409);
    // An existing set-up may have it. Such a client gets no tokens of its own, or an add-on's, for another audience.
    const own = { ...SKILL_BODY, client: { id: SKILL_BODY.id } };
    expect((await admin(service, "POST", "skills", own)).status).toBe(201);
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM clients WHERE id = ?").bind(SKILL_ID).first("n")).toBe(0);
  });
});
