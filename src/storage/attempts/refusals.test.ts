// Refused requests by minute: what was refused at a time, bursts of wrong secrets, and the attempt of a refused call.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { ALEXA_CLIENT, APP_CLIENT, SKILL_ID, START } from "../../../test/support/constants.ts";
import { plansOf } from "../../../test/support/query-plan.ts";
import { recordRefusals } from "../../../test/support/refusals.ts";
import { insert } from "../../../test/support/rows.ts";
import { seedEveryone } from "../../../test/support/seeds.ts";
import {
  listRefusals,
  MINUTE_MS,
  MOST_MINUTES,
  type RefusedMinute,
  readAttemptsOfRefusals,
  readRefusalsAt,
} from "./refusals.ts";

const T = START - (START % MINUTE_MS);
const at = (minutes: number) => T + minutes * MINUTE_MS;

const wrongSecret = (clientId: string, ...recent: RefusedMinute[]) => ({
  endpoint: "token" as const,
  clientId,
  reason: "invalid_client",
  detail: "",
  count: recent.reduce((sum, [, count]) => sum + count, 0),
  lastSeenAt: recent[0]?.[0] ?? T,
  recent,
});

beforeEach(seedEveryone);

describe("minutes", () => {
  it("those of several isolates are added, and only the latest are kept", async () => {
    await recordRefusals(env.DB, [wrongSecret(ALEXA_CLIENT, [at(1), 2, "a"], [at(0), 1, "b"])]);
    await recordRefusals(env.DB, [wrongSecret(ALEXA_CLIENT, [at(2), 1, "c"], [at(1), 3, "d"])]);
    const [first] = await listRefusals(env.DB, { clientId: ALEXA_CLIENT }, undefined, 10);
    expect(first).toMatchObject({ count: 7, lastSeenAt: at(2), skillId: SKILL_ID });
    expect(first?.recent).toEqual([
      [at(2), 1, "c"],
      [at(1), 5, "d"],
      [at(0), 1, "b"],
    ]);
    for (let minute = 3; minute < 60; minute++) {
      await recordRefusals(env.DB, [wrongSecret(ALEXA_CLIENT, [at(minute), 1, "e"])]);
    }
    const [last] = await listRefusals(env.DB, { clientId: ALEXA_CLIENT }, undefined, 10);
    expect(last?.recent).toHaveLength(MOST_MINUTES);
    expect(last?.recent.at(0)).toEqual([at(59), 1, "e"]);
    expect(last?.count).toBe(64);
  });

  it("what was refused at a time is found within two minutes, also if it went on later", async () => {
    await recordRefusals(env.DB, [
      wrongSecret(ALEXA_CLIENT, [at(500), 1, "later"], [at(10), 1, "then"]),
      wrongSecret("stranger", [at(13), 1, "after"]),
      { clientId: "other", reason: "client_unknown", detail: "", lastSeenAt: at(7), recent: [[at(7), 1, "before"]] },
    ]);
    const idsAt = async (time: number) => (await readRefusalsAt(env.DB, time)).map(({ clientId }) => clientId);
    expect(await idsAt(at(10) + 30_000)).toEqual([ALEXA_CLIENT]);
    expect(await idsAt(at(9))).toEqual(["other", ALEXA_CLIENT]);
    expect(await idsAt(at(12))).toEqual(["stranger", ALEXA_CLIENT]);
    expect(await idsAt(at(100))).toEqual([]);
    expect((await plansOf((db) => readRefusalsAt(db, T)))[0]).toContain("refusals_by_time (last_seen_at>?)");
  });
});

describe("the attempt of a refused token request", () => {
  const TTL = 5 * MINUTE_MS;
  const attempt = (id: string, row: Parameters<typeof insert<"attempts">>[1]) =>
    insert("attempts", {
      id,
      clientId: ALEXA_CLIENT,
      decision: "allow",
      createdAt: at(0),
      decidedAt: at(1),
      ...row,
    }).run();

  it("is the client's latest that was consented within the life of a code before, and not redeemed", async () => {
    await attempt("expected", {});
    await attempt("earlier", { createdAt: at(-1) });
    await attempt("denied", { decision: "deny", createdAt: at(1) });
    await attempt("undecided", { decision: null, decidedAt: null, createdAt: at(1) });
    await attempt("redeemed", { outcome: "linked", redeemedAt: at(2), createdAt: at(1) });
    await attempt("of-another", { clientId: APP_CLIENT, createdAt: at(1) });
    await attempt("later", { createdAt: at(20), decidedAt: at(21) });
    const found = async (time: number, clientId = ALEXA_CLIENT) =>
      (await readAttemptsOfRefusals(env.DB, [{ clientId, at: time }], TTL))[0];
    expect(await found(at(2))).toBe("expected");
    expect(await found(at(6))).toBe("expected");
    expect(await found(at(7))).toBeUndefined();
    expect(await found(at(-1))).toBeUndefined();
    expect(await found(at(2), "stranger")).toBeUndefined();
    const both = [at(7), at(2)].map((time) => ({ clientId: ALEXA_CLIENT, at: time }));
    expect(await readAttemptsOfRefusals(env.DB, both, TTL)).toEqual([undefined, "expected"]);
    expect(await readAttemptsOfRefusals(env.DB, [], TTL)).toEqual([]);
    const [plan] = await plansOf((db) => readAttemptsOfRefusals(db, both, TTL));
    expect(plan).toContain("attempts_by_time (created_at>? AND created_at<?)");
  });
});
