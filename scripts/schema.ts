// What the migrations make, for the health check: read from their text.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Tables, indexes, triggers, and columns as `table.column`. */
export function schemaObjects(folder = "migrations"): string[] {
  const sql = readdirSync(folder)
    .sort()
    .map((file) => readFileSync(join(folder, file), "utf8").replace(/--.*$/gm, ""))
    .join("\n");
  const tables = [...sql.matchAll(/^CREATE TABLE (\w+) \(\n([\s\S]*?)^\)/gm)].flatMap(([, table, body = ""]) => {
    const columns = [...body.matchAll(/^ {2}([a-z]\w*) /gm)].map(([, column]) => `${table}.${column}`);
    return [table, ...columns];
  });
  const added = [...sql.matchAll(/^ALTER TABLE (\w+) ADD (?:COLUMN )?(\w+)/gm)].map(
    ([, table, one]) => `${table}.${one}`,
  );
  const others = [...sql.matchAll(/^CREATE (?:UNIQUE )?(?:INDEX|TRIGGER) (\w+)/gm)].map(([, name]) => name);
  return [...tables, ...added, ...others].filter((name) => name !== undefined);
}
