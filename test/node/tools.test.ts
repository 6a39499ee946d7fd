// Rules for the tools around the service, and for how its sources treat secrets.
import { globSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const text = (path: string) => readFileSync(path, "utf8");

it("V7: wrangler sends no metrics, whether it is started by a script, by a test or by hand", () => {
  for (const path of ["wrangler.toml", "simulator/wrangler.toml", "examples/mcp/wrangler.toml"]) {
    expect(text(path), path).toMatch(/^send_metrics = false$/m);
  }
  // Child processes of tests inherit this.
  expect(process.env.WRANGLER_SEND_METRICS).toBe("false");
  const scripts = globSync(["scripts/**/*.ts", "cli/**/*.ts"]).filter((path) =>
    text(path).includes('from "node:child_process"'),
  );
  expect(scripts).toContain("scripts/test.ts");
  expect(scripts.filter((path) => !text(path).includes('WRANGLER_SEND_METRICS: "false"'))).toEqual([]);
});

it("V7: what wrangler and the demo leave behind is not committed", () => {
  expect(text(".gitignore").split("\n")).toEqual(expect.arrayContaining([".wrangler/", ".dev.vars"]));
});

it("A4: a stored secret, its hash or a CSRF token is never compared with ===", () => {
  const SECRET = String.raw`[\w.?]*(?:secret_?hash|password_?hash|csrf_?token|admin_?token)`;
  const OTHER = String.raw`(?!null\b|undefined\b)[\w.("]+`;
  const comparison = new RegExp(String.raw`${SECRET}\)? [!=]==? ${OTHER}|(?<![\w.])${OTHER} [!=]==? ${SECRET}\b`, "i");
  expect(comparison.test("if (hash === client.secretHash) return;")).toBe(true);
  expect(comparison.test("return client.secretHash !== presented;")).toBe(true);
  const sources = globSync("src/**/*.{ts,tsx}").filter((path) => !path.includes(".test."));
  const found = sources.flatMap((path) =>
    text(path)
      .split("\n")
      .filter((line) => comparison.test(line))
      .map((line) => `${path}: ${line.trim()}`),
  );
  expect(found).toEqual([]);
});
