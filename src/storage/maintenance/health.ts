// Whether the database can be used: its schema is complete, and our master keys open what it holds.
import { batch, readAll, sql, sqlName } from "../sql.ts";
import { SEALED_COLUMNS } from "./reseal.ts";

/** The columns of each table, as the migrations make them. */
export const TABLES: Readonly<Record<string, string>> = {
  skills:
    "id stage type name linking vendor_id scopes return_urls extra_redirect_uris lwa_client_id lwa_client_secret event_client_id event_client_secret created_at updated_at",
  clients:
    "id kind name secret_hash previous_secret_hash previous_secret_expires_at redirect_uris scopes skill_id skill_ids require_pkce client_credentials created_at updated_at",
  users: "id email name session_epoch created_at updated_at",
  identities: "method issuer subject user_id password_hash created_at last_used_at",
  sessions: "id user_id browser_hash created_at ended_at",
  throttles: "key failures updated_at",
  attempts:
    "id trace_id flow platform skill_id stage client_id user_id browser_hash session_id outcome reason steps decision decided_at grant_id state_hash redirect_uri return_to amazon_code_hash amazon_tokens amazon_host running_until run_id created_at expires_at finished_at",
  codes:
    "code_hash attempt_id grant_id origin client_id user_id redirect_uri scope code_challenge created_at expires_at spent_at claim_id voided_at",
  grants:
    "id user_id client_id skill_id scope flow attempt_id trace_id refresh_hash salt generation rotated_at created_at last_used_at idle_expires_at expires_at revoked_at revoked_reason alexa_user_id imported_at level_shown",
  amazon_tokens: "grant_id purpose host tokens access_expires_at code_hash updated_at",
  pending_unlinks: "id grant_id user_id skill_id host tokens sealed_for attempts next_attempt_at created_at",
  signing_keys: "kid public_jwk private_jwk created_at signs_from verifies_until",
  audit: "id at kind alert user_id client_id grant_id attempt_id trace_id details",
  refusals: "client_id reason redirect_uri count last_seen_at",
  oauth_metrics: "hour_at skill_id name count",
  skill_events: "request_id type skill_id alexa_user_id event_at received_at",
  sign_in_attempts: "state_hash browser_hash payload expires_at",
  webhook_outbox: "next_attempt_at occurred_at id type data attempts",
};

/** The indexes and triggers that the migrations make. */
export const INDEXES_AND_TRIGGERS =
  "users_by_email identities_by_user identities_by_seal sessions_by_user sessions_by_age throttles_by_age attempts_by_state attempts_by_time attempts_by_skill attempts_by_outcome attempts_by_user attempts_by_expiry attempts_by_seal codes_by_attempt codes_by_user codes_by_expiry grants_by_user grants_by_client grants_by_attempt grants_by_alexa_user grants_by_idle grants_by_revocation ended_imports grants_by_imported_token grants_by_end amazon_tokens_by_seal pending_unlinks_by_time pending_unlinks_by_user audit_by_time audit_alerts audit_by_user audit_by_grant audit_operator_sign_outs refusals_by_time skill_events_by_alexa_user skill_events_by_time sign_in_attempts_by_expiry webhook_link_created webhook_link_removed webhook_link_deleted";

/**
 * What the migrations make and this database lacks: tables, `table.column`, indexes and triggers. Empty when the schema
 * is complete. Throws `StorageFault` when the database does not respond.
 */
export async function missingFromSchema(db: D1Database): Promise<string[]> {
  const objects = [...Object.keys(TABLES), ...INDEXES_AND_TRIGGERS.split(" ")];
  const rows = await readAll<{ name: string }>(
    db,
    sql`WITH objects AS (SELECT name, type FROM sqlite_schema
          WHERE name IN (SELECT value FROM json_each(${JSON.stringify(objects)})))
        SELECT name FROM objects UNION ALL
        SELECT objects.name || '.' || columns.name FROM objects, pragma_table_info(objects.name) AS columns
          WHERE objects.type = 'table' LIMIT 2000`,
  );
  const found = new Set(rows.map(({ name }) => name));
  const columns = Object.entries(TABLES).flatMap(([table, names]) =>
    found.has(table) ? names.split(" ").map((name) => `${table}.${name}`) : [],
  );
  return [...objects, ...columns].filter((name) => !found.has(name));
}

/** Amazon's tokens are left out: those of a lost key never open again, and linking does not need them. */
const CHECKED_COLUMNS = SEALED_COLUMNS.filter(({ purpose }) => purpose !== "amazon-tokens");

/**
 * Columns (`table.column`) that hold sealed values, of which none was sealed with one of these master keys. Throws
 * `StorageFault`.
 */
export async function columnsSealedElsewhere(db: D1Database, keyIds: readonly string[]): Promise<string[]> {
  const found = await batch(
    db,
    CHECKED_COLUMNS.map(({ table, column }) => {
      const [from, value] = [sqlName(table), sqlName(column)];
      return sql`SELECT 1 FROM ${from} WHERE ${value} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ${from}
        WHERE ${value} IS NOT NULL AND substr(${value}, 1, 6) IN (SELECT value FROM json_each(${JSON.stringify(keyIds)})))
        LIMIT 1`;
    }),
    true,
  );
  return CHECKED_COLUMNS.filter((_, index) => found[index]?.length).map(({ table, column }) => `${table}.${column}`);
}
