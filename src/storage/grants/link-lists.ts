// Links and app logins that operators watch: unused, about to end, ended. One page at a time, in the order of an index.
import { all, batch, readAll, type Sql, sql, sqlName } from "../sql.ts";
import { grantIsLive } from "./grants.ts";

const DAY_MS = 24 * 3_600_000;

/** Which links: `stopped` refreshing; about to end as `development`, `idle` or `logins`; or `ended`. */
export const LINK_STATES = ["stopped", "development", "idle", "logins", "ended"] as const;
export type LinkState = (typeof LINK_STATES)[number];

/** Links of skills in development are shown as about to end after this many days without a refresh. */
export const DEVELOPMENT_DAYS = { shown: 60, end: 90 } as const;
/** How long before their end idle links and app logins are shown. */
export const ENDING_DAYS = { idle: 30, logins: 14 } as const;

export interface LinkQuery {
  readonly now: number;
  /** REFRESH_IDLE_DAYS: the index is by the end of the idle time, which is this long after the last use. */
  readonly idleDays: number;
  /** `stopped`: no refresh for this many days. */
  readonly days: number;
  readonly skillId?: string | undefined;
  /** `ended` in this time, and for this reason. */
  readonly from: number;
  readonly to: number;
  readonly reason?: string | undefined;
}

export interface LinkPosition {
  readonly at: number;
  readonly id: string;
}

export interface ListedLink extends LinkPosition {
  readonly userId: string;
  readonly email: string | null;
  readonly clientId: string;
  /** null: a login of the company's app. */
  readonly skillId: string | null;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly endsAt: number;
  readonly reason: string | null;
}

interface Search {
  /** Leads an index. */
  readonly column: "idle_expires_at" | "expires_at" | "revoked_at";
  readonly after: number;
  readonly until: number;
  readonly newestFirst: boolean;
  readonly where: Sql;
}

function searchOf(state: LinkState, { now, idleDays, days, from, to, reason }: LinkQuery): Search {
  const live = grantIsLive(now);
  const unusedFor = (unused: number) => ({
    column: "idle_expires_at" as const,
    after: now,
    until: now + (idleDays - unused) * DAY_MS,
    where: sql`${live} AND last_used_at <= ${now - unused * DAY_MS}`,
  });
  switch (state) {
    case "stopped": {
      const search = unusedFor(days);
      return { ...search, newestFirst: true, where: sql`${search.where} AND skill_id IS NOT NULL` };
    }
    case "development": {
      const search = unusedFor(DEVELOPMENT_DAYS.shown);
      const inDevelopment = sql`skill_id IN (SELECT id FROM skills WHERE stage = 'development')`;
      return { ...search, newestFirst: false, where: sql`${search.where} AND ${inDevelopment}` };
    }
    case "idle":
      return {
        column: "idle_expires_at",
        after: now,
        until: now + ENDING_DAYS.idle * DAY_MS,
        newestFirst: false,
        where: sql`${live} AND skill_id IS NOT NULL`,
      };
    case "logins":
      return {
        column: "expires_at",
        after: now,
        until: now + ENDING_DAYS.logins * DAY_MS,
        newestFirst: false,
        where: sql`${live} AND skill_id IS NULL`,
      };
    case "ended":
      return {
        column: "revoked_at",
        after: from - 1,
        until: to,
        newestFirst: true,
        where: reason === undefined ? sql`TRUE` : sql`revoked_reason = ${reason}`,
      };
  }
}

/** Ended links have two indexes: imported ones are kept longer. */
function partsOf(state: LinkState): readonly Sql[] {
  return state === "ended"
    ? [sql`revoked_at IS NOT NULL AND imported_at IS NULL`, sql`revoked_at IS NOT NULL AND imported_at IS NOT NULL`]
    : [sql`TRUE`];
}

function joined(parts: readonly Sql[]): Sql {
  return parts.slice(1).reduce((before, part) => sql`${before} UNION ALL ${part}`, parts[0] ?? sql``);
}

function conditionsOf(state: LinkState, query: LinkQuery, part: Sql): { readonly where: Sql; readonly search: Search } {
  const search = searchOf(state, query);
  const column = sqlName(search.column);
  const ofSkill = query.skillId === undefined ? sql`TRUE` : sql`+skill_id = ${query.skillId}`;
  const where = all([sql`${column} > ${search.after}`, sql`${column} <= ${search.until}`, part, search.where, ofSkill]);
  return { where, search };
}

/** The links in a state, from behind `after` on: `stopped` and `ended` newest first, the others those that end first. */
export function listLinks(
  db: D1Database,
  state: LinkState,
  query: LinkQuery,
  after: LinkPosition | undefined,
  limit: number,
): Promise<ListedLink[]> {
  const selects = partsOf(state).map((part) => {
    const { where, search } = conditionsOf(state, query, part);
    const column = sqlName(search.column);
    const position = after ? sql`(${after.at}, ${after.id})` : sql``;
    const behind = search.newestFirst ? sql`(${column}, id) < ${position}` : sql`(${column}, id) > ${position}`;
    return sql`SELECT id, ${column} AS at, user_id AS "userId",
        (SELECT email FROM users WHERE users.id = grants.user_id) AS email, client_id AS "clientId", skill_id AS "skillId",
        created_at AS "createdAt", last_used_at AS "lastUsedAt", COALESCE(MIN(idle_expires_at, expires_at), idle_expires_at) AS "endsAt",
        revoked_reason AS reason
      FROM grants WHERE ${where} AND ${after ? behind : sql`TRUE`}`;
  });
  const order = searchOf(state, query).newestFirst ? sql`at DESC, id DESC` : sql`at, id`;
  return readAll(db, sql`${joined(selects)} ORDER BY ${order} LIMIT ${limit}`);
}

/** How many links are in each state, counted up to `most`. One round trip. */
export async function countLinks(
  db: D1Database,
  query: LinkQuery,
  most: number,
): Promise<Readonly<Record<LinkState, number>>> {
  const counts = await batch(
    db,
    LINK_STATES.map((state) => {
      const selects = partsOf(state).map(
        (part) => sql`SELECT 1 FROM grants WHERE ${conditionsOf(state, query, part).where}`,
      );
      return sql`SELECT COUNT(*) AS count FROM (${joined(selects)} LIMIT ${most})`;
    }),
    true,
  );
  return Object.fromEntries(LINK_STATES.map((state, i) => [state, Number(counts[i]?.[0]?.count)])) as Record<
    LinkState,
    number
  >;
}

/** The users of grants, by the grant's id. Ids that no grant has are left out. */
export async function readGrantOwners(db: D1Database, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await readAll<{ readonly id: string; readonly userId: string }>(
    db,
    sql`SELECT id, user_id AS "userId" FROM grants WHERE id IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`,
  );
  return new Map(rows.map(({ id, userId }) => [id, userId]));
}
