// `npm run fuzz -- --requests 100000 --seed 7`: malformed requests against the service in workerd. Exit 1 at the first
// answer that is wrong.
import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

const USAGE = `npm run fuzz -- [--requests 100000] [--seed N]
  Sends malformed requests to every endpoint and to unknown ones. The same seed makes the same choices again.`;

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) {
    console.error(`--${name} must be a whole number.\n\n${USAGE}`);
    process.exit(2);
  }
  return Number(text);
}

const { values } = parseArgs({
  options: { requests: { type: "string" }, seed: { type: "string" }, help: { type: "boolean" } },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const requests = wholeNumber("requests", values.requests ?? "100000");
const seed = wholeNumber("seed", values.seed ?? String(randomInt(2 ** 31)));
console.log(`fuzz: ${requests} requests, seed ${seed}`);
const result = spawnSync(
  "vitest",
  ["run", "test/workerd/fuzz.test.ts", "--project", "workerd", "--silent=false", "--reporter=default"],
  {
    stdio: "inherit",
    env: {
      ...process.env,
      FUZZ_REQUESTS: String(requests),
      FUZZ_SEED: String(seed),
      WRANGLER_SEND_METRICS: "false",
      WRANGLER_LOG: process.env.WRANGLER_LOG ?? "error",
    },
  },
);
if (result.status !== 0)
  console.error(`fuzz: failed. Again with: npm run fuzz -- --requests ${requests} --seed ${seed}`);
process.exit(result.status ?? 1);
