import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";

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

it("V7: no source imports dynamically", () => {
  expect(using(/\bimport\(/)).toEqual([]);
});

/** What each part may import beside itself; a part that is not named here may import all but the entry and the API's description. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  "env.ts": [],
  "tolerant.ts": [],
  crypto: [],
  http: ["crypto"],
  ui: [],
  storage: ["crypto"],
  "webhooks.ts": ["storage", "http", "crypto"],
};
const ENTRY = ["index.ts", "app.ts"];

const partOf = (path: string) => path.split("/")[1] ?? "";

/** The files that a source imports for more than their types. */
function importsOf(path: string): string[] {
  return [...readFileSync(path, "utf8").matchAll(/^(?:import|export) (?!type )([^;]*?)\bfrom "(\.[^"]+)";/gms)]
    .filter(([, names = ""]) => names.replaceAll(/[{}\s]/g, "") === "" || /(^|[{,])\s*(?!type )[\w*]/.test(names))
    .map(([, , to = ""]) => join(dirname(path), to));
}

it("a request walks down the parts and never back up", () => {
  const upward = sources.flatMap((path) => {
    const part = partOf(path);
    const below = BELOW[part];
    return importsOf(path)
      .map((to) => ({ path, to, other: partOf(to) }))
      .filter(({ other }) => other !== part && (below ? !below.includes(other) : ENTRY.includes(other)))
      .filter(() => !ENTRY.includes(part))
      .map(({ to }) => `${path} imports ${to}`);
  });
  expect(upward).toEqual([]);
});

it("no file needs itself: imports run in no circle", () => {
  const files = globSync("{src,openapi,simulator,cli,scripts,test}/**/*.{ts,tsx}");
  const seen = new Map<string, "open" | "done">();
  const circles: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    if (seen.get(path) === "open") circles.push([...way.slice(way.indexOf(path)), path].join(" -> "));
    if (seen.has(path)) return;
    seen.set(path, "open");
    for (const to of importsOf(path)) if (/\.tsx?$/.test(to)) visit(to, [...way, path]);
    seen.set(path, "done");
  };
  for (const path of files) visit(path, []);
  expect(seen.size).toBe(files.length);
  expect(circles).toEqual([]);
});

it("what a source exports is used elsewhere", () => {
  const users = globSync("{src,openapi,simulator,cli,scripts,test}/**/*.{ts,tsx}").map((path) => ({
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

it("the service and the simulator share no code: two readings of the protocol meet on the wire", () => {
  const simulated = globSync("simulator/**/*.{ts,tsx}").filter((path) => !path.includes(".test."));
  expect(simulated.length).toBeGreaterThan(10);
  const across = [...sources, ...simulated].flatMap((path) =>
    importsOf(path).filter((to) => to.split("/")[0] !== path.split("/")[0]),
  );
  expect(across).toEqual([]);
});
