// Whose a link is at Alexa: a recognized speaker's own, or the account's, shared by everyone who speaks to its devices.
import { batch, sql } from "../sql.ts";

export type LinkLevel = "person" | "account";

/**
 * What showed a level, in rising weight; never lowered, so that order and repeats do not matter. A spoken request
 * outweighs an event, in which nobody speaks. Of one kind the account outweighs the person: a token that was used for
 * the whole account is not one person's alone.
 */
const WEIGHTS = {
  event: { person: 1, account: 2 },
  request: { person: 3, account: 4 },
} as const;

/** Column `level_shown` of a grant; 0 for NULL, nothing shown. */
export type LevelShown = 0 | 1 | 2 | 3 | 4;

/** The weight of a message that has tokens of a grant as `context.System.user.accessToken` and as that of `person`. */
export function levelShown(source: keyof typeof WEIGHTS, asUser: boolean, asPerson: boolean): LevelShown {
  if (asUser) return WEIGHTS[source].account;
  return asPerson ? WEIGHTS[source].person : 0;
}

/** Column `level` of a SELECT over grants: a `LinkLevel`, or NULL. */
export const LEVEL_COLUMN = sql`CASE level_shown % 2 WHEN 1 THEN 'person' WHEN 0 THEN 'account' END AS level`;

/** Notes what was shown about grants of this skill; a lower weight is ignored. One batch, repeatable. */
export async function noteLevels(
  db: D1Database,
  skillId: string,
  shown: ReadonlyMap<string, LevelShown>,
): Promise<void> {
  const notes = [...shown].map(
    ([grantId, level]) =>
      sql`UPDATE grants SET level_shown = ${level}
          WHERE id = ${grantId} AND skill_id = ${skillId} AND revoked_at IS NULL AND COALESCE(level_shown, 0) < ${level}`,
  );
  await batch(db, notes, true);
}
