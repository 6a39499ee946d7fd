// The outbox of webhooks in D1. Triggers fill it; here it is switched, emptied by claims, and settled.

import { batch, storageCall } from "../d1.ts";
import { auditStatement } from "./audit.ts";

export interface OutboxMessage {
  readonly id: string;
  readonly type: string;
  /** JSON text. */
  readonly data: string;
  /** Milliseconds since 1970, as the next. */
  readonly occurred_at: number;
  readonly next_attempt_at: number;
  /** This attempt included. */
  readonly attempts: number;
}

/** Makes the triggers write, or stop and forget what was not sent. */
export async function switchWebhooks(db: D1Database, wanted: boolean): Promise<void> {
  await batch(
    db,
    wanted
      ? [db.prepare("INSERT INTO settings (name, value) VALUES ('webhooks', 'on') ON CONFLICT (name) DO NOTHING")]
      : [
          db.prepare("DELETE FROM settings WHERE name = 'webhooks'"),
          db.prepare("DELETE FROM webhook_outbox WHERE id IN (SELECT id FROM webhook_outbox LIMIT 1000)"),
        ],
    true,
  );
}

/** Takes at most `limit` messages whose time has come, oldest first; nobody else gets them before `until`. One trip. */
export async function claimMessages(
  db: D1Database,
  now: number,
  until: number,
  limit: number,
): Promise<OutboxMessage[]> {
  const claim = db
    .prepare(
      `UPDATE webhook_outbox SET attempts = attempts + 1, next_attempt_at = ? WHERE id IN (
         SELECT id FROM webhook_outbox WHERE next_attempt_at <= ? ORDER BY next_attempt_at, occurred_at LIMIT ?) RETURNING *`,
    )
    .bind(until, now, limit);
  // Not repeated after a lost connection: what was claimed comes again when the claim ends.
  return (await storageCall(() => claim.all<OutboxMessage>(), false)).results;
}

export interface Settlement {
  readonly message: OutboxMessage;
  /** `dead`: nobody will try again. Else milliseconds since 1970. */
  readonly next: "delivered" | "dead" | number;
}

/** Notes how deliveries ended. One trip; losing it means that a message is delivered again. */
export async function settleMessages(db: D1Database, settlements: readonly Settlement[], now: number): Promise<void> {
  await batch(
    db,
    settlements.flatMap(({ message, next }) => {
      if (typeof next === "number") {
        return db
          .prepare("UPDATE webhook_outbox SET next_attempt_at = ? WHERE id = ? AND next_attempt_at = ?")
          .bind(next, message.id, message.next_attempt_at);
      }
      const forget = db.prepare("DELETE FROM webhook_outbox WHERE id = ?").bind(message.id);
      const details = `${message.type} ${message.id}`;
      return next === "dead"
        ? [forget, auditStatement(db, now, { kind: "webhook_given_up", alert: true, details })]
        : forget;
    }),
    true,
  );
}
