// The documentation against what it describes: links, commands, paths, and a remedy for every reason.
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { pathToFileURL } from "node:url";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { ENABLEMENT_FAILURES } from "../../src/amazon/enablement-failures.ts";
import { LOG_FIELDS } from "../support/log-fields.ts";

const pages = globSync(["*.md", "docs/**/*.md"]);
const text = (path: string) => readFileSync(path, "utf8");
/** Pages that describe the present state; the others name files and commands that no longer exist. */
const current = pages.filter((page) => page !== "CHANGELOG.md" && !/^Status: superseded/m.test(text(page)));
const matches = (source: string, pattern: RegExp) => [...source.matchAll(pattern)].map((match) => match[1] ?? "");

/** The anchors that GitHub makes of a page's headings. */
function anchorsOf(path: string): string[] {
  return matches(text(path).replace(/```[\s\S]*?```/g, ""), /^#+ +(.+)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function isBroken(page: string, link: string): boolean {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : normalize(join(dirname(page), path));
  if (!existsSync(target)) return true;
  return anchor !== undefined && !anchorsOf(target).includes(anchor);
}

/** String literals between two marks of a source: the members of a union, the keys of a table. */
function literals(path: string, from: string, to: string): string[] {
  const source = text(path);
  const start = source.indexOf(from);
  expect(start, `${from} in ${path}`).toBeGreaterThanOrEqual(0);
  return matches(source.slice(start, source.indexOf(to, start + from.length)), /"([a-z_]{3,})"/g);
}

describe("every page", () => {
  it("links only to files and headings that exist", () => {
    expect(pages.length).toBeGreaterThan(20);
    const broken = pages.flatMap((page) => {
      const markdown = text(page).replace(/```[\s\S]*?```/g, "");
      const links = [...matches(markdown, /\]\(([^)\s]+)\)/g), ...matches(markdown, /<img src="([^"]+)"/g)];
      return links.filter((link) => !/^[a-z]+:/.test(link) && isBroken(page, link)).map((link) => `${page}: ${link}`);
    });
    expect(broken).toEqual([]);
  });

  it("names only npm scripts that exist", () => {
    const { scripts } = JSON.parse(text("package.json")) as { scripts: Record<string, string> };
    const named = current.flatMap((page) => matches(text(page), /npm run ([a-z][\w:-]*)/g));
    expect(named).toContain("dev");
    expect([...new Set(named)].filter((name) => !(name in scripts))).toEqual([]);
  });

  it("names only source files that exist", () => {
    const named = current.flatMap((page) =>
      matches(text(page), /`((?:src|simulator|scripts|cli|examples|test|migrations|types)\/[\w./-]*\w)`/g),
    );
    expect(named.length).toBeGreaterThan(10);
    expect([...new Set(named)].filter((path) => !existsSync(path))).toEqual([]);
  });
});

it("each decision has a number of its own, a status, a date, and a line in the list", () => {
  const decisions = globSync("docs/decisions/0*.md");
  const list = text("docs/decisions/README.md");
  const wrong = decisions.filter((path) => {
    const [, number = ""] = /(\d{4})-[\w-]+\.md$/.exec(path) ?? [];
    const page = text(path);
    const isAlone = decisions.filter((other) => other.includes(`/${number}-`)).length === 1;
    const isListed = list.includes(`| [${Number(number)}](${path.slice("docs/decisions/".length)}) |`);
    return (
      !isAlone || !isListed || !page.startsWith(`# ${Number(number)}. `) || !/^Status: [\s\S]*^Date: \d{4}-/m.test(page)
    );
  });
  expect(decisions.length).toBeGreaterThan(25);
  expect(wrong).toEqual([]);
});

