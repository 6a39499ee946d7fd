// `npm run check`: format, lint, types, generated files, and the bundle: its start and its size.
import { spawnSync } from "node:child_process";
import { bundleSize, startBundle, startUpMilliseconds, startUpResult } from "./bundle.ts";

function step(name: string, command: string, args: string[]): void {
  const result = spawnSync(command, args, {
    encoding: "utf8",
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_LOG: "error", NO_COLOR: "1" },
  });
  if (result.status !== 0) {
    console.error(`✗ ${name}\n${result.stdout}${result.stderr}${result.error ?? ""}`);
    process.exit(1);
  }
  console.log(`✓ ${name}`);
}

step("format and lint", "biome", ["check", "--error-on-warnings", "."]);
step("types: service and simulator", "tsc", ["-p", "tsconfig.json"]);
step("types: tests in workerd", "tsc", ["-p", "tsconfig.workerd-tests.json"]);
step("types: scripts and tests in Node", "tsc", ["-p", "tsconfig.node.json"]);
step("types/env.d.ts is up to date", "wrangler", [
  "types",
  "types/env.d.ts",
  "--include-runtime=false",
  "--strict-vars=false",
  "--env-file=.dev.vars.example",
  "--check",
]);
step("bundle builds as for deployment", "wrangler", ["deploy", "--dry-run", "--outdir", "dist"]);
await startBundle();
console.log("✓ bundle starts, is healthy, and serves metadata and a page");
const startUp = startUpResult(await startUpMilliseconds());
console.log(startUp.text);
const { bytes, limit } = bundleSize();
const sizes = `bundle has ${(bytes / 1024).toFixed(1)} KB gzip (limit ${limit / 1024} KB)`;
console.log(`${bytes <= limit ? "✓" : "✗"} ${sizes}`);
if (bytes > limit || !startUp.ok) process.exit(1);
