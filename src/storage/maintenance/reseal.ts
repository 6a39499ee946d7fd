// Columns that hold sealed values, and the statements that replace values sealed by a previous master key.
import type { Purpose } from "../../crypto/keyring.ts";
import { attemptTokensContext, grantTokensContext, type TokenPurpose } from "../amazon/amazon-tokens.ts";
import { EVENT_GATEWAY, LWA, RELAY, secretSealContext } from "../skills/skills.ts";
import { batch, equal, readAll, type Sql, sql, sqlName, sqlNames } from "../sql.ts";

/** A column of sealed values, and what its values are bound to. */
export interface SealedColumn {
  readonly table: string;
  /** Columns that identify the row, and those that the context is made of. */
  readonly key: readonly string[];
  readonly column: string;
  readonly purpose: Purpose;
  /** What the rows with a value have in common, where an index on that finds them. */
  readonly only?: Sql;
  /** The context of a row's value, from the key's columns. */
  context(key: Readonly<Record<string, string>>): string;
}

/** Every column whose values must survive a change of the master key. A new sealed column belongs here. */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  {
    table: "signing_keys",
    key: ["kid"],
    column: "private_jwk",
    purpose: "signing-key",
    context: ({ kid = "" }) => kid,
  },
  secretOfSkill("lwa_client_secret", LWA),
  secretOfSkill("event_client_secret", EVENT_GATEWAY),
  secretOfSkill("relay_client_secret", RELAY),
  {
    table: "developer_token",
    key: ["id"],
    column: "credentials",
    purpose: "developer-token",
    only: sql`id = 'smapi'`,
    context: ({ id = "" }) => id,
  },
  {
    table: "identities",
    key: ["method", "issuer", "subject"],
    column: "password_hash",
    purpose: "password-hash",
    context: ({ subject = "" }) => subject,
  },
  {
    table: "amazon_tokens",
    key: ["grant_id", "purpose"],
    column: "tokens",
    purpose: "amazon-tokens",
    context: ({ grant_id: grantId = "", purpose }) => grantTokensContext(grantId, purpose as TokenPurpose),
  },
  {
    table: "attempts",
    key: ["id"],
    column: "amazon_tokens",
    purpose: "amazon-tokens",
    only: sql`outcome = 'pending'`,
    context: ({ id = "" }) => attemptTokensContext(id),
  },
  {
    table: "pending_unlinks",
    key: ["id", "sealed_for"],
    column: "tokens",
    purpose: "amazon-tokens",
    context: ({ sealed_for: sealedFor = "" }) => sealedFor,
  },
];

function secretOfSkill(column: string, use: string): SealedColumn {
  return {
    table: "skills",
    key: ["id"],
    column,
    purpose: "lwa-client-secret",
    context: ({ id = "" }) => secretSealContext(id, use),
  };
}

/** A row's key columns, and its sealed value as `sealed`. */
export type SealedRow = Readonly<Record<string, string>>;

/** At most `limit` rows whose value was sealed by the master key named `keyId`. */
export function readSealedRows(
  db: D1Database,
  { table, key, column, only = sql`TRUE` }: SealedColumn,
  keyId: string,
  limit: number,
): Promise<SealedRow[]> {
  const name = sqlName(column);
  return readAll(
    db,
    sql`SELECT ${sqlNames(key)}, ${name} AS sealed FROM ${sqlName(table)}
      WHERE substr(${name}, 1, 6) = ${keyId} AND ${name} IS NOT NULL AND ${only} LIMIT ${limit}`,
  );
}

/** Statements in one batch. */
const AT_ONCE = 40;

/** Replaces values that are still those that were read. Repeatable, and safe beside any other write. */
export async function replaceSealedValues(
  db: D1Database,
  { table, key, column }: SealedColumn,
  replacements: readonly { readonly row: SealedRow; readonly sealed: string }[],
): Promise<void> {
  const statements = replacements.map(({ row, sealed }) => {
    const isRow = equal({ ...Object.fromEntries(key.map((name) => [name, row[name]])), [column]: row.sealed });
    return sql`UPDATE ${sqlName(table)} SET ${sqlName(column)} = ${sealed} WHERE ${isRow}`;
  });
  for (let start = 0; start < statements.length; start += AT_ONCE) {
    await batch(db, statements.slice(start, start + AT_ONCE), true);
  }
}
