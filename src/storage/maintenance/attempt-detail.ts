// One attempt and what belongs to it, for its page in the console. No hash, no code and no sealed value.
import { ATTEMPT_COLUMNS, type ListedAttempt } from "../attempts/list.ts";
import type { CodeOrigin } from "../grants/codes.ts";
import { batch, decodeRow, sql } from "../sql.ts";
import { type AuditRecord, auditFromRow, auditListStatement } from "./audit-list.ts";

/** Times are milliseconds since 1970. */
export interface AttemptDetail extends ListedAttempt {
  readonly decision: "allow" | "deny" | null;
  readonly grantId: string | null;
  /** At Alexa, or in an attempt that we started, at Amazon. */
  readonly redirectUri: string | null;
  /** Space-separated names; null if no authorization request named them. */
  readonly scope: string | null;
  /** Whether the authorization request had a code challenge; null if there was no such request. */
  readonly pkce: 0 | 1 | null;
  /** The language of the pages. */
  readonly locale: string | null;
  readonly returnTo: string | null;
  readonly expiresAt: number;
  readonly finishedAt: number | null;
  readonly skillName: string | null;
  readonly clientName: string | null;
  readonly email: string | null;
}

export interface CodeOfAttempt {
  readonly origin: CodeOrigin;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly spentAt: number | null;
  readonly voidedAt: number | null;
}

export interface GrantOfAttempt {
  readonly id: string;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly revokedAt: number | null;
  readonly revokedReason: string | null;
}

export interface AttemptPage {
  readonly attempt: AttemptDetail;
  /** Kept for a day after they expired. */
  readonly codes: readonly CodeOfAttempt[];
  readonly grants: readonly GrantOfAttempt[];
  /** Newest first. */
  readonly audit: readonly AuditRecord[];
}

const MOST_ROWS = 50;

type Row = Record<string, unknown>;

/** The attempt, or undefined. One read. */
export async function readAttemptDetail(db: D1Database, id: string): Promise<AttemptPage | undefined> {
  const ofIt = sql`user_id = (SELECT user_id FROM attempts WHERE id = ${id}) AND attempt_id = ${id}`;
  const statements = [
    sql`SELECT ${ATTEMPT_COLUMNS}, decision, grant_id AS "grantId", redirect_uri AS "redirectUri", scope, pkce, locale, return_to AS "returnTo",
          expires_at AS "expiresAt", finished_at AS "finishedAt",
          (SELECT name FROM skills WHERE id = attempts.skill_id) AS "skillName",
          (SELECT name FROM clients WHERE id = attempts.client_id) AS "clientName",
          (SELECT email FROM users WHERE id = attempts.user_id) AS email
        FROM attempts WHERE id = ${id}`,
    sql`SELECT origin, created_at AS "createdAt", expires_at AS "expiresAt", spent_at AS "spentAt", voided_at AS "voidedAt"
        FROM codes WHERE ${ofIt} ORDER BY created_at DESC LIMIT ${MOST_ROWS}`,
    sql`SELECT id, created_at AS "createdAt", last_used_at AS "lastUsedAt", revoked_at AS "revokedAt", revoked_reason AS "revokedReason"
        FROM grants WHERE ${ofIt} ORDER BY created_at DESC LIMIT ${MOST_ROWS}`,
    auditListStatement({ attemptId: id }, undefined, MOST_ROWS),
  ];
  const [[row], codes, grants, audit] = await batch<[Row, CodeOfAttempt, GrantOfAttempt, Row]>(db, statements, true);
  if (!row) return undefined;
  return { attempt: decodeRow<AttemptDetail>(row, { json: ["steps"] }), codes, grants, audit: audit.map(auditFromRow) };
}
