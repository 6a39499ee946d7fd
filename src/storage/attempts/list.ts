// Link attempts as operators see them: newest first, one page at a time, read in the order of an index.
import { all, decodeRow, equal, readAll, type Sql, sql } from "../sql.ts";
import type { Flow, Outcome, Stage } from "./attempts.ts";

export interface ListedAttempt {
  readonly id: string;
  readonly flow: Flow;
  readonly platform: string | null;
  readonly skillId: string | null;
  readonly stage: Stage | null;
  readonly clientId: string | null;
  readonly userId: string | null;
  readonly outcome: Outcome;
  readonly reason: string | null;
  readonly steps: readonly { readonly name: string; readonly at: number }[];
  readonly createdAt: number;
}

export interface AttemptFilter {
  readonly skillId?: string | undefined;
  readonly outcome?: Outcome | undefined;
  readonly userId?: string | undefined;
  readonly reason?: string | undefined;
  readonly flow?: Flow | undefined;
  readonly platform?: string | undefined;
  /** When they started: milliseconds since 1970, inclusive. */
  readonly from?: number | undefined;
  /** Exclusive. */
  readonly to?: number | undefined;
  /** Only those that are not pending. */
  readonly ended?: boolean | undefined;
}

export interface AttemptPosition {
  readonly createdAt: number;
  readonly id: string;
}

/** The columns of a `ListedAttempt`, from table `attempts`. */
export const ATTEMPT_COLUMNS = sql`attempts.id, flow, platform, attempts.skill_id AS "skillId", attempts.stage, client_id AS "clientId",
  user_id AS "userId", outcome, reason, steps, attempts.created_at AS "createdAt"`;

/** Exported so that a test can read its query plan. Each index ends with time and id: only one person's rows are sorted. */
export function attemptListQuery(filter: AttemptFilter, after: AttemptPosition | undefined, limit: number): Sql {
  const { skillId, outcome, userId, reason, flow, platform, from, to } = filter;
  const conditions = [equal({ user_id: userId, reason, flow, platform })];
  // One person has few attempts. The plus keeps other columns from choosing another index.
  const plus = userId === undefined ? sql`` : sql`+`;
  if (skillId !== undefined) conditions.push(sql`${plus}skill_id = ${skillId}`);
  if (outcome !== undefined) conditions.push(sql`${plus}outcome = ${outcome}`);
  // As in the partial indexes. `linked` has none, because most attempts end so.
  const indexed =
    outcome === "pending" ? sql`outcome = 'pending'` : sql`outcome IN ('cancelled', 'failed', 'abandoned')`;
  if (userId === undefined && outcome !== undefined && outcome !== "linked") conditions.push(indexed);
  if (filter.ended) conditions.push(sql`+outcome <> 'pending'`);
  if (from !== undefined) conditions.push(sql`${plus}created_at >= ${from}`);
  if (to !== undefined) conditions.push(sql`${after ? sql`+` : plus}created_at < ${to}`);
  if (after) conditions.push(sql`(created_at, id) < (${after.createdAt}, ${after.id})`);
  return sql`SELECT ${ATTEMPT_COLUMNS} FROM attempts WHERE ${all(conditions)} ORDER BY created_at DESC, id DESC LIMIT ${limit}`;
}

/** Newest first, starting after `after`. */
export async function listAttempts(
  db: D1Database,
  filter: AttemptFilter,
  after: AttemptPosition | undefined,
  limit: number,
): Promise<ListedAttempt[]> {
  const rows = await readAll<Record<string, unknown>>(db, attemptListQuery(filter, after, limit));
  return rows.map(attemptFromRow);
}

/** A row of `ATTEMPT_COLUMNS`. */
export function attemptFromRow(row: Record<string, unknown>): ListedAttempt {
  return decodeRow<ListedAttempt>(row, { json: ["steps"] });
}

/** Why attempts failed, were cancelled or abandoned. */
export interface ReasonCount {
  readonly reason: string;
  readonly count: number;
  /** When the latest of them started, in milliseconds since 1970. */
  readonly lastAt: number;
}

/** `isOfAlexa`: without sign-ins to the company's apps. Exported so that a test can read its query plan. */
export function reasonCountsQuery(
  filter: Pick<AttemptFilter, "skillId"> & TimeRange & { readonly isOfAlexa?: boolean },
  limit: number,
): Sql {
  const { skillId, from, to, isOfAlexa } = filter;
  // Each of the three is a separate range of the index.
  return sql`SELECT reason, COUNT(*) AS count, MAX(created_at) AS "lastAt" FROM attempts
    WHERE outcome IN ('cancelled', 'failed', 'abandoned') AND ${equal({ skill_id: skillId })} AND created_at >= ${from} AND created_at < ${to}
      AND reason IS NOT NULL AND ${isOfAlexa ? sql`flow <> 'oauth'` : sql`TRUE`}
    GROUP BY reason ORDER BY count DESC, "lastAt" DESC LIMIT ${limit}`;
}

interface TimeRange {
  readonly from: number;
  readonly to: number;
}

/** Why attempts of a time range ended without success, the most frequent reason first. */
export function countReasons(db: D1Database, ...query: Parameters<typeof reasonCountsQuery>): Promise<ReasonCount[]> {
  return readAll(db, reasonCountsQuery(...query));
}
