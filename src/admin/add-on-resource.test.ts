// The resource of an add-on: which URIs may be registered, and for which skill.
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { ADD_ON_BODY, ADD_ON_PATH, admin, SKILL_BODY, SKILL_PATH } from "../../test/support/admin.ts";
import { insert } from "../../test/support/rows.ts";
import { seedCode, seedUser } from "../../test/support/seeds.ts";
import { ISSUER, type Service, startService } from "../../test/support/service.ts";
import { countOf } from "../../test/support/tokens.ts";

const RESOURCE = ADD_ON_BODY.resource;
const LONGEST = `https://mcp.example.com/${"x".repeat(476)}`;
const LOCAL = { ISSUER: "http://localhost:8787" };

/** A second add-on beside `ADD_ON_BODY`. */
const otherAddOn = (number: number | string, more: object = {}) => ({
  ...ADD_ON_BODY,
  id: `amzn1.ask.skill.other-${number}`,
  client: { id: `alexa-other-${number}` },
  ...more,
});

/** Adds latency to every storage call, so that all requests have read before the first one writes. */
function slow(service: Service): void {
  service.meter.faults.push({ when: () => true, delayMs: 5 });
}

const made = (service: Service, more: object = {}) => admin(service, "POST", "skills", { ...ADD_ON_BODY, ...more });

