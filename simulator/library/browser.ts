// A headless browser without scripts: cookies, redirects and forms, enough to sign in and to give consent.
import { CookieJar } from "./cookies.ts";
import { type Button, type Form, type Page, readPage, refreshTarget, resolveLocation } from "./html.ts";
import type { Fetch } from "./token.ts";

export interface VisitedPage extends Page {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
  /** Where the server redirected to after a form of this page was sent. */
  readonly ledTo: string[];
}

/** What the visitor does on a page. */
export type Action =
  | { readonly submit: Form; readonly button?: Button; readonly values: readonly (readonly [string, string])[] }
  | { readonly open: string }
  | { readonly stop: string };

export interface Visitor {
  /** Decides what to do on the last page of `pages`. */
  readonly act: (page: VisitedPage, pages: readonly VisitedPage[]) => Action;
  /** Returns true for the URL at which the visit ends; it is not opened. */
  readonly until: (url: string) => boolean;
  /** Why a form is not sent once more to where a 307 or 308 redirects it, if it is not. */
  readonly resend?: (url: string) => string | undefined;
  /** Headers of every request, such as those of a certain browser. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A visitor who types into fields by name, and presses the button named `decision`. */
export interface PlainVisitor extends Pick<Visitor, "until"> {
  /** What to type into fields, by field name. */
  readonly fields: Readonly<Record<string, string>>;
  /** The value of the `decision` button to press. */
  readonly decision: "allow" | "deny";
}

/** How the last redirect was made: its status, and whether it was the response to a form. */
export interface RedirectMade {
  readonly status: number;
  readonly afterForm: boolean;
}

export type Visit =
  | {
      readonly arrived: true;
      readonly url: string;
      readonly pages: readonly VisitedPage[];
      readonly redirect?: RedirectMade;
    }
  | { readonly arrived: false; readonly why: string; readonly pages: readonly VisitedPage[] };

const MOST_STEPS = 30;
const FORM = "application/x-www-form-urlencoded";

interface Step {
  readonly address: string;
  readonly init: RequestInit;
}

/** A browser with its own cookies; `fetch` must not follow redirects. */
export function createBrowser(fetch: Fetch) {
  const jar = new CookieJar();

  async function request(url: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("accept", "text/html,application/xhtml+xml");
    const cookies = jar.headerFor(url);
    if (cookies !== undefined) headers.set("cookie", cookies);
    const response = await fetch(new Request(url, { ...init, headers, redirect: "manual" }));
    for (const line of response.headers.getSetCookie()) jar.keep(line, url);
    return response;
  }

  /** Opens a URL, then acts page by page until the visit ends. */
  async function _browse(url: string, { act, until, resend, headers = {} }: Visitor): Promise<Visit> {
    const pages: VisitedPage[] = [];
    let step: Step = { address: url, init: {} };
    let redirect: RedirectMade | undefined;
    let formSent = false;
    for (let count = 0; count < MOST_STEPS; count++) {
      const { address, init } = step;
      if (until(address)) return { arrived: true, url: address, pages, ...(redirect && { redirect }) };
      if (!/^https?:/i.test(address) || !URL.canParse(address)) {
        return { arrived: false, why: `it led to ${address.split(/[?#]/)[0]?.slice(0, 80)}`, pages };
      }
      const response = await request(address, { ...init, headers: { ...headers, ...init.headers } as HeadersInit });
      const location = response.headers.get("location");
      if (response.status >= 300 && response.status < 400 && location) {
        await response.body?.cancel();
        const target = resolveLocation(location, address);
        if (formSent) pages.at(-1)?.ledTo.push(target);
        redirect = { status: response.status, afterForm: init.method === "POST" };
        const again = response.status > 303 && init.method === "POST";
        const why = again && !until(target) ? resend?.(target) : undefined;
        if (why !== undefined) return { arrived: false, why, pages };
        step = { address: target, init: again ? init : {} };
        continue;
      }
      const html = await response.text();
      const refresh = refreshTarget(response.headers.get("refresh") ?? "", address);
      const read = { ...(refresh !== undefined && { refresh }), ...readPage(html, address) };
      const page = { ...read, url: address, status: response.status, headers: response.headers, html, ledTo: [] };
      pages.push(page);
      const action = act(page, pages);
      if ("stop" in action) return { arrived: false, why: action.stop, pages };
      formSent = "submit" in action;
      step = "open" in action ? { address: action.open, init: {} } : submission(page, action);
    }
    return { arrived: false, why: `still not done after ${MOST_STEPS} steps`, pages };
  }

  /** Opens a URL as a plain visitor. */
  function visit(url: string, visitor: PlainVisitor): Promise<Visit> {
    return _browse(url, { until: visitor.until, act: (page, pages) => actPlainly(page, pages, visitor) });
  }

  /** Forgets all cookies, as another customer's browser has none. */
  const forgetCookies = () => jar.clear();

  return { request, browse: _browse, visit, forgetCookies };
}

/** The fields that a browser submits without anything typed. */
export function initialValues(form: Form): [string, string][] {
  return form.fields.flatMap(({ name, value }) =>
    name === "" || value === undefined ? [] : [[name, value] as [string, string]],
  );
}

/** The request that a browser sends for a form. */
function submission(page: VisitedPage, { submit, button, values }: Extract<Action, { submit: Form }>): Step {
  const action = button?.action ?? submit.action;
  const method = button?.method ?? submit.method;
  const pairs = [...values, ...(button?.name ? [[button.name, button.value] as const] : [])];
  const encoded = new URLSearchParams(pairs.map(([name, value]) => [name, value])).toString();
  if (method.toUpperCase() !== "POST") {
    return { address: `${action.split(/[?#]/)[0]}?${encoded}`, init: {} };
  }
  // With this policy browsers hide the origin, even from the page's own server.
  const hidden = /^(no-referrer|same-origin)$/i.test(page.headers.get("referrer-policy")?.trim() ?? "");
  const headers: Record<string, string> = { origin: hidden ? "null" : new URL(page.url).origin };
  if (!hidden) headers.referer = `${new URL(page.url).origin}/`;
  if (!submit.multipart)
    return { address: action, init: { method: "POST", body: encoded, headers: { ...headers, "content-type": FORM } } };
  const body = new FormData();
  for (const [name, value] of pairs) body.append(name, value);
  return { address: action, init: { method: "POST", body, headers } };
}

function actPlainly(page: VisitedPage, pages: readonly VisitedPage[], visitor: PlainVisitor): Action {
  const stop = { stop: `stopped at a page with status ${page.status}: ${page.title.slice(0, 120)}` };
  if (page.status >= 500) return stop;
  if (pages.filter((each) => each.url === page.url && each.status >= 400).length > 1) return stop;
  const decides = ({ name, value }: Button) => name === "decision" && value === visitor.decision;
  const form =
    page.forms.find(({ buttons }) => buttons.some(decides)) ??
    page.forms.find(({ fields }) => fields.some(({ name }) => Object.hasOwn(visitor.fields, name))) ??
    page.forms.find(({ buttons }) => buttons.length > 0);
  if (!form) return stop;
  const values = initialValues(form).map(([name, value]) => [name, visitor.fields[name] ?? value] as const);
  const button =
    form.buttons.find(decides) ??
    form.buttons.find(({ name, value }) => name === "method" && value === "password") ??
    form.buttons.find(({ name }) => name !== "decision");
  return { submit: form, values, ...(button && { button }) };
}
