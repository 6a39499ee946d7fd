// docs/configuration.md against what the service reads.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const document = readFileSync("docs/configuration.md", "utf8");
const names = [...readFileSync(".dev.vars.example", "utf8").matchAll(/^([A-Z][A-Z0-9_]*)=/gm)].map(
  (match) => match[1]!,
);

describe("the configuration document", () => {
  it("explains every variable that the service reads", () => {
    expect(names.length).toBeGreaterThan(30);
    expect(names.filter((name) => !document.includes(`\`${name}\``))).toEqual([]);
  });

  it("names no variable that does not exist", () => {
    const bindings = ["DB", "CODES", "PAGE_LIMIT", "ADMIN_LIMIT", "USER_LIMIT", "NAME", "ISSUER"];
    const named = [...document.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|ISSUER)`/g)].map((match) => match[1]!);
    expect(named.filter((name) => !names.includes(name) && !bindings.includes(name))).toEqual([]);
  });
});
