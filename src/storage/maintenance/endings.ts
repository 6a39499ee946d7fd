// What has ended, kept in KV as well: a D1 that was put back to an earlier time does not know it, and must be told.
import * as z from "zod/mini";
import { randomSecret } from "../../crypto/random.ts";
import type { Runtime } from "../../runtime.ts";
import { batch, readAll, write } from "../d1.ts";
import { eraseUser } from "../users/erasure.ts";
import { auditStatement } from "./audit.ts";

/** Endings of one run, and of one entry in KV. */
export const ENDINGS_AT_ONCE = 1000;
const PREFIX = "ended:";
const DAY_SECONDS = 24 * 3600;
/** Digits of the milliseconds in a key: keys sort by time. */
const TIME_LENGTH = 13;

const entrySchema = z.array(z.tuple([z.enum(["grant", "user", "logins"]), z.string()]));
type Ending = z.infer<typeof entrySchema>[number];

type Stores = Pick<Runtime, "db" | "codes" | "config" | "now">;

/**
 * Moves what ended since the last run from D1 to KV, at most `ENDINGS_AT_ONCE`; the number moved. An entry is kept for as long as an
 * unused link lives: in a copy of the database older than that, every link has run out. Twice at once, or repeated, it only writes more.
 */
export async function exportEndings(rt: Stores): Promise<number> {
  const rows = await readAll<{ id: number; kind: Ending[0]; subject: string }>(
    rt.db.prepare("SELECT id, kind, subject FROM endings ORDER BY id LIMIT ?").bind(ENDINGS_AT_ONCE),
  );
  const last = rows.at(-1);
  if (!last) return 0;
  const entry: Ending[] = rows.map((row) => [row.kind, row.subject]);
  // Never under a key of before: after a restore the same row ids come again.
  await rt.codes.put(`${PREFIX}${timeOf(rt.now())}:${randomSecret(9)}`, JSON.stringify(entry), {
    expirationTtl: rt.config.refreshIdleDays * DAY_SECONDS,
  });
  await write(rt.db.prepare("DELETE FROM endings WHERE id <= ?").bind(last.id), true);
  return rows.length;
}

function timeOf(at: number): string {
  return String(at).padStart(TIME_LENGTH, "0");
}

/** Bounds of one step: entries read, each a request of its own; what they hold; and people erased, each a batch of its own. */
const STEP = { entries: 100, endings: 10_000, erasures: 100 };
const READ_TOGETHER = 10;
/** Endings reach KV up to five minutes after they happened, and clocks differ. */
const MARGIN_MS = 15 * 60_000;
/** More than anybody ends all logins in the life of a backup. */
const EPOCHS_SKIPPED = 1000;

export interface Reapplied {
  readonly entries: number;
  readonly revokedLinks: number;
  readonly erasedUsers: number;
  readonly endedLogins: number;
  /** Where to go on; undefined when all is done. */
  readonly next: string | undefined;
}

/**
 * After D1 was put back to what it was at `since` (milliseconds): ends again what has ended since. A bounded step; `after` is the `next`
 * of the step before. Repeating a step ends the same logins once more, and changes nothing else.
 */
export async function reapplyEndings(
  rt: Stores & Pick<Runtime, "requestId">,
  since: number,
  after?: string,
): Promise<Reapplied> {
  const keys = await keysFrom(rt, after ?? timeOf(Math.max(0, since - MARGIN_MS)));
  const found: Ending[] = [];
  let read = 0;
  while (read < keys.length && read < STEP.entries && withinStep(found)) {
    const together = keys.slice(read, read + READ_TOGETHER);
    const stored = await Promise.all(together.map((key) => rt.codes.get(key)));
    for (const entry of stored) found.push(...(entry === null ? [] : entrySchema.parse(JSON.parse(entry))));
    read += together.length;
  }
  const { revokedLinks, endedLogins } = await endAgain(rt, found);
  let erasedUsers = 0;
  for (const [index, id] of of(found, "user").entries()) {
    // A claim of its own for each: they share the request.
    if (await eraseUser(rt.db, id, `${rt.requestId}-${index}`, rt.now())) erasedUsers++;
  }
  // All of it is in KV already.
  await write(
    rt.db
      .prepare("DELETE FROM endings WHERE subject IN (SELECT value FROM json_each(?))")
      .bind(JSON.stringify(found.map(([, subject]) => subject))),
    true,
  );
  return { entries: read, revokedLinks, erasedUsers, endedLogins, next: keys[read]?.slice(PREFIX.length) };
}

function of(endings: readonly Ending[], kind: Ending[0]): string[] {
  return endings.filter(([one]) => one === kind).map(([, subject]) => subject);
}

function withinStep(endings: readonly Ending[]): boolean {
  return endings.length < STEP.endings && of(endings, "user").length < STEP.erasures;
}

/** The keys from `from` on, in their order, for one step and one more. KV cannot begin at a key: only at what then and now have in common. */
async function keysFrom(rt: Stores, from: string): Promise<string[]> {
  const now = timeOf(rt.now());
  let common = 0;
  while (common < TIME_LENGTH && from[common] === now[common]) common++;
  const keys: string[] = [];
  let cursor: string | undefined;
  do {
    const page: KVNamespaceListResult<unknown> = await rt.codes.list({
      prefix: PREFIX + now.slice(0, common),
      ...(cursor === undefined ? {} : { cursor }),
    });
    keys.push(...page.keys.map(({ name }) => name).filter((name) => name.slice(PREFIX.length) >= from));
    cursor = page.list_complete ? undefined : page.cursor;
  } while (cursor !== undefined && keys.length <= STEP.entries);
  return keys;
}

async function endAgain(
  rt: Pick<Runtime, "db" | "now">,
  endings: readonly Ending[],
): Promise<{ revokedLinks: number; endedLogins: number }> {
  const grants = JSON.stringify(of(endings, "grant"));
  const [revoked = [], , logins = []] = await batch(
    rt.db,
    [
      rt.db
        .prepare(
          `UPDATE grants SET revoked_at = ?2, revoked_reason = 'ended_before_restore'
           WHERE id IN (SELECT value FROM json_each(?1)) AND revoked_at IS NULL RETURNING id`,
        )
        .bind(grants, rt.now()),
      rt.db
        .prepare(
          `UPDATE codes SET voided_at = ?2 WHERE expires_at > ?2 AND spent_at IS NULL AND voided_at IS NULL
             AND grant_id IN (SELECT value FROM json_each(?1))`,
        )
        .bind(grants, rt.now()),
      rt.db
        .prepare(
          `UPDATE users SET session_epoch = session_epoch + ${EPOCHS_SKIPPED}
           WHERE id IN (SELECT value FROM json_each(?)) RETURNING id`,
        )
        .bind(JSON.stringify(of(endings, "logins"))),
      // Amazon was told when the links ended.
      rt.db.prepare("DELETE FROM amazon_tokens WHERE grant_id IN (SELECT value FROM json_each(?))").bind(grants),
      auditStatement(rt.db, rt.now(), { kind: "endings_reapplied", details: `${endings.length}` }),
    ],
    true,
  );
  return { revokedLinks: revoked.length, endedLogins: logins.length };
}
