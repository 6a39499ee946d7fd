// An add-on's second client in the admin API.
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import {
  ADD_ON_BODY,
  ADD_ON_PATH,
  admin,
  clientOf,
  SKILL_BODY,
  SKILL_PATH,
  serviceClientOf,
} from "../../test/support/admin.ts";
import { basic, form } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { countOf } from "../../test/support/tokens.ts";

const made = (service: Service, more: object = {}) => admin(service, "POST", "skills", { ...ADD_ON_BODY, ...more });
const change = (service: Service, body: object) => admin(service, "PATCH", ADD_ON_PATH, body);

/** Status of a request for a token without a user. */
async function ownToken(service: Service, id: string, secret: string): Promise<number> {
  const init = form({ grant_type: "client_credentials" }, { authorization: basic(id, secret) });
  const response = await service.request("/token", init);
  await response.text();
  return response.status;
}

const idsOf = async (kind: string) =>
  (
    await env.DB.prepare("SELECT id FROM clients WHERE kind = ? ORDER BY id").bind(kind).all<{ id: string }>()
  ).results.map(({ id }) => id);

const auditKinds = async () =>
  (await env.DB.prepare("SELECT kind, client_id FROM audit ORDER BY id").all()).results.map(Object.values);

describe("the second client of an add-on", () => {
  it("M1: its secret is shown once, and it takes the service tier from the first client", async () => {
    const service = startService();
    const first = await made(service, { serviceClient: { id: "acme-notes-service" } });
    expect(first.status).toBe(201);
    const { id, secret = "" } = serviceClientOf(first);
    expect([id, Object.keys(serviceClientOf(first))]).toEqual(["acme-notes-service", ["id", "secret"]]);
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(secret).not.toBe(clientOf(first).secret);
    const shown = await admin(service, "GET", ADD_ON_PATH);
    expect(shown.body.serviceClient).toEqual({ id });
    expect((await admin(service, "GET", "skills")).body.items).toEqual([shown.body]);
    expect(JSON.stringify((await env.DB.prepare("SELECT * FROM clients").all()).results)).not.toContain(secret);
    expect(await ownToken(service, id, secret)).toBe(200);
    expect(await ownToken(service, "alexa-acme-notes", clientOf(first).secret ?? "")).toBe(400);
    expect(await auditKinds()).toEqual([
      ["skill_created", "alexa-acme-notes"],
      ["client_created", "acme-notes-service"],
    ]);
  });

  it("M1: without an id it gets one; null and absent are none", async () => {
    const service = startService();
    expect(serviceClientOf(await made(service, { serviceClient: {} })).id).toMatch(/^alexa-service-[a-z0-9]{26}$/);
    await admin(service, "DELETE", ADD_ON_PATH);
    expect(await countOf("clients")).toBe(0);
    expect((await made(service, { serviceClient: null })).body.serviceClient).toBeNull();
  });

  it("M1: an id that is taken is a conflict, and nothing is made or changed", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    await admin(service, "POST", "clients", { id: "backend", kind: "service", name: "Backend" });
    const third = {
      ...ADD_ON_BODY,
      id: "third",
      resource: "https://third.example.com/",
      client: { id: "alexa-third" },
    };
    await admin(service, "POST", "skills", { ...third, serviceClient: { id: "third-service" } });
    const before = [await countOf("skills"), await countOf("clients"), await countOf("audit")];
    const taken = [SKILL_BODY.id, "alexa-acme-home", "backend", "alexa-third", "third-service", "third"];
    for (const id of [...taken, ADD_ON_BODY.id, ADD_ON_BODY.client.id]) {
      const refused = await made(service, { serviceClient: { id } });
      expect([id, refused.status, refused.body.code]).toEqual([id, 409, "conflict"]);
      expect(refused.body.detail).toContain(id);
    }
    expect([await countOf("skills"), await countOf("clients"), await countOf("audit")]).toEqual(before);
    const free = await made(service);
    expect(free.status).toBe(201);
    for (const id of [...taken, ADD_ON_BODY.id, ADD_ON_BODY.client.id]) {
      const refused = await change(service, { name: "Changed", requirePkce: undefined, serviceClient: { id } });
      expect([id, refused.status, refused.body.code]).toEqual([id, 409, "conflict"]);
    }
    const { secret: _, ...client } = clientOf(free);
    expect((await admin(service, "GET", ADD_ON_PATH)).body).toEqual({ ...free.body, client });
    // And the other way round: nothing else gets the id of a second client.
    for (const body of [
      { ...SKILL_BODY, id: "other", client: { id: "third-service" } },
      { ...SKILL_BODY, id: "third-service", client: {} },
    ]) {
      expect((await admin(service, "POST", "skills", body)).status).toBe(409);
    }
    const backend = { id: "third-service", kind: "service", name: "Backend" };
    expect((await admin(service, "POST", "clients", backend)).status).toBe(409);
  });

  it("M1: a skill that is registered again gets no second client", async () => {
    const service = startService();
    await made(service);
    for (const more of [{ serviceClient: { id: "late" } }, { serviceClient: {}, client: { id: "late" } }]) {
      const again = await made(service, more);
      expect([again.status, again.body.code]).toEqual([409, "conflict"]);
      expect(again.body).not.toHaveProperty("serviceClient");
    }
    expect([await idsOf("alexa"), await idsOf("add_on_service")]).toEqual([["alexa-acme-notes"], []]);
  });

  it.each([
    ["a string", "second"],
    ["a list", []],
    ["true", true],
    ["a secret of the caller's", { secret: "a-secret-of-an-old-set-up" }],
    ["another field", { id: "second", requirePkce: true }],
    ["an empty id", { id: "" }],
    ["an id of null", { id: null }],
    ["a number as id", { id: 7 }],
    ["an id with a colon", { id: "a:b" }],
    ["an id with a slash", { id: "../clients" }],
    ["an id with a space", { id: "a b" }],
    ["an id with a line feed", { id: "second\n" }],
    ["an id with a quote", { id: "a'--" }],
    ["an id that is not ASCII", { id: "s\u00e9cond" }],
    ["an id of 201 characters", { id: "x".repeat(201) }],
  ])("M1: %s is 400 by name", async (_, serviceClient) => {
    const service = startService();
    const refused = await made(service, { serviceClient });
    expect([refused.status, refused.body.code]).toEqual([400, "invalid_body"]);
    expect(refused.body.detail).toContain("serviceClient");
    await made(service);
    const changed = await change(service, { serviceClient });
    expect([changed.status, changed.body.code]).toEqual([400, "invalid_body"]);
    expect(await countOf("clients")).toBe(1);
  });

  it("M1: other types have none", async () => {
    const service = startService();
    const refused = await admin(service, "POST", "skills", { ...SKILL_BODY, serviceClient: {} });
    expect([refused.status, refused.body.detail]).toEqual([
      400,
      expect.stringMatching(/^serviceClient: only an add_on/),
    ]);
    await admin(service, "POST", "skills", { ...SKILL_BODY, serviceClient: null });
    const changed = await admin(service, "PATCH", SKILL_PATH, { serviceClient: { id: "second" } });
    expect([changed.status, changed.body.detail]).toEqual([
      400,
      expect.stringMatching(/^serviceClient: only an add_on/),
    ]);
    expect((await admin(service, "PATCH", SKILL_PATH, { serviceClient: null })).status).toBe(200);
    expect(await countOf("clients")).toBe(1);
  });

  it("M1: PATCH adds it, keeps it and removes it, and the service tier follows at once", async () => {
    const service = startService();
    const first = clientOf(await made(service));
    const { id: firstId, secret: firstSecret = "" } = first;
    expect(await ownToken(service, firstId, firstSecret)).toBe(200);

    const added = await change(service, { serviceClient: {} });
    const { id, secret = "" } = serviceClientOf(added);
    expect([added.status, secret]).toEqual([200, expect.stringMatching(/^[A-Za-z0-9_-]{43}$/)]);
    expect(clientOf(added)).not.toHaveProperty("secret");
    expect([await ownToken(service, firstId, firstSecret), await ownToken(service, id, secret)]).toEqual([400, 200]);

    for (const serviceClient of [{}, { id }, undefined]) {
      const kept = await change(service, { serviceClient });
      expect([kept.status, kept.body.serviceClient]).toEqual([200, { id }]);
    }
    expect(await ownToken(service, id, secret)).toBe(200);
    const other = await change(service, { name: "Changed", serviceClient: { id: "another" } });
    expect([other.status, other.body.code]).toEqual([409, "conflict"]);
    expect(other.body.detail).toContain(id);
    expect((await admin(service, "GET", ADD_ON_PATH)).body).toMatchObject({
      name: "Acme Notes",
      serviceClient: { id },
    });

    const removed = await change(service, { serviceClient: null });
    expect([removed.status, removed.body.serviceClient]).toEqual([200, null]);
    expect([await ownToken(service, firstId, firstSecret), await ownToken(service, id, secret)]).toEqual([200, 401]);
    expect((await change(service, { serviceClient: null })).status).toBe(200);
    const kinds = (await auditKinds()).filter(([kind]) => kind !== "skill_changed");
    expect(kinds).toEqual([
      ["skill_created", firstId],
      ["client_created", id],
      ["client_deleted", id],
    ]);
    // The id is free again, for a client with another secret.
    const again = await change(service, { serviceClient: { id } });
    expect(serviceClientOf(again).secret).not.toBe(secret);
    expect(await ownToken(service, id, secret)).toBe(401);
  });

  it("M1: of 20 requests that add it at once, one gets a secret, and that secret works", async () => {
    const service = startService();
    await made(service);
    service.meter.faults.push({ when: () => true, delayMs: 5 });
    const added = await Promise.all(Array.from({ length: 20 }, () => change(service, { serviceClient: {} })));
    const winners = added.filter(({ body }) => body.serviceClient && serviceClientOf({ body }).secret !== undefined);
    expect(winners).toHaveLength(1);
    expect(added.every(({ status }) => status === 200 || status === 409)).toBe(true);
    const { id, secret = "" } = serviceClientOf(winners[0]!);
    expect(await idsOf("add_on_service")).toEqual([id]);
    expect(await ownToken(service, id, secret)).toBe(200);
  });

  it("M1: of 20 requests for one id at once, one gets it, whatever they register", async () => {
    const service = startService();
    const id = "wanted";
    const addOns = Array.from({ length: 20 }, (_, i) => {
      const own = { id: `add-on-${i}`, resource: `https://mcp-${i}.example.com/`, client: { id: `alexa-${i}` } };
      return { ...ADD_ON_BODY, ...own };
    });
    for (const body of addOns.slice(0, 5)) await admin(service, "POST", "skills", body);
    service.meter.faults.push({ when: () => true, delayMs: 5 });
    const responses = await Promise.all([
      ...addOns.slice(0, 5).map((body) => admin(service, "PATCH", `skills/${body.id}`, { serviceClient: { id } })),
      ...addOns.slice(5).map((body) => admin(service, "POST", "skills", { ...body, serviceClient: { id } })),
      admin(service, "POST", "clients", { id, kind: "service", name: "Backend" }),
      admin(service, "POST", "skills", { ...SKILL_BODY, id, client: {} }),
      admin(service, "POST", "skills", { ...SKILL_BODY, client: { id } }),
    ]);
    const statuses = responses.map(({ status }) => status);
    expect(statuses.filter((status) => status < 300)).toHaveLength(1);
    expect(statuses.filter((status) => status === 409)).toHaveLength(22);
    expect((await countOf("clients", `id = '${id}'`)) + (await countOf("skills", `id = '${id}'`))).toBe(1);
    // Each skill has its first client, and only what registered the winner is new.
    expect(await countOf("clients", "kind = 'alexa'")).toBe(await countOf("skills"));
  });

  it("M1: a lost response leaves it as it is, and rotating gives a secret that is known", async () => {
    const service = startService();
    await made(service);
    service.meter.faults.push({
      when: ({ sql }) => sql.includes("UPDATE skills"),
      throws: "after",
      message: "D1_ERROR: Network connection lost.",
      times: 1,
    });
    expect((await change(service, { serviceClient: {} })).status).toBe(503);
    const again = await change(service, { serviceClient: {} });
    const { id } = serviceClientOf(again);
    expect([again.status, again.body.serviceClient]).toEqual([200, { id }]);
    const rotated = await admin(service, "POST", `${ADD_ON_PATH}/rotate-secret?client=service`, { overlapSeconds: 0 });
    expect(await ownToken(service, id, serviceClientOf(rotated).secret ?? "")).toBe(200);
  });

  it("M1: an add-on that is deleted meanwhile gets none", async () => {
    const service = startService();
    await made(service);
    service.meter.faults.push({
      when: ({ sql }) => sql.includes("UPDATE skills"),
      meanwhile: () => admin(startService(), "DELETE", ADD_ON_PATH),
      times: 1,
    });
    const gone = await change(service, { serviceClient: {} });
    expect([gone.status, gone.body.code]).toEqual([404, "skill_not_found"]);
    expect([await countOf("clients"), await countOf("audit", "kind = 'client_created'")]).toEqual([0, 0]);
  });

  it("M1: clients of skills are not listed, shown, changed or deleted with the other clients", async () => {
    const service = startService();
    const { id, secret = "" } = serviceClientOf(await made(service, { serviceClient: {} }));
    expect((await admin(service, "GET", "clients")).body).toEqual({ items: [] });
    for (const [method, path, body] of [
      ["GET", "", undefined],
      ["PATCH", "", { scopes: ["mcp:tools"], resources: ["https://a.example.com/"], skillIds: [SKILL_BODY.id] }],
      ["DELETE", "", undefined],
      ["POST", "/rotate-secret", {}],
    ] as const) {
      const refused = await admin(service, method, `clients/${id}${path}`, body);
      expect([method, refused.status, refused.body.code]).toEqual([method, 404, "not_found"]);
    }
    expect(await ownToken(service, id, secret)).toBe(200);
    const kind = await admin(service, "POST", "clients", { kind: "add_on_service", name: "Second" });
    expect([kind.status, kind.body.detail]).toEqual([400, expect.stringContaining("kind")]);
  });
});

