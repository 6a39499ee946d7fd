// The commands in docs/operations.md that back up the database, restore it, and carry over what was revoked and erased
// since.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";

const SINCE = Date.parse("2026-10-01T12:00:00Z");
const MINUTE = 60_000;
const root = resolve(import.meta.dirname, "../../..");
let folder: string;

/** The shell commands of the section, in the order of the page. */
const commands = (() => {
  const page = readFileSync(join(root, "docs/operations.md"), "utf8");
  const section = page.slice(page.indexOf("## Backup and restore"), page.indexOf("| after a restore |"));
  return [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");
})();
const [exporting = "", writingDown = "", timeTravel = "", importing = "", applying = ""] = commands;

/**
 * Runs commands of the page in the test's folder, against the local database `database` instead of the deployed one.
 */
function shell(database: string, script: string): string {
  const local = script
    .replaceAll("npx wrangler", `wrangler --config ${database}/wrangler.toml`)
    .replaceAll("--remote", "--local --env test");
  const run = spawnSync("bash", ["-euo", "pipefail", "-c", local], {
    cwd: folder,
    encoding: "utf8",
    env: {
      ...process.env,
      PATH: `${folder}:${process.env.PATH}`,
      ADMIN_TOKEN: "test",
      CI: "1",
      WRANGLER_SEND_METRICS: "false",
      // At "error", `--json` prints nothing.
      WRANGLER_LOG: "log",
    },
  });
  if (run.status !== 0) throw new Error(`${script}\n${run.stdout}${run.stderr}`);
  return run.stdout;
}

/** The rows of each statement. */
function query(database: string, sql: string): Record<string, unknown>[][] {
  const output = shell(database, `npx wrangler d1 execute DB --remote --json --command "${sql}"`);
  return (JSON.parse(output) as { results: Record<string, unknown>[] }[]).map(({ results }) => results);
}

function execute(database: string, statements: readonly string[]): void {
  writeFileSync(join(folder, "statements.sql"), statements.join(";\n"));
  shell(database, "npx wrangler d1 execute DB --remote --file statements.sql");
}

const schema = readFileSync(join(root, "migrations/0001_initial.sql"), "utf8");

/**
 * An INSERT with the given values, and with something of the right type in each other column that must have a value.
 */
function insert(table: string, values: Record<string, string | number>): string {
  const definition = schema.slice(schema.indexOf(`CREATE TABLE ${table} (`)).split("STRICT")[0] ?? "";
  const required = [...definition.matchAll(/^ {2}(\w+) (TEXT|INTEGER) NOT NULL(?!.* DEFAULT)/gm)];
  const defaults = required.map(([, name = "", type]): [string, string | number] => [name, type === "TEXT" ? "[]" : 0]);
  const row = Object.entries({ ...Object.fromEntries(defaults), ...values });
  const literals = row.map(([, value]) => (typeof value === "number" ? value : `'${value}'`));
  return `INSERT INTO ${table} (${row.map(([name]) => name).join(", ")}) VALUES (${literals.join(", ")})`;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "alexa-link-restore-"));
  // `wrangler d1 export` finds its local database beside the configuration file, and nowhere else.
  for (const database of ["old", "restored"]) {
    mkdirSync(join(folder, database));
    cpSync(join(root, "wrangler.toml"), join(folder, database, "wrangler.toml"));
  }
  // Replaces curl: records its arguments.
  writeFileSync(join(folder, "curl"), `#!/bin/sh\necho "$*" >> "${join(folder, "calls.txt")}"\n`, { mode: 0o755 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("what was revoked, erased and signed out since the restore point stays so; everything else stays", () => {
  expect(commands).toHaveLength(5);
  expect(timeTravel).toContain("wrangler d1 time-travel restore alexa-link");
  const user = (id: string) => insert("users", { id, created_at: SINCE - 9 * MINUTE, updated_at: 0 });
  const grant = (id: string, userId: string) =>
    insert("grants", { id, user_id: userId, client_id: "alexa", idle_expires_at: SINCE * 2, flow: "alexa_app" });
  const token = (grantId: string) =>
    insert("amazon_tokens", { grant_id: grantId, purpose: "enablement", host: "h", tokens: "sealed" });
  execute("old", [
    schema,
    insert("clients", { id: "alexa", kind: "alexa", name: "Alexa" }),
    ...["ada", "bob", "eve"].map(user),
    ...[grant("kept", "ada"), grant("revoked", "ada"), grant("of_bob", "bob"), token("kept"), token("revoked")],
    ...["signed_in", "signed_out"].map((id) => insert("sessions", { id, user_id: "ada", created_at: SINCE })),
    insert("codes", { code_hash: "unspent", origin: "authorize", expires_at: SINCE + MINUTE }),
  ]);
  shell("old", exporting);

  // Since the restore point:
  execute("old", [
    `UPDATE grants SET revoked_at = ${SINCE + MINUTE}, revoked_reason = 'unlinked' WHERE id = 'revoked'`,
    "UPDATE users SET session_epoch = 3 WHERE id = 'eve'",
    `UPDATE sessions SET ended_at = ${SINCE + MINUTE} WHERE id = 'signed_out'`,
    "DELETE FROM users WHERE id = 'bob'",
    user("new"),
  ]);
  shell("old", writingDown);

  shell("restored", importing);
  // An account created between the restore and the last step.
  const late = insert("users", { id: "late", created_at: SINCE + 5 * MINUTE, updated_at: 0 });
  const [live] = query("restored", `SELECT id FROM grants WHERE revoked_at IS NULL; ${late}`);
  expect(live).toHaveLength(3);
  const variables = writingDown.slice(0, writingDown.indexOf('lines "'));
  shell("restored", variables + applying);

  const carriedOver = query(
    "restored",
    `SELECT id, revoked_at, revoked_reason FROM grants ORDER BY id; SELECT id, session_epoch FROM users ORDER BY id;
     SELECT grant_id FROM amazon_tokens; SELECT id, ended_at FROM sessions ORDER BY id; SELECT code_hash FROM codes`,
  );
  expect(carriedOver).toEqual([
    [
      { id: "kept", revoked_at: null, revoked_reason: null },
      { id: "of_bob", revoked_at: null, revoked_reason: null },
      { id: "revoked", revoked_at: SINCE + MINUTE, revoked_reason: "unlinked" },
    ],
    [
      { id: "ada", session_epoch: 0 },
      { id: "bob", session_epoch: 0 },
      { id: "eve", session_epoch: 3 },
      { id: "late", session_epoch: 0 },
    ],
    [{ grant_id: "kept" }],
    [
      { id: "signed_in", ended_at: null },
      { id: "signed_out", ended_at: SINCE + MINUTE },
    ],
    [],
  ]);
  // Only Bob is erased through the API.
  expect(readFileSync(join(folder, "calls.txt"), "utf8")).toBe(
    "-X DELETE https://link.example.com/api/admin/users/bob -H authorization: Bearer test\n",
  );
}, 300_000);
