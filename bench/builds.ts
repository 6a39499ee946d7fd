// The Workers that are compared, built as for an upload.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import type { WorkerdSource } from "./workerd.ts";

/** The modules of a Worker. The first one is the entry. */
export type Modules = WorkerdSource["modules"];

const ENTRIES = {
  cloudflare: "bench/workers/cloudflare.ts",
  openauth: "bench/workers/openauth.ts",
  floor: "bench/workers/stored-floor.ts",
} as const;

export interface Builds {
  /** The Worker behind the storage delay, by contestant. */
  readonly modules: Readonly<Record<"alexa-link" | keyof typeof ENTRIES, Modules>>;
  /** The bundle as it would be uploaded, without the delay. */
  readonly uploaded: Modules;
  /** The same in a file. */
  readonly file: string;
}

/** Builds all Workers, in this folder; throws with the tool's output when one does not build. */
export async function buildAll(folder: string): Promise<Builds> {
  const uploaded = uploadedBundle(folder);
  const [cloudflare, openauth, floor, entry] = await Promise.all([
    bundled(ENTRIES.cloudflare),
    bundled(ENTRIES.openauth),
    bundled(ENTRIES.floor),
    bundled("bench/workers/alexa-link.ts", ["../../src/index.ts"]),
  ]);
  // The entry imports the bundle by the address of its source.
  const modules = uploaded.map(({ name, code }) => ({
    name: name === "index.js" ? "src/index.ts" : `src/${name}`,
    code,
  }));
  return {
    uploaded,
    file: join(folder, "index.js"),
    modules: {
      "alexa-link": [{ name: "bench/workers/entry.js", code: entry }, ...modules],
      cloudflare: [{ name: "index.js", code: cloudflare }],
      openauth: [{ name: "index.js", code: openauth }],
      floor: [{ name: "index.js", code: floor }],
    },
  };
}

/** What `wrangler deploy` would upload. The first module is the entry. */
function uploadedBundle(folder: string): Modules {
  const { status, stdout, stderr } = spawnSync("wrangler", ["deploy", "--dry-run", "--outdir", folder], {
    encoding: "utf8",
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_LOG: "error", NO_COLOR: "1" },
  });
  if (status !== 0) throw new Error(`wrangler deploy --dry-run failed:\n${stdout}${stderr}`);
  return readdirSync(folder)
    .filter((name) => name.endsWith(".js"))
    .sort((a, b) => Number(b === "index.js") - Number(a === "index.js"))
    .map((name) => ({ name, code: readFileSync(join(folder, name), "utf8") }));
}

async function bundled(entry: string, external: string[] = []): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*", ...external],
    // Of openauth, which reads a variable of Node.
    define: { "process.env.OPENAUTH_STORAGE": "undefined" },
    logLevel: "silent",
  });
  return outputFiles[0]!.text;
}

/** Size of all modules together, compressed, in bytes. */
export function gzipBytes(modules: Modules): number {
  return modules.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0);
}
