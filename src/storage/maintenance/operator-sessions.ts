// Operators' sign-outs. The audit row of a sign-out also ends every copy of the session's cookie.
import { auditRow } from "../audit.ts";
import { readFirst, sql, write } from "../sql.ts";

/** Whether an operator's session was signed out. The row outlives the cookie. One read. */
export async function isOperatorSignedOut(db: D1Database, sessionId: string): Promise<boolean> {
  const query = sql`SELECT 1 FROM audit WHERE kind = 'operator_signed_out' AND details = ${sessionId}`;
  return (await readFirst(db, query)) !== null;
}

/** Records that an operator signed in. One write. */
export async function noteOperatorSignIn(db: D1Database, actor: string, at: number): Promise<void> {
  await write(db, auditRow(at, { kind: "operator_signed_in", actor }), false);
}

/** Signs an operator's session out. One write; repeatable. */
export async function signOperatorOut(db: D1Database, sessionId: string, actor: string, at: number): Promise<void> {
  await write(
    db,
    sql`INSERT INTO audit (at, kind, actor, details) VALUES (${at}, 'operator_signed_out', ${actor}, ${sessionId}) ON CONFLICT DO NOTHING`,
    true,
  );
}
