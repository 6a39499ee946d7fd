// The alert for a fallen completion rate: each skill's rate compared with the week before.
import type { CompletionCounts, StoredAlert } from "../storage/maintenance/alerts.ts";
import { DAY_MS, HOUR_MS } from "../storage/maintenance/metrics.ts";
import { alertRules, type Finding } from "./alert-rules.ts";

export const COMPLETION_RATE_FELL = "completion_rate_fell";

/** Hours. The shortest of these periods with enough attempts is compared. */
const HOURS = [2, 6, 24] as const;
const LEAST_RECENT = 20;
const LEAST_BEFORE = 50;
/** The alert is raised at this part of the previous rate, and kept open up to the other. */
const RAISED_AT = 2 / 3;
const HELD_AT = 5 / 6;

/** The starts of the week before, and of the rest of the last 24, 6 and 2 hours. `since`: the last two. */
export function completionParts(since: number): number[] {
  const day = since + 2 * HOUR_MS - DAY_MS;
  return [day - 7 * DAY_MS, day, since - 4 * HOUR_MS, since];
}

/** Findings for each skill from the counts of these parts. Open alerts are compared with the week before they began. */
export function completionFindings(counts: readonly CompletionCounts[], alerts: readonly StoredAlert[]): Finding[] {
  const causes = alertRules().map(({ name }) => name);
  return [...new Set(counts.map(({ skillId }) => skillId))].flatMap((skillId) => {
    const ofSkill = counts.filter((one) => one.skillId === skillId);
    const sum = (first: number, last: number) => {
      const parts = ofSkill.filter(({ part }) => part >= first && part <= last);
      const total = (of: "initiations" | "completions") => parts.reduce((all, one) => all + one[of], 0);
      return { all: total("initiations"), good: total("completions") };
    };
    const recent = [sum(3, 3), sum(2, 3), sum(1, 3)];
    const i = recent.findIndex(({ all }) => all >= LEAST_RECENT);
    const { all = 0, good = 0 } = recent[i] ?? {};
    const week = sum(0, 0);
    const open = alerts.find(
      ({ name, subject, clearedAt }) => name === COMPLETION_RATE_FELL && subject === skillId && clearedAt === null,
    );
    const stored = open?.numbers.rateBefore;
    const before =
      typeof stored === "number" ? stored : week.all >= LEAST_BEFORE ? round(week.good / week.all) : undefined;
    if (all === 0 || !before) return [];
    const rate = round(good / all);
    const message = `Skill ${skillId}: ${good} of ${all} link attempts in the last ${HOURS[i]} hours were completed (${percent(rate)}), compared with ${percent(before)} in the week before.`;
    return [
      {
        alert: {
          name: COMPLETION_RATE_FELL,
          subject: skillId,
          skillId,
          clientId: null,
          message,
          numbers: { completed: good, all, rate, rateBefore: before },
        },
        causes,
        raises: rate <= before * RAISED_AT,
        holds: rate <= before * HELD_AT,
      },
    ];
  });
}

function round(rate: number): number {
  return Math.round(rate * 10_000) / 10_000;
}

function percent(rate: number): string {
  return `${Math.round(rate * 100)}%`;
}
