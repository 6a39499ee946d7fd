// The metadata of the authorization server: the scopes in it, how late they are, and what they cost.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin, SKILL_BODY } from "../../test/support/admin.ts";
import { json, seedAddOn, seedSkill } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { anotherIsolate } from "../../test/support/tokens.ts";

const METADATA = "/.well-known/oauth-authorization-server";
const SCOPES_STATEMENT = { when: ({ sql }: { sql: string }) => sql.startsWith("SELECT json_group_array(DISTINCT") };

let service: Service;
beforeEach(() => {
  service = startService();
});
afterEach(() => vi.restoreAllMocks());

async function scopes(of = service): Promise<string[]> {
  const response = await of.request(METADATA);
  expect(response.status).toBe(200);
  return (await json<{ scopes_supported: string[] }>(response)).scopes_supported;
}

describe("scopes_supported", () => {
  it("are links and the scopes of both tiers of all skills, each once and sorted", async () => {
    expect(await scopes()).toEqual(["links"]);
    await seedAddOn();
    await seedSkill({ scopes: ["profile", "mcp:tools", "devices:control"] });
    service.clock.advance(30_000);
    expect(await scopes()).toEqual([
      "devices:control",
      "links",
      "mcp:resources",
      "mcp:service",
      "mcp:tools",
      "profile",
    ]);
  });

  it("the document is the same byte for byte, in each isolate and at both addresses", async () => {
    await seedSkill();
    await seedAddOn();
    const documents = [];
    for (const isolate of [service, service, anotherIsolate(service)]) {
      documents.push(await (await isolate.request(METADATA)).text());
      documents.push(await (await isolate.request("/.well-known/openid-configuration")).text());
    }
    expect(new Set(documents).size).toBe(1);
  });

  it("has all that Amazon's deploy command checks", async () => {
    await seedAddOn();
    expect(await json<object>(await service.request(METADATA))).toMatchObject({
      grant_types_supported: expect.arrayContaining(["client_credentials", "authorization_code", "refresh_token"]),
      code_challenge_methods_supported: ["S256"],
      token_endpoint_auth_methods_supported: expect.arrayContaining(["client_secret_basic"]),
      scopes_supported: expect.arrayContaining(["mcp:service", "mcp:tools", "mcp:resources"]),
    });
  });

  it("are at most 60 seconds late: the isolate's age and max-age together", async () => {
    const response = await service.request(METADATA);
    await response.text();
    const maxAge = Number(/^public, max-age=(\d+)$/.exec(response.headers.get("cache-control") ?? "")?.[1]);
    await seedAddOn();
    let late = 0;
    while (!(await scopes()).includes("mcp:tools")) {
      service.clock.advance(1000);
      late += 1000;
    }
    expect(late + maxAge * 1000).toBeLessThanOrEqual(60_000);
  });

  it("change at once in the isolate that changed the skill", async () => {
    expect(await scopes()).toEqual(["links"]);
    expect((await admin(service, "POST", "skills", { ...SKILL_BODY, scopes: ["profile"] })).status).toBe(201);
    expect(await scopes()).toEqual(["links", "profile"]);
    await admin(service, "PATCH", `skills/${SKILL_BODY.id}`, { scopes: ["email"] });
    expect(await scopes()).toEqual(["email", "links"]);
    await admin(service, "DELETE", `skills/${SKILL_BODY.id}`);
    expect(await scopes()).toEqual(["links"]);
  });

  it("take one read when cold, and none when warm", async () => {
    await scopes();
    expect(service.meter.calls()).toEqual(["DB.first"]);
    service.meter.clear();
    service.clock.advance(29_999);
    await scopes();
    expect(service.meter.calls()).toEqual([]);
  });

  it("are the last known while D1 does not respond, also after a change; without any the response is 503", async () => {
    vi.spyOn(console, "log").mockImplementation(() => {});
    await seedSkill();
    service.meter.faults.push({ ...SCOPES_STATEMENT, throws: "before", times: 1 });
    const cold = await service.request(METADATA);
    expect([cold.status, cold.headers.get("retry-after"), (await json<{ code: string }>(cold)).code]).toEqual([
      503,
      "5",
      "temporarily_unavailable",
    ]);
    expect(cold.headers.get("cache-control")).toBe("no-store");
    const known = await scopes();
    service.clock.advance(3600_000);
    service.meter.faults.push({ ...SCOPES_STATEMENT, throws: "before", times: 2 });
    expect(await scopes()).toEqual(known);
    await admin(service, "POST", "skills", { ...SKILL_BODY, scopes: ["email"] });
    expect(await scopes()).toEqual(known);
    expect(await scopes()).toEqual([...known, "email"].toSorted());
  });
});
