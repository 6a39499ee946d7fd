// `npm test`: all three Vitest projects; further arguments go to Vitest (`npm test -- test/workerd/token.test.ts`).
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { findChromium } from "./chromium.ts";

const chromium = findChromium();
if (!chromium) {
  console.warn("No Chromium found (CHROMIUM_PATH, /usr/bin/chromium, …): the browser tests are LEFT OUT.");
}
// Vitest leaves one core idle; one worker more than cores uses the time that others spend waiting. Each is a workerd of
// its own, so not too many.
const workers = `--maxWorkers=${Math.min(4, availableParallelism() + 1)}`;
const result = spawnSync("vitest", ["run", workers, ...process.argv.slice(2)], {
  stdio: "inherit",
  env: { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_LOG: process.env.WRANGLER_LOG ?? "error" },
});
if (!chromium) console.warn("The browser tests were LEFT OUT: no Chromium found. Set CHROMIUM_PATH to run them.");
process.exit(result.status ?? 1);
