// What a user has linked: living grants of a skill, with Amazon's tokens where we hold some.

import { batch, prepared, readAll, write } from "../d1.ts";
import { type Skill, skillFromRow, skillStatement } from "../skills/skills.ts";
import { LEVEL, type LinkLevel } from "./link-levels.ts";

export interface LinkedGrant {
  readonly id: string;
  readonly created_at: number;
  readonly last_used_at: number;
  readonly flow: string;
  readonly level: LinkLevel | null;
  readonly host: string | null;
  readonly tokens: string | null;
  readonly access_expires_at: number | null;
}

/** A grant made by a linking that is still running, or that failed, is nobody's link yet. */
const LIVING = `g.user_id = ?1 AND g.revoked_at IS NULL AND g.idle_expires_at > ?2 AND (g.expires_at IS NULL OR g.expires_at > ?2)
  AND NOT EXISTS (SELECT 1 FROM attempts l WHERE l.id = g.attempt_id AND l.state_hash IS NOT NULL AND l.outcome <> 'linked')`;

/** A user's living grants of one skill, newest first, at most 50. One round trip. */
export async function readLinks(
  db: D1Database,
  target: { readonly userId: string; readonly skillId: string },
  now: number,
): Promise<{ skill: Skill | undefined; grants: LinkedGrant[] }> {
  const [skills = [], grants = []] = await batch(
    db,
    [
      prepared(db, skillStatement(target.skillId)),
      db
        .prepare(
          `SELECT g.id, g.created_at, g.last_used_at, g.flow, ${LEVEL}, t.host, t.tokens, t.access_expires_at
           FROM grants g LEFT JOIN amazon_tokens t ON t.grant_id = g.id AND t.purpose = 'enablement'
           WHERE ${LIVING} AND g.skill_id = ?3
           ORDER BY g.created_at DESC, g.id LIMIT 50`,
        )
        .bind(target.userId, now, target.skillId),
    ],
    true,
  );
  return { skill: skills[0] ? skillFromRow(skills[0]) : undefined, grants: grants as unknown as LinkedGrant[] };
}

export interface ListedLink {
  readonly skill_id: string;
  readonly skill_name: string;
  readonly grant_id: string | null;
  readonly created_at: number | null;
  readonly last_used_at: number | null;
  readonly flow: string | null;
  readonly level: LinkLevel | null;
}

/** Every skill of the deployment with the user's living grants, a row each. One read. */
export function listLinks(db: D1Database, userId: string, now: number): Promise<ListedLink[]> {
  return readAll<ListedLink>(
    db
      .prepare(
        `SELECT s.id AS skill_id, s.name AS skill_name,
           g.id AS grant_id, g.created_at, g.last_used_at, g.flow, ${LEVEL}
         FROM skills s LEFT JOIN grants g ON g.skill_id = s.id AND ${LIVING}
         ORDER BY s.name, s.id, g.created_at DESC, g.id LIMIT 2000`,
      )
      .bind(userId, now),
  );
}

/** Alexa says that these are not linked any more: they end, and Amazon's tokens are forgotten, unless they were replaced meanwhile. */
export async function revokeUnlinkedGrants(
  db: D1Database,
  rows: readonly { readonly grant_id: string; readonly tokens: string | null }[],
  now: number,
): Promise<void> {
  if (rows.length === 0) return;
  const checked = JSON.stringify(rows.map((row) => ({ id: row.grant_id, tokens: row.tokens })));
  const gone = `SELECT t.grant_id FROM json_each(?1) j JOIN amazon_tokens t ON t.grant_id = j.value ->> 'id'
    AND t.purpose = 'enablement' AND t.tokens = j.value ->> 'tokens'`;
  await batch(
    db,
    [
      db
        .prepare(
          `INSERT INTO audit (at, kind, user_id, client_id, grant_id, attempt_id, details)
           SELECT ?2, 'grant_revoked', user_id, client_id, id, attempt_id, 'enablement_gone' FROM grants
           WHERE id IN (${gone}) AND revoked_at IS NULL`,
        )
        .bind(checked, now),
      db
        .prepare(
          `UPDATE grants SET revoked_at = ?2, revoked_reason = 'enablement_gone' WHERE id IN (${gone}) AND revoked_at IS NULL`,
        )
        .bind(checked, now),
      db.prepare(`DELETE FROM amazon_tokens WHERE grant_id IN (${gone})`).bind(checked),
    ],
    true,
  );
}

/** Notes which host knows the customer's enablements now: people move. */
export async function moveEnablement(db: D1Database, grantId: string, host: string): Promise<void> {
  await write(
    db.prepare("UPDATE amazon_tokens SET host = ? WHERE grant_id = ? AND purpose = 'enablement'").bind(host, grantId),
    true,
  );
}
