// What the doctor prints and writes: the table, JUnit XML, the HTML report; hostile texts in each of them.
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "node-html-parser";
import { describe, expect, it } from "vitest";
import { type DoctorDocument, documentOf } from "../../cli/doctor/document.ts";
import { htmlReport } from "../../cli/doctor/html.ts";
import { junitReport } from "../../cli/doctor/junit.ts";
import { checkWritable } from "../../cli/doctor/outputs.ts";
import { printTable } from "../../cli/doctor/table.ts";
import { UsageError } from "../../cli/terminal.ts";
import type { Outcome, Result } from "../../doctor/report.ts";
import { testTerminal } from "./terminal.ts";

/** Control characters other than the end of a line. */
const CONTROL = /[^\P{Cc}\n]/u;

const HOSTILE = `<script>alert(1)</script> ]]> & "quoted" 'single' \u001b[31m\u0000\ud800 --> <b onload=x> ${"long ".repeat(40)}`;

function result(id: string, outcome: Outcome, detail = `Detail of ${id}`): Result {
  const advice = { effect: `Effect of ${id} ${HOSTILE}`, remedy: `Remedy of ${id}` };
  const wrong = outcome === "fail" || outcome === "warn";
  return { id, title: `Title of ${id}`, outcome, detail, source: "RFC 6749 §5.1", ...(wrong && advice) };
}

const RESULTS = [
  result("one", "pass"),
  result("two", "warn", HOSTILE),
  result("three", "fail", HOSTILE),
  result("four", "skipped"),
];
const TARGET = {
  issuer: "https://link.example.com",
  authorizationUrl: "https://link.example.com/authorize",
  tokenUrl: "https://link.example.com/token",
  client: {
    tokenUrl: "https://link.example.com/token",
    clientId: "alexa",
    clientSecret: "example-secret-of-the-client",
    accessTokenScheme: "HTTP_BASIC" as const,
  },
  redirectUris: [],
  scopes: [],
  pkce: true,
};
const DOCUMENT: DoctorDocument = documentOf(TARGET, new Date("2026-11-29T10:00:00Z"), RESULTS);

describe("the document", () => {
  it("has the same fields for every check, and counts the outcomes", () => {
    expect(DOCUMENT).toMatchObject({
      target: "https://link.example.com",
      startedAt: "2026-11-29T10:00:00.000Z",
      summary: { pass: 1, warn: 1, fail: 1, skipped: 1 },
    });
    for (const check of DOCUMENT.checks) {
      expect(Object.keys(check)).toEqual(["id", "title", "outcome", "detail", "effect", "remedy", "source"]);
    }
    expect(DOCUMENT.checks[0]).toMatchObject({ effect: "", remedy: "" });
    expect(JSON.stringify(DOCUMENT)).not.toContain("example-secret");
  });
});

