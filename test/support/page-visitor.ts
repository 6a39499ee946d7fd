// A customer's browser without a browser: keeps cookies, reads forms from pages, presses buttons. Follows redirects within the service only.
import { ISSUER } from "./issuer.ts";

/** Whatever answers requests without following redirects: an app in this isolate, or a server over HTTP. */
export interface Sender {
  request(path: string, init?: RequestInit): Promise<Response>;
}

export interface PageForm {
  readonly action: string;
  readonly fields: Readonly<Record<string, string>>;
}

export interface Visit {
  readonly status: number;
  readonly url: string;
  readonly html: string;
  readonly headers: Headers;
  /** Where the answer leads, byte for byte, when it is a redirect that was not followed. */
  readonly location: string | null;
}

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

/** The forms of a page with their hidden and other inputs. */
export function formsOf(html: string): PageForm[] {
  return [...html.matchAll(/<form\b[^>]*>[\s\S]*?<\/form>/g)].map(([form]) => {
    const fields: Record<string, string> = {};
    for (const [input] of form.matchAll(/<input\b[^>]*>/g)) {
      const name = attribute(input, "name");
      if (name !== undefined) fields[name] = attribute(input, "value") ?? "";
    }
    return { action: attribute(form, "action") ?? "", fields };
  });
}

export class Visitor {
  readonly #service: Sender;
  readonly #origin: string;
  readonly cookies = new Map<string, string>();
  headers: Record<string, string> = {};

  constructor(service: Sender, origin = ISSUER) {
    this.#service = service;
    this.#origin = origin;
  }

  /** One request with this browser's cookies; no redirect is followed. */
  async send(path: string, init: RequestInit = {}): Promise<Visit> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await this.#service.request(path, {
      ...init,
      headers: { ...this.headers, ...(cookie === "" ? {} : { cookie }), ...(init.headers as Record<string, string>) },
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ""] = line.split(";");
      const name = pair.slice(0, pair.indexOf("="));
      if (/;\s*max-age=0/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, pair.slice(name.length + 1));
    }
    return {
      status: response.status,
      url: path,
      html: await response.text(),
      headers: response.headers,
      location: response.headers.get("location"),
    };
  }

  /** Opens an address and follows redirects as long as they stay on the service. */
  async open(path: string, init: RequestInit = {}): Promise<Visit> {
    let visit = await this.send(path, init);
    for (let hop = 0; hop < 10 && visit.location !== null; hop++) {
      const own = visit.location.startsWith("/") || visit.location.startsWith(`${this.#origin}/`);
      if (!own) return visit;
      visit = await this.send(visit.location);
    }
    return visit;
  }

  /** Posts a form of a page, with more fields (a pressed button, typed text); follows like `open`. */
  async submit(visit: Visit, more: Readonly<Record<string, string>>, formIndex = 0): Promise<Visit> {
    const form = formsOf(visit.html)[formIndex];
    if (!form) throw new Error(`no form on ${visit.url} (${visit.status}): ${visit.html.slice(0, 300)}`);
    return this.post(form.action || visit.url, { ...form.fields, ...more });
  }

  /** Posts fields as a form. */
  post(path: string, fields: Readonly<Record<string, string>>): Promise<Visit> {
    return this.open(path, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams(fields).toString(),
    });
  }
}
