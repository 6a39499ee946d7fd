// Webhooks: written in the same transaction as the change they report, signed, and delivered at least once.
import { env } from "cloudflare:workers";
import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { runtimeOf } from "../../test/support/runtime.ts";
import {
  APP_CLIENT,
  APP_REDIRECT_URI,
  challengeOf,
  exchange,
  form,
  SKILL_ID,
  seedCode,
  seedEveryone,
} from "../../test/support/seeds.ts";
import { type Service, START, startService } from "../../test/support/service.ts";
import { link } from "../../test/support/skill-events.ts";
import { deliverWebhooks } from "./webhooks.ts";

const URL_OF_HOOK = "https://hooks.example.com/alexa-link";
const KEY = Buffer.from("obviously-fake-webhook-key-00000");
const SECRET = `whsec_${KEY.toString("base64")}`;
const VARIABLES = { WEBHOOK_URL: URL_OF_HOOK, WEBHOOK_SECRET: SECRET };
const HOUR_MS = 3600_000;
const USER = "0useraaaaaaaaaaaaaaaaaaaaa";

interface Received {
  readonly id: string;
  readonly timestamp: number;
  readonly signature: string;
  readonly body: string;
  readonly event: { readonly type: string; readonly timestamp: string; readonly data: Record<string, unknown> };
}

let service: Service;
let received: Received[];
let respond: (url: string) => Response | Promise<Response>;

beforeEach(async () => {
  received = [];
  respond = () => new Response(null, { status: 204 });
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    expect([request.url, request.method]).toEqual([URL_OF_HOOK, "POST"]);
    const body = await request.text();
    received.push({
      id: request.headers.get("webhook-id") ?? "",
      timestamp: Number(request.headers.get("webhook-timestamp")),
      signature: request.headers.get("webhook-signature") ?? "",
      body,
      event: JSON.parse(body),
    });
    return respond(request.url);
  });
  service = startService(VARIABLES);
  await seedEveryone();
});
afterEach(() => vi.restoreAllMocks());

/** The signature as a receiver computes it (Standard Webhooks). */
function expectedSignature({ id, timestamp, body }: Received, key: Buffer = KEY): string {
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}
function types(): string[] {
  return received.map(({ event }) => `${event.type} ${event.data.reason ?? ""}`.trim());
}
async function waiting(): Promise<number> {
  return (await env.DB.prepare("SELECT COUNT(*) AS n FROM webhook_outbox").first<number>("n")) ?? -1;
}
async function maintain(): Promise<Record<string, unknown>> {
  const { body } = await admin(service, "POST", "maintenance");
  return body as Record<string, unknown>;
}

describe("a webhook", () => {
  it("reports a new link with user, skill and flow", async () => {
    const { grantId } = await link(service);
    expect(received.map(({ event }) => event)).toEqual([
      {
        type: "link.created",
        timestamp: new Date(START).toISOString(),
        data: { grantId, userId: USER, skillId: SKILL_ID, flow: "alexa_app" },
      },
    ]);
    expect(await waiting()).toBe(0);
  });

  it("is signed over id, time and body, so that a receiver can detect forgeries and replays", async () => {
    service.clock.advance(90_500);
    await link(service);
    const [hook] = received;
    expect(hook?.id).toMatch(/^msg_[0-9a-f]{32}$/);
    expect(hook?.timestamp).toBe(Math.floor((START + 90_500) / 1000));
    expect(hook && expectedSignature(hook)).toBe(hook?.signature);
  });

  it("is accepted by the Standard Webhooks library, which refuses it if changed, late or signed with another secret", async () => {
    await link(service);
    const { id = "", timestamp = 0, signature = "", body = "" } = received[0] ?? {};
    const headers = { "webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": signature };
    const library = new Webhook(SECRET);
    const at = (ms: number) => vi.useFakeTimers({ toFake: ["Date"], now: ms });
    try {
      at(service.clock.now);
      expect(library.verify(body, headers)).toEqual(received[0]?.event);
      expect(() => library.verify(body.replace("link.created", "link.removed"), headers)).toThrow();
      expect(() => library.verify(body, { ...headers, "webhook-id": `${id}0` })).toThrow();
      expect(() => library.verify(body, { ...headers, "webhook-timestamp": String(timestamp + 1) })).toThrow();
      expect(() => new Webhook(`whsec_${btoa("obviously-fake-webhook-key-11111")}`).verify(body, headers)).toThrow();
      at(service.clock.now + 301_000);
      expect(() => library.verify(body, headers)).toThrow();
    } finally {
      vi.useRealTimers();
    }
  });

  it("has two signatures while the secret is rotated", async () => {
    const next = Buffer.from("obviously-fake-webhook-key-11111");
    service = startService({ ...VARIABLES, WEBHOOK_SECRET: `whsec_${next.toString("base64")} ${SECRET}` });
    await link(service);
    const [hook] = received;
    expect(hook && [expectedSignature(hook, next), expectedSignature(hook)].join(" ")).toBe(hook?.signature);
  });

  it("contains no e-mail address, name or token", async () => {
    const { tokens } = await link(service);
    const text = received.map(({ body }) => body).join();
    for (const secret of ["ada", "example.com", tokens.access_token, tokens.refresh_token]) {
      expect(text).not.toContain(secret);
    }
  });

  it("is not sent for sign-ins of the company's own app", async () => {
    const verifier = "v".repeat(43);
    const code = await seedCode({
      clientId: APP_CLIENT,
      redirectUri: APP_REDIRECT_URI,
      codeChallenge: await challengeOf(verifier),
    });
    const body = { code, redirect_uri: APP_REDIRECT_URI, client_id: APP_CLIENT, code_verifier: verifier };
    const response = await service.request("/token", form({ grant_type: "authorization_code", ...body }));
    expect(response.status).toBe(200);
    expect(received).toEqual([]);
  });
});

