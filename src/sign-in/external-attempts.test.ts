// What a sign-in with a provider keeps between leaving and coming back: little in D1, the rest with the browser.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { query } from "../../test/support/authorize.ts";
import { comeBack, count, leave, OIDC, type Providers, standInForProviders } from "../../test/support/providers.ts";
import { seedSkill } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { type Page, Visitor, visit } from "../../test/support/visitor.ts";

let service: Service;
let providers: Providers;

beforeEach(async () => {
  service = startService(OIDC);
  providers = await standInForProviders(() => Math.floor(service.clock.now / 1000));
  await seedSkill();
});
afterEach(() => vi.restoreAllMocks());

async function finish(visitor: Visitor, away: URL): Promise<Page> {
  providers.returnIdToken(await providers.idToken(away.searchParams.get("nonce") ?? ""));
  return comeBack(visitor, away);
}

const partsOf = (visitor: Visitor) => visitor.setCookies.filter((line) => /^__Secure-sign-in-\d-\d=[^;]/.test(line));
const longRequest = (letter: string) => `/authorize?${query({ state: letter.repeat(8192) })}`;

/** Rows, and bytes of all values, of what the browsers' sign-ins left. */
async function left(): Promise<{ rows: number; bytes: number }> {
  const kept = await env.DB.prepare("SELECT * FROM sign_in_attempts").raw();
  return { rows: kept.length, bytes: JSON.stringify(kept).length };
}

describe("what travels with the browser", () => {
  it("S11: a request with a state of 8,192 bytes is continued, and D1 keeps hashes only", async () => {
    const ada = visit(service);
    const away = await leave(ada, "oidc", longRequest("s"));
    const { rows, bytes } = await left();
    expect(rows).toBe(1);
    expect(bytes).toBeLessThan(200);
    const back = await finish(ada, away);
    expect(back.status).toBe(303);
    expect(back.location?.startsWith(`${longRequest("s")}&link_attempt=`)).toBe(true);
    expect((await ada.get(back.location ?? "")).html).toContain('name="decision"');
    expect(await count("sign_in_attempts")).toBe(0);
  });

  it("S11: each cookie is below 4,096 bytes, goes to the callback only, and is removed there", async () => {
    const ada = visit(service);
    const away = await leave(ada, "oidc", longRequest("s"));
    expect(partsOf(ada).length).toBeGreaterThan(2);
    for (const line of partsOf(ada)) {
      expect(line.length).toBeLessThan(4096);
      expect(line).toMatch(/; Max-Age=3600; Path=\/sign-in\/oidc\/callback; HttpOnly; Secure; SameSite=Lax$/);
      expect(line).not.toContain("ssss");
    }
    const set = partsOf(ada).map((line) => line.split("=")[0]);
    const { headers } = await finish(ada, away);
    const removed = headers.getSetCookie().filter((line) => line.includes("sign-in-"));
    // A browser removes a cookie only if the path is the same.
    expect(removed.sort()).toEqual(
      set.map((name) => `${name}=; Max-Age=0; Path=/sign-in/oidc/callback; HttpOnly; Secure; SameSite=Lax`).sort(),
    );
  });

  it("S11, P9: on an http loopback origin the cookies have plain names without Secure", async () => {
    const origin = "http://localhost:8787";
    const local = startService({ ...OIDC, ISSUER: origin });
    const ada = new Visitor({ request: (path, init) => local.request(`${origin}${path}`, init) }, origin);
    const away = await leave(ada);
    expect([...ada.cookies.keys()].sort()).toEqual(["browser", "sign-in-0-0"]);
    expect((await finish(ada, away)).status).toBe(303);
    expect(ada.setCookies.filter((line) => /; secure|^__/i.test(line))).toEqual([]);
  });

  it("S11: two tabs finish side by side, the older one first", async () => {
    const ada = visit(service);
    const first = await leave(ada, "oidc", longRequest("a"));
    const second = await leave(ada, "oidc", longRequest("b"));
    expect((await finish(ada, first)).location?.startsWith(`${longRequest("a")}&`)).toBe(true);
    expect((await finish(ada, second)).location?.startsWith(`${longRequest("b")}&`)).toBe(true);
  });

  it.each<[string, (cookies: Map<string, string>) => void]>([
    ["a part is missing", (cookies) => cookies.delete("__Secure-sign-in-0-1")],
    ["all parts are missing", (cookies) => cookies.delete("__Secure-sign-in-0-0")],
    ["a part is changed", (cookies) => cookies.set("__Secure-sign-in-0-1", "A".repeat(3800))],
    ["the count is too high", (cookies) => cookies.set("__Secure-sign-in-0-0", "999999999.x")],
    ["the count is no number", (cookies) => cookies.set("__Secure-sign-in-0-0", "x.x")],
    [
      "the parts are those of another tab",
      (cookies) => {
        for (const part of [0, 1, 2, 3]) {
          cookies.set(`__Secure-sign-in-0-${part}`, cookies.get(`__Secure-sign-in-1-${part}`) ?? "");
        }
      },
    ],
  ])("S11: the callback is refused when %s", async (_, change) => {
    const ada = visit(service);
    const away = await leave(ada, "oidc", longRequest("s"));
    await leave(ada, "oidc", longRequest("t"));
    change(ada.cookies);
    expect((await finish(ada, away)).status).toBe(403);
    expect(providers.asked.filter(({ path }) => path.endsWith("/token"))).toEqual([]);
  });

  it("S11: another browser with copies of the cookies is refused", async () => {
    const ada = visit(service);
    const away = await leave(ada);
    const eve = visit(service);
    for (const [name, value] of ada.cookies) if (name.includes("sign-in")) eve.cookies.set(name, value);
    expect((await finish(eve, away)).status).toBe(403);
    expect((await finish(ada, away)).status).toBe(303);
  });
});

