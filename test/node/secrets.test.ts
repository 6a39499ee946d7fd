// The repository and its history contain no secret.
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";

/** Regular expressions. Each has a bracket in it, so that it does not match this file. */
const PATTERNS: readonly [string, string][] = [
  ["client secrets in Amazon's format", "amzn1[.]oa2-cs[.]"],
  ["tokens in Amazon's format", "Atz[ar][|][A-Za-z0-9_-]{60,}"],
  ["private keys", "-----BEGIN ([A-Z]+ )?PRIVATE[ ]KEY"],
];

function git(...args: string[]): { status: number | null; lines: string[] } {
  const { status, stdout } = spawnSync("git", args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  return { status, lines: (stdout ?? "").split("\n").filter((line) => line !== "") };
}

const inRepository = git("rev-parse", "--git-dir").status === 0;
if (!inRepository) console.log("Not a git checkout: the search for secrets is SKIPPED.");

describe("the repository and its history", { skip: !inRepository }, () => {
  it.each(PATTERNS)("O7: no file contains %s", (_, pattern) => {
    const { status, lines } = git("grep", "--untracked", "-lE", "-e", pattern);
    // Git's exit status for no match; errors have another one.
    expect([status, lines]).toEqual([1, []]);
  });

  it("O7: no commit added or removed one", () => {
    const all = PATTERNS.map(([, pattern]) => `(${pattern})`).join("|");
    expect(git("log", "--all", "--oneline", "-E", `-G${all}`)).toEqual({ status: 0, lines: [] });
  });

  it("O7: the patterns match such secrets", () => {
    const samples = [
      ["amzn1", "oa2-cs", "v1", "fake"].join("."),
      `Atza|${"x".repeat(70)}`,
      ["-----BEGIN EC PRIVATE", "KEY"].join(" "),
    ];
    expect(samples.every((sample, index) => new RegExp(PATTERNS[index]?.[1] ?? "^$").test(sample))).toBe(true);
  });
});
