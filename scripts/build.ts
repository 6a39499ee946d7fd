// `npm run build`, and before `npm pack`: the published package in build/, without dependencies, for Node 20 and newer.
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";

const FOLDER = "build";
/** A CommonJS library within an ES module calls `require` for Node's own modules. */
const REQUIRE = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

/** Folders of the packages that a bundle carries, such as `node_modules/commander`. */
function packagesOf(inputs: readonly string[]): string[] {
  const folders = inputs.flatMap((input) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []);
  return [...new Set(folders)].sort();
}

function licenceOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    readonly [field: string]: string;
  };
  const file = globSync(join(folder, "{LICEN[CS]E,licen[cs]e,COPYING}*")).sort()[0];
  const text = file === undefined ? `Licence: ${license}` : readFileSync(file, "utf8").trim();
  return `${name} ${version}\n\n${text}\n`;
}

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER);
const { metafile } = await build({
  entryPoints: { "alexa-link": "cli/alexa-link.ts", simulator: "simulator/node.ts" },
  outdir: FOLDER,
  bundle: true,
  splitting: true,
  platform: "node",
  target: "node20",
  format: "esm",
  minify: true,
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "hono/jsx",
  banner: { js: REQUIRE },
  logLevel: "error",
  metafile: true,
});
const packages = packagesOf(Object.keys(metafile.inputs).filter((input) => existsSync(dirname(input))));
writeFileSync(join(FOLDER, "LICENSES.txt"), packages.map(licenceOf).join(`\n${"-".repeat(80)}\n\n`));
