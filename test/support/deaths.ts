// A service that is killed at a chosen round trip, and the new one, with empty memory, that continues from what is
// stored.
import { env } from "cloudflare:workers";
import { AsyncLocalStorage } from "node:async_hooks";
import { expect, vi } from "vitest";
import { admin } from "./admin.ts";
import { type Amazon, startAmazon } from "./amazon.ts";
import { rows, seedLwa } from "./app-user.ts";
import { type Death, type RoundTrip, roundTrip } from "./meter.ts";
import {
  exchange,
  json,
  refresh,
  seedAppAndService,
  seedCode,
  seedSkill,
  seedUser,
  type TokenResponse,
} from "./seeds.ts";
import { type Service, startService } from "./service.ts";

const HOUR_MS = 3_600_000;
/** Longer than a run of a link attempt may take: until then an isolate that died blocks the attempt. */
const RUN_LIMIT_MS = 46_000;
/** Real time for requests in flight beside the round trip at which the service was killed. */
const ARRIVAL_MS = 4;

/** Which service an outbound request comes from: those of a killed service must not arrive. */
const life = new AsyncLocalStorage<Service>();

export interface World {
  /** The running service, which gets all requests, Alexa's included. */
  service: Service;
  /** Sends requests to the running service: for visitors who stay while services are replaced. */
  readonly sender: Service;
  readonly amazon: Amazon;
  readonly userId: string;
  /** Refresh tokens that a client holds. */
  readonly tokens: Set<string>;
}

export interface WritePath {
  readonly name: string;
  readonly variables?: Readonly<Record<string, string>>;
  /** Prepares the state that the step starts from. */
  begin(world: World): Promise<{
    /** The step during which the service is killed. Its result is what the caller received. */
    step(): Promise<unknown>;
    /** What the caller does next, and what must be true then. `answered` is undefined when no response came. */
    next(answered: unknown): Promise<void>;
    /** What must be true when the caller gives up. */
    abandoned?(answered: unknown): Promise<void>;
    /** What must be true in either case, once the scheduled work has run. */
    afterwards?(): Promise<void>;
  }>;
}

/** Much faster than creating the schema again for each death. */
async function emptyStorage(): Promise<void> {
  const tables = await rows<{ name: string }>(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf*' AND name NOT GLOB 'sqlite*' AND name NOT GLOB 'd1*'",
  );
  // Deleting rows of other tables makes triggers write to this one.
  const last = (name: string) => Number(name === "webhook_outbox");
  const names = tables.map(({ name }) => name).sort((a, b) => last(a) - last(b));
  await env.DB.batch([
    env.DB.prepare("PRAGMA defer_foreign_keys = true"),
    ...names.map((name) => env.DB.prepare(`DELETE FROM ${name}`)),
  ]);
  const { keys } = await env.CODES.list();
  await Promise.all(keys.map(({ name }) => env.CODES.delete(name)));
}

/**
 * A database with a skill, its clients and one user; Amazon and everything else outside are doubles behind the meter.
 */
async function startWorld(variables: Readonly<Record<string, string>>): Promise<World> {
  vi.restoreAllMocks();
  await emptyStorage();
  const service = startService(variables);
  const sender = new Proxy(service, {
    get: (_, property) => {
      // While a death is configured, the response is examined before background work ends.
      const name = property === "request" && world.service.meter.death ? "requestOnly" : property;
      return Reflect.get(world.service, name) as unknown;
    },
  });
  const world: World = { service, sender, amazon: startAmazon(sender), userId: await seedUser(), tokens: new Set() };
  await seedSkill();
  await seedAppAndService();
  await seedLwa(service);
  return world;
}

