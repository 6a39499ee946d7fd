// The outbox of webhook messages. Triggers on `grants` write it; deliveries claim from it and settle what they claimed.

import { auditIfChanged } from "../audit.ts";
import { batch, readAll, type Sql, sql, write } from "../sql.ts";

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
      const details = `${message.type} ${message.id}`;
      return next === "dead"
        ? [forget, auditIfChanged(now, { kind: "webhook_given_up", alert: true, details })]
        : forget;
    }),
    true,
  );
}

/** The message's row, as long as no other caller has claimed it since. */
function isClaimed(message: OutboxMessage): Sql {
  return sql`next_attempt_at = ${message.nextAttemptAt} AND occurred_at = ${message.occurredAt} AND id = ${message.id}`;
}

/** Deletes all messages; for a deployment without a webhook, where the triggers write all the same. */
export async function clearOutbox(db: D1Database): Promise<void> {
  await write(db, sql`DELETE FROM webhook_outbox`, true);
}
