// Refusals as the counters write them.
import { addRefusals, type Refusal } from "../../src/storage/attempts/refusals.ts";
import { batch } from "../../src/storage/sql.ts";
import { START } from "./constants.ts";

type Seed = Pick<Refusal, "clientId" | "reason" | "detail"> & Partial<Refusal>;

/** Of authorization requests, unless an entry says something else. */
export async function recordRefusals(db: D1Database, entries: readonly Seed[]): Promise<void> {
  const complete = entries.map((entry) => ({
    endpoint: "authorize" as const,
    count: 1,
    lastSeenAt: START,
    recent: [],
    ...entry,
  }));
  await batch(db, addRefusals(complete), false);
}
