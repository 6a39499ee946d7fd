// docs/storage.md against the migration.
import { globSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const migrations = globSync("migrations/*.sql").map((path) => readFileSync(path, "utf8"));
const tables = migrations.flatMap((text) => [...text.matchAll(/^CREATE TABLE (\w+)/gm)].map((match) => match[1] ?? ""));

it("each table of the schema has a row in docs/storage.md, and each row a table", () => {
  const page = readFileSync("docs/storage.md", "utf8");
  const section = page.slice(page.indexOf("## Tables"), page.indexOf("## KV"));
  const rows = [...section.matchAll(/^\| `(\w+)` \|(.*)\|$/gm)];
  expect(rows.map((match) => match[1]).toSorted()).toEqual(tables.toSorted());
  for (const [, table, cells = ""] of rows) expect([table, cells.split(" | ").length]).toEqual([table, 4]);
});

it("the schema is one file with at most 22 tables, each with a comment above it", () => {
  expect(migrations).toHaveLength(1);
  expect(tables.length).toBeLessThanOrEqual(22);
  const commented = [...(migrations[0] ?? "").matchAll(/^-- .*\nCREATE TABLE (\w+)/gm)].map((match) => match[1]);
  expect(tables.filter((table) => !commented.includes(table))).toEqual([]);
});
