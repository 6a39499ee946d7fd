// Counters: written after the response, summed by hour.
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { recordRefusals } from "../../test/support/refusals.ts";
import {
  ALEXA_CLIENT,
  APP_CLIENT,
  SKILL_ID,
  seedAppAndService,
  seedSkill,
  seedUser,
  USER_ID,
} from "../../test/support/seeds.ts";
import { utf8 } from "../crypto/encoding.ts";
import { addInitiations } from "../storage/attempts/initiations.ts";
import { addRefusals, listRefusals } from "../storage/attempts/refusals.ts";
import { HOUR_MS, type MetricCount } from "../storage/maintenance/metrics.ts";
import { Counters } from "./counters.ts";
import { createLog } from "./log.ts";

const HOUR = 1_790_000_000_000 - (1_790_000_000_000 % HOUR_MS);

async function stored(): Promise<MetricCount[]> {
  const columns = 'hour_at AS at, skill_id AS "skillId", name, count';
  return (await env.DB.prepare(`SELECT ${columns} FROM oauth_metrics ORDER BY 1, 2, 3`).all<MetricCount>()).results;
}

function counters(writeAfterMs: number | null) {
  const work: Promise<unknown>[] = [];
  let now = HOUR;
  const where = {
    db: env.DB,
    log: createLog(),
    now: () => now,
    requestId: () => `request-${now}`,
    background: (job: Promise<unknown>) => void work.push(job),
  };
  return { metrics: new Counters(writeAfterMs).of(where), work, wait: (ms: number) => (now += ms) };
}

