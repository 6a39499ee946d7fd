// `npm run openapi`: writes src/openapi/openapi.txt from the schemas that validate requests. `--check` only compares.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const FILE = "src/openapi/openapi.txt";

const folder = mkdtempSync(join(tmpdir(), "openapi-"));
const bundle = join(folder, "document.mjs");
try {
  await build({
    entryPoints: ["src/openapi/document.ts"],
    bundle: true,
    outfile: bundle,
    format: "esm",
    platform: "node",
    jsx: "automatic",
    jsxImportSource: "hono/jsx",
    logLevel: "error",
  });
  const { openApiDocument } = (await import(pathToFileURL(bundle).href)) as { openApiDocument: () => object };
  const made = `${JSON.stringify(openApiDocument(), null, 1)}\n`;
  if (!process.argv.includes("--check")) {
    writeFileSync(FILE, made);
    console.log(`Wrote ${FILE}, ${Math.round(made.length / 1024)} KB.`);
  } else if (readFileSync(FILE, "utf8") !== made) {
    console.error(`${FILE} is behind the schemas. Run: npm run openapi`);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}
