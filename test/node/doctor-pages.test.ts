// The checks of the pages that customers see, each against a page that breaks it.
import { describe, expect, it } from "vitest";
import { pages } from "../../doctor/checks/pages.ts";
import { createCustomer } from "../../doctor/customer.ts";
import type { Observation, Target } from "../../doctor/examination.ts";
import { examine } from "../../doctor/examine.ts";

const SITE = "https://link.example.com";
const REDIRECTS = ["pitangui.amazon.com", "layla.amazon.com"].map((host) => `https://${host}/api/skill/link/M1`);
const VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">';
const FORM = '<form method="post"><button name="decision" value="allow">Allow</button></form>';

const TARGET: Target = {
  issuer: SITE,
  authorizationUrl: `${SITE}/authorize`,
  tokenUrl: `${SITE}/token`,
  client: { tokenUrl: `${SITE}/token`, clientId: "alexa", clientSecret: "s", accessTokenScheme: "HTTP_BASIC" },
  redirectUris: REDIRECTS,
  scopes: [],
  pkce: true,
};

interface Options {
  readonly html?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly target?: Partial<Target>;
  readonly respond?: (request: Request) => Response | undefined;
  readonly observations?: readonly Observation[];
}

/** Examines a server with one page that leads to Alexa; returns what is wrong, and all details. */
async function examined({ html = VIEWPORT + FORM, headers = {}, target = {}, respond, observations }: Options) {
  const fetch = async (request: Request) => {
    const special = respond?.(request);
    if (special) return special;
    if (request.method === "POST") {
      const location = new URL(request.url).searchParams.get("redirect_uri");
      return new Response(null, { status: 303, headers: { location: `${location}?code=c&state=s` } });
    }
    return new Response(html, { headers: { "content-type": "text/html", ...headers } });
  };
  const whole = { ...TARGET, ...target };
  const customer = createCustomer({ fetch, user: "u", password: "p", redirectUris: whole.redirectUris });
  const { results } = await examine({
    target: whole,
    fetch,
    customer: { ...customer, ...(observations && { observations: () => observations }) },
    areas: [
      {
        ...pages,
        async run(examination) {
          await examination.obtainCode();
          await pages.run(examination);
        },
      },
    ],
  });
  const wrong = results.filter(({ outcome }) => outcome === "fail" || outcome === "warn");
  return {
    results,
    wrong: wrong.map(({ id, outcome }) => `${outcome} ${id}`),
    details: wrong.map(({ detail }) => detail).join(),
  };
}

describe("a good page", () => {
  it("passes every check", async () => {
    const { results, wrong } = await examined({});
    expect(wrong).toEqual([]);
    expect(results.map(({ outcome }) => outcome)).toEqual(Array(pages.checks.length).fill("pass"));
  });

  it("may restrict forms to Alexa's hosts, use https hosts of its list, and have methods called open", async () => {
    const { wrong } = await examined({
      html: `${VIEWPORT}${FORM}<script src="https://cdn.example.net/a.js"></script><script>dialog.open(); reopen()</script>`,
      headers: {
        "content-security-policy": "default-src 'self'; form-action 'self' https://*.amazon.com",
        "set-cookie": "__Host-s=1; Secure; HttpOnly; Path=/; SameSite=Strict",
      },
      target: { domains: ["example.net"] },
    });
    expect(wrong).toEqual([]);
  });

  it("without a client only the host is judged, and without a customer nothing about the last page", async () => {
    const { client: _, ...stranger } = TARGET;
    const fetch = async () => new Response(VIEWPORT, { headers: { "content-type": "text/html" } });
    const without = await examine({ target: stranger, fetch, areas: [pages] });
    expect(without.results.filter(({ outcome }) => outcome !== "skipped").map(({ id }) => id)).toEqual([
      "page_brand_domain",
    ]);
    const { results } = await examine({ target: TARGET, fetch, areas: [pages] });
    expect(results.filter(({ outcome }) => outcome !== "pass").map(({ id }) => id)).toEqual(["page_form_action"]);
  });
});

