// Account activation per period and group: initiations, completions, enablements, and the counters.
import { IS_COMPLETED, STARTED_BY_US } from "../attempts/attempts.ts";
import { batch, equal, type Sql, sql, sqlName } from "../sql.ts";

/** The dimensions of the metrics besides the period, with their columns in attempts and initiations. */
export const DIMENSIONS = {
  skill: "skill_id",
  stage: "stage",
  locale: "locale",
  platform: "platform",
  flow: "flow",
} as const;
export type Dimension = keyof typeof DIMENSIONS;

/** Consecutive periods of one length, in milliseconds since 1970: `from` inclusive, `to` exclusive. */
export interface Stretch {
  /** The number of its first period. */
  readonly first: number;
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

export interface ActivationQuery {
  readonly stretches: readonly Stretch[];
  readonly only: Readonly<Partial<Record<Dimension, string>>>;
  readonly groupBy: Dimension | undefined;
}

/** One period and group; the group is null if its value is unknown, or without groups. */
interface Figures {
  readonly period: number;
  readonly group: string | null;
}

/** Events and distinct persons. */
export interface EventCounts extends Figures {
  readonly alexaApp: number;
  readonly appToApp: number;
  readonly alexaAppUsers: number;
  readonly appToAppUsers: number;
  readonly users: number;
}

export interface Enablements extends Figures {
  readonly users: number;
}

export interface Counts extends Figures {
  /** JSON: numbers by name. */
  readonly counts: string;
}

export interface ActivationRows {
  readonly initiations: readonly EventCounts[];
  readonly completions: readonly EventCounts[];
  readonly enablements: readonly Enablements[];
  readonly counts: readonly Counts[];
}

const HOUR_MS = 3_600_000;
/** No attempt takes longer, and no event is accepted later, so rows are found by their creation time. */
const MARGIN_MS = 48 * HOUR_MS;

const FROM = sql`(s.value ->> 1)`;
const TO = sql`(s.value ->> 2)`;

/** The stretches as a table `s`. It is read first: each stretch is one range of the index of `table`. */
function stretchesWith({ stretches }: ActivationQuery, table: Sql): Sql {
  const rows = stretches.map(({ first, from, to, length }) => [first, from, to, length]);
  return sql`FROM json_each(${JSON.stringify(rows)}) s CROSS JOIN ${table}`;
}

/** `at` is in the stretch. */
function within(at: Sql): Sql {
  return sql`${at} >= ${FROM} AND ${at} < ${TO}`;
}

/** The row was created around the stretch; the index of `at` finds it. */
function madeAround(at: Sql): Sql {
  return sql`${at} >= ${FROM} - ${MARGIN_MS} AND ${at} < ${TO} + ${MARGIN_MS}`;
}

function figures({ groupBy }: ActivationQuery, at: Sql): Sql {
  const group = groupBy === undefined ? sql`NULL` : sqlName(DIMENSIONS[groupBy]);
  return sql`(s.value ->> 0) + (${at} - ${FROM}) / (s.value ->> 3) AS period, ${group} AS "group"`;
}

function matching({ only }: ActivationQuery): Sql {
  return equal(Object.fromEntries(Object.entries(only).map(([name, value]) => [DIMENSIONS[name as Dimension], value])));
}

function eventCounts(person: Sql): Sql {
  return sql`COUNT(*) FILTER (WHERE flow = 'alexa_app') AS "alexaApp", COUNT(*) FILTER (WHERE flow <> 'alexa_app') AS "appToApp",
    COUNT(DISTINCT ${person}) FILTER (WHERE flow = 'alexa_app') AS "alexaAppUsers",
    COUNT(DISTINCT ${person}) FILTER (WHERE flow <> 'alexa_app') AS "appToAppUsers", COUNT(DISTINCT ${person}) AS users`;
}

function initiations(query: ActivationQuery): Sql {
  const counted = eventCounts(sql`COALESCE(i.user_id, i.browser_hash, i.key)`);
  return sql`SELECT ${figures(query, sql`i.at`)}, ${counted} ${stretchesWith(query, sql`initiations i`)}
    WHERE i.hour_at > ${FROM} - ${HOUR_MS} AND i.hour_at < ${TO} AND ${within(sql`i.at`)} AND ${matching(query)} GROUP BY 1, 2`;
}

function completions(query: ActivationQuery): Sql {
  const counted = eventCounts(sql`COALESCE(a.user_id, a.browser_hash, a.id)`);
  return sql`SELECT ${figures(query, sql`a.redeemed_at`)}, ${counted} ${stretchesWith(query, sql`attempts a`)}
    WHERE ${madeAround(sql`a.created_at`)} AND ${within(sql`a.redeemed_at`)} AND ${IS_COMPLETED} AND ${matching(query)} GROUP BY 1, 2`;
}

/** Enablements from Alexa's events and our own calls. An event's person is the user linked with that Alexa user, if any. */
function enablements(query: ActivationQuery): Sql {
  const user = sql`(SELECT g.user_id FROM grants g WHERE g.alexa_user_id = e.alexa_user_id ORDER BY g.created_at DESC LIMIT 1)`;
  const known = sql`SELECT ${figures(query, sql`e.event_at`)}, COALESCE(${user}, e.alexa_user_id) AS person
      ${stretchesWith(query, sql`skill_events e`)}
      WHERE ${madeAround(sql`e.received_at`)} AND ${within(sql`e.event_at`)} AND e.type = 'SkillEnabled'
        AND e.alexa_user_id IS NOT NULL AND ${matching(query)}
    UNION ALL
    SELECT ${figures(query, sql`a.finished_at`)}, COALESCE(a.user_id, a.browser_hash, a.id)
      ${stretchesWith(query, sql`attempts a`)}
      WHERE ${madeAround(sql`a.created_at`)} AND ${within(sql`a.finished_at`)} AND ${STARTED_BY_US} AND a.outcome = 'linked' AND ${matching(query)}`;
  return sql`SELECT period, "group", COUNT(DISTINCT person) AS users FROM (${known}) GROUP BY 1, 2`;
}

/** Counters are per hour: an hour counts for the period of its start, the first one for the first period. */
function counts(query: ActivationQuery): Sql {
  const at = sql`MAX(m.hour_at, ${FROM})`;
  const summed = sql`SELECT ${figures(query, at)}, m.name, SUM(m.count) AS n ${stretchesWith(query, sql`oauth_metrics m`)}
    WHERE m.hour_at >= ${FROM} - IIF(s.key = 0, ${FROM} % ${HOUR_MS}, 0) AND m.hour_at < ${TO} AND ${matching(query)} GROUP BY 1, 2, 3`;
  return sql`SELECT period, NULLIF("group", '') AS "group", json_group_object(name, n) AS counts FROM (${summed}) GROUP BY 1, 2`;
}

/** Only attempts and initiations have other dimensions than the skill. */
function knowsOnlySkills({ only, groupBy = "skill" }: ActivationQuery): boolean {
  return groupBy === "skill" && Object.keys(only).every((dimension) => dimension === "skill");
}

const NOTHING = sql`SELECT 1 WHERE FALSE`;

/** The results of several queries and the ids of all skills, in one batch. What a query cannot know is empty. */
export async function readActivation(
  db: D1Database,
  queries: readonly ActivationQuery[],
): Promise<{ readonly skillIds: readonly string[]; readonly figures: readonly ActivationRows[] }> {
  const statements = queries.flatMap((query) => {
    const ofSkills = knowsOnlySkills(query) ? [enablements(query), counts(query)] : [NOTHING, NOTHING];
    return [initiations(query), completions(query), ...ofSkills];
  });
  type Rows = [{ readonly id: string }, ...(EventCounts & Enablements & Counts)[]];
  const [skills, ...rows] = await batch<Rows>(db, [sql`SELECT id FROM skills ORDER BY id`, ...statements], true);
  const figures = queries.map((_, i) => {
    const [initiations = [], completions = [], enablements = [], counts = []] = rows.slice(4 * i, 4 * i + 4);
    return { initiations, completions, enablements, counts };
  });
  return { skillIds: skills.map(({ id }) => id), figures };
}
