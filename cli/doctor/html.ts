// The results as a page in one file, for a colleague: no script, nothing from elsewhere.
import { createHash } from "node:crypto";
import { version } from "../version.ts";
import type { DoctorDocument } from "./document.ts";
import { allSkipped, byArea, summaryLine } from "./table.ts";

const WORDS = { pass: "passed", warn: "warning", fail: "failed", skipped: "skipped" } as const;

const STYLE = `
:root { color-scheme: light dark; --text: #1b1f24; --soft: #57606a; --page: #fff; --line: #d8dee4;
  --pass: #1a7f37; --warn: #8a5a00; --fail: #b3261e; --skipped: #57606a; --tint: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --soft: #9aa4af; --page: #0d1117; --line: #30363d;
  --pass: #56d364; --warn: #e3b341; --fail: #ff8a80; --skipped: #9aa4af; --tint: #161b22; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: clamp(1.25rem, 5vw, 1.6rem); line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; }
p { margin: 0; }
.facts { color: var(--soft); overflow-wrap: anywhere; }
.summary { display: flex; flex-wrap: wrap; gap: .5rem; list-style: none; margin: 1rem 0 0; padding: 0; }
.summary li { border: 1px solid var(--line); border-radius: .5rem; padding: .35rem .8rem; }
.summary b { font-variant-numeric: tabular-nums; }
ul.checks { list-style: none; margin: 0; padding: 0; border-top: 1px solid var(--line); }
ul.checks > li { display: grid; grid-template-columns: 5.5rem 1fr; gap: .25rem 1rem; padding: .6rem 0;
  border-bottom: 1px solid var(--line); break-inside: avoid; }
.word { font-weight: 600; }
.pass .word, b.pass { color: var(--pass); }
.warn .word, b.warn { color: var(--warn); }
.fail .word, b.fail { color: var(--fail); }
.skipped .word, b.skipped { color: var(--skipped); }
.skipped .what { color: var(--soft); }
.what { min-width: 0; overflow-wrap: anywhere; }
code { font: .85em ui-monospace, monospace; color: var(--soft); }
dl { margin: .5rem 0 0; padding: .6rem .8rem; background: var(--tint); border-radius: .5rem; display: grid;
  grid-template-columns: max-content 1fr; gap: .25rem .8rem; }
dt { font-weight: 600; }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
summary, details p { color: var(--soft); overflow-wrap: anywhere; }
footer { margin-top: 2rem; color: var(--soft); font-size: .9rem; }
@media (max-width: 36rem) { ul.checks > li { grid-template-columns: 1fr; } dl { grid-template-columns: 1fr; gap: 0; }
  dd + dt { margin-top: .4rem; } }
@media print { :root { color-scheme: light; --text: #000; --soft: #444; --page: #fff; --line: #bbb; --pass: #115c27;
  --warn: #6b4500; --fail: #8c1d17; --skipped: #444; --tint: #f2f2f2; }
  main { max-width: none; padding: 0; } h2 { break-after: avoid; } }
`;

/** Text for HTML, in an element or in an attribute with double quotes. Control characters, and those that change the text's direction, are replaced. */
function text(value: string): string {
  return value
    .replace(/[^\P{Cc}\n\t]|[\u{202a}-\u{202e}\u{2066}-\u{2069}]/gu, "\u{fffd}")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

function row({ id, title, outcome, detail, effect, remedy, source }: DoctorDocument["checks"][number]): string {
  const advice =
    outcome === "fail" || outcome === "warn"
      ? `<dl><dt>Effect</dt><dd>${text(effect)}</dd><dt>Remedy</dt><dd>${text(remedy)}</dd><dt>Source</dt><dd>${text(source)}</dd></dl>`
      : "";
  return `<li class="${outcome}"><p class="word">${WORDS[outcome]}</p><div class="what"><h3>${text(title)}</h3><p>${text(detail)}</p><code>${text(id)}</code>${advice}</div></li>`;
}

/** An area whose checks were all skipped for the same reason. */
function skippedArea(checks: DoctorDocument["checks"]): string {
  const ids = checks.map(({ id }) => `<code>${text(id)}</code>`).join(", ");
  return `<details><summary>${checks.length} checks skipped: ${text(checks[0]?.detail ?? "")}</summary><p>${ids}</p></details>`;
}

/** The page. */
export function htmlReport(document: DoctorDocument): string {
  const { target, startedAt, checks, summary } = document;
  const hash = createHash("sha256").update(STYLE).digest("base64");
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const problems = checks
    .filter(({ outcome }) => outcome === "fail")
    .concat(checks.filter(({ outcome }) => outcome === "warn"));
  const list = (rows: DoctorDocument["checks"]) => `<ul class="checks">\n${rows.map(row).join("\n")}\n</ul>`;
  const others = byArea(checks.filter(({ outcome }) => outcome === "pass" || outcome === "skipped"));
  const counts = (Object.keys(WORDS) as (keyof typeof WORDS)[]).map((outcome) => {
    const word = outcome === "warn" && summary.warn !== 1 ? "warnings" : WORDS[outcome];
    return `<li><b class="${outcome}">${summary[outcome]}</b> ${word}</li>`;
  });
  return [
    "<!doctype html>",
    '<html lang="en">',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${text(policy)}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="referrer" content="no-referrer">',
    `<title>Account linking at ${text(target)}: ${summaryLine(document)}</title>`,
    `<style>${STYLE}</style>`,
    "<main>",
    `<h1>Account linking at ${text(target)}</h1>`,
    `<p class="facts">Checked as Alexa sees it, on <time datetime="${text(startedAt)}">${text(readable(startedAt))}</time>, with alexa-link ${text(version())}.</p>`,
    `<ul class="summary">${counts.join("")}</ul>`,
    problems.length > 0 ? `<h2>What to do</h2>\n${list(problems)}` : "<h2>Nothing to do</h2><p>No check failed.</p>",
    ...others.map(([name, rows]) => `<h2>${text(name)}</h2>\n${allSkipped(rows) ? skippedArea(rows) : list(rows)}`),
    "<footer><p>“failed”: Alexa could not link, would lose the link, or a security rule is broken. “warning”: it works today, but is risky. “skipped”: the server does not offer it, or the check could not be reached.</p></footer>",
    "</main>",
    "</html>",
    "",
  ].join("\n");
}

function readable(time: string): string {
  return `${time.slice(0, 10)} at ${time.slice(11, 16)} UTC`;
}
