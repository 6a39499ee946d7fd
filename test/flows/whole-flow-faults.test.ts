// One customer's whole way, with storage failing once at each round trip in turn: everything ends well, or the
// response is 503.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { DEMO, seedAccount } from "../support/accounts.ts";
import type { Fault } from "../support/meter.ts";
import {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  exchange,
  json,
  refresh,
  seedAppAndService,
  seedSkill,
  type TokenResponse,
} from "../support/seeds.ts";
import { type Service, startService } from "../support/service.ts";
import { type Page, Visitor } from "../support/visitor.ts";

const PATH = `/authorize?client_id=${ALEXA_CLIENT}&response_type=code&state=s%3D&redirect_uri=${encodeURIComponent(ALEXA_REDIRECT_URIS[0] ?? "")}`;
const TRIES = 4;

interface Report {
  /** Statuses of all responses. */
  readonly statuses: number[];
  /** OAuth errors of the token endpoint. */
  readonly errors: string[];
}

/** Repeats a step while the response is 503, as a customer or Alexa would. */
async function untilResponded<T extends { status: number }>(report: Report, step: () => Promise<T>): Promise<T> {
  let response = await step();
  report.statuses.push(response.status);
  for (let tries = 1; response.status === 503 && tries < TRIES; tries++) {
    response = await step();
    report.statuses.push(response.status);
  }
  return response;
}

async function tokenStep(service: Service, report: Report, init: RequestInit): Promise<TokenResponse> {
  const responded = await untilResponded(report, async () => {
    const response = await service.request("/token", init);
    const body = await json(response);
    if (body.error) report.errors.push(body.error);
    return { status: response.status, body };
  });
  return responded.body;
}

/** Sign-in, consent, exchange, two refreshes. */
async function walk(service: Service): Promise<Report & { refreshToken: string | undefined }> {
  const report: Report = { statuses: [], errors: [] };
  const visitor = new Visitor(service);
  const open = (path: string) => untilResponded(report, () => visitor.open(path));
  const submit = (visit: Page, fields: Record<string, string>) =>
    untilResponded(report, () => visitor.submit(visit, fields));
  const signIn = await open(PATH);
  let consent = await submit(signIn, { ...DEMO });
  if (consent.status === 200 && !consent.html.includes('value="allow"')) consent = await open(PATH);
  const back = await submit(consent, { decision: "allow" });
  const code = /code=([^&]+)/.exec(back.location ?? "")?.[1] ?? "";
  const tokens = await tokenStep(service, report, exchange(code));
  const refreshed = await tokenStep(service, report, refresh(tokens.refresh_token));
  await tokenStep(service, report, refresh(refreshed.refresh_token));
  return { ...report, refreshToken: refreshed.refresh_token };
}

async function world(): Promise<Service> {
  await seedSkill();
  await seedAppAndService();
  const service = startService();
  await seedAccount(service, DEMO);
  return service;
}

async function emptyWorld(): Promise<void> {
  const { results } = await env.DB.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all<{
    name: string;
  }>();
  const tables = results.map((row) => row.name).filter((name) => !/^(_cf|sqlite_|d1_)/.test(name));
  await env.DB.batch([
    env.DB.prepare("PRAGMA defer_foreign_keys = true"),
    ...tables.map((name) => env.DB.prepare(`DELETE FROM ${name}`)),
  ]);
}

describe("storage fails once, at each round trip in turn", () => {
  const kinds: Omit<Fault, "when">[] = [
    { throws: "before", message: "D1_ERROR: D1 DB is overloaded. Requests queued for too long." },
    { throws: "after", message: "D1_ERROR: Network connection lost." },
    { throws: "after", message: "D1_ERROR: internal error" },
  ];
  let roundTrips = 0;
  beforeEach(async () => {
    const service = await world();
    await walk(service);
    roundTrips = service.meter.roundTrips.length;
    await emptyWorld();
  });

  it.each(kinds)(
    "T8, F5: $throws the write took effect ($message): 503 or a correct response, one grant, never invalid_grant",
    async (kind) => {
      expect(roundTrips).toBeGreaterThan(5);
      for (let at = 0; at < roundTrips; at++) {
        const service = await world();
        service.meter.faults.push({ ...kind, when: (_, index) => index === at, times: 1 });
        const report = await walk(service);
        const what = `round trip ${at}: ${service.meter.roundTrips[at]?.call} ${service.meter.roundTrips[at]?.sql.slice(0, 80)}`;
        const counts = async () => [
          await env.DB.prepare("SELECT COUNT(*) AS n FROM grants WHERE revoked_at IS NULL").first("n"),
          await env.DB.prepare("SELECT COUNT(*) AS n FROM attempts WHERE outcome = 'linked'").first("n"),
        ];
        // A redemption that was committed although we responded with 503: the repeat is refused, and its grant stays.
        const committed = kind.throws === "after" && service.meter.roundTrips[at]?.sql.includes("UPDATE codes");
        if (committed && !kind.message?.includes("connection lost")) {
          expect(report.errors.slice(0, 2), what).toEqual(["temporarily_unavailable", "invalid_grant"]);
          expect(await counts(), what).toEqual([1, 1]);
          await emptyWorld();
          continue;
        }
        expect(
          report.errors.filter((error) => error !== "temporarily_unavailable"),
          what,
        ).toEqual([]);
        expect(
          report.statuses.filter((status) => ![200, 303, 503].includes(status)),
          what,
        ).toEqual([]);
        expect(report.refreshToken, what).toMatch(/^rt_/);
        expect(await counts(), what).toEqual([1, 1]);
        await emptyWorld();
      }
    },
    60_000,
  );
});
