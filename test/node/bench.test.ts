// The command `npm run bench`: its options, its arithmetic, and one short run, whose times nobody looks at.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { chartOf } from "../../bench/chart.ts";
import { UsageError } from "../../bench/command-line.ts";
import { run } from "../../bench/index.ts";
import type { Latency } from "../../bench/latency.ts";
import { parseOptions } from "../../bench/options.ts";
import { goalsOf, type Results, tablesOf } from "../../bench/report.ts";
import { canMeasureStartUp, measureStartUp, onlyParsed, run as runStartUp } from "../../bench/start-up.ts";
import { median, quantile, ratio, spread } from "../../bench/statistics.ts";
import { startUpResult } from "../../scripts/bundle.ts";

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
    expect(parseOptions([])).toMatchObject({ rounds: 3, delays: [0, 10, 40], quick: false, json: false });
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
    [["--growth=yes"], "--growth"],
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

  it.each([
    [["--unknown"], "--unknown"],
    [["--links"], "--links"],
    [["--links", "99"], '"99"'],
    [["--links", "1000,"], '""'],
    [["--links", "5000001"], '"5000001"'],
    [["--links", "1e5"], '"1e5"'],
    [["--links", "1000", "--links", "2000"], "--links is given twice"],
    [["--rounds", "1001"], '"1001"'],
    [["--only", "refresh"], "--only"],
  ])("--growth with %j is refused with exit code 2", async (args, named) => {
    const { code, output, errors } = await runWith("--growth", ...args);
    expect(code).toBe(2);
    expect(output).toBe("");
    expect(errors).toContain(named);
    expect(errors).toContain("--growth --help");
  });
});

describe("statistics", () => {
  it("a median lies between the middle two, whatever the order", () => {
    expect(median([5])).toBe(5);
    expect(median([10, 9, 100, 1])).toBe(9.5);
    expect(quantile([3, 1, 2], 0)).toBe(1);
    expect(quantile([3, 1, 2], 1)).toBe(3);
    expect(() => median([])).toThrow(RangeError);
  });

  it("ratios are taken round by round, so that a slow round of the machine cancels out", () => {
    expect(ratio([20, 200, 30], [10, 100, 10])).toEqual({ median: 2, min: 2, max: 3 });
    expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  });
});

describe("report", () => {
  const latency = (contestant: Latency["contestant"], delay: number, rounds: number[]): Latency => ({
    workload: "refresh",
    contestant,
    delay,
    rounds,
    samples: 3,
  });
  const results: Results = {
    latencies: [
      latency("alexa-link", 40, [41, 42, 43]),
      latency("cloudflare", 40, [123, 126, 172]),
      latency("floor-with-crypto", 40, [41, 40, 40]),
    ],
    coldStarts: [],
    startUpCpu: [
      {
        worker: "alexa-link",
        cpu: { median: 96, min: 90, max: 99 },
        beyondEmpty: { median: 26, min: 25, max: 27 },
      },
    ],
    ownCpu: [],
    bundles: [{ contestant: "alexa-link", gzipBytes: 130 * 1024 }],
    memory: [],
  };

  it("each goal whose figures were measured is reached or missed", () => {
    expect(goalsOf(results).map(({ what, figure, reached }) => [what, figure, reached])).toEqual([
      ["refresh, 40 ms: cloudflare takes", "3.00", false],
      ["refresh, 40 ms: alexa-link takes", "1.05", true],
      ["CPU of a start", "26.0 ms", false],
      ["bundle", "130.0 KB", true],
    ]);
    expect(goalsOf({ ...results, latencies: [], startUpCpu: [], bundles: [] })).toEqual([]);
  });

  it("tables have a dash for what a contestant does not offer, and no row is left out", () => {
    const [times] = tablesOf({
      ...results,
      latencies: [...results.latencies, { ...latency("alexa-link", 40, [9]), workload: "introspection" }],
    });
    expect(times?.rows).toEqual([
      ["refresh", "42.00 (41.00–43.00)", "126.00 (123.00–172.00)", "40.00 (40.00–41.00)"],
      ["introspection", "9.00", "–", "–"],
    ]);
  });

  it("the chart names every contestant with its time; without token requests there is none", () => {
    const chart = chartOf(results.latencies);
    for (const text of ["alexa-link", "cloudflare", "42.0 ms", "126.0 ms", "prefers-color-scheme: dark"]) {
      expect(chart).toContain(text);
    }
    expect(chartOf([])).toBeUndefined();
  });
});

