// The field `relay` of a skill: what operators may set, and what they see.
import { beforeEach, describe, expect, it } from "vitest";
import { admin, SKILL_BODY, SKILL_PATH } from "../../test/support/admin.ts";
import { rows } from "../../test/support/app-user.ts";
import { ISSUER, type Service, startService } from "../../test/support/service.ts";

const RELAY = { tokenUrl: "https://old.example.com/oauth/token", person: { as: "email", claim: "email" } };
const STORED = { ...RELAY, userinfoUrl: null, clientId: null };

let service: Service;

beforeEach(() => {
  service = startService();
});

const create = (relay: unknown) => admin(service, "POST", "skills", { ...SKILL_BODY, relay });
const patch = (relay: unknown) => admin(service, "PATCH", SKILL_PATH, { relay });

describe("a skill's relay", () => {
  it("is off by default, is set when the skill is made or later, and is removed with null", async () => {
    expect((await admin(service, "POST", "skills", SKILL_BODY)).body.relay).toBeNull();
    expect((await patch(RELAY)).body.relay).toEqual(STORED);
    expect((await admin(service, "PATCH", SKILL_PATH, { name: "Other" })).body.relay).toEqual(STORED);
    expect((await patch(null)).body.relay).toBeNull();
    await admin(service, "DELETE", SKILL_PATH);
    expect((await create(RELAY)).body.relay).toEqual(STORED);
    expect((await admin(service, "GET", "skills")).body.items).toMatchObject([{ relay: STORED }]);
  });

  it("is replaced as a whole: another address does not get the secret of the one before", async () => {
    const pair = { clientId: "old-client", clientSecret: "obviously-fake-old-secret" };
    expect((await create({ ...RELAY, ...pair })).body.relay).toEqual({ ...STORED, clientId: "old-client" });
    const [before] = await rows<{ secret: string }>("SELECT relay_client_secret AS secret FROM skills");
    expect(before?.secret).toMatch(/^.{40,}$/);
    expect(before?.secret).not.toContain("obviously-fake");
    const moved = { ...RELAY, tokenUrl: "https://other.example.com/token" };
    expect((await patch(moved)).body.relay).toEqual({ ...STORED, tokenUrl: moved.tokenUrl });
    expect(await rows("SELECT relay_client_secret AS secret FROM skills")).toEqual([{ secret: null }]);
  });

  it("names people by the claim sub by default", async () => {
    const { body } = await create({ ...RELAY, person: { as: "id" } });
    expect(body.relay).toMatchObject({ person: { as: "id", claim: "sub" } });
  });

  it("may name people by a subject of the identity provider only if there is one", async () => {
    const relay = { ...RELAY, person: { as: "oidcSubject" } };
    const refused = await create(relay);
    expect([refused.status, refused.body.detail]).toEqual([400, expect.stringContaining("OIDC_ISSUER is not set")]);
    service = startService({ OIDC_ISSUER: "https://id.example.com" });
    expect((await create(relay)).status).toBe(201);
  });

  it("may be http on a loopback host in development only", async () => {
    const relay = { ...RELAY, tokenUrl: "http://127.0.0.1:9000/token" };
    expect((await create(relay)).status).toBe(400);
    service = startService({ ISSUER: "http://localhost:8787" });
    expect((await create(relay)).status).toBe(201);
  });

  const address = (tokenUrl: unknown) => ({ ...RELAY, tokenUrl });
  const person = (more: object) => ({ ...RELAY, person: { ...RELAY.person, ...more } });
  it.each([
    ["no object", "https://old.example.com/token"],
    ["a list", [RELAY]],
    ["no address", { person: RELAY.person }],
    ["no person", { tokenUrl: RELAY.tokenUrl }],
    ["an empty address", address("")],
    ["a number as address", address(1)],
    ["a list of addresses", address([RELAY.tokenUrl])],
    ["http", address("http://old.example.com/token")],
    ["another scheme", address("acme://old.example.com/token")],
    ["data", address("data:application/json,{}")],
    ["a user in the address", address("https://user:pass@old.example.com/token")],
    ["a fragment", address("https://old.example.com/token#a")],
    ["a line break", address("https://old.example.com/token\r\nx: y")],
    ["a backslash", address("https://old.example.com\\@evil.test/")],
    ["a host in upper case", address("https://OLD.example.com/token")],
    ["an oversized address", address(`https://old.example.com/${"a".repeat(2048)}`)],
    ["our own address", address(`${ISSUER}/token`)],
    ["our own address for userinfo", { ...RELAY, userinfoUrl: `${ISSUER}/userinfo` }],
    ["http for userinfo", { ...RELAY, userinfoUrl: "http://old.example.com/me" }],
    ["an id without its secret", { ...RELAY, clientId: "a" }],
    ["a secret without its id", { ...RELAY, clientSecret: "a" }],
    ["an empty secret", { ...RELAY, clientId: "a", clientSecret: "" }],
    ["a secret with a line break", { ...RELAY, clientId: "a", clientSecret: "a\nb" }],
    ["an oversized secret", { ...RELAY, clientId: "a", clientSecret: "a".repeat(501) }],
    ["an unknown kind of person", person({ as: "name" })],
    ["two kinds of person", person({ as: ["id", "email"] })],
    ["an empty claim", person({ claim: "" })],
    ["a claim that is no text", person({ claim: 1 })],
    ["a claim that holds a token", person({ claim: "access_token" })],
    ["a claim that all customers share", person({ claim: "tenant" })],
    ["a claim that each token has anew", person({ claim: "jti" })],
    ["an oversized claim", person({ claim: "a".repeat(101) })],
    ["an unknown field", { ...RELAY, secret: "a" }],
    ["an unknown field of the person", person({ issuer: "a" })],
  ])("is refused with %s, and nothing is stored", async (_, relay) => {
    const made = await create(relay);
    expect([made.status, made.body.code]).toEqual([400, "invalid_body"]);
    expect(JSON.stringify(made.body)).not.toContain("user:pass");
    expect((await admin(service, "POST", "skills", SKILL_BODY)).status).toBe(201);
    expect((await patch(relay)).status).toBe(400);
    expect(await rows("SELECT relay FROM skills")).toEqual([{ relay: null }]);
  });
});
