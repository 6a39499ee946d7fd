// What an operator reads and changes of an add-on's clients, as /token sees it.
import { beforeEach, expect, it } from "vitest";
import { asAddOn, asAddOnService, OTHER_RESOURCE } from "../../test/support/add-on.ts";
import { admin, serviceClientOf } from "../../test/support/admin.ts";
import { ADD_ON_ID, ADD_ON_SERVICE_CLIENT } from "../../test/support/constants.ts";
import { basic, form, seedAddOn } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedAddOn({ serviceClient: true });
});

const asked = { grant_type: "client_credentials" };

it("M1: the counters say which rule a request for a service token broke", async () => {
  for (const fields of [{ scope: "mcp:tools" }, { scope: "admin" }, { resource: OTHER_RESOURCE }]) {
    expect((await service.request("/token", asAddOnService({ ...asked, ...fields }))).status).toBe(400);
  }
  expect((await service.request("/token", asAddOn(asked))).status).toBe(400);
  const { body } = await admin(service, "GET", `metrics?skillId=${ADD_ON_ID}`);
  expect((body.totals as { counts: object }).counts).toEqual({
    token_error_scope_of_other_tier: 1,
    token_error_scope_unknown: 1,
    token_error_resource_mismatch: 1,
    token_error_service_tier_moved: 1,
    token_client_credentials_invalid_scope_50: 2,
    token_client_credentials_invalid_target_50: 1,
    token_client_credentials_unauthorized_client_50: 1,
  });
});

it("A4: without an overlap the service client's old secret is refused at once, where it was just used", async () => {
  expect((await service.request("/token", asAddOnService(asked))).status).toBe(200);
  const path = `skills/${ADD_ON_ID}/rotate-secret?client=service`;
  const rotated = await admin(service, "POST", path, { overlapSeconds: 0 });
  expect((await service.request("/token", asAddOnService(asked))).status).toBe(401);
  const fresh = basic(ADD_ON_SERVICE_CLIENT, serviceClientOf(rotated).secret ?? "");
  expect((await service.request("/token", form(asked, { authorization: fresh }))).status).toBe(200);
});
