// A user and the links that live: what the account page shows, and what operators see of it.

import type { Flow } from "../attempts/attempts.ts";
import { batch, type Condition } from "../d1.ts";
import { LEVEL, type LinkLevel } from "../grants/link-levels.ts";
import { type User, userFromRow } from "./users.ts";

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
  readonly user: User;
  readonly links: readonly LinkOfUser[];
  /** Address that the user signs in with a password by; undefined when there is no password. */
  readonly passwordSubject: string | undefined;
  /** A link has ended here, and its skill is still to be disabled at Amazon. */
  readonly pendingAtAmazon: boolean;
}

/** More links than one person has; the newest are shown. */
const MOST_LINKS = 100;

const LINKS = `SELECT g.id, g.flow, g.skill_id, COALESCE(s.name, c.name) AS name, g.created_at, g.last_used_at, ${LEVEL}
  FROM grants g JOIN clients c ON c.id = g.client_id LEFT JOIN skills s ON s.id = g.skill_id
  WHERE g.user_id = ?1 AND g.revoked_at IS NULL AND g.idle_expires_at > ?2 AND (g.expires_at IS NULL OR g.expires_at > ?2)`;

function linkFromRow(row: Record<string, unknown>): LinkOfUser {
  return {
    grantId: row.id as string,
    flow: row.flow as Flow,
    skillId: row.skill_id as string | null,
    name: row.name as string,
    createdAt: row.created_at as number,
    lastUsedAt: row.last_used_at as number,
    level: row.level as LinkLevel | null,
  };
}

function linksStatement(db: D1Database, userId: string, now: number, grantId?: string): D1PreparedStatement {
  return db
    .prepare(`${LINKS} AND (?3 IS NULL OR g.id = ?3) ORDER BY g.created_at DESC, g.id LIMIT ${MOST_LINKS}`)
    .bind(userId, now, grantId ?? null);
}

/** The living links of a user, the newest first; undefined when there is no such user. One trip. */
export async function readLinksOfUser(db: D1Database, userId: string, now: number): Promise<LinkOfUser[] | undefined> {
  const [users = [], links = []] = await batch(
    db,
    [db.prepare("SELECT id FROM users WHERE id = ?").bind(userId), linksStatement(db, userId, now)],
    true,
  );
  return users.length === 0 ? undefined : links.map(linkFromRow);
}

/** The user and their links, the newest first, if `session` (a condition) holds; `grantId` narrows to one. One trip. */
export async function readAccount(
  db: D1Database,
  userId: string,
  session: Condition,
  now: number,
  grantId?: string,
): Promise<AccountView | undefined> {
  const [users = [], links = []] = await batch(
    db,
    [
      db
        .prepare(
          `SELECT u.id, u.email, u.name, u.session_epoch, u.created_at,
             (SELECT i.subject FROM identities i WHERE i.user_id = u.id AND i.method = 'password' LIMIT 1) AS password_subject,
             EXISTS (SELECT 1 FROM pending_unlinks p WHERE p.user_id = u.id) AS pending_at_amazon
           FROM users u WHERE u.id = ? AND ${session.sql}`,
        )
        .bind(userId, ...session.params),
      linksStatement(db, userId, now, grantId),
    ],
    true,
  );
  const [row] = users;
  if (!row) return undefined;
  const passwordSubject = (row.password_subject as string | null) ?? undefined;
  return {
    user: userFromRow(row),
    links: links.map(linkFromRow),
    passwordSubject,
    pendingAtAmazon: row.pending_at_amazon === 1,
  };
}
