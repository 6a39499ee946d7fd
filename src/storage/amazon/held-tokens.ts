// Amazon's tokens in D1, one row per grant and purpose.
import type { Keyring } from "../../crypto/keyring.ts";
import { grantIsLive } from "../grants/grants.ts";
import { batch, readFirst, type Sql, sql, write } from "../sql.ts";
import { type Step, stepsWith } from "../steps.ts";
import { type AmazonTokens, grantTokensContext, sealTokens, type TokenPurpose } from "./amazon-tokens.ts";

/** The purposes for which a skill's backend holds tokens. */
export type GatewayPurpose = Exclude<TokenPurpose, "enablement">;

/**
 * Selects a live grant: by its id; by Alexa's user id, where events have named it (a link of the whole account before
 * one speaker's, then the newest); or, of a user's grants, the one with the newest tokens.
 */
export type GrantChoice =
  | { readonly grantId: string }
  | { readonly alexaUserId: string }
  | { readonly userId: string; readonly skillId?: string | undefined };

export interface TokenGrant {
  readonly grantId: string;
  readonly userId: string;
  readonly clientId: string;
  readonly skillId: string;
  /** The event gateway or API where the tokens are used. null, as the next three, when none are stored. */
  readonly host: string | null;
  /** Sealed. */
  readonly tokens: string | null;
  readonly accessExpiresAt: number | null;
  /** Of Amazon's code that brought the tokens. */
  readonly codeHash: string | null;
}

/** The live grant of one of `skillIds`, with its tokens of `purpose` if there are any. One read. */
export function findTokenGrant(
  db: D1Database,
  purpose: TokenPurpose,
  choice: GrantChoice,
  skillIds: readonly string[],
  now: number,
): Promise<TokenGrant | null> {
  const [condition, order] = selectionOf(choice);
  return readFirst<TokenGrant>(
    db,
    sql`SELECT g.id AS "grantId", g.user_id AS "userId", g.client_id AS "clientId", g.skill_id AS "skillId",
          t.host, t.tokens, t.access_expires_at AS "accessExpiresAt", t.code_hash AS "codeHash"
        FROM grants g LEFT JOIN amazon_tokens t ON t.grant_id = g.id AND t.purpose = ${purpose}
        WHERE ${condition} AND g.skill_id IN (SELECT value FROM json_each(${JSON.stringify(skillIds)})) AND ${grantIsLive(now, "g")}
        ORDER BY ${order}, g.created_at DESC, g.id LIMIT 1`,
  );
}

function selectionOf(choice: GrantChoice): [condition: Sql, order: Sql] {
  const newestTokens = sql`t.grant_id IS NULL, t.updated_at DESC`;
  if ("grantId" in choice) return [sql`g.id = ${choice.grantId}`, newestTokens];
  if ("alexaUserId" in choice) {
    return [sql`g.alexa_user_id = ${choice.alexaUserId}`, sql`COALESCE(g.level_shown % 2, 0.5)`];
  }
  const ofSkill = choice.skillId === undefined ? sql`TRUE` : sql`g.skill_id = ${choice.skillId}`;
  return [sql`g.user_id = ${choice.userId} AND ${ofSkill}`, newestTokens];
}

export interface NewTokens {
  readonly grantId: string;
  readonly purpose: GatewayPurpose;
  readonly host: string;
  readonly codeHash: string;
  readonly tokens: AmazonTokens;
  /** What Login with Amazon responded. */
  readonly response: string;
}

/** Stores a code's tokens in place of older ones, with a step of the attempt. False: the grant is revoked. */
export async function storeCodeTokens(
  db: D1Database,
  keyring: Keyring,
  given: NewTokens,
  now: number,
): Promise<boolean> {
  const { grantId, purpose, host, codeHash, tokens, response } = given;
  const sealed = await sealTokens(keyring, grantTokensContext(grantId, purpose), tokens);
  const [rows = []] = await batch(
    db,
    [
      sql`INSERT INTO amazon_tokens (grant_id, purpose, host, tokens, access_expires_at, code_hash, updated_at)
          SELECT id, ${purpose}, ${host}, ${sealed}, ${tokens.accessExpiresAt}, ${codeHash}, ${now} FROM grants
          WHERE id = ${grantId} AND revoked_at IS NULL
          ON CONFLICT (grant_id, purpose) DO UPDATE SET host = excluded.host, tokens = excluded.tokens,
            access_expires_at = excluded.access_expires_at, code_hash = excluded.code_hash, updated_at = excluded.updated_at
          RETURNING grant_id`,
      addStepOfGrant(grantId, `${purpose}_granted`, now, {
        also: acceptGrantSet(purpose, sql`'accepted'`),
        earlier: responseStep(purpose, response, now),
      }),
    ],
    true,
  );
  return rows.length === 1;
}

function responseStep(purpose: GatewayPurpose, response: string | undefined, at: number): Step[] {
  return response === undefined ? [] : [{ name: `${purpose}_response:${response}`, at }];
}

