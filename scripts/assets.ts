// `npm run assets`: writes the static files that the Worker serves or reads, so that it does not carry them: the API
// description from openapi/, the translations, the style sheets, the console's script, the advice for operators, the
// roots that certify Alexa, and what the migrations make. Wrangler runs it before every build ([build] in wrangler.toml), and the tests import it.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { schemaObjects } from "./schema.ts";

const ASSETS = "assets";
const LANGUAGES = "src/ui/languages";

/** Leaves a file alone whose text stays the same: wrangler dev watches it. */
function writeAsset(name: string, text: string): void {
  const path = join(ASSETS, name);
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text);
}

const translations = readdirSync(LANGUAGES)
  .filter((file) => file !== "en.ts")
  .map((file) => file.slice(0, -".ts".length));

/** Texts as JSON. Functions become templates, with `{0}` for the first parameter. */
function templatesOf(texts: unknown): string {
  return JSON.stringify(texts, (_, text) => (typeof text === "function" ? text("{0}", "{1}") : text));
}

const folder = mkdtempSync(join(tmpdir(), "assets-"));
const bundle = join(folder, "assets.mjs");
try {
  // Node does not read JSX.
  await build({
    stdin: {
      contents: [
        'export * from "./openapi/document.ts"; export * from "./openapi/page.tsx";',
        'export { REMEDIES } from "./src/linking/remedy-texts.ts";',
        'export { PAGE_CSS } from "./src/ui/page-style.ts";',
        'export { ATTEMPT_TEXTS } from "./src/admin/console/attempt-texts.ts";',
        'export { CONSOLE_CSS } from "./src/admin/console/style.ts";',
        'export { TRUSTED_ROOTS } from "./src/events/trusted-roots.ts";',
        ...translations.map((code) => `export { ${code} } from "./${LANGUAGES}/${code}.ts";`),
      ].join("\n"),
      resolveDir: ".",
    },
    bundle: true,
    outfile: bundle,
    format: "esm",
    platform: "node",
    jsx: "automatic",
    jsxImportSource: "hono/jsx",
    logLevel: "error",
  });
  const { openApiDocument, docsPage, docsStyleSheet, ...built } = await import(pathToFileURL(bundle).href);
  const { ATTEMPT_TEXTS, CONSOLE_CSS, PAGE_CSS, REMEDIES, TRUSTED_ROOTS } = built;
  const document = openApiDocument();
  mkdirSync(join(ASSETS, "languages"), { recursive: true });
  for (const code of translations) writeAsset(`languages/${code}.json`, templatesOf(built[code]));
  writeAsset("schema.json", JSON.stringify(schemaObjects()));
  writeAsset("remedies.json", JSON.stringify(REMEDIES));
  writeAsset("attempt-texts.json", JSON.stringify(ATTEMPT_TEXTS));
  writeAsset("page.css", PAGE_CSS);
  writeAsset("console.css", CONSOLE_CSS);
  writeAsset("trusted-roots.json", JSON.stringify(TRUSTED_ROOTS));
  writeAsset("openapi.json", JSON.stringify(document));
  writeAsset("docs.html", await docsPage(document));
  writeAsset("docs.css", docsStyleSheet());
  const script = await build({
    entryPoints: ["browser/live.ts"],
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
  });
  writeAsset("live.js", script.outputFiles[0]?.text ?? "");
} finally {
  rmSync(folder, { recursive: true });
}
