// docs/conformance.md against the ids at the head of test names.
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const ID = String.raw`(?:[A-Z]\d{1,2}|RFC\d{4}(?:-[\w.]+)*)`;
const NAME = new RegExp(String.raw`["'\`](${ID}(?:, ${ID})*): `, "g");

const [table = "", untested = ""] = readFileSync("docs/conformance.md", "utf8").split("## Without a test");

/** The ids that the names of a file's tests begin with. */
function idsIn(path: string): string[] {
  const source = readFileSync(path, "utf8");
  return [...source.matchAll(NAME)].flatMap(([, ids = ""]) => ids.split(", "));
}

const rows = [...table.matchAll(new RegExp(String.raw`^\| (${ID}) \| [^|]+ \| [^|]+ \| ([^|]+) \|$`, "gm"))].map(
  ([, id = "", links = ""]) => ({
    id,
    files: [...links.matchAll(/\]\(([^)]+)\)/g)].map(([, path = ""]) => join("docs", path)),
  }),
);
const listed = rows.map(({ id }) => id);
const named = new Set(globSync("{src,simulator,test}/**/*.test.{ts,tsx}").flatMap(idsIn));

it("every id of a test name has one row, and every row is named by a test", () => {
  expect(listed.length).toBeGreaterThan(80);
  expect([...named].filter((id) => !listed.includes(id))).toEqual([]);
  expect(listed.filter((id) => !named.has(id))).toEqual([]);
  expect(listed.filter((id, index) => listed.indexOf(id) !== index)).toEqual([]);
});

it("every file of a row exists and has a test with the row's id", () => {
  const wrong = rows.flatMap(({ id, files }) =>
    files.length === 0 ? [id] : files.filter((path) => !existsSync(path) || !idsIn(path).includes(id)),
  );
  expect(wrong).toEqual([]);
});

it("no requirement listed as untested has a test", () => {
  const ids = [...untested.matchAll(new RegExp(String.raw`^\| (${ID}) \|`, "gm"))].map(([, id = ""]) => id);
  expect(ids.length).toBeGreaterThan(5);
  expect(ids.filter((id) => named.has(id))).toEqual([]);
});