describe("the resource of an add-on", () => {
  it.each([
    RESOURCE,
    `${RESOURCE}/`,
    "https://mcp.example.com",
    "https://mcp.example.com/",
    "https://mcp.example.com?x=1",
    "https://MCP.Example.com/MCP",
    "HTTPS://mcp.example.com/mcp",
    "https://mcp.example.com:443/mcp",
    "https://mcp.example.com:8443/mcp",
    "https://mcp.example.com/a%2Fb%2fc/~d//e;f=1,2?g=h+i&j=%20",
    "https://mcp.example.com/%e4%BD%a0",
    "https://[2001:db8::1]/mcp",
    "https://192.0.2.1/mcp",
    "https://localhost/mcp",
    "https://xn--mgbh0fb.example.com/mcp",
    "https://link.example.com.attacker.example/mcp",
    `${ISSUER}:8443/mcp`,
    LONGEST,
  ])("M1: %s is kept byte for byte", async (resource) => {
    const service = startService();
    const first = await made(service, { resource });
    expect([first.status, first.body.resource]).toEqual([201, resource]);
    expect((await admin(service, "GET", ADD_ON_PATH)).body.resource).toBe(resource);
    expect((await admin(service, "GET", "skills")).body).toHaveProperty("items.0.resource", resource);
    const moved = await admin(service, "PATCH", ADD_ON_PATH, { resource: "https://other.example.com/mcp" });
    expect([moved.status, moved.body.resource]).toEqual([200, "https://other.example.com/mcp"]);
    expect((await admin(service, "PATCH", ADD_ON_PATH, { resource })).body.resource).toBe(resource);
  });

  it.each([
    ["a number", 5],
    ["a list", [RESOURCE]],
    ["an object", { uri: RESOURCE }],
    ["true", true],
    ["empty", ""],
    ["relative", "/mcp"],
    ["without scheme", "mcp.example.com/mcp"],
    ["without host", "https:///mcp"],
    ["without slashes", "https:mcp.example.com/mcp"],
    ["with one slash", "https:/mcp.example.com/mcp"],
    ["scheme-relative", "//mcp.example.com/mcp"],
    ["http", "http://mcp.example.com/mcp"],
    ["another scheme", "urn:example:mcp"],
    ["a web socket", "wss://mcp.example.com/mcp"],
    ["a script", "javascript:alert(1)"],
    ["a file", "file:///mcp"],
    ["a fragment", `${RESOURCE}#part`],
    ["an empty fragment", `${RESOURCE}#`],
    ["user info", "https://user:secret@mcp.example.com/mcp"],
    ["an empty user", "https://@mcp.example.com/mcp"],
    ["a user that looks like a host", `${ISSUER}@attacker.example/mcp`],
    ["a space", "https://mcp.example.com/a b"],
    ["a space before it", ` ${RESOURCE}`],
    ["a space after it", `${RESOURCE} `],
    ["a tab", "https://mcp.exam\tple.com/mcp"],
    ["a line feed", `${RESOURCE}\n`],
    ["NUL", `${RESOURCE}\u0000`],
    ["a control character", `${RESOURCE}\u007f`],
    ["not ASCII", "https://mcp.example.com/\u00fc"],
    ["a host that is not ASCII", "https://m\u00e7p.example.com/mcp"],
    ["a full-width dot", "https://mcp\uff0eexample.com/mcp"],
    ["a zero-width space", `${RESOURCE}\u200b`],
    ["a backslash", "https://mcp.example.com\\mcp"],
    ["a backslash before an @", "https://mcp.example.com\\@attacker.example/"],
    ["a quote", `${RESOURCE}"`],
    ["angle brackets", "https://mcp.example.com/<script>"],
    ["braces", "https://mcp.example.com/{id}"],
    ["a quote in the query", `${RESOURCE}?a='b'`],
    ["a broken percent-encoding", `${RESOURCE}/%zz`],
    ["a percent sign at the end", `${RESOURCE}/%`],
    ["dot segments", "https://mcp.example.com/a/../mcp"],
    ["a dot segment", "https://mcp.example.com/./mcp"],
    ["encoded dot segments", "https://mcp.example.com/a/%2E%2e/mcp"],
    ["an encoded host", "https://%6dcp.example.com/mcp"],
    ["a host that is an IP address in disguise", "https://0x7f.1/mcp"],
    ["a host of digits", "https://2130706433/mcp"],
    ["a wildcard host", "https://*.example.com:x/mcp"],
    ["a port that is no number", "https://mcp.example.com:x/mcp"],
    ["a port out of range", "https://mcp.example.com:99999/mcp"],
    ["an empty port", "https://mcp.example.com:/mcp"],
    ["a port with leading zeros", "https://mcp.example.com:0443/mcp"],
    ["501 characters", `${LONGEST}x`],
    ["a megabyte too long for the field", "https://mcp.example.com/".padEnd(60_000, "x")],
    ["our issuer", ISSUER],
    ["our origin", `${ISSUER}/mcp`],
    ["our origin with its port", `${ISSUER}:443/mcp`],
    ["our origin in capitals", `${ISSUER.toUpperCase()}/mcp`],
    ["a skill id", SKILL_BODY.id],
  ])("M1: %s is refused by name, and nothing changes", async (_, resource) => {
    const service = startService();
    const refused = await made(service, { resource });
    expect([refused.status, refused.body.code]).toEqual([400, "invalid_body"]);
    expect(refused.body.detail).toMatch(/^resource: /);
    expect(await countOf("skills")).toBe(0);
    await made(service);
    const changed = await admin(service, "PATCH", ADD_ON_PATH, { name: "Changed", resource });
    expect([changed.status, changed.body.code]).toEqual([400, "invalid_body"]);
    expect((await admin(service, "GET", ADD_ON_PATH)).body).toMatchObject({ name: "Acme Notes", resource: RESOURCE });
  });

  it("M1: the response says which rule the resource breaks", async () => {
    const service = startService();
    for (const [resource, detail] of [
      [`${RESOURCE}#part`, "resource: must not have a fragment"],
      ["https://user@mcp.example.com/mcp", "resource: must not name a user"],
      ["http://mcp.example.com/mcp", "resource: must be https"],
      ["http://localhost:8789/mcp", "resource: must be https: http on localhost is for development only"],
      [`${LONGEST}x`, "resource: must have at most 500 characters"],
      ["https://mcp.example.com/a b", "resource: must have only the characters of a URI"],
      [5, "resource: must be a string"],
    ] as const) {
      expect((await made(service, { resource })).body.detail).toBe(detail);
    }
  });

  it("M1: http is for loopback hosts in development only", async () => {
    for (const host of ["localhost:8789", "127.0.0.1:8789", "[::1]:8789", "127.0.0.1:80"]) {
      const resource = `http://${host}/mcp`;
      expect((await made(startService(), { resource })).status).toBe(400);
      const development = startService(LOCAL);
      expect((await made(development, { resource })).body.resource).toBe(resource);
      await admin(development, "DELETE", ADD_ON_PATH);
    }
    for (const resource of ["http://mcp.example.com/mcp", "http://192.168.0.2/mcp", "http://localhost:8787/mcp"]) {
      expect([resource, (await made(startService(LOCAL), { resource })).status]).toEqual([resource, 400]);
    }
  });

  it("M1: an add-on must have one; null is none", async () => {
    const service = startService();
    for (const resource of [undefined, null]) {
      const refused = await made(service, { resource });
      expect([refused.status, refused.body.detail]).toEqual([400, expect.stringContaining("resource: is required")]);
    }
    await made(service);
    const removed = await admin(service, "PATCH", ADD_ON_PATH, { resource: null });
    expect([removed.status, removed.body.detail]).toEqual([400, expect.stringContaining("resource: is required")]);
    const repeated = await admin(service, "POST", "skills", undefined, {
      headers: { "content-type": "application/json" },
      raw: JSON.stringify(otherAddOn(1, { resource: "https://a.example.com/" })).replace(
        '"resource"',
        '"resource":"https://b.example.com/","resource"',
      ),
    });
    // JSON.parse keeps the last of repeated members.
    expect([repeated.status, repeated.body.resource]).toEqual([201, "https://a.example.com/"]);
  });

  it("M1: other types have none", async () => {
    const service = startService();
    for (const type of ["smart_home", "custom", "music", "video"]) {
      const refused = await admin(service, "POST", "skills", { ...SKILL_BODY, type, resource: RESOURCE });
      expect([refused.status, refused.body.detail]).toEqual([400, expect.stringMatching(/^resource: only an add_on/)]);
    }
    const plain = await admin(service, "POST", "skills", { ...SKILL_BODY, resource: null });
    expect([plain.status, plain.body.resource, plain.body.serviceClient]).toEqual([201, null, null]);
    const changed = await admin(service, "PATCH", SKILL_PATH, { resource: RESOURCE });
    expect([changed.status, changed.body.detail]).toEqual([400, expect.stringMatching(/^resource: only an add_on/)]);
    const same = await admin(service, "PATCH", SKILL_PATH, { resource: null });
    expect(same.status).toBe(200);
  });

  it("M1: two spellings are two resources, one spelling is one skill's", async () => {
    const service = startService();
    expect((await made(service)).status).toBe(201);
    const again = await admin(service, "POST", "skills", otherAddOn(1));
    expect([again.status, again.body.code, again.body.detail]).toEqual([
      409,
      "conflict",
      expect.stringMatching(/^resource: /),
    ]);
    expect([await countOf("skills"), await countOf("clients")]).toEqual([1, 1]);
    for (const [index, resource] of [`${RESOURCE}/`, RESOURCE.replace("mcp.", "MCP."), `${RESOURCE}?`].entries()) {
      const other = otherAddOn(index, { resource });
      expect([resource, (await admin(service, "POST", "skills", other)).status]).toEqual([resource, 201]);
      const clash = await admin(service, "PATCH", `skills/${other.id}`, { name: "Changed", resource: RESOURCE });
      expect([clash.status, clash.body.code]).toEqual([409, "conflict"]);
      expect((await admin(service, "GET", `skills/${other.id}`)).body).toMatchObject({ name: "Acme Notes", resource });
    }
    await admin(service, "DELETE", ADD_ON_PATH);
    expect((await admin(service, "POST", "skills", otherAddOn(9))).status).toBe(201);
  });

  it("M1: of 20 skills that register one resource at once, one is made", async () => {
    const service = startService();
    slow(service);
    const bodies = Array.from({ length: 20 }, (_, i) => otherAddOn(i, { serviceClient: {} }));
    const statuses = await Promise.all(
      bodies.map(async (body) => (await admin(service, "POST", "skills", body)).status),
    );
    expect(statuses.toSorted()).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
    expect([await countOf("skills"), await countOf("clients")]).toEqual([1, 2]);
    expect(await countOf("audit", "kind IN ('skill_created', 'client_created')")).toBe(2);
  });

  it("M1: of 20 add-ons that move to one resource at once, one moves", async () => {
    const service = startService();
    const ids = Array.from({ length: 20 }, (_, i) => otherAddOn(i).id);
    for (const [i] of ids.entries()) {
      await admin(service, "POST", "skills", otherAddOn(i, { resource: `https://mcp-${i}.example.com/` }));
    }
    slow(service);
    const moves = ids.map(async (id) => (await admin(service, "PATCH", `skills/${id}`, { resource: RESOURCE })).status);
    expect((await Promise.all(moves)).toSorted()).toEqual([200, ...Array.from({ length: 19 }, () => 409)]);
    expect(await countOf("skills", `resource = '${RESOURCE}'`)).toBe(1);
    expect(await countOf("audit", "kind = 'skill_changed'")).toBe(1);
  });
});