it("the changelog has each heading and each entry of a version once", () => {
  for (const version of text("CHANGELOG.md").split(/^## /m).slice(1)) {
    const starts = matches(version, /^(### .+|- .{20,50})/gm);
    expect(starts.length).toBeGreaterThan(5);
    expect(starts.filter((start, index) => starts.indexOf(start) !== index)).toEqual([]);
  }
});

describe("the troubleshooting page names every reason", () => {
  const page = text("docs/troubleshooting.md");
  const unnamed = (reasons: readonly string[]) => {
    expect(reasons.length).toBeGreaterThan(2);
    return [...new Set(reasons)].filter((reason) => !page.includes(`\`${reason}\``));
  };

  it.each<[string, () => string[]]>([
    ["of refused authorize requests", () => refusals().filter((word) => word !== "page")],
    ["of refused token requests", () => literals("src/oauth/token-failure.ts", "type TokenFailure", "/**")],
    ["of a refused resource", () => literals("src/oauth/resource.ts", "type ResourceProblem", ";")],
    ["of the enablement call", () => Object.keys(ENABLEMENT_FAILURES)],
    ["for which grants end", () => literals("src/storage/grants/grants.ts", "type RevocationReason", ";")],
    [
      "of attempts that nobody finished",
      () => matches(text("src/storage/maintenance/sweeps.ts"), /(?:THEN|ELSE) '([a-z_]+)'/g),
    ],
    ["that the operator's page explains", () => matches(text("src/linking/remedy-texts.ts"), /^ {2}([a-z_]+):/gm)],
    ["of the JSON API", () => matches(text("src/http/problem.ts"), /^ {2}([a-z_]+): \[\d+/gm)],
    ["in the log that is an alert", loggedAlerts],
  ])("O4: %s", (_, reasons) => {
    expect(unnamed(reasons())).toEqual([]);
  });

  it("O4: each reason for which a request of an add-on is refused has its advice in the console", () => {
    const redirected = matches(text("src/oauth/authorization-request.ts"), /"((?:pkce|resource)_[a-z_]+)"/g);
    const granted = matches(text("src/oauth/scopes.ts"), /"(no_[a-z_]+)"/g);
    const ofTokens = literals("src/oauth/token-failure.ts", "type TokenFailure", "/**").filter((reason) =>
      /resource|tier|no_user/.test(reason),
    );
    const resource = literals("src/oauth/resource.ts", "type ResourceProblem", ";");
    const reasons = [...new Set([...redirected, ...granted, ...ofTokens, ...resource])];
    expect(reasons.length).toBeGreaterThan(8);
    const advised = matches(text("src/linking/remedy-texts.ts"), /^ {2}([a-z_]+):/gm);
    expect(reasons.filter((reason) => !advised.includes(reason))).toEqual([]);
  });

  function refusals(): string[] {
    return literals("src/oauth/authorization-request.ts", "type PageRefusal", "/**");
  }

  function loggedAlerts(): string[] {
    const sources = globSync("src/**/*.{ts,tsx}").filter((path) => !path.includes(".test."));
    return sources.flatMap((path) => matches(text(path), /log\.alert\(\s*"([a-z_]+)"/g));
  }
});

describe("the receiver of webhooks that the page shows", () => {
  it("accepts genuine messages, and none that is forged, changed or old", async () => {
    const code = /```js\n([\s\S]*?)```/.exec(text("docs/webhooks.md"))?.[1] ?? "";
    const folder = mkdtempSync(join(tmpdir(), "receiver-"));
    writeFileSync(join(folder, "receiver.mjs"), code);
    const secret = `whsec_${Buffer.from("obviously-fake-webhook-key-00000").toString("base64")}`;
    process.env.WEBHOOK_SECRET = secret;
    try {
      const { isGenuine } = (await import(pathToFileURL(join(folder, "receiver.mjs")).href)) as {
        isGenuine(headers: Record<string, string>, rawBody: string, now: number): boolean;
      };
      const [id, now, body] = ["msg_1", 1_793_534_400_000, '{"type":"link.removed"}'];
      const signature = new Webhook(secret).sign(id, new Date(now), body);
      const headers = { "webhook-id": id, "webhook-timestamp": String(now / 1000), "webhook-signature": signature };
      expect(isGenuine(headers, body, now)).toBe(true);
      expect(isGenuine({ ...headers, "webhook-signature": `v1,AAAA ${signature}` }, body, now + 299_000)).toBe(true);
      expect(isGenuine(headers, `${body} `, now)).toBe(false);
      expect(isGenuine(headers, body, now + 301_000)).toBe(false);
      expect(isGenuine({ ...headers, "webhook-id": "msg_2" }, body, now)).toBe(false);
      expect(isGenuine({ ...headers, "webhook-signature": "v1," }, body, now)).toBe(false);
      expect(isGenuine({}, body, now)).toBe(false);
    } finally {
      delete process.env.WEBHOOK_SECRET;
      rmSync(folder, { recursive: true });
    }
  });
});

it("docs/operations.md lists the fields of the log, and every line of the source has these only", () => {
  const [, section = ""] = text("docs/operations.md").split("\n## Logs\n");
  const [table = ""] = section.split("E-mail addresses");
  const listed = matches(table, /^\| (`[^|]*`) \|/gm).flatMap((names) => matches(names, /`([a-zA-Z]+)`/g));
  expect(listed.toSorted()).toEqual([...LOG_FIELDS].toSorted());
  const sources = globSync("src/**/*.ts{,x}").filter((path) => !path.includes(".test."));
  const written = sources
    .flatMap((path) => matches(text(path), /log\.(?:info|warn|alert)\(\s*[^,()]+,\s*\{([^{}]*)\}\s*\)/g))
    .flatMap((fields) => matches(fields, /(?:^|,)\s*([a-zA-Z]+)(?=\s*[,:}]|\s*$)/g));
  expect(written.length).toBeGreaterThan(80);
  expect([...new Set(written)].filter((name) => !listed.includes(name))).toEqual([]);
});
