// What `npm run dev` says about a lost MASTER_KEY and about misspelt variables.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startProblem, unknownVariables, variablesOf } from "../../scripts/dev-problems.ts";
import { SECRETS } from "../../scripts/dev-vars.ts";

describe("a variable that the service does not know", () => {
  it.each([
    ["OIDC_ISUER", "OIDC_ISSUER"],
    ["oidc_issuer", "OIDC_ISSUER"],
    ["BRANDNAME", "BRAND_NAME"],
    ["ADMIN_TOKENS", "ADMIN_TOKEN"],
  ])("%s: the warning names %s", (name, meant) => {
    expect(unknownVariables([name], ".dev.vars")).toEqual([
      `.dev.vars sets ${name}, which the service does not know: it has no effect. Did you mean ${meant}?`,
    ]);
  });

  it("that resembles none is named alone", () => {
    const [warning] = unknownVariables(["SOMETHING_ELSE_ENTIRELY"], "wrangler.toml");
    expect(warning).toMatch(/^wrangler\.toml sets SOMETHING_ELSE_ENTIRELY, .*no effect\.$/);
  });

  it("is none of .dev.vars.example, of wrangler.toml and of what the demo stores", () => {
    const example = [...readFileSync(".dev.vars.example", "utf8").matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)];
    expect(example.length).toBeGreaterThan(10);
    const names = example.map((match) => match[1] ?? "");
    expect(unknownVariables([...names, ...SECRETS, ...variablesOf("wrangler.toml")], "", SECRETS)).toEqual([]);
  });

  it("is found under [vars] of the file and of its environments", () => {
    const folder = mkdtempSync(join(tmpdir(), "variables-"));
    const file = join(folder, "wrangler.toml");
    writeFileSync(file, '[vars]\nOIDC_ISUER = "a"\n[env.staging.vars]\nBRAND = "b"\nOIDC_ISUER = "c"\n');
    expect(variablesOf(file)).toEqual(["OIDC_ISUER", "BRAND"]);
    expect(variablesOf(join(folder, "absent.toml"))).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});

describe("a MASTER_KEY that is not the database's", () => {
  // The service's own sentence, as /healthz returns it.
  const detail = "The database was sealed with another MASTER_KEY (signing_keys.private_jwk). Set that key …";

  it("was lost with .dev.vars: what happened, and the one folder to delete", () => {
    const text = startProblem(detail, true);
    expect(text).toContain(".dev.vars had no MASTER_KEY, so a new one was made");
    expect(text).toContain("delete the folder .wrangler/state");
  });

  it("was changed by hand", () => {
    expect(startProblem(detail, false)).toContain("than the one in .dev.vars. Put the old key back");
  });

  it("is recognised by the sentence of the service, and other problems are left as they are", () => {
    expect(readFileSync("src/admin/router.ts", "utf8")).toContain("sealed with another MASTER_KEY (");
    expect(startProblem("Run the migrations.", true)).toBe("Run the migrations.");
  });
});