describe("a changed resource", () => {
  it("M1: no link ends and no row of a customer is written; existing codes do not have the new one", async () => {
    const service = startService();
    await made(service);
    await seedUser();
    const ofAddOn = { clientId: ADD_ON_BODY.client.id };
    await insert("grants", { id: "0grant", skillId: ADD_ON_BODY.id, ...ofAddOn }).run();
    await seedCode({ ...ofAddOn, resource: RESOURCE });
    const read = () => Promise.all(["grants", "codes"].map((table) => env.DB.prepare(`SELECT * FROM ${table}`).all()));
    const rows = async () => (await read()).map(({ results }) => results);
    const before = await rows();
    expect(before.map((found) => found.length)).toEqual([1, 1]);
    expect((await admin(service, "PATCH", ADD_ON_PATH, { resource: `${RESOURCE}/` })).status).toBe(200);
    expect(await rows()).toEqual(before);
  });
});

describe("service clients and an add-on's resource", () => {
  const BACKEND = { id: "backend", kind: "service", name: "Backend" };

  it("M1: a resource that a service client may ask for is no add-on's", async () => {
    const service = startService();
    await admin(service, "POST", "clients", { ...BACKEND, resources: ["https://catalog.example.com/", RESOURCE] });
    const refused = await made(service, { serviceClient: { id: "second" } });
    expect([refused.status, refused.body.code]).toEqual([409, "conflict"]);
    expect([await countOf("skills"), await countOf("clients")]).toEqual([0, 1]);
    await made(service, { resource: `${RESOURCE}/` });
    const wanted = {
      resource: RESOURCE,
      name: "Moved",
      vendorId: "M9OTHER",
      lwa: { clientId: "a", clientSecret: "b" },
    };
    for (const serviceClient of [{}, undefined, null]) {
      const kept = (await admin(service, "GET", ADD_ON_PATH)).body;
      const moved = await admin(service, "PATCH", ADD_ON_PATH, { ...wanted, serviceClient });
      expect([moved.status, moved.body.code]).toEqual([409, "conflict"]);
      expect((await admin(service, "GET", ADD_ON_PATH)).body).toEqual(kept);
      // The second time, and the third, there is a second client that might change.
      await admin(service, "PATCH", ADD_ON_PATH, { serviceClient: {} });
    }
    await admin(service, "PATCH", "clients/backend", { resources: [] });
    expect((await admin(service, "PATCH", ADD_ON_PATH, { resource: RESOURCE })).status).toBe(200);
  });

  it("M1: a service client may not ask for an add-on's resource", async () => {
    const service = startService();
    await made(service);
    const refused = await admin(service, "POST", "clients", { ...BACKEND, resources: [RESOURCE] });
    expect([refused.status, refused.body.code]).toEqual([409, "conflict"]);
    expect(refused.body.detail).toContain("resources: ");
    expect(await countOf("clients", "kind = 'service'")).toBe(0);
    await admin(service, "POST", "clients", { ...BACKEND, resources: [`${RESOURCE}/`] });
    const changed = await admin(service, "PATCH", "clients/backend", { name: "Changed", resources: [RESOURCE] });
    expect([changed.status, changed.body.code]).toEqual([409, "conflict"]);
    const kept = (await admin(service, "GET", "clients/backend")).body;
    expect(kept).toMatchObject({ name: "Backend", resources: [`${RESOURCE}/`] });
    expect(await countOf("audit", "kind = 'client_changed'")).toBe(0);
  });

  it("M1: of an add-on and 20 service clients at once, either the add-on or the clients have the resource", async () => {
    const service = startService();
    slow(service);
    const clients = Array.from({ length: 20 }, (_, i) => ({ ...BACKEND, id: `backend-${i}`, resources: [RESOURCE] }));
    const [addOn, ...others] = await Promise.all([
      made(service),
      ...clients.map((client) => admin(service, "POST", "clients", client)),
    ]);
    const granted = others.filter(({ status }) => status === 201).length;
    expect([201, 409]).toContain(addOn?.status);
    expect(addOn?.status === 201 ? granted : granted > 0).toBe(addOn?.status === 201 ? 0 : true);
    expect(others.every(({ status }) => status === 201 || status === 409)).toBe(true);
  });
});
