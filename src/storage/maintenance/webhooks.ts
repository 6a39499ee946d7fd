// The outbox of webhook messages. Triggers on `grants` write it; deliveries claim from it and settle what they claimed.

import { auditIfChanged, auditRow } from "../audit.ts";
import { GIVEN_UP_AT } from "../given-up.ts";
import { batch, equal, readAll, type Sql, sql, write } from "../sql.ts";

/** A message is in delivery for less than this after it was claimed. */
export const CLAIM_MS = 30_000;

export interface OutboxMessage {
  readonly id: string;
  readonly type: string;
  /** JSON text. */
  readonly data: string;
  /** Milliseconds since 1970, like the next. */
  readonly occurredAt: number;
  readonly nextAttemptAt: number;
  /** This attempt included. */
  readonly attempts: number;
}

/**
 * Takes at most `limit` messages that are due, oldest first. No other caller gets them before `until`.
 * A repeat after a lost connection takes other messages; the first ones become due again at `until`.
 */
export function claimMessages(db: D1Database, now: number, until: number, limit: number): Promise<OutboxMessage[]> {
  return readAll(
    db,
    sql`UPDATE webhook_outbox SET attempts = attempts + 1, next_attempt_at = ${until}
      WHERE (next_attempt_at, occurred_at, id) IN (
        SELECT next_attempt_at, occurred_at, id FROM webhook_outbox WHERE next_attempt_at <= ${now}
        ORDER BY next_attempt_at, occurred_at, id LIMIT ${limit})
      RETURNING id, type, data, occurred_at AS "occurredAt", next_attempt_at AS "nextAttemptAt", attempts`,
  );
}

export interface Settlement {
  readonly message: OutboxMessage;
  /** `dead`: it is not tried again. A number: when it is tried again, milliseconds since 1970. */
  readonly next: "delivered" | "dead" | number;
}

/** Records the outcome of deliveries in one round trip. If it is lost, the messages are delivered again. */
export async function settleMessages(db: D1Database, settlements: readonly Settlement[], now: number): Promise<void> {
  await batch(
    db,
    settlements.flatMap(({ message, next }) => {
      if (typeof next === "number") {
        return sql`UPDATE webhook_outbox SET next_attempt_at = ${next} WHERE ${isClaimed(message)}`;
      }
      const forget = sql`DELETE FROM webhook_outbox WHERE ${isClaimed(message)}`;
      if (next === "delivered") return forget;
      const details = `${message.type} ${message.id}`;
      const claimed = sql`EXISTS (SELECT 1 FROM webhook_outbox WHERE ${isClaimed(message)})`;
      const person = sql`data ->> 'userId'`;
      return [
        auditRow(now, { kind: "webhook_given_up", alert: true, details }, claimed),
        // Those of a person who was erased are not kept.
        sql`UPDATE webhook_outbox SET next_attempt_at = ${GIVEN_UP_AT} WHERE ${isClaimed(message)}
          AND (${person} IS NULL OR EXISTS (SELECT 1 FROM users WHERE id = ${person}))`,
        forget,
      ];
    }),
    true,
  );
}

/** The message's row, as long as no other caller has claimed it since. */
function isClaimed(message: OutboxMessage): Sql {
  return sql`next_attempt_at = ${message.nextAttemptAt} AND occurred_at = ${message.occurredAt} AND id = ${message.id}`;
}

export type MessagePosition = Pick<OutboxMessage, "nextAttemptAt" | "occurredAt" | "id">;

/** Messages that were given up, then waiting ones; those that are tried last come first. Starting after `after`. */
export function listMessages(
  db: D1Database,
  after: MessagePosition | undefined,
  limit: number,
): Promise<Omit<OutboxMessage, "data">[]> {
  const position = after
    ? sql`(next_attempt_at, occurred_at, id) < (${after.nextAttemptAt}, ${after.occurredAt}, ${after.id})`
    : sql`TRUE`;
  return readAll(
    db,
    sql`SELECT id, type, occurred_at AS "occurredAt", next_attempt_at AS "nextAttemptAt", attempts FROM webhook_outbox
      WHERE ${position} ORDER BY next_attempt_at DESC, occurred_at DESC, id DESC LIMIT ${limit}`,
  );
}

/**
 * Makes the message `id`, or at most `limit` messages, due at once, including those that were given up.
 * Messages that are due within half a minute are not changed: they may be in delivery.
 */
export async function makeMessagesDue(
  db: D1Database,
  id: string | undefined,
  now: number,
  limit: number,
  actor: string,
): Promise<{ readonly found: boolean; readonly count: number }> {
  const [due = [], , found = []] = await batch(
    db,
    [
      sql`UPDATE webhook_outbox SET next_attempt_at = ${now} WHERE (next_attempt_at, occurred_at, id) IN (
          SELECT next_attempt_at, occurred_at, id FROM webhook_outbox
          WHERE next_attempt_at > ${now + CLAIM_MS} AND ${equal({ id })} ORDER BY next_attempt_at, occurred_at, id LIMIT ${limit})
        RETURNING 1 AS due`,
      auditIfChanged(now, { kind: "webhooks_redelivered", actor, details: id ?? "all" }),
      id === undefined ? sql`SELECT 1` : sql`SELECT 1 FROM webhook_outbox WHERE id = ${id} LIMIT 1`,
    ],
    false,
  );
  return { found: found.length > 0, count: due.length };
}

/** Deletes all messages; for a deployment without a webhook, where the triggers still write them. */
export async function clearOutbox(db: D1Database): Promise<void> {
  await write(db, sql`DELETE FROM webhook_outbox`, true);
}
