// Operators' writes that were committed before the database connection was lost: a repeat shows what happened.
import { describe, expect, it } from "vitest";
import { admin, clientOf, SKILL_BODY, SKILL_PATH } from "../../test/support/admin.ts";
import { rows } from "../../test/support/app-user.ts";
import { basic, form } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";

function loseConnectionAfter(service: Service, sql: string): void {
  service.meter.faults.push({
    when: (roundTrip) => roundTrip.sql.includes(sql),
    throws: "after",
    message: "D1_ERROR: Network connection lost.",
    times: 1,
  });
}

const audited = (kind: string) => rows("SELECT id FROM audit WHERE kind = ?", kind);

describe("F5: a connection lost after an operator's write", () => {
  it("the skill exists after the 503: a second POST is a conflict, and the secret can be rotated", async () => {
    const service = startService();
    loseConnectionAfter(service, "INSERT INTO skills");
    const first = await admin(service, "POST", "skills", SKILL_BODY);
    expect([first.status, first.headers.has("retry-after")]).toEqual([503, true]);
    expect((await admin(service, "POST", "skills", SKILL_BODY)).status).toBe(409);
    expect(await audited("skill_created")).toHaveLength(1);
    const rotated = await admin(service, "POST", `${SKILL_PATH}/rotate-secret`, { overlapSeconds: 0 });
    expect(rotated.status).toBe(200);
    const authorization = basic("alexa-acme-home", clientOf(rotated).secret ?? "");
    expect((await service.request("/introspect", form({ token: "x" }, { authorization }))).status).toBe(200);
  });

  it("the client exists after the 503: a second POST is a conflict", async () => {
    const service = startService();
    loseConnectionAfter(service, "INSERT INTO clients");
    const body = { id: "backend", kind: "service", name: "Backend" };
    expect((await admin(service, "POST", "clients", body)).status).toBe(503);
    expect((await admin(service, "POST", "clients", body)).status).toBe(409);
    expect(await audited("client_created")).toHaveLength(1);
  });

  it("the secret was rotated once before the 503, and can be rotated again", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    loseConnectionAfter(service, "UPDATE clients");
    expect((await admin(service, "POST", `${SKILL_PATH}/rotate-secret`, {})).status).toBe(503);
    expect(await audited("client_secret_rotated")).toHaveLength(1);
    expect((await admin(service, "POST", `${SKILL_PATH}/rotate-secret`, {})).status).toBe(200);
  });
});
