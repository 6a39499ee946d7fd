// Throttling of password guesses, also in parallel ones. The owner of an account cannot be locked out.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { type Service, startService } from "../../test/support/service.ts";
import { addUser, EMAIL, PASSWORD } from "../../test/support/users.ts";
import { type Visitor, visit } from "../../test/support/visitor.ts";
import { networkOfAddress } from "../http/network.ts";

const HOME = "198.51.100.7";
const ELSEWHERE = "203.0.113.8";

let service: Service;
beforeEach(async () => {
  service = startService();
  await addUser(service);
});

/** Tries wrong passwords one after the other; the statuses. */
async function guess(visitor: Visitor, times: number, email = EMAIL): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < times; i++) statuses.push((await visitor.signIn(email, `wrong-password-${i}`)).status);
  return statuses;
}

/** One wrong guess from each of many networks: the account as a whole becomes slow for strangers. */
async function distributedAttack(times = 40): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < times; i++) {
    const eve = visit(service, `10.0.${i}.1`);
    for (let k = 0; k < 3; k++) statuses.push((await eve.signIn(EMAIL, "wrong-password")).status);
  }
  return statuses;
}

describe("one account from one network", () => {
  it("F3: is throttled within 40 tries, with Retry-After, even if the rate-limit binding allows them", async () => {
    service.env.PAGE_LIMIT = { limit: async () => ({ success: true }) };
    const eve = visit(service, ELSEWHERE);
    const statuses = await guess(eve, 50);
    expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401]);
    expect(new Set(statuses.slice(5))).toEqual(new Set([429]));
    const refused = await eve.signIn(EMAIL, PASSWORD);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(refused.html).toContain("Too many attempts.");
    expect(refused.html).toContain(`value="${EMAIL}"`);
  });

  it("F3: the right password works after the delay", async () => {
    const eve = visit(service, ELSEWHERE);
    await guess(eve, 50);
    const refused = await eve.signIn(EMAIL, PASSWORD);
    service.clock.advance(Number(refused.headers.get("retry-after")) * 1000);
    expect((await eve.signIn(EMAIL, PASSWORD)).status).toBe(303);
  });

  it("F3: the delay doubles with each failure, to the millisecond, up to a quarter of an hour, and decays", async () => {
    const eve = visit(service, ELSEWHERE);
    await guess(eve, 5);
    const delays: number[] = [];
    for (let i = 0; i < 12; i++) {
      const refused = await eve.signIn(EMAIL, "wrong-password");
      const wait = Number(refused.headers.get("retry-after"));
      delays.push(wait);
      service.clock.advance(wait * 1000 - 1);
      expect((await eve.signIn(EMAIL, "wrong-password")).status).toBe(429);
      service.clock.advance(1);
      expect((await eve.signIn(EMAIL, "wrong-password")).status).toBe(401);
    }
    expect(delays.slice(0, 6)).toEqual([2, 4, 8, 16, 32, 64]);
    expect(Math.max(...delays)).toBeLessThanOrEqual(15 * 60);
    service.clock.advance(6 * 60 * 60 * 1000);
    expect(await guess(eve, 5)).toEqual([401, 401, 401, 401, 401]);
  });

  it("a refused try does not prolong the delay", async () => {
    const eve = visit(service, ELSEWHERE);
    await guess(eve, 5);
    const first = Number((await eve.signIn(EMAIL, "x")).headers.get("retry-after"));
    await guess(eve, 20);
    expect(Number((await eve.signIn(EMAIL, "x")).headers.get("retry-after"))).toBe(first);
  });

  it("does not affect other accounts on the same network", async () => {
    await addUser(service, "grace@example.com");
    await guess(visit(service, HOME), 40);
    expect((await visit(service, HOME).signIn("grace@example.com", PASSWORD)).status).toBe(303);
  });

  it("counts tries for unknown accounts in the same way", async () => {
    const known = await guess(visit(service, ELSEWHERE), 8);
    const unknown = await guess(visit(service, ELSEWHERE), 8, "nobody@example.com");
    expect(unknown).toEqual(known);
  });

  it("all spellings of an address are one account", async () => {
    const eve = visit(service, ELSEWHERE);
    await guess(eve, 5, "ADA@EXAMPLE.COM");
    expect((await eve.signIn(" ada@example.com", PASSWORD)).status).toBe(429);
  });

  it("a right password is not counted", async () => {
    const ada = visit(service, HOME);
    for (let i = 0; i < 30; i++) expect((await ada.signIn(EMAIL, PASSWORD)).status).toBe(303);
    for (let i = 0; i < 10; i++) expect((await visit(service, HOME).signIn(EMAIL, PASSWORD)).status).toBe(303);
  });
});

describe("20 guesses at once", () => {
  it("are all counted, and at most five are checked", async () => {
    const eve = visit(service, ELSEWHERE);
    const page = await eve.get("/sign-in");
    service.meter.faults.push({ when: () => true, delayMs: 20 });
    const responses = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        eve.post("/sign-in", { ...page.hidden("/sign-in"), email: EMAIL, password: `wrong-password-${i}` }),
      ),
    );
    service.meter.faults.length = 0;
    const statuses = responses.map((response) => response.status);
    expect(statuses.filter((status) => status === 401).length).toBe(5);
    expect(statuses.filter((status) => status === 429).length).toBe(15);
    expect((await eve.signIn(EMAIL, PASSWORD)).status).toBe(429);
  });

  it("for different accounts do not affect each other", async () => {
    const eve = visit(service, ELSEWHERE);
    const page = await eve.get("/sign-in");
    const responses = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        eve.post("/sign-in", { ...page.hidden("/sign-in"), email: `user${i}@example.com`, password: "wrong" }),
      ),
    );
    expect(responses.map((response) => response.status)).toEqual(Array(20).fill(401));
    const row = await env.DB.prepare("SELECT MAX(failures) AS most FROM throttles").first<{ most: number }>();
    expect(row?.most).toBe(20);
  });
});

