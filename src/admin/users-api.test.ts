// Accounts that operators create, change and erase.
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { exchange, json, refresh, seedCode, seedSkill } from "../../test/support/seeds.ts";
import { startService } from "../../test/support/service.ts";
import { visit } from "../../test/support/visitor.ts";

const USER = { email: "Jane.Doe@Example.com", password: "a-password-of-jane", name: "Jane Doe" };

describe("accounts", () => {
  it("are found by e-mail address in any case, and shown and stored without the password in clear", async () => {
    const service = startService();
    const made = await admin(service, "POST", "users", USER);
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ id: expect.any(String), email: "jane.doe@example.com", name: "Jane Doe" });
    expect(JSON.stringify(made.body)).not.toContain(USER.password);
    const found = await admin(service, "GET", `users?email=${encodeURIComponent("JANE.doe@example.com")}`);
    expect(found.body).toEqual({ items: [made.body] });
    expect((await admin(service, "GET", `users/${made.body.id}`)).body).toEqual(made.body);
    expect((await admin(service, "GET", "users?email=nobody@example.com")).body).toEqual({ items: [] });
    const dump = JSON.stringify((await env.DB.prepare("SELECT * FROM identities").all()).results);
    expect(dump).not.toContain(USER.password);
  });

  it("an e-mail address in use is a conflict", async () => {
    const service = startService();
    await admin(service, "POST", "users", USER);
    const again = await admin(service, "POST", "users", { ...USER, email: "JANE.DOE@example.com" });
    expect([again.status, again.body.code]).toEqual([409, "conflict"]);
    const other = await admin(service, "POST", "users", { ...USER, email: "joe@example.com" });
    const moved = await admin(service, "PATCH", `users/${other.body.id}`, { email: USER.email });
    expect([moved.status, moved.body.code]).toEqual([409, "conflict"]);
  });

  it("a missing or malformed field is a 400 that names the field and never the password", async () => {
    const service = startService();
    for (const [field, value] of [
      ["email", undefined],
      ["email", ""],
      ["email", "jane"],
      ["email", "a@b@c"],
      ["email", "a@example.com,b@example.com"],
      ["email", "a b@example.com"],
      ["email", "gr\u200bace@example.com"],
      ["email", `${"x".repeat(243)}@example.com`],
      ["email", `${"x".repeat(300)}@example.com`],
      ["email", ["jane@example.com"]],
      ["password", undefined],
      ["password", ""],
      ["password", "short"],
      ["password", "123456789"],
      ["password", "😀".repeat(9)],
      ["password", "x".repeat(1025)],
      ["password", "x".repeat(3000)],
      ["name", ""],
      ["name", "   "],
      ["name", "\u0000"],
      ["name", "Grace\r\nX: y"],
      ["name", "x".repeat(101)],
      ["name", 5],
      ["admin", true],
    ] as const) {
      const response = await admin(service, "POST", "users", { ...USER, [field]: value });
      const shown = `${field}=${JSON.stringify(value)?.slice(0, 40)}`;
      expect([shown, response.status, response.body.code]).toEqual([shown, 400, "invalid_body"]);
      expect(String(response.body.detail)).toContain(field);
      expect(JSON.stringify(response.body)).not.toContain(USER.password);
    }
    for (const query of ["", "?email=", "?email=a&email=b", "?name=x"]) {
      expect((await admin(service, "GET", `users${query}`)).status).toBe(400);
    }
  });

  it.each([
    ["10 characters", "1234567890"],
    ["1,024 bytes", "x".repeat(1024)],
    ["blanks and controls", " \t\u0001 \u0000 abcdef "],
    ["ten emoji", "😀".repeat(10)],
  ])("a password of %s is accepted and works for signing in", async (_, password) => {
    const service = startService();
    expect((await admin(service, "POST", "users", { ...USER, password })).status).toBe(201);
    expect((await visit(service).signIn(USER.email, password)).status).toBe(303);
  });

  it("of two accounts created at once with one e-mail address, the second is a conflict", async () => {
    const service = startService();
    service.meter.faults.push({ when: () => true, delayMs: 20 });
    const both = await Promise.all([admin(service, "POST", "users", USER), admin(service, "POST", "users", USER)]);
    service.meter.faults.length = 0;
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409]);
    expect((await env.DB.prepare("SELECT 1 FROM users").all()).results).toHaveLength(1);
  });

  it("changes the given fields, and a new password ends every session", async () => {
    const service = startService();
    const { id } = (await admin(service, "POST", "users", USER)).body;
    const renamed = await admin(service, "PATCH", `users/${id}`, { name: "Jane" });
    expect(renamed.body).toMatchObject({ name: "Jane", email: "jane.doe@example.com" });
    const epoch = async () => (await env.DB.prepare("SELECT session_epoch AS n FROM users").first<{ n: number }>())?.n;
    const before = await epoch();
    expect((await admin(service, "PATCH", `users/${id}`, { password: "another-password" })).status).toBe(200);
    expect(await epoch()).toBeGreaterThan(before!);
    expect((await admin(service, "PATCH", `users/${id}`, { password: "x" })).status).toBe(400);
    expect((await admin(service, "PATCH", "users/nobody", { name: "x" })).status).toBe(404);
    expect((await admin(service, "GET", "users/nobody")).status).toBe(404);
  });

  it("erasing a person deletes their grants, and their refresh token is refused", async () => {
    await seedSkill();
    const service = startService();
    const { id } = (await admin(service, "POST", "users", USER)).body;
    const code = await seedCode({ userId: String(id) });
    const tokens = await json(await service.request("/token", exchange(code)));
    expect((await admin(service, "DELETE", `users/${id}`)).status).toBe(204);
    expect((await admin(service, "DELETE", `users/${id}`)).status).toBe(404);
    const refused = await service.request("/token", refresh(tokens.refresh_token));
    expect([refused.status, (await json(refused)).error]).toEqual([400, "invalid_grant"]);
    const left = await env.DB.batch([
      env.DB.prepare("SELECT * FROM users"),
      env.DB.prepare("SELECT * FROM identities"),
      env.DB.prepare("SELECT * FROM grants"),
    ]);
    expect(left.map((result) => result.results.length)).toEqual([0, 0, 0]);
  });
});
