// What a typed e-mail address may cost: it is bound to several statements before anything is known about it.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { startService } from "../../test/support/service.ts";
import { addUser, EMAIL, PASSWORD } from "../../test/support/users.ts";
import { visit } from "../../test/support/visitor.ts";
import { normalizeEmail } from "./email.ts";

/** One character that NFKC makes eighteen of. */
const GROWING = "\ufdfa";

let longest: number;
/** D1 that notes the longest text bound to a statement. */
const DB = new Proxy(env.DB, {
  get(db, name) {
    if (name !== "prepare") return Reflect.get(db, name).bind(db) as unknown;
    return (sql: string) => {
      const statement = db.prepare(sql);
      return new Proxy(statement, {
        get(real, member) {
          if (member !== "bind") return Reflect.get(real, member).bind(real) as unknown;
          return (...values: unknown[]) => {
            longest = Math.max(longest, ...values.map((value) => String(value).length));
            return real.bind(...values);
          };
        },
      });
    };
  },
});

beforeEach(() => {
  longest = 0;
});

describe("an e-mail address of any length", () => {
  it.each([
    ["characters that grow", GROWING.repeat(15_000)],
    ["ASCII", `${"a".repeat(40_000)}@example.com`],
    ["spaces before an account's", " ".repeat(15_000) + EMAIL],
    ["spaces after an account's", EMAIL + " ".repeat(15_000)],
  ])("S11: is refused like a wrong password, and D1 never sees it: %s", async (_, email) => {
    const service = startService({}, { DB });
    await addUser(service);
    const visitor = visit(service);
    const { form = "" } = (await visitor.get("/sign-in")).hidden("/sign-in");
    longest = 0;
    const body = `form=${form}&password=${PASSWORD}&email=${email}`;
    const response = await visitor.post("/sign-in", {}, { body });
    expect(response.status).toBe(401);
    expect(visitor.cookies.has("__Host-session")).toBe(false);
    expect(longest).toBeGreaterThan(20);
    expect(longest).toBeLessThan(1000);
  });

  it("S11: makes and finds no account", async () => {
    const service = startService();
    const email = `${"a".repeat(1000)}@example.com`;
    expect((await admin(service, "POST", "users", { email, password: PASSWORD, name: "Ada" })).status).toBe(400);
    expect((await admin(service, "GET", `users?email=${email}`)).body.items ?? []).toEqual([]);
  });

  it("the longest address, typed with decomposed letters and spaces, is still read", () => {
    const address = `${"é".repeat(127)}@${"b".repeat(122)}.com`;
    expect(address).toHaveLength(254);
    expect(normalizeEmail(`  ${address.normalize("NFD").toUpperCase()}  `)).toBe(address);
    expect(normalizeEmail("a".repeat(1001))).toBe("");
    expect(normalizeEmail(GROWING.repeat(1000)).length).toBe(0);
  });
});
