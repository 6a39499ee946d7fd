// `alexa-link move-in` and `move-out` against the Worker as `wrangler deploy` builds it.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createTestHarness } from "wrangler";
import { run } from "../../cli/program.ts";
import { testTerminal } from "./terminal.ts";

const ADMIN_TOKEN = "test-admin-token-0000000000000000000000";
const SKILL_ID = "amzn1.ask.skill.0000-move";
const CLIENT = { id: "alexa-moved", secret: "obviously-fake-client-secret" };
const BCRYPT = "$2b$04$abcdefghijklmnopqrstuugHCLMmQz7PO79j3QUqrG7zy.BRK/y7e";

/** Two deployments: the one that people move to, and the one that they go on to. */
const harnesses = ["A", "B"].map((letter) =>
  createTestHarness({
    workers: [
      {
        configPath: "wrangler.toml",
        env: "test",
        vars: { PASSWORD_ITERATIONS: "1000" },
        secrets: { MASTER_KEY: letter.repeat(43), ADMIN_TOKEN },
      },
    ],
  }),
);
const origins: string[] = [];
let folder = "";

beforeAll(async () => {
  for (const harness of harnesses) {
    const url = (await harness.listen()).url;
    url.hostname = "localhost";
    origins.push(url.origin);
    await harness.getWorker().applyD1Migrations("DB");
    const skill = {
      id: SKILL_ID,
      name: "Acme Home",
      type: "smart_home",
      vendorId: "M2EXAMPLEVENDOR",
      scopes: ["profile", "devices:control"],
      returnUrls: ["https://app.example.com/alexa/done"],
      client: CLIENT,
    };
    const response = await fetch(`${url.origin}/api/admin/skills`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify(skill),
    });
    expect(response.status).toBe(201);
  }
});
afterAll(() => Promise.all(harnesses.map((harness) => harness.close())));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "move-in-"));
  return () => rmSync(folder, { recursive: true });
});

async function command(args: readonly string[], origin = origins[0]!) {
  const terminal = testTerminal({ environment: { ADMIN_TOKEN } });
  const code = await run([...args, "--url", origin], terminal);
  return { code, out: terminal.out(), errors: terminal.errors() };
}

function write(name: string, text: string | Buffer): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const linesOf = (file: string) =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const reportOf = (file: string) => linesOf(`${file}.report.jsonl`).slice(1);