describe("each reason for the end of a link is reported once", () => {
  it("revoked by Alexa's client, twice", async () => {
    const { tokens } = await link(service);
    const credentials = exchange("", {}).headers as Record<string, string>;
    for (let count = 0; count < 2; count++) {
      await service.request(
        "/revoke",
        form({ token: tokens.refresh_token }, { authorization: credentials.authorization ?? "" }),
      );
    }
    expect(types()).toEqual(["link.created", "link.removed revoked_by_client"]);
  });

  it.each(["unlinked", "skill_disabled", "enablement_gone", "linking_failed", "code_replayed"])(
    "%s",
    async (reason) => {
      const { grantId } = await link(service);
      for (let count = 0; count < 2; count++) {
        await env.DB.prepare(
          "UPDATE grants SET revoked_at = COALESCE(revoked_at, ?), revoked_reason = COALESCE(revoked_reason, ?) WHERE id = ?",
        )
          .bind(service.clock.now, reason, grantId)
          .run();
      }
      expect(await maintain()).toMatchObject({ deliveredWebhooks: 1 });
      expect(types()).toEqual(["link.created", `link.removed ${reason}`]);
      expect(received[1]?.event.data).toMatchObject({ grantId, userId: USER, skillId: SKILL_ID });
      await env.DB.prepare("DELETE FROM grants").run();
      await maintain();
      expect(received).toHaveLength(2);
    },
  );

  it("the person is erased", async () => {
    await link(service);
    expect((await admin(service, "DELETE", `users/${USER}`)).status).toBe(204);
    await maintain();
    expect(received).toHaveLength(2);
    expect(types()[1]).toMatch(/^link\.removed user_deleted$/);
  });

  it("the skill is removed", async () => {
    await link(service);
    expect((await admin(service, "DELETE", `skills/${SKILL_ID}`)).status).toBe(204);
    await maintain();
    expect(types()[1]).toBe("link.removed deleted");
  });
});