describe("CPU of a start", () => {
  const EMPTY = { modules: [{ name: "index.js", code: "export default { fetch: () => new Response() };" }] };

  it("the check fails above its bound, and says so when nothing can be measured", () => {
    expect(startUpResult(38.4)).toEqual({
      ok: true,
      text: "✓ bundle starts with 38 ms CPU over an empty Worker (bound 150 ms)",
    });
    expect(startUpResult(150).ok).toBe(true);
    expect(startUpResult(-1).ok).toBe(true);
    expect(startUpResult(150.6)).toEqual({
      ok: false,
      text: "✗ bundle starts with 151 ms CPU over an empty Worker (bound 150 ms)",
    });
    expect(startUpResult(Number.NaN).ok).toBe(false);
    const left = startUpResult(undefined);
    expect(left.ok).toBe(true);
    expect(left.text).toMatch(/^[^.]*is not measured[^.]*\.$/);
  });

  it.runIf(canMeasureStartUp())(
    "what module scope does is in the figure, unless the module is only parsed",
    async () => {
      const code = `let sum = 0; for (let i = 0; i < 2e8; i++) sum += i % 7; export default { fetch: () => new Response(sum) };`;
      const busy = { modules: [{ name: "busy.js", code }] };
      const workers = new Map([
        ["idle", EMPTY],
        ["busy", busy],
        ["parsed", onlyParsed(busy)],
      ]);
      const progress: string[] = [];
      const rows = await measureStartUp({ workers, rounds: 2, onProgress: (line) => progress.push(line) });
      expect(rows.map(({ worker }) => worker)).toEqual(["empty Worker", "idle", "busy", "parsed"]);
      expect(rows[0]?.beyondEmpty).toEqual({ median: 0, min: 0, max: 0 });
      const [idle, evaluated, parsed] = rows.slice(1).map(({ beyondEmpty }) => beyondEmpty.median);
      expect(evaluated).toBeGreaterThan(4 * Math.max(idle!, parsed!));
      expect(rows.every(({ cpu }) => cpu.min > 0 && cpu.min <= cpu.median && cpu.median <= cpu.max)).toBe(true);
      expect(progress).toEqual(["start-up CPU: round 1 of 2", "start-up CPU: round 2 of 2"]);
    },
  );

  it.runIf(canMeasureStartUp())("a Worker that does not start rejects with workerd's output", async () => {
    const broken = { modules: [{ name: "broken.js", code: 'throw new Error("of module scope");' }] };
    await expect(measureStartUp({ workers: new Map([["broken", broken]]), rounds: 1 })).rejects.toThrow(
      "of module scope",
    );
  });

  it.each([
    [["--unknown"], "--unknown"],
    [["something"], "something"],
    [["--rounds"], "--rounds"],
    [["--rounds", "0"], '"0"'],
    [["--rounds", "1001"], '"1001"'],
    [["--rounds", "1e2"], '"1e2"'],
    [["--rounds", "9".repeat(400)], "--rounds"],
    [["--json=yes"], "--json"],
    [["--rounds", "2", "--rounds", "3"], "--rounds is given twice"],
  ])("alone with %j it is refused with exit code 2", async (args, named) => {
    const [output, errors]: [string[], string[]] = [[], []];
    const code = await runStartUp(
      args,
      (text) => output.push(text),
      (text) => errors.push(text),
    );
    expect(code).toBe(2);
    expect(output).toEqual([]);
    expect(errors.join("\n")).toContain(named);
  });

  it("--help prints all options and measures nothing", async () => {
    const output: string[] = [];
    expect(await runStartUp(["--help"], (text) => output.push(text), String)).toBe(0);
    for (const option of ["--rounds", "--json"]) expect(output.join("\n")).toContain(option);
  });
});

it("a short run measures and checks every workload of the service, and prints one JSON document", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bench-test-"));
  try {
    const svg = join(folder, "made", "chart.svg");
    const workloads = "authorize,consent,exchange,refresh,rotating-refresh,introspection,app-to-app";
    const { code, output, errors } = await runWith(
      ...["--quick", "--json", "--svg", svg, "--delays", "5"],
      ...["--contestants", "alexa-link,oidc-provider", "--only", workloads],
    );
    expect(errors).toContain("round 1 of 1: app-to-app");
    expect(code).toBe(0);
    const { latencies } = JSON.parse(output) as Results;
    const measured = (name: string) => latencies.filter(({ contestant }) => contestant === name).length;
    expect([measured("alexa-link"), measured("oidc-provider")]).toEqual([7, 6]);
    expect(latencies.every(({ rounds }) => rounds.length === 1 && rounds[0]! > 0)).toBe(true);
    expect(readFileSync(svg, "utf8")).toContain("<svg");
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 120_000);
