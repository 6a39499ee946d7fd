// `npm run openapi`: renders openapi/ into assets/openapi.json, docs.html and docs.css, which the Worker serves.
// Wrangler runs it before every build ([build] in wrangler.toml), and the tests import it.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const ASSETS = "assets";

/** Leaves a file alone whose text stays the same: wrangler dev watches it. */
function writeAsset(name: string, text: string): void {
  const path = join(ASSETS, name);
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text);
}

const folder = mkdtempSync(join(tmpdir(), "openapi-"));
const bundle = join(folder, "openapi.mjs");
try {
  // Node does not read JSX.
  await build({
    stdin: { contents: 'export * from "./document.ts"; export * from "./page.tsx";', resolveDir: "openapi" },
    bundle: true,
    outfile: bundle,
    format: "esm",
    platform: "node",
    jsx: "automatic",
    jsxImportSource: "hono/jsx",
    logLevel: "error",
  });
  const { openApiDocument, docsPage, docsStyleSheet } = await import(pathToFileURL(bundle).href);
  const document = openApiDocument();
  mkdirSync(ASSETS, { recursive: true });
  writeAsset("openapi.json", JSON.stringify(document));
  writeAsset("docs.html", await docsPage(document));
  writeAsset("docs.css", docsStyleSheet());
} finally {
  rmSync(folder, { recursive: true });
}
