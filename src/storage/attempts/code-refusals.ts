// A refused exchange leaves its reason with the linking it belongs to, so that a person can read why.
import { write } from "../d1.ts";

/** First part of the step's name; the reason follows after a colon. */
export const LOOKED_AT_CODE_STEP = "token_refused";

/** Adds the refusal to the linking of a code. Keeps the first reason, and never touches a linking that succeeded. */
export async function noteCodeRefusal(
  db: D1Database,
  codeHash: string,
  step: string,
  reason: string,
  at: number,
): Promise<void> {
  await write(
    db
      .prepare(
        `UPDATE attempts SET reason = CASE WHEN outcome = 'linked' THEN reason ELSE COALESCE(reason, ?1) END,
           steps = CASE WHEN json_array_length(steps) < 40 THEN json_insert(steps, '$[#]', json_object('name', ?2, 'at', ?3)) ELSE steps END
         WHERE id = (SELECT attempt_id FROM codes WHERE code_hash = ?4)`,
      )
      .bind(reason, step, at, codeHash),
    false,
  );
}
