// Webhook messages that were given up.
import { type Sql, sql } from "./sql.ts";

/** `next_attempt_at` of a message that was given up: no delivery claims it, unless an operator makes it due again. */
export const GIVEN_UP_AT = 8_640_000_000_000_000;

/** For the erasure of a person: deletes their messages that were given up. */
export function deleteGivenUpMessages(userId: string): Sql {
  return sql`DELETE FROM webhook_outbox WHERE next_attempt_at = ${GIVEN_UP_AT} AND data ->> 'userId' = ${userId}`;
}