async function refresh(token: string, origin = origins[0]!) {
  const response = await fetch(`${origin}/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${CLIENT.id}:${CLIENT.secret}`)}` },
    body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: token }),
  });
  const body = (await response.json()) as { access_token?: string; error?: string };
  return { status: response.status, sub: body.access_token?.split(".")[1] };
}
const subOf = (payload: string | undefined) =>
  (JSON.parse(Buffer.from(payload ?? "", "base64url").toString()) as { sub: string }).sub;

describe("move-in", () => {
  it("imports people, then links; Alexa's tokens work; no token and no hash is in the report", async () => {
    const users = write(
      "users.csv",
      `id,email,name,passwordHash\nold-1,one@example.com,"One, ""the"" first",${BCRYPT}\n`,
    );
    const token = "token-of-one, with a comma";
    const links = write("links.csv", `user_id,token,legacy\r\nold-1,"${token}",x\r\n`);
    const options = ["--users", users, "--links", links, "--skill-id", SKILL_ID];
    const map = ["--map", "user_id=userId", "--map", "token=refreshToken", "--map", "legacy="];
    const { code, out, errors } = await command(["move-in", ...options, ...map]);
    expect([code, errors]).toEqual([0, ""]);
    expect(out).toContain("Links: 1 imported");
    const { status, sub } = await refresh(token);
    expect([status, subOf(sub)]).toEqual([200, "old-1"]);
    const report = readFileSync(`${users}.report.jsonl`, "utf8");
    expect(reportOf(users)).toEqual([
      { file: users, line: 2, kind: "user", status: "imported", id: "old-1" },
      { file: links, line: 2, kind: "link", status: "imported", id: expect.any(String) },
    ]);
    for (const secret of [token, BCRYPT, createHash("sha256").update(token).digest("base64url")]) {
      expect(report + out + errors).not.toContain(secret);
    }
    expect(statSync(`${users}.report.jsonl`).mode & 0o777).toBe(0o600);
  });

  it("goes on where it stopped, and begins again when the input has changed", async () => {
    const lines = Array.from({ length: 250 }, (_, i) =>
      JSON.stringify({ id: `again-${i}`, email: `again-${i}@example.com` }),
    );
    const file = write("users.jsonl", lines.join("\n"));
    expect((await command(["move-in", file])).code).toBe(0);
    // A run that was killed: half of a line at the end.
    const report = `${file}.report.jsonl`;
    const whole = readFileSync(report, "utf8").split("\n");
    writeFileSync(report, `${whole.slice(0, 101).join("\n")}\n${whole[101]!.slice(0, 20)}`);
    const again = await command(["move-in", file, "--json"]);
    expect(JSON.parse(again.out)).toMatchObject({ users: { imported: 0, exists: 150, refused: 0 }, skipped: 100 });
    expect(JSON.parse((await command(["move-in", file, "--json"])).out)).toMatchObject({ skipped: 250 });
    writeFileSync(file, `${lines.join("\n")}\n${JSON.stringify({ id: "again-x", email: "again-x@example.com" })}\n`);
    const changed = await command(["move-in", file, "--json"]);
    expect(changed.errors).toContain("of another input");
    expect(JSON.parse(changed.out)).toMatchObject({ users: { imported: 1, exists: 250 }, skipped: 0 });
  });

  it("a line that is both makes the person, who owns the link, also where the person exists under another id", async () => {
    const file = write(
      "both.jsonl",
      [
        { id: "both-1", email: "both@example.com", refreshToken: "token-both-1", skillId: SKILL_ID },
        { id: "both-2", email: "both@example.com", name: "Two" },
        { userId: "both-2", refreshToken: "token-both-2", skillId: SKILL_ID, scope: "profile" },
        { email: "both@example.com", refreshToken: "token-both-3", skillId: SKILL_ID },
      ]
        .map((line) => JSON.stringify(line))
        .join("\n\n"),
    );
    expect((await command(["move-in", file])).code).toBe(0);
    for (const n of [1, 2, 3]) expect(subOf((await refresh(`token-both-${n}`)).sub)).toBe("both-1");
    expect(reportOf(file)).toContainEqual(
      expect.objectContaining({ line: 3, status: "exists", id: "both-1", givenId: "both-2" }),
    );
  });

  it("refuses lines by number and reason, imports the others, and ends with 1", async () => {
    const file = write(
      "mixed.jsonl",
      Buffer.concat([
        Buffer.from(
          [
            '\u{feff}{"email":"fine@example.com"}',
            "not json",
            '["a"]',
            '{"email":"odd@example.com","unknown":"x"}',
            '{"email":"odd@example.com","name":["x"]}',
            '{"name":"Nobody"}',
            '{"email":"costly@example.com","passwordHash":"$2b$15$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}',
            '{"email":"when@example.com","createdAt":"yesterday"}',
            `{"email":"long@example.com","name":"${"x".repeat(70_000)}"}`,
            `{"userId":"nobody","refreshToken":"t","skillId":"${SKILL_ID}"}`,
            '{"userId":"nobody","refreshToken":"t"}',
            "",
          ].join("\n"),
        ),
        Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d, 0x0a]),
        Buffer.from('{"email":"also-fine@example.com","createdAt":"2024-05-01 10:00:00"}\n'),
        Buffer.from('{"id":9007199254740993,"email":"number@example.com"}'),
      ]),
    );
    const { code, errors } = await command(["move-in", file]);
    expect(code).toBe(1);
    const byLine = new Map(reportOf(file).map((one) => [one.line, one]));
    expect(byLine.get(1)).toMatchObject({ status: "imported" });
    expect(byLine.get(13)).toMatchObject({ status: "imported" });
    for (const line of [2, 3, 4, 5, 6, 8, 9, 11, 12, 14]) {
      expect(byLine.get(line), `line ${line}`).toMatchObject({ status: "refused", code: "line_invalid" });
      expect(errors).toContain(`line ${line}: `);
    }
    expect(byLine.get(7)).toMatchObject({ status: "refused", code: "hash_too_costly" });
    expect(byLine.get(10)).toMatchObject({ status: "refused", code: "user_not_found" });
    // Refused lines are sent again by the next run.
    expect(JSON.parse((await command(["move-in", file, "--json"])).out)).toMatchObject({
      skipped: 2,
      users: { refused: 1 },
    });
  });

  it("--dry-run checks every line, sends nothing, and needs no token", async () => {
    const file = write("dry.csv", "id,email\ndry-1,dry@example.com\n,\ndry/2,dry2@example.com\ndry-3\n");
    const terminal = testTerminal();
    expect(await run(["move-in", file, "--dry-run", "--json"], terminal)).toBe(1);
    expect(JSON.parse(terminal.out())).toEqual({ users: 1, links: 0, unreadable: 3 });
    expect(terminal.errors()).toMatch(/line 3:.*line 4:.*line 5:/s);
    const found = await fetch(`${origins[0]}/api/admin/users?email=dry@example.com`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    expect(await found.json()).toEqual({ items: [] });
  });

  it.each([
    ["no file", [], "Name a file"],
    ["a file that is missing", ["missing.csv"], "missing.csv"],
    ["a name that says no format", ["data.txt"], "--format"],
    ["an unknown format", ["users.csv", "--format", "xml"], "--format"],
    ["a field that does not exist", ["users.csv", "--map", "a=password"], "passwordHash"],
    ["a column mapped twice", ["users.csv", "--map", "a=id", "--map", "a=email"], "twice"],
    ["a column given twice", ["twice.csv"], '"email" is given twice'],
    ["a file without a header", ["bare.csv"], "bare.csv: the first line must name the columns"],
    ["a report that is an input", ["users.csv", "--report", "users.csv"], "--report"],
    ["a report that is some other file", ["users.csv", "--report", "data.txt"], "no report of move-in"],
    ["a folder", [".", "--format", "csv"], "no regular file"],
    ["the same file twice", ["users.csv", "--users", "users.csv"], "twice"],
  ])("%s is a usage error", async (_, args, named) => {
    write("users.csv", "email\nusage@example.com\n");
    write("data.txt", "email\n");
    write("bare.csv", "bare@example.com,obviously-fake-token\n");
    write("twice.csv", "email, email\na@example.com,b@example.com\n");
    const { code, errors } = await command([
      "move-in",
      ...args.map((arg) => (/\.(csv|txt)$/.test(arg) ? join(folder, arg) : arg)),
    ]);
    expect(code).toBe(2);
    expect(errors).toContain(named);
    expect(errors).not.toContain("obviously-fake-token");
    expect(readFileSync(join(folder, "data.txt"), "utf8")).toBe("email\n");
  });

  it("an unclosed quote is named with its line", async () => {
    const file = write("quote.csv", 'email,name\nquote@example.com,"never closed\n');
    const { code, errors } = await command(["move-in", file]);
    expect(code).toBe(1);
    expect(errors).toMatch(/quote\.csv: .*line/);
  });
});

describe("move-out", () => {
  it.each(["csv", "jsonl"])("a second server goes on with the tokens of the first, by %s", async (extension) => {
    const imported = write(
      "in.jsonl",
      JSON.stringify({
        id: `out-${extension}`,
        email: `out-${extension}@example.com`,
        name: '=1+1, "quoted"\u00e4',
        passwordHash: BCRYPT,
        refreshToken: `token-out-${extension}`,
        skillId: SKILL_ID,
      }),
    );
    expect((await command(["move-in", imported])).code).toBe(0);
    const [users, links] = [join(folder, `users.${extension}`), join(folder, `links.${extension}`)];
    const out = await command(["move-out", "--users", users, "--links", links, "--with-password-hashes"]);
    expect([out.code, out.errors]).toEqual([0, ""]);
    for (const file of [users, links]) expect(statSync(file).mode & 0o777).toBe(0o600);
    // A spreadsheet must not take the name for a formula.
    expect(readFileSync(users, "utf8")).toContain(extension === "csv" ? `"'=1+1, ""quoted""` : '"=1+1, ');
    expect(readFileSync(users, "utf8")).toContain(BCRYPT);
    const moved = await command(["move-in", "--users", users, "--links", links, "--json"], origins[1]);
    const there = await fetch(`${origins[1]}/api/admin/users?email=out-${extension}@example.com`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    expect(await there.json()).toMatchObject({ items: [{ name: '=1+1, "quoted"\u00e4' }] });
    expect([moved.code, moved.errors]).toEqual([0, ""]);
    expect(subOf((await refresh(`token-out-${extension}`, origins[1])).sub)).toBe(`out-${extension}`);
    expect((await command(["move-out", "--users", users])).code).toBe(2);
    const without = await command(["move-out", "--users", users, "--force"]);
    expect([without.code, readFileSync(users, "utf8").includes("$2b$")]).toEqual([0, false]);
  });

  it.each([
    ["no file", []],
    ["one file for both", ["--users", "a.csv", "--links", "a.csv"]],
    ["hashes without people", ["--links", "a.csv", "--with-password-hashes"]],
    ["a name that says no format", ["--users", "a.txt"]],
  ])("%s is a usage error", async (_, args) => {
    expect((await command(["move-out", ...args])).code).toBe(2);
  });
});