describe("a page that breaks one rule is named for this rule only", () => {
  const blocked = (request: Request) =>
    request.headers.get("user-agent")?.includes("iPhone") ? new Response("no", { status: 403 }) : undefined;
  const cases: [what: string, options: Options, wrong: string, detail: RegExp][] = [
    ["no viewport", { html: FORM }, "warn page_fits_phone", /no viewport/],
    [
      "a message box",
      { html: `${VIEWPORT}${FORM}<script>alert("x")</script>` },
      "warn page_no_popups",
      /calls alert\(\)/,
    ],
    [
      "a window",
      { html: `${VIEWPORT}${FORM}<b onclick="window.open('/x')">` },
      "warn page_no_popups",
      /calls open\(\)/,
    ],
    [
      "a form in a new window",
      { html: VIEWPORT + FORM.replace("<form", '<form target="_blank"') },
      "warn page_no_popups",
      /new window/,
    ],
    [
      "form-action 'self'",
      { headers: { "content-security-policy": "form-action 'self'" } },
      "fail page_form_action",
      /refuses pitangui\.amazon\.com, layla/,
    ],
    [
      "form-action without one host",
      { headers: { "content-security-policy": "form-action https://pitangui.amazon.com" } },
      "fail page_form_action",
      /refuses layla\.amazon\.com$/,
    ],
    [
      "a second policy",
      { headers: { "content-security-policy": "form-action *, form-action 'none'" } },
      "fail page_form_action",
      /refuses/,
    ],
    [
      "a policy in the markup",
      { html: `<meta http-equiv="Content-Security-Policy" content="form-action 'self'">${VIEWPORT}${FORM}` },
      "fail page_form_action",
      /refuses/,
    ],
    [
      "a script by http",
      { html: `${VIEWPORT}${FORM}<script src="http://link.example.com/a.js"></script>` },
      "fail page_https_only",
      /a\.js/,
    ],
    [
      "an unlisted host",
      { html: `${VIEWPORT}${FORM}<img src="https://cdn.example.net/x">`, target: { domains: ["cdn.example.org"] } },
      "warn page_foreign_hosts",
      /cdn\.example\.net/,
    ],
    [
      "too many hosts",
      { html: VIEWPORT + FORM + Array.from({ length: 16 }, (_, i) => `<img src="//h${i}.example.net/x">`).join("") },
      "warn page_foreign_hosts",
      /16 other hosts/,
    ],
    [
      "a cookie for nobody",
      { headers: { "set-cookie": "s=secret; SameSite=None" } },
      "warn page_cookies",
      /cookie s .*without Secure/,
    ],
    [
      "a shared domain",
      { target: { authorizationUrl: "https://acme.workers.dev/authorize" } },
      "warn page_brand_domain",
      /hosting provider/,
    ],
    ["a refusal of in-app browsers", { respond: blocked }, "fail page_in_app_browser", /403/],
    [
      "no page",
      {
        respond: () =>
          new Response("<h1>Unknown client</h1>", { status: 400, headers: { "content-type": "text/html" } }),
      },
      "fail page_opens",
      /400: Unknown client/,
    ],
    [
      "no HTML",
      { respond: () => new Response("x", { headers: { "content-type": "text/plain" } }) },
      "fail page_opens",
      /text\/plain/,
    ],
    [
      "an error at once",
      {
        respond: () =>
          new Response(null, { status: 303, headers: { location: `${REDIRECTS[0]}?error=invalid_scope` } }),
      },
      "fail page_opens",
      /error=invalid_scope/,
    ],
    [
      "a pop-up that a browser saw",
      { observations: [{ kind: "popup", url: SITE, what: "opened a window" }] },
      "warn page_no_popups",
      /opened a window/,
    ],
    [
      "a page too wide",
      { observations: [{ kind: "overflow", url: SITE, what: "700 of 390 pixels" }] },
      "warn page_fits_phone",
      /700/,
    ],
  ];
  it.each(cases)("%s", async (_, options, wrong, detail) => {
    const found = await examined(options);
    expect(found.wrong).toEqual([wrong]);
    expect(found.details).toMatch(detail);
    expect(found.details).not.toContain("secret");
  });

  it("strict cookies where customers sign in at another host", async () => {
    const respond = (request: Request) => {
      const { host, pathname } = new URL(request.url);
      if (pathname === "/authorize" && request.method === "GET" && !request.url.includes("back")) {
        const headers = { location: "https://idp.example/", "set-cookie": "tx=1; SameSite=Strict; Secure" };
        return new Response(null, { status: 302, headers });
      }
      if (host !== "idp.example") return undefined;
      if (request.method === "GET") return undefined;
      return new Response(null, {
        status: 303,
        headers: { location: `${SITE}/authorize?back=1&redirect_uri=${REDIRECTS[0]}` },
      });
    };
    expect((await examined({ respond, target: { domains: ["idp.example"] } })).wrong).toEqual(["warn page_cookies"]);
  });
});
