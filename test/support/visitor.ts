// A customer's browser without a browser: keeps cookies, reads forms from pages, presses buttons. Runs in workerd and
// in Node.
import { ISSUER } from "./issuer.ts";

/** A server that does not follow redirects: an app in this isolate, or one over HTTP. */
export interface Sender {
  request(path: string, init?: RequestInit): Promise<Response>;
}

export interface PageForm {
  readonly action: string;
  /** All inputs with their initial values. */
  readonly fields: Readonly<Record<string, string>>;
  /** The hidden inputs. */
  readonly hidden: Readonly<Record<string, string>>;
}

export interface Page {
  readonly status: number;
  readonly url: string;
  readonly headers: Headers;
  readonly html: string;
  /** The Location header, byte for byte, of a redirect that was not followed. */
  readonly location: string | null;
  /** Hidden fields of the first form whose action is `action`. */
  hidden(action: string): Readonly<Record<string, string>>;
}

/** Fields of a form; a list of pairs keeps repeated names. */
export type Fields = Readonly<Record<string, string>> | [string, string][];

function unescapeHtml(text: string): string {
  return text
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1];
  return value === undefined ? undefined : unescapeHtml(value);
}

/** The forms of a page. */
export function formsOf(html: string): PageForm[] {
  return [...html.matchAll(/<form\b[^>]*>[\s\S]*?<\/form>/g)].map(([form]) => {
    const fields: Record<string, string> = {};
    const hidden: Record<string, string> = {};
    for (const [input] of form.matchAll(/<input\b[^>]*>/g)) {
      const name = attribute(input, "name");
      if (name === undefined) continue;
      const value = attribute(input, "value") ?? "";
      fields[name] = value;
      if (attribute(input, "type") === "hidden") hidden[name] = value;
    }
    return { action: attribute(form, "action") ?? "", fields, hidden };
  });
}

function hiddenFields(html: string, action: string): Readonly<Record<string, string>> {
  const form = formsOf(html).find((each) => each.action === action);
  if (!form) throw new Error(`no form with action ${action}`);
  return form.hidden;
}

/** A visitor from this network address, as Cloudflare would report it. */
export function visit(service: Sender, network = "192.0.2.1"): Visitor {
  const visitor = new Visitor(service);
  visitor.headers["cf-connecting-ip"] = network;
  return visitor;
}

export class Visitor {
  readonly #service: Sender;
  readonly #origin: string;
  readonly cookies = new Map<string, string>();
  /** Every Set-Cookie header so far. */
  readonly setCookies: string[] = [];
  /** Sent with each request. */
  readonly headers: Record<string, string> = {};

  constructor(service: Sender, origin = ISSUER) {
    this.#service = service;
    this.#origin = origin;
  }

  /** One request with this browser's cookies; no redirect is followed. */
  async send(path: string, init: RequestInit = {}): Promise<Page> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await this.#service.request(path, {
      ...init,
      headers: { ...this.headers, ...(cookie === "" ? {} : { cookie }), ...(init.headers as Record<string, string>) },
    });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    const html = await response.text();
    return {
      status: response.status,
      url: path,
      headers: response.headers,
      html,
      location: response.headers.get("location"),
      hidden: (action) => hiddenFields(html, action),
    };
  }

  #keep(line: string): void {
    this.setCookies.push(line);
    const [pair = ""] = line.split(";");
    const name = pair.slice(0, pair.indexOf("="));
    if (/;\s*max-age=0/i.test(line)) this.cookies.delete(name);
    else this.cookies.set(name, pair.slice(name.length + 1));
  }

  get(path: string): Promise<Page> {
    return this.send(path);
  }

  /** Posts fields as a form; no redirect is followed. */
  post(path: string, fields: Fields, init: RequestInit = {}): Promise<Page> {
    return this.send(path, {
      method: "POST",
      ...init,
      headers: { "content-type": "application/x-www-form-urlencoded", ...(init.headers as Record<string, string>) },
      body: init.body ?? new URLSearchParams(fields).toString(),
    });
  }

  /** Opens an address and follows redirects within the service. */
  async open(path: string): Promise<Page> {
    return this.#follow(await this.send(path));
  }

  async #follow(first: Page): Promise<Page> {
    let page = first;
    for (let hop = 0; hop < 10 && page.location !== null; hop++) {
      const own = page.location.startsWith("/") || page.location.startsWith(`${this.#origin}/`);
      if (!own) return page;
      page = await this.send(page.location);
    }
    return page;
  }

  /** Posts a form of a page, with more fields (a submitted button, typed text); follows redirects like `open`. */
  async submit(page: Page, more: Readonly<Record<string, string>>, formIndex = 0): Promise<Page> {
    const form = formsOf(page.html)[formIndex];
    if (!form) throw new Error(`no form on ${page.url} (${page.status}): ${page.html.slice(0, 300)}`);
    return this.#follow(await this.post(form.action || page.url, { ...form.fields, ...more }));
  }

  /** Opens the sign-in page and sends e-mail and password; no redirect is followed. */
  async signIn(email: string, password: string, from = "/sign-in"): Promise<Page> {
    const page = await this.get(from);
    return this.post("/sign-in", { ...page.hidden("/sign-in"), email, password });
  }
}
