// Making, changing and removing skills with their Alexa clients: what operators do. Reading one for a request is in skills.ts.
import type { Keyring } from "../../crypto/keyring.ts";
import type { Stage } from "../attempts/attempts.ts";
import { insertClientStatement, type NewClient } from "../clients/client-admin.ts";
import { batch, type Condition } from "../d1.ts";
import { type AuditEntry, auditStatement, type Claim, claimedBy, claimStatement } from "../maintenance/audit.ts";
import {
  EVENT_GATEWAY,
  LWA,
  type LwaCredentials,
  type SealedLwaCredentials,
  type SkillScope,
  type SkillType,
  secretSealContext,
} from "./skills.ts";

/** A skill as an operator writes it: credentials in clear, sealed on the way in. */
export interface SkillContent {
  readonly id: string;
  readonly stage: Stage;
  readonly type: SkillType;
  readonly name: string;
  readonly vendorId: string | null;
  readonly scopes: readonly SkillScope[];
  readonly returnUrls: readonly string[];
  readonly extraRedirectUris: readonly string[];
  readonly redirectUris: readonly string[];
}

/** undefined: stays as it is; null: removed. */
export interface CredentialChanges {
  readonly lwa?: LwaCredentials | null | undefined;
  readonly eventGateway?: LwaCredentials | null | undefined;
}

/** What may change in a skill's client. Redirect URIs and scopes are not among it: they follow from its skills. */
export interface ClientPolicy {
  readonly requirePkce?: boolean | undefined;
  readonly rotateRefreshTokens?: boolean | undefined;
  readonly issuerInResponse?: boolean | undefined;
  readonly authMethods?: readonly string[] | undefined;
}

/** The client of a new skill: one of its own, or that of the skill's other stage. */
export type SkillClient =
  | { readonly own: NewClient }
  | { readonly shared: { readonly id: string; readonly policy: ClientPolicy } };

async function sealed(
  rt: { readonly keyring: Keyring },
  skill: SkillContent,
  use: string,
  given: LwaCredentials | null | undefined,
): Promise<SealedLwaCredentials | null> {
  if (!given) return null;
  return {
    clientId: given.clientId,
    sealedClientSecret: await rt.keyring.seal("lwa-client-secret", secretSealContext(skill, use), given.clientSecret),
  };
}

interface Stored {
  readonly keyring: Keyring;
  readonly db: D1Database;
  readonly now: () => number;
}

export type InsertedSkill = "inserted" | "skill_exists" | "client_exists" | "client_missing";

/**
 * Adds a skill with its Alexa client, in one batch that may be repeated: the audit row is what claims both ids, and `claimId`, random per
 * request, tells a repeat after a lost connection that it was this request which did it (F5).
 */
