// wrangler.toml, and what docs/deploy.md says about it.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { setupCommand } from "../../cli/commands/setup.ts";
import { testTerminal } from "./terminal.ts";

const toml = readFileSync("wrangler.toml", "utf8");
const guide = readFileSync("docs/deploy.md", "utf8");

it("S18: a deployment is served at no other address than its route", () => {
  expect(toml).toMatch(/^workers_dev = false$/m);
  expect(toml).toMatch(/^preview_urls = false$/m);
  // Top-level keys end at the first section.
  expect(toml.indexOf("workers_dev")).toBeLessThan(toml.search(/^\[/m));
  expect(toml).not.toMatch(/^\s*(workers_dev|preview_urls) *= *true/m);
});

it("S18: the guide shows the commands behind a tunnel with the flags that keep the public origin", () => {
  const command = /npx wrangler dev [^`]*?ISSUER:https[^\n]*/.exec(guide)?.[0] ?? "";
  expect(command).toContain("--upstream-protocol https");
  expect(command).toContain("--infer-origin-from-routes=false");
});

it("the guide names options of setup that exist, and each question", () => {
  const command = setupCommand(testTerminal());
  const options = ["--help", ...command.options.map(({ long }) => long)];
  const named = [...guide.matchAll(/npm run setup -- ([\s\S]*?)```/g)].flatMap(([, line = ""]) => [
    ...line.matchAll(/(--[a-z][a-z-]+)/g),
  ]);
  expect(named.length).toBeGreaterThan(8);
  expect(named.map(([option]) => option).filter((option) => !options.includes(option))).toEqual([]);
  expect(options).toEqual(
    expect.arrayContaining(["--env", "--dry-run", "--new-admin-token", "--location", "--skip-skill"]),
  );
  for (const word of ["domain", "brand", "who signs customers in", "skill id", "vendor id", "Alexa Client Id"]) {
    expect(guide).toContain(`| ${word}`);
  }
});

it("the guide and the decision give the same count of values, and the README the same commands", () => {
  const decision = readFileSync("docs/decisions/0042-setup-writes-wrangler-toml.md", "utf8");
  const readme = readFileSync("README.md", "utf8");
  for (const [page, text] of [
    ["guide", guide],
    ["decision", decision],
  ] as const) {
    expect(text, page).toMatch(/OpenID provider.*\| 8 \|/);
    expect(text, page).toMatch(/(?:with passwords|password sign-in).*\| 6 \|/);
  }
  for (const command of ["npm run setup", "npm run doctor", "npm run dev"]) {
    expect(guide, command).toContain(command);
    expect(readme, command).toContain(command);
  }
});

it("the button's secrets are variables, and the script that it runs applies the migrations", () => {
  const { cloudflare, scripts } = JSON.parse(readFileSync("package.json", "utf8"));
  const example = readFileSync(".dev.vars.example", "utf8");
  for (const name of Object.keys(cloudflare.bindings)) {
    expect(`${example}\n${toml}`, name).toMatch(new RegExp(`^(${name}=|binding = "${name}")`, "m"));
  }
  expect(scripts.deploy).toBe("wrangler d1 migrations apply DB --remote && wrangler deploy");
});

it("the guide and wrangler.toml show the same settings", () => {
  const route = 'routes = [{ pattern = "link.example.com", custom_domain = true }]';
  expect(guide).toContain(route);
  expect(toml).toContain(`# ${route}`);
  expect(guide).toContain("[env.staging]");
  expect(toml).toContain("# [env.staging]");
  for (const setting of ["database_id", "workers_dev", "preview_urls", "namespace_id", "ISSUER"]) {
    expect(guide, setting).toContain(setting);
    expect(toml, setting).toContain(setting);
  }
});