describe("counters", () => {
  it("F7: all counts of one interval are written together, after the response", async () => {
    const { metrics, work } = counters(5);
    for (let i = 0; i < 50; i++) metrics.count("token_refresh_success_50", "skill-a");
    metrics.count("authorize_shown", "skill-a");
    metrics.refused({
      endpoint: "authorize",
      clientId: "unknown",
      reason: "client_unknown",
      detail: "https://evil.test/",
    });
    expect(work).toHaveLength(1);
    expect(await stored()).toEqual([]);
    await Promise.all(work);
    expect(await stored()).toEqual([
      { at: HOUR, skillId: "skill-a", name: "authorize_shown", count: 1 },
      { at: HOUR, skillId: "skill-a", name: "token_refresh_success_50", count: 50 },
    ]);
    expect((await listRefusals(env.DB, {}, undefined, 10)).map((refusal) => refusal.count)).toEqual([1]);
  });

  it("counts of other isolates in the same hour are added", async () => {
    const { metrics, wait } = counters(null);
    metrics.count("code_issued", "skill-a");
    await metrics.flush();
    wait(HOUR_MS / 2);
    metrics.count("code_issued", "skill-a");
    metrics.count("code_issued");
    await metrics.flush();
    wait(HOUR_MS);
    metrics.count("code_issued", "skill-a");
    await metrics.flush();
    const counted = { skillId: "skill-a", name: "code_issued" };
    expect(await stored()).toEqual([
      { at: HOUR, skillId: "", name: "code_issued", count: 1 },
      { at: HOUR, ...counted, count: 2 },
      { at: HOUR + HOUR_MS, ...counted, count: 1 },
    ]);
  });

  it("a write that died with its request does not prevent the next one", () => {
    const { metrics, work, wait } = counters(2000);
    metrics.count("code_issued");
    metrics.count("code_issued");
    expect(work).toHaveLength(1);
    wait(60_000);
    metrics.count("code_issued");
    expect(work).toHaveLength(2);
  });

  it("R4: refusals are counted by exact redirect URI, and listed in pages with the latest first", async () => {
    const at = (seconds: number) => HOUR + seconds * 1000;
    const entry = (detail: string, seconds: number) => ({
      endpoint: "authorize" as const,
      clientId: "alexa",
      reason: "redirect_uri_unregistered",
      detail,
      count: 2,
      lastSeenAt: at(seconds),
      recent: [[HOUR, 2, "id"]] as const,
    });
    await recordRefusals(env.DB, [entry("https://a.test/\t", 1), entry("https://b.test/", 3)]);
    await recordRefusals(env.DB, [entry("https://a.test/\t", 2)]);
    const [first, ...rest] = await listRefusals(env.DB, {}, undefined, 1);
    expect(first?.detail).toBe("https://b.test/");
    expect(rest).toEqual([]);
    const next = await listRefusals(env.DB, {}, first, 5);
    expect(next).toMatchObject([{ ...entry("https://a.test/\t", 2), count: 4, recent: [[HOUR, 4, "id"]] }]);
  });

  const refusal = (clientId: string, detail: string, at: number) => ({
    endpoint: "authorize" as const,
    clientId,
    reason: detail === "" ? "client_unknown" : "redirect_uri_unregistered",
    detail,
    count: 1,
    lastSeenAt: HOUR + at,
    recent: [[HOUR, 1, "id"]] as const,
  });

  it("S11: refusals of unknown client ids share 100 rows, the oldest go, and registered clients keep theirs", async () => {
    await seedSkill();
    await recordRefusals(env.DB, [refusal(ALEXA_CLIENT, "https://a.test/", 0)]);
    const many = Array.from({ length: 1000 }, (_, i) => refusal(`client-${i}`.padEnd(5000, "x"), "", i));
    await recordRefusals(env.DB, many);
    await recordRefusals(env.DB, [{ ...many[950]!, lastSeenAt: HOUR + 5000 }]);
    const kept = await listRefusals(env.DB, {}, undefined, 2000);
    expect(kept.length).toBe(101);
    expect(kept[0]).toMatchObject({ clientId: many[950]!.clientId.slice(0, 256), count: 2 });
    expect(kept.at(-1)).toMatchObject({ clientId: ALEXA_CLIENT });
    expect(JSON.stringify(kept).length).toBeLessThan(50_000);
  });

  it("S11: a registered client has 50 rows of its own; flooding one client hides nothing of another", async () => {
    await seedSkill();
    await seedAppAndService();
    await recordRefusals(env.DB, [refusal(APP_CLIENT, "https://a.test/", 0)]);
    await recordRefusals(
      env.DB,
      Array.from({ length: 300 }, (_, i) => refusal(ALEXA_CLIENT, `https://evil.test/${i}`, i)),
    );
    const kept = await listRefusals(env.DB, {}, undefined, 2000);
    expect(kept.filter(({ clientId }) => clientId === ALEXA_CLIENT).length).toBe(50);
    expect(kept[0]).toMatchObject({ detail: "https://evil.test/299" });
    expect(kept.at(-1)).toMatchObject({ clientId: APP_CLIENT });
  });

  it("S11: no bound value exceeds D1's 2 MB, however many refusals strangers made", () => {
    const worst = Array.from({ length: 400 }, (_, i) => refusal("\u0001".repeat(4000), "\u0001".repeat(4000) + i, i));
    const sizes = addRefusals(worst).flatMap(({ values }) => values.map((value) => utf8(String(value)).byteLength));
    expect(Math.max(...sizes)).toBeLessThan(2_000_000);
  });

  it.each(["client_missing", "client_unknown", "parameter_repeated", "parameter_repeated_otherwise", "query_too_long"])(
    "S11: strangers' %s does not displace a registered client's refusal before it is written",
    async (reason) => {
      await seedSkill();
      const { metrics } = counters(null);
      for (let i = 0; i < 3000; i++)
        metrics.refused({ endpoint: "authorize", clientId: `client-${i}`, reason: reason, detail: "" });
      for (let i = 0; i < 300; i++)
        metrics.refused({
          endpoint: "authorize",
          clientId: "another",
          reason: "redirect_uri_unregistered",
          detail: `https://evil.test/${i}`,
        });
      metrics.refused({
        endpoint: "authorize",
        clientId: ALEXA_CLIENT,
        reason: "redirect_uri_unregistered",
        detail: "https://a.test/",
      });
      await metrics.flush();
      const kept = await listRefusals(env.DB, {}, undefined, 2000);
      expect(kept.filter(({ clientId }) => clientId === ALEXA_CLIENT).length).toBe(1);
    },
  );

  it("S11: until they are written, an isolate holds 100 refusals of one client and 2,000 of all", async () => {
    await seedSkill();
    await seedAppAndService();
    const { metrics } = counters(null);
    const refuse = (clientId: string, count: number) => {
      for (let i = 0; i < count; i++)
        metrics.refused({
          endpoint: "authorize",
          clientId: clientId,
          reason: "redirect_uri_unregistered",
          detail: `https://evil.test/${i}`,
        });
    };
    for (let client = 0; client < 19; client++) refuse(`client-${client}`, 150);
    refuse("another", 99);
    refuse(ALEXA_CLIENT, 1);
    refuse(APP_CLIENT, 1);
    await metrics.flush();
    const kept = await listRefusals(env.DB, {}, undefined, 2000);
    const known = kept.map(({ clientId }) => clientId).filter((id) => id === ALEXA_CLIENT || id === APP_CLIENT);
    expect(known).toEqual([ALEXA_CLIENT]);
  });

  const initiation = (key: string, userId: string | null) => ({
    key,
    at: HOUR,
    flow: "alexa_app" as const,
    skillId: SKILL_ID,
    platform: null,
    stage: null,
    locale: "en",
    browserHash: `browser-${key}`,
    userId,
  });
  const initiations = async () =>
    (await env.DB.prepare("SELECT key, user_id FROM initiations ORDER BY at, key").all<Record<string, string | null>>())
      .results;

  it("until they are written, an isolate holds 1,000 initiations of customers, and 200 of strangers beside them", async () => {
    await seedUser();
    const { metrics } = counters(null);
    for (let i = 0; i < 300; i++) metrics.initiated(initiation(`stranger-${i}`, null));
    for (let i = 0; i < 1100; i++) metrics.initiated(initiation(`known-${i}`, USER_ID));
    await metrics.flush();
    const kept = await initiations();
    expect(kept.filter(({ user_id }) => user_id === null).length).toBe(200);
    expect(kept.filter(({ user_id }) => user_id === USER_ID).length).toBe(1000);
    // Nothing is left of the flood.
    metrics.initiated(initiation("next", null));
    await metrics.flush();
    expect((await initiations()).length).toBe(1201);
  });

  it("a stranger who signs in makes room for another, keeps the time of the first page, and counts in spite of a flood", async () => {
    await seedUser();
    const { metrics, wait } = counters(null);
    for (let i = 0; i < 200; i++) metrics.initiated(initiation(`stranger-${i}`, null));
    wait(60_000);
    metrics.initiated({ ...initiation("stranger-7", USER_ID), at: HOUR + 60_000 });
    // The page before the sign-in again, after it.
    metrics.initiated({ ...initiation("stranger-7", null), at: HOUR + 90_000 });
    metrics.initiated(initiation("late", null));
    metrics.initiated(initiation("too-late", null));
    metrics.initiated(initiation("customer", USER_ID));
    await metrics.flush();
    const kept = await initiations();
    expect(kept.length).toBe(202);
    expect(kept.filter(({ user_id }) => user_id === USER_ID).map(({ key }) => key)).toEqual(["customer", "stranger-7"]);
    expect(kept.some(({ key }) => key === "late")).toBe(true);
    expect(kept.some(({ key }) => key === "too-late")).toBe(false);
  });

  it("no bound value of initiations exceeds D1's 2 MB", () => {
    const worst = Array.from({ length: 1200 }, (_, i) => initiation(String(i).padStart(22, "k"), "u".repeat(26)));
    const sizes = addInitiations(worst).values.map((value) => utf8(String(value)).byteLength);
    expect(Math.max(...sizes)).toBeLessThan(2_000_000);
  });
});
