// Stores the reason of a refused code exchange in the code's link attempt, where operators read it.
import { sql, write } from "../sql.ts";
import { stepsWith } from "../steps.ts";

/** Adds the refusal to the attempt of a code. The first reason stays, and an attempt that is linked gets none. */
export async function noteCodeRefusal(db: D1Database, codeHash: string, reason: string, at: number): Promise<void> {
  const step = `token_refused:${reason}`;
  await write(
    db,
    sql`UPDATE attempts SET reason = IIF(outcome = 'linked', reason, COALESCE(reason, ${reason})), steps = ${stepsWith(step, at)}
        WHERE id = (SELECT attempt_id FROM codes WHERE code_hash = ${codeHash})`,
    false,
  );
}
