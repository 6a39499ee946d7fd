import { globSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const sources = globSync("src/**/*.{ts,tsx}").filter((path) => !path.includes(".test."));

function using(pattern: RegExp): string[] {
  return sources.filter((path) => {
    const code = readFileSync(path, "utf8")
      .replace(/\/\*[\s\S]*?\*\//g, "")
      .replace(/(^|\s)\/\/.*$/gm, "");
    return pattern.test(code);
  });
}

it("V4: only the app's own clock asks for the time", () => {
  expect(using(/Date\.now|new Date\(\)|performance\.now/)).toEqual(["src/app.ts"]);
});

it("C5: no source opens a D1 session, whose replicas may not know a code yet", () => {
  expect(sources.length).toBeGreaterThan(10);
  expect(using(/withSession/)).toEqual([]);
});

it("V7: no source imports dynamically", () => {
  expect(using(/\bimport\(/)).toEqual([]);
});
