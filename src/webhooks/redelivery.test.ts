// Webhook messages that were given up stay for 30 days, and operators can have them delivered.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { plansOf } from "../../test/support/query-plan.ts";
import { insert } from "../../test/support/rows.ts";
import { runtimeOf } from "../../test/support/runtime.ts";
import { seedEveryone } from "../../test/support/seeds.ts";
import { type Service, START, startService } from "../../test/support/service.ts";
import { link } from "../../test/support/skill-events.ts";
import { SWEEPS, sweep } from "../storage/maintenance/sweeps.ts";
import { listMessages, makeMessagesDue } from "../storage/maintenance/webhooks.ts";
import { deliverWebhooks } from "./webhooks.ts";

const VARIABLES = {
  WEBHOOK_URL: "https://hooks.example.com/alexa-link",
  WEBHOOK_SECRET: `whsec_${Buffer.from("obviously-fake-webhook-key-00000").toString("base64")}`,
};
const DAY_MS = 24 * 3600_000;
const USER = "0useraaaaaaaaaaaaaaaaaaaaa";

let service: Service;
let ids: string[];
let respond: () => Response | Promise<Response>;

beforeEach(async () => {
  ids = [];
  respond = () => new Response("", { status: 500 });
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    ids.push(new Request(input, init).headers.get("webhook-id") ?? "");
    return respond();
  });
  service = startService(VARIABLES);
  await seedEveryone();
});
afterEach(() => vi.restoreAllMocks());

interface Message {
  readonly id: string;
  readonly state: string;
}
async function messages(of = service): Promise<Message[]> {
  return (await admin(of, "GET", "webhooks")).body.items as Message[];
}
const redeliver = (body?: object) => admin(service, "POST", "webhooks/redeliver", body);
const audit = async () =>
  (await env.DB.prepare("SELECT actor, details FROM audit WHERE kind = 'webhooks_redelivered'").all()).results;

/** Makes a link whose message is given up; the id of the message. */
async function givenUp(): Promise<string> {
  await link(service);
  service.clock.advance(5 * DAY_MS + 1);
  await admin(service, "POST", "maintenance");
  return ids.at(-1) ?? "";
}

describe("a message that was given up", () => {
  it("is listed without its content, is not tried again by itself, and is deleted after 30 days", async () => {
    const id = await givenUp();
    const item = { id, type: "link.created", occurredAt: new Date(START).toISOString(), attempts: 2 };
    expect(await messages()).toEqual([{ ...item, nextAttemptAt: null, state: "given_up" }]);
    respond = () => new Response();
    ids.length = 0;
    for (const days of [1, 28]) {
      service.clock.advance(days * DAY_MS);
      await admin(service, "POST", "maintenance");
      expect([ids, (await messages()).length]).toEqual([[], 1]);
    }
    service.clock.advance(DAY_MS);
    expect((await admin(service, "POST", "maintenance")).body).toMatchObject({ swept: { givenUpWebhooks: 1 } });
    expect([ids, await messages()]).toEqual([[], []]);
  });

  it("is redelivered once, with its id, in the operator's name", async () => {
    const id = await givenUp();
    respond = () => new Response();
    ids.length = 0;
    expect((await redeliver({ id })).body).toEqual({ redelivering: 1 });
    await vi.waitFor(async () => expect(await messages()).toEqual([]));
    expect(ids).toEqual([id]);
    expect(await audit()).toEqual([{ actor: "ADMIN_TOKEN", details: id }]);
    expect((await redeliver({ id })).status).toBe(404);
    expect((await redeliver()).body).toEqual({ redelivering: 0 });
    expect([ids, (await audit()).length]).toEqual([[id], 1]);
  });

  it("is given up again when it fails again", async () => {
    const id = await givenUp();
    await redeliver({ id });
    await vi.waitFor(async () => expect(await messages()).toMatchObject([{ id, state: "given_up", attempts: 3 }]));
  });

  it("is deleted with its person; what waits then is not kept when it is given up", async () => {
    await givenUp();
    await insert("webhookOutbox", { id: "msg_alert", type: "alert.raised", occurredAt: START }).run();
    await insert("webhookOutbox", { id: "msg_other", data: { userId: "someone-else" } }).run();
    await env.DB.prepare("UPDATE webhook_outbox SET next_attempt_at = 8640000000000000").run();
    expect((await admin(service, "DELETE", `users/${USER}`)).status).toBe(204);
    await vi.waitFor(async () => {
      const left = (await messages()).map(({ id, state }) => [id.slice(0, 9), state]);
      expect(left).toEqual([
        ["msg_other", "given_up"],
        ["msg_alert", "given_up"],
        [expect.any(String), "waiting"],
      ]);
    });
    service.clock.advance(6 * DAY_MS);
    await admin(service, "POST", "maintenance");
    const { results } = await env.DB.prepare("SELECT id FROM webhook_outbox WHERE data LIKE '%' || ? || '%'")
      .bind(USER)
      .all();
    expect([results, (await messages()).length]).toEqual([[], 2]);
  });
});

