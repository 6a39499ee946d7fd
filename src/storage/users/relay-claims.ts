// The relay's memory: which tokens were presented to the old server within the last minute, and with what result.
import { selectImportedGrant } from "../grants/grants.ts";
import { batch, type Sql, sql, write } from "../sql.ts";
import { count } from "./fixed-window.ts";
import type { CounterKey } from "./throttles.ts";

const RELAY_WINDOW_MS = 60_000;
/** Added to a token's counter when the old server refused the token. No minute has this many requests. */
const REFUSED = 1_000_000_000;

export interface RelayClaim {
  /** `first`: the caller is the only one who may call the old server for this token within this minute. */
  readonly token: "first" | "taken" | "refused";
  /** When the token was claimed, in milliseconds. */
  readonly since: number;
  /** How many unknown tokens the client has presented within its minute. */
  readonly ofClient: number;
  /** The token's link was erased with its person. */
  readonly erased: boolean;
}

/**
 * Claims the call for one token, whose link has or had one of the ids here. One batch; not repeatable, because a second run finds the claim of the first.
 */
export async function claimRelay(
  db: D1Database,
  keys: { readonly token: CounterKey; readonly client: CounterKey },
  grantIds: readonly string[],
  now: number,
): Promise<RelayClaim> {
  const [[ofToken] = [], [ofClient] = [], [found] = []] = await batch(
    db,
    [
      count(keys.token, RELAY_WINDOW_MS, now),
      count(keys.client, RELAY_WINDOW_MS, now),
      sql`SELECT EXISTS (SELECT 1 FROM audit WHERE grant_id IN (SELECT value FROM json_each(${JSON.stringify(grantIds)})) AND kind = 'imported_link_erased') AS erased`,
    ],
    false,
  );
  const requests = Number(ofToken?.failures);
  return {
    token: requests === 1 ? "first" : requests > REFUSED ? "refused" : "taken",
    since: Number(ofToken?.since),
    ofClient: Number(ofClient?.failures),
    erased: found?.erased === 1,
  };
}

/** Remembers for the rest of the minute that the old server refused the token. */
export async function noteRelayRefused(db: D1Database, key: CounterKey): Promise<void> {
  await write(db, sql`UPDATE throttles SET failures = failures + ${REFUSED} WHERE key = ${key}`, false);
}

/** What became of a call that another request makes. One batch. */
export async function readRelayed(
  db: D1Database,
  key: CounterKey,
  tokenHash: string,
  now: number,
): Promise<{ readonly row: Record<string, unknown> | undefined; readonly refused: boolean }> {
  const reads: Sql[] = [
    selectImportedGrant(tokenHash, now),
    sql`SELECT 1 FROM throttles WHERE key = ${key} AND failures > ${REFUSED}`,
  ];
  const [[row] = [], refused = []] = await batch(db, reads, true);
  return { row, refused: refused.length > 0 };
}
