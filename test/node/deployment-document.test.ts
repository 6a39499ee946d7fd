// wrangler.toml, and what docs/deploy.md says about it.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

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