function addStepOfGrant(
  grantId: string,
  name: string,
  at: number,
  { also, earlier }: { readonly also: Sql; readonly earlier: readonly Step[] },
): Sql {
  return sql`UPDATE attempts SET ${also} steps = ${stepsWith(name, at, earlier)}
             WHERE id = (SELECT attempt_id FROM grants WHERE id = ${grantId})`;
}

/** Alexa shows the customer a failed link after a refused AcceptGrant, so the attempt is no completion then. */
function acceptGrantSet(purpose: GatewayPurpose, value: Sql): Sql {
  return purpose === "event_gateway" ? sql`accept_grant = ${value},` : sql``;
}

/**
 * Adds to the link attempt why Amazon's grant was not accepted, after what Login with Amazon responded, if it was asked.
 * `final`: another try with this code cannot succeed. A grant that was accepted before stays accepted.
 */
export async function noteGrantRefused(
  db: D1Database,
  grantId: string,
  purpose: GatewayPurpose,
  refusal: { readonly reason: string; readonly final: boolean; readonly response: string | undefined },
  at: number,
): Promise<void> {
  const also = refusal.final ? acceptGrantSet(purpose, sql`COALESCE(accept_grant, 'refused')`) : sql``;
  const earlier = responseStep(purpose, refusal.response, at);
  await write(db, addStepOfGrant(grantId, `${purpose}_refused:${refusal.reason}`, at, { also, earlier }), false);
}

/** Identifies stored tokens by their sealed value: every write to them is a compare-and-set. */
export interface StoredTokens {
  readonly grantId: string;
  readonly purpose: TokenPurpose;
  /** Sealed, as they were read. */
  readonly tokens: string;
}

/**
 * Replaces the tokens that were read by the ones of a refresh, sealed for the same context; also where an unlink has
 * moved them meanwhile. False: another request has replaced or forgotten them. Running it again changes nothing and
 * returns false.
 */
export async function replaceTokens(
  db: D1Database,
  read: StoredTokens,
  next: { readonly sealed: string; readonly accessExpiresAt: number },
  now: number,
): Promise<boolean> {
  const [rows = []] = await batch(
    db,
    [
      sql`UPDATE amazon_tokens SET tokens = ${next.sealed}, access_expires_at = ${next.accessExpiresAt}, updated_at = ${now}
          WHERE grant_id = ${read.grantId} AND purpose = ${read.purpose} AND tokens = ${read.tokens} RETURNING grant_id`,
      sql`UPDATE pending_unlinks SET tokens = ${next.sealed} WHERE grant_id = ${read.grantId} AND tokens = ${read.tokens}`,
    ],
    true,
  );
  return rows.length === 1;
}

/** Stores which of Amazon's hosts knows the customer now, if the tokens are still those that were read. */
export async function moveTokens(db: D1Database, read: StoredTokens, host: string): Promise<void> {
  await write(
    db,
    sql`UPDATE amazon_tokens SET host = ${host}
        WHERE grant_id = ${read.grantId} AND purpose = ${read.purpose} AND tokens = ${read.tokens}`,
    true,
  );
}

const SEVERAL_CUSTOMERS = 3;
const DAY_MS = 86_400_000;

/**
 * Deletes tokens that Amazon has ended, if they are still those that were read. The grant stays. Audited. True: it was
 * the third customer of this client within a day, which an alert reports, once a day.
 */
export async function forgetTokens(
  db: D1Database,
  read: StoredTokens,
  reason: "refresh_rejected" | "gateway_refused",
  now: number,
): Promise<boolean> {
  const these = sql`t.grant_id = ${read.grantId} AND t.purpose = ${read.purpose} AND t.tokens = ${read.tokens}`;
  const lately = sql`a.client_id = c.client_id AND a.at > ${now - DAY_MS}`;
  const [, alerts = []] = await batch(
    db,
    [
      sql`INSERT INTO audit (at, kind, user_id, client_id, grant_id, details)
          SELECT ${now}, 'amazon_tokens_forgotten', g.user_id, g.client_id, g.id, ${reason}
          FROM amazon_tokens t JOIN grants g ON g.id = t.grant_id WHERE ${these}`,
      sql`INSERT INTO audit (at, kind, alert, client_id, details)
          SELECT ${now}, 'amazon_tokens_refused_often', 1, c.client_id, ${reason}
          FROM (SELECT client_id FROM grants WHERE id = ${read.grantId}) c
          WHERE ${reason} = 'refresh_rejected'
            AND (SELECT COUNT(DISTINCT a.user_id) FROM audit a
                 WHERE ${lately} AND a.kind = 'amazon_tokens_forgotten' AND a.details = ${reason}) >= ${SEVERAL_CUSTOMERS}
            AND NOT EXISTS (SELECT 1 FROM audit a WHERE ${lately} AND a.kind = 'amazon_tokens_refused_often')
          RETURNING id`,
      sql`DELETE FROM amazon_tokens AS t WHERE ${these}`,
    ],
    true,
  );
  return alerts.length > 0;
}
