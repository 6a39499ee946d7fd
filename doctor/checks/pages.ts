// The pages that the customer sees, by the rules of the in-app browser on a phone.
import { buildAuthorizationRequest } from "../../simulator/library/authorization-request.ts";
import { createBrowser } from "../../simulator/library/browser.ts";
import { isLoopback } from "../../simulator/library/cookies.ts";
import { readMarkup } from "../../simulator/library/html.ts";
import { isAt, isSamePage, PHONE_HEADERS, pathOf } from "../customer.ts";
import type { Area, Examination, SeenPage, Target } from "../examination.ts";
import type { Report } from "../report.ts";
import { policiesOf, refusedHosts } from "./form-action.ts";
import {
  BRAND,
  COOKIES,
  FOREIGN,
  FORM_ACTION,
  IN_APP,
  OPENS,
  PAGE_CHECKS,
  PHONE,
  POPUPS,
  SECURE,
} from "./page-catalogue.ts";

const DESKTOP_HEADERS = {
  ...PHONE_HEADERS,
  "user-agent":
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36",
};
/** Hosts of providers under which companies have names of their own only by extra work. */
const SHARED_DOMAINS =
  /\.(workers\.dev|pages\.dev|herokuapp\.com|vercel\.app|netlify\.app|onrender\.com|azurewebsites\.net|trycloudflare\.com|ngrok[a-z-]*\.(app|io|dev)|amazonaws\.com|cloudfront\.net|web\.app|run\.app|fly\.dev)$/;
/** Calls of functions of the window, not of methods of the same name. */
const CALLS = /(?<![\w$.]|function )(?:window\.)?(open|alert|confirm|prompt)\s*\(/;
/** Amazon's limit for the domain list. */
const MOST_DOMAINS = 15;

/** The area. It comes after the areas with a customer, whose pages it judges too. */
export const pages: Area = { name: "pages on a phone", checks: PAGE_CHECKS, run };

async function run(examination: Examination): Promise<void> {
  const { target, report, customer } = examination;
  checkBrand(target, report);
  const rest = PAGE_CHECKS.filter((check) => check !== BRAND);
  if (!target.client) return report.skipRest(rest, "needs a client id");
  // Other areas have led the customer to the pages already, unless they do not run.
  if (customer?.canRepeat && customer.pages?.().length === 0) await examination.obtainCode();
  const phone = await open(examination, PHONE_HEADERS);
  const opened = phone.page ? phone : await open(examination, DESKTOP_HEADERS);
  const { page } = opened;
  if (!page) {
    // The check of the redirect URIs says the same.
    if (report.outcomeOf({ id: "links_in_every_region" }) === "fail") report.skip(OPENS, opened.why);
    else report.problem(OPENS, opened.why);
    return report.skipRest(rest.slice(1), "the authorization request opens no page");
  }
  report.pass(OPENS, pathOf(page.url));
  checkInApp(examination, phone, page);
  const seen = [page, ...(customer?.pages?.() ?? []).filter((each) => !isSamePage(each, page))];
  const judged = seen.filter((each) => each.status < 400 && isHtml(each));
  checkPhone(examination, judged);
  checkPopups(examination, judged);
  checkFormAction(examination);
  checkLoads(examination, judged);
  checkCookies(report, opened.cookies, judged);
}

function isHtml({ headers }: SeenPage): boolean {
  return /^(text\/html|application\/xhtml\+xml)\b/i.test(headers.get("content-type") ?? "");
}

interface Opened {
  /** A page in HTML and without an error status. */
  readonly page?: SeenPage;
  readonly why: string;
  /** The `Set-Cookie` headers on the way, each with its address. */
  readonly cookies: readonly { readonly url: string; readonly line: string }[];
}

/** Opens an authorization request up to its first page, with the first redirect URI that the server accepts. */
async function open(examination: Examination, headers: Record<string, string>): Promise<Opened> {
  let opened: Opened = { why: "no redirect URI", cookies: [] };
  for (const redirectUri of examination.target.redirectUris) {
    opened = await openOnce(examination, redirectUri, headers);
    if (opened.page) break;
  }
  return opened;
}

async function openOnce(
  { target, fetch }: Examination,
  redirectUri: string,
  headers: Record<string, string>,
): Promise<Opened> {
  const request = await buildAuthorizationRequest({
    authorizationUrl: target.authorizationUrl,
    clientId: target.client?.clientId ?? "",
    redirectUri,
    scopes: target.scopes,
    pkce: target.pkce,
  });
  const cookies: Opened["cookies"][number][] = [];
  const browser = createBrowser(async (sent) => {
    const response = await fetch(sent);
    cookies.push(...response.headers.getSetCookie().map((line) => ({ url: sent.url, line })));
    return response;
  });
  try {
    const visit = await browser.browse(request.url, {
      headers,
      until: (url) => target.redirectUris.some((uri) => isAt(url, uri)),
      act: (page) => (page.refresh === undefined ? { stop: "no page" } : { open: page.refresh }),
    });
    const page = visit.pages.at(-1);
    if (visit.arrived) return { why: `the server redirected to Alexa at once, with ${errorIn(visit.url)}`, cookies };
    if (!page) return { why: visit.why, cookies };
    if (page.status < 400 && isHtml(page)) return { page, why: "", cookies };
    const type = isHtml(page) ? "" : ` as ${page.headers.get("content-type") ?? "no content type"}`;
    return { why: `${pathOf(page.url)} returned ${page.status}${type}: ${page.title.slice(0, 80)}`, cookies };
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error), cookies };
  }
}

function errorIn(url: string): string {
  const error = URL.canParse(url) ? new URL(url).searchParams.get("error") : undefined;
  return error ? `error=${error.slice(0, 60)}` : "no page for the customer";
}

