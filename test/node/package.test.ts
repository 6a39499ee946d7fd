// The package that `npm pack` makes: its files and size, and that it works alone on the oldest Node that it allows.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const KB = 1024;
interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

/** The system's Node, if it is older than the one that runs the tests; the package allows Node 20. */
function oldestNode(): string {
  const system = "/usr/bin/node";
  const version = existsSync(system) ? spawnSync(system, ["--version"], { encoding: "utf8" }).stdout : "";
  return /^v2[0-9]\./.test(version) ? system : process.execPath;
}

const node = oldestNode();
const npm = (args: readonly string[], cwd: string) =>
  execFileSync("npm", [...args, "--offline", "--no-audit", "--no-fund"], { cwd, encoding: "utf8", stdio: "pipe" });

let folder = "";
let packed: Packed;
let program = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "package-"));
  const output = npm(["pack", "--json", "--pack-destination", folder], process.cwd());
  packed = (JSON.parse(output.slice(output.indexOf("["))) as Packed[])[0]!;
  const empty = join(folder, "empty");
  mkdirSync(empty);
  writeFileSync(join(empty, "package.json"), "{}");
  npm(["install", join(folder, packed.filename)], empty);
  program = join(empty, "node_modules/alexa-link/build/alexa-link.js");
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

async function freePort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}

/** Runs the installed program in a folder without a clone around it. */
function alexaLink(args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(node, [program, ...args], {
    cwd: folder,
    encoding: "utf8",
    env: { PATH: process.env.PATH, HOME: folder },
  });
  return { status, stdout, stderr };
}

describe("the package", () => {
  it("carries the program, its licences and nothing of the sources", () => {
    const paths = packed.files.map(({ path }) => path).sort();
    expect(paths.filter((path) => !/^build\/chunk-[A-Z0-9]+\.js$/.test(path))).toEqual([
      ...["LICENSE", "README.md", "build/LICENSES.txt", "build/alexa-link.js", "build/simulator.js", "package.json"],
    ]);
    expect(packed.files.find(({ path }) => path === "build/alexa-link.js")?.mode).toBe(0o755);
  });

  it("is small: at most 600 KB to download and 2 MB on the disk", () => {
    expect(packed.size).toBeLessThan(600 * KB);
    expect(packed.unpackedSize).toBeLessThan(2048 * KB);
  });

  it("brings no other package", () => {
    const installed = join(folder, "empty/node_modules");
    expect(readdirSync(installed).filter((name) => !name.startsWith("."))).toEqual(["alexa-link"]);
    const { dependencies } = JSON.parse(readFileSync(join(installed, "alexa-link/package.json"), "utf8")) as object & {
      dependencies?: object;
    };
    expect(dependencies ?? {}).toEqual({});
  });

  it("names each library that it carries, with its licence", () => {
    const licences = readFileSync(join(folder, "empty/node_modules/alexa-link/build/LICENSES.txt"), "utf8");
    for (const name of ["commander", "hono", "@hono/node-server", "zod", "@peculiar/x509"]) {
      expect(licences).toMatch(new RegExp(`^${name} \\d`, "m"));
    }
    expect(licences).toContain("Permission is hereby granted");
    expect(licences).not.toContain("undefined");
  });

  it("prints help that names the program, and its version", () => {
    const help = alexaLink(["--help"]);
    expect([help.status, help.stderr]).toEqual([0, ""]);
    expect(help.stdout).toContain("Usage: alexa-link");
    expect(alexaLink(["--version"]).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("runs the doctor: without an address a usage error, at a closed port a sentence", () => {
    const usage = alexaLink(["doctor"]);
    expect([usage.status, usage.stdout]).toEqual([2, ""]);
    const down = alexaLink(["doctor", "http://127.0.0.1:1"]);
    expect([down.status, down.stderr]).toEqual([2, expect.stringContaining("127.0.0.1:1")]);
    expect(down.stderr).not.toMatch(/^\s+at /m);
  });

  it("says that dev needs a clone", () => {
    const { status, stderr } = alexaLink(["dev"]);
    expect([status, stderr]).toEqual([2, expect.stringContaining("clone the repository")]);
  });

  it("runs the simulator until it is told to stop, and names a port that is taken", async () => {
    const port = await freePort();
    const child = spawn(node, [program, "simulator", "--port", port, "--json"], { cwd: folder, env: { HOME: folder } });
    try {
      const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
      const { url } = await new Promise<{ url: string }>((resolve) => {
        child.stdout.on("data", (chunk: Buffer) => resolve(JSON.parse(String(chunk))));
      });
      expect(url).toBe(`http://127.0.0.1:${port}`);
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      expect(await (await fetch(url)).text()).toContain("</html>");
      expect(await (await fetch(`${url}/simulator/certificate-root`)).text()).toContain("BEGIN CERTIFICATE");
      const second = alexaLink(["simulator", "--port", port]);
      expect([second.status, second.stderr]).toEqual([1, expect.stringContaining(`Port ${port} is in use`)]);
      child.kill("SIGINT");
      expect(await ended).toBe(0);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

describe("an npm script before `npm ci`", () => {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Readonly<Record<string, string>> };
  const runner = join(process.cwd(), "scripts/run.mjs");

  it.each(Object.entries(scripts).filter(([, line]) => line.startsWith("node ")))(
    "%s: one sentence says what to run",
    (_, line) => {
      const [, script = ""] = /^node (?:--[\w-]+=\w+ )?scripts\/run\.mjs (\S+\.ts)/.exec(line) ?? [];
      expect(existsSync(script), line).toBe(true);
    },
  );

  it.each([...new Set([node, process.execPath])])("%s", (executable) => {
    const { status, stdout, stderr } = spawnSync(executable, [runner, "scripts/dev.ts"], {
      cwd: folder,
      encoding: "utf8",
    });
    expect([status, stdout, stderr]).toEqual([
      1,
      "",
      "The packages are not installed yet. Run `npm ci` first, then this again.\n",
    ]);
  });

  it.runIf(node !== process.execPath)("an old Node is named, once the packages are there", () => {
    const { status, stderr } = spawnSync(node, ["scripts/run.mjs", "scripts/dev.ts"], { encoding: "utf8" });
    expect([status, stderr]).toEqual([1, expect.stringContaining("This needs Node 22.18 or newer")]);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
