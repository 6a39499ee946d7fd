// After a change of MASTER_KEY: seals values of the previous key under the current one, in bounded steps.
import type { Runtime } from "../runtime.ts";
import {
  readSealedRows,
  replaceSealedValues,
  SEALED_COLUMNS,
  type SealedColumn,
} from "../storage/maintenance/reseal.ts";

type Parts = Pick<Runtime, "db" | "keyring" | "log">;

/** Reseals at most `limit` values, also concurrently. Returns how many; 0: MASTER_KEY_PREVIOUS can be removed. */
export async function resealChunk(
  rt: Parts,
  limit: number,
  columns: readonly SealedColumn[] = SEALED_COLUMNS,
): Promise<number> {
  const { previousKeyId } = rt.keyring;
  if (previousKeyId === undefined) return 0;
  let done = 0;
  for (const column of columns) {
    if (done >= limit) break;
    done += await resealColumn(rt, column, previousKeyId, limit - done);
  }
  return done;
}

async function resealColumn(rt: Parts, column: SealedColumn, previousKeyId: string, limit: number): Promise<number> {
  const replacements = [];
  for (const row of await readSealedRows(rt.db, column, previousKeyId, limit)) {
    const context = column.context(row);
    const opened = await rt.keyring.open(column.purpose, context, row.sealed ?? "");
    if (opened) replacements.push({ row, sealed: await rt.keyring.seal(column.purpose, context, opened.plaintext) });
    else rt.log.alert("sealed_value_unreadable", { table: column.table, column: column.column });
  }
  await replaceSealedValues(rt.db, column, replacements);
  return replacements.length;
}
