import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";

// What does not hold yet. Entries only leave these lists.
const LONG_FILES: readonly string[] = [
  "src/events/skill-events.test.ts",
  "src/linking/enable.test.ts",
  "src/linking/unlink.test.ts",
  "test/support/fuzz-material.ts",
];
const MOST_LINES = 27_900;

const without = (found: readonly string[], known: readonly string[]) => found.filter((one) => !known.includes(one));

const sources = globSync("src/**/*.{ts,tsx}").filter((path) => !path.includes(".test."));

function using(pattern: RegExp): string[] {
  return sources.filter((path) => {
    const code = readFileSync(path, "utf8")
      .replace(/\/\*[\s\S]*?\*\//g, "")
      .replace(/(^|\s)\/\/.*$/gm, "");
    return pattern.test(code);
  });
}

it("V4: only the app's own clock asks for the time", () => {
  expect(using(/Date\.now|new Date\(\)|performance\.now/)).toEqual(["src/app.ts"]);
});

it("C5: no source opens a D1 session, whose replicas may not know a code yet", () => {
  expect(sources.length).toBeGreaterThan(10);
  expect(using(/withSession/)).toEqual([]);
});

it("P9: one source gives cookies their names and attributes; the simulator's work on http too", () => {
  expect(using(/hono\/cookie|set-cookie|__Host-|header\("cookie/i)).toEqual(["src/http/cookies.ts"]);
  const simulated = globSync("simulator/**/*.{ts,tsx}").filter((path) => !/\.test\.|testing\//.test(path));
  const secure = simulated.filter((path) =>
    /secure: true|prefix: "(host|secure)"|__Host-/.test(readFileSync(path, "utf8")),
  );
  expect(secure).toEqual([]);
});

it("V7: no source imports dynamically", () => {
  expect(using(/\bimport\(/)).toEqual([]);
});

/** From top to bottom: an import, of a type too, goes down this list and never up. */
const LAYERS = [
  "index.ts",
  "app.ts",
  "admin",
  "account",
  "events",
  "skill-backend",
  "linking",
  "oauth",
  "sign-in",
  "amazon",
  "webhooks",
  "ui",
  "http",
  "runtime.ts",
  "caches.ts",
  "observability",
  "storage/maintenance",
  "storage/users",
  "storage/attempts",
  "storage/amazon",
  "storage/grants",
  "storage/skills",
  "storage/clients",
  "storage/given-up.ts",
  "storage/audit.ts",
  "storage/steps.ts",
  "storage/sealed.ts",
  "storage/sql.ts",
  "ui/languages",
  "env.ts",
  "env-values.ts",
  "crypto",
  "schema-of.ts",
].map((part) => `src/${part}`);

/** The same for the simulator. */
const SIMULATOR_LAYERS = [
  "index.ts",
  "node.ts",
  "app.ts",
  "control",
  "../doctor",
  "alexa-plus",
  "company",
  "alexa",
  "amazon",
  "pages",
  "state",
  "library",
].map((part) => join("simulator", part));

/** Position in the list of layers; the longest entry counts. */
function layerOf(layers: readonly string[], path: string): number {
  const entry = layers
    .filter((layer) => path === layer || path.startsWith(`${layer}/`))
    .reduce((longest, layer) => (layer.length > longest.length ? layer : longest), "");
  return layers.indexOf(entry);
}

/** The files that a file imports, for their types only or not. */
function importsOf(path: string): string[] {
  return [...readFileSync(path, "utf8").matchAll(/^(?:import|export) [^;]*?\bfrom "(\.[^"]+)";/gms)].map(
    ([, to = ""]) => join(dirname(path), to),
  );
}

function importsUpwards(layers: readonly string[], files: readonly string[]): string[] {
  return files.flatMap((path) =>
    importsOf(path)
      .filter((to) => layerOf(layers, to) < layerOf(layers, path))
      .map((to) => `${path} imports ${to}`),
  );
}

it("imports go down the layers and never up", () => {
  const unlisted = sources.filter((path) => layerOf(LAYERS, path) < 0);
  expect(unlisted).toEqual([]);
  expect(importsUpwards(LAYERS, sources)).toEqual([]);
});

it("the simulator's imports go down its layers and never up", () => {
  const simulated = globSync("simulator/**/*.{ts,tsx}").filter((path) => !/\.test\.|testing\//.test(path));
  expect(simulated.filter((path) => layerOf(SIMULATOR_LAYERS, path) < 0)).toEqual([]);
  expect(importsUpwards(SIMULATOR_LAYERS, simulated)).toEqual([]);
});

/** A circle as text, from its first name in alphabetical order. */
function written(circle: readonly string[]): string {
  const start = circle.indexOf([...circle].sort()[0] ?? "");
  const turned = [...circle.slice(start), ...circle.slice(0, start)];
  return [...turned, turned[0]].join(" -> ");
}

/** Circles among the edges. */
function circlesIn(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const state = new Map<string, "open" | "done">();
  const circles: string[] = [];
  const visit = (node: string, way: readonly string[]): void => {
    if (state.get(node) === "open") circles.push(written(way.slice(way.indexOf(node))));
    if (state.has(node)) return;
    state.set(node, "open");
    for (const to of edges.get(node) ?? []) visit(to, [...way, node]);
    state.set(node, "done");
  };
  for (const node of edges.keys()) visit(node, []);
  return circles;
}

function edgesBetween(files: readonly string[], nodeOf: (path: string) => string): Map<string, Set<string>> {
  const edges = new Map<string, Set<string>>();
  for (const path of files) {
    const from = nodeOf(path);
    const targets = importsOf(path)
      .filter((to) => /\.tsx?$/.test(to))
      .map(nodeOf)
      .filter((to) => to !== from);
    edges.set(from, new Set([...(edges.get(from) ?? []), ...targets]));
  }
  return edges;
}

it("imports form no circles, neither of files nor of folders", () => {
  const files = globSync("{src,openapi,simulator,cli,scripts,examples,test}/**/*.{ts,tsx}");
  const code = files.filter((path) => !/\.test\.|^test\/|testing\//.test(path));
  expect(code.length).toBeGreaterThan(200);
  expect(circlesIn(edgesBetween(files, (path) => path))).toEqual([]);
  const folders = circlesIn(edgesBetween(code, (path) => path.split("/").slice(0, 2).join("/")));
  expect(folders).toEqual([]);
});

it("SQL stands in src/storage only", () => {
  const sql = /\.prepare\(|`\s*(?:SELECT\b|INSERT\b|UPDATE\b|DELETE FROM\b|WITH \w+ AS)/;
  const elsewhere = using(sql).filter((path) => !path.startsWith("src/storage/"));
  expect(elsewhere).toEqual([]);
});

const lineCount = (path: string) => readFileSync(path, "utf8").trimEnd().split("\n").length;
const LANGUAGES = "src/ui/languages/";

it("no schema and no router is made when the Worker starts", () => {
  const atStart = sources.filter((path) =>
    /^(export )?const \w+(: [^=\n]+)? =\s+(z\s*\.|tolerant\(|new Hono\b)\w*/m.test(readFileSync(path, "utf8")),
  );
  expect(atStart).toEqual([]);
});

it("no file has more than 350 lines, and what the Worker carries is bounded", () => {
  const files = globSync("{src,openapi,simulator,cli,scripts,examples,test}/**/*.{ts,tsx}").filter(
    (path) => !path.startsWith(LANGUAGES),
  );
  expect(
    without(
      files.filter((path) => lineCount(path) > 350),
      LONG_FILES,
    ),
  ).toEqual([]);
  // Texts and styles that the build writes to assets/.
  const build = readFileSync("scripts/assets.ts", "utf8");
  const counted = sources.filter((path) => !path.startsWith(LANGUAGES) && !build.includes(`"./${path}"`));
  expect(counted.reduce((sum, path) => sum + lineCount(path), 0)).toBeLessThanOrEqual(MOST_LINES);
});

it("what a source exports is used elsewhere", () => {
  const users = globSync("{src,openapi,simulator,cli,scripts,examples,test}/**/*.{ts,tsx}").map((path) => ({
    path,
    words: new Set(readFileSync(path, "utf8").match(/[A-Za-z_]\w*/g)),
  }));
  const unused = sources.flatMap((path) =>
    [...readFileSync(path, "utf8").matchAll(/^export (?:async )?(?:function|const|class) (\w+)/gm)]
      .map(([, name = ""]) => name)
      .filter((name) => !users.some((user) => user.path !== path && user.words.has(name)))
      .map((name) => `${path}: ${name}`),
  );
  expect(unused).toEqual([]);
});

it("every source says in its first line what it is for, and every exported function what it does", () => {
  const silent = sources.flatMap((path) => {
    const lines = readFileSync(path, "utf8").split("\n");
    const functions = lines.filter(
      (line, i) => /^export (async )?function /.test(line) && !lines[i - 1]?.trimEnd().endsWith("*/"),
    );
    return [...(lines[0]?.startsWith("// ") ? [] : ["first line"]), ...functions].map((what) => `${path}: ${what}`);
  });
  expect(silent).toEqual([]);
});

it("the service shares no code with the simulator and the doctor: two readings of the protocol meet on the wire", () => {
  const outside = globSync("{simulator,doctor}/**/*.{ts,tsx}").filter((path) => !path.includes(".test."));
  expect(outside.length).toBeGreaterThan(10);
  const isService = (path: string) => path.split("/")[0] === "src";
  const across = [...sources, ...outside].flatMap((path) =>
    importsOf(path).filter((to) => isService(to) !== isService(path)),
  );
  expect(across).toEqual([]);
});
