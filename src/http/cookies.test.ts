import { describe, expect, it } from "vitest";
import { ADMIN_TOKEN, ISSUER, type Service, startService } from "../../test/support/service.ts";
import { addUser, EMAIL, PASSWORD } from "../../test/support/users.ts";
import { formsOf, Visitor } from "../../test/support/visitor.ts";

let service: Service;

/** A browser at this origin; the server's issuer is the origin of its requests. */
function browserAt(origin: string, variables: Readonly<Record<string, string>> = { ISSUER: "" }): Visitor {
  service = startService(variables);
  const request = (path: string, init?: RequestInit) =>
    service.request(path.startsWith("/") ? `${origin}${path}` : path, init);
  const visitor = new Visitor({ request }, origin);
  visitor.headers["cf-connecting-ip"] = "192.0.2.1";
  return visitor;
}

/** Signs in and out as the customer and as the operator, so that each of our cookies is set and removed once. */
async function useEveryCookie(visitor: Visitor): Promise<void> {
  await addUser(service);
  await visitor.signIn(EMAIL, PASSWORD);
  const account = await visitor.get("/account");
  expect(account.html).toContain(EMAIL);
  expect((await visitor.post("/sign-out", account.hidden("/sign-out"))).status).toBe(303);
  expect((await visitor.get("/account")).html).not.toContain(EMAIL);
  await visitor.signIn(EMAIL, PASSWORD);
  const signIn = await visitor.get("/admin");
  await visitor.post("/admin/session", { ...signIn.hidden("/admin/session"), token: ADMIN_TOKEN });
  const dashboard = await visitor.get("/admin");
  expect(dashboard.html).toContain("Refused requests");
  await visitor.post("/admin/sign-out", dashboard.hidden("/admin/sign-out"));
  expect(formsOf((await visitor.get("/admin")).html)[0]?.action).toBe("/admin/session");
}

const namesOf = (lines: readonly string[]) => [...new Set(lines.map((line) => line.split("=")[0]))].sort();

describe("on an http loopback origin", () => {
  const origins = ["http://localhost:8787", "http://127.0.0.1:8787", "http://[::1]:8787", "http://localhost"];

  it.each(origins)("P9: every cookie has its plain name, without Secure, and works (%s)", async (origin) => {
    const visitor = browserAt(origin);
    await useEveryCookie(visitor);
    expect(namesOf(visitor.setCookies)).toEqual(["admin", "browser", "session", "signed-out"]);
    for (const line of visitor.setCookies) {
      expect(line).not.toMatch(/secure|domain|__host/i);
      expect(line).toMatch(/; Path=\/; HttpOnly; SameSite=(Lax|Strict)$/);
    }
  });

  it("P9: the same when ISSUER names the origin", async () => {
    const origin = "http://localhost:8787";
    const visitor = browserAt(origin, { ISSUER: origin });
    await useEveryCookie(visitor);
    expect(visitor.setCookies.filter((line) => /secure|__host/i.test(line))).toEqual([]);
  });
});

describe("on https", () => {
  it.each([
    [ISSUER, { ISSUER }],
    ["https://localhost:8787", { ISSUER: "" }],
    ["https://127.0.0.1:8787", { ISSUER: "" }],
  ])("P9: every cookie is `__Host-` and Secure (%s)", async (origin, variables) => {
    const visitor = browserAt(origin, variables);
    await useEveryCookie(visitor);
    const names = ["__Host-admin", "__Host-browser", "__Host-session", "__Host-signed-out"];
    expect(namesOf(visitor.setCookies)).toEqual(names);
    for (const line of visitor.setCookies) {
      expect(line).toMatch(/; Path=\/; HttpOnly; Secure; SameSite=(Lax|Strict)$/);
      expect(line).not.toMatch(/domain/i);
    }
  });

  it.each([
    [ISSUER, { ISSUER }],
    ["https://localhost:8787", { ISSUER: "" }],
    ["https://localhost:8787", { ISSUER: "http://localhost:8787" }],
  ])("P9: a cookie with a plain name is not read (%s, %o)", async (origin, variables) => {
    const visitor = browserAt(origin, variables);
    await addUser(service);
    await visitor.signIn(EMAIL, PASSWORD);
    const signIn = await visitor.get("/admin");
    await visitor.post("/admin/session", { ...signIn.hidden("/admin/session"), token: ADMIN_TOKEN });
    expect((await visitor.get("/account")).html).toContain(EMAIL);
    const form = (await visitor.get("/sign-in")).hidden("/sign-in");
    const cookies = [...visitor.cookies];
    const withNames = (rename: (name: string) => string) => {
      visitor.cookies.clear();
      for (const [name, value] of cookies) visitor.cookies.set(rename(name), value);
    };
    withNames((name) => name.replace("__Host-", ""));
    expect((await visitor.get("/account")).html).not.toContain(EMAIL);
    expect((await visitor.get("/admin")).hidden("/admin/session")).toHaveProperty("form");
    withNames((name) => name.replace("__Host-browser", "browser"));
    expect((await visitor.post("/sign-in", { ...form, email: EMAIL, password: PASSWORD })).status).toBe(403);
  });
});
