// Guessing from large networks and by many strangers together; and what the names of counters reveal.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { addUser, EMAIL, PASSWORD } from "../../test/support/users.ts";
import { type Visitor, visit } from "../../test/support/visitor.ts";

const MINUTE_MS = 60_000;

let service: Service;
beforeEach(async () => {
  service = startService();
  await addUser(service);
});

/** A stranger's browser that has a sign-in form; `from` posts a guess from a network address. */
async function stranger() {
  const eve = visit(service);
  const fields = (await eve.get("/sign-in")).hidden("/sign-in");
  const from = async (address: string, email = EMAIL, password = "wrong-password") => {
    eve.headers["cf-connecting-ip"] = address;
    return (await eve.post("/sign-in", { ...fields, email, password })).status;
  };
  return { from };
}

async function signedInVisitor(address: string): Promise<Visitor> {
  const ada = visit(service, address);
  expect((await ada.signIn(EMAIL, PASSWORD)).status).toBe(303);
  return ada;
}

const hex = (value: number) => value.toString(16);

describe("IPv6 networks", () => {
  it.each([
    ["/64 networks", 600, (i: number) => `2001:db8:1:${hex(i)}::1`],
    ["/56 networks", 40, (i: number) => `2001:db8:1:${hex(i)}00::1`],
    ["addresses", 40, (i: number) => `2001:db8:1:1::${hex(i)}`],
  ])("S12: guesses from the %s of one /48 (%i) are those of one guesser", async (_, guesses, address) => {
    const { from } = await stranger();
    const statuses: number[] = [];
    for (let i = 0; i < guesses; i++) statuses.push(await from(address(i % 256)));
    expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401]);
    expect(new Set(statuses.slice(5))).toEqual(new Set([429]));
    expect(await from("2001:db8:2::1")).toBe(401);
  });

  it("S12: one guess each at many accounts from one /48 meets the limit of one network", async () => {
    const { from } = await stranger();
    const statuses: number[] = [];
    for (let i = 0; i < 320; i++) statuses.push(await from(`2001:db8:1:${hex(i)}::1`, `user${i}@example.com`));
    expect(statuses.filter((status) => status === 401).length).toBe(300);
    expect(await from("2001:db8:2::1", EMAIL, PASSWORD)).toBe(303);
  });

  it("S12: wrong admin tokens from one /48 are counted together", async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 12; i++) {
      const headers = { "cf-connecting-ip": `2001:db8:1:${hex(i)}00::1` };
      statuses.push((await admin(service, "GET", "skills", undefined, { token: `wrong-${i}`, headers })).status);
    }
    expect(statuses).toEqual([...Array(10).fill(401), 429, 429]);
  });
});

describe("strangers together", () => {
  it("S12: have at most 200 guesses an hour at one account, and its known browser is not slowed down", async () => {
    const ada = await signedInVisitor("192.0.2.1");
    const { from } = await stranger();
    const guessedAt: number[] = [];
    for (let i = 0; i < 500; i++) {
      if (i >= 150) service.clock.advance(13_000);
      if ((await from(`10.${i >> 8}.${i & 255}.1`)) === 401) guessedAt.push(service.clock.now);
    }
    const inAnyHour = guessedAt.map(
      (from) => guessedAt.filter((at) => at >= from && at < from + 60 * MINUTE_MS).length,
    );
    expect(Math.max(...inAnyHour)).toBeLessThanOrEqual(200);
    expect(Math.max(...inAnyHour)).toBeGreaterThan(150);
    expect((await ada.signIn(EMAIL, "mistyped")).status).toBe(401);
    expect((await ada.signIn(EMAIL, PASSWORD)).status).toBe(303);
  });

  it("S12: who have used up an account's guesses are refused with the right password too, on a quiet network", async () => {
    const { from } = await stranger();
    for (let i = 0; i < 120; i++) await from(`10.0.${i}.1`);
    expect(await from("192.0.2.200", EMAIL, PASSWORD)).toBe(429);
    service.clock.advance(40_000 - 1);
    expect(await from("192.0.2.200", EMAIL, PASSWORD)).toBe(429);
    service.clock.advance(1);
    expect(await from("192.0.2.200", EMAIL, PASSWORD)).toBe(303);
  });

  it("S12: on its own network do not slow a known browser down, by the counters or by the edge limiter", async () => {
    const ada = await signedInVisitor("192.0.2.1");
    const { from } = await stranger();
    await from("192.0.2.1", "x@example.com");
    await env.DB.prepare("UPDATE throttles SET failures = 310").run();
    expect(await from("192.0.2.1", "y@example.com")).toBe(429);
    expect((await ada.signIn(EMAIL, PASSWORD)).status).toBe(303);
    await env.DB.prepare("DELETE FROM throttles").run();
    service.env.PAGE_LIMIT = { limit: async () => ({ success: false }) };
    expect(await from("192.0.2.1", EMAIL, PASSWORD)).toBe(429);
    expect((await ada.signIn("x@example.com", PASSWORD)).status).toBe(429);
    expect((await ada.signIn(EMAIL, "mistyped")).status).toBe(401);
    expect((await ada.signIn(EMAIL, PASSWORD)).status).toBe(303);
  });
});

describe("names of counters", () => {
  /** The keys of all counters, in D1 and at the edge, after guesses at an account and at the admin token. */
  async function keysOf(variables: Readonly<Record<string, string>>): Promise<string[]> {
    const counted = startService(variables);
    const keys: string[] = [];
    const limiter = { limit: async ({ key }: { key: string }) => ({ success: keys.push(key) > 0 }) };
    Object.assign(counted.env, { PAGE_LIMIT: limiter, ADMIN_LIMIT: limiter, USER_LIMIT: limiter });
    await visit(counted, "192.0.2.77").signIn(EMAIL, "wrong-password");
    await admin(counted, "GET", "skills", undefined, { token: "wrong", headers: { "cf-connecting-ip": "192.0.2.77" } });
    const { results } = await env.DB.prepare("SELECT key FROM throttles").all<{ key: string }>();
    await env.DB.prepare("DELETE FROM throttles").run();
    return [...keys, ...results.map(({ key }) => key)];
  }

  it("S21: are hashes under the server's key, at the edge and in D1", async () => {
    const keys = await keysOf({});
    expect(keys.length).toBe(6);
    for (const key of keys) expect(key).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(await keysOf({})).toEqual(keys);
    const others = await keysOf({ MASTER_KEY: "B".repeat(43) });
    expect(others.filter((key) => keys.includes(key))).toEqual([]);
  });
});
