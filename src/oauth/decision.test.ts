// The decision on the consent page: it counts once, in the browser and for the account the page was rendered for.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { DEMO, seedAccount } from "../../test/support/accounts.ts";
import { seedLwa } from "../../test/support/app-user.ts";
import { query, rowCounts, STATE, signedIn } from "../../test/support/authorize.ts";
import { exchange, json, refresh, SKILL_ID, seedAppAndService, seedSkill } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { formsOf, Visitor } from "../../test/support/visitor.ts";

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAppAndService();
  await seedAccount(service, DEMO);
});

describe("the decision", () => {
  it("P3: two taps at once get the same redirect, with one code and one grant", async () => {
    const visitor = await signedIn(service);
    const consent = await visitor.open(`/authorize?${query()}`);
    const [first, second] = await Promise.all([
      visitor.submit(consent, { decision: "allow" }),
      visitor.submit(consent, { decision: "allow" }),
    ]);
    expect(first.location).toBe(second.location);
    const code = /code=([^&]+)/.exec(first.location ?? "")?.[1] ?? "";
    expect((await service.request("/token", exchange(code))).status).toBe(200);
    expect((await service.request("/token", exchange(code))).status).toBe(400);
    expect((await rowCounts()).grants).toBe(1);
  });

  it.each([
    [20, 0],
    [20, 10],
    [20, 40],
    [50, 0],
    [50, 10],
    [50, 40],
  ])(
    "P3: %i taps at once with %i ms storage latency get the same redirect, with one code and one grant",
    async (taps, delayMs) => {
      const visitor = await signedIn(service);
      const transaction = formsOf((await visitor.open(`/authorize?${query()}`)).html)[0]?.fields.transaction ?? "";
      const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
      const init = {
        method: "POST",
        headers: { cookie, "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ transaction, decision: "allow" }).toString(),
      };
      service.meter.faults.push({ when: () => true, delayMs });
      const send = () => service.requestOnly("/authorize/decision", init);
      const responses = await Promise.all(Array.from({ length: taps }, send));
      await service.settled();
      const locations = new Set(responses.map((response) => response.headers.get("location")));
      expect(new Set(responses.map((response) => response.status))).toEqual(new Set([303]));
      expect(locations.size).toBe(1);
      const code = /code=([^&]+)/.exec([...locations][0] ?? "")?.[1] ?? "";
      expect((await service.request("/token", exchange(code))).status).toBe(200);
      expect(await rowCounts()).toMatchObject({ attempts: 1, codes: 1, grants: 1 });
    },
  );

  it("P3, T5: a page that was rendered and approved again gives the same code, and its refresh token works", async () => {
    const visitor = new Visitor(service);
    const signIn = await visitor.open(`/authorize?${query()}`);
    const consent = await visitor.submit(signIn, { email: DEMO.email, password: DEMO.password });
    const again = await visitor.open(consent.url);
    const first = await visitor.submit(consent, { decision: "allow" });
    const second = await visitor.submit(again, { decision: "allow" });
    expect(second.location).toBe(first.location);
    const code = /code=([^&]+)/.exec(first.location ?? "")?.[1] ?? "";
    const tokens = await json(await service.request("/token", exchange(code)));
    expect((await service.request("/token", refresh(tokens.refresh_token))).status).toBe(200);
    expect(await rowCounts()).toMatchObject({ attempts: 1, codes: 1, grants: 1 });
  });

  it("over the person's limit both decisions get a 429 page, and nothing is written", async () => {
    const visitor = await signedIn(service);
    const consent = await visitor.open(`/authorize?${query()}`);
    const keys = new Set<string>();
    Object.assign(service.env, {
      USER_LIMIT: { limit: async ({ key }: { key: string }) => ({ success: keys.add(key).size === 0 }) },
    });
    for (const decision of ["allow", "deny"]) {
      const refused = await visitor.submit(consent, { decision });
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "60"]);
    }
    expect(await rowCounts()).toMatchObject({ attempts: 0, codes: 0 });
    expect(keys.size).toBe(1);
  });

  it("decisions and starts of one person count against one limit, and another person's against another", async () => {
    const keys: string[] = [];
    Object.assign(service.env, {
      USER_LIMIT: { limit: async ({ key }: { key: string }) => ({ success: keys.push(key) > 0 }) },
    });
    await seedLwa(service);
    const visitor = await signedIn(service);
    await visitor.submit(await visitor.open(`/authorize?${query()}`), { decision: "deny" });
    await visitor.submit(await visitor.open(`/link/${SKILL_ID}`), { decision: "allow" });
    await service.settled();
    // Pages that were shown count against a limit of their own.
    const decided = keys.filter((key) => key === keys.at(0));
    const shown = keys.filter((key) => key !== keys.at(0));
    expect([decided.length, shown.length, new Set(shown).size]).toEqual([2, 2, 1]);
    expect(keys[0]).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it("P3: when a customer denies and then approves, the denial counts", async () => {
    const visitor = await signedIn(service);
    const consent = await visitor.open(`/authorize?${query()}`);
    const denied = await visitor.submit(consent, { decision: "deny" });
    const allowed = await visitor.submit(consent, { decision: "allow" });
    expect(allowed.location).toBe(denied.location);
    expect((await rowCounts()).codes).toBe(0);
  });

  it("P4: two tabs finish with their own state each, the older one first", async () => {
    const visitor = await signedIn(service);
    const older = await visitor.open(`/authorize?${query({ state: "older%3D" })}`);
    const newer = await visitor.open(`/authorize?${query({ state: "newer%3D" })}`);
    expect((await visitor.submit(older, { decision: "allow" })).location).toMatch(/&state=older%3D$/);
    expect((await visitor.submit(newer, { decision: "allow" })).location).toMatch(/&state=newer%3D$/);
  });

  it("P4, S3: a form rendered in one browser is refused in another", async () => {
    const visitor = await signedIn(service);
    const consent = await visitor.open(`/authorize?${query()}`);
    const other = await signedIn(service);
    const stolen = await other.submit(consent, { decision: "allow" });
    expect(stolen.status).toBe(403);
    expect((await rowCounts()).codes).toBe(0);
  });

  it("a form submitted after another account signed in is rendered again for that account", async () => {
    const other = { ...DEMO, email: "other@example.com" };
    await seedAccount(service, other);
    const visitor = await signedIn(service);
    const consent = await visitor.open(`/authorize?${query()}`);
    const page = await visitor.open("/sign-in");
    await visitor.submit(page, { email: other.email, password: other.password });
    const again = await visitor.submit(consent, { decision: "allow" });
    expect(again.status).toBe(200);
    expect(again.html).toContain(other.email);
    expect((await rowCounts()).codes).toBe(0);
  });

  it("after 'not you?' and signing in again, the customer continues with the same request", async () => {
    const visitor = await signedIn(service);
    const consent = await visitor.open(`/authorize?${query()}`);
    const signIn = await visitor.submit(consent, { decision: "switch" });
    expect(signIn.html).toContain('name="password"');
    const again = await visitor.submit(signIn, { email: DEMO.email, password: DEMO.password });
    expect((await visitor.submit(again, { decision: "allow" })).location).toContain(`&state=${STATE}`);
  });

  it("a customer who was signed out everywhere in the meantime has to sign in again, and gets no code", async () => {
    const visitor = await signedIn(service);
    const consent = await visitor.open(`/authorize?${query()}`);
    await env.DB.prepare("UPDATE users SET session_epoch = session_epoch + 1").run();
    const page = await visitor.submit(consent, { decision: "allow" });
    expect(page.html).toContain('name="password"');
    expect((await rowCounts()).codes).toBe(0);
  });

  it("a user deleted between sign-in and consent gets no code", async () => {
    const visitor = await signedIn(service);
    const consent = await visitor.open(`/authorize?${query()}`);
    await env.DB.prepare("DELETE FROM users").run();
    const page = await visitor.submit(consent, { decision: "allow" });
    expect(page.location).toBeNull();
    expect((await rowCounts()).codes).toBe(0);
  });

  it("an expired page is refused with 400", async () => {
    const visitor = await signedIn(service);
    const consent = await visitor.open(`/authorize?${query()}`);
    service.clock.advance(61 * 60_000);
    const page = await visitor.submit(consent, { decision: "allow" });
    expect(page.status).toBe(400);
    expect(page.location).toBeNull();
  });

  it.each([
    ["missing", {}],
    ["unknown", { decision: "maybe" }],
  ])("a %s decision is 400, and a decision without a form is 403", async (_, more) => {
    const visitor = await signedIn(service);
    const consent = await visitor.open(`/authorize?${query()}`);
    const transaction = formsOf(consent.html)[0]?.fields.transaction ?? "";
    expect((await visitor.post("/authorize/decision", { transaction, ...more })).status).toBe(400);
    expect((await visitor.post("/authorize/decision", { decision: "allow" })).status).toBe(403);
  });

  it("C1: the customer gets no code when the D1 write fails; a failed KV write does not matter", async () => {
    const visitor = await signedIn(service);
    const consent = await visitor.open(`/authorize?${query()}`);
    service.meter.faults.push({ when: ({ store }) => store === "DB", throws: "before", times: 1 });
    const failed = await visitor.submit(consent, { decision: "allow" });
    expect(failed.status).toBe(503);
    expect(failed.location).toBeNull();
    service.meter.faults.push({ when: (roundTrip) => roundTrip.call === "put", throws: "before" });
    const back = await visitor.submit(consent, { decision: "allow" });
    const code = /code=([^&]+)/.exec(back.location ?? "")?.[1] ?? "";
    expect((await service.request("/token", exchange(code))).status).toBe(200);
  });

  it("P2: HEAD, prefetch and repeated GET requests change nothing", async () => {
    const visitor = await signedIn(service);
    const before = await rowCounts();
    const path = `/authorize?${query()}`;
    for (const init of [{ method: "HEAD" }, { headers: { "sec-purpose": "prefetch" } }, {}, {}]) {
      expect((await visitor.send(path, init)).status).toBe(200);
    }
    expect(await rowCounts()).toEqual(before);
    const back = await visitor.submit(await visitor.open(path), { decision: "allow" });
    expect(back.location).toContain("code=");
    expect((await rowCounts()).codes).toBe(1);
  });
});
