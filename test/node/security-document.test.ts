// SECURITY.md: each promise names the tests that hold it.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const SECTIONS = readFileSync("SECURITY.md", "utf8").split(/^## /m);

/** The bullets of a section, and the rows of its tables below their heads. */
function promisesOf(title: string): string[] {
  const section = SECTIONS.find((text) => text.startsWith(`${title}\n`)) ?? "";
  const bullets = section.split(/^- /m).slice(1);
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  return [...bullets.map((text) => text.split(/^[#|]/m)[0] ?? ""), ...rows.slice(2)];
}

describe.each([
  ["What each boundary guarantees", 30],
  ["How secrets are stored", 12],
  ["What a leak reveals", 8],
])("%s", (title, least) => {
  it("names at least one test for each promise, and only tests that exist", () => {
    const promises = promisesOf(title);
    expect(promises.length).toBeGreaterThan(least);
    const tests = (text: string) => [...text.matchAll(/\]\(([\w./-]+\.test\.ts)\)/g)].map(([, path = ""]) => path);
    expect(promises.filter((text) => tests(text).length === 0)).toEqual([]);
    expect(promises.flatMap(tests).filter((path) => !existsSync(path))).toEqual([]);
  });
});