/** From here on outbound requests count as round trips of the service that sends them. */
function meterOutside(): void {
  const outside = vi.mocked(globalThis.fetch);
  const usual = outside.getMockImplementation() as typeof fetch;
  outside.mockImplementation((input, init) => {
    const service = life.getStore();
    const go = () => usual(input, init);
    if (!service) return go();
    const call = input instanceof Request ? `${input.method} ${input.url}` : String(input);
    return roundTrip(service.meter, { store: "OUT", call, sql: "" }, go);
  });
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs `step` in the running service, which is killed as `death` says. */
async function runUntilDeath(world: World, step: () => Promise<unknown>, death: Omit<Death, "onDeath">) {
  const dying = world.service;
  const { meter } = dying;
  meter.clear();
  let onDeath = () => {};
  const died = new Promise<"died">((resolve) => {
    onDeath = () => resolve("died");
  });
  meter.death = { ...death, onDeath };
  const work = life.run(dying, async () => ({ answered: await step() }));
  const first = await Promise.race([work, died]);
  const last =
    first === "died"
      ? first
      : await Promise.race([Promise.allSettled(dying.background).then(() => "done" as const), died]);
  await pause(ARRIVAL_MS);
  const fatal = meter.roundTrips[death.at];
  meter.death.stragglersArrive = false;
  return {
    died: last === "died",
    beside: meter.death.beside ?? 0,
    roundTrips: [...meter.roundTrips],
    answered: first === "died" ? undefined : first.answered,
    what: `${death.how} round trip ${death.at}: ${fatal?.call} ${fatal?.sql.slice(0, 90)}`,
  };
}

/** A new isolate: no caches, no promises, the same time. */
function restart(world: World, variables: Readonly<Record<string, string>>): void {
  const { now } = world.service.clock;
  world.service = startService(variables);
  world.service.clock.now = now;
}

/** Whether a round trip writes. Being killed at a read is the same as being killed before the next round trip. */
function changes({ call, sql }: RoundTrip): boolean {
  return /\b(INSERT|UPDATE|DELETE|POST|put|delete)\b/.test(`${call} ${sql}`);
}

/**
 * Kills the service at the first round trip of the step and at each one that changes something. After it took effect,
 * the one
 * who waited goes on at a fresh service; before it does, nobody ever goes on, and somebody does if other round trips
 * are
 * under way beside it. The number of deaths.
 */
export async function killEverywhere(path: WritePath): Promise<number> {
  const variables = path.variables ?? {};
  let deaths = 0;
  const once = async (death: Omit<Death, "onDeath">, goesOn: boolean) => {
    const world = await startWorld(variables);
    const { step, next, abandoned, afterwards } = await path.begin(world);
    await world.service.settled();
    meterOutside();
    const run = await runUntilDeath(world, step, death);
    restart(world, variables);
    world.service.clock.advance(RUN_LIMIT_MS);
    try {
      if (goesOn) await next(run.answered);
      else await abandoned?.(run.answered);
      await expectInvariants(world);
      await afterwards?.();
    } catch (error) {
      if (error instanceof Error)
        error.message = `${path.name}, killed ${run.what}${goesOn ? "" : ", and the caller gave up"}: ${error.message}`;
      throw error;
    }
    if (run.died) deaths++;
    return run;
  };
  const { roundTrips } = await once({ at: Number.POSITIVE_INFINITY, how: "before" }, true);
  for (const [at, one] of roundTrips.entries()) {
    if (at > 0 && !changes(one)) continue;
    const before = await once({ at, how: "before" }, false);
    if (before.beside > 0) {
      await once({ at, how: "before" }, true);
      await once({ at, how: "beside" }, true);
    }
    await once({ at, how: "after" }, true);
  }
  vi.restoreAllMocks();
  return deaths;
}

/** What must always be true once the scheduled work has run and could reach Amazon. */
async function expectInvariants(world: World): Promise<void> {
  world.service.clock.advance(2 * HOUR_MS);
  for (let run = 0; run < 10; run++) {
    const report = (await admin(world.service, "POST", "maintenance")).body;
    expect(report.failed).toEqual([]);
    if (!report.more) break;
  }
  expect(
    await rows(
      `SELECT g.id FROM grants g LEFT JOIN attempts l ON l.id = g.attempt_id WHERE g.revoked_at IS NULL AND g.imported_at IS NULL
         AND NOT (l.decision IS 'allow' AND l.user_id IS g.user_id AND l.client_id IS g.client_id)`,
    ),
    "a grant without a consent",
  ).toEqual([]);
  expect(
    await rows("SELECT id, outcome FROM attempts WHERE outcome = 'pending' OR amazon_tokens IS NOT NULL"),
    "an attempt that never ends",
  ).toEqual([]);
  expect(
    await rows(
      `SELECT g.id FROM grants g JOIN attempts l ON l.id = g.attempt_id
       WHERE g.revoked_at IS NULL AND l.state_hash IS NOT NULL AND l.grant_id IS NOT g.id`,
    ),
    "a living grant of an attempt that did not link",
  ).toEqual([]);
  for (const table of ["pending_unlinks", "webhook_outbox"]) {
    expect(await rows(`SELECT * FROM ${table}`), `left in ${table}`).toEqual([]);
  }
  for (const [account, held] of world.amazon.linked) {
    world.tokens.add(held.refresh_token);
    const body = await world.service.request("/token", refresh(held.refresh_token));
    expect(body.status, `Alexa of ${account} holds a link that we refuse`).toBe(200);
  }
  for (const token of world.tokens) {
    const [grant] = await rows<{ revoked_at: number | null }>(
      "SELECT revoked_at FROM grants WHERE id = ?",
      token.slice(3, 29),
    );
    const body = await world.service.request("/token", refresh(token));
    expect(body.status, "a token of this grant").toBe(grant && grant.revoked_at === null ? 200 : 400);
  }
}

/** Alexa's exchange or refresh; the token counts as held from then on. */
export async function tokenRequest(world: World, init: RequestInit): Promise<{ status: number; body: TokenResponse }> {
  const response = await world.service.request("/token", init);
  const body = await json(response);
  if (body.refresh_token) world.tokens.add(body.refresh_token);
  return { status: response.status, body };
}

/** A link that Alexa holds, made through the Alexa app. */
export async function linkedByAlexa(world: World, userId = world.userId): Promise<TokenResponse> {
  const expiresAt = world.service.clock.now + 300_000;
  const { status, body } = await tokenRequest(world, exchange(await seedCode({ userId, expiresAt })));
  expect(status).toBe(200);
  return body;
}

/** The user's grants that Alexa may use. */
export async function liveLinks(world: World): Promise<string[]> {
  const found = await rows<{ id: string }>(
    "SELECT id FROM grants WHERE user_id = ? AND skill_id IS NOT NULL AND revoked_at IS NULL",
    world.userId,
  );
  return found.map((grant) => grant.id);
}
