// `npm test`: the everyday tests. `npm run test:exhaustive`: the long ones. Other arguments are passed to Vitest.
import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import { findChromium } from "./chromium.ts";

const [first, ...rest] = process.argv.slice(2);
const exhaustive = first === "--exhaustive";
const args = exhaustive || first === undefined ? rest : [first, ...rest];
const namesProject = args.some((arg) => arg.startsWith("--project") || arg.includes("test/exhaustive"));
const project = exhaustive ? ["--project=exhaustive*"] : namesProject ? [] : ["--project=!exhaustive*"];

/** The same seed makes the same requests. The everyday run always uses the same one. */
const seed = process.env.FUZZ_SEED ?? (exhaustive ? String(randomInt(2 ** 31)) : "1");
if (exhaustive) console.log(`FUZZ_SEED=${seed}`);

const chromium = exhaustive || findChromium() !== undefined;
const skipped = "No Chromium found (CHROMIUM_PATH, /usr/bin/chromium, …): the browser tests are SKIPPED.";
if (!chromium) console.log(skipped);

// One worker more than cores, because tests also wait. Each is a workerd process, so no more than four.
const workers = args.some((arg) => arg.startsWith("--maxWorkers"))
  ? []
  : [`--maxWorkers=${Math.min(4, availableParallelism() + 1)}`];
const { status } = spawnSync("vitest", ["run", ...workers, ...project, ...args], {
  stdio: "inherit",
  env: {
    ...process.env,
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_LOG: process.env.WRANGLER_LOG ?? "error",
    FUZZ_SEED: seed,
  },
});
if (!chromium) console.log(skipped);
process.exit(status ?? 1);
