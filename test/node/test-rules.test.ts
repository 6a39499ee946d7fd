// Rules for the tests themselves.
import { globSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const CLOCK = /performance\.now\(|process\.hrtime|console\.time\(|Date\.now\(\) - /;

it("no test measures how long something takes: it would fail on a busy machine", () => {
  const tests = globSync("{src,openapi,simulator,test}/**/*.{ts,tsx}").filter(
    (path) => /\.test\.tsx?$|^test\//.test(path) && path !== "test/node/test-rules.test.ts",
  );
  expect(tests.length).toBeGreaterThan(100);
  expect(tests.filter((path) => CLOCK.test(readFileSync(path, "utf8")))).toEqual([]);
});
