// OAuth clients that call us. (What we call Amazon with are LWA credentials, kept with the skill.)
import * as z from "zod/mini";
import type { Stage } from "../attempts/attempts.ts";
import { readFirst } from "../d1.ts";

export type ClientKind = "alexa" | "app" | "service";
export type AuthMethod = "client_secret_basic" | "client_secret_post";

export interface Client {
  readonly id: string;
  readonly kind: ClientKind;
  readonly name: string;
  /** SHA-256 of the secret, base64url; null for public clients. */
  readonly secretHash: string | null;
  readonly previousSecretHash: string | null;
  readonly previousSecretExpiresAt: number | null;
  readonly redirectUris: readonly string[];
  readonly scopes: readonly string[];
  /** The skill of an `alexa` client. */
  readonly skillId: string | null;
  /** Its stage; of two that share the client, the one that requests through it are taken for: live. */
  readonly skillStage: Stage | null;
  /** The other stage of the skill, when that has this client too. */
  readonly sharedWith: Stage | null;
  /** Skills whose tokens a `service` client may look at. */
  readonly skillIds: readonly string[];
  readonly authMethods: readonly AuthMethod[];
  readonly requirePkce: boolean;
  readonly rotateRefreshTokens: boolean;
  readonly issuerInResponse: boolean;
  readonly clientCredentials: boolean;
  readonly createdAt: number;
  /** Of its skill, for pages: what the customer calls it, and the scopes' texts. */
  readonly skillName: string | null;
  readonly scopeTexts: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const strings = z.array(z.string());
const skillScopes = z.array(z.object({ name: z.string(), descriptions: z.record(z.string(), z.string()) }));

export interface ClientRow {
  readonly id: string;
  readonly kind: ClientKind;
  readonly name: string;
  readonly secret_hash: string | null;
  readonly previous_secret_hash: string | null;
  readonly previous_secret_expires_at: number | null;
  readonly redirect_uris: string;
  readonly scopes: string;
  readonly skill_id: string | null;
  readonly skill_stage: Stage | null;
  readonly skill_ids: string;
  readonly auth_methods: string;
  readonly require_pkce: number;
  readonly rotate_refresh_tokens: number;
  readonly issuer_in_response: number;
  readonly client_credentials: number;
  readonly created_at: number;
  readonly skill_name: string | null;
  readonly skill_scopes: string | null;
  readonly other_stage: Stage | null;
  readonly other_scopes: string | null;
}

/** All of a client, with what pages need of its skill; takes a WHERE on `c`. */
export const SELECT_CLIENT = `SELECT c.*, s.name AS skill_name, s.scopes AS skill_scopes, o.stage AS other_stage, o.scopes AS other_scopes
  FROM clients c LEFT JOIN skills s ON s.id = c.skill_id AND s.stage = c.skill_stage
  LEFT JOIN skills o ON o.id = c.skill_id AND o.stage <> c.skill_stage AND o.client_id = c.id`;

/** Reads one client by id, as a statement for a batch. */
export function clientStatement(db: D1Database, id: string): D1PreparedStatement {
  return db.prepare(`${SELECT_CLIENT} WHERE c.id = ?`).bind(id);
}

/** The client of a row that `SELECT_CLIENT` read. Throws when a list in it is no list. */
export function clientFromRow(row: ClientRow): Client {
  const texts = [row.other_scopes, row.skill_scopes].flatMap((scopes) =>
    scopes === null ? [] : skillScopes.parse(JSON.parse(scopes)),
  );
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    secretHash: row.secret_hash,
    previousSecretHash: row.previous_secret_hash,
    previousSecretExpiresAt: row.previous_secret_expires_at,
    redirectUris: strings.parse(JSON.parse(row.redirect_uris)),
    scopes: strings.parse(JSON.parse(row.scopes)),
    skillId: row.skill_id,
    skillStage: row.skill_stage,
    sharedWith: row.other_stage,
    skillIds: strings.parse(JSON.parse(row.skill_ids)),
    authMethods: strings.parse(JSON.parse(row.auth_methods)) as AuthMethod[],
    requirePkce: row.require_pkce === 1,
    rotateRefreshTokens: row.rotate_refresh_tokens === 1,
    issuerInResponse: row.issuer_in_response === 1,
    clientCredentials: row.client_credentials === 1,
    createdAt: row.created_at,
    skillName: row.skill_name,
    scopeTexts: Object.fromEntries(texts.map((scope) => [scope.name, scope.descriptions])),
  };
}

/** The client, or undefined. One read. */
export async function readClient(db: D1Database, id: string): Promise<Client | undefined> {
  const row = await readFirst<ClientRow>(clientStatement(db, id));
  return row ? clientFromRow(row) : undefined;
}