describe("delivery", () => {
  it("is repeated with the same id and growing pauses while the receiver fails", async () => {
    respond = () => new Response("", { status: 500 });
    await link(service);
    expect(received).toHaveLength(1);
    for (const seconds of [5, 60, 300, 1800, 7200, 21_600, 43_200, 43_200]) {
      const before = received.length;
      service.clock.advance(seconds * 1000 - 1);
      await maintain();
      expect(received).toHaveLength(before);
      service.clock.advance(1);
      await maintain();
      expect(received).toHaveLength(before + 1);
    }
    expect(new Set(received.map(({ id }) => id)).size).toBe(1);
    expect(new Set(received.map(({ body }) => body)).size).toBe(1);
    expect(received.every((hook) => expectedSignature(hook) === hook.signature)).toBe(true);
    respond = () => new Response();
    service.clock.advance(12 * HOUR_MS);
    expect(await maintain()).toMatchObject({ deliveredWebhooks: 1 });
    expect(await waiting()).toBe(0);
  });

  it.each([
    [
      "a redirect, which is not followed",
      () => new Response(null, { status: 302, headers: { location: "https://evil.test/" } }),
    ],
    ["no connection", () => Promise.reject(new TypeError("refused"))],
    ["no response in time", () => Promise.reject(new DOMException("late", "TimeoutError"))],
    ["404", () => new Response("", { status: 404 })],
  ])("%s is a failed delivery, and the link is made all the same", async (_, bad) => {
    respond = bad;
    await link(service);
    expect([received.length, await waiting()]).toEqual([1, 1]);
  });

  it("ends after five days, with an alert", async () => {
    respond = () => new Response("", { status: 500 });
    await link(service);
    service.clock.advance(5 * 24 * HOUR_MS + 1);
    await maintain();
    expect([received.length, await waiting()]).toEqual([2, 1]);
    const audit = await env.DB.prepare("SELECT alert, details FROM audit WHERE kind = 'webhook_given_up'").first();
    expect(audit).toEqual({ alert: 1, details: `link.created ${received[0]?.id}` });
  });

  it("a failed message does not delay the others", async () => {
    respond = () => new Response("", { status: 500 });
    await link(service);
    respond = () => new Response();
    await link(service);
    expect(new Set(received.map(({ id }) => id)).size).toBe(2);
    expect(await waiting()).toBe(1);
  });

  it("20 isolates that deliver at once send each message once", async () => {
    respond = () => new Response("", { status: 500 });
    for (let count = 0; count < 5; count++) await link(service);
    respond = () => new Response();
    received.length = 0;
    service.clock.advance(HOUR_MS);
    const isolates = await Promise.all(Array.from({ length: 20 }, () => runtimeOf(service, VARIABLES)));
    const delivered = await Promise.all(isolates.map((rt) => deliverWebhooks(rt)));
    expect(delivered.reduce((sum, count) => sum + count, 0)).toBe(5);
    expect(new Set(received.map(({ id }) => id)).size).toBe(5);
    expect(received).toHaveLength(5);
  });

  it("one run delivers all messages, and stops early while the receiver fails", async () => {
    respond = () => new Response("", { status: 500 });
    await link(service);
    await env.DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 34)
       INSERT INTO webhook_outbox (id, type, data, occurred_at) SELECT 'msg_' || i, 'link.removed', '{}', ? FROM n`,
    )
      .bind(START)
      .run();
    received.length = 0;
    await maintain();
    expect(received).toHaveLength(10);
    respond = () => new Response();
    service.clock.advance(HOUR_MS);
    expect(await maintain()).toMatchObject({ deliveredWebhooks: 35 });
    expect(await waiting()).toBe(0);
  });

  it("a message whose delivery could not be recorded is sent again with the same id", async () => {
    service.meter.faults.push({ when: ({ sql }) => sql.startsWith("DELETE FROM webhook_outbox"), throws: "before" });
    await link(service);
    expect([received.length, await waiting()]).toEqual([1, 1]);
    service.meter.clear();
    service.clock.advance(30_000);
    await maintain();
    expect([received.length, await waiting()]).toEqual([2, 0]);
    expect(received[0]?.id).toBe(received[1]?.id);
  });

  it("F7: a message that a request could not deliver is delivered by maintenance", async () => {
    service.meter.faults.push({ when: ({ sql }) => sql.startsWith("UPDATE webhook_outbox"), throws: "before" });
    const { tokens } = await link(service);
    expect(tokens.access_token).toMatch(/^ey[\w-]+\.[\w-]+\.[\w-]+$/);
    expect([received.length, await waiting()]).toEqual([0, 1]);
    service.meter.clear();
    await maintain();
    expect(types()).toEqual(["link.created"]);
  });

  it("webhooks add at most two round trips to a code exchange, after all others", async () => {
    const roundTripsOf = async (one: Service) => {
      await one.request("/token", exchange(await seedCode()));
      const code = await seedCode();
      one.meter.clear();
      expect((await one.request("/token", exchange(code))).status).toBe(200);
      return one.meter.roundTrips;
    };
    const isHook = ({ sql }: { sql: string }) => sql.includes("webhook_outbox");
    const withHooks = await roundTripsOf(service);
    const without = await roundTripsOf(startService());
    expect(withHooks.filter((roundTrip) => !isHook(roundTrip))).toEqual(without);
    expect(withHooks.slice(0, without.length).filter(isHook)).toEqual([]);
    expect(withHooks.length).toBeLessThanOrEqual(without.length + 2);
  });

  it("the next messages are found by an index", async () => {
    await link(service);
    const claim = service.meter.roundTrips.find(({ sql }) => sql.startsWith("UPDATE webhook_outbox"))?.sql ?? "";
    const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${claim}`).bind(1, 2, 3).all<{ detail: string }>();
    expect(plan.results.map(({ detail }) => detail).filter((detail) => /^SCAN|TEMP B-TREE/.test(detail))).toEqual([]);
  });
});

describe("without a webhook", () => {
  it("no request sends a message or makes a round trip for it, and maintenance deletes what the triggers wrote", async () => {
    service = startService();
    await link(service);
    expect([received.length, await waiting()]).toEqual([0, 1]);
    expect(service.meter.roundTrips.filter(({ sql }) => sql.includes("webhook"))).toEqual([]);
    expect(await maintain()).toMatchObject({ deliveredWebhooks: 0, failed: [] });
    expect([received.length, await waiting()]).toEqual([0, 0]);
  });

  it("waiting messages are deleted once WEBHOOK_URL is removed from the configuration", async () => {
    respond = () => new Response("", { status: 500 });
    await link(service);
    expect(await waiting()).toBe(1);
    service = startService();
    expect(await maintain()).toMatchObject({ deliveredWebhooks: 0, failed: [] });
    expect(await waiting()).toBe(0);
  });
});
