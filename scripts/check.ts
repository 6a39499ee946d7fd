// Everything that can be checked without running the product: format, lint, types, generated files, bundle size.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUNDLE_LIMIT_BYTES = 160 * 1024;

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

function kilobytes(bytes: number): string {
  return (bytes / 1024).toFixed(1);
}

step("format and lint", "biome", ["check", "--error-on-warnings", "."]);
step("types: service and simulator", "tsc", ["-p", "tsconfig.json"]);
step("types: tests in workerd", "tsc", ["-p", "tsconfig.workerd-tests.json"]);
step("types: scripts and tests in Node", "tsc", ["-p", "tsconfig.node.json"]);
step("generated types/env.d.ts is up to date", "wrangler", [
  "types",
  "types/env.d.ts",
  "--include-runtime=false",
  "--strict-vars=false",
  "--env-file=.dev.vars.example",
  "--check",
]);
step("bundle builds as deploy does", "wrangler", ["deploy", "--dry-run", "--outdir", "dist"]);
const bundle = gzipSync(readFileSync("dist/index.js"), { level: 9 }).length;
const verdict = bundle <= BUNDLE_LIMIT_BYTES ? "✓" : "✗";
console.log(`${verdict} bundle ${kilobytes(bundle)} KB gzip (limit ${BUNDLE_LIMIT_BYTES / 1024} KB)`);
if (bundle > BUNDLE_LIMIT_BYTES) process.exit(1);
