// How long things live, one second before and after each end. The lengths are those of the documentation, written out.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { toAmazonCode } from "../../src/amazon/lwa.ts";
import { openForm, sealForm } from "../../src/http/form-token.ts";
import { newState, openResult, sealResult } from "../../src/linking/state.ts";
import { listSigningKeys, rotateKeysWhenDue, rotateSigningKey } from "../../src/oauth/keys.ts";
import { admin } from "../support/admin.ts";
import { insert } from "../support/rows.ts";
import { runtimeOf } from "../support/runtime.ts";
import { json, refresh, SERVICE_CLIENT, seedEveryone, USER_ID } from "../support/seeds.ts";
import { START, startService } from "../support/service.ts";
import {
  anotherIsolate,
  asService,
  countOf,
  DAY,
  expectInvalidGrant,
  HOUR,
  introspection,
  linkAlexa,
  linkApp,
  MINUTE,
  ok,
  refreshOfApp,
  SECOND,
  userinfo,
} from "../support/tokens.ts";

beforeEach(seedEveryone);

/** Rows that maintenance deletes: how long after the time that counts, and how a row of that time is inserted. */
const KEPT: readonly [name: string, table: string, keptMs: number, row: (at: number) => D1PreparedStatement][] = [
  ["a code, after it expired", "codes", DAY, (at) => insert("codes", { expiresAt: at })],
  ["a revoked grant", "grants", 30 * DAY, (at) => insert("grants", { revokedAt: at, revokedReason: "unlinked" })],
  ["an idle grant", "grants", 30 * DAY, (at) => insert("grants", { idleExpiresAt: at })],
  ["a grant at its absolute end", "grants", 30 * DAY, (at) => insert("grants", { expiresAt: at })],
  [
    "a revoked grant of an import",
    "grants",
    400 * DAY,
    (at) => insert("grants", { revokedAt: at, revokedReason: "unlinked", importedAt: at }),
  ],
  [
    "a finished attempt",
    "attempts",
    400 * DAY,
    (at) => insert("attempts", { createdAt: at, outcome: "linked", userId: USER_ID }),
  ],
  ["an attempt without a person", "attempts", DAY, (at) => insert("attempts", { createdAt: at, outcome: "abandoned" })],
  ["a session", "sessions", 365 * DAY, (at) => insert("sessions", { createdAt: at })],
  ["a counter", "throttles", 3 * HOUR, (at) => insert("throttles", { updatedAt: at })],
  ["an audit row", "audit", 400 * DAY, (at) => env.DB.prepare("INSERT INTO audit (at, kind) VALUES (?, 'x')").bind(at)],
  ["a metric", "oauth_metrics", 800 * DAY, (at) => insert("oauthMetrics", { hourAt: at })],
  ["a refusal", "refusals", 90 * DAY, (at) => insert("refusals", { lastSeenAt: at })],
  ["a shown error", "shown_errors", 30 * DAY, (at) => insert("shownErrors", { at })],
  ["an initiation", "initiations", 400 * DAY, (at) => insert("initiations", { hourAt: at, at })],
  ["a skill event", "skill_events", 400 * DAY, (at) => insert("skillEvents", { receivedAt: at })],
];

describe("maintenance", () => {
  it.each(KEPT)("keeps %s (%s) for its time to the second", async (_, table, keptMs, row) => {
    const service = startService();
    await row(START).run();
    service.clock.advance(keptMs - SECOND);
    expect((await admin(service, "POST", "maintenance")).status).toBe(200);
    // Maintenance itself leaves a row in the audit.
    const count = () => countOf(table, table === "audit" ? "kind = 'x'" : "TRUE");
    expect(await count()).toBe(1);
    service.clock.advance(2 * SECOND);
    expect((await admin(service, "POST", "maintenance")).status).toBe(200);
    expect(await count()).toBe(0);
  });
});