describe("the table", () => {
  it("gives effect, remedy and source of what is wrong, and nothing more of the rest", () => {
    const terminal = testTerminal();
    printTable(terminal, DOCUMENT);
    const text = terminal.out();
    expect(text).toMatch(/ok +one: Detail of one\n {2}WARNING +two/);
    expect(text.match(/Effect: /g)).toHaveLength(2);
    expect(text).toContain("Remedy: Remedy of three");
    expect(text).toContain("Source: RFC 6749 §5.1");
    expect(text).toMatch(/\n1 passed, 1 warning, 1 failed, 1 skipped$/);
    expect(Math.max(...text.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(100);
  });

  it("says in one line that a whole area was skipped for the same reason", () => {
    const terminal = testTerminal();
    const skipped = ["five", "six"].map((id) => ({
      ...result(id, "skipped"),
      detail: "no MCP server was named",
      effect: "",
      remedy: "",
    }));
    printTable(terminal, { ...DOCUMENT, checks: skipped });
    expect(terminal.out()).toContain("skipped  2 checks: no MCP server was named");
    expect(terminal.out()).not.toContain("six");
    const page = htmlReport({ ...DOCUMENT, checks: skipped });
    expect(page).toContain("<summary>2 checks skipped: no MCP server was named</summary>");
    expect(page).toContain("<code>six</code>");
  });

  it.each([
    [true, 80],
    [false, 50],
  ])("on a screen with colours %s it fits %i characters and obeys no server", (colours, width) => {
    const painted: string[] = [];
    const screen = { width, colours, paint: (text: string) => void painted.push(text) };
    printTable({ ...testTerminal(), screen }, DOCUMENT);
    const [text = ""] = painted;
    expect(text.includes("\u001b[31mFAILED")).toBe(colours);
    const ours = colours ? ["1", "31", "32", "33", "90", "0"] : [];
    const plain = ours.reduce((rest, code) => rest.replaceAll(`\u001b[${code}m`, ""), text);
    expect(plain).not.toMatch(CONTROL);
    expect(Math.max(...plain.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(width);
  });
});

describe("JUnit XML", () => {
  it("has one test case for each check, with failures, warnings and what was skipped", () => {
    const text = junitReport(DOCUMENT);
    expect(text).toMatch(
      /^<\?xml version="1.0" encoding="UTF-8"\?>\n<testsuites tests="4" failures="1" errors="0" skipped="1">/,
    );
    const root = parse(text.replace(/^<\?.*\n/, ""), { lowerCaseTagName: false });
    const cases = root.querySelectorAll("testcase");
    expect(cases.map((each) => each.getAttribute("name"))).toEqual(RESULTS.map(({ id, title }) => `${id}: ${title}`));
    expect(cases[1]?.querySelector("system-out")?.text).toMatch(/^Warning: <script>/);
    expect(cases[2]?.querySelector("failure")?.text).toContain("Remedy: Remedy of three");
    expect(cases[3]?.querySelector("skipped")?.getAttribute("message")).toBe("Detail of four");
  });

  it("escapes hostile texts", () => {
    const text = junitReport(DOCUMENT);
    expect(text).not.toMatch(CONTROL);
    expect(text.isWellFormed()).toBe(true);
    expect(text.replaceAll(/<\/?[a-z-]+( [a-z]+="[^"<>]*")*\/?>|<\?[^>]*\?>/g, "")).not.toMatch(/[<>]/);
    expect(text).not.toMatch(/&(?!amp;|lt;|gt;|quot;|#9;|#10;|#13;)/);
  });
});

describe("the HTML report", () => {
  const page = htmlReport(DOCUMENT);

  it("states target, time, version, numbers and every check, the problems first", () => {
    const text = parse(page).querySelector("main")?.text ?? "";
    for (const part of [
      "https://link.example.com",
      "2026-11-29 at 10:00 UTC",
      "alexa-link 0.",
      "1 failed",
      "1 warning",
    ]) {
      expect(text).toContain(part);
    }
    const ids = parse(page)
      .querySelectorAll("code")
      .map((element) => element.text);
    expect(ids).toEqual(["three", "two", "one", "four"]);
  });

  it("loads nothing, runs nothing, and escapes hostile texts", () => {
    expect(page).not.toMatch(/<script|<link|<img|<iframe|src=|@import|url\(|javascript:/i);
    expect(page).toMatch(/Content-Security-Policy" content="default-src 'none'; style-src 'sha256-[^']+'; base-uri/);
    expect(page).not.toMatch(CONTROL);
    expect(parse(page).querySelectorAll("[onload]")).toEqual([]);
    expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
  });
});

describe("files", () => {
  const folder = mkdtempSync(join(tmpdir(), "doctor-"));

  it("that cannot be written are a usage error before anything is sent", () => {
    expect(() => checkWritable({ html: join(folder, "missing", "report.html") })).toThrow(UsageError);
    expect(() => checkWritable({ junit: folder })).toThrow(/cannot be written: EISDIR/);
    expect(() => checkWritable({ junit: "a", html: "a" })).toThrow(/same file/);
  });

  it("are neither made nor emptied by looking", () => {
    const [old, fresh] = [join(folder, "old.html"), join(folder, "new.xml")];
    writeFileSync(old, "yesterday");
    checkWritable({ html: old, junit: fresh });
    expect(readFileSync(old, "utf8")).toBe("yesterday");
    expect(existsSync(fresh)).toBe(false);
  });
});