describe("rotating the secret of the second client", () => {
  const path = `${ADD_ON_PATH}/rotate-secret`;

  it("A4: shows the new secret once, and both work during the overlap", async () => {
    const service = startService();
    const first = await made(service, { serviceClient: {} });
    const { id, secret: old = "" } = serviceClientOf(first);
    const rotated = await admin(service, "POST", `${path}?client=service`, { overlapSeconds: 60 });
    const until = new Date(service.clock.now + 60_000).toISOString();
    const fresh = serviceClientOf(rotated).secret ?? "";
    expect(rotated.body).toMatchObject({ previousSecretExpiresAt: until });
    expect(serviceClientOf(rotated)).toEqual({ id, secret: fresh, previousSecretExpiresAt: until });
    expect(fresh).not.toBe(old);
    const { secret: _, ...client } = clientOf(first);
    expect(clientOf(rotated)).toEqual(client);
    const shown = await admin(service, "GET", ADD_ON_PATH);
    expect(shown.body.serviceClient).toEqual({ id, previousSecretExpiresAt: until });
    expect([await ownToken(service, id, old), await ownToken(service, id, fresh)]).toEqual([200, 200]);
    service.clock.advance(61_000);
    expect([await ownToken(service, id, old), await ownToken(service, id, fresh)]).toEqual([401, 200]);
    expect((await auditKinds()).at(-1)).toEqual(["client_secret_rotated", id]);
  });

  it("M1: without the query it is the first client's, and the second one's stays", async () => {
    const service = startService();
    const { id, secret = "" } = serviceClientOf(await made(service, { serviceClient: {} }));
    const rotated = await admin(service, "POST", path, { overlapSeconds: 0 });
    expect(clientOf(rotated).secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(rotated.body.serviceClient).toEqual({ id });
    expect(await ownToken(service, id, secret)).toBe(200);
  });

  it.each([
    "client=",
    "client",
    "client=alexa",
    "client=Service",
    "client=service%20",
    "client=service%00",
    "client=service&client=service",
    "client=&client=service",
    `client=${"s".repeat(5000)}`,
    "kind=service",
  ])("M1: the query %s is 400, and no secret changes", async (query) => {
    const service = startService();
    await made(service, { serviceClient: {} });
    const before = await env.DB.prepare("SELECT * FROM clients ORDER BY id").all();
    const refused = await admin(service, "POST", `${path}?${query}`, {});
    expect([refused.status, refused.body.code]).toEqual([400, "invalid_query"]);
    expect((await env.DB.prepare("SELECT * FROM clients ORDER BY id").all()).results).toEqual(before.results);
  });

  it("M1: without a second client it is 404", async () => {
    const service = startService();
    await made(service);
    await admin(service, "POST", "skills", SKILL_BODY);
    for (const one of [ADD_ON_PATH, SKILL_PATH]) {
      const refused = await admin(service, "POST", `${one}/rotate-secret?client=service`);
      expect([refused.status, refused.body.code]).toEqual([404, "not_found"]);
      expect(refused.body.detail).toContain("no service client");
    }
    const unknown = await admin(service, "POST", "skills/none/rotate-secret?client=service");
    expect([unknown.status, unknown.body.code]).toEqual([404, "skill_not_found"]);
    expect((await admin(service, "POST", `${path}?client=service`, { overlapSeconds: -1 })).status).toBe(400);
  });
});
