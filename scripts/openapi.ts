// `npm run openapi`: writes assets/openapi.json from the schemas that validate requests. `--check` only compares.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const FILE = "assets/openapi.json";

/** JSON with a line for each value `levels` down: a diff shows what changed, and the Worker carries no indentation. */
function inLines(value: unknown, levels: number): string {
  if (levels === 0 || typeof value !== "object" || value === null || Array.isArray(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([name, member]) => `${JSON.stringify(name)}:${inLines(member, levels - 1)}`,
  );
  return `{\n${members.join(",\n")}\n}`;
}

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
  const made = `${inLines(openApiDocument(), 3)}\n`;
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
