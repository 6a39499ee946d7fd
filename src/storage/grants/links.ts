// What a user has linked: live grants of a skill, with Amazon's tokens where we hold some.
import { type Skill, skillFromRow, skillStatement } from "../skills/skills.ts";
import { batch, readAll, type Sql, sql } from "../sql.ts";
import { endGrants, grantIsLive } from "./grants.ts";
import { LEVEL_COLUMN, type LinkLevel } from "./link-levels.ts";

export interface LinkedGrant {
  readonly id: string;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly flow: string;
  readonly level: LinkLevel | null;
  /** Amazon's API host for the customer; null, as the next two, when we hold no tokens of Amazon's. */
  readonly host: string | null;
  /** Sealed. */
  readonly tokens: string | null;
  readonly accessExpiresAt: number | null;
}

/** In SQL, on grants `g`: a live grant of the user, unless its link attempt has not ended as linked. */
function isLinkOf(userId: string, now: number): Sql {
  return sql`g.user_id = ${userId} AND ${grantIsLive(now, "g")}
    AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.id = g.attempt_id AND a.state_hash IS NOT NULL AND a.outcome <> 'linked')`;
}

/** A user's live grants of one skill, newest first, at most 50. One round trip. */
export async function readLinks(
  db: D1Database,
  target: { readonly userId: string; readonly skillId: string },
  now: number,
): Promise<{ skill: Skill | undefined; grants: LinkedGrant[] }> {
  const [[skill], grants] = await batch<[Record<string, unknown>, LinkedGrant]>(
    db,
    [
      skillStatement(target.skillId),
      sql`SELECT g.id, g.created_at AS "createdAt", g.last_used_at AS "lastUsedAt", g.flow, ${LEVEL_COLUMN},
            t.host, t.tokens, t.access_expires_at AS "accessExpiresAt"
          FROM grants g LEFT JOIN amazon_tokens t ON t.grant_id = g.id AND t.purpose = 'enablement'
          WHERE ${isLinkOf(target.userId, now)} AND g.skill_id = ${target.skillId}
          ORDER BY g.created_at DESC, g.id LIMIT 50`,
    ],
    true,
  );
  return { skill: skill && skillFromRow(skill), grants };
}

/** A skill with one of the user's grants, or with none: the columns of the grant are null then. */
export interface ListedLink {
  readonly skillId: string;
  readonly stage: Skill["stage"];
  readonly skillName: string;
  readonly grantId: string | null;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly flow: string;
  readonly level: LinkLevel | null;
}

/** Every skill of the deployment with the user's live grants, one row each. One read. */
export function listLinks(db: D1Database, userId: string, now: number): Promise<ListedLink[]> {
  return readAll<ListedLink>(
    db,
    sql`SELECT s.id AS "skillId", s.stage, s.name AS "skillName", g.id AS "grantId",
          g.created_at AS "createdAt", g.last_used_at AS "lastUsedAt", g.flow, ${LEVEL_COLUMN}
        FROM skills s LEFT JOIN grants g ON g.skill_id = s.id AND ${isLinkOf(userId, now)}
        ORDER BY s.name, s.id, g.created_at DESC, g.id LIMIT 2000`,
  );
}

/** Alexa reports these links ended: revokes them and deletes Amazon's tokens, unless replaced meanwhile. */
export async function revokeEndedLinks(
  db: D1Database,
  ended: readonly { readonly grantId: string; readonly tokens: string }[],
  now: number,
): Promise<void> {
  const these = sql`SELECT t.grant_id FROM json_each(${JSON.stringify(ended)}) j JOIN amazon_tokens t
    ON t.grant_id = j.value ->> 'grantId' AND t.purpose = 'enablement' AND t.tokens = j.value ->> 'tokens'`;
  await batch(
    db,
    [
      ...endGrants(sql`id IN (${these})`, "enablement_gone", now),
      sql`DELETE FROM amazon_tokens WHERE grant_id IN (${these})`,
    ],
    true,
  );
}
