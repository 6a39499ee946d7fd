// Everything about one customer, for the console. No hash, no token and no sealed value.

import type { Flow } from "../attempts/attempts.ts";
import { attemptFromRow, attemptListQuery, type ListedAttempt } from "../attempts/list.ts";
import { LEVEL_COLUMN, type LinkLevel } from "../grants/link-levels.ts";
import { batch, sql } from "../sql.ts";
import { USER_COLUMNS, type User } from "../users/users.ts";
import { type AuditRecord, auditFromRow, auditListStatement } from "./audit-list.ts";

/** Times are milliseconds since 1970. */
export interface LinkOfCustomer {
  readonly id: string;
  /** The skill's name, otherwise the client's. */
  readonly name: string | null;
  readonly skillId: string | null;
  readonly clientId: string;
  readonly flow: Flow;
  readonly attemptId: string | null;
  readonly alexaUserId: string | null;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly idleExpiresAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  readonly revokedReason: string | null;
  /** null until Alexa has shown it. */
  readonly level: LinkLevel | null;
}

export interface Customer {
  readonly user: User;
  readonly identities: readonly {
    readonly method: string;
    readonly issuer: string;
    readonly subject: string;
    readonly createdAt: number;
  }[];
  /** Live and ended, newest first. Ended ones are kept for thirty days. */
  readonly links: readonly LinkOfCustomer[];
  readonly logins: readonly { readonly id: string; readonly createdAt: number; readonly endedAt: number | null }[];
  readonly attempts: readonly ListedAttempt[];
  readonly events: readonly { readonly type: string; readonly skillId: string; readonly receivedAt: number }[];
  readonly audit: readonly AuditRecord[];
  /** Refused refreshes, and refused AcceptGrant directives, of the links: the latest of each reason. */
  readonly refusals: readonly {
    readonly endpoint: "token" | "accept_grant";
    readonly reason: string;
    readonly grantId: string;
    readonly count: number;
    readonly lastSeenAt: number;
  }[];
}

const MOST_LINKS = 100;

type Row = Record<string, unknown>;
type Part<Name extends "identities" | "logins" | "events" | "refusals"> = Customer[Name][number];

/** The customer, or undefined, with attempts, events and audit rows from before a time, at most `limit`. One read. */
export async function readCustomer(
  db: D1Database,
  userId: string,
  before: number,
  limit: number,
): Promise<Customer | undefined> {
  const statements = [
    sql`SELECT ${USER_COLUMNS} FROM users u WHERE u.id = ${userId}`,
    sql`SELECT method, issuer, subject, created_at AS "createdAt" FROM identities WHERE user_id = ${userId}
        ORDER BY created_at LIMIT ${MOST_LINKS}`,
    sql`SELECT id, COALESCE((SELECT name FROM skills WHERE id = skill_id), (SELECT name FROM clients WHERE id = client_id)) AS name,
          skill_id AS "skillId", client_id AS "clientId", flow, attempt_id AS "attemptId", alexa_user_id AS "alexaUserId",
          created_at AS "createdAt", last_used_at AS "lastUsedAt", idle_expires_at AS "idleExpiresAt", expires_at AS "expiresAt",
          revoked_at AS "revokedAt", revoked_reason AS "revokedReason", ${LEVEL_COLUMN}
        FROM grants WHERE user_id = ${userId} ORDER BY created_at DESC, id LIMIT ${MOST_LINKS}`,
    sql`SELECT id, created_at AS "createdAt", ended_at AS "endedAt" FROM sessions WHERE user_id = ${userId}
        ORDER BY created_at DESC LIMIT ${MOST_LINKS}`,
    attemptListQuery({ userId, to: before }, undefined, limit),
    sql`SELECT type, skill_id AS "skillId", received_at AS "receivedAt" FROM skill_events
        WHERE alexa_user_id IN (SELECT alexa_user_id FROM grants WHERE user_id = ${userId} UNION ALL SELECT ${userId})
          AND alexa_user_id IS NOT NULL AND +received_at < ${before}
        ORDER BY received_at DESC LIMIT ${limit}`,
    sql`SELECT * FROM (${auditListStatement({ userId }, undefined, 1000)}) WHERE at < ${before} LIMIT ${limit}`,
    // Their number is bounded.
    sql`SELECT endpoint, reason, detail AS "grantId", count, last_seen_at AS "lastSeenAt" FROM refusals
        WHERE endpoint IN ('token', 'accept_grant') AND detail IN (SELECT id FROM grants WHERE user_id = ${userId})
        ORDER BY last_seen_at DESC LIMIT ${limit}`,
  ];
  type Rows = [User, Part<"identities">, LinkOfCustomer, Part<"logins">, Row, Part<"events">, Row, Part<"refusals">];
  const [[user], identities, links, logins, attempts, events, audit, refusals] = await batch<Rows>(
    db,
    statements,
    true,
  );
  if (!user) return undefined;
  return {
    user,
    identities,
    links,
    logins,
    attempts: attempts.map(attemptFromRow),
    events,
    audit: audit.map(auditFromRow),
    refusals,
  };
}
