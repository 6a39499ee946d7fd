// A visitor of pages: keeps cookies, finds forms, and posts them as a browser without scripts would.
import type { Service } from "./service.ts";

export interface Page {
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
  /** Hidden fields of the first form whose action is `action`. */
  hidden(action: string): Record<string, string>;
}

export interface Visitor {
  readonly cookies: Map<string, string>;
  /** Every Set-Cookie header so far. */
  readonly setCookies: string[];
  readonly headers: Record<string, string>;
  get(path: string): Promise<Page>;
  /** Posts fields; a list of pairs keeps repeated names. */
  post(path: string, fields: Record<string, string> | [string, string][], init?: RequestInit): Promise<Page>;
  /** Opens the sign-in page and sends e-mail and password. */
  signIn(email: string, password: string, from?: string): Promise<Page>;
}

function decode(html: string): string {
  return html
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

function hiddenFields(html: string, action: string): Record<string, string> {
  for (const form of html.matchAll(/<form[^>]*action="([^"]*)"[^>]*>(.*?)<\/form>/gs)) {
    if (decode(form[1] ?? "") !== action) continue;
    const inputs = (form[2] ?? "").matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g);
    return Object.fromEntries([...inputs].map((input) => [decode(input[1] ?? ""), decode(input[2] ?? "")]));
  }
  throw new Error(`no form with action ${action}`);
}

/** `network` is the address that Cloudflare would report. */
export function visit(service: Service, network = "192.0.2.1"): Visitor {
  const cookies = new Map<string, string>();
  const setCookies: string[] = [];
  const headers: Record<string, string> = { "cf-connecting-ip": network };
  const send = async (path: string, init: RequestInit): Promise<Page> => {
    const sent = new Headers({ ...headers, ...(init.headers as Record<string, string>) });
    if (cookies.size > 0) sent.set("cookie", [...cookies].map(([name, value]) => `${name}=${value}`).join("; "));
    const response = await service.request(path, { ...init, headers: sent });
    for (const line of response.headers.getSetCookie()) {
      setCookies.push(line);
      const [pair = ""] = line.split(";");
      const name = pair.slice(0, pair.indexOf("="));
      if (/max-age=0/i.test(line)) cookies.delete(name);
      else cookies.set(name, pair.slice(name.length + 1));
    }
    const html = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      html,
      hidden: (action) => hiddenFields(html, action),
    };
  };
  const visitor: Visitor = {
    cookies,
    setCookies,
    headers,
    get: (path) => send(path, {}),
    post: (path, fields, init = {}) =>
      send(path, {
        method: "POST",
        ...init,
        headers: { "content-type": "application/x-www-form-urlencoded", ...(init.headers as Record<string, string>) },
        body: init.body ?? new URLSearchParams(fields).toString(),
      }),
    async signIn(email, password, from = "/sign-in") {
      const page = await visitor.get(from);
      return visitor.post("/sign-in", { ...page.hidden("/sign-in"), email, password });
    },
  };
  return visitor;
}
