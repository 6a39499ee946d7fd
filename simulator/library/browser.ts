// A headless browser without a DOM: cookies, redirects and plain forms, enough to sign in and to give consent.
import type { Fetch } from "./token.ts";

export interface Form {
  readonly action: string;
  readonly method: "GET" | "POST";
  /** Initial values of the inputs. */
  readonly values: ReadonlyMap<string, string>;
  /** Names and values of the submit buttons, in order. */
  readonly buttons: readonly { readonly name: string; readonly value: string }[];
}

export interface VisitedPage {
  readonly url: string;
  readonly status: number;
  readonly html: string;
  readonly forms: readonly Form[];
}

export interface Visitor {
  /** What to type into fields, by field name. */
  readonly fields: Readonly<Record<string, string>>;
  /** The value of the `decision` button to press. */
  readonly decision: "allow" | "deny";
  /** Returns true for the URL at which the visit ends; it is not opened. */
  readonly until: (url: string) => boolean;
}

export type Visit =
  | { readonly arrived: true; readonly url: string; readonly pages: readonly VisitedPage[] }
  | { readonly arrived: false; readonly why: string; readonly pages: readonly VisitedPage[] };

const MOST_STEPS = 20;

/** A browser with its own cookies; `fetch` must not follow redirects. */
export function createBrowser(fetch: Fetch) {
  const cookies = new Map<string, Map<string, string>>();

  async function request(url: string, init: RequestInit): Promise<Response> {
    const jar = cookies.get(new URL(url).host) ?? new Map<string, string>();
    cookies.set(new URL(url).host, jar);
    const headers = new Headers(init.headers);
    headers.set("accept", "text/html");
    if (jar.size > 0) headers.set("cookie", [...jar].map(([name, value]) => `${name}=${value}`).join("; "));
    const response = await fetch(new Request(url, { ...init, headers, redirect: "manual" }));
    for (const line of response.headers.getSetCookie()) keepCookie(jar, line);
    return response;
  }

  /** Opens a URL, then fills in forms and presses buttons, page by page, until the visit ends. */
  async function visit(url: string, visitor: Visitor): Promise<Visit> {
    const pages: VisitedPage[] = [];
    let address = url;
    let init: RequestInit = {};
    for (let step = 0; step < MOST_STEPS; step++) {
      if (visitor.until(address)) return { arrived: true, url: address, pages };
      const response = await request(address, init);
      const location = response.headers.get("location");
      if (response.status >= 300 && response.status < 400 && location) {
        await response.body?.cancel();
        if (response.status > 303 && init.method === "POST")
          return { arrived: false, why: `a ${response.status} after a form post`, pages };
        address = resolveLocation(location, address);
        init = {};
        continue;
      }
      const html = await response.text();
      const page = { url: address, status: response.status, html, forms: readForms(html, address) };
      pages.push(page);
      const next = chooseForm(page, visitor, pages);
      if (!next)
        return { arrived: false, why: `stopped at a page with status ${response.status}: ${titleOf(html)}`, pages };
      ({ address, init } = next);
    }
    return { arrived: false, why: `still not done after ${MOST_STEPS} steps`, pages };
  }

  /** Forgets all cookies, as another customer's browser has none. */
  const forgetCookies = () => cookies.clear();

  return { request, visit, forgetCookies };
}

/** The URL that a browser would open next. Absolute URLs stay byte for byte the same. */
function resolveLocation(location: string, base: string): string {
  return /^[a-z][a-z0-9+.-]*:/i.test(location) ? location : new URL(location, base).href;
}

function keepCookie(jar: Map<string, string>, line: string): void {
  const [pair = "", ...attributes] = line.split(";");
  const split = pair.indexOf("=");
  const name = pair.slice(0, split).trim();
  const gone = attributes.some((each) => /^\s*max-age=(0|-\d+)\s*$/i.test(each));
  if (gone) jar.delete(name);
  else jar.set(name, pair.slice(split + 1).trim());
}

function chooseForm(page: VisitedPage, visitor: Visitor, pages: readonly VisitedPage[]) {
  if (page.status >= 500 || pages.filter((each) => each.url === page.url && each.status >= 400).length > 1)
    return undefined;
  const decides = (each: Form) =>
    each.buttons.some((button) => button.name === "decision" && button.value === visitor.decision);
  const asks = (each: Form) => Object.keys(visitor.fields).some((name) => each.values.has(name));
  const form = page.forms.find(decides) ?? page.forms.find(asks) ?? page.forms.find((each) => each.buttons.length > 0);
  if (!form) return undefined;
  const values = new Map(form.values);
  for (const [name, value] of Object.entries(visitor.fields)) if (values.has(name)) values.set(name, value);
  const decision = form.buttons.find((each) => each.name === "decision" && each.value === visitor.decision);
  const method = form.buttons.find((each) => each.name === "method" && each.value === "password");
  const button = decision ?? method ?? form.buttons.find((each) => each.name !== "decision");
  if (button?.name) values.set(button.name, button.value);
  const body = new URLSearchParams([...values]).toString();
  if (form.method === "GET") return { address: `${form.action.split("?")[0]}?${body}`, init: {} };
  const headers = { "content-type": "application/x-www-form-urlencoded", origin: "null" };
  return { address: form.action, init: { method: "POST", body, headers } };
}

/** Reads the forms of a page. */
export function readForms(html: string, base: string): Form[] {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map((match) => {
    const attributes = readAttributes(match[1] ?? "");
    const inside = match[2] ?? "";
    const values = new Map<string, string>();
    const buttons: { name: string; value: string }[] = [];
    for (const [, tag = "", rest = ""] of inside.matchAll(/<(input|button)\b([^>]*)>/gi)) {
      const field = readAttributes(rest);
      const type = (field.get("type") ?? (tag.toLowerCase() === "button" ? "submit" : "text")).toLowerCase();
      const name = field.get("name") ?? "";
      const value = field.get("value") ?? "";
      if (type === "submit") buttons.push({ name, value });
      else if (name && (!["checkbox", "radio"].includes(type) || field.has("checked"))) values.set(name, value);
    }
    const action = attributes.get("action");
    return {
      action: action ? resolveLocation(action, base) : base,
      method: attributes.get("method")?.toLowerCase() === "post" ? "POST" : "GET",
      values,
      buttons,
    };
  });
}

function readAttributes(text: string): Map<string, string> {
  const found = text.matchAll(/([a-zA-Z-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g);
  return new Map(
    [...found].map((match) => [(match[1] ?? "").toLowerCase(), decodeEntities(match[2] ?? match[3] ?? match[4] ?? "")]),
  );
}

function decodeEntities(text: string): string {
  return text
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

function titleOf(html: string): string {
  const title =
    /<h1[^>]*>([\s\S]*?)<\/h1>/i.exec(html)?.[1] ?? /<title>([\s\S]*?)<\/title>/i.exec(html)?.[1] ?? "no title";
  return title
    .replaceAll(/<[^>]+>/g, "")
    .trim()
    .slice(0, 120);
}
