// Every route, with each of its storage and outbound calls failing in turn: 503 or a correct response, never 500.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createApp } from "../../src/app.ts";
import { parseConfig } from "../../src/env.ts";
import { describeRequest, type FuzzRequest, toWire } from "../support/fuzz.ts";
import { gatherMaterial } from "../support/fuzz-material.ts";
import type { Fault } from "../support/meter.ts";
import { ISSUER, type Service, startService } from "../support/service.ts";

const MOST_TRIPS = 8;
const UNFORESEEN = /"event":"unhandled_exception"/;

let unforeseen: string[] = [];
/** Number of 503 responses: proof that the injected faults took effect. */
let unavailable = 0;
let outside: { calls: number; failAt: number };

beforeEach(() => {
  unforeseen = [];
  outside = { calls: 0, failAt: -1 };
  const listen = (...parts: unknown[]) => {
    const line = parts.map(String).join(" ");
    if (UNFORESEEN.test(line)) unforeseen.push(line.slice(0, 300));
  };
  vi.stubGlobal("console", { ...console, log: listen, warn: listen, error: listen });
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => {
    if (outside.calls++ === outside.failAt) throw new TypeError("connection refused");
    return Response.json({
      access_token: "Atza|fake",
      refresh_token: "Atzr|fake",
      token_type: "bearer",
      expires_in: 3600,
    });
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

async function send(service: Service, request: Request): Promise<Response> {
  const { method, headers } = request;
  const body = method === "GET" || method === "HEAD" ? undefined : await request.arrayBuffer();
  return service.request(request.url, { method, headers, ...(body === undefined ? {} : { body }) });
}

/** Sends `request` with one fault. Returns what is wrong with the response, and the number of round trips. */
async function tryWith(service: Service, request: FuzzRequest, fault: Fault | undefined) {
  service.meter.clear();
  if (fault) service.meter.faults.push(fault);
  outside.calls = 0;
  const wire = toWire(request, ISSUER);
  const status = wire ? (await send(service, wire)).status : 0;
  if (status === 503) unavailable++;
  const what = `${status} for ${describeRequest(request)}`;
  const wrong = (status >= 500 && status !== 503) || unforeseen.length > 0;
  return {
    roundTrips: service.meter.roundTrips.length,
    outsideCalls: outside.calls,
    problem: wrong ? [what, ...unforeseen] : [],
  };
}

it("T8, F5, F6: when a storage or outbound call fails, every route responds with 503 or correctly, without an unhandled exception", async () => {
  const service = startService();
  const paths = [
    ...new Set(createApp(parseConfig({ ISSUER, MASTER_KEY: "A".repeat(43) })).routes.map((route) => route.path)),
  ];
  const { valid } = await gatherMaterial((request) => send(service, request), ISSUER, paths);
  expect(new Set(valid.map((request) => `${request.method} ${request.path}`)).size).toBeGreaterThan(40);
  const problems: string[] = [];
  for (const request of valid) {
    const { roundTrips, outsideCalls } = await tryWith(service, request, undefined);
    for (let at = 0; at < Math.min(roundTrips, MOST_TRIPS); at++) {
      for (const throws of ["before", "after"] as const) {
        const { problem } = await tryWith(service, request, {
          when: (_, index) => index === at,
          throws,
          times: 1,
          mayMiss: true,
        });
        problems.push(...problem);
        unforeseen = [];
      }
    }
    for (let at = 0; at < Math.min(outsideCalls, MOST_TRIPS); at++) {
      outside.failAt = at;
      const { problem } = await tryWith(service, request, undefined);
      problems.push(...problem);
      outside.failAt = -1;
      unforeseen = [];
    }
  }
  expect(problems).toEqual([]);
  expect(unavailable).toBeGreaterThan(50);
}, 120_000);
