// The metrics report in periods that are days of a time zone, and the persons of enablements.
import { env } from "cloudflare:workers";
import { afterEach, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { asBackend } from "../../test/support/gateway.ts";
import { link, startLinkingWorld } from "../../test/support/linking.ts";
import { metricsOf } from "../../test/support/metrics.ts";
import { insert } from "../../test/support/rows.ts";
import { runtimeOf } from "../../test/support/runtime.ts";
import { SKILL_ID, seedSkill } from "../../test/support/seeds.ts";
import { startService } from "../../test/support/service.ts";
import { type EventSeed, eventBody } from "../../test/support/skill-events.ts";
import { linkAlexa } from "../../test/support/tokens.ts";
import { RANGES, startOfDay, startsOf } from "./console/selection.ts";
import { metricsReport } from "./metrics-report.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NAME = "code_issued";

afterEach(() => vi.restoreAllMocks());

/** The days of the week before `now` in `zone`. */
function week(zone: string, now: string) {
  const to = Date.parse(now);
  const from = startOfDay(zone, to - 1, RANGES["7d"].days - 1);
  return { from, to, starts: startsOf({ skillId: undefined, range: "7d", zone, from, to }) };
}

async function report(query: ReturnType<typeof week>) {
  return metricsReport(await runtimeOf(startService()), query);
}

/** An initiation, a completion, an enablement at Alexa and one of ours, each of a person of its own. */
function eventsAt(at: number): D1PreparedStatement[] {
  const event = (what: string) => `${what}-${at}`;
  return [
    insert("initiations", { hourAt: at - (at % HOUR_MS), key: event("i"), at, userId: event("i") }),
    // Begun well before, so that the period of its redemption is another one.
    insert("attempts", { id: event("c"), createdAt: at - 40 * HOUR_MS, userId: event("c"), redeemedAt: at }),
    insert("attempts", {
      id: event("l"),
      flow: "app_to_app",
      outcome: "linked",
      createdAt: at - HOUR_MS,
      userId: event("l"),
      finishedAt: at,
    }),
    env.DB.prepare(
      "INSERT INTO skill_events (request_id, type, skill_id, alexa_user_id, event_at, received_at) VALUES (?, ?, ?, ?, ?, ?)",
    ).bind(event("e"), "SkillEnabled", SKILL_ID, event("e"), at, at + HOUR_MS),
  ];
}

it.each([
  ["UTC", "2026-03-30T10:00Z"],
  ["Asia/Kolkata", "2026-10-26T10:00Z"],
  ["Asia/Kathmandu", "2026-10-26T18:20Z"],
  // Days of 23 and 25 hours, and, on Lord Howe Island, of 23.5 and 24.5.
  ["Europe/Berlin", "2026-03-30T10:00Z"],
  ["Europe/Berlin", "2026-10-26T23:30Z"],
  ["America/St_Johns", "2026-03-10T12:00Z"],
  ["America/St_Johns", "2026-11-03T03:31Z"],
  ["Australia/Lord_Howe", "2026-04-07T10:00Z"],
  ["Australia/Lord_Howe", "2026-10-06T13:00Z"],
])("each event counts in one day of %s, the week before %s, and each hour of counters too", async (zone, now) => {
  const query = week(zone, now);
  const { from, to, starts } = query;
  // The first and the last millisecond of each day, and those around the range.
  const times = starts.flatMap((start, i) => [start, (starts[i + 1] ?? to) - 1]);
  await env.DB.batch([...times, from - 1, to].flatMap(eventsAt));
  const firstHour = from - (((from % HOUR_MS) + HOUR_MS) % HOUR_MS);
  const hours = Array.from({ length: Math.ceil((to - firstHour) / HOUR_MS) }, (_, i) => firstHour + i * HOUR_MS);
  await env.DB.batch(
    [firstHour - HOUR_MS, ...hours, (hours.at(-1) ?? 0) + HOUR_MS].map((hourAt) =>
      insert("oauthMetrics", { hourAt, name: NAME }),
    ),
  );
  const { totals, items } = await report(query);
  expect(items.map((item) => item.from)).toEqual(starts);
  for (const { linking, enablements } of items) {
    expect(linking.total).toMatchObject({ initiations: 2, completions: 2, initiatingUsers: 2, completingUsers: 2 });
    expect(enablements.users).toBe(4);
  }
  expect(totals.linking.total).toMatchObject({ initiations: 14, completions: 14, initiatingUsers: 14 });
  expect(totals.enablements.users).toBe(28);
  // An hour belongs to the day in which it begins, and the one in which the range begins to the first day.
  const hoursOf = starts.map((start, i) => {
    const end = starts[i + 1] ?? to;
    return hours.filter((hour) => (hour >= start || i === 0) && hour < end).length;
  });
  expect(items.map(({ counts }) => counts[NAME] ?? 0)).toEqual(hoursOf);
  expect(totals.counts[NAME]).toBe(hours.length);
});

it("the persons of enablements are accounts, with several Alexa users, calls and skills, also when their links are gone", async () => {
  const { service, amazon, ada, bob } = await startLinkingWorld();
  const other = "amzn1.ask.skill.0000-other";
  await seedSkill({ skillId: other, id: "alexa-other" });
  await env.DB.prepare("UPDATE clients SET skill_ids = ? WHERE kind = 'service'")
    .bind(JSON.stringify([SKILL_ID, other]))
    .run();
  const event = async (seed: EventSeed) => {
    const body = eventBody({ name: "SkillEnabled", at: service.clock.now, ...seed });
    expect((await service.request("/alexa/events", asBackend(body))).status).toBe(200);
  };
  const range = "from=2026-01-14&to=2026-04-30&groupBy=skill";
  const users = async () => {
    const { totals, items } = await metricsOf(service, range);
    const of = (id: string) => items.filter(({ skillId }) => skillId === id).map((item) => item.enablements.users ?? 0);
    return [totals.enablements.users, Math.max(...of(SKILL_ID)), Math.max(...of(other))];
  };
  await link(amazon, ada);
  expect(await users()).toEqual([1, 1, 0]);
  const [{ alexa_user_id: alexaUser = "" } = {}] = (
    await env.DB.prepare("SELECT alexa_user_id FROM grants WHERE alexa_user_id IS NOT NULL").all<{
      alexa_user_id: string;
    }>()
  ).results;
  for (let i = 0; i < 2; i++) await event({ userId: alexaUser });
  expect(await users()).toEqual([1, 1, 0]);
  // Known to Alexa only; the second event says nothing of anybody.
  for (let i = 0; i < 2; i++) await event({ userId: "amzn1.ask.account.STRANGER" });
  await event({});
  await event({ name: "SkillDisabled", userId: "amzn1.ask.account.ANOTHER" });
  expect(await users()).toEqual([2, 2, 0]);
  // Linked from the Alexa app twice: a skill that is enabled again has another Alexa user.
  for (const userId of ["amzn1.ask.account.BOB-1", "amzn1.ask.account.BOB-2"]) {
    await event({ userId });
    const { access_token } = await linkAlexa(service, { userId: bob.userId });
    await event({ name: "SkillAccountLinked", userId, bodyToken: access_token });
  }
  expect(await users()).toEqual([3, 3, 0]);
  await insert("grants", { id: "other", userId: ada.userId, skillId: other, alexaUserId: "amzn1.ask.account.B" }).run();
  await event({ skillId: other, userId: "amzn1.ask.account.B" });
  expect(await users()).toEqual([3, 3, 1]);
  await env.DB.prepare("UPDATE grants SET revoked_at = ?, revoked_reason = 'unlinked'").bind(service.clock.now).run();
  service.clock.advance(31 * DAY_MS);
  await admin(service, "POST", "maintenance");
  expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM grants WHERE skill_id IS NOT NULL").first("n")).toBe(0);
  expect(await users()).toEqual([3, 3, 1]);
  for (const { userId } of [ada, bob]) {
    const events = async () => JSON.stringify((await env.DB.prepare("SELECT * FROM skill_events").all()).results);
    expect(await events()).toContain(userId);
    expect((await admin(service, "DELETE", `users/${userId}`)).status).toBe(204);
    expect(await events()).not.toContain(userId);
  }
  expect(await users()).toEqual([3, 3, 1]);
});
