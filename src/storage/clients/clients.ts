// OAuth clients that call us. (What we call Amazon with are LWA credentials, kept with the skill.)
import { decodeRow, readFirst, type Sql, sql } from "../sql.ts";

/** `add_on_service`: the second client of an Alexa+ add-on, for its service tokens only. */
export type ClientKind = "alexa" | "add_on_service" | "app" | "service";

export interface Client {
  readonly id: string;
  readonly kind: ClientKind;
  readonly name: string;
  /** SHA-256 of the secret, base64url; null for public clients. */
  readonly secretHash: string | null;
  readonly previousSecretHash: string | null;
  readonly previousSecretExpiresAt: number | null;
  readonly redirectUris: readonly string[];
  /** For an `alexa` client those of its skill's user tier. */
  readonly scopes: readonly string[];
  /** Those of its skill's service tier, for Alexa's clients. Never in a token that has a user. */
  readonly serviceScopes: readonly string[];
  /** The skill of an `alexa` or `add_on_service` client. */
  readonly skillId: string | null;
  /** The registered resource of its skill (RFC 8707), which is the audience of its tokens; null: the skill has none. */
  readonly resource: string | null;
  /** Skills whose tokens a `service` client may introspect. */
  readonly skillIds: readonly string[];
  /** Audiences that a `service` client may ask for with `resource`, compared byte by byte. */
  readonly resources: readonly string[];
  readonly requirePkce: boolean;
  /** Whether it may use `client_credentials`. An add-on's service client takes this from its `alexa` client. */
  readonly clientCredentials: boolean;
  readonly createdAt: number;
  /** Name of its skill, for pages. */
  readonly skillName: string | null;
  /** What each scope of its skill allows, by scope and language tag. */
  readonly scopeTexts: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** In SQL: the names of the scopes of one tier of the skill `s`, as JSON. */
function scopesOfTier(tier: "service" | "user"): Sql {
  return sql`(SELECT json_group_array(j.value ->> 'name') FROM json_each(s.scopes) j WHERE j.value ->> 'tier' = ${tier})`;
}

/** The columns of `Client`; takes a WHERE on `c`. Decode the rows with `clientFromRow`. */
export const SELECT_CLIENT = sql`SELECT c.id, c.kind, c.name, c.secret_hash AS "secretHash", c.previous_secret_hash AS "previousSecretHash",
    c.previous_secret_expires_at AS "previousSecretExpiresAt", c.redirect_uris AS "redirectUris", c.skill_id AS "skillId",
    s.resource, IIF(s.id IS NULL, c.scopes, ${scopesOfTier("user")}) AS scopes, ${scopesOfTier("service")} AS "serviceScopes",
    c.skill_ids AS "skillIds", c.resources, c.require_pkce AS "requirePkce",
    c.kind IN ('service', 'add_on_service') OR (s.type = 'add_on' AND c.kind = 'alexa' AND NOT EXISTS (
      SELECT 1 FROM clients o WHERE o.skill_id = s.id AND o.kind = 'add_on_service')) AS "clientCredentials",
    c.created_at AS "createdAt", s.name AS "skillName",
    (SELECT json_group_object(j.value ->> 'name', j.value -> 'descriptions') FROM json_each(s.scopes) j) AS "scopeTexts"
  FROM clients c LEFT JOIN skills s ON s.id = c.skill_id`;

/** Reads one client, for a batch. */
export function clientStatement(id: string): Sql {
  return sql`${SELECT_CLIENT} WHERE c.id = ${id}`;
}

/** A row of `SELECT_CLIENT`. Throws when a JSON column does not hold JSON. */
export function clientFromRow(row: Record<string, unknown>): Client {
  return decodeRow<Client>(row, {
    json: ["redirectUris", "scopes", "serviceScopes", "skillIds", "resources", "scopeTexts"],
    flags: ["requirePkce", "clientCredentials"],
  });
}

/** The client, or undefined. One read. */
export async function readClient(db: D1Database, id: string): Promise<Client | undefined> {
  const row = await readFirst<Record<string, unknown>>(db, clientStatement(id));
  return row ? clientFromRow(row) : undefined;
}
