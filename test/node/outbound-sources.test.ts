import { globSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const ONLY_WAY_OUT = "src/http/outbound.ts";
/** `fetch` called, or passed as a value; not `app.fetch`, `exports.default.fetch` or `fetchOut`. */
const BARE_FETCH = /(?<![\w.$])(?:globalThis\.)?fetch\s*(?=[(,;}\])])/;

function codeOf(path: string): string {
  return readFileSync(path, "utf8")
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/(^|\s)\/\/.*$/gm, "");
}

it("F2: no source calls fetch but the one outbound wrapper", () => {
  const sources = globSync("src/**/*.{ts,tsx}").filter((path) => !path.includes(".test."));
  expect(sources.length).toBeGreaterThan(10);
  const callers = sources.filter((path) => BARE_FETCH.test(codeOf(path)));
  expect(callers).toEqual([ONLY_WAY_OUT]);
});
