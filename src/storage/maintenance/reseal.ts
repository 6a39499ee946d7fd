// After a change of MASTER_KEY: what the previous key sealed is sealed anew, a few rows at a time, until nothing needs that key.
import type { Keyring, Purpose } from "../../crypto/keyring.ts";
import type { Runtime } from "../../runtime.ts";
import { type TokenPurpose, tokensSealContext } from "../amazon/amazon-tokens.ts";
import { batch, readAll } from "../d1.ts";
import { EVENT_GATEWAY, LWA, secretSealContext } from "../skills/skills.ts";

/** A column of sealed values, and what its values are bound to. */
export interface SealedColumn {
  readonly table: string;
  /** The primary key's columns. */
  readonly key: readonly string[];
  readonly column: string;
  readonly purpose: Purpose;
  /** The context of a row's value, from the key's columns. */
  context(key: Readonly<Record<string, string>>): string;
}

/** Every column whose values outlive a change of the master key. Whoever adds such a column adds it here. */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  {
    table: "signing_keys",
    key: ["kid"],
    column: "private_jwk",
    purpose: "signing-key",
    context: ({ kid = "" }) => kid,
  },
  { table: "grants", key: ["id"], column: "rotation_key", purpose: "rotation-key", context: ({ id = "" }) => id },
  secretOfSkill("lwa_client_secret", LWA),
  secretOfSkill("event_client_secret", EVENT_GATEWAY),
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
    context: ({ grant_id: grantId = "", purpose }) => tokensSealContext({ grantId, purpose: purpose as TokenPurpose }),
  },
  {
    table: "attempts",
    key: ["id"],
    column: "amazon_tokens",
    purpose: "amazon-tokens",
    context: ({ id: attemptId = "" }) => tokensSealContext({ attemptId }),
  },
  {
    table: "pending_unlinks",
    key: ["id"],
    column: "tokens",
    purpose: "amazon-tokens",
    context: ({ id: grantId = "" }) => tokensSealContext({ grantId, purpose: "enablement" }),
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

/**
 * Seals at most `limit` values of the previous master key under the current one; the number sealed. 0: nothing is left that opens, and
 * MASTER_KEY_PREVIOUS may go. Each value is replaced only if it is still the one that was read, so it may run beside anything, and again.
 */
export async function resealChunk(
  rt: Pick<Runtime, "db" | "keyring" | "log">,
  limit: number,
  columns: readonly SealedColumn[] = SEALED_COLUMNS,
): Promise<number> {
  const { previousKeyId } = rt.keyring;
  if (previousKeyId === undefined) return 0;
  let done = 0;
  for (const column of columns) {
    if (done >= limit) break;
    done += await resealColumn(rt, column, previousKeyId, limit - done);
  }
  return done;
}

/** Statements in one batch. */
const AT_ONCE = 40;

async function resealColumn(
  rt: Pick<Runtime, "db" | "keyring" | "log">,
  sealed: SealedColumn,
  previousKeyId: string,
  limit: number,
): Promise<number> {
  const { table, column, key } = sealed;
  const rows = await readAll<Record<string, string>>(
    rt.db
      .prepare(
        `SELECT ${key.join(", ")}, ${column} AS sealed FROM ${table} WHERE substr(${column}, 1, 6) = ? AND ${column} IS NOT NULL LIMIT ?`,
      )
      .bind(previousKeyId, limit),
  );
  const replacements: D1PreparedStatement[] = [];
  for (const row of rows) {
    const replacement = await sealAnew(rt.keyring, sealed, row);
    if (replacement === undefined) {
      rt.log.alert("sealed_value_unreadable", { table, column });
      continue;
    }
    replacements.push(
      rt.db
        .prepare(
          `UPDATE ${table} SET ${column} = ? WHERE ${key.map((name) => `${name} = ?`).join(" AND ")} AND ${column} = ?`,
        )
        .bind(replacement, ...key.map((name) => row[name] ?? ""), row.sealed ?? ""),
    );
  }
  for (let start = 0; start < replacements.length; start += AT_ONCE) {
    await batch(rt.db, replacements.slice(start, start + AT_ONCE), true);
  }
  return replacements.length;
}

async function sealAnew(
  keyring: Keyring,
  sealed: SealedColumn,
  row: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const context = sealed.context(row);
  const opened = await keyring.open(sealed.purpose, context, row.sealed ?? "");
  return opened ? keyring.seal(sealed.purpose, context, opened.plaintext) : undefined;
}
