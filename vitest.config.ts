import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { build } from "esbuild";
import { defineConfig } from "vitest/config";
import "./scripts/openapi.ts";

process.env.WRANGLER_LOG ??= "error";
process.env.WRANGLER_SEND_METRICS ??= "false";

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

export default defineConfig({
  test: {
    silent: "passed-only",
    projects: [
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml", environment: "test" },
            miniflare: {
              bindings: {
                TEST_MIGRATIONS: await readD1Migrations("migrations"),
                MASTER_KEY: "A".repeat(43),
                ADMIN_TOKEN: "test-admin-token-0000000000000000000000",
                PASSWORD_ITERATIONS: "1000",
                METRICS_FLUSH_MS: "0",
                // `npm run fuzz` asks for more; in the ordinary run the choices are the same each time.
                FUZZ_REQUESTS: process.env.FUZZ_REQUESTS ?? "5000",
                FUZZ_SEED: process.env.FUZZ_SEED ?? "1",
              },
              outboundService: "simulator",
              workers: [
                {
                  name: "simulator",
                  compatibilityDate: "2026-10-01",
                  compatibilityFlags: ["nodejs_compat"],
                  modules: [{ type: "ESModule", path: "simulator.js", contents: simulator.outputFiles[0]!.text }],
                  serviceBindings: { SERVICE: "vitest-plugin-runner-workerd" },
                },
              ],
            },
          }),
        ],
        test: {
          name: "workerd",
          include: [
            "{src,openapi}/**/*.test.{ts,tsx}",
            "simulator/**/*.test.{ts,tsx}",
            "test/workerd/**/*.test.{ts,tsx}",
          ],
          setupFiles: ["test/workerd/setup.ts"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "node",
          include: ["test/node/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
