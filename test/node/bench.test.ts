// The command `npm run bench`: its options, and what it makes of wrong ones.
import { describe, expect, it } from "vitest";
import { run } from "../../bench/index.ts";
import { parseOptions, UsageError } from "../../bench/options.ts";

async function runWith(...args: string[]) {
  const output: string[] = [];
  const errors: string[] = [];
  const code = await run(
    args,
    (text) => output.push(text),
    (text) => errors.push(text),
  );
  return { code, output: output.join("\n"), errors: errors.join("\n") };
}

describe("options", () => {
  it("everything is measured unless options name less", () => {
    expect(parseOptions([])).toMatchObject({ rounds: 5, delays: [0, 10, 40], quick: false, json: false });
    expect(parseOptions(["--quick"])).toMatchObject({ rounds: 1, quick: true });
    expect(parseOptions(["--quick", "--rounds", "3"])).toMatchObject({ rounds: 3 });
    expect(
      parseOptions(["--only", "refresh, bundle,exchange", "--contestants=floor,alexa-link", "--delays", "40,0,40"]),
    ).toMatchObject({
      workloads: ["exchange", "refresh"],
      extras: ["bundle"],
      contestants: ["alexa-link", "floor"],
      delays: [40, 0],
    });
  });

  it.each([
    [["--unknown"], "--unknown"],
    [["something"], "something"],
    [["--rounds"], "--rounds"],
    [["--rounds", "0"], '"0"'],
    [["--rounds", "1e2"], '"1e2"'],
    [["--rounds", "101"], '"101"'],
    [["--rounds", "9".repeat(400)], "--rounds"],
    [["--rounds", "2", "--rounds", "3"], "--rounds is given twice"],
    [["--quick", "--quick"], "--quick is given twice"],
    [["--only", ""], '""'],
    [["--only", "refresh,,exchange"], '""'],
    [["--only", "toString"], '"toString"'],
    [["--contestants", "alexa-link,nobody"], '"nobody"'],
    [["--delays", "-1"], "--delays"],
    [["--delays", "1001"], '"1001"'],
    [["--delays", "ten"], '"ten"'],
    [["--svg", "/etc/passwd"], "does not end with .svg"],
    [["--json=yes"], "--json"],
  ])("%j is refused in one sentence, with exit code 2", async (args, named) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
    const { code, output, errors } = await runWith(...args);
    expect(code).toBe(2);
    expect(output).toBe("");
    expect(errors).toContain(named);
    expect(errors).not.toMatch(/\n\s+at /);
  });

  it("--help prints all options and measures nothing", async () => {
    const { code, output } = await runWith("--help");
    expect(code).toBe(0);
    for (const option of ["--only", "--contestants", "--rounds", "--delays", "--growth", "--json", "--svg"]) {
      expect(output).toContain(option);
    }
  });
});