describe("redelivery", () => {
  it("of all takes those that were given up and those that wait, and leaves none twice", async () => {
    await givenUp();
    await link(service);
    service.clock.advance(5000);
    await admin(service, "POST", "maintenance");
    expect((await messages()).map(({ state }) => state)).toEqual(["given_up", "waiting"]);
    respond = () => new Response();
    ids.length = 0;
    expect((await redeliver()).body).toEqual({ redelivering: 2 });
    await vi.waitFor(async () => expect(await messages()).toEqual([]));
    expect([ids.length, new Set(ids).size]).toEqual([2, 2]);
    expect(await audit()).toEqual([{ actor: "ADMIN_TOKEN", details: "all" }]);
  });

  it("leaves a message alone that is under delivery", async () => {
    const waiting: ((response: Response) => void)[] = [];
    await link(service);
    service.clock.advance(60_000);
    respond = () => new Promise((resolve) => waiting.push(resolve));
    ids.length = 0;
    const running = deliverWebhooks(await runtimeOf(service, VARIABLES));
    await vi.waitFor(() => expect(ids).toHaveLength(1));
    expect((await redeliver({ id: ids[0] })).body).toEqual({ redelivering: 0 });
    expect((await redeliver()).body).toEqual({ redelivering: 0 });
    for (const end of waiting) end(new Response());
    expect(await running).toBe(1);
    expect([ids.length, await messages()]).toEqual([1, []]);
  });

  it("needs a webhook", async () => {
    const id = await givenUp();
    service = startService();
    expect(await redeliver({ id })).toMatchObject({ status: 409, body: { code: "conflict" } });
    expect([(await messages()).length, await audit()]).toEqual([1, []]);
  });

  it.each([
    { id: "" },
    { id: 1 },
    { id: "msg_" },
    { id: `msg_${"a".repeat(97)}` },
    { id: "msg_a' OR 1=1" },
    { all: true },
  ])("refuses %j", async (body) => {
    expect((await redeliver(body)).status).toBe(400);
  });
});

it("the list is paged, those that were given up first", async () => {
  for (const n of [1, 2, 3]) await insert("webhookOutbox", { id: `msg_${n}`, occurredAt: START + n }).run();
  await env.DB.prepare("UPDATE webhook_outbox SET next_attempt_at = 8640000000000000 WHERE id = 'msg_2'").run();
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const { body } = await admin(service, "GET", `webhooks?limit=1${cursor ? `&cursor=${cursor}` : ""}`);
    found.push(...(body.items as Message[]).map(({ id }) => id));
    cursor = body.nextCursor as string | undefined;
  } while (cursor !== undefined);
  expect(found).toEqual(["msg_2", "msg_3", "msg_1"]);
  for (const query of ["limit=0", "limit=1&limit=2", "cursor=x", "cursor=e30", "state=waiting"]) {
    expect((await admin(service, "GET", `webhooks?${query}`)).status, query).toBe(400);
  }
});

it("the list, the redelivery and the sweep use the primary key", async () => {
  const givenUp = SWEEPS.filter(({ name }) => name === "givenUpWebhooks");
  const [swept] = await plansOf((db) => sweep(db, givenUp, START, 10));
  expect(swept).toContain("(next_attempt_at=? AND occurred_at<?)");
  const position = { nextAttemptAt: 1, occurredAt: 1, id: "a" };
  const [list] = await plansOf((db) => listMessages(db, position, 10));
  const [due] = await plansOf((db) => makeMessagesDue(db, undefined, START, 10, "operator"));
  for (const plan of [list, due]) {
    expect(plan).toContain("SEARCH webhook_outbox USING PRIMARY KEY");
    expect(plan).not.toContain("TEMP B-TREE");
  }
});