describe("an attack from many networks", () => {
  it("is throttled as a whole", async () => {
    const statuses = await distributedAttack();
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(20);
  });

  it("F3: does not lock out a known browser of the account", async () => {
    const ada = visit(service, HOME);
    await ada.signIn(EMAIL, PASSWORD);
    await distributedAttack();
    expect((await ada.signIn(EMAIL, "mistyped-once")).status).toBe(401);
    expect((await ada.signIn(EMAIL, PASSWORD)).status).toBe(303);
  });

  it("F3: does not lock out a known browser on the attacker's network", async () => {
    const ada = visit(service, HOME);
    await ada.signIn(EMAIL, PASSWORD);
    await guess(visit(service, HOME), 40);
    expect((await ada.signIn(EMAIL, PASSWORD)).status).toBe(303);
  });

  it("F3: allows a new browser on another network a few tries", async () => {
    await distributedAttack();
    const newPhone = visit(service, HOME);
    expect(await guess(newPhone, 3)).toEqual([401, 401, 429]);
    const refused = await newPhone.signIn(EMAIL, PASSWORD);
    service.clock.advance(Number(refused.headers.get("retry-after")) * 1000);
    expect((await newPhone.signIn(EMAIL, PASSWORD)).status).toBe(303);
  });

  it("is forgotten soon after it ends", async () => {
    await distributedAttack();
    service.clock.advance(60 * 60 * 1000);
    expect(await guess(visit(service, HOME), 5)).toEqual([401, 401, 401, 401, 401]);
  });
});

describe("a known browser", () => {
  it("has its own limit", async () => {
    const ada = visit(service, HOME);
    await ada.signIn(EMAIL, PASSWORD);
    const statuses = await guess(ada, 8);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
  });

  it("stays known after signing out, but not after signing out everywhere", async () => {
    const ada = visit(service, HOME);
    for (const [path, expected] of [
      ["/sign-out", 303],
      ["/sign-out/everywhere", 429],
    ] as const) {
      await env.DB.prepare("DELETE FROM throttles").run();
      await ada.signIn(EMAIL, PASSWORD);
      await ada.post(path, (await ada.get("/account")).hidden(path));
      await distributedAttack();
      await guess(visit(service, HOME), 8);
      expect([path, (await ada.signIn(EMAIL, PASSWORD)).status]).toEqual([path, expected]);
    }
  });

  it("is not known for another account", async () => {
    await addUser(service, "grace@example.com");
    const grace = visit(service, ELSEWHERE);
    await grace.signIn("grace@example.com", PASSWORD);
    await distributedAttack();
    expect(await guess(grace, 3)).toEqual([401, 401, 429]);
  });

  it("twenty sessions are kept, the oldest is deleted first", async () => {
    for (let i = 0; i < 22; i++) {
      service.clock.advance(1000);
      await visit(service, HOME).signIn(EMAIL, PASSWORD);
    }
    const row = await env.DB.prepare("SELECT COUNT(*) AS n, MIN(created_at) AS oldest FROM sessions").first<{
      n: number;
      oldest: number;
    }>();
    expect(row?.n).toBe(20);
    expect(row?.oldest).toBe(service.clock.now - 19_000);
  });
});

describe("the counters", () => {
  it("reveal neither addresses nor networks", async () => {
    await guess(visit(service, HOME), 2);
    const { results } = await env.DB.prepare("SELECT key FROM throttles").all<{ key: string }>();
    expect(results.length).toBe(3);
    for (const { key } of results) expect(key).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it("survive a clock that runs backwards", async () => {
    const eve = visit(service, ELSEWHERE);
    await guess(eve, 4);
    service.clock.advance(-60_000);
    expect(await guess(eve, 2)).toEqual([401, 429]);
  });

  it("F5: a lost connection after the count was written still signs in", async () => {
    service.meter.faults.push({
      when: (roundTrip) => roundTrip.call === "batch",
      throws: "after",
      message: "Network connection lost",
      times: 1,
    });
    expect((await visit(service, HOME).signIn(EMAIL, PASSWORD)).status).toBe(303);
  });

  it("T8: a storage failure is a 503 page with Retry-After, and the visitor is not signed in", async () => {
    const ada = visit(service, HOME);
    service.meter.faults.push({ when: (roundTrip) => roundTrip.call === "batch", throws: "before" });
    const response = await ada.signIn(EMAIL, PASSWORD);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("5");
    expect(ada.cookies.has("__Host-session")).toBe(false);
  });

  it("hundreds of guesses from one network throttle unknown browsers on it", async () => {
    await env.DB.prepare("DELETE FROM throttles").run();
    await visit(service, ELSEWHERE).signIn("x@example.com", "wrong-password");
    await env.DB.prepare("UPDATE throttles SET failures = 300").run();
    const refused = await visit(service, ELSEWHERE).signIn(EMAIL, PASSWORD);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeLessThanOrEqual(5);
    expect((await visit(service, HOME).signIn(EMAIL, PASSWORD)).status).toBe(303);
  });
});

describe("networks", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1"],
    [" 192.0.2.1 ", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"],
    ["2001:0DB8:0001:0002::1", "2001:db8:1::/48"],
    ["2001:db8::1", "2001:db8:0::/48"],
    ["::1", "0:0:0::/48"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["", "unknown"],
    ["x".repeat(500), "unknown"],
  ])("%j counts as %s", (address, network) => {
    expect(networkOfAddress(address)).toBe(network);
  });
});
