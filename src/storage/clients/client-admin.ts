// Making, changing and listing OAuth clients: what operators do. Reading one for a request is in clients.ts.

import type { Stage } from "../attempts/attempts.ts";
import { batch, type Condition, readAll } from "../d1.ts";
import { type AuditEntry, auditStatement, type Claim, claimedBy, claimStatement } from "../maintenance/audit.ts";
import {
  type AuthMethod,
  type Client,
  type ClientKind,
  type ClientRow,
  clientFromRow,
  SELECT_CLIENT,
} from "./clients.ts";

export interface NewClient {
  readonly id: string;
  readonly kind: ClientKind;
  readonly name: string;
  /** SHA-256 of the secret, base64url; null for public clients. Not changed by an update. */
  readonly secretHash: string | null;
  readonly redirectUris: readonly string[];
  readonly scopes: readonly string[];
  readonly skillId: string | null;
  readonly skillStage: Stage | null;
  readonly skillIds: readonly string[];
  readonly authMethods: readonly AuthMethod[];
  readonly requirePkce: boolean;
  readonly rotateRefreshTokens: boolean;
  readonly issuerInResponse: boolean;
  readonly clientCredentials: boolean;
}

/** An INSERT of one client where `condition` holds; none when the id is taken. */
export function insertClientStatement(
  db: D1Database,
  client: NewClient,
  now: number,
  condition: Condition,
): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO clients (id, kind, name, secret_hash, redirect_uris, scopes, skill_id, skill_stage, skill_ids, auth_methods,
         require_pkce, rotate_refresh_tokens, issuer_in_response, client_credentials, created_at, updated_at)
       SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE ${condition.sql} ON CONFLICT DO NOTHING`,
    )
    .bind(
      client.id,
      client.kind,
      client.name,
      client.secretHash,
      JSON.stringify(client.redirectUris),
      JSON.stringify(client.scopes),
      client.skillId,
      client.skillStage,
      JSON.stringify(client.skillIds),
      JSON.stringify(client.authMethods),
      client.requirePkce ? 1 : 0,
      client.rotateRefreshTokens ? 1 : 0,
      client.issuerInResponse ? 1 : 0,
      client.clientCredentials ? 1 : 0,
      now,
      now,
      ...condition.params,
    );
}

/** An UPDATE of everything that may change in a client: all but its id, kind, skill and secret. */
function updateClientStatement(db: D1Database, client: NewClient, now: number): D1PreparedStatement {
  return db
    .prepare(
      `UPDATE clients SET name = ?2, redirect_uris = ?3, scopes = ?4, skill_ids = ?5, auth_methods = ?6, require_pkce = ?7,
         rotate_refresh_tokens = ?8, issuer_in_response = ?9, client_credentials = ?10, updated_at = ?11 WHERE id = ?1`,
    )
    .bind(
      client.id,
      client.name,
      JSON.stringify(client.redirectUris),
      JSON.stringify(client.scopes),
      JSON.stringify(client.skillIds),
      JSON.stringify(client.authMethods),
      client.requirePkce ? 1 : 0,
      client.rotateRefreshTokens ? 1 : 0,
      client.issuerInResponse ? 1 : 0,
      client.clientCredentials ? 1 : 0,
      now,
    );
}

/** Adds an `app` or `service` client, in one batch that may be repeated (F5). Returns false when its id is taken. */
export async function insertClient(db: D1Database, client: NewClient, now: number, claim: Claim): Promise<boolean> {
  const mine = claimedBy(claim.claimId, now);
  const results = await batch(
    db,
    [
      claimStatement(db, now, claim, {
        sql: "NOT EXISTS (SELECT 1 FROM clients WHERE id = ?)",
        params: [client.id],
      }),
      insertClientStatement(db, client, now, mine),
      db.prepare(`SELECT ${mine.sql} AS mine`).bind(...mine.params),
    ],
    true,
  );
  return results.at(-1)?.[0]?.mine === 1;
}

/** `app` and `service` clients in the order of their ids, from behind `after` on. */
export async function listClients(db: D1Database, after: string, limit: number): Promise<Client[]> {
  const rows = await readAll<ClientRow>(
    db.prepare(`${SELECT_CLIENT} WHERE c.id > ? AND c.kind <> 'alexa' ORDER BY c.id LIMIT ?`).bind(after, limit),
  );
  return rows.map(clientFromRow);
}

/** Removes an `app` or `service` client with its grants and codes. Returns false when there is none of this id. */
export async function deleteClient(db: D1Database, id: string, now: number, audit: AuditEntry): Promise<boolean> {
  const [, rows = []] = await batch(
    db,
    [
      db
        .prepare("DELETE FROM codes WHERE client_id IN (SELECT id FROM clients WHERE id = ? AND kind <> 'alexa')")
        .bind(id),
      db.prepare("DELETE FROM clients WHERE id = ? AND kind <> 'alexa' RETURNING id").bind(id),
      auditStatement(db, now, audit),
    ],
    false,
  );
  return rows.length === 1;
}

/**
 * Gives a confidential client a new secret; the present one stays valid until `previousExpiresAt` (milliseconds), and one
 * that was still in its own overlap ends now: two secrets live at a time. Repeating the batch changes nothing more (F5): a secret that was
 * made and never shown would be lost. Returns false when the client has gone.
 */
export async function rotateClientSecret(
  db: D1Database,
  clientId: string,
  change: { readonly secretHash: string; readonly previousExpiresAt: number; readonly now: number },
  claim: Claim,
): Promise<boolean> {
  const mine = claimedBy(claim.claimId, change.now);
  const results = await batch(
    db,
    [
      claimStatement(db, change.now, claim, {
        sql: "EXISTS (SELECT 1 FROM clients WHERE id = ? AND secret_hash IS NOT NULL AND secret_hash <> ?)",
        params: [clientId, change.secretHash],
      }),
      db
        .prepare(
          `UPDATE clients SET previous_secret_hash = secret_hash, previous_secret_expires_at = ?, secret_hash = ?, updated_at = ?
           WHERE id = ? AND secret_hash <> ? AND ${mine.sql}`,
        )
        .bind(change.previousExpiresAt, change.secretHash, change.now, clientId, change.secretHash, ...mine.params),
      db.prepare(`SELECT ${mine.sql} AS mine`).bind(...mine.params),
    ],
    true,
  );
  return results.at(-1)?.[0]?.mine === 1;
}

/** Clients by id, at most `ids.length`; the order is that of the ids in storage. */
export async function readClients(db: D1Database, ids: readonly string[]): Promise<Client[]> {
  if (ids.length === 0) return [];
  const rows = await readAll<ClientRow>(
    db
      .prepare(`${SELECT_CLIENT} WHERE c.id IN (SELECT value FROM json_each(?)) ORDER BY c.id`)
      .bind(JSON.stringify(ids)),
  );
  return rows.map(clientFromRow);
}

/** Writes a changed client. */
export async function changeClient(db: D1Database, client: NewClient, now: number, audit: AuditEntry): Promise<void> {
  await batch(db, [updateClientStatement(db, client, now), auditStatement(db, now, audit)], true);
}
