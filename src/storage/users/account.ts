// A user and their live links: what the account page shows, and what operators see of it.
import type { Flow } from "../attempts/attempts.ts";
import { grantIsLive } from "../grants/grants.ts";
import { LEVEL_COLUMN, type LinkLevel } from "../grants/link-levels.ts";
import { batch, decodeRow, type Sql, sql } from "../sql.ts";
import { type SessionKey, sessionHolds } from "./sessions.ts";
import { USER_COLUMNS, type User } from "./users.ts";

export interface LinkOfUser {
  readonly grantId: string;
  readonly flow: Flow;
  /** null for the company's own apps. */
  readonly skillId: string | null;
  /** The skill's name, else the client's. */
  readonly name: string;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  /** null until Alexa has shown it. */
  readonly level: LinkLevel | null;
}

export interface AccountView {
  readonly user: AccountOwner;
  readonly links: readonly LinkOfUser[];
}

export interface AccountOwner extends User {
  /** The address that the user signs in with, by password; null when there is no password. */
  readonly passwordSubject: string | null;
  /** A link has ended here, and its skill is still to be disabled at Amazon. */
  readonly pendingAtAmazon: boolean;
}

/** More links than one person has; the newest are shown. */
const MOST_LINKS = 100;

function selectLinks(userId: string, now: number, grantId?: string): Sql {
  return sql`
    SELECT g.id AS "grantId", g.flow, g.skill_id AS "skillId", COALESCE(s.name, c.name) AS name,
      g.created_at AS "createdAt", g.last_used_at AS "lastUsedAt", ${LEVEL_COLUMN}
    FROM grants g JOIN clients c ON c.id = g.client_id LEFT JOIN skills s ON s.id = g.skill_id
    WHERE g.user_id = ${userId} AND ${grantIsLive(now, "g")} AND ${grantId === undefined ? sql`TRUE` : sql`g.id = ${grantId}`}
    ORDER BY g.created_at DESC, g.id LIMIT ${MOST_LINKS}`;
}

/** The user's live links, the newest first, or one of them; undefined when there is no such user. One read. */
export async function readLinksOfUser(
  db: D1Database,
  userId: string,
  now: number,
  grantId?: string,
): Promise<LinkOfUser[] | undefined> {
  const statements = [sql`SELECT id FROM users WHERE id = ${userId}`, selectLinks(userId, now, grantId)];
  const [users, links] = await batch<[unknown, LinkOfUser]>(db, statements, true);
  return users.length === 0 ? undefined : links;
}

/** The user of a valid session and their links, newest first; `grantId` narrows to one link. One read. */
export async function readAccount(
  db: D1Database,
  session: SessionKey,
  now: number,
  grantId?: string,
): Promise<AccountView | undefined> {
  const { userId } = session;
  const [[row], links] = await batch<[Record<string, unknown>, LinkOfUser]>(
    db,
    [
      sql`SELECT ${USER_COLUMNS},
            (SELECT i.subject FROM identities i WHERE i.user_id = u.id AND i.method = 'password' LIMIT 1) AS "passwordSubject",
            EXISTS (SELECT 1 FROM pending_unlinks p WHERE p.user_id = u.id) AS "pendingAtAmazon"
          FROM users u WHERE u.id = ${userId} AND ${sessionHolds(session)}`,
      selectLinks(userId, now, grantId),
    ],
    true,
  );
  return row && { user: decodeRow<AccountOwner>(row, { flags: ["pendingAtAmazon"] }), links };
}
