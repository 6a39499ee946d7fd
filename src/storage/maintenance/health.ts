// Whether the database can be used.
import { readFirst, sql } from "../sql.ts";

/** The last object that the migrations create. */
export const LAST_OBJECT = "webhook_link_deleted";

/** Whether all migrations were applied. Throws `StorageFault` when the database does not respond. */
export async function isSchemaComplete(db: D1Database): Promise<boolean> {
  return (await readFirst(db, sql`SELECT 1 FROM sqlite_schema WHERE name = ${LAST_OBJECT}`)) !== null;
}
