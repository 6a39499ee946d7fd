// `alexa-link setup` as a process of its own, with the stand-in for wrangler first in PATH.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { State } from "./wrangler-stand-in.ts";

function cloneWithWrangler() {
  const folder = mkdtempSync(join(tmpdir(), "setup-process-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync("wrangler.toml", join(folder, "wrangler.toml"));
  for (const name of ["migrations", "src", "bin"]) mkdirSync(join(folder, name));
  const script = join(folder, "bin", "wrangler");
  // KILL_AT stops setup as a power cut does: after the call was made, before its response is read.
  writeFileSync(
    script,
    `#!${process.execPath}
import { main } from ${JSON.stringify(resolve("test/node/wrangler-stand-in.ts"))};
const args = process.argv.slice(2);
await main(args);
if (process.env.KILL_AT && args.join(" ").startsWith(process.env.KILL_AT)) process.kill(process.ppid, "SIGKILL");
`,
  );
  writeFileSync(join(folder, "bin", "package.json"), '{"type":"module"}');
  chmodSync(script, 0o755);
  const state = join(folder, "state.json");
  return {
    folder,
    state: () => JSON.parse(readFileSync(state, "utf8")) as State,
    run(args: readonly string[], environment: Record<string, string> = {}) {
      const { PATH = "" } = process.env;
      const env = { PATH: `${join(folder, "bin")}:${PATH}`, STAND_IN_STATE: state, ...environment };
      const command = [resolve("cli/alexa-link.ts"), "setup", ...args];
      return spawnSync(process.execPath, command, { cwd: folder, env, encoding: "utf8", input: "" });
    },
  };
}

const ARGS = ["--domain", "link.example.com", "--brand", "Acme", "--sign-in", "password"];

it("a process that is killed after a call goes on with the same keys, and leaves no secret behind", () => {
  const clone = cloneWithWrangler();
  // Nothing responds at the domain, so a whole run ends there.
  const args = [...ARGS, "--skip-skill", "--take-over-domain", "--wait", "0"];
  const killed = clone.run(args, { KILL_AT: "secret put MASTER_KEY" });
  expect(killed.signal).toBe("SIGKILL");
  const notes = JSON.parse(readFileSync(join(clone.folder, ".setup.json"), "utf8")) as Record<string, string>;
  expect(statSync(join(clone.folder, ".setup.json")).mode & 0o777).toBe(0o600);
  const second = clone.run(args);
  expect([second.status, second.stderr]).toEqual([
    1,
    expect.stringContaining("did not become healthy within 0 seconds"),
  ]);
  expect(second.stderr).not.toMatch(/^\s+at /m);
  const { databases, namespaces, workers, calls } = clone.state();
  expect([databases.length, namespaces.length]).toEqual([1, 1]);
  expect(workers["alexa-link"]?.secrets).toMatchObject({
    MASTER_KEY: notes.MASTER_KEY,
    ADMIN_TOKEN: notes.ADMIN_TOKEN,
  });
  expect(workers["alexa-link"]?.deployed).toContain("link.example.com");
  const seen = [
    killed.stdout,
    killed.stderr,
    second.stdout,
    second.stderr,
    JSON.stringify(calls.map((one) => one.args)),
  ];
  for (const key of [notes.MASTER_KEY!, notes.ADMIN_TOKEN!]) {
    expect(seen.filter((text) => text.includes(key))).toEqual([]);
    expect(readFileSync(join(clone.folder, "wrangler.toml"), "utf8")).not.toContain(key);
  }
});

it("a dry run prints its commands to standard output, and ends with 0", () => {
  const clone = cloneWithWrangler();
  const { status, stdout, stderr } = clone.run(["--dry-run"]);
  expect([status, stdout]).toEqual([0, expect.stringContaining("npx wrangler d1 create alexa-link")]);
  expect(stdout).toContain("Without --skill-id, the step that registers the skill is left out.");
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(clone.state().calls.map(({ args }) => args.join(" "))).toEqual([
    "whoami --json",
    "secret list --name alexa-link",
    "d1 list --json",
    "d1 list --json",
    "kv namespace list",
  ]);
});

it("outside a clone it says so, and ends with 2", () => {
  const clone = cloneWithWrangler();
  rmSync(join(clone.folder, "wrangler.toml"));
  const { status, stderr } = clone.run(ARGS);
  expect([status, stderr]).toEqual([2, expect.stringContaining("There is no wrangler.toml here")]);
});