export async function insertSkill(
  rt: Stored,
  skill: SkillContent,
  secrets: CredentialChanges,
  client: SkillClient,
  claim: Claim,
): Promise<InsertedSkill> {
  const { db } = rt;
  const now = rt.now();
  const lwa = await sealed(rt, skill, LWA, secrets.lwa);
  const event = await sealed(rt, skill, EVENT_GATEWAY, secrets.eventGateway);
  const mine = claimedBy(claim.claimId, now);
  const id = "own" in client ? client.own.id : client.shared.id;
  const clientMayBeUsed: Condition =
    "own" in client
      ? { sql: "NOT EXISTS (SELECT 1 FROM clients WHERE id = ?)", params: [id] }
      : {
          sql: "EXISTS (SELECT 1 FROM clients WHERE id = ? AND kind = 'alexa' AND skill_id = ?)",
          params: [id, skill.id],
        };
  const results = await batch(
    db,
    [
      claimStatement(db, now, claim, {
        sql: `NOT EXISTS (SELECT 1 FROM skills WHERE id = ? AND stage = ?) AND ${clientMayBeUsed.sql}`,
        params: [skill.id, skill.stage, ...clientMayBeUsed.params],
      }),
      db
        .prepare(
          `INSERT INTO skills (id, stage, type, name, vendor_id, scopes, return_urls, extra_redirect_uris, redirect_uris, client_id,
             lwa_client_id, lwa_client_secret, event_client_id, event_client_secret, created_at, updated_at)
           SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE ${mine.sql} ON CONFLICT DO NOTHING`,
        )
        .bind(
          skill.id,
          skill.stage,
          skill.type,
          skill.name,
          skill.vendorId,
          JSON.stringify(skill.scopes),
          JSON.stringify(skill.returnUrls),
          JSON.stringify(skill.extraRedirectUris),
          JSON.stringify(skill.redirectUris),
          id,
          lwa?.clientId ?? null,
          lwa?.sealedClientSecret ?? null,
          event?.clientId ?? null,
          event?.sealedClientSecret ?? null,
          now,
          now,
          ...mine.params,
        ),
      "own" in client
        ? insertClientStatement(db, client.own, now, mine)
        : policyStatement(db, id, client.shared.policy, now, mine),
      settleClientsStatement(db, skill.id, now),
      db
        .prepare(`SELECT ${mine.sql} AS mine, EXISTS (SELECT 1 FROM skills WHERE id = ? AND stage = ?) AS skill_exists`)
        .bind(...mine.params, skill.id, skill.stage),
    ],
    true,
  );
  const verdict = results.at(-1)?.[0];
  if (verdict?.mine === 1) return "inserted";
  if (verdict?.skill_exists === 1) return "skill_exists";
  return "own" in client ? "client_exists" : "client_missing";
}

/** Writes a changed skill and its client. Returns false when the skill has gone meanwhile. */
export async function updateSkill(
  rt: Stored,
  skill: SkillContent,
  secrets: CredentialChanges,
  client: { readonly id: string; readonly policy: ClientPolicy },
  audit: AuditEntry,
): Promise<boolean> {
  const { db } = rt;
  const now = rt.now();
  const lwa = await sealed(rt, skill, LWA, secrets.lwa);
  const event = await sealed(rt, skill, EVENT_GATEWAY, secrets.eventGateway);
  const [rows = []] = await batch(
    db,
    [
      db
        .prepare(
          `UPDATE skills SET type = ?3, name = ?4, vendor_id = ?5, scopes = ?6, return_urls = ?7, extra_redirect_uris = ?8,
             redirect_uris = ?9,
             lwa_client_id = CASE WHEN ?10 THEN ?11 ELSE lwa_client_id END,
             lwa_client_secret = CASE WHEN ?10 THEN ?12 ELSE lwa_client_secret END,
             event_client_id = CASE WHEN ?13 THEN ?14 ELSE event_client_id END,
             event_client_secret = CASE WHEN ?13 THEN ?15 ELSE event_client_secret END,
             updated_at = ?16
           WHERE id = ?1 AND stage = ?2 RETURNING id`,
        )
        .bind(
          skill.id,
          skill.stage,
          skill.type,
          skill.name,
          skill.vendorId,
          JSON.stringify(skill.scopes),
          JSON.stringify(skill.returnUrls),
          JSON.stringify(skill.extraRedirectUris),
          JSON.stringify(skill.redirectUris),
          secrets.lwa === undefined ? 0 : 1,
          lwa?.clientId ?? null,
          lwa?.sealedClientSecret ?? null,
          secrets.eventGateway === undefined ? 0 : 1,
          event?.clientId ?? null,
          event?.sealedClientSecret ?? null,
          now,
        ),
      policyStatement(db, client.id, client.policy, now),
      settleClientsStatement(db, skill.id, now),
      auditStatement(db, now, audit),
    ],
    true,
  );
  return rows.length === 1;
}

