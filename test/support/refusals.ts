// Refusals as the counters write them.
import { addRefusals, type Refusal } from "../../src/storage/attempts/refusals.ts";
import { batch } from "../../src/storage/sql.ts";

export async function recordRefusals(db: D1Database, entries: readonly Refusal[]): Promise<void> {
  await batch(db, addRefusals(entries), false);
}