describe("how much is kept", () => {
  it("S11: a browser has five open sign-ins; the next one ends the oldest", async () => {
    const ada = visit(service);
    const started: URL[] = [];
    for (let i = 0; i < 7; i++) {
      service.clock.advance(1000);
      started.push(await leave(ada));
    }
    expect((await left()).rows).toBe(5);
    const statuses: number[] = [];
    for (const away of started) statuses.push((await finish(ada, away)).status);
    expect(statuses).toEqual([403, 403, 303, 303, 303, 303, 303]);
  });

  it("S11: 20 starts at once in one browser leave five", async () => {
    const ada = visit(service);
    const page = await ada.get("/sign-in");
    service.meter.faults.push({ when: () => true, delayMs: 10 });
    const start = () => ada.post("/sign-in", { method: "oidc", ...page.hidden("/sign-in") });
    const responses = await Promise.all(Array.from({ length: 20 }, start));
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([303]));
    expect((await left()).rows).toBe(5);
  });

  it("S11: one network starts at most 100 in a minute, others are not affected", async () => {
    const start = async (network: string) => {
      const eve = visit(service, network);
      const page = await eve.get("/sign-in");
      return eve.post("/sign-in", { method: "oidc", ...page.hidden("/sign-in") });
    };
    const statuses: number[] = [];
    for (let i = 0; i < 103; i++) statuses.push((await start(`2001:db8:1:${i}::1`)).status);
    expect(statuses).toEqual([...Array(100).fill(303), 429, 429, 429]);
    const refused = await start("2001:db8:1::1");
    expect(refused.headers.get("retry-after")).toBe("60");
    expect(refused.html).toContain("Too many attempts.");
    expect((await left()).rows).toBe(100);
    expect((await start("2001:db8:2::1")).status).toBe(303);
    service.clock.advance(59_999);
    expect((await start("2001:db8:1::1")).status).toBe(429);
    service.clock.advance(1);
    expect((await start("2001:db8:1::1")).status).toBe(303);
  });

  it("F5: a start whose connection was lost after the commit keeps one attempt, which works", async () => {
    const ada = visit(service);
    service.meter.faults.push({
      when: (roundTrip) => roundTrip.call === "batch",
      throws: "after",
      message: "Network connection lost",
      times: 1,
    });
    const away = await leave(ada);
    expect((await left()).rows).toBe(1);
    expect((await finish(ada, away)).status).toBe(303);
  });
});
