// Days and hours of a time zone, also on the days on which its clocks change.
import { expect, it } from "vitest";
import { before, RANGES, type RangeName, type Selection, startOfDay, startsOf } from "./selection.ts";

const HOUR_MS = 3_600_000;
const at = (time: string) => Date.parse(time);
const iso = (time: number) => new Date(time).toISOString().slice(0, 16);

function selection(zone: string, range: RangeName, now: string): Selection {
  const to = at(now);
  return { skillId: undefined, range, zone, from: startOfDay(zone, to - 1, RANGES[range].days - 1), to };
}

it.each([
  ["Europe/Berlin", "2026-03-30T10:00Z", ["03-27T23:00", "03-28T23:00", "03-29T22:00"], [24, 23]],
  ["Europe/Berlin", "2026-10-26T10:00Z", ["10-23T22:00", "10-24T22:00", "10-25T23:00"], [24, 25]],
  ["Asia/Kolkata", "2026-10-26T10:00Z", ["10-23T18:30", "10-24T18:30", "10-25T18:30"], [24, 24]],
  // Its clocks change by half an hour.
  ["Australia/Lord_Howe", "2026-04-06T10:00Z", ["04-03T13:00", "04-04T13:00", "04-05T13:30"], [24, 24.5]],
  ["Australia/Lord_Howe", "2026-10-05T10:00Z", ["10-02T13:30", "10-03T13:30", "10-04T13:00"], [24, 23.5]],
  ["America/New_York", "2026-11-02T12:00Z", ["10-31T04:00", "11-01T04:00", "11-02T05:00"], [24, 25]],
  ["UTC", "2026-03-01T00:00:00.001Z", ["02-27T00:00", "02-28T00:00", "03-01T00:00"], [24, 24]],
])("O14: the last days of %s at %s", (zone, now, expected, hours) => {
  const starts = startsOf(selection(zone, "7d", now));
  expect(starts).toHaveLength(7);
  expect(starts.slice(-3).map((start) => iso(start).slice(5))).toEqual(expected);
  expect([-3, -2].map((i) => ((starts.at(i + 1) ?? 0) - (starts.at(i) ?? 0)) / HOUR_MS)).toEqual(hours);
  expect(starts[0]).toBe(selection(zone, "7d", now).from);
});

it.each([
  ["Europe/Berlin", "2026-03-29T22:00Z", 23],
  ["Europe/Berlin", "2026-10-25T23:00Z", 25],
  ["Australia/Lord_Howe", "2026-04-05T13:30Z", 25],
  ["Asia/Kolkata", "2026-10-26T18:30Z", 24],
  ["Asia/Kolkata", "2026-10-26T18:31Z", 1],
])("O14: today in %s until %s has %i hours", (zone, now, count) => {
  const today = selection(zone, "1d", now);
  const starts = startsOf(today);
  expect(starts).toHaveLength(count);
  expect(starts[0]).toBe(today.from);
  expect(starts.at(-1)).toBeLessThan(today.to);
});

it("O14: the last millisecond of a day still belongs to it", () => {
  const starts = startsOf(selection("UTC", "7d", "2026-03-01T00:00Z"));
  expect(iso(starts.at(-1) ?? 0)).toBe("2026-02-28T00:00");
});

it("O14: the time before is as many days, up to the same time of day", () => {
  const of = (zone: string, range: RangeName, now: string) => {
    const { from, to } = before(selection(zone, range, now));
    return [iso(from), iso(to)];
  };
  expect(of("UTC", "1d", "2026-03-10T09:30Z")).toEqual(["2026-03-09T00:00", "2026-03-09T09:30"]);
  expect(of("UTC", "7d", "2026-03-10T09:30Z")).toEqual(["2026-02-25T00:00", "2026-03-03T09:30"]);
  // The clocks of Berlin changed on March 29: the same time of day, the week before.
  expect(of("Europe/Berlin", "7d", "2026-03-30T10:00Z")).toEqual(["2026-03-16T23:00", "2026-03-23T11:00"]);
  // The day before had 23 hours: not more than all of it.
  expect(of("Europe/Berlin", "1d", "2026-03-30T21:59Z")).toEqual(["2026-03-28T23:00", "2026-03-29T22:00"]);
});
