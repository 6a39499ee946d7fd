// Every route, with the response to each of its writes lost once after it was committed: a write that is repeated must
// leave the database as one run of it does.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createApp } from "../../src/app.ts";
import { parseConfig } from "../../src/env.ts";
import { claimMessages, settleMessages } from "../../src/storage/maintenance/webhooks.ts";
import { describeRequest, type FuzzRequest, toWire } from "../support/fuzz.ts";
import { gatherMaterial } from "../support/fuzz-material.ts";
import { insert } from "../support/rows.ts";
import { ADMIN_TOKEN, ISSUER, type Service, startService } from "../support/service.ts";
import { restoreSnapshot, type Snapshot, summaryOf, takeSnapshot } from "../support/snapshots.ts";
import { anotherIsolate, countOf, MINUTE } from "../support/tokens.ts";

beforeEach(() => {
  vi.stubGlobal("console", { ...console, log: () => {}, warn: () => {}, error: () => {} });
  vi.spyOn(globalThis, "fetch").mockImplementation(async () =>
    Response.json({ access_token: "Atza|fake", refresh_token: "Atzr|fake", token_type: "bearer", expires_in: 3600 }),
  );
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const isWrite = (sql: string) =>
  /^\s*(INSERT|UPDATE|DELETE|WITH)\b/m.test(sql) && /\b(INSERT|UPDATE|DELETE)\b/.test(sql);

async function send(service: Service, request: Request): Promise<Response> {
  const { method, headers } = request;
  const body = method === "GET" || method === "HEAD" ? undefined : await request.arrayBuffer();
  return service.request(request.url, { method, headers, ...(body === undefined ? {} : { body }) });
}

/**
 * A try to sign in may be counted twice: the visitor goes on signing in, and the count decays. A second run of an
 * erasure finds nobody: the operator reads 404, and everything is erased.
 */
function mayDiffer({ method, path }: FuzzRequest, sql: string): boolean {
  const signsIn = /^\/(sign-in|account)/.test(path) && sql.includes("INTO throttles");
  const erases = path.startsWith("/api/admin/users/") && (method === "DELETE" || path.endsWith("/erase"));
  return signsIn || erases;
}

/** The lines of one list that the other does not have; equal lines count each by itself. */
function without(lines: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** Sends a request in an isolate of its own. `lost`: the round trip whose response is lost. */
async function run(first: Service, before: Snapshot, request: FuzzRequest, lost?: number) {
  await restoreSnapshot(before);
  const service = anotherIsolate(first);
  if (lost !== undefined) {
    service.meter.faults.push({
      when: (_, index) => index === lost,
      throws: "after",
      message: "D1_ERROR: Network connection lost.",
      times: 1,
    });
  }
  const wire = toWire(request, ISSUER);
  const status = wire ? (await send(service, wire)).status : 0;
  return { status, roundTrips: [...service.meter.roundTrips], summary: summaryOf(await takeSnapshot()) };
}

/** What operators and failing callers send, beside the recorded traffic. */
function more(valid: readonly FuzzRequest[], users: Snapshot): FuzzRequest[] {
  const admin = [["authorization", `Bearer ${ADMIN_TOKEN}`]] as const;
  const userId = String(users.get("users")?.[0]?.id);
  const template = { query: [], headers: admin } as unknown as Pick<FuzzRequest, "query" | "headers">;
  const signIns = valid.filter(({ form }) => form?.some(([name]) => name === "password"));
  return [
    { ...template, method: "GET", path: "/api/admin/keys", headers: [["authorization", "Bearer wrong"]] },
    { ...template, method: "DELETE", path: `/api/admin/users/${userId}` },
    { ...template, method: "POST", path: `/api/admin/users/${userId}/erase` },
    { ...template, method: "DELETE", path: "/api/admin/clients/app-fuzz" },
    { ...template, method: "DELETE", path: "/api/admin/skills/amzn1.ask.skill.0000-fuzz" },
    { ...template, method: "DELETE", path: "/api/admin/skills/amzn1.ask.skill.add-on-fuzz" },
    ...signIns.map((request) => ({
      ...request,
      form: (request.form ?? []).map(([name, value]): [string, string] => [
        name,
        name === "password" ? "wrong" : value,
      ]),
    })),
  ] as FuzzRequest[];
}

it("F5: a write whose response is lost changes as much as one whose response arrives, at every route", async () => {
  const service = startService();
  const paths = createApp(parseConfig({ ISSUER, MASTER_KEY: "A".repeat(43) })).routes.map((route) => route.path);
  const { valid } = await gatherMaterial((request) => send(service, request), ISSUER, [...new Set(paths)]);
  // Codes that were redeemed count as replayed from now on.
  service.clock.advance(MINUTE);
  const before = await takeSnapshot();
  const problems: unknown[] = [];
  let repeated = 0;
  for (const request of [...valid, ...more(valid, before)]) {
    const expected = await run(service, before, request);
    for (const [at, { sql }] of expected.roundTrips.entries()) {
      if (!isWrite(sql) || mayDiffer(request, sql)) continue;
      const actual = await run(service, before, request, at);
      // Not repeated: the caller is asked to come again.
      if (actual.status === 503) continue;
      repeated++;
      const missing = without(expected.summary, actual.summary);
      const extra = without(actual.summary, expected.summary);
      if (actual.status !== expected.status || missing.length > 0 || extra.length > 0) {
        problems.push({
          request: describeRequest(request).slice(0, 150),
          sql: sql.slice(0, 200),
          status: [expected.status, actual.status],
          missing,
          extra,
        });
      }
    }
  }
  expect(problems).toEqual([]);
  expect(repeated).toBeGreaterThan(20);
}, 240_000);

it("F5: a webhook message that is given up leaves one audit row, although the response to that write is lost", async () => {
  const service = startService();
  await insert("webhookOutbox", { id: "message" }).run();
  const messages = await claimMessages(service.env.DB, service.clock.now, service.clock.now + MINUTE, 10);
  expect(messages.map(({ id }) => id)).toEqual(["message"]);
  service.meter.faults.push({
    when: ({ sql }) => sql.includes("webhook_given_up") || sql.includes("UPDATE webhook_outbox"),
    throws: "after",
    message: "D1_ERROR: Network connection lost.",
    times: 1,
  });
  const settlements = messages.map((message) => ({ message, next: "dead" as const }));
  await settleMessages(service.env.DB, settlements, service.clock.now);
  // It is kept for the operator, and not claimed again.
  expect(await countOf("webhook_outbox")).toBe(1);
  expect(await claimMessages(service.env.DB, Number.MAX_SAFE_INTEGER / 2, Number.MAX_SAFE_INTEGER / 2, 10)).toEqual([]);
  expect(await countOf("audit", "kind = 'webhook_given_up' AND alert = 1")).toBe(1);
  // Another delivery has settled it meanwhile: nothing is left to give up.
  await settleMessages(service.env.DB, settlements, service.clock.now);
  expect(await countOf("audit", "kind = 'webhook_given_up'")).toBe(1);
});
