// No live secret lies in the repository, nor ever lay there.
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";

/** Regular expressions; each has a bracket in it, so that this file does not find itself. */
const MARKS: readonly [string, string][] = [
  ["client secrets as Amazon makes them", "amzn1[.]oa2-cs[.]"],
  ["tokens as Amazon makes them", "Atz[ar][|][A-Za-z0-9_-]{60,}"],
  ["private keys", "-----BEGIN ([A-Z]+ )?PRIVATE[ ]KEY"],
];

function git(...args: string[]): { status: number | null; lines: string[] } {
  const { status, stdout } = spawnSync("git", args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  return { status, lines: (stdout ?? "").split("\n").filter((line) => line !== "") };
}

const inRepository = git("rev-parse", "--git-dir").status === 0;
if (!inRepository) console.warn("Not a git checkout: the search of its history for secrets is LEFT OUT.");

describe("the repository and its history", { skip: !inRepository }, () => {
  it.each(MARKS)("O7: hold no %s", (_, pattern) => {
    expect(git("grep", "--untracked", "-lE", "-e", pattern).lines).toEqual([]);
    expect(git("log", "--all", "--oneline", "-E", `-G${pattern}`).lines).toEqual([]);
  });

  it("O7: are searched by expressions that would find them", () => {
    const samples = [
      ["amzn1", "oa2-cs", "v1", "fake"].join("."),
      `Atza|${"x".repeat(70)}`,
      ["-----BEGIN EC PRIVATE", "KEY"].join(" "),
    ];
    expect(samples.every((sample, index) => new RegExp(MARKS[index]?.[1] ?? "^$").test(sample))).toBe(true);
  });
});
