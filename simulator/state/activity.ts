// What the simulated Alexa counts of each skill, as Amazon's metrics count it.
import type { SkillStage } from "./configuration.ts";

/** One thing that an Amazon account did. */
export interface Activity {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly skillId: string;
  readonly stage: SkillStage;
  readonly what: "enabled" | "initiated" | "completed";
  /** Whether linking started in the Alexa app with a web page, or with the company's app or website. */
  readonly from: "alexa_app" | "app_to_app";
  readonly accountId: string;
}

const MOST = 5000;

/** Remembers it. The oldest are forgotten. */
export function countActivity(activities: Activity[], activity: Activity): void {
  activities.push(activity);
  if (activities.length > MOST) activities.shift();
}

/** How many of these there are, and how many accounts they belong to. */
export function tally(activities: readonly Activity[]): { readonly events: number; readonly users: number } {
  return { events: activities.length, users: new Set(activities.map(({ accountId }) => accountId)).size };
}
