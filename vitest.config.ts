// Tests in workerd, in Node and in a browser; in workerd and in Node also those of `npm run test:exhaustive`.
import { readFileSync } from "node:fs";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { build } from "esbuild";
import { defineConfig, type TestProjectConfiguration } from "vitest/config";
import "./scripts/assets.ts";

process.env.WRANGLER_LOG ??= "error";
process.env.WRANGLER_SEND_METRICS ??= "false";

const migrations = await readD1Migrations("migrations");
const simulator = await build({
  entryPoints: ["simulator/index.ts"],
  bundle: true,
  write: false,
  format: "esm",
  target: "es2024",
  jsx: "automatic",
  jsxImportSource: "hono/jsx",
  conditions: ["workerd", "worker", "browser"],
  external: ["cloudflare:*", "node:*"],
});

/** The source map of this package names sources that the package does not contain; Vite warns of that in each run. */
const withoutItsSourceMap = {
  name: "without-its-source-map",
  load(id: string) {
    const [path = ""] = id.split("?");
    if (!path.endsWith("/node_modules/oauth4webapi/build/index.js")) return undefined;
    return { code: readFileSync(path, "utf8").replace(/^\/\/# sourceMappingURL=.*$/m, ""), map: null };
  },
};

/** A project whose files run in workerd, with D1, KV and the simulator as everything outside. */
function workerdProject(name: string, include: string[], fuzzRequests: number): TestProjectConfiguration {
  return {
    plugins: [
      withoutItsSourceMap,
      cloudflareTest({
        wrangler: { configPath: "./wrangler.toml", environment: "test" },
        miniflare: {
          bindings: {
            TEST_MIGRATIONS: migrations,
            MASTER_KEY: "A".repeat(43),
            ADMIN_TOKEN: "test-admin-token-0000000000000000000000",
            PASSWORD_ITERATIONS: "1000",
            FUZZ_REQUESTS: process.env.FUZZ_REQUESTS ?? String(fuzzRequests),
            FUZZ_SEED: process.env.FUZZ_SEED ?? "1",
          },
          outboundService: "simulator",
          workers: [
            {
              name: "simulator",
              compatibilityDate: "2026-10-01",
              compatibilityFlags: ["nodejs_compat"],
              modules: [{ type: "ESModule", path: "simulator.js", contents: simulator.outputFiles[0]!.text }],
              serviceBindings: { SERVICE: `vitest-plugin-runner-${name}` },
            },
          ],
        },
      }),
    ],
    test: {
      name,
      include,
      setupFiles: ["test/support/setup.ts"],
      testTimeout: 20_000,
      // Each isolated file would start a workerd of its own, which takes longer than most files. The storage is
      // emptied before each test, and each test starts a service of its own.
      isolate: false,
    },
  };
}

export default defineConfig({
  test: {
    silent: "passed-only",
    projects: [
      workerdProject("workerd", ["{src,openapi,simulator,test/flows}/**/*.test.{ts,tsx}"], 5_000),
      workerdProject("exhaustive", ["test/exhaustive/*.test.ts", "test/flows/fuzz.test.ts"], 50_000),
      {
        test: {
          name: "exhaustive-node",
          include: ["test/exhaustive/node/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: "node",
          include: ["test/node/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