function policyStatement(
  db: D1Database,
  clientId: string,
  policy: ClientPolicy,
  now: number,
  condition: Condition = { sql: "TRUE", params: [] },
): D1PreparedStatement {
  const flag = (value: boolean | undefined) => (value === undefined ? null : value ? 1 : 0);
  return db
    .prepare(
      `UPDATE clients SET require_pkce = COALESCE(?, require_pkce), rotate_refresh_tokens = COALESCE(?, rotate_refresh_tokens),
         issuer_in_response = COALESCE(?, issuer_in_response), auth_methods = COALESCE(?, auth_methods), updated_at = ?
       WHERE id = ? AND kind = 'alexa' AND ${condition.sql}`,
    )
    .bind(
      flag(policy.requirePkce),
      flag(policy.rotateRefreshTokens),
      flag(policy.issuerInResponse),
      policy.authMethods === undefined ? null : JSON.stringify(policy.authMethods),
      now,
      clientId,
      ...condition.params,
    );
}

/**
 * Makes a skill's clients what their stages need, live first: redirect URIs and scopes are the union of both, a request that does not say
 * which stage it is of is taken for live, and an add-on demands PKCE. Alone in its statement, so that two changes at once lose nothing.
 */
function settleClientsStatement(db: D1Database, skillId: string, now: number): D1PreparedStatement {
  const union = (column: string, entry: string) =>
    `(SELECT json_group_array(entry) FROM (SELECT ${entry} AS entry FROM skills s, json_each(s.${column}) j
       WHERE s.client_id = clients.id GROUP BY entry ORDER BY MIN(s.stage = 'development'), MIN(j.key)))`;
  const addOn = "EXISTS (SELECT 1 FROM skills s WHERE s.client_id = clients.id AND s.type = 'add_on')";
  return db
    .prepare(
      `UPDATE clients SET redirect_uris = ${union("redirect_uris", "j.value")}, scopes = ${union("scopes", "j.value ->> 'name'")},
         skill_stage = (SELECT MAX(s.stage) FROM skills s WHERE s.client_id = clients.id),
         name = (SELECT s.name FROM skills s WHERE s.client_id = clients.id ORDER BY s.stage DESC LIMIT 1),
         client_credentials = ${addOn}, require_pkce = MAX(require_pkce, ${addOn}), updated_at = ?
       WHERE skill_id = ? AND kind = 'alexa' AND EXISTS (SELECT 1 FROM skills s WHERE s.client_id = clients.id)`,
    )
    .bind(now, skillId);
}

/**
 * Removes a skill with its grants and codes, and its client unless the other stage has it too. Returns false when there was none.
 */
export async function deleteSkill(rt: Stored, id: string, stage: Stage, audit: AuditEntry): Promise<boolean> {
  const { db } = rt;
  const itsClient = "(SELECT client_id FROM skills WHERE id = ?1 AND stage = ?2)";
  const other = "SELECT o.stage FROM skills o WHERE o.client_id = clients.id AND o.stage <> ?2";
  const results = await batch(
    db,
    [
      // Codes have no foreign key: a client made again under the same id must not find them.
      db
        .prepare(
          `DELETE FROM codes WHERE client_id = ${itsClient} AND (
             NOT EXISTS (SELECT 1 FROM skills o WHERE o.client_id = codes.client_id AND o.stage <> ?2)
             OR (SELECT l.skill_stage FROM attempts l WHERE l.id = codes.attempt_id) IS ?2)`,
        )
        .bind(id, stage),
      db
        .prepare(`DELETE FROM grants WHERE client_id = ${itsClient} AND skill_id = ?1 AND skill_stage = ?2`)
        .bind(id, stage),
      // The client follows its skill by foreign key: it moves to the stage that keeps it, first.
      db
        .prepare(`UPDATE clients SET skill_stage = (${other}) WHERE id = ${itsClient} AND EXISTS (${other})`)
        .bind(id, stage),
      db.prepare("DELETE FROM skills WHERE id = ? AND stage = ? RETURNING id").bind(id, stage),
      settleClientsStatement(db, id, rt.now()),
      auditStatement(db, rt.now(), audit),
    ],
    false,
  );
  return results[3]?.length === 1;
}