function checkBrand(target: Target, report: Report): void {
  const { hostname } = new URL(target.authorizationUrl);
  report.expect(BRAND, !SHARED_DOMAINS.test(hostname), hostname, `${hostname} is a name of the hosting provider`);
}

function checkInApp({ report, customer }: Examination, phone: Opened, page: SeenPage): void {
  const hosts = [page, ...(customer?.pages?.() ?? [])].map(({ url }) => new URL(url).hostname);
  const google = hosts.includes("accounts.google.com");
  if (google) report.problem(IN_APP, "customers sign in at accounts.google.com, which refuses embedded browsers");
  else if (!phone.page) report.problem(IN_APP, `with the user agent of an embedded browser: ${phone.why}`);
  else report.pass(IN_APP, "opens with the user agent of an embedded browser");
}

function checkPhone({ report, customer }: Examination, judged: readonly SeenPage[]): void {
  for (const page of judged) {
    const { viewport } = readMarkup(page.html, page.url);
    const ok = /width\s*=\s*device-width/i.test(viewport);
    report.expect(PHONE, ok, pathOf(page.url), `${pathOf(page.url)} has no viewport of the device's width`);
  }
  for (const { kind, url, what } of customer?.observations?.() ?? []) {
    if (kind === "overflow") report.problem(PHONE, `${url}: ${what}`);
  }
}

function checkPopups({ report, customer }: Examination, judged: readonly SeenPage[]): void {
  for (const page of judged) {
    const { script, events, newWindow } = readMarkup(page.html, page.url);
    const found = CALLS.exec(`${script}\n${events}`);
    const what = found ? `calls ${found[1]}()` : newWindow && "opens a new window for a form or a link";
    report.expect(POPUPS, !what, pathOf(page.url), `${pathOf(page.url)} ${what}`);
  }
  for (const { kind, url, what } of customer?.observations?.() ?? []) {
    if (kind === "popup" || kind === "dialog") report.problem(POPUPS, `${url}: ${what}`);
  }
}

/** Judges the pages by where their forms led: to Alexa, or to another host of the server. */
function checkFormAction({ report, target, customer }: Examination): void {
  const seen = customer?.pages?.() ?? [];
  if (!seen.some((page) => page.last)) {
    report.skip(FORM_ACTION, "needs a customer who reaches the page that leads to Alexa");
    return;
  }
  for (const page of seen) {
    const aims = [...(page.ledTo ?? []), ...(page.last ? target.redirectUris : [])];
    const refused = refusedHosts(policiesOf(page), page.url, aims);
    report.expect(
      FORM_ACTION,
      refused.length === 0,
      pathOf(page.url),
      `${pathOf(page.url)} refuses ${refused.join(", ")}`,
    );
  }
}

function checkLoads({ report, target }: Examination, judged: readonly SeenPage[]): void {
  const own = new URL(target.authorizationUrl).hostname;
  const foreign = new Set<string>();
  for (const page of judged) {
    const { loads, actions } = readMarkup(page.html, page.url);
    const here = new URL(page.url);
    if (here.hostname !== own) foreign.add(here.hostname);
    const addresses = [...loads, ...actions]
      .filter((url) => /^https?:/i.test(url) && URL.canParse(url))
      .map((url) => new URL(url));
    const insecure = addresses.filter((url) => url.protocol === "http:" && !(isLoopback(url) && isLoopback(here)));
    const plain = here.protocol === "http:" && !isLoopback(here) ? [here] : [];
    const first = [...plain, ...insecure][0];
    report.expect(SECURE, !first, pathOf(page.url), `${pathOf(page.url)} uses ${first && pathOf(first.href)}`);
    for (const { hostname } of addresses) if (hostname !== own) foreign.add(hostname);
  }
  const listed = (host: string) => target.domains?.some((domain) => host === domain || host.endsWith(`.${domain}`));
  const hosts = [...foreign];
  const missing = hosts.filter((host) => !listed(host));
  if (hosts.length === 0) report.pass(FOREIGN, `everything is at ${own}`);
  else if (hosts.length > MOST_DOMAINS) report.problem(FOREIGN, `${hosts.length} other hosts: ${hosts.join(", ")}`);
  else if (missing.length === 0) report.pass(FOREIGN, `listed: ${hosts.join(", ")}`);
  else if (target.domains) report.problem(FOREIGN, `not in the domain list: ${missing.join(", ")}`);
  else report.skip(FOREIGN, `the domain list is not known; it must have ${missing.join(", ")}`);
}

function checkCookies(report: Report, opened: Opened["cookies"], judged: readonly SeenPage[]): void {
  const more = judged.flatMap(({ url, headers }) => headers.getSetCookie().map((line) => ({ url, line })));
  const hosts = new Set(judged.map(({ url }) => new URL(url).hostname));
  const cookies = [...opened, ...more];
  if (cookies.length === 0) report.pass(COOKIES, "no cookies");
  for (const { url, line } of cookies) {
    const name = line.split("=")[0]?.trim().slice(0, 60);
    const has = (attribute: RegExp) =>
      line
        .split(";")
        .slice(1)
        .some((part) => attribute.test(part.trim()));
    const strict = has(/^samesite\s*=\s*strict$/i) && hosts.size > 1;
    const none = has(/^samesite\s*=\s*none$/i) && !has(/^secure$/i);
    const why = strict
      ? "is SameSite=Strict, so it is not sent after sign-in at another host"
      : "is SameSite=None without Secure, so browsers drop it";
    report.expect(COOKIES, !strict && !none, name ?? "", `the cookie ${name} of ${pathOf(url)} ${why}`);
  }
}