describe("tokens", () => {
  it("T6: an access token works for 3600 s, at introspection and userinfo", async () => {
    const service = startService();
    const { access_token: token, expires_in: seconds } = await linkAlexa(service);
    expect(seconds).toBe(3600);
    service.clock.advance(3599 * SECOND);
    expect((await introspection(service, token)).active).toBe(true);
    expect((await userinfo(service, token)).status).toBe(200);
    service.clock.advance(2 * SECOND);
    expect(await introspection(service, token)).toEqual({ active: false });
    expect((await userinfo(service, token)).status).toBe(401);
  });

  it("U2: a link that is not used ends after 400 days, and a use starts the time again", async () => {
    const service = startService();
    const [used, unused] = [await linkAlexa(service), await linkAlexa(service)];
    service.clock.advance(400 * DAY - SECOND);
    await ok(service.request("/token", refresh(used.refresh_token)));
    service.clock.advance(2 * SECOND);
    await expectInvalidGrant(await service.request("/token", refresh(unused.refresh_token)));
    service.clock.advance(400 * DAY - 3 * SECOND);
    await ok(service.request("/token", refresh(used.refresh_token)));
    service.clock.advance(400 * DAY + SECOND);
    await expectInvalidGrant(await service.request("/token", refresh(used.refresh_token)));
  });

  it("U2: REFRESH_IDLE_DAYS is a number of days", async () => {
    const service = startService({ REFRESH_IDLE_DAYS: "2" });
    const [one, two] = [await linkAlexa(service), await linkAlexa(service)];
    service.clock.advance(2 * DAY - SECOND);
    await ok(service.request("/token", refresh(one.refresh_token)));
    service.clock.advance(2 * SECOND);
    await expectInvalidGrant(await service.request("/token", refresh(two.refresh_token)));
  });

  it("RFC9700-4.14: an app's sign-in ends 180 days after it began, used or not", async () => {
    const service = startService();
    const { refresh_token: first } = await linkApp(service);
    service.clock.advance(180 * DAY - SECOND);
    const { refresh_token: second } = await json(await service.request("/token", refreshOfApp(first)));
    expect(second).not.toBe(first);
    service.clock.advance(2 * SECOND);
    await expectInvalidGrant(await service.request("/token", refreshOfApp(second)));
  });

  it("RFC9700-4.14: REFRESH_PUBLIC_MAX_DAYS is a number of days", async () => {
    const service = startService({ REFRESH_PUBLIC_MAX_DAYS: "2" });
    const { refresh_token: token } = await linkApp(service);
    service.clock.advance(2 * DAY - SECOND);
    await ok(service.request("/token", refreshOfApp(token)));
    service.clock.advance(2 * SECOND);
    await expectInvalidGrant(await service.request("/token", refreshOfApp(token)));
  });

  it("A4: a replaced client secret works until the end of its overlap", async () => {
    const service = startService();
    const rotated = await admin(service, "POST", `clients/${SERVICE_CLIENT}/rotate-secret`, {
      overlapSeconds: 2 * 86_400,
    });
    expect(rotated.status).toBe(200);
    const status = async () =>
      (await anotherIsolate(service).request("/token", asService({ grant_type: "client_credentials" }))).status;
    service.clock.advance(2 * DAY - SECOND);
    expect(await status()).toBe(200);
    service.clock.advance(2 * SECOND);
    expect(await status()).toBe(401);
  });
});

describe("signing keys", () => {
  it("a key verifies for 25 hours after its successor starts, and its row is kept for 400 days more", async () => {
    const service = startService();
    const rt = await runtimeOf(service);
    await linkAlexa(service);
    await rotateSigningKey(rt);
    const publishedKeys = async () =>
      (await json<{ keys: unknown[] }>(await anotherIsolate(service).request("/.well-known/jwks.json"))).keys.length;
    service.clock.advance(10 * MINUTE + 25 * HOUR - SECOND);
    expect(await publishedKeys()).toBe(2);
    service.clock.advance(2 * SECOND);
    expect(await publishedKeys()).toBe(1);
    // Kept from the end of its time on.
    await env.DB.prepare("UPDATE signing_keys SET signs_from = ? WHERE verifies_until IS NULL")
      .bind(service.clock.now + 400 * DAY - 10 * SECOND)
      .run();
    service.clock.advance(400 * DAY - 2 * SECOND);
    await rotateKeysWhenDue(rt);
    expect(await listSigningKeys(rt)).toHaveLength(2);
    service.clock.advance(2 * SECOND);
    await rotateKeysWhenDue(rt);
    expect(await listSigningKeys(rt)).toHaveLength(1);
  });
});

describe("what passes through browsers and apps", () => {
  it("a form can be sent for an hour", async () => {
    const service = startService();
    const rt = await runtimeOf(service);
    const sealed = await sealForm(rt, "consent", "browser", { value: 1 });
    const schema = z.object({ value: z.number() });
    service.clock.advance(HOUR - SECOND);
    expect(await openForm(rt, "consent", "browser", sealed, schema)).toMatchObject({ value: { value: 1 } });
    service.clock.advance(2 * SECOND);
    expect(await openForm(rt, "consent", "browser", sealed, schema)).toBe("expired");
  });

  it("a form opens only as the form and for the browser that it was rendered for", async () => {
    const rt = await runtimeOf(startService());
    const sealed = await sealForm(rt, "consent", "browser", { value: 1 });
    const schema = z.object({ value: z.number() });
    expect(await openForm(rt, "unlink", "browser", sealed, schema)).toBe("forged");
    expect(await openForm(rt, "consent", "another", sealed, schema)).toBe("forged");
    expect(await openForm(rt, "consent", "browser", undefined, schema)).toBe("forged");
    expect(await openForm(rt, "consent", "browser", sealed, z.object({ other: z.string() }))).toBe("forged");
  });

  it("L7: a sealed result of Amazon can be used for five minutes, for its own attempt and state", async () => {
    const service = startService();
    const rt = await runtimeOf(service);
    const code = toAmazonCode("ANobviouslyfakecode");
    if (code === undefined) throw new Error("not a code");
    const [state, other] = [newState(rt), newState(rt)];
    const sealed = await sealResult(rt, "attempt", state, code);
    service.clock.advance(5 * MINUTE - SECOND);
    expect(await openResult(rt, "attempt", state, sealed)).toBe(code);
    expect(await openResult(rt, "another", state, sealed)).toBeUndefined();
    expect(await openResult(rt, "attempt", other, sealed)).toBeUndefined();
    service.clock.advance(2 * SECOND);
    expect(await openResult(rt, "attempt", state, sealed)).toBeUndefined();
  });
});
