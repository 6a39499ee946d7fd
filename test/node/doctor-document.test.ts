// docs/doctor.md against the catalogue and the results of the tests. With UPDATE=1 the list of checks is written anew.
import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { AREAS } from "../../doctor/areas.ts";
import { FAULTS } from "../../simulator/testing/fake-company-faults.ts";
import { EXPECTATIONS, type Expectation } from "./doctor-servers/expectations.ts";
import { MINI_FAULTS } from "./doctor-servers/mini-parts.ts";
import { catalogueTables, resultsTable } from "./doctor-servers/tables.ts";

const PATH = "docs/doctor.md";
const HEADING = "## All checks\n\n";
if (process.env.UPDATE) {
  const [before] = readFileSync(PATH, "utf8").split(HEADING);
  writeFileSync(PATH, `${before}${HEADING}${catalogueTables()}\n`);
}
const page = readFileSync(PATH, "utf8");
const ids = AREAS.flatMap(({ checks }) => checks.map(({ id }) => id));

it("V8: every check is in the document, with its title, outcome and reason", () => {
  expect(new Set(ids).size).toBe(ids.length);
  expect(page).toContain(catalogueTables());
});

it("V8: the document shows what the tests find at servers of others", () => {
  expect(page).toContain(resultsTable());
  const found = Object.values<Expectation>(EXPECTATIONS).flatMap(({ fail, warn, sometimes = [] }) => [
    ...fail,
    ...warn,
    ...sometimes,
  ]);
  expect(found.filter((id) => !ids.includes(id))).toEqual([]);
});

it("V8: the document says how many small servers with one defect there are", () => {
  const count = Object.keys(FAULTS).length + Object.keys(MINI_FAULTS).length;
  expect(page).toContain(`${count} small servers with one defect each`);
});
